"""Which documents a stage has a model answer: of the data's sets, of parts of them, and filled in."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.records import hashed_part
from scl_rl.corpus.types import Annotation, Document
from scl_rl.modeling.settings import ModelSettings
from scl_rl.stages.contract import DataFiles, StageContext
from scl_rl.stages.fill.settings import FillSettings
from scl_rl.stages.grpo.settings import GrpoSettings
from scl_rl.stages.pairs.settings import PairsSettings
from scl_rl.stages.sft.settings import SftSettings
from scl_rl.stages.shared.prompting import Prompting, some_windows
from tests.support.stages import result_of


def notes(name: str, number: int, mentions=None) -> list[Document]:
    annotation = Annotation(code="I10", mentions=mentions)
    return [Document(id=f"{name}{n}", text="Has HTN.", annotations=[annotation]) for n in range(number)]


@pytest.fixture
def context(tmp_path):
    write_jsonl(tmp_path / "annotated.jsonl", notes("a", 3, [[(4, 7)]]))
    write_jsonl(tmp_path / "code_only.jsonl", notes("c", 40))
    (tmp_path / "fill").mkdir()
    write_jsonl(tmp_path / "fill/documents.jsonl", notes("f", 5, [[(4, 7)]]))
    return StageContext(
        name="s",
        folder=tmp_path,
        base=tmp_path,
        seed=0,
        model=ModelSettings(name="tiny", dtype="float32"),
        prompt=PromptSettings(),
        answer="lines",
        window=None,
        data=DataFiles(annotated=tmp_path / "annotated.jsonl", code_only=tmp_path / "code_only.jsonl"),
        parents=(result_of("fill", "fill", tmp_path / "fill"),),
    )


def taken(context, kind=GrpoSettings, **settings) -> list[str]:
    given = {"max_steps": 1} if kind is GrpoSettings else {}
    prompting = Prompting.of(context, SimpleNamespace())
    return [d.id.partition("#")[0] for d in some_windows(kind(**given, **settings), context, prompting)]


def test_parts_of_the_code_only_documents_have_none_in_common_and_grow_in_place():
    few, more = notes("c", 500), notes("c", 1000)
    random.Random(0).shuffle(more)
    halves = [[d.id for d in hashed_part(few, *part)] for part in ((0, 0.5), (0.5, 1))]
    assert sorted(halves[0] + halves[1]) == sorted(d.id for d in few)
    assert 200 < len(halves[0]) < 300
    assert set(halves[0]) < {d.id for d in hashed_part(more, 0, 0.5)}
    assert [d.id for d in hashed_part(few, 0, 1)] == [d.id for d in few]


@pytest.mark.parametrize("kind", [GrpoSettings, PairsSettings])
def test_documents_of_every_set_are_answered(context, kind):
    found = taken(context, kind, max_documents=2, max_code_only=7, max_filled=4)
    assert [name[0] for name in found] == ["a"] * 2 + ["c"] * 7 + ["f"] * 4
    fresh = taken(context, kind, max_documents=0, max_code_only=40, code_only_part=[0.5, 1.0])
    seen = taken(context, kind, max_documents=0, max_code_only=40, code_only_part=[0.0, 0.5])
    assert fresh and seen and not {*fresh} & {*seen} and len(fresh) + len(seen) == 40


def test_a_fill_stage_takes_the_same_part(context):
    documents = notes("c", 40)
    seen = taken(context, max_documents=0, max_code_only=40, code_only_part=[0.0, 0.5])
    filled = FillSettings(code_only_part=[0.0, 0.5]).part_of(documents)
    assert {d.id for d in filled} == set(seen)


@pytest.mark.parametrize("part", [[0.5, 0.5], [0.6, 0.2], [-0.1, 0.5], [0.0, 1.1], [0.5]])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(ValidationError, match="code_only_part"):
        FillSettings(code_only_part=part)


def test_filled_documents_need_a_fill_stage_with_a_model_before_it():
    sft, fill = SftSettings(tokens=10), FillSettings(**{"from": "scl"})
    some = GrpoSettings(max_steps=1, max_filled=3)
    none = GrpoSettings(max_steps=1)
    assert some.incompatible_with([fill]) == "" == none.incompatible_with([sft])
    assert "name one after 'from'" in some.incompatible_with([sft])
    assert "set 'max_filled'" in none.incompatible_with([fill])
    assert "no model before it" in some.incompatible_with([FillSettings()])
    assert {k: v for k, v in some.without_filled().items() if k == "max_filled"} == {"max_filled": 0}
