"""Stage kinds come in by one door, ours and others'; what does not keep the contract is refused."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from scl_rl.errors import UserError
from scl_rl.stages import registry
from scl_rl.stages.contract import StageSettings, part
from tests.support import FIXTURES

RECIPE = """
name: plugged
model: nothing-to-load
data: {source: synthetic, documents: 20, spans: 20, code_only: 0, dev: 2, test: 6}
stages:
  dictionary: {kind: dictionary}
  first: {kind: first_codes, from: dictionary, codes: 1}
  evaluate: {kind: evaluate, from: [dictionary, first]}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the plugin package of tests/fixtures was installed."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(FIXTURES / "stage_plugin", source)
    target = source.parent / "installed"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(source)]
    subprocess.run(pip, check=True)
    return target


def scl_rl(folder: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from scl_rl.cli.main import main; main()", *arguments]
    environment = {"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_kind_from_outside_is_planned_run_and_followed(tmp_path: Path, installed: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    planned = scl_rl(tmp_path, installed, "plan", "r.yaml", "--json")
    assert planned.returncode == 0, planned.stderr
    stages = {stage["name"]: stage for stage in json.loads(planned.stdout)["stages"]}
    assert stages["first"]["kind"] == "first_codes" and stages["first"]["estimate"]["examples"] == 6

    done = scl_rl(tmp_path, installed, "run", "r.yaml", "--json")
    assert done.returncode == 0, done.stderr
    figures = {name: stage["figures"] for name, stage in json.loads(done.stdout)["stages"].items()}
    assert figures["first"]["documents"] == 6 and figures["first"]["left_out"] > 0
    assert figures["evaluate.first"]["code"] != figures["evaluate.dictionary"]["code"]
    lines = (tmp_path / "runs/plugged/stages/first/predictions.jsonl").read_text().splitlines()
    assert all(len(json.loads(line)["codes"]) <= 1 for line in lines)


def test_without_the_package_the_kind_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    done = scl_rl(tmp_path, tmp_path, "plan", "r.yaml")
    assert done.returncode == 2
    assert "r.yaml:7:11: at stages.first.kind: there is no kind 'first_codes'" in done.stderr


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("nowhere.at.all:Kind", "can't be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("json:dumps", "is not a class derived from scl_rl.stages.contract.StageSettings"),
        ("scl_rl.stages.contract:StageSettings", 'has no field kind: Literal["odd"] = "odd"'),
        ("scl_rl.stages.contract:StageSettings", "does not say its 'work'"),
        ("scl_rl.stages.contract:StageSettings", "does not say its 'cost'"),
    ],
)
def test_a_kind_that_breaks_the_contract_is_named(value: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        registry._settings(EntryPoint("odd", value, registry.GROUP))
    assert f"stage kind 'odd' ({value}): {what}" in str(caught.value)


@pytest.mark.parametrize("kind", registry.stage_kinds().values(), ids=registry.stage_kinds())
def test_what_a_kind_names_is_there(kind: type[StageSettings]) -> None:
    for path in (kind.work, kind.cost, kind.checks):
        assert path is None or callable(part(path))


def test_settings_import_no_work() -> None:
    """Reading every kind's settings imports nothing of what trains, samples or estimates."""
    code = (
        "import sys; from scl_rl.stages.registry import stage_kinds; stage_kinds();"
        "print([m for m in sys.modules if m.endswith(('.work', '.cost', '.checks')) and 'scl_rl' in m"
        " or m in ('torch', 'trl', 'transformers', 'peft', 'datasets')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
