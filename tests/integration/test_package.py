"""What a user installs: the wheel alone, without the source tree, is complete."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.support import HOME

ROOT = HOME


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's files, unpacked where nothing of the source tree is near."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    files = [name for name in listed if name and (ROOT / name).is_file()]
    if not files:
        pytest.skip("not a git checkout: which files belong to the project can't be told")
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "Teach a language model to assign ICD codes"),
        (["recipes"], "quickstart"),
        (["plan", "quickstart"], "would run in runs/quickstart"),
    ],
)
def test_the_wheel_runs_without_the_source_tree(installed, tmp_path, arguments, expected):
    code = (
        "import sys, scl_rl; assert scl_rl.__file__.startswith(sys.argv[1]), scl_rl.__file__;"
        "from scl_rl.cli.main import main; main(sys.argv[2:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(installed), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_the_wheel_holds_every_module_and_recipe(installed):
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    for folder, target in (("scl_rl", "scl_rl"), ("reward", "scl_rl/reward"), ("recipes", "scl_rl/recipes")):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in (".py", ".yaml", ".html", ".css", ".js"):
                assert f"{target}/{path.relative_to(ROOT / folder).as_posix()}" in names
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "evidence = scl_rl.reward.evidence:evidence" in points.read_text()
