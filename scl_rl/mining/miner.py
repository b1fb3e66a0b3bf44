"""The miner: learns which words go with which code, and finds them in notes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..corpus.records import sample_records
from ..corpus.types import Document, Fragment, Mention
from ..scoring import NoteText
from ..scoring.match import TOKEN, hull
from .association import Floats, log_likelihood_ratio, smoothed_share
from .counting import Ids, NoteIndex, RunCounts
from .cues import Cue, DenialCues, Surroundings
from .runs import Runs, word_runs
from .settings import MiningSettings

_CUE_NOTES = 5_000  # from which cues of denial are learned
_CUE_SCORE = 0.3  # of words whose surroundings are looked at
_AGAINST = 1.0  # nats from which a further mention is not taken
_DIGITS = 9  # to which scores are compared


class MinedEvidence(NamedTuple):
    """The words found for a code of a note.

    Attributes:
        mentions: where they stand, from left to right.
        score: the smoothed share, in (0, 1), of the notes with these words that have the code.
    """

    mentions: list[Mention]
    score: float


@dataclass(frozen=True)
class _CodeTable:
    """The runs that go with a code, by number, and the score of each."""

    runs: Ids
    scores: Floats

    def of(self, runs: Ids) -> Floats:
        """The score of each run; -1 for those that don't go with the code."""
        if not len(self.runs):
            return np.full(len(runs), -1.0)
        at = np.minimum(np.searchsorted(self.runs, runs), len(self.runs) - 1)
        return np.where(self.runs[at] == runs, self.scores[at], -1.0)


@dataclass
class _Note:
    """A text as the miner sees it: the runs that have a number, and where they stand."""

    text: str
    runs: Runs
    numbers: Ids
    surroundings: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        self.surroundings = Surroundings(self.text)

    def place(self, at: int) -> Fragment:
        return int(self.runs.starts[at]), int(self.runs.ends[at])


class _Best(NamedTuple):
    """The run of a note that goes best with a code, and all places where it stands."""

    score: float
    number: int
    places: list[Fragment]


