"""What is tried on the bench when a recipe says so."""

from __future__ import annotations

from ..answer.grammar import AnswerFormat
from ..errors import Problem, UserError
from ..recipe.schema import Recipe
from ..rewards_api.weighted import WeightedRewards
from ..suggest import did_you_mean


def target_of_stage(recipe: Recipe, stage: str | None, form: AnswerFormat) -> WeightedRewards:
    """The rewards of a recipe's stage; of the only stage that has rewards if none is named.

    Raises:
        UserError: there is no such stage, or it has no rewards; and as :meth:`WeightedRewards.load`.
    """
    rewarded = {n: s for n, s in recipe.written.items() if getattr(s, "rewards", None)}
    if stage is None and len(rewarded) == 1:
        (stage,) = rewarded
    if stage not in rewarded:
        wanted = "name the stage" if stage is None else f"there is no stage '{stage}' with rewards"
        raise UserError(Problem(recipe.source, wanted, did_you_mean(stage, rewarded, "those with rewards")))
    wanted_rewards = ((r.name, r.weight, r.args) for r in getattr(rewarded[stage], "rewards", ()))
    return WeightedRewards.load(wanted_rewards, form, {"base": recipe.base})
