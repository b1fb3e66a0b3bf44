"""The bench: attacks are what they say, gold passes, what can be gamed is found out."""

import math
from dataclasses import replace
from importlib.metadata import entry_points

import pytest

from scl_rl.answer import parse
from scl_rl.corpus.jsonl import write_jsonl
from scl_rl.corpus.readers.codiesp import read_codiesp
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.synthetic import SyntheticSettings, generate
from scl_rl.corpus.types import Annotation, Document
from scl_rl.errors import UserError
from scl_rl.metrics.published import codiesp_x_counts, gold_mentions, predicted_mentions
from scl_rl.probe.attacks import ATTACKS
from scl_rl.probe.bench import Bench
from scl_rl.probe.notes import Notes
from scl_rl.probe.page import page
from scl_rl.probe.rescore import kendall_tau
from scl_rl.probe.results import histogram
from scl_rl.probe.simulate import group
from scl_rl.rewards_api.weighted import WeightedReward, WeightedRewards
from scl_rl.scoring import GoldDocument

BY_NAME = {attack.name: attack for attack in ATTACKS}
TEMPLATE = "Note:\n{text}\n\nCodes:\n"
SMALL = [attack for attack in ATTACKS if attack.most is None]

SAME_EVIDENCE = {"sibling codes", "parent codes", "random codes"}
WRONG_EVIDENCE = {
    "another code's evidence",
    "fabricated quotes",
    "quotes from another note",
    "quotes in look-alike letters",
    "quotes with zero-width characters",
    "answers inside quotes",
    "the whole note as the quote",
    "the right word at a wrong place",
    "the right word where it is negated",
}


def document(identifier: str, text: str, **codes: list[str]) -> Document:
    """A document whose evidence is the first place of some words, or the place marked by ^ before them."""
    marks = [i for i, c in enumerate(text) if c == "^"]
    clean = text.replace("^", "")
    annotations = []
    for code, quotes in codes.items():
        mentions = []
        for words in quotes:
            marked = [i - n for n, i in enumerate(marks) if text[i + 1 :].startswith(words)]
            at = marked[0] if marked else clean.index(words)
            mentions.append([(at, at + len(words))])
        annotations.append(Annotation(code=code, mentions=mentions))
    return Document(id=identifier, text=clean, annotations=annotations)


DOCUMENTS = [
    document(
        "a",
        "Mother had pneumonia. No pneumonia last year. Film shows ^pneumonia. Has HTN and a dry cough.",
        **{"J18.9": ["pneumonia"], "I10": ["HTN"], "R05.9": ["dry cough"]},
    ),
    document(
        "b", "Chest pain; BP 180/100 and HTN. Weak.", **{"R07.9": ["Chest pain"], "I10": ["BP 180/100"]}
    ),
    document("c", "Sin tos. Ahora ^tos y fiebre alta.", **{"R05.9": ["tos"], "XYZ.1": ["fiebre alta"]}),
    document("d", "Nothing to report."),
]


def notes_of(documents, form="lines", limit=None):
    return Notes.of(documents, TEMPLATE, form=form, limit=limit)


@pytest.fixture(scope="module")
def corpus():
    return generate(SyntheticSettings(documents=4, code_only=0, spans=100, dev=4, test=100))


@pytest.fixture(scope="module")
def synthetic(corpus):
    return corpus.test


@pytest.fixture(scope="module")
def codiesp(codiesp_dir):
    return read_codiesp(codiesp_dir / "dev").documents


def target(function, name="mine", weight=1.0):
    return WeightedRewards((WeightedReward(name, function, weight),))


def probe(function, documents=DOCUMENTS, attacks=SMALL, **options):
    report = Bench(target(function), notes_of(documents), **options).report(attacks)
    return report, {finding.name: finding for finding in report.attacks}


def made(name, note, notes, seed=0):
    completion = BY_NAME[name].completion(note, notes, seed)
    return None if completion is None else completion.text


