"""What must hold of every built-in reward, whatever the note and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scl_rl.answer.grammar import Answer, AnswerFormat, AnswerLine, Quote, render
from scl_rl.answer.parse import parse
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.metrics.report import evaluate_predictions
from scl_rl.rewards_api.call import call_reward
from scl_rl.scoring import GoldDocument

WORDS = ["asthma", "HTN", "no", "mother", "pain", "chest", "fever", "Fever", "né"]
CODES = ["I10", "J45.909", "R07.9", "R50.9", "R10.9", "E11.9"]
NOWHERE = Quote("zebra")  # in no note
ELSEWHERE = "Z99.89"  # in no gold; of a chapter that no gold code is of

POINTS = {point.name: point.load() for point in entry_points(group="scl_rl.rewards")}
VARIANTS: dict[str, tuple[Any, dict[str, Any]]] = {
    **{name: (POINTS[name], {}) for name in ("all_cited", "code_f1", "format", "grounded", "hierarchy")},
    "span": (POINTS["span"], {}),
    "evidence": (POINTS["evidence"], {}),
    "evidence strict": (POINTS["evidence"], {"soft": False}),
    "evidence any": (POINTS["evidence"], {"occurrence": "any"}),
    "evidence exact": (POINTS["evidence"], {"match": "exact"}),
    "evidence containment": (POINTS["evidence"], {"match": "containment"}),
    "evidence recall": (POINTS["evidence"], {"beta": 2.0, "mention_cap": 3}),
    "all_cited in part": (POINTS["all_cited"], {"complete": False}),
    "consistency": (POINTS["consistency"], {"everywhere": True}),
}
# What a reward can't hold by its definition.
NOT_OF = {
    # Good form is good form, whatever it says.
    "format": {"wrong code", "misquote", "removing"},
    # A quote that is in the note is grounded, whatever code it stands for.
    "grounded": {"wrong code", "removing"},
    # What spans say of words is not what annotators marked in this note.
    "consistency": {"gold", "removing"},
}


@pytest.fixture(autouse=True, scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What ``consistency`` knows: every word alone for two codes, and "HTN" for the one below."""
    path = tmp_path_factory.mktemp("spans") / "spans.jsonl"
    known = [Span(text=word, code=CODES[(i + j) % 6]) for i, word in enumerate(WORDS) for j in (0, 2)]
    write_jsonl(path, [*known, Span(text="HTN", code="I10")])
    VARIANTS["consistency"][1]["spans"] = str(path)


def test_the_table_has_every_built_in() -> None:
    assert {name.split()[0] for name in VARIANTS} == POINTS.keys()


@dataclass(frozen=True)
class Case:
    """A document with gold, and an answer that is gold damaged here and there."""

    document: Document
    gold: Answer
    answer: Answer


@st.composite
def documents(draw: st.DrawFn) -> Document:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
    text = draw(st.sampled_from([" ", ". ", "\n"])).join(words)
    places, at = [], 0
    for word in words:
        at = text.index(word, at)
        places.append((at, at + len(word)))
        at += len(word)
    codes = draw(st.lists(st.sampled_from(CODES), max_size=3, unique=True))
    annotations = []
    for code in codes:
        mentions = []
        for _ in range(draw(st.integers(1, 2))):
            first = draw(st.integers(0, len(places) - 1))
            last = draw(st.integers(first, min(first + 2, len(places) - 1)))
            fragments = [(places[first][0], places[last][1])]
            if last + 2 < len(places) and draw(st.booleans()):
                fragments.append(places[draw(st.integers(last + 2, len(places) - 1))])
            mentions.append(fragments)
        annotations.append(Annotation(code=code, mentions=mentions))
    return Document(id="d", text=text, annotations=annotations)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    document = draw(documents())
    gold = GoldDocument.of(document).gold_answer()
    lines = []
    for line in gold.lines:
        match draw(st.sampled_from(["as it is", "as it is", "gone", "twice", "other words", "other code"])):
            case "as it is":
                lines.append(line)
            case "twice":
                lines += [line, line]
            case "other words":
                lines.append(AnswerLine(line.code, draw(mentions())))
            case "other code":
                lines.append(AnswerLine(draw(st.sampled_from(CODES)), line.mentions))
    for _ in range(draw(st.integers(0, 2))):
        lines.append(AnswerLine(draw(st.sampled_from(CODES)), draw(mentions())))
    return Case(document, gold, Answer(tuple(draw(st.permutations(lines)))))


@st.composite
def mentions(draw: st.DrawFn) -> tuple[tuple[Quote, ...], ...]:
    quotes = st.builds(Quote, st.sampled_from([*WORDS, "pain chest", "a", "zebra"]), st.integers(1, 3))
    mention = st.lists(quotes, min_size=1, max_size=2).map(tuple)
    return tuple(draw(st.lists(mention, min_size=1, max_size=3)))


def rows(document: Document, count: int = 1) -> list[dict[str, Any]]:
    found = document.annotations or ()
    gold = None if document.annotations is None else [a.model_dump() for a in found]
    return [{"id": document.id, "prompt": "", "text": document.text, "annotations": gold}] * count


