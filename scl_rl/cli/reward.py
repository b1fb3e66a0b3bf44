"""``scl-rl reward``: the bench on which a reward is tried before it trains anything."""

from __future__ import annotations

import click

from . import options
from .reward_new import new
from .reward_probe import probe
from .reward_rescore import rescore
from .reward_score import score


@click.group(
    epilog=options.examples(
        "scl-rl reward new tidy", "scl-rl reward probe ./tidy.py:tidy --documents documents.jsonl"
    )
)
def reward() -> None:
    """Test a reward: against attacks, on completions, against another reward."""


reward.add_command(new)
reward.add_command(probe)
reward.add_command(score)
reward.add_command(rescore)
