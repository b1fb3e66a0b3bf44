"""Reward plugins: found, loaded, called and tried; what is wrong with one is said in one line."""

import asyncio
import functools
import re
import subprocess
import sys
import traceback
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document
from scl_rl.errors import Problem, UserError
from scl_rl.recipe.load import load_recipe
from scl_rl.reporter import PRINTER
from scl_rl.rewards_api.call import RewardError, call_reward
from scl_rl.rewards_api.load import bind, load_reward, problems_of, trial_rows, try_rewards
from scl_rl.rewards_api.protocol import is_async, reward_name
from scl_rl.rewards_api.validated import unique_names, validated_reward
from scl_rl.runner.folder import RunFolder
from scl_rl.runner.reward_smoke import smoke_test_rewards

HIDDEN = "its message may quote a note: set SCL_RL_SHOW_REWARD_OUTPUT=1 to see it"
ROWS = [
    {"prompt": "p", "id": "a", "text": "Has flu.", "annotations": []},
    {"prompt": "p", "id": "b", "text": "Has HTN.", "annotations": None},
]


def test_a_reward_is_called_as_trl_calls_it():
    seen = {}

    def reward(**keywords):
        seen.update(keywords)
        keywords["log_metric"]("size", 2.0)
        return [1, None]

    logged = []
    given = call_reward(reward, ROWS, ["x", "y"], log_metric=lambda *pair: logged.append(pair))
    assert given == [1.0, None]
    assert logged == [("size", 2.0)]
    assert seen["prompts"] == ["p", "p"] and seen["completions"] == ["x", "y"]
    assert seen["text"] == ["Has flu.", "Has HTN."] and seen["annotations"] == [[], None]
    assert seen["trainer_state"].global_step == 0
    assert "prompt" not in seen and "completion_ids" not in seen


def test_async_rewards_partials_and_instances_are_run():
    async def slow(completions, scale=1.0, **_):
        return [scale * len(c) for c in completions]

    class Judge:
        async def __call__(self, completions, **_):
            return [0.5 for _ in completions]

    assert call_reward(functools.partial(slow, scale=2.0), ROWS, ["x", "yy"]) == [2.0, 4.0]
    assert call_reward(Judge(), ROWS, ["x", "yy"]) == [0.5, 0.5]


def test_numbers_of_any_library_are_numbers():
    numpy = pytest.importorskip("numpy")
    for values in (
        numpy.array([1.0, 0.5]),
        [numpy.float32(1), numpy.float64(0.5)],
        (1.0, 0.5),
        iter([1, 0.5]),
    ):
        given = call_reward(lambda values=values, **_: values, ROWS, ["x", "y"])
        assert given == [1.0, 0.5] and all(type(value) is float for value in given)
    assert call_reward(lambda **_: [True, False], ROWS, ["x", "y"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1, float("nan")], "row 1 (b) gave nan; a reward is a finite number or None"),
        ([float("-inf"), 1], "row 0 (a) gave -inf; a reward is a finite number or None"),
        ([1, 1e30], "row 1 (b) gave 1e+30; a reward lies within ±1e+18"),
        ([1, 10**400], "row 1 (b) gave an int of 401 digits; a reward is a finite number or None"),
        ([1, 10**5000], "row 1 (b) gave an int of 5001 digits; a reward is a finite number or None"),
        (["1.0", 1], "row 0 (a) gave a str; a reward is a finite number or None"),
        ([1, [1]], "row 1 (b) gave a list; a reward is a finite number or None"),
        ([1], "gave 1 rewards for 2 rows"),
        (0.5, "gave 0.5 instead of a list, one reward a row"),
        (None, "gave None instead of a list, one reward a row"),
        ("ab", "gave a str instead of a list, one reward a row"),
    ],
)
def test_what_is_no_reward_is_told_with_function_row_and_value(given, told):
    with pytest.raises(RewardError) as caught:
        call_reward(lambda **_: given, ROWS, ["x", "y"], name="mine")
    assert str(caught.value) == f"reward 'mine': {told}"