def like_gold(completions, text, annotations, **_):
    """1 for gold's lines in any order, citing the same places; else 0."""

    def lines(gold, answer):
        places = [(line.code, sorted(str(gold.locate(m)) for m in line.mentions)) for line in answer.lines]
        return len(answer.malformed), sorted(places)

    scores = []
    for completion, note, labels in zip(completions, text, annotations, strict=True):
        gold = GoldDocument(note, [Annotation.model_validate(label) for label in labels])
        scores.append(float(lines(gold, parse(completion)) == lines(gold, gold.gold_answer())))
    return scores


@pytest.mark.parametrize("form", ["lines", "json"])
def test_attacks_are_what_they_say(form, synthetic):
    notes = notes_of([*DOCUMENTS, *synthetic[:30]], form)
    tried = dict.fromkeys(BY_NAME, 0)
    for note in notes.notes:
        for attack in ATTACKS if note.document.id in "abcd" else SMALL:
            completion = attack.completion(note, notes, 0)
            if completion is None:
                continue
            tried[attack.name] += 1
            assert 0 < completion.share <= 1
            answer = parse(completion.text, form)
            verdicts = {
                line.code: note.gold.verdict(line.code, [note.gold.locate(m) for m in line.mentions])
                for line in answer.lines
            }
            if attack.kind == "control":
                assert not answer.malformed
                assert set(verdicts) == set(note.codes) and all(v.best == 1 for v in verdicts.values())
                continue
            assert completion.text != notes.gold(note)
            changed = [line for line in answer.lines if line not in note.answer.lines]
            if attack.name in SAME_EVIDENCE:
                assert not answer.malformed and changed
                assert all(line.code not in note.codes for line in changed)
                assert len(set(verdicts)) == len(answer.lines) == len(note.answer.lines)
            if attack.name in WRONG_EVIDENCE:
                assert not answer.malformed and changed
                assert all(line.code in note.codes and not verdicts[line.code].cited for line in changed)
    assert all(tried.values()), [name for name, times in tried.items() if not times]


def test_attacks_by_example():
    notes = notes_of(DOCUMENTS)
    a, b, c, d = notes.notes
    assert made("gold", a, notes) == '"pneumonia"#3 => J18.9\n"HTN" => I10\n"dry cough" => R05.9'
    assert made("gold minus a line", b, notes) in {'"Chest pain" => R07.9', '"BP 180/100" => I10'}
    assert made("every place of a word", a, notes).startswith(
        '"pneumonia"#3; "pneumonia"; "pneumonia"#2 => J18.9\n"HTN" => I10'
    )
    assert made("the right word where it is negated", c, notes).splitlines()[0] == '"tos" => R05.9'
    assert made("parent codes", b, notes).splitlines()[0] == '"Chest pain" => R07'
    assert made("parent codes", c, notes).splitlines() == ['"tos"#2 => R05', '"fiebre alta" => XYZ']
    assert made("quotes in another case", b, notes).splitlines()[0] == '"cHEST PAIN" => R07.9'
    assert made("one-letter quotes", b, notes).splitlines()[0] == '"C" => R07.9'
    assert made("quotes from another note", b, notes).splitlines()[1] != '"HTN" => I10'  # HTN is in b too
    assert made("each line ten times", b, notes).splitlines().count('"Chest pain" => R07.9') == 10
    assert made("frequent codes, whole note", d, notes).count('"Nothing to report."') == 5
    assert made("none", b, notes) == "none" and made("none", d, notes) is None
    assert made("every place of a word", b, notes) is None  # its words stand at one place
    negated = {
        made("the right word where it is negated", a, notes, seed).split(" =>")[0] for seed in range(20)
    }
    assert negated == {'"pneumonia"', '"pneumonia"#2'}
    assert len(made("ten thousand lines", a, notes).split("\n")) == 10_000
    assert 1_000_000 <= len(made("a megabyte of text", a, notes)) < 1_000_200


