"""Windows at their edges: what test_corpus.py doesn't say about cutting and merging."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scl_rl.corpus.types import Annotation, Document, PredictedCode, PredictedMention, Prediction
from scl_rl.corpus.windows import Window, lost_mentions, merge_windows, sentences, split_windows
from tests.corpus.test_jsonl import ODD_TEXTS


def predicted(code: str, *mentions: list[tuple[int, int]]) -> PredictedCode:
    return PredictedCode(
        code=code,
        mentions=[PredictedMention(quotes=["q"] * len(m), fragments=m) for m in mentions],
    )


def gold_of(annotations: list[Annotation]) -> list[PredictedCode]:
    return [predicted(a.code, *a.mentions) for a in annotations]


@st.composite
def labelled(draw):
    """A text of odd characters with distinct mentions, in the order in which windows meet them."""
    alphabet = st.sampled_from(["aB", ". ", "\n", "é", "😀", "\u200b", "\x00", "א", "<b>", "\r\n"])
    text = "".join(draw(st.lists(alphabet, min_size=1, max_size=60)))
    start = st.integers(0, len(text) - 1)
    fragment = start.flatmap(lambda s: st.tuples(st.just(s), st.integers(s + 1, min(len(text), s + 5))))
    mentions = st.lists(fragment, min_size=1, max_size=4, unique=True).map(sorted)
    codes = draw(st.dictionaries(st.sampled_from(["I10", "J45", "R05"]), mentions))
    ordered = sorted(codes.items(), key=lambda item: item[1])
    annotations = [Annotation(code=code, mentions=[[f] for f in found]) for code, found in ordered]
    return Document(id="d", text=text, annotations=annotations)


@given(labelled(), st.integers(1, 40))
def test_what_is_not_lost_comes_back_at_its_place(document, limit):
    windows = split_windows(document, limit)
    read = [
        (window, Prediction(id="d", codes=gold_of(window.annotations), malformed=1)) for window in windows
    ]
    merged = merge_windows("d", read)
    assert merged.malformed == len(windows)
    back = {(c.code, *m.fragments) for c in merged.codes for m in c.mentions}
    gold = {(c.code, *m.fragments) for c in gold_of(document.annotations) for m in c.mentions}
    assert back <= gold
    assert lost_mentions(document, windows) == len(gold) - len(back)
    if back == gold:
        assert {c.code: c for c in merged.codes} == {c.code: c for c in gold_of(document.annotations)}
    for window in windows:
        for annotation in window.annotations:
            for [(start, end)] in annotation.mentions:
                assert window.text[start:end] == document.text[window.start + start : window.start + end]


def lost_at_best(document: Document, limit: int) -> bool:
    """Whether some cuts spare every mention that a window can hold, by trying all."""
    hulls = [(s, e) for a in document.annotations for [(s, e)] in a.mentions if e - s <= limit]
    length = len(document.text)
    safe = [not any(s < cut < e for s, e in hulls) for cut in range(length + 1)]
    reached = [True] + [False] * length
    for end in range(1, length + 1):
        reached[end] = safe[end] and any(reached[max(0, end - limit) : end])
    return not reached[length]


@given(labelled(), st.integers(1, 12))
def test_no_mention_is_split_that_any_cuts_can_spare(document, limit):
    windows = split_windows(document, limit, whole_mentions=True)
    assert "".join(window.text for window in windows) == document.text
    assert all(0 < len(window.text) <= limit for window in windows)
    too_long = sum(e - s > limit for a in document.annotations for [(s, e)] in a.mentions)
    if not lost_at_best(document, limit):
        assert lost_mentions(document, windows) == too_long


def test_cuts_spare_mentions_at_sentence_ends_before_them_or_after_them():
    def cut(text: str, limit: int, *mention: tuple[int, int]) -> list[str]:
        document = Document(id="d", text=text, annotations=[Annotation(code="R05", mentions=[list(mention)])])
        return [window.text for window in split_windows(document, limit, whole_mentions=True)]

    assert cut("Aa. Bb. Cc. Dd.", 12, (8, 9), (12, 13)) == ["Aa. Bb. ", "Cc. Dd."]
    assert cut("one two three four", 9, (4, 13)) == ["one ", "two three", " four"]
    assert cut("Ab. Cd ef gh.", 7, (0, 6)) == ["Ab. Cd", " ef gh."]
    assert cut("Aa. Bb. Cc. Dd.", 8, (0, 1), (12, 13)) == ["Aa. Bb. ", "Cc. Dd."]  # no window can hold it


def test_one_line_of_30000_characters_is_cut_at_white_space():
    text = "dolor en el pecho y tos " * 1250
    mentions = [[(at, at + 17)] for at in range(0, len(text), 24)]
    document = Document(id="d", text=text, annotations=[Annotation(code="R07.9", mentions=mentions)])
    windows = split_windows(document, 110, whole_mentions=True)
    assert len(text) == 30_000 and "".join(window.text for window in windows) == text
    assert max(len(window.text) for window in windows) <= 110
    assert lost_mentions(document, windows) == 0
    assert lost_mentions(document, split_windows(document, 110)) > 100


def words_and_joints(text: str) -> int:
    """A count by which a text is longer than its parts: parts join with a mark between them."""
    return len(text.split()) + text.count(". ") ** 2


@given(
    st.lists(st.sampled_from(["Ab cd. ", "E f g.\n", "Hi jk lm no pq. "]), max_size=40), st.integers(6, 30)
)
def test_the_limit_holds_where_lengths_do_not_add_up(parts, limit):
    document = Document(id="d", text="".join(parts))
    windows = split_windows(document, limit, words_and_joints)
    assert "".join(window.text for window in windows) == document.text
    assert all(words_and_joints(window.text) <= limit for window in windows)


@pytest.mark.parametrize("text", ["Fever 38.\n" * 50_000, "El paciente tose. " * 28_000, "tos " * 125_000])
def test_counting_costs_little(text):
    counted = 0

    def tokens(part: str) -> int:
        nonlocal counted
        counted += len(part)
        return len(re.findall(r"\w{1,5}|\S", part))

    windows = split_windows(Document(id="d", text=text), 4096, tokens)
    assert all(tokens(window.text) <= 4096 for window in windows)
    assert counted < 25 * len(text)  # as a whole, by sentence, by window; and searching where to cut


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_is_cut_between_code_points(text):
    for limit in (1, 2, 5):
        windows = split_windows(Document(id="d", text=text), limit)
        assert "".join(window.text for window in windows) == text
        assert all(window.text == text[window.start : window.end] for window in windows)


def test_a_character_that_is_too_long_is_a_window_all_the_same():
    windows = split_windows(Document(id="d", text="a😀b"), 2, lambda text: len(text.encode()))
    assert [window.text for window in windows] == ["a", "😀", "b"]


def test_sentences_are_not_cut_after_titles_and_abbreviations():
    text = "Leucocitos aprox. 10. El Dr. Ruiz (vs. Dra. Sanz) da 2.5 mg de P. vulgaris. Alta."
    assert [text[s:e] for s, e in sentences(text)] == [
        "Leucocitos aprox. 10. ",
        "El Dr. Ruiz (vs. Dra. Sanz) da 2.5 mg de P. vulgaris. ",
        "Alta.",
    ]
    assert sentences("") == [(0, 0)]


def test_a_long_sentence_is_cut_at_white_space_and_a_long_word_anywhere():
    windows = split_windows(Document(id="d", text="one two three fourfive"), 6)
    assert [window.text for window in windows] == ["one ", "two ", "three ", "fourfi", "ve"]


def test_a_mention_across_windows_is_lost_and_counted():
    annotations = [
        Annotation(code="R05", mentions=[[(0, 3)], [(0, 3), (5, 8)], [(5, 8)]]),
        Annotation(code="R50.9", mentions=[[(2, 6)]]),
    ]
    document = Document(id="d", text="One. Two.", annotations=annotations)
    windows = split_windows(document, 5)
    assert [window.as_document().model_dump(exclude_unset=True) for window in windows] == [
        {"id": "d#0", "text": "One. ", "annotations": [{"code": "R05", "mentions": [[(0, 3)]]}]},
        {"id": "d#1", "text": "Two.", "annotations": [{"code": "R05", "mentions": [[(0, 3)]]}]},
    ]
    assert lost_mentions(document, windows) == 2
    assert lost_mentions(document, split_windows(document, 9)) == 0


def test_an_unlabelled_document_stays_unlabelled():
    assert [window.annotations for window in split_windows(Document(id="d", text="A b. C d."), 5)] == [
        None
    ] * 2


def test_merging_shifts_joins_and_drops_what_is_said_twice():
    def window(index: int, start: int) -> Window:
        return Window("d", index, start, start + 10, "x" * 10, None)

    unlocated = PredictedMention(quotes=["?"], fragments=None)
    first = Prediction(id="d", codes=[predicted("R05", [(1, 2)], [(1, 2)])], malformed=1)
    second = Prediction(
        id="d",
        codes=[
            predicted("I10", [(0, 1), (2, 3)]),
            PredictedCode(code="R05", mentions=[unlocated, unlocated]),
        ],
        malformed=2,
    )
    merged = merge_windows("d", [(window(0, 0), first), (window(1, 10), second)])
    assert merged == Prediction(
        id="d",
        codes=[
            PredictedCode(code="R05", mentions=[*predicted("R05", [(1, 2)]).mentions, unlocated]),
            predicted("I10", [(10, 11), (12, 13)]),
        ],
        malformed=3,
    )


@given(labelled(), st.integers(1, 40), st.integers(0, 40))
def test_windows_that_overlap_go_on_fit_and_lose_no_more(document, limit, overlap):
    windows = split_windows(document, limit, overlap=overlap)
    apart = split_windows(document, limit)
    assert windows[0].start == 0 and windows[-1].end == len(document.text)
    for before, after in pairwise(windows):
        assert before.start < after.start and before.end < after.end
        assert 0 <= before.end - after.start <= overlap
    assert all(len(window.text) <= limit for window in windows)
    if overlap == 0:
        assert windows == apart


def test_a_mention_at_a_cut_is_whole_in_a_window_that_repeats_it():
    text = "Cough for days. No fever. Asthma. Since then well."
    annotations = [Annotation(code="J45", mentions=[[(16, 32)]])]
    document = Document(id="d", text=text, annotations=annotations)
    assert [w.text for w in split_windows(document, 26)] == [
        "Cough for days. No fever. ",
        "Asthma. Since then well.",
    ]
    windows = split_windows(document, 26, overlap=12)
    assert [w.text for w in windows] == [
        "Cough for days. No fever. ",
        "No fever. Asthma. ",
        "Asthma. Since then well.",
    ]
    assert lost_mentions(document, windows) == 0 and lost_mentions(document, split_windows(document, 26)) == 1


def test_votes_are_asked_where_windows_overlap():
    windows = [Window("d", 0, 0, 20, "x" * 20, None), Window("d", 1, 10, 30, "x" * 20, None)]
    unlocated = PredictedMention(quotes=["?"], fragments=None)
    first = Prediction(
        id="d",
        codes=[
            predicted("A00", [(2, 4)], [(12, 16)]),  # the second place is in both windows
            predicted("B00", [(11, 13)]),
            predicted("C00", [(8, 12)]),  # crosses the beginning of the second
            PredictedCode(code="D00", mentions=[unlocated]),
            PredictedCode(code="E00", mentions=[]),
        ],
    )
    second = Prediction(id="d", codes=[predicted("B00", [(2, 5)]), predicted("F00", [(1, 3)])])
    read = list(zip(windows, [first, second], strict=True))
    merged = merge_windows("d", read, votes=2)
    assert {c.code: [m.fragments for m in c.mentions] for c in merged.codes} == {
        "A00": [[(2, 4)]],
        "B00": [[(11, 13)], [(12, 15)]],
        "C00": [[(8, 12)]],
        "D00": [None],
        "E00": [],
    }
    everything = merge_windows("d", read)
    assert [c.code for c in everything.codes] == ["A00", "B00", "C00", "D00", "E00", "F00"]
