"""The first page: what it does without a model is done as it stands there."""

import os
import sys
from pathlib import Path

from tests.support import HOME
from tests.support.guide import check_command, read_guide

PAGE = HOME / "docs" / "start-here.md"


def test_the_steps_without_a_model_are_true(tmp_path):
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    commands = 0
    for step in read_guide(PAGE.read_text(encoding="utf-8")):
        if isinstance(step, tuple):
            name, content = step
            (tmp_path / name).write_text(content, encoding="utf-8")
        else:
            check_command(step, tmp_path, environment)
            commands += 1
    assert commands == 5
    assert (tmp_path / "review.html").stat().st_size > 500_000