def test_the_same_seed_makes_the_same_completions():
    def everything(seed):
        notes = notes_of(DOCUMENTS)
        attacks = [attack.completion(note, notes, seed) for note in notes.notes for attack in SMALL]
        return attacks, [group(note, notes, seed) for note in notes.notes]

    assert everything(1) == everything(1)
    assert everything(1) != everything(2)


def test_a_reward_for_gold_alone_passes_and_one_that_pays_for_anything_fails(synthetic):
    report, found = probe(like_gold, [*DOCUMENTS, *synthetic[:20]])
    assert report.passed, [f for f in report.attacks if f.verdict != "ok"]
    assert {f.verdict for f in report.attacks} == {"ok"}
    assert (found["gold"].mean, found["empty"].mean, found["empty"].gap) == (1, 0, 1)

    report, found = probe(lambda completions, **_: [0.5] * len(completions))
    assert not report.passed
    assert {f.verdict for f in report.attacks} == {"PAYS", "ok"}
    assert all(f.verdict == ("PAYS" if f.kind == "attack" else "ok") for f in report.attacks)
    assert report.groups.no_spread == 1.0
    assert all(step.mean == 0 for step in report.steps)


def test_a_part_that_is_wrong_must_cost_its_part_of_the_margin():
    text = " ".join(f"finding{i:02}" for i in range(40))
    many = document("many", text, **{f"A{i:02}": [f"finding{i:02}"] for i in range(40)})

    def share_of_lines(completions, **_):
        return [len(set(parse(c).lines)) / 40 for c in completions]

    minus = [BY_NAME["gold"], BY_NAME["gold minus a line"]]
    report, found = probe(share_of_lines, [many], minus)
    assert found["gold minus a line"].gap == pytest.approx(1 / 40)
    assert found["gold minus a line"].margin == pytest.approx(0.05 / 40)
    assert report.passed
    report, _ = probe(lambda completions, **_: [1.0 for _ in completions], [many], minus)
    assert not report.passed


def test_documents_where_it_pays_are_not_hidden_by_others():
    def precise(completions, text, annotations, **_):
        return [float(bool(parse(c).lines)) for c in completions]

    one = document("one", "Has gout.", **{"M10.9": ["gout"]})
    _, found = probe(precise, [one, *DOCUMENTS[:3]], [BY_NAME["gold"], BY_NAME["gold minus a line"]])
    minus = found["gold minus a line"]
    assert minus.gap == 0.25 > minus.margin
    assert (minus.reached, minus.verdict) == (0.75, "PAYS")


def test_controls_that_are_paid_otherwise_are_told_and_fail_nothing():
    def last_line_is_best(completions, text, annotations, **_):
        right = like_gold(completions, text, annotations)
        return [r + 0.1 * c.count("I10\n") for r, c in zip(right, completions, strict=True)]

    report, found = probe(last_line_is_best)
    assert found["gold in another order"].verdict == "differs"
    assert found["gold"].verdict == "ok"
    assert report.passed


@pytest.mark.parametrize(
    ("value", "told"),
    [(math.nan, "gave nan"), ("raise", "ZeroDivisionError"), (None, None)],
)
def test_a_reward_that_fails_or_abstains_is_reported(value, told):
    def on_prose(completions, text, annotations, **_):
        scores = like_gold(completions, text, annotations)
        for i, completion in enumerate(completions):
            if completion.startswith("The patient was seen"):
                scores[i] = 1 / 0 if value == "raise" else value
        return scores

    report, found = probe(on_prose)
    if told:
        assert found["prose"].verdict == "ERROR" and told in found["prose"].error
        assert "reward 'mine'" in found["prose"].error and "\n" not in found["prose"].error
        assert not report.passed
    else:
        assert (found["prose"].verdict, found["prose"].documents) == ("abstains", 0)
        assert report.passed
    assert found["empty"].verdict == "ok"


