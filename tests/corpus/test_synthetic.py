"""The synthetic corpus: its gold is complete, its traps are recorded, its tiers don't leak."""

import hashlib
import random
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from scl_rl.corpus.synthetic import SyntheticCorpus, SyntheticSettings, generate, stream
from scl_rl.corpus.synthetic import templates as t
from scl_rl.corpus.synthetic.vocabulary import CONFLICTS, MALE, Deck
from scl_rl.corpus.types import Document, Mention
from scl_rl.errors import UserError
from scl_rl.icd.lexicon import LEXICON
from scl_rl.scoring import TextIndex

SMALL = {"documents": 8, "code_only": 8, "dev": 4, "test": 8}


@pytest.fixture(scope="module")
def corpus() -> SyntheticCorpus:
    return generate(SyntheticSettings())


def dump(corpus: SyntheticCorpus) -> str:
    sets = (corpus.documents, corpus.spans, corpus.code_only, corpus.dev, corpus.test)
    return "\n".join(record.model_dump_json() for records in sets for record in records)


def with_gold(corpus: SyntheticCorpus) -> list[Document]:
    return [*corpus.documents, *corpus.dev, *corpus.test]


def extra(record: object, name: str) -> list:
    return getattr(record, name)


def places(document: Document) -> Iterator[tuple[str, str, Mention]]:
    """Code, tier and mention of all gold and all traps."""
    for annotation in document.annotations or ():
        for mention in annotation.mentions or ():
            yield annotation.code, extra(annotation, "tier"), mention
    for trap in extra(document, "traps"):
        yield trap["code"], trap["tier"], [(start, end) for start, end in trap["fragments"]]


def test_sizes_and_ids(corpus: SyntheticCorpus) -> None:
    assert [len(corpus.documents), len(corpus.code_only), len(corpus.dev), len(corpus.test)] == [
        64,
        200,
        60,
        120,
    ]
    assert corpus.documents[0].id == "syn-train-0001"
    assert corpus.code_only[0].id == "syn-codes-0001"
    assert corpus.dev[0].id == "syn-dev-0001"
    assert corpus.test[-1].id == "syn-test-0120"
    every = [*with_gold(corpus), *corpus.code_only]
    assert (
        len({document.id for document in every}) == len({document.text for document in every}) == len(every)
    )


