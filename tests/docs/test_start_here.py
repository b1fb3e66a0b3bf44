"""The first page: what it does without a model is done as it stands there."""

from tests.support import HOME
from tests.support.guide import check_command, environment, read_guide

PAGE = HOME / "docs" / "start-here.md"


def test_the_steps_without_a_model_are_true(tmp_path):
    given = environment()
    commands = 0
    for step in read_guide(PAGE.read_text(encoding="utf-8")):
        if isinstance(step, tuple):
            name, content = step
            (tmp_path / name).write_text(content, encoding="utf-8")
        else:
            check_command(step, tmp_path, given)
            commands += 1
    assert commands == 5
    assert (tmp_path / "review.html").stat().st_size > 500_000
