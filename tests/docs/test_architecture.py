"""The page on the architecture: what it adds from outside the package works, and what it names exists."""

import json
import re
import tomllib

from tests.support import HOME
from tests.support.guide import check_command, environment, read_guide

PAGE = HOME / "docs" / "architecture.md"


def install(folder):
    """What `pip install -e .` would do for the entry points of a pyproject.toml, without a network."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n")


def test_a_reward_a_source_and_a_stage_kind_are_added_from_outside(tmp_path):
    given = {**environment(), "PYTHONPATH": str(tmp_path)}
    steps = read_guide(PAGE.read_text(encoding="utf-8"))
    files = [step for step in steps if isinstance(step, tuple)]
    for name, content in files:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    install(tmp_path)
    commands = [step for step in steps if not isinstance(step, tuple)]
    for command in commands:
        check_command(command, tmp_path, given)
    assert len(files) >= 7 and len(commands) >= 3
    found = tmp_path / "runs/mine/stages/confusions/confusions.json"
    assert json.loads(found.read_text()) == [[["R07.9", "R05.9"], 1]]


def test_the_files_that_the_page_names_exist():
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[\w<>]+/)+[\w<>]+\.py)`|`(scl_rl/[\w/]*)`", text))
    places = {file or folder for file, folder in named if not file.startswith("my_scl/")}
    patterns = {re.sub(r"<\w+>", "*", place).rstrip("/") for place in places}
    assert len(patterns) > 20
    assert {p for p in patterns if not any([*HOME.glob(p), *(HOME / "scl_rl").glob(p)])} == set()


def test_every_package_is_in_the_table():
    text = PAGE.read_text(encoding="utf-8")
    packages = {f.parent.name for f in (HOME / "scl_rl").glob("*/__init__.py")} - {"reward"}
    assert {p for p in packages if f"| `scl_rl/{p}` |" not in text} == set()