def test_a_reward_that_does_nothing_but_fail_or_abstain_does_not_pass():
    def broken(completions, **_):
        raise RuntimeError("no luck\nat all")

    report, _ = probe(broken)
    assert {f.verdict for f in report.attacks} == {"ERROR"} and not report.passed
    assert report.groups.error and "RuntimeError" in report.groups.error
    report, _ = probe(lambda completions, **_: [None] * len(completions))
    assert {f.verdict for f in report.attacks} == {"abstains"} and not report.passed and not report.tried


def test_sums_are_weighted_and_skip_what_abstains():
    ones = WeightedReward("ones", lambda completions, **_: [1.0] * len(completions), 2.0)
    some = WeightedReward("some", lambda completions, **_: [None, 3.0], -1.0)
    rows = [{"prompt": "p"}, {"prompt": "p"}]
    both = WeightedRewards((ones, some))
    assert both.score(rows, ["x", "y"]) == [2.0, -1.0]
    assert WeightedRewards((some,)).score(rows, ["x", "y"]) == [None, -3.0]
    assert both.label == "2 × ones + -1 × some"
    with pytest.raises(UserError, match="no reward has a weight other than 0"):
        WeightedRewards.load([("evidence", 0.0, {})], "lines", {})
    with pytest.raises(UserError) as caught:
        WeightedRewards.load([("evidense", 1.0, {}), ("evidence", 1.0, {"bta": 2})], "lines", {})
    assert len(caught.value.problems) == 2


def test_steps_tell_what_a_line_pays():
    def cited_minus_claims(completions, text, annotations, **_):
        paid = []
        for c, t, a in zip(completions, text, annotations, strict=True):
            gold = GoldDocument(t, [Annotation.model_validate(x) for x in a])
            lines = parse(c).lines
            missing = sum(gold.locate(m) is None for line in lines for m in line.mentions)
            right = sum(gold.verdict(x.code, [gold.locate(m) for m in x.mentions]).cited for x in lines)
            paid.append(right - 0.25 * len(lines) - 0.5 * missing)
        return paid

    report, _ = probe(cited_minus_claims)
    assert {s.name: (s.mean, s.lowest, s.highest) for s in report.steps} == {
        "right line": (0.75, 0.75, 0.75),
        "wrong line": (-0.25, -0.25, -0.25),
        "unlocated quote": (-0.5, -0.5, -0.5),
    }
    assert [s.documents for s in report.steps] == [3, 4, 3]


def test_groups_vary_as_a_half_trained_model_does(synthetic):
    notes = notes_of(synthetic)
    groups = [group(note, notes, 0) for note in notes.notes]
    assert {len(completions) for completions in groups} == {8}
    as_gold = [completions.count(notes.gold(n)) for n, completions in zip(notes.notes, groups, strict=True)]
    assert 0.2 < sum(as_gold) / 800 < 0.7
    assert max(as_gold) == 8 and min(as_gold) == 0
    malformed = sum(bool(parse(c).malformed) for completions in groups for c in completions)
    assert 0 < malformed < 80
    report, _ = probe(like_gold, synthetic, [BY_NAME["gold"]])
    assert report.groups.groups == 100 and sum(report.groups.counts) == 800
    assert 0 < report.groups.no_spread < 0.5