def test_an_exception_names_the_row_that_causes_it_or_all_of_them():
    def ratio(completions, **_):
        return [1 / len(completion) for completion in completions]

    with pytest.raises(UserError) as caught:
        call_reward(ratio, ROWS, ["x", ""])
    line = ratio.__code__.co_firstlineno + 1
    told = f"row 1 (b): ZeroDivisionError at test_rewards_api.py:{line} ({HIDDEN})"
    assert str(caught.value) == f"reward 'ratio': {told}"
    assert caught.value.row == 1

    def crowded(completions, **_):
        if len(completions) > 1:
            raise RuntimeError("one at a time\nplease")
        return [0.0]

    with pytest.raises(RewardError, match=r"rows 0 to 1: RuntimeError at test_rewards_api.py:\d+ \("):
        call_reward(crowded, ROWS, ["x", "y"])


@pytest.mark.parametrize("words", [str, str.upper, repr, lambda note: note[:8], lambda note: ""])
def test_a_message_does_not_repeat_the_note_unless_asked_to(words, monkeypatch):
    note = "Seen with her sister on Monday.\nNo fever."

    def reading(text, **_):
        raise ValueError(words(text[0]))

    def told():
        with pytest.raises(RewardError) as caught:
            call_reward(reading, [{**ROWS[0], "text": note}], ["x"])
        return str(caught.value), "".join(traceback.format_exception(caught.value))

    message, with_traceback = told()
    assert "row 0 (a): ValueError at test_rewards_api.py:" in message
    assert (HIDDEN in message) is bool(words(note))
    for text in (message, with_traceback):
        assert not {"seen", "sister", "fever"} & set(re.findall(r"\w+", text.lower()))
    monkeypatch.setenv("SCL_RL_SHOW_REWARD_OUTPUT", "1")
    message, with_traceback = told()
    assert HIDDEN not in message and words(note).split("\n")[0] in message
    assert "in reading" in with_traceback


def test_errors_travel_between_processes():
    import pickle

    with pytest.raises(RewardError) as caught:
        call_reward(lambda **_: [1, "x"], ROWS, ["x", "y"], name="mine")
    back = pickle.loads(pickle.dumps(caught.value))
    assert (str(back), back.row, back.problems) == (str(caught.value), 1, caught.value.problems)

    class Unpicklable(Exception):
        pass

    def raising(**_):
        raise Unpicklable

    with pytest.raises(RewardError) as caught:
        call_reward(raising, ROWS, ["x", "y"], name="mine")
    back = pickle.loads(pickle.dumps(caught.value))
    assert (str(back), back.row, back.cause) == (str(caught.value), 0, None)


def write(folder, name, source):
    (folder / name).write_text(source, encoding="utf-8")
    return folder


def refusal(folder, name):
    with pytest.raises(UserError) as caught:
        load_reward(name, folder)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(str(folder), "HERE")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("\nx = 1 / 0\n", "can't be loaded: mine.py:2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "can't be loaded: mine.py:1: invalid syntax"),
        ("import sys\nsys.exit(3)\n", "can't be loaded: mine.py:2: SystemExit: 3"),
        (
            "raise ExceptionGroup('two', [ValueError(1)])\n",
            "can't be loaded: mine.py:1: ExceptionGroup: two",
        ),
        (
            "import beside\n",
            "can't be loaded: mine.py:1: ModuleNotFoundError: No module named 'beside' "
            "(a reward file stands alone: put what it needs into it, or into an installed package)",
        ),
        ("import nowhere_at_all\n", "mine.py:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def g(**_): ...\n", "there is no function 'f' in HERE/mine.py (functions: g)"),
        ("f = 3\n", "is not a function"),
        ("class f: ...\n", "is a class (name a function, or an instance that can be called)"),
    ],
)
def test_what_is_wrong_with_a_reward_file_is_one_line_with_its_place(tmp_path, source, told):
    write(tmp_path, "beside.py", "")
    told_here = refusal(write(tmp_path, "mine.py", source), "./mine.py:f")
    assert "\n" not in told_here and told in told_here
    assert told_here.startswith("reward './mine.py:f': ")


def test_a_reward_file_is_loaded_anew_when_it_changes_and_only_then(tmp_path):
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    source += "@dataclass\nclass Box:\n    size: int = 1\ndef f(completions, **_): return [Box().size]\n"
    first = load_reward("./mine.py:f", write(tmp_path, "mine.py", source))
    assert call_reward(first, ROWS[:1], ["x"]) == [1.0]
    assert load_reward("./mine.py:f", tmp_path) is first
    again = load_reward("./mine.py:f", write(tmp_path, "mine.py", source.replace("= 1", "= 2")))
    assert call_reward(again, ROWS[:1], ["x"]) == [2.0]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]  # not even a __pycache__


