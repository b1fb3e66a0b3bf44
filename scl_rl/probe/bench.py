"""Trying a reward: attacks against gold, what one more line pays, groups as training would see them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ..errors import UserError
from ..rewards_api.weighted import WeightedRewards
from .attack import Attack
from .attacks import ATTACKS
from .notes import Note, Notes, batches
from .results import Finding, Groups, Report, Step, Verdict, histogram
from .simulate import GROUP, group
from .steps import STEPS, step

Tick = Callable[[str, int, int], None]
EQUAL = 1e-9
OFTEN = 0.5  # of the documents: a few on which nothing is paid must not hide the others


class Bench:
    """One reward on some notes.

    Args:
        tick: told the label of what is being done, how many of its completions are done, and of how many.
    """

    def __init__(
        self,
        target: WeightedRewards,
        notes: Notes,
        margin: float = 0.05,
        seed: int = 0,
        tick: Tick | None = None,
    ) -> None:
        self.target = target
        self.notes = notes
        self.margin = margin
        self.seed = seed
        self._tick = tick or (lambda label, done, total: None)
        self._gold: dict[int, float | None] = {}
        self._seconds = 0.0  # that the reward took since they were last asked for

    def report(self, attacks: Sequence[Attack] = ATTACKS) -> Report:
        """Try everything. A reward that fails is reported, not raised."""
        return Report(
            rewards=self.target.as_list(),
            answer=self.notes.form,
            documents=len(self.notes.notes),
            left_out=self.notes.left_out,
            margin=self.margin,
            seed=self.seed,
            attacks=self.attacks(attacks),
            steps=self.steps(),
            groups=self.groups(),
        )

    def score(self, label: str, pairs: Iterable[tuple[Note, str]], total: int) -> list[float | None]:
        """The rewards of completions, about ``total`` of them, which are taken a batch at a time.

        Raises:
            RewardError: as :meth:`WeightedRewards.score`.
        """
        scores: list[float | None] = []
        for batch in batches(pairs):
            self._tick(label, len(scores), max(total, len(scores)))
            rows = [note.row(text) for note, text in batch]
            started = time.perf_counter()
            try:
                scores += self.target.score(rows, [note.completion(text) for note, text in batch])
            finally:
                self._seconds += time.perf_counter() - started
        return scores

    def attacks(self, attacks: Sequence[Attack] = ATTACKS) -> list[Finding]:
        """Each attack on every note that it applies to."""
        try:
            notes = self.notes.notes
            found = self.score("gold", ((note, self.notes.gold(note)) for note in notes), len(notes))
            self._gold = {id(note): score for note, score in zip(notes, found, strict=True)}
        except UserError:
            pass  # the control named gold runs into the same and tells
        return [self._attack(attack) for attack in attacks]

    def _attack(self, attack: Attack) -> Finding:
        made: list[tuple[Note, float]] = []  # with the share that is changed; the texts are not kept
        example: str | None = None

        def written() -> Iterator[tuple[Note, str]]:
            nonlocal example
            for note in self.notes.notes:
                if attack.most is not None and len(made) == attack.most:
                    return
                completion = attack.completion(note, self.notes, self.seed)
                if completion is not None:
                    made.append((note, completion.share))
                    example = completion.text if example is None else example
                    yield note, completion.text

        self._seconds = 0.0
        finding = Finding(attack.name, attack.kind, attack.teaches)
        try:
            scores = self.score(attack.name, written(), attack.most or len(self.notes.notes))
        except UserError as error:
            line = str(error).splitlines()[0]
            finding = replace(finding, documents=len(made), verdict="ERROR", error=line)
            return replace(finding, seconds=self._seconds, example=example)
        finding = replace(finding, seconds=self._seconds, example=example)
        if not made or not self._gold:
            return finding
        known = [
            (score, gold, self.margin * share)
            for (note, share), score in zip(made, scores, strict=True)
            if score is not None and (gold := self._gold[id(note)]) is not None
        ]
        if not known:
            return replace(finding, verdict="abstains")
        return _judged(finding, known)

    def steps(self) -> list[Step]:
        """What is paid for a right line, a wrong line and an unlocated quote added to half of gold."""
        found = []
        for name, add in STEPS.items():
            tried = [(note, step(name, add, note, self.notes, self.seed)) for note in self.notes.notes]
            pairs = [(note, pair) for note, pair in tried if pair is not None]
            found.append(
                self._step(name, [(n, pair[0]) for n, pair in pairs], [(n, pair[1]) for n, pair in pairs])
            )
        return found

    def _step(self, name: str, before: list[tuple[Note, str]], after: list[tuple[Note, str]]) -> Step:
        try:
            scores = self.score(name, before, len(before)), self.score(name, after, len(after))
        except UserError:
            return Step(name, 0, None, None, None)
        changes = [b - a for a, b in zip(*scores, strict=True) if a is not None and b is not None]
        if not changes:
            return Step(name, 0, None, None, None)
        return Step(name, len(changes), statistics.fmean(changes), min(changes), max(changes))

    def groups(self) -> Groups:
        """The rewards of simulated groups, and how they lie."""
        texts = ((note, text) for note in self.notes.notes for text in group(note, self.notes, self.seed))
        try:
            scores = self.score("groups", texts, GROUP * len(self.notes.notes))
        except UserError as error:
            return Groups(0, GROUP, None, None, [], [], str(error).splitlines()[0])
        cut = [scores[at : at + GROUP] for at in range(0, len(scores), GROUP)]
        known = [some for values in cut if len(some := [v for v in values if v is not None]) > 1]
        if not known:
            return Groups(0, GROUP, None, None, [], [])
        edges, counts = histogram([value for values in known for value in values])
        return Groups(
            groups=len(known),
            size=GROUP,
            no_spread=sum(max(values) - min(values) <= EQUAL for values in known) / len(known),
            spread=statistics.fmean(statistics.pstdev(values) for values in known),
            edges=edges,
            counts=counts,
        )


def _judged(finding: Finding, known: Sequence[tuple[float, float, float]]) -> Finding:
    """The finding with its figures, from (reward, gold's reward, margin) of each document."""
    mean, gold, margin = (statistics.fmean(column) for column in zip(*known, strict=True))
    if finding.kind == "control":
        differ = [abs(score - best) > EQUAL for score, best, _ in known]
        verdict: Verdict = "differs" if any(differ) else "ok"
        margin = 0.0
        reached = 1 - sum(differ) / len(differ)
    else:
        reached = sum(score >= best - least for score, best, least in known) / len(known)
        verdict = "PAYS" if mean >= gold - margin or reached >= OFTEN else "ok"
    return replace(
        finding,
        documents=len(known),
        mean=mean,
        gold=gold,
        gap=gold - mean,
        margin=margin,
        reached=reached,
        verdict=verdict,
    )