def test_histograms_take_every_value_in():
    edges, counts = histogram([0.0, 0.05, 0.1, 1.0])
    assert (edges[0], edges[-1], counts) == (0.0, 1.0, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    edges, counts = histogram([-1.0, 3.0])
    assert (edges[0], edges[-1], counts[0], counts[-1], len(edges)) == (-1.0, 3.0, 1, 1, 11)


def test_documents_without_evidence_are_left_out():
    unlabelled = Document(id="u", text="x")
    code_only = Document(id="k", text="x", annotations=[Annotation(code="I10", mentions=None)])
    notes = notes_of([unlabelled, code_only, *DOCUMENTS], limit=2)
    assert ([note.document.id for note in notes.notes], notes.left_out) == (["a", "b"], 2)
    with pytest.raises(UserError, match="no document has annotated evidence"):
        notes_of([unlabelled, code_only])


def test_odd_documents_are_taken():
    texts = ["", " \n ", "😀", "é" * 40, 'a "quote" => I10', "\u2028x\u2028", "\x00\x01"]
    odd = [Document(id=f"o{i}", text=t, annotations=[]) for i, t in enumerate(texts)]
    whole = [
        Document(id=f"w{i}", text=t, annotations=[Annotation(code="I10", mentions=[[(0, len(t))]])])
        for i, t in enumerate(texts)
        if t
    ]
    for form in ("lines", "json"):
        report = Bench(
            target(lambda completions, **_: [0.0] * len(completions)), notes_of(odd + whole, form)
        ).report()
        assert all(f.error is None for f in report.attacks)


def test_the_page_is_escaped_and_keeps_notes_to_itself():
    hostile = document(
        "<i>", "Has </pre><script>alert(1)</script> pain.", **{"R52": ["</pre><script>alert(1)"]}
    )
    report, _ = probe(like_gold, [hostile])
    private = page(report, "<b>mine</b>")
    assert "alert(1)" not in private and "<b>mine" not in private and "&lt;b&gt;mine" in private
    shown = page(report, "mine", show_notes=True)
    assert "alert(1)" in shown and "<script" not in shown and "</pre><script" not in shown
    assert "http://" not in shown and "https://" not in shown and " src=" not in shown
    assert shown.count("<tr") == shown.count("</tr>") and shown.count("<details>") > len(SMALL) / 2
    failing, _ = probe(lambda completions, **_: [None] * len(completions))
    assert "abstains everywhere" in page(failing, "mine")


def test_kendall_tau_with_ties():
    import numpy as np

    assert kendall_tau(np.array([1.0, 2, 3]), np.array([1.0, 2, 3])) == 1
    assert kendall_tau(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == -1
    # 12 pairs: tau-b = (C - D) / sqrt((C + D + Tx)(C + D + Ty))
    assert kendall_tau(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 2, 3])) == pytest.approx(4 / 5)
    assert kendall_tau(np.array([1.0, 1]), np.array([1.0, 2])) is None


def codiesp_x(completions, text, annotations, **_):
    """The official CodiEsp-X rule as a reward: micro F1 of one document."""
    scores = []
    for completion, note, gold in zip(completions, text, annotations, strict=True):
        labelled = Document(id="x", text=note, annotations=[Annotation.model_validate(a) for a in gold])
        found = GoldDocument.of(labelled).predict("x", parse(completion))
        counts = codiesp_x_counts(
            gold_mentions(labelled), predicted_mentions(found), [code.code for code in found.codes]
        )
        scores.append(counts.f1 if gold or found.codes else 1.0)
    return scores


def test_the_codiesp_x_rule_can_be_gamed(synthetic):
    report, found = probe(codiesp_x, synthetic[:40])
    assert not report.passed
    paid = {name for name, finding in found.items() if finding.verdict == "PAYS"}
    assert {"one code, fifty mentions", "every place of a word", "each line ten times"} <= paid
    assert found["another code's evidence"].verdict == "ok"


@pytest.mark.codiesp
def test_the_codiesp_x_rule_can_be_gamed_on_real_notes(codiesp):
    gamed = ("gold", "one code, fifty mentions", "every place of a word", "each line ten times")
    report, found = probe(codiesp_x, codiesp[:100], [BY_NAME[name] for name in gamed])
    assert not report.passed
    assert [found[name].verdict for name in gamed] == ["ok", "PAYS", "PAYS", "PAYS"]


