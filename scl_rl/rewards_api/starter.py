"""The files that ``scl-rl reward new`` writes: a reward to change, and its test."""

from __future__ import annotations

import importlib.util
import keyword
import sys
from pathlib import Path
from string import Template

from ..errors import Problem, UserError

_REWARD = Template('''\
"""A reward for scl-rl: in a recipe, ./$name.py:$name"""

from scl_rl.reward import per_answer


@per_answer
def $name(answer, document, *, missed=1.0):
    """Right codes per code claimed or missed, in [0, 1]; gold earns 1.

    A code is right if each of its quotes is one of its gold mentions, to the letter, and they are no more.

    Args:
        missed: how much a gold code that is not right counts, next to a line that is wrong.
    """
    right = 0
    for code, quotes in answer.by_code().items():
        mentions = document.mentions.get(code, [])
        located = [document.locate(quote) for quote in quotes]  # None: not in the note
        right += len(located) <= len(mentions) and all(place in mentions for place in located)
    wrong = len(answer.lines) - right + len(answer.malformed)
    whole = right + wrong + missed * (len(document.mentions) - right)
    return right / whole if whole else 1.0
''')

_TEST = Template('''\
"""What $name pays for. Run with: pytest test_$name.py"""

from pathlib import Path

import pytest

from scl_rl.rewards_api.call import call_reward
from scl_rl.rewards_api.load import bind, load_reward

NOTE = "Mother had asthma. He has asthma and HTN; no fever."
GOLD = [
    {"code": "J45.909", "mentions": [[[26, 32]]]},
    {"code": "I10", "mentions": [[[37, 40]]]},
]


def score(completion, **arguments):
    reward = bind(load_reward("./$name.py:$name", Path(__file__).parent), arguments)
    row = {"prompt": NOTE, "id": "note", "text": NOTE, "annotations": GOLD}
    return call_reward(reward, [row], [completion])[0]


def test_gold_earns_most():
    assert score('"asthma"#2 => J45.909\\n"HTN" => I10') == 1.0


def test_half_of_it_earns_half():
    assert score('"HTN" => I10') == pytest.approx(1 / 2)
    assert score('"HTN" => I10', missed=0.5) == pytest.approx(1 / 1.5)


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "none",
        "He has asthma.",
        '"asthma" => J45.909',  # his mother's
        '"hypertension" => I10',  # not the note's words
        '"fever" => R50.9',
        '"H" => I10',
    ],
)
def test_what_is_wrong_earns_nothing(completion):
    assert score(completion) == 0.0
''')


def write_starter(name: str, folder: Path) -> tuple[Path, Path]:
    """Write ``NAME.py`` and ``test_NAME.py`` into a folder.

    Returns:
        The two files.

    Raises:
        UserError: the name can't be a module's, or is one's already; a file is there; the folder is not.
    """
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        what = "is not a name for a function"
        raise UserError(Problem(f"reward '{name}'", what, "use the letters a to z, digits and _"))
    if name.startswith("test_") or name == "conftest":
        raise UserError(Problem(f"reward '{name}'", "pytest would take it for a test", "choose another"))
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise UserError(Problem(f"reward '{name}'", "is the name of a Python module", "choose another"))
    files = folder / f"{name}.py", folder / f"test_{name}.py"
    if not folder.is_dir():
        raise UserError(Problem(str(folder), "there is no such folder"))
    if there := [
        Problem(str(file), "already exists", "choose another name") for file in files if file.exists()
    ]:
        raise UserError(*there)
    for file, template in zip(files, (_REWARD, _TEST), strict=True):
        try:
            file.write_text(template.substitute(name=name), encoding="utf-8")
        except OSError as error:
            raise UserError(Problem(str(file), f"can't be written: {error.strerror}")) from None
    return files
