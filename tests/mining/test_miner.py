"""Evidence from codes alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scl_rl.answer.grammar import render
from scl_rl.answer.parse import parse
from scl_rl.corpus.synthetic.sets import generate
from scl_rl.corpus.synthetic.settings import SyntheticSettings
from scl_rl.corpus.types import Annotation, Document
from scl_rl.mining import EvidenceMiner, MiningSettings
from scl_rl.scoring import GoldDocument
from scl_rl.scoring.verify import accuracy


def codes_only(number: int, text: str, *codes: str) -> Document:
    return Document(
        id=str(number), text=text, annotations=[Annotation(code=code, mentions=None) for code in codes]
    )


def corpus(*notes: tuple[str, tuple[str, ...]]) -> list[Document]:
    return [codes_only(number, text, *codes) for number, (text, codes) in enumerate(notes)]


SMALL = corpus(
    ("He has HTN today.", ("I10",)),
    ("Known HTN, and chest pain.", ("I10", "R07.9")),
    ("She has chest pain today.", ("R07.9",)),
    ("Chest pain, HTN.", ("I10", "R07.9")),
    ("She is well today.", ()),
    ("Seen today, known to us.", ()),
    ("He came today, and left.", ()),
)


def words(document: Document, found) -> dict[str, list[str]]:
    return {
        code: [" ".join(document.text[s:e] for s, e in mention) for mention in mined.mentions]
        for code, mined in found.items()
    }


def test_evidence_is_what_notes_with_a_code_have_in_common():
    miner = EvidenceMiner.fit(SMALL)
    for document in SMALL:
        found = words(document, miner.mine(document.text, ["I10", "R07.9"]))
        assert {code: text[0].lower() for code, text in found.items()} == {
            **({"I10": "htn"} if "HTN" in document.text else {}),
            **({"R07.9": "chest pain"} if "hest pain" in document.text else {}),
        }
    assert miner.mine("HTN", ["R07.9", "Z99.9"]) == {} and miner.mine("", ["I10"]) == {}


def test_the_score_is_the_smoothed_share_of_notes_with_the_words_that_have_the_code():
    miner = EvidenceMiner.fit(SMALL, MiningSettings(prior_weight=3))
    assert miner.mine("HTN", ["I10"])["I10"].score == pytest.approx((3 + 3 * 3 / 7) / (3 + 3))
    assert miner.score("known HTN", "I10") == miner.score("HTN", "I10")
    assert miner.score("today", "I10") == miner.score("HTN", "E11.9") == 0


def test_words_imply_the_code_that_they_go_with_best():
    miner = EvidenceMiner.fit(SMALL)
    both = ["I10", "R07.9"]
    assert miner.implies("HTN", "I10", both) and miner.implies("Chest\nPain", "R07.9", both)
    assert not miner.implies("HTN", "R07.9", both) and not miner.implies("today", "I10", both)
    assert miner.implies("known HTN", "I10", both)
    assert not miner.implies("known HTN today he came", "I10", both)  # mostly other words
    assert not miner.implies("HTN and chest pain", "I10", both)  # another code explains them better


def test_annotated_evidence_is_not_looked_at():
    annotated = [
        d.model_copy(
            update={"annotations": [a.model_copy(update={"mentions": [[(0, 2)]]}) for a in d.annotations]}
        )
        for d in SMALL
    ]
    unlabelled = Document(id="u", text="HTN and HTN")
    text = "HTN, chest pain today"
    expected = EvidenceMiner.fit(SMALL).mine(text, ["I10", "R07.9"])
    assert EvidenceMiner.fit([*annotated, unlabelled]).mine(text, ["I10", "R07.9"]) == expected


def test_settings_say_what_goes_with_a_code():
    def found(**changes) -> bool:
        return bool(EvidenceMiner.fit(SMALL, MiningSettings(**changes)).mine("HTN", ["I10"]))

    assert found() and found(min_count=3) and found(max_words=1)
    assert not found(min_count=4) and not found(min_association=30) and not found(min_score=0.9)


def test_nothing_is_learned_from_nothing():
    for documents in ([], [Document(id="a", text="HTN")], corpus(("", ("I10",)))):
        miner = EvidenceMiner.fit(documents)
        assert miner.mine("HTN", ["I10"]) == {} and not miner.implies("HTN", "I10", ["I10"])


@pytest.fixture(scope="module")
def synthetic():
    """The notes of the quickstart, and a miner that knows their codes."""
    made = generate(
        SyntheticSettings(wordings=4, codes_per_document=(1, 4), characters=250, documents=160, code_only=400)
    )
    return made, EvidenceMiner.fit([*made.documents, *made.code_only])


def test_the_synthetic_corpus_gives_its_evidence_away(synthetic):
    """No evidence of tier C is annotated anywhere; the prototype found 84% of it."""
    made, miner = synthetic
    right: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for document in made.code_only_gold:
        gold = GoldDocument.of(document)
        found = miner.mine(document.text, gold.mentions)
        for annotation in document.annotations:
            codes[annotation.tier] += 1
            mentions = found[annotation.code].mentions  # something is found for every code
            right[annotation.tier] += gold.verdict(annotation.code, mentions).cited
    assert codes == {"A": 227, "C": 692}
    assert right["A"] / codes["A"] > 0.95 and right["C"] / codes["C"] > 0.95


def test_what_denies_a_mention_is_learned(synthetic):
    _, miner = synthetic
    weights = miner.cues.weights
    learned = {("before", "denies"), ("before", "without"), ("after", "ruled"), ("before", "brother")}
    assert learned <= set(weights) and min(weights[cue] for cue in learned) > 2
    text = "Denies chest ache. Brother had a chest ache. Reports a chest ache."
    (mention,) = miner.mine(text, ["R07.9"])["R07.9"].mentions
    assert mention[0][0] >= text.index("Reports")


def test_the_miner_is_a_verifier(synthetic):
    made, miner = synthetic
    figures = accuracy(miner, made.dev)
    assert figures["evidence_C"] > 0.9 and figures["other_code"] < 0.01 and figures["elsewhere"] < 0.02


TEXT = st.lists(
    st.sampled_from(["HTN", "ﬀ", "ſtroke", "ͅ", "😀", ".", "\n", "  ", "é", "no", '"', "#2", " "]), max_size=14
)


@settings(max_examples=60)
@given(st.lists(TEXT, min_size=3, max_size=8), st.lists(st.sampled_from(["A", "B"]), min_size=8, max_size=8))
def test_every_mention_passes_the_checks_of_the_project(texts, codes):
    """Located where it says, at word boundaries, and the same after being written and read."""
    documents = corpus(*(("".join(parts), (code,)) for parts, code in zip(texts, codes, strict=False)))
    miner = EvidenceMiner.fit(documents, MiningSettings(min_association=0.1, min_count=1))
    for document in documents:
        found = miner.mine(document.text, ["A", "B"])
        annotations = [Annotation(code=code, mentions=mined.mentions) for code, mined in found.items()]
        gold = GoldDocument(document.text, annotations)
        assert not any(gold.tokens.torn(m) for mentions in gold.mentions.values() for m in mentions)
        read = gold.predict(document.id, parse(render(gold.gold_answer())))
        assert {c.code: [tuple(m.fragments) for m in c.mentions] for c in read.codes} == gold.mentions