def test_a_users_own_reward_py_shadows_nothing_and_is_shadowed_by_nothing(tmp_path):
    """In a process of its own, started in the folder that has reward.py, json.py and scoring.py."""
    write(tmp_path, "reward.py", "import json\nfrom scl_rl.reward import per_answer\nX = json.dumps(1)\n"
          "def own(completions, **_): return [7.0 for _ in completions]\n")  # fmt: skip
    for name in ("json.py", "scoring.py", "helper.py"):
        write(tmp_path, name, "raise SystemExit('shadowed')\n")
    program = (
        "from pathlib import Path\nfrom scl_rl.rewards_api.load import load_reward\n"
        "own = load_reward('./reward.py:own', Path())\n"
        "ours = load_reward('evidence', Path())\n"
        "print(own([1]), ours.__module__, load_reward('scl_rl.reward.evidence:evidence', Path()) is ours)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["[7.0]", "scl_rl.reward.evidence", "True"], done.stderr


def test_bound_arguments_keep_the_name_and_the_kind_that_trl_sees():
    utils = pytest.importorskip("trl.trainer.utils")

    async def slow(completions, scale=1.0, **_):
        return [scale for _ in completions]

    class Judge:
        async def __call__(self, completions, scale=1.0, **_):
            return [scale for _ in completions]

    def quick(completions, scale=1.0, **_):
        return [scale for _ in completions]

    for function, name, waits in ((slow, "slow", True), (Judge(), "Judge", True), (quick, "quick", False)):
        bound = bind(function, {"scale": 3.0, "answer": "lines"})
        assert utils.get_callable_name(bound) == reward_name(bound) == name
        assert utils.is_async_callable(bound) is is_async(bound) is waits
        assert call_reward(bound, ROWS, ["x", "y"]) == [3.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"beta": 2}, []),
        ({"bata": 2}, ["takes no argument 'bata' (did you mean 'beta'?)"]),
        ({"beta": 2, "text": "x"}, ["'text' comes from the training data, not the recipe (remove it here)"]),
        (
            {"x": 1, "y": 2},
            ["takes no argument 'x' (arguments: beta)", "takes no argument 'y' (arguments: beta)"],
        ),
    ],
)
def test_arguments_are_held_against_the_signature_with_and_without_importing(tmp_path, arguments, told):
    source = "import torch_is_not_imported_to_read_this\n" if told else ""
    source += "def f(completions, beta=1.0, **columns):\n    return [beta for _ in completions]\n"
    write(tmp_path, "mine.py", source)
    found = problems_of("./mine.py:f", arguments, tmp_path)
    assert [str(problem) for problem in found] == told
    assert [problem.at for problem in found] == [(name,) for name in arguments if name != "beta"]
    if told:
        return
    function = load_reward("./mine.py:f", tmp_path)
    assert call_reward(bind(function, arguments), ROWS, ["x", "y"]) == [2.0, 2.0]


def test_an_argument_without_a_default_has_to_be_given(tmp_path):
    write(tmp_path, "mine.py", "def f(completions, text, *, scale, **_): return [scale] * len(text)\n")
    assert problems_of("./mine.py:f", {}, tmp_path) == [
        Problem("", "needs the argument 'scale'", "give it under 'args'")
    ]
    function = load_reward("./mine.py:f", tmp_path)
    with pytest.raises(UserError, match="reward 'f': needs the argument 'scale'"):
        bind(function, {"answer": "lines"})
    assert call_reward(bind(function, {"scale": 2}), ROWS, ["x", "y"]) == [2.0, 2.0]


def test_a_reward_without_columns_is_told_to_take_them(tmp_path):
    write(tmp_path, "mine.py", "def f(completions): return [0.0] * len(completions)\n")
    told = "takes no **columns, but gets every column of the data (end its parameters with **columns)"
    assert [str(problem) for problem in problems_of("./mine.py:f", {}, tmp_path)] == [told]
    with pytest.raises(UserError) as caught:
        bind(load_reward("./mine.py:f", tmp_path), {"answer": "lines"})
    assert str(caught.value) == f"reward 'f': {told}"


HANDS_ON = """
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar
P = ParamSpec("P")
R = TypeVar("R")
def kept(function: Callable[P, R]) -> Callable[P, R]: ...
def first(function: Callable[Concatenate[str, P], float]) -> Callable[P, list[float]]: ...
def unknown(function): ...
def changed(function: Callable[P, R]) -> Callable[..., R]: ...
"""