class EvidenceMiner:
    """Finds evidence for known codes, by what was learned from the codes of many notes.

    Of the runs of up to ``max_words`` words within a clause, those go with a code that stand in at least
    ``min_count`` of its notes and have a log-likelihood ratio of at least ``min_association`` with it. In a
    note the evidence of a code is the run with the highest score, the longest of equals; it is cited where
    the words around speak least against it, and wherever else they don't.

    Attributes:
        cues: the words that speak against a mention.
    """

    def __init__(
        self,
        settings: MiningSettings,
        counts: RunCounts,
        tables: Mapping[str, _CodeTable],
        cues: DenialCues,
    ) -> None:
        self._settings = settings
        self._counts = counts
        self._tables = tables
        self.cues = cues

    @classmethod
    def fit(
        cls,
        documents: Collection[Document],
        settings: MiningSettings | None = None,
    ) -> EvidenceMiner:
        """Learn from documents whose codes are known; their evidence, if any, is not looked at.

        Args:
            documents: gone through several times, one at a time; unlabelled ones count for nothing.
        """
        settings = settings or MiningSettings()
        characters = sum(len(document.text) for document in documents)
        texts = (document.text for document, _ in _known(documents))
        counts = RunCounts(texts, settings.max_words, settings.min_count, characters)
        with NoteIndex() as index:
            for document, codes in _known(documents):
                runs = counts.of_text(document.text)
                counts.frequency[runs] += 1
                index.add(runs, codes)
            tables = {
                code: _table(settings, counts, notes, runs, both)
                for code, notes, runs, both in index.by_code()
            }
        miner = cls(settings, counts, tables, DenialCues({}))
        sampled = set(sample_records(range(counts.notes), _CUE_NOTES))
        labelled = [document for number, (document, _) in enumerate(_known(documents)) if number in sampled]
        miner.cues = DenialCues.learn(miner._surroundings(labelled))
        return miner

    def mine(self, text: str, codes: Iterable[str]) -> dict[str, MinedEvidence]:
        """The evidence of each code in a text; a code without any is left out."""
        note = self._note(text)
        found = {}
        for code in dict.fromkeys(codes):
            best = self._best(note, code)
            if best is not None:
                affirmed = self._affirmed(note, best.places)
                found[code] = MinedEvidence([[place] for place in affirmed], best.score)
        return found

    def annotate(self, document: Document) -> Document:
        """The document with the same codes, and as evidence what was found; codes without any are left out.

        Each annotation has its ``score`` beside its mentions.
        """
        codes = {annotation.code: annotation for annotation in document.annotations or ()}
        annotations = [
            codes[code].model_copy(update={"mentions": mentions, "score": round(score, 4)})
            for code, (mentions, score) in self.mine(document.text, codes).items()
        ]
        return document.model_copy(update={"annotations": annotations})

    def affirmed(self, document: Document) -> Document:
        """The document without mentions that the words around speak against, and codes that have no other."""
        surroundings = Surroundings(document.text)
        annotations = []
        for annotation in document.annotations or ():
            mentions = [
                mention
                for mention in annotation.mentions or ()
                if self.cues.against(surroundings.cues(hull(mention))) < _AGAINST
            ]
            if mentions:
                annotations.append(annotation.model_copy(update={"mentions": mentions}))
        return document.model_copy(update={"annotations": annotations})

    def score(self, words: str, code: str) -> float:
        """The best score of a run in these words; 0 if none goes with the code."""
        best = self._best(self._note(words), code)
        return 0.0 if best is None else best.score

    def implies(self, words: str, code: str, among: Sequence[str]) -> bool:
        """As :meth:`~scl_rl.scoring.verify.Verifier.implies`.

        Words imply a code if the run in them that goes best with the code is at least half of them, and goes
        with no other code of the document better.
        """
        note = self._note(words)
        best = self._best(note, code)
        if best is None:
            return False
        inside = len(TOKEN.findall(words[slice(*best.places[0])]))
        if 2 * inside < len(TOKEN.findall(words)):
            return False
        others = (self._best(note, other) for other in among if other != code)
        return all(other is None or other.score <= best.score for other in others)

    def affirms(self, note: NoteText, mention: Sequence[Fragment]) -> bool:
        """As :meth:`~scl_rl.scoring.verify.ReadsContext.affirms`.

        A mention counts unless the words around speak against it, and less so where its words stand again.
        """
        surroundings = _surroundings_of(note.text)
        against = self.cues.against(surroundings.cues(hull(mention)))
        return against < _AGAINST or all(
            against <= self.cues.against(surroundings.cues(hull(place))) for place in note.places(mention)
        )

    def _note(self, text: str) -> _Note:
        runs = word_runs(text, self._settings.max_words)
        numbers = self._counts.numbers(runs.keys)
        known = numbers >= 0
        some = Runs(runs.keys[known], runs.starts[known], runs.ends[known], runs.words[known])
        return _Note(text, some, numbers[known])

    def _best(self, note: _Note, code: str) -> _Best | None:
        table = self._tables.get(code)
        if table is None or not len(note.numbers):
            return None
        scores = np.round(table.of(note.numbers), _DIGITS)
        first = np.lexsort((note.runs.starts, -note.runs.words, -scores))[0]
        if scores[first] < 0:
            return None
        same = np.flatnonzero(note.runs.keys == note.runs.keys[first])
        places = [note.place(int(at)) for at in same]
        return _Best(float(scores[first]), int(note.numbers[first]), places)

    def _affirmed(self, note: _Note, places: list[Fragment]) -> list[Fragment]:
        """The place that the words around speak least against, and the others that they don't."""
        if len(places) == 1:
            return places
        against = [self.cues.against(note.surroundings.cues(place)) for place in places]
        first = min(range(len(places)), key=lambda at: (against[at], at))
        taken: list[Fragment] = [places[first]]
        for place, much in zip(places, against, strict=True):
            if much < _AGAINST and all(place[1] <= start or end <= place[0] for start, end in taken):
                taken.append(place)
        return sorted(taken)

    def _surroundings(self, documents: Sequence[Document]) -> Iterator[tuple[set[Cue], bool]]:
        """What stands around words that imply a code, in notes that have it and in notes that have not.

        Only where such words stand once in a note: of several, any one may be the one that counts.
        """
        implied = self._implied(documents)
        for document, codes in _known(documents):
            note = self._note(document.text)
            places: dict[str, list[Fragment]] = {}
            for at in np.lexsort((note.runs.starts, -note.runs.words)):
                for code in implied.get(int(note.numbers[at]), ()):
                    start, end = note.place(int(at))
                    if all(end <= s or e <= start for s, e in places.get(code, ())):
                        places.setdefault(code, []).append((start, end))
            for code, (place, *others) in places.items():
                if not others:
                    yield note.surroundings.cues(place), code in codes

    def _implied(self, documents: Sequence[Document]) -> dict[int, set[str]]:
        """Run → the codes for which it is the evidence of some note, with a score that is worth a look."""
        implied: dict[int, set[str]] = {}
        for document, codes in _known(documents):
            note = self._note(document.text)
            for code in codes:
                best = self._best(note, code)
                if best is not None and best.score >= _CUE_SCORE:
                    implied.setdefault(best.number, set()).add(code)
        return implied


@lru_cache(maxsize=64)
def _surroundings_of(text: str) -> Surroundings:
    """The answers of a group are all about one text."""
    return Surroundings(text)


def _known(documents: Iterable[Document]) -> Iterator[tuple[Document, set[str]]]:
    """The documents whose codes are known, with their codes."""
    for document in documents:
        if document.annotations is not None:
            yield document, {annotation.code for annotation in document.annotations}


def _table(
    settings: MiningSettings, counts: RunCounts, notes: int, runs: Ids, both: NDArray[np.int64]
) -> _CodeTable:
    """The runs that go with a code that so many notes have, of those that stand in them."""
    frequency = counts.frequency[runs]
    ratio = log_likelihood_ratio(both, notes, frequency, counts.notes)
    # The more notes there are, the more runs of words stand in a few of them by chance.
    weight = settings.prior_weight or math.log(max(counts.notes, 3))
    scores = smoothed_share(both, frequency, notes, counts.notes, weight)
    enough = (both >= settings.min_count) & (ratio >= settings.min_association)
    kept = np.flatnonzero(enough & (scores >= settings.min_score))
    if len(kept) > settings.max_runs:
        kept = np.sort(kept[np.argsort(-scores[kept], kind="stable")[: settings.max_runs]])
    return _CodeTable(runs[kept], scores[kept])