def score(variant: str, document: Document, *answers: Answer, form: AnswerFormat = "lines") -> list[Any]:
    function, arguments = VARIANTS[variant]
    texts = [render(answer, form) for answer in answers]

    def bound(**columns: Any) -> Any:
        return function(**columns, **arguments, answer=form)

    return call_reward(bound, rows(document, len(texts)), texts, name=variant)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=50, deadline=None)
@given(case=cases(), form=st.sampled_from(["lines", "json"]))
def test_properties(variant: str, case: Case, form: AnswerFormat) -> None:
    document, answer = case.document, case.answer
    exempt = NOT_OF.get(variant, set())
    changed: dict[str, Answer] = {
        "backwards": Answer(answer.lines[::-1]),
        "wrong code": Answer((*answer.lines, AnswerLine(ELSEWHERE, ((Quote(document.text.split()[0]),),)))),
    }
    if answer.lines:
        first, *others = answer.lines
        changed["duplicate"] = Answer((*answer.lines, first))
        changed["misquote"] = Answer((AnswerLine(first.code, (*first.mentions, (NOWHERE,))), *others))
        if first in case.gold.lines and all(line.code != first.code for line in others):
            changed["removing"] = Answer(tuple(others))
    now, best, again, *values = score(
        variant, document, answer, case.gold, answer, *changed.values(), form=form
    )
    alone = score(variant, document, answer, form=form)[0]
    assert now == again == alone
    if now is None:
        assert variant == "span" and best is None and set(values) <= {None}
        return
    found = dict(zip(changed, values, strict=True))
    assert 0.0 <= now <= 1.0 and ("gold" in exempt or (now <= best + 1e-12 and best == pytest.approx(1.0)))
    assert found.pop("backwards") == pytest.approx(now)
    for change, value in found.items():
        if change not in exempt:
            assert value <= now + 1e-9, f"{change}: {now} became {value}"


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"span"}))
@settings(max_examples=40, deadline=None)
@given(document=documents())
def test_a_longer_quote_than_needed_never_pays_more(variant: str, document: Document) -> None:
    gold = GoldDocument.of(document).gold_answer()
    longer = Answer(
        tuple(AnswerLine(line.code, ((Quote(document.text),), *line.mentions[1:])) for line in gold.lines)
    )
    best, given_for = score(variant, document, gold, longer)
    assert given_for <= best + 1e-12


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_rewards_and_metrics_agree(case: Case) -> None:
    """On one document, a reward whose definition a metric shares gives that metric's number."""
    document, gold = case.document, GoldDocument.of(case.document)
    answer = Answer(tuple({line.code: line for line in case.answer.lines}.values()))
    report = evaluate_predictions([document], [gold.predict("d", answer)])
    if document.annotations or answer.lines:
        assert score("code_f1", document, answer)[0] == pytest.approx(report["code"]["micro"]["f1"])
    cited = score("all_cited in part", document, answer)[0]
    assert not cited or report["all_cited"] == 1.0
    tidy = Answer(tuple(AnswerLine(line.code, gold_mentions(gold, line)) for line in answer.lines))
    report = evaluate_predictions([document], [gold.predict("d", tidy)])
    if document.annotations or tidy.lines:
        strict = score("evidence strict", document, tidy)[0]
        assert strict == pytest.approx(report["joint"]["micro"]["f1"])


def gold_mentions(gold: GoldDocument, line: AnswerLine) -> tuple[tuple[Quote, ...], ...]:
    """The line's first mention if it is in the note, untorn; else words of the note that are."""
    place = gold.locate(line.mentions[0])
    if place is not None and not gold.tokens.torn(place):
        return line.mentions[:1]
    return ((Quote(gold.text.split()[0].strip(".")),),)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_of_all_kinds_share_a_batch(variant: str) -> None:
    text = "Has HTN, no fever."
    gold = [{"code": "I10", "system": "ICD-10-CM", "mentions": [[[4, 7]]]}]
    whole = [{"code": "I10", "system": "ICD-10-CM", "mentions": [[[0, 3]]]}]
    unknown = [{"code": "I10", "system": "ICD-10-CM", "mentions": None}]
    right = '"HTN" => I10'
    batch = [(text, gold), ("HTN", whole), (text, unknown), (text, None), (text, [])]
    function, arguments = VARIANTS[variant]
    columns = {"text": [t for t, _ in batch], "annotations": [a for _, a in batch]}
    got = function(completions=[right] * 5, prompts=[""] * 5, **columns, **arguments)
    needs_evidence = variant.split()[0] in {"evidence", "all_cited", "span"}
    assert got[1] == 1.0 and got[3] is None
    assert got[0] == (None if variant == "span" else 1.0)
    assert (got[2] is None) == needs_evidence
    if variant.split()[0] not in {"span", "format", "grounded"}:
        assert got[4] == 0.0


def test_parsed_gold_is_what_was_rendered() -> None:
    """The strategies above make answers that survive being written; else the properties test little."""
    line = AnswerLine("I10", ((Quote("né", 2), Quote("a")), (Quote("pain chest"),)))
    for form in ("lines", "json"):
        assert parse(render(Answer((line,)), form), form) == Answer((line,))
