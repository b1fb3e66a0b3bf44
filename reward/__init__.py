"""The built-in rewards: installed as ``scl_rl.reward``, reached through ``scl_rl.rewards`` entry points."""

from .adapter import per_answer

__all__ = ["per_answer"]