def test_notes_are_as_long_and_as_rich_as_asked(corpus: SyntheticCorpus) -> None:
    every = [*with_gold(corpus), *corpus.code_only]
    lengths = sorted(len(document.text) for document in every)
    assert 350 <= lengths[len(lengths) // 2] <= 480
    counts = Counter(len(document.annotations or ()) for document in every)
    assert set(counts) == {0, 1, 2, 3, 4, 5}
    assert counts[0] < 0.1 * len(every)
    short = generate(SyntheticSettings(**SMALL, characters=0, codes_per_document=(1, 1), trap_rate=0))
    assert max(len(document.text) for document in short.test) < 350


def test_same_settings_same_bytes_in_another_process(corpus: SyntheticCorpus) -> None:
    code = (
        "import hashlib; from tests.corpus.test_synthetic import dump, generate, SyntheticSettings;"
        "print(hashlib.sha256(dump(generate(SyntheticSettings())).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert dump(generate(SyntheticSettings())) == dump(corpus)
    assert dump(generate(SyntheticSettings(seed=1))) != dump(corpus)


def test_the_size_of_one_set_changes_no_other(corpus: SyntheticCorpus) -> None:
    other = generate(SyntheticSettings(test=150, dev=10, spans=20, code_only=0))
    assert other.documents == corpus.documents
    assert other.test[:120] == corpus.test
    assert other.dev == corpus.dev[:10]


def test_the_bytes_are_those_of_earlier_versions() -> None:
    """A change of the lexicon or the templates changes them: then the changelog has to say so."""
    corpus = generate(SyntheticSettings(documents=20, code_only=20, dev=10, test=10))
    digest = hashlib.sha256(dump(corpus).encode()).hexdigest()
    assert digest == "f1547ffbecf5ee11b2c6dc988340c5e7beea38ac26af6fb7a47cfe195d7d24cf"


def test_a_record_at_a_time_is_the_same_corpus(corpus: SyntheticCorpus) -> None:
    made = {name: list(records) for name, records in stream(SyntheticSettings())}
    assert list(made) == ["annotated", "spans", "code_only", "dev", "test"]
    assert made.pop("annotated") == corpus.documents
    assert all(records == getattr(corpus, name) for name, records in made.items())


def test_a_document_that_was_made_takes_few_bytes() -> None:
    def kept(number: int) -> int:
        tracemalloc.start()
        try:
            sizes = SyntheticSettings(documents=number, spans=0, code_only=0, dev=0, test=0)
            for _, records in stream(sizes):
                for _ in records:
                    pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    kept(10)  # what is made once
    assert (kept(2_500) - kept(500)) / 2_000 < 60


def test_every_code_has_wordings_of_every_tier(corpus: SyntheticCorpus) -> None:
    assert list(corpus.lexicon) == list(LEXICON)[:40]
    for tiers in corpus.lexicon.values():
        assert set(tiers.values()) == set("ABCD")


def test_every_code_comes_up_about_as_often_as_any_other(corpus: SyntheticCorpus) -> None:
    for documents in (corpus.documents, corpus.code_only, corpus.test):
        counts = Counter(a.code for document in documents for a in document.annotations or ())
        assert set(counts) == set(corpus.lexicon)
        assert max(counts.values()) <= 3 * min(counts.values())


def test_training_text_shows_only_what_its_tier_may(corpus: SyntheticCorpus) -> None:
    shown = {
        "A": "\n".join(document.text for document in corpus.documents).lower(),
        "AB": "\n".join(span.text for span in corpus.spans).lower(),
        "AC": "\n".join(document.text for document in corpus.code_only).lower(),
    }
    for wordings in corpus.lexicon.values():
        for wording, tier in wordings.items():
            for allowed, text in shown.items():
                assert tier in allowed or wording.lower() not in text, (wording, tier, allowed)


def test_tiers_of_each_set(corpus: SyntheticCorpus) -> None:
    assert {tier for d in corpus.documents for _, tier, _ in places(d)} == {"A"}
    for documents in (corpus.dev, corpus.test):
        counts = Counter(extra(a, "tier") for d in documents for a in d.annotations or ())
        assert set(counts) == set("ABCD")
        assert min(counts.values()) > 0.15 * sum(counts.values())
    text = "\n".join(document.text for document in corpus.code_only).lower()
    seen = Counter(
        tier for words in corpus.lexicon.values() for word, tier in words.items() if word.lower() in text
    )
    assert set(seen) == {"A", "C"}


def test_fragments_are_wordings_of_their_code_and_tier(corpus: SyntheticCorpus) -> None:
    torn = {
        (code, tuple(part.strip().lower() for part in (w.split[0], w.split[2]))): w.text
        for code, entry in LEXICON.items()
        for w in entry.wordings
        if w.split
    }
    for document in with_gold(corpus):
        for code, tier, mention in places(document):
            words = tuple(document.text[start:end].lower() for start, end in mention)
            tiers = {wording.lower(): tier for wording, tier in corpus.lexicon[code].items()}
            wording = words[0] if len(words) == 1 else torn[code, words].lower()
            assert tiers[wording] == tier
            assert list(mention) == sorted(mention)


def test_every_occurrence_of_a_wording_is_gold_or_a_recorded_trap(corpus: SyntheticCorpus) -> None:
    for document in with_gold(corpus):
        index = TextIndex(document.text)
        known = {(code, mention[0]) for code, _, mention in places(document) if len(mention) == 1}
        found = {
            (code, place)
            for code, wordings in corpus.lexicon.items()
            for wording in wordings
            for place in index.occurrences(wording)
        }
        assert found == known


def test_all_mentions_of_a_code_are_of_one_tier_and_codes_go_together(corpus: SyntheticCorpus) -> None:
    for document in with_gold(corpus):
        annotations = document.annotations or []
        codes = [annotation.code for annotation in annotations]
        assert len(set(codes)) == len(codes)
        assert not any(pair <= set(codes) for pair in CONFLICTS)
        tiers = {code: {tier for c, tier, _ in places(document) if c == code} for code in codes}
        assert all(len(some) == 1 for some in tiers.values())
        if MALE & set(codes):
            assert not re.search(r"\b(she|her|woman)\b", document.text.lower())


def test_every_kind_of_trap_and_mention_occurs(corpus: SyntheticCorpus) -> None:
    for documents in (corpus.documents, corpus.dev, corpus.test):
        kinds = {kind for d in documents for a in d.annotations or () for kind in extra(a, "kinds")}
        assert kinds == {"single", "repeated", "discontinuous", "trap_before", "trap_after"}
        traps = {trap["kind"] for document in documents for trap in extra(document, "traps")}
        assert traps == {"negated", "family", "ruled_out", "resolved"}


def test_same_words_count_in_one_place_and_not_in_another(corpus: SyntheticCorpus) -> None:
    """So that naming the occurrence is needed."""
    later = 0
    for document in corpus.test:
        index = TextIndex(document.text)
        for annotation in document.annotations or ():
            for mention in annotation.mentions or ():
                quotes = [index.quote(fragment) for fragment in mention]
                later += any(quote is not None and quote[1] > 1 for quote in quotes)
    assert later >= 10


@pytest.mark.parametrize("kind", ["negated", "family", "ruled_out", "resolved"])
def test_a_traps_line_says_that_it_does_not_count(corpus: SyntheticCorpus, kind: str) -> None:
    words = {
        "negated": r"\b(no|denies|denied|negative|not|never|nothing|without)\b",
        "family": r"mother|father|brother|sister|aunt|uncle",
        "ruled_out": r"ruled out|excluded|not borne out",
        "resolved": r"resolved|no longer|long gone|got over",
    }[kind]
    for document in with_gold(corpus):
        for trap in extra(document, "traps"):
            if trap["kind"] == kind:
                start, end = trap["fragments"][0]
                left = document.text.rfind("\n", 0, start) + 1
                right = (document.text + "\n").find("\n", end)
                assert re.search(words, document.text[left:right], re.IGNORECASE), document.text[left:right]


def test_code_only_documents_tell_nothing_of_evidence(corpus: SyntheticCorpus) -> None:
    for document in corpus.code_only:
        assert not document.model_extra
        codes = [annotation.code for annotation in document.annotations or ()]
        assert codes == sorted(codes)  # the order of mentions would tell where they stand
        for annotation in document.annotations or ():
            assert annotation.mentions is None and not annotation.model_extra


def test_spans(corpus: SyntheticCorpus) -> None:
    seen = {(span.code, span.text.lower()) for span in corpus.spans}
    may = {
        (code, wording.lower())
        for code, wordings in corpus.lexicon.items()
        for wording, tier in wordings.items()
        if tier in "AB"
    }
    assert seen == may
    assert any(span.text[0].isupper() and span.text[1:].islower() for span in corpus.spans)
    for span in corpus.spans:
        assert (span.system, span.source) == ("ICD-10-CM", "synthetic")
        tiers = {wording.lower(): tier for wording, tier in corpus.lexicon[span.code].items()}
        assert tiers[span.text.lower()] == extra(span, "tier")
    for number in (0, 7, 500):
        assert len(generate(SyntheticSettings(**SMALL, spans=number)).spans) == number


def test_templates_and_filler_hold_no_wording() -> None:
    sentences = [
        sentence
        for sections in (*t.SENTENCES.values(), *t.EARLIER.values(), t.FILLER)
        for some in sections.values()
        for sentence in some
    ]
    items = [item for some in (*t.ITEMS.values(), *t.EARLIER_ITEMS.values()) for item in some]
    fields = [value for some in t.FIELDS.values() for value in some]
    headings = [heading for some in t.HEADINGS.values() for heading in some]
    text = "\n".join([*sentences, *items, *fields, *headings, *t.OPENERS]).lower()
    for entry in LEXICON.values():
        for wording in entry.wordings:
            assert wording.text.lower() not in text, wording.text


def test_every_trap_can_be_said() -> None:
    for condition, traps in t.TRAPS.items():
        for what in ("affirmed", *traps):
            assert t.SENTENCES[what, t.GROUP[condition]]


def test_more_codes_than_the_lexicon_has() -> None:
    corpus = generate(SyntheticSettings(codes=120, documents=60, code_only=0, dev=0, test=20))
    assert len(corpus.lexicon) == 120
    used = {a.code for document in corpus.documents for a in document.annotations or ()}
    assert len(used) > 100
    with pytest.raises(UserError, match="99999 codes"):
        generate(SyntheticSettings(codes=99_999))


def test_few_codes_and_empty_sets() -> None:
    corpus = generate(SyntheticSettings(codes=2, documents=3, code_only=0, dev=0, test=0, spans=0))
    assert len(corpus.documents) == 3
    assert not (corpus.spans or corpus.code_only or corpus.dev or corpus.test)


def test_running_out_of_different_notes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t, "OPENERS", ("Seen today.",))
    with pytest.raises(UserError, match="ask for fewer or longer"):
        generate(SyntheticSettings(empty_rate=1, trap_rate=0, characters=0, test=500))


def test_a_deck_deals_evenly_and_keeps_conflicts_apart() -> None:
    deck = Deck(["E03.9", "E05.90", "I10", "M10.9"], random.Random(0))
    hands = [deck.draw(2) for _ in range(40)]
    assert all(len(set(hand)) == 2 and set(hand) != {"E03.9", "E05.90"} for hand in hands)
    counts = Counter(code for hand in hands for code in hand)
    assert max(counts.values()) - min(counts.values()) <= 4
    assert len(deck.draw(9)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"codes": 1},
        {"trap_rate": 1.5},
        {"codes_per_document": (3, 2)},
        {"codes_per_document": (0, 2)},
        {"cods": 4},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        SyntheticSettings(**wrong)
