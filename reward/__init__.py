"""The built-in rewards: installed as ``scl_rl.reward``, reached through ``scl_rl.rewards`` entry points."""

from ..rewards_api.protocol import Scored
from .adapter import AnswerReward, per_answer

__all__ = ["AnswerReward", "Scored", "per_answer"]