SPEAKS_OF_EVIDENCE = {
    "one code, fifty mentions",
    "quotes in look-alike letters",
    "quotes with zero-width characters",
    "fabricated quotes",
    "quotes from another note",
    "another code's evidence",
    "the whole note as the quote",
    "every sentence as a quote",
    "one-letter quotes",
    "the right word at a wrong place",
    "the right word where it is negated",
    "every place of a word",
    "answers inside quotes",
    "a megabyte in each quote",
}
IN_THE_NOTE = {
    "frequent codes, whole note",
    "one code, fifty mentions",
    "another code's evidence",
    "the whole note as the quote",
    "every sentence as a quote",
    "one-letter quotes",
    "the right word at a wrong place",
    "the right word where it is negated",
    "every place of a word",
}
EXPECTED = {
    "evidence": (set(), "the headline: nothing"),
    "all_cited": (set(), "strict: nothing"),
    "span": (set(), "evidence on spans: nothing"),
    "consistency": (
        {"the right word at a wrong place", "the right word where it is negated"},
        "right words in the wrong place, which a quote alone can't show",
    ),
    "code_f1": (SPEAKS_OF_EVIDENCE, "right codes, whatever is quoted: the control without evidence"),
    "hierarchy": (SPEAKS_OF_EVIDENCE, "as code_f1"),
    "grounded": (
        {*IN_THE_NOTE, *SAME_EVIDENCE, "gold minus a line", "each line ten times", "ten thousand lines"},
        "any quote that is in the note, for whatever codes, however few or often",
    ),
    "format": (
        {*SPEAKS_OF_EVIDENCE, *SAME_EVIDENCE, "gold minus a line", "frequent codes, whole note"},
        "good form, whatever it says",
    ),
}


def span_documents(spans):
    """Spans as the notes of span prompts: all of the text is evidence."""
    return [
        Document(
            id=f"s{number}",
            text=span.text,
            annotations=[Annotation(code=span.code, mentions=[[(0, len(span.text))]])],
        )
        for number, span in enumerate(spans)
    ]


def remembered(attack):
    """The attack, made once a note for all the rewards that it is tried on."""
    known = {}

    def make(note, notes, rng):
        if note not in known:
            known[note] = attack.make(note, notes, rng)
        return known[note]

    return replace(attack, make=make)


@pytest.fixture(scope="module")
def synthetic_bench(corpus):
    attacks = [remembered(attack) for attack in ATTACKS]
    return notes_of(corpus.test), notes_of(span_documents(corpus.spans)), attacks


@pytest.fixture(scope="module")
def real_bench(codiesp):
    attacks = [remembered(attack) for attack in SMALL]
    documents = codiesp[:100]
    return notes_of(documents), notes_of(span_documents(spans_of(documents, "codiesp")[:300])), attacks


def test_every_built_in_has_its_line():
    ours = {e.name for e in entry_points(group="scl_rl.rewards") if e.value.startswith("scl_rl.")}
    assert ours == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_built_ins_pay_for_nothing_but_what_they_say(name, synthetic_bench, tmp_path):
    assert paid(name, *synthetic_bench, tmp_path) == EXPECTED[name][0]


@pytest.mark.codiesp
@pytest.mark.parametrize("name", EXPECTED)
def test_built_ins_pay_for_nothing_but_what_they_say_on_real_notes(name, real_bench, tmp_path):
    tried = {attack.name for attack in SMALL}
    # in real notes the other place of a word is often inside a longer word, and what tears one is refused
    refused = {"the right word at a wrong place"} if name == "consistency" else set()
    assert paid(name, *real_bench, tmp_path) == (tried & EXPECTED[name][0]) - refused


def paid(name, documents, spans, attacks, folder):
    notes = spans if name == "span" else documents
    arguments = {}
    if name == "consistency":  # with a dictionary that knows all there is to know
        marked = spans_of((note.document for note in documents.notes), "all")
        write_jsonl(folder / "spans.jsonl", marked)
        arguments = {"spans": str(folder / "spans.jsonl"), "everywhere": True}
    found = Bench(WeightedRewards.load([(name, 1.0, arguments)], "lines", {}), notes).attacks(attacks)
    assert not [f.error for f in found if f.error]
    assert {f.verdict for f in found if f.kind == "control"} <= {"ok", "not tried"}
    least = 0.999 if name == "consistency" else 1.0  # gold that begins inside a word is none to a verifier
    assert found[0].name == "gold" and least <= found[0].mean <= 1.0
    return {finding.name for finding in found if finding.verdict == "PAYS"}
