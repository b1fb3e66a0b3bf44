"""The built-in rewards: installed as ``scl_rl.reward``, reached through ``scl_rl.rewards`` entry points."""

from .adapter import Scored, per_answer

__all__ = ["Scored", "per_answer"]
