"""What SFT trains on, from the disk: the same examples as from memory, whoever tokenises."""

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings  # noqa: E402
from scl_rl.corpus.jsonl import iter_documents, number_of_lines, read_documents  # noqa: E402
from scl_rl.corpus.sources.synthetic import SyntheticSource  # noqa: E402
from scl_rl.corpus.window_settings import WindowSettings  # noqa: E402
from scl_rl.errors import UserError  # noqa: E402
from scl_rl.modeling.load import load_base  # noqa: E402
from scl_rl.modeling.settings import ModelSettings  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext  # noqa: E402
from scl_rl.stages.sft.examples import example, example_folder, example_table, token_counts  # noqa: E402
from scl_rl.stages.sft.mixture import compose  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from scl_rl.stages.sft.sources import pairs_of_file  # noqa: E402
from scl_rl.stages.shared.prompting import Prompting, annotated_windows  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> StageContext:
    """A stage with forty synthetic notes, in windows, and a blank line among them."""
    place = tmp_path_factory.mktemp("examples")
    make_tiny_model(place / "tiny")
    SyntheticSource(documents=40, code_only=0, dev=0, test=0).prepare(place)
    lines = (place / "annotated.jsonl").read_text(encoding="utf-8").splitlines()
    (place / "annotated.jsonl").write_text("\n".join([*lines[:3], "", *lines[3:]]), encoding="utf-8")
    return StageContext(
        name="sft",
        folder=place,
        base=place,
        seed=3,
        parents=(),
        model=ModelSettings(name="tiny", dtype="float32"),
        prompt=PromptSettings(template="N:{text}\nC:"),
        answer="lines",
        window=WindowSettings(tokens=200),
        data=DataFiles(annotated=place / "annotated.jsonl", spans=place / "spans.jsonl"),
        reporter=QUIET,
    )


@pytest.fixture(scope="module")
def prompting(context) -> Prompting:
    return Prompting.of(context, load_base("tiny", context.base, "float32").tokenizer)


@pytest.mark.parametrize("name", ["documents", "cite"])
def test_parts_of_a_source_are_the_source(context, prompting, name):
    pairs, records = pairs_of_file(name, context, prompting)
    whole = list(pairs(range(records)))
    assert records == 41 and len(whole) > 60
    cuts = [0, 3, 4, 20, records]
    parts = [list(pairs(range(*cut))) for cut in pairwise(cuts)]
    assert [pair for part in parts for pair in part] == whole


def test_two_processes_make_the_table_of_one(context, prompting, tmp_path):
    pairs, records = pairs_of_file("documents", context, prompting)
    one, two = (example_table(pairs, records, prompting, tmp_path / str(n), n) for n in (1, 2))
    documents = read_documents(context.data.annotated)
    expected = [
        example(prompting.prompt(w.text), prompting.gold(w.text, w.annotations), prompting)
        for w in annotated_windows(documents, prompting)
    ]
    assert one.to_list() == two.to_list() == expected
    assert list(token_counts(two)) == [len(e["input_ids"]) for e in expected]
    assert all(str(tmp_path) in file["filename"] for table in (one, two) for file in table.cache_files)


def test_the_examples_drawn_are_those_of_a_list_that_is_shuffled(context, prompting, tmp_path):
    settings = SftSettings(mixture={"documents": 0.7, "spans": 0.3}, tokens=30_000)
    made = compose(settings, context, prompting, tmp_path)
    windows = annotated_windows(read_documents(context.data.annotated), prompting)
    examples = [
        example(prompting.prompt(w.text), prompting.gold(w.text, w.annotations), prompting) for w in windows
    ]
    rng, expected = random.Random("3-documents"), []
    while sum(len(e["input_ids"]) for e in expected) < 21_000:
        rng.shuffle(examples)
        expected += examples
    drawn = made.table.select(made.chosen).to_list()
    taken = next(n for n in range(len(drawn)) if sum(len(e["input_ids"]) for e in drawn[:n]) >= 21_000)
    assert drawn[:taken] == expected[:taken]
    assert sum(made.tokens.values()) == sum(len(e["input_ids"]) for e in drawn)
    batches = made.in_batches(4, random.Random(0)).to_list()
    assert Counter(map(repr, batches)) == Counter(map(repr, drawn))


def test_tokens_that_no_source_gets_are_refused(context, prompting, tmp_path):
    settings = SftSettings(mixture={"documents": 0.5, "spans": 0.5}, tokens=1)
    with pytest.raises(UserError, match="stage 'sft': 1 tokens are too few"):
        compose(settings, context, prompting, tmp_path)


def test_the_tables_are_private_and_do_not_stay(context):
    (context.folder / ".examples").mkdir()  # of a process that was killed
    (context.folder / ".examples/left.arrow").touch()
    with example_folder(context) as folder:
        assert folder.parent == context.folder and not list(folder.iterdir())
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "new").touch()
    assert not folder.exists()


def test_a_damaged_line_is_told_as_it_is_elsewhere(context, prompting, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text((context.base / "annotated.jsonl").read_text(encoding="utf-8") + "\n{", encoding="utf-8")
    with pytest.raises(UserError, match=r"bad.jsonl:42: not JSON"):
        example_table(
            lambda part: ((prompting.prompt(d.text), "") for d in iter_documents(bad, part=part)),
            number_of_lines(bad),
            prompting,
            tmp_path / "table",
            1,
        )


def test_a_source_without_examples_makes_an_empty_table(prompting, tmp_path: Path):
    table = example_table(lambda part: iter(()), 5, prompting, tmp_path / "none", 1)
    assert len(table) == 0 and not token_counts(table)
