"""The synthetic corpus keeps its promises: complete gold, tiers that don't leak, traps that are traps."""

import itertools
from collections import Counter

import pytest

from scl_rl.corpus.synthetic import SyntheticSettings, generate
from scl_rl.corpus.synthetic.tiers import occurs
from scl_rl.errors import UserError
from scl_rl.icd import codes as icd
from scl_rl.icd.lexicon import LEXICON
from scl_rl.scoring import GoldDocument


@pytest.fixture(scope="module")
def corpus():
    return generate(SyntheticSettings())


def test_the_same_settings_give_the_same_corpus(corpus):
    assert generate(SyntheticSettings()) == corpus
    assert generate(SyntheticSettings(seed=1)).documents != corpus.documents


def test_a_set_does_not_depend_on_the_size_of_the_sets_after_it(corpus):
    more = generate(SyntheticSettings(test=300, dev=60))
    assert more.documents == corpus.documents
    assert more.test[:120] == corpus.test


def test_no_note_is_in_two_sets(corpus):
    notes = [d.text for d in [*corpus.documents, *corpus.code_only, *corpus.dev, *corpus.test]]
    assert len(set(notes)) == len(notes) == 64 + 200 + 60 + 120


def test_every_code_has_a_wording_of_each_tier(corpus):
    assert len(corpus.wordings) == 40
    for wordings in corpus.wordings.values():
        assert len(wordings) >= 4
        assert set(wordings.values()) == set("ABCD")


def test_wordings_occur_only_where_their_tier_allows(corpus):
    shown = {
        "ABC": [d.text for d in corpus.code_only],
        "annotated": [d.text for d in corpus.documents],
        "spans": [s.text for s in corpus.spans],
    }
    allowed = {"annotated": "A", "spans": "AB", "ABC": "AC"}
    for wordings in corpus.wordings.values():
        for wording, tier in wordings.items():
            for name, texts in shown.items():
                if tier not in allowed[name]:
                    assert not any(occurs(wording, text) for text in texts), (wording, tier, name)


def test_every_occurrence_of_a_wording_is_gold_or_a_recorded_trap(corpus):
    """Nothing in a note could be cited for a code and is not in the records."""
    for document in [*corpus.documents, *corpus.dev, *corpus.test]:
        known = {tuple(f) for a in document.annotations for m in a.mentions for f in m}
        known |= {tuple(f) for trap in document.traps for f in trap["fragments"]}
        for wordings in corpus.wordings.values():
            for wording in wordings:
                assert set(occurs(wording, document.text)) <= known


def test_gold_mentions_are_wordings_of_their_tier_or_their_pieces(corpus):
    for document in [*corpus.documents, *corpus.dev, *corpus.test]:
        for annotation in document.annotations:
            for mention in annotation.mentions:
                words = " ".join(document.text[s:e] for s, e in mention).lower()
                tier_of = {w.lower(): t for w, t in corpus.wordings[annotation.code].items()}
                assert tier_of[words] == annotation.tier


def test_traps_and_kinds_of_mentions_all_occur(corpus):
    traps = Counter(trap["kind"] for d in corpus.test for trap in d.traps)
    assert set(traps) == {"negated", "family", "ruled_out", "resolved"}
    kinds = Counter(kind for d in corpus.test for a in d.annotations for kind in a.kinds)
    assert set(kinds) == {"single", "repeated", "discontinuous", "trap_before", "trap_after"}
    assert min(kinds.values()) >= 3
    numbered = [
        quote
        for d in corpus.test
        for line in GoldDocument.of(d).gold_answer().lines
        for quote in itertools.chain(*line.mentions)
        if quote.occurrence > 1
    ]
    assert len(numbered) >= 10
    assert any(not d.annotations for d in corpus.test)
    assert {a.tier for d in corpus.test for a in d.annotations} == set("ABCD")


def test_code_only_documents_tell_nothing_of_their_evidence(corpus):
    for document in corpus.code_only:
        assert set(document.model_dump()) == {"id", "text", "annotations"}
        for annotation in document.annotations:
            assert annotation.mentions is None
            assert not annotation.model_extra


def test_every_code_comes_up_in_annotated_documents(corpus):
    seen = Counter(a.code for d in corpus.documents for a in d.annotations)
    assert set(seen) == set(corpus.wordings)


def test_sizes_on_request():
    corpus = generate(SyntheticSettings(codes=90, spans=500, documents=2, code_only=0, dev=0, test=1))
    assert len(corpus.wordings) == 90
    assert len(corpus.spans) == 500
    assert not corpus.code_only
    for code, wordings in corpus.wordings.items():
        assert icd.is_billable(code)
        assert len(wordings) >= 4
    with pytest.raises(UserError, match="codes with four wordings, not 60000"):
        generate(SyntheticSettings(codes=60_000))


def test_the_lexicon_is_of_billable_codes_and_unambiguous():
    assert len(LEXICON) >= 40
    assert all(icd.is_billable(code) for code in LEXICON)
    every = [wording for wordings in LEXICON.values() for wording in wordings]
    assert not [(a, b) for a, b in itertools.permutations(every, 2) if occurs(a, b)]


def test_icd_layer():
    assert icd.title("I10") == "Essential (primary) hypertension"
    assert icd.is_valid("I10")
    assert not icd.is_valid("I99.99")
    assert not icd.is_billable("E11")
    assert icd.ancestors("E11.9")[0] == "E11"
    assert "HTN" in icd.wordings("I10")
