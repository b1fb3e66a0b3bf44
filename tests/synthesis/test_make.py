"""From candidates to spans: filters, quotas, provenance."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scl_rl.corpus.types import Annotation, Document, Span
from scl_rl.synthesis.candidates import Candidate
from scl_rl.synthesis.filters import Likeness, not_near, trigrams, unambiguous
from scl_rl.synthesis.make import synthesize
from scl_rl.synthesis.quotas import flattened, quotas
from scl_rl.synthesis.settings import FilterSettings, SynthesisSettings

ALONE = FilterSettings(ambiguous=False, near=None)  # the whole list takes seconds to read


def tabular(text: str, code: str, *rules: str) -> Candidate:
    return Candidate(text, code, "tabular", rules or ("title",))


def kept(candidates, known=(), owners=()):
    known, owners = dict(known), dict(owners)
    return [(c.text, c.code) for c in unambiguous(candidates, known, lambda key: owners.get(key, ()))]


def test_a_wording_of_two_codes_is_dropped():
    assert kept([tabular("Flu", "J10.1"), tabular("flu", "J11.1"), tabular("gout", "M10.9")]) == [
        ("gout", "M10.9")
    ]


def test_a_sure_wording_wins_over_one_that_a_rule_bent():
    other = tabular("pneumonia", "J18.8", "title", "other")
    assert kept([other, tabular("pneumonia", "J18.9")]) == [("pneumonia", "J18.9")]
    assert kept([other], owners={"pneumonia": {"J18.9"}}) == []
    assert kept([tabular("flu", "J10.1")], owners={"flu": {"J10.1", "J11.1"}}) == []


def test_what_annotators_marked_wins_over_the_tables():
    assert kept([tabular("flu", "J10.1")], known={"flu": {"J11.1"}}) == []
    assert kept([tabular("flu", "J10.1"), tabular("flu", "J11.1")], known={"flu": {"J11.1"}}) == [
        ("flu", "J11.1")
    ]


def test_likeness_is_dice_over_trigrams():
    assert trigrams("ab") == {" ab", "ab "}
    likeness = Likeness([("hypertension", "I10"), ("hypotension", "I95.9")])
    (own, other), (_, none) = likeness.of([tabular("hypotention", "I10"), tabular("zzz", "I10")])
    one, two, three = (trigrams(w) for w in ("hypotention", "hypertension", "hypotension"))
    assert own == pytest.approx(2 * len(one & two) / (len(one) + len(two)))
    assert other == pytest.approx(2 * len(one & three) / (len(one) + len(three)))
    assert none == 0
    assert likeness.rivals(tabular("hypertension", "I10"), 3) == ["I95.9"]


def test_a_wording_nearer_to_another_code_is_dropped():
    likeness = Likeness([("hypertension", "I10"), ("hypotension", "I95.9")])
    dropped = Counter()
    candidates = [tabular("hypotention", "I10"), tabular("hypertention", "I10"), tabular("HTN", "I10")]
    found = [c.text for c in not_near(candidates, likeness, 0.5, dropped)]
    assert found == ["hypertention", "HTN"] and dropped == {"near": 1}


def test_shares_are_flattened_as_in_multilingual_sampling():
    assert flattened({"a": 90, "b": 10}, 1) == {"a": 0.9, "b": 0.1}
    assert flattened({"a": 81, "b": 16}, 2) == {"a": 9 / 13, "b": 4 / 13}
    assert flattened({"a": 10**9, "b": 1}, 1e9)["b"] == pytest.approx(0.5)


@given(
    st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 9), min_size=1),
    st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 1)),
    st.integers(0, 80),
)
@settings(deadline=None)
def test_quotas_give_as_many_as_there_are_and_no_more(available, shares, number):
    taken = quotas(available, shares, number)
    assert sum(taken.values()) == min(number, sum(available.values()))
    assert all(0 <= taken[code] <= available[code] for code in available)


def test_what_a_code_has_too_few_for_goes_to_the_others():
    assert quotas({"a": 2, "b": 50, "c": 50}, {"a": 0.8, "b": 0.1, "c": 0.1}, 22) == {
        "a": 2,
        "b": 10,
        "c": 10,
    }


def note(text: str, *codes: str) -> Document:
    return Document(id=text, text=text, annotations=[Annotation(code=c, mentions=None) for c in codes])


def test_spans_say_where_they_come_from():
    made = synthesize(SynthesisSettings(codes=["N20.0"], filters=ALONE), [], [], 0)
    by_text = {span.text: span.model_dump() for span in made.spans}
    assert by_text["renal calculus"] == {
        **{"text": "renal calculus", "code": "N20.0", "system": "ICD-10-CM", "fragments": None},
        **{"source": "tabular", "rules": ["inclusion"], "title": "Calculus of kidney"},
    }
    assert all(span.labels() == {"tabular", *span.rules} for span in made.spans)
    assert made.report()["by_source"] == {"tabular": len(made.spans)}


def test_the_same_seed_gives_the_same_spans():
    asked = SynthesisSettings(codes=["N20.0", "I10"], filters=ALONE, max_spans=20)
    assert synthesize(asked, [], [], 3).spans == synthesize(asked, [], [], 3).spans
    assert len(synthesize(asked, [], [], 3).spans) == 20


def test_no_wording_that_is_trained_on_is_made_again():
    asked = SynthesisSettings(codes=["N20.0"], filters=ALONE)
    made = synthesize(asked, [Span(text="Renal  calculus", code="N20.0")], [], 0)
    assert "renal calculus" not in {span.text for span in made.spans}
    assert made.dropped["known"] == 1


def test_codes_of_the_data_are_those_of_its_training_sets():
    asked = SynthesisSettings(filters=ALONE, per_code=1)
    made = synthesize(asked, [Span(text="HTN", code="I10")], [note("x", "R05.9", "XYZ")], 0)
    assert [span.code for span in made.spans] == ["I10", "R05.9"] and made.unknown == ["XYZ"]


def test_a_category_stands_for_the_codes_below_it():
    made = synthesize(SynthesisSettings(codes=["N20"], filters=ALONE, per_code=1), [], [], 0)
    assert [span.code for span in made.spans] == ["N20.0", "N20.1", "N20.2", "N20.9"]


def test_rare_codes_get_more_at_a_higher_temperature():
    marked = [Span(text=f"stone {n}", code="N20.0") for n in range(40)]
    asked = {"codes": ["N20.0", "I10"], "filters": ALONE, "max_spans": 12, "per_code": 100}

    def rare(temperature):
        made = synthesize(SynthesisSettings(**asked, temperature=temperature), marked, [], 0)
        return Counter(span.code for span in made.spans)["I10"]

    assert (rare(1), rare(100)) == (0, 5)


def test_mined_wordings_are_those_that_notes_with_a_code_have_in_common():
    rng = random.Random(0)
    fillers = ["seen today", "eats well", "sleeps well", "walks daily", "no complaints"]
    notes = []
    for number in range(40):
        code, words = (("I10", "raised pressure"), ("M10.9", "swollen toe"))[number % 2]
        notes.append(note(f"{number}. He {rng.choice(fillers)}. {words}. {rng.choice(fillers)}.", code))
    made = synthesize(SynthesisSettings(how=["mined"], filters=ALONE), [], notes, 0)
    assert {(span.text, span.code) for span in made.spans} == {
        ("raised pressure", "I10"),
        ("swollen toe", "M10.9"),
    }
    assert all(span.source == "mined" and 0 < span.score < 1 for span in made.spans)


def test_a_model_that_denies_a_wording_has_it_dropped():
    asked = []

    def implied(words, code, among):
        asked.append((code, tuple(among)))
        return words.startswith("kidney")

    made = synthesize(SynthesisSettings(codes=["N20.0", "N20.1"], filters=ALONE), [], [], 0, implied)
    assert made.spans and all(span.text.startswith("kidney") for span in made.spans)
    assert asked[0] == ("N20.0", ("N20.1",))
