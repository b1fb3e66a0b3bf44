"""Groups whose answers all earn the same teach nothing: others are sampled in their place."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ...modeling import ranks
from ...rewards_api.call import RewardError, completion_of
from ...rewards_api.protocol import Row, Values
from ...rewards_api.weighted import WeightedRewards
from .observer import PREFIX, without_spread
from .rollout import Answers, Rollout


class DynamicSampling:
    """Exchanges the prompts of a batch whose groups have no spread, as DAPO does (Yu et al. 2025).

    A batch keeps its size: where DAPO samples until it has enough groups, here it is a number of rounds, and
    a group that has no spread after the last one stays. Which prompts come in depends on the seed, the step
    and the round alone, so that training resumes exactly. What was sampled in vain counts as tokens seen.

    Args:
        rollout: samples, and hands the trainer the answers that were kept.
        rewards: called once more than without; what they log here is dropped.
        rounds: how often at most groups are exchanged.
    """

    def __init__(self, rollout: Rollout, rewards: WeightedRewards, rounds: int, seed: int) -> None:
        self._rollout = rollout
        self._rewards = rewards
        self._rounds = rounds
        self._seed = seed

    def __call__(self, rows: Sequence[Row], trainer: Any) -> list[Row]:
        """The rows of this process's batch, each of which stands there once per answer, some exchanged."""
        chosen = list(rows)
        first, group = ranks.rank() * len(chosen), trainer.num_generations
        answers = Answers.of_rows(len(chosen))
        scores: Values = [None] * len(chosen)
        tried: set[str] = set()
        open_, resampled, in_vain = list(range(len(chosen))), 0, 0
        for turn in range(self._rounds + 1):
            prompts = {first + at: chosen[at]["prompt"] for at in open_}
            answers.put(open_, self._rollout.sample(prompts, trainer))
            failed = self._score(open_, chosen, answers, scores, trainer)
            told = ranks.gather((scores, [row["id"] for row in chosen], failed))
            everyone = [score for part in told for score in part[0]]
            tried |= {name for part in told for name in part[1]}
            flat = [
                number
                for number, start in enumerate(range(0, len(everyone), group))
                if without_spread(everyone[start : start + group])
            ]
            if any(part[2] for part in told) or turn == self._rounds:
                break  # a reward that failed fails once more when the trainer calls it, which reports it
            fresh = self._fresh(len(flat), tried, trainer, turn)
            by_number = dict(zip(flat, fresh, strict=False))
            if not by_number:
                break
            resampled += len(by_number)
            open_ = [at for at in range(len(chosen)) if (first + at) // group in by_number]
            in_vain += sum(answers.tokens(at) for at in open_)
            for at in open_:
                chosen[at] = by_number[(first + at) // group]
        self._rollout.ready = answers
        trainer.state.num_input_tokens_seen += sum(ranks.gather(in_vain))
        trainer.log_metric(PREFIX + "resampled_groups", float(resampled))
        return chosen

    def _score(
        self, open_: Sequence[int], rows: Sequence[Row], answers: Answers, scores: Values, trainer: Any
    ) -> bool:
        """Put the rewards of these rows' answers in their places; whether one failed."""
        ids = [answers.completion_ids[at] for at in open_]
        texts = trainer.processing_class.batch_decode(ids, skip_special_tokens=True)
        asked = [{**rows[at], "completion_ids": own} for at, own in zip(open_, ids, strict=True)]
        written = [completion_of(text, row["prompt"]) for text, row in zip(texts, asked, strict=True)]
        try:
            found = self._rewards.score(asked, written, trainer_state=trainer.state)
        except RewardError:
            return True
        for at, score in zip(open_, found, strict=True):
            scores[at] = score
        return False

    def _fresh(self, number: int, tried: set[str], trainer: Any, turn: int) -> list[Row]:
        """At most so many rows of the training set that were not tried in this batch."""
        data = trainer.train_dataset
        free = [at for at, name in enumerate(data["id"]) if name not in tried]
        rng = random.Random(f"{self._seed}/{trainer.state.global_step}/{turn}/dynamic")
        return [data[at] for at in rng.sample(free, min(number, len(free)))]
