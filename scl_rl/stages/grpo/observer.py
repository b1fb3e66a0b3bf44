"""What the completions of a GRPO step look like, seen over the rewards' shoulder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...answer.grammar import AnswerFormat
from ...answer.parse import parse
from ...answer.prompt import Completion, completion_text
from ...modeling import ranks
from ...scoring import NoteText

PREFIX = "answers/"  # of the figures in TRL's logs
_SPREAD = 1e-6  # least difference of rewards


def without_spread(group: Sequence[float | None]) -> bool:
    """Whether the answers to one prompt all earn the same, so that nothing is learned from them.

    Args:
        group: their weighted sums; None where every reward abstains.
    """
    scored = [value for value in group if value is not None]
    return not scored or max(scored) - min(scored) < _SPREAD


class Observer:
    """Told of every reward call (``guard.Given``); has its say once a batch has all its rewards.

    It logs, through TRL's ``log_metric``, the share of groups with equal rewards, the share of completions on
    which every reward abstained, the malformed lines a completion and the share of quoted mentions that
    are in the note. It never changes a reward. Of several processes, the first one sees the completions of
    all.

    Args:
        weights: reward name → weight, in the order of the sum.
        group: completions a prompt.
        keep: a file that gets a line for each completion, which then holds text from the notes.
    """

    def __init__(
        self, weights: dict[str, float], group: int, answer: AnswerFormat, keep: Path | None = None
    ) -> None:
        self._weights = weights
        self._group = group
        self._answer = answer
        self._keep = keep
        self._values: dict[str, list[float | None]] = {}
        self._groups = (0, 0)  # the step of the last batch, and the groups of that step so far

    def __call__(
        self,
        name: str,
        values: list[float | None],
        completions: Sequence[Completion],
        columns: dict[str, Any],
    ) -> None:
        """Take in what one reward gave to a batch."""
        self._values[name] = values
        if len(self._values) < len(self._weights):
            return
        given, self._values = self._values, {}
        texts = [completion_text(completion) for completion in completions]
        everything = ranks.gather((given, texts, columns["text"], columns["id"]))  # groups may be spread
        if not ranks.is_main_process():
            return
        given = {name: [v for part in everything for v in part[0][name]] for name in self._weights}
        texts, notes, ids = ([v for part in everything for v in part[i]] for i in (1, 2, 3))
        sums = [self._sum({name: given[name][i] for name in self._weights}) for i in range(len(texts))]
        for figure, value in {**self._spread(sums), **self._answers(texts, notes)}.items():
            columns["log_metric"](PREFIX + figure, value)
        if self._keep is not None:
            self._write(self._keep, columns["trainer_state"].global_step + 1, ids, texts, sums, given)

    def _sum(self, values: dict[str, float | None]) -> float | None:
        """The weighted sum that TRL trains on; None where every reward abstains."""
        known = [self._weights[name] * value for name, value in values.items() if value is not None]
        return sum(known) if known else None

    def _spread(self, sums: list[float | None]) -> dict[str, float]:
        groups = [sums[i : i + self._group] for i in range(0, len(sums), self._group)]
        flat = [without_spread(group) for group in groups]
        return {"frac_reward_zero_std": sum(flat) / len(flat), "abstained": sums.count(None) / len(sums)}

    def _answers(self, texts: list[str], notes: list[str]) -> dict[str, float]:
        known = {note: NoteText(note) for note in set(notes)}
        answers = [parse(text, self._answer) for text in texts]
        figures = {"malformed": sum(len(answer.malformed) for answer in answers) / len(answers)}
        located = [
            known[note].locate(mention) is not None
            for answer, note in zip(answers, notes, strict=True)
            for line in answer.lines
            for mention in line.mentions
        ]
        return {**figures, "grounded": sum(located) / len(located)} if located else figures

    def _write(
        self,
        path: Path,
        step: int,
        ids: list[str],
        texts: list[str],
        sums: list[float | None],
        given: dict[str, list[float | None]],
    ) -> None:
        first = self._groups[1] if self._groups[0] == step else 0
        self._groups = (step, first + len(texts) // self._group)
        with path.open("a", encoding="utf-8") as stream:
            for i, text in enumerate(texts):
                line = {
                    "step": step,
                    "group": first + i // self._group,
                    "id": ids[i],
                    "completion": text,
                    "reward": sums[i],
                    "rewards": {name: values[i] for name, values in given.items()},
                }
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
