"""The rewards of a run are tried before its first model is loaded, not ten hours later."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar, Literal

from ..corpus.types import Document
from ..errors import WorkError
from ..recipe.schema import Recipe, Stage
from ..reporter import Reporter
from ..rewards_api.load import trial_rows, try_rewards
from ..stages.contract import StageContext, StageSettings
from ..stages.shared.rewards import RewardsMixin
from .context import context_of
from .execute.local import run_in_subprocess
from .folder import RunFolder

_TRIED, _LOOKED_AT = 3, 200


class RewardSmokeTest(StageSettings):
    """Calls rewards on a few gold rows, in a process of its own: a reward may load what a model loads."""

    kind: Literal["trial"] = "trial"
    rewards: list[tuple[str, dict[str, Any]]]

    own_process: ClassVar[bool] = True

    def run(self, context: StageContext) -> dict[str, Any]:
        """Try them. Nothing is written.

        Raises:
            UserError: what is wrong with the rewards, all of it.
        """
        with context.needed("annotated").open(encoding="utf-8") as stream:
            documents = [Document.model_validate_json(line) for line in islice(stream, _LOOKED_AT)]
        telling = [d for d in documents if d.annotations and all(a.mentions for a in d.annotations)]
        rows, completions = trial_rows(
            (telling or documents)[:_TRIED], context.prompt.template, context.prompt.chat, context.answer
        )
        try_rewards(self.rewards, context.base, rows, completions, context.answer, context.injected)
        return {}


def smoke_test_rewards(recipe: Recipe, stages: Iterable[Stage], run: RunFolder, reporter: Reporter) -> None:
    """Try the rewards of all the stages that are about to run; the data step is done.

    Raises:
        UserError: as :meth:`RewardSmokeTest.run`.
        WorkError: a reward took its process along.
    """
    rewards: list[tuple[str, dict[str, Any]]] = []
    for stage in stages:
        if isinstance(stage.settings, RewardsMixin):
            named = [(reward.name, reward.args) for reward in stage.settings.rewards]
            rewards += [reward for reward in named if reward not in rewards]
    if not rewards:
        return
    context = context_of(recipe, run, "rewards", run.path, reporter)
    try:
        run_in_subprocess(RewardSmokeTest(rewards=rewards), context, run.log)
    except WorkError as error:
        raise WorkError(f"the reward smoke test failed: {error}") from error