@pytest.mark.parametrize(
    ("decorators", "seen"),
    [
        ("@kept", True),
        ("@decorating.kept", True),
        ("@again", True),
        ("@decorating.first\n@kept", True),
        ("@kept\n@decorating.unknown", False),
        ("@decorating.changed", False),
        ("@decorating.no_such", False),
        ("@kept.attribute", False),
    ],
)
def test_a_decorator_that_says_so_hands_the_arguments_on(tmp_path, monkeypatch, decorators, seen):
    """Whosever it is: it is found in the source of an installed package, which is not run."""
    write(tmp_path, "decorating.py", f"import torch_is_not_imported_to_read_this\n{HANDS_ON}")
    write(tmp_path, "handing.py", "from decorating import kept as again, kept\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = "import decorating\nfrom handing import again, kept\n"
    write(tmp_path, "mine.py", f"{source}{decorators}\ndef f(completions, *, k=1, **_): ...\n")
    assert bool(problems_of("./mine.py:f", {"l": 1}, tmp_path)) is seen
    assert problems_of("./mine.py:f", {"k": 1}, tmp_path) == []


def test_a_reward_of_entry_points_is_asked_itself_whosever_it_is(tmp_path, monkeypatch):
    write(
        tmp_path,
        "others_rewards.py",
        "from scl_rl.reward import per_answer\n"
        "@per_answer\ndef mine(answer, document, *, share: float = 0.5): return share\n"
        "print('imported'); 1 / 0 if False else 0\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = {
        "mine": EntryPoint("mine", "others_rewards:mine", "scl_rl.rewards"),
        "gone": EntryPoint("gone", "others_rewards:gone", "scl_rl.rewards"),
        "broken": EntryPoint("broken", "no_such_module:f", "scl_rl.rewards"),
    }
    monkeypatch.setattr("scl_rl.rewards_api.find.installed", lambda: points)
    monkeypatch.setattr("scl_rl.rewards_api.load.installed", lambda: points)
    told = {name: [str(p) for p in problems_of(name, {"share": "x"}, tmp_path)] for name in points}
    assert told["mine"] == ["argument 'share': input should be a valid number, not 'x'"]
    assert told["gone"] == ["there is no function 'gone' in module 'others_rewards' (functions: mine)"]
    assert told["broken"] == ["can't be loaded: ModuleNotFoundError: No module named 'no_such_module'"]


def test_values_that_a_reward_refuses_are_told_before_it_is_called():
    def picky(completions, occurrence="given", **_):
        return [0.0 for _ in completions]

    def check_arguments(occurrence="given"):
        if occurrence not in ("given", "any"):
            raise ValueError(f"occurrence is 'given' or 'any', not '{occurrence}'")

    picky.check_arguments = check_arguments
    bind(picky, {"occurrence": "any"})
    with pytest.raises(UserError, match=r"^reward 'picky': occurrence is 'given' or 'any', not 'typo'$"):
        bind(picky, {"occurrence": "typo"})


def test_names_are_found_in_the_source_however_they_are_bound(tmp_path):
    write(
        tmp_path,
        "mine.py",
        "from elsewhere import a as b\ntry:\n    import c\nexcept ImportError:\n    d = 1\nelse:\n"
        "    def e(**_): ...\nf: object = lambda **_: []\nclass G: ...\nasync def h(**_): ...\n",
    )
    with (tmp_path / "mine.py").open("a") as stream:
        stream.write(
            "@functools.partial(wraps, 1)\ndef i(**_): ...\n"
            "import scl_rl.reward as scl\n@scl.per_answer\ndef j(a, d, *, k=1): ...\n"
        )
    assert problems_of("./mine.py:i", {"k": 1}, tmp_path) == []  # who knows what it takes
    assert problems_of("./mine.py:j", {"k": 1}, tmp_path) == []
    assert problems_of("./mine.py:j", {"l": 1}, tmp_path) != []
    for name in "bcdefh":
        assert problems_of(f"./mine.py:{name}", {}, tmp_path) == []
    (problem,) = problems_of("./mine.py:G", {}, tmp_path)
    assert problem.what == "'G' is a class"
    (problem,) = problems_of("./mine.py:hh", {}, tmp_path)
    assert problem.what == f"there is no function 'hh' in {tmp_path / 'mine.py'}" and "'h'" in problem.hint
    write(tmp_path, "mine.py", "def f(:\n")
    assert problems_of("./mine.py:f", {}, tmp_path) == [
        Problem("", "can't be loaded: mine.py:1: invalid syntax")
    ]


class Stopped(Exception):
    pass


def watched(function, name="mine"):
    """A guarded reward with what it reported."""
    reports, calls = [], []

    def failed(error, report):
        reports.append((error, report))
        raise Stopped

    return validated_reward(function, name, failed, lambda *call: calls.append(call)), reports, calls


def test_a_guarded_reward_is_called_and_named_as_before():
    utils = pytest.importorskip("trl.trainer.utils")

    async def slow(completions, text, **_):
        return [len(note) for note in text]

    for function in (slow, lambda completions, text, **_: [len(note) for note in text]):
        reward, _, calls = watched(function, "size")
        assert utils.get_callable_name(reward) == "size"
        assert utils.is_async_callable(reward) is is_async(function)
        assert call_reward(reward, ROWS, ["x", "y"]) == [8.0, 8.0]
        ((name, values, completions, columns),) = calls
        assert (name, values, completions) == ("size", [8.0, 8.0], ["x", "y"])
        assert columns["id"] == ["a", "b"]


@pytest.mark.parametrize("waits", [False, True])
def test_a_guarded_reward_that_fails_is_reported_with_its_row(waits):
    def value(completion):
        return float("nan") if completion == "bad" else 1 / len(completion)

    def quick(completions, **_):
        return [value(completion) for completion in completions]

    async def slow(completions, **_):
        return [value(completion) for completion in completions]

    reward, reports, calls = watched(slow if waits else quick)
    for completions, cause in ((["x", ""], ZeroDivisionError), (["x", "bad"], None)):
        columns = {key: [row[key] for row in ROWS] for key in ("id", "text", "annotations")}
        with pytest.raises(Stopped):
            given = reward(completions=completions, prompts=["p", "p"], trainer_state=object(), **columns)
            asyncio.run(given)
        error, report = reports[0]
        reports.clear()
        assert error.row == 1
        assert (cause is None) == (report["traceback"] is None)
        (failed,) = report["rows"]
        assert failed["completion"] == completions[1]
        assert failed["row"] == ROWS[1]
    assert calls == []


def test_two_rewards_of_one_function_log_their_parts_apart():
    def f(completions, log_metric, **_):
        log_metric("f/part", 1.0)
        log_metric("other", 2.0)
        return [0.0 for _ in completions]

    for name, expected in (("f", ["f/part", "other"]), ("f_2", ["f_2/part", "other"])):
        reward, _, _ = watched(f, name)
        logged = []
        call_reward(reward, ROWS, ["x", "y"], log_metric=lambda key, _, logged=logged: logged.append(key))
        assert logged == expected


def test_two_rewards_of_one_name_are_logged_apart():
    assert unique_names(["f", "g", "f", "f_2", "f"]) == ["f", "g", "f_2", "f_2_2", "f_3"]


@pytest.fixture
def gold_documents():
    mention = [[(4, 7)]]
    return [
        Document(id="d1", text="Has flu.", annotations=[Annotation(code="J11", mentions=mention)]),
        Document(id="d2", text="Has HTN.", annotations=[Annotation(code="I10", mentions=mention)]),
    ]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("answer", ["lines", "json"])
def test_rewards_are_tried_on_gold_on_nothing_and_on_garbage(tmp_path, gold_documents, chat, answer):
    rows, completions = trial_rows(gold_documents, "N:{text}", chat, answer)
    given = call_reward(bind(load_reward("evidence", tmp_path), {"answer": answer}), rows, completions)
    assert given == [1.0, 0.0, 0.0] * 2
    assert isinstance(completions[0], list) is isinstance(rows[0]["prompt"], list) is chat
    try_rewards([("evidence", {})], tmp_path, rows, completions, answer)


def test_what_is_wrong_with_several_rewards_is_told_at_once(tmp_path, gold_documents):
    write(
        tmp_path,
        "mine.py",
        "def short(completions, **_): return [0.0]\n"
        "def first(completions, **_): return [1 / len(c.split()) for c in completions]\n"
        "def ids(completions, completion_ids, **_): return [len(i) for i in completion_ids]\n",
    )
    rows, completions = trial_rows(gold_documents, "N:{text}", False, "lines")
    named = ["./mine.py:short", "./mine.py:first", "./mine.py:ids", "evidense", "./mine.py:none"]
    with pytest.raises(UserError) as caught:
        try_rewards([(name, {}) for name in named], tmp_path, rows, completions, "lines")
    assert [str(problem).replace(str(tmp_path), "HERE") for problem in caught.value.problems] == [
        "reward './mine.py:short': gave 1 rewards for 6 rows",
        f"reward './mine.py:first': row 1 (d1): ZeroDivisionError at mine.py:2 ({HIDDEN})",
        "reward 'evidense': there is no reward 'evidense' (did you mean 'evidence'?)",
        "reward './mine.py:none': there is no function 'none' in HERE/mine.py (functions: first, ids, short)",
    ]


def test_a_new_reward_comes_with_a_test_that_passes(tmp_path):
    done = CliRunner().invoke(main, ["reward", "new", "tidy", "--dir", str(tmp_path)])
    assert done.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test_tidy.py", "tidy.py"]
    assert f"scl-rl reward probe {tmp_path}/tidy.py:tidy --documents" in done.output
    assert problems_of("./tidy.py:tidy", {"missed": 2.0}, tmp_path) == []
    assert problems_of("./tidy.py:tidy", {"misst": 2.0}, tmp_path) == [
        Problem("", "takes no argument 'misst'", "did you mean 'missed'?", ("misst",))
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tidy.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0 and "9 passed" in run.stdout, run.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("json", "reward 'json': is the name of a Python module (choose another)"),
        ("numpy", "reward 'numpy': is the name of a Python module (choose another)"),
        ("class", "reward 'class': is not a name for a function (use the letters a to z, digits and _)"),
        ("a-b", "reward 'a-b': is not a name for a function (use the letters a to z, digits and _)"),
        ("é", "reward 'é': is not a name for a function (use the letters a to z, digits and _)"),
        ("test_x", "reward 'test_x': pytest would take it for a test (choose another)"),
        ("conftest", "reward 'conftest': pytest would take it for a test (choose another)"),
        ("mine", "HERE/mine.py: already exists (choose another name)"),
    ],
)
def test_a_new_reward_takes_nobodys_place(tmp_path, name, told):
    write(tmp_path, "mine.py", "precious = 1\n")
    done = CliRunner().invoke(main, ["reward", "new", name, "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert done.output.replace(str(tmp_path), "HERE") == f"error: {told}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
    assert (tmp_path / "mine.py").read_text() == "precious = 1\n"


RUN = """
name: tried
model: none
data: {source: synthetic}
stages:
  sft: {kind: sft, tokens: 9}
  a: {kind: grpo, from: sft, max_steps: 1, rewards: [./mine.py:f, evidence]}
  b: {kind: grpo, from: sft, max_steps: 1, rewards: [evidence, {name: evidence, args: {beta: 2}}]}
"""


def test_the_rewards_of_the_stages_that_will_run_are_tried_each_once(tmp_path, gold_documents, monkeypatch):
    write(tmp_path, "mine.py", "def f(completions, **_): return [0.0] * len(completions)\n")
    write(tmp_path, "r.yaml", RUN)
    data = tmp_path / "run" / "stages" / "data"
    data.mkdir(parents=True)
    write_jsonl(data / "annotated.jsonl", gold_documents)
    tried = []

    def here(settings, context, log):
        tried.append(settings.rewards)
        return settings.run(context)

    monkeypatch.setattr("scl_rl.runner.reward_smoke.run_in_subprocess", here)
    recipe = load_recipe(tmp_path / "r.yaml")

    def attempt(*names):
        chosen = [stage for stage in recipe.stages if stage.name in names]
        smoke_test_rewards(recipe, chosen, RunFolder(tmp_path / "run"), PRINTER)
        return tried.pop() if tried else None

    assert attempt("data", "sft") is None
    assert attempt("a") == [("./mine.py:f", {}), ("evidence", {})]
    assert attempt("a", "b") == [("./mine.py:f", {}), ("evidence", {}), ("evidence", {"beta": 2})]
    write(tmp_path, "mine.py", "def f(completions, **_): return [c / 0 for c in completions]\n")
    with pytest.raises(UserError, match=r"row 0 \(d1\): TypeError"):
        attempt("a")
    tried.clear()
    assert attempt("b") is not None
