"""Checkpoints to resume from: signed when they are whole, checked before they are used, few of them.

transformers writes a checkpoint file by file into its final folder, and its own answer to a scheduler's
signal (``enable_jit_checkpoint``) saves at any step, also between two steps of one GRPO generation, from
where training can't be resumed exactly.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ...atomic import make_durable, write_json
from ...checksum import length_and_crc
from ...modeling import ranks
from ...upstream.trainers import CHECKPOINT, take_over_checkpoints
from ..contract import StageContext
from .divergence import StopWhenDiverged, divergence_told
from .interrupt import STOP

SIGNATURE = "whole.json"


def train(trainer: Any, context: StageContext, steps_between: int = 1) -> None:
    """Train to the end, from the last whole checkpoint that an interrupted try left.

    Args:
        trainer: a :class:`.WatchedTrainer`; how many checkpoints it keeps is taken over from its config.
        steps_between: training can be resumed exactly only after a multiple of so many steps; where that
            is not 1, ``max_steps`` must be set.

    Raises:
        KeyboardInterrupt: this process was asked to stop; there is a checkpoint of the last step.
        DivergedError: loss, gradients, weights or scores are not finite.
    """
    kept = take_over_checkpoints(trainer, steps_between)  # it would remove one before the next is signed
    trainer.add_callback(StopWhenDiverged(trainer))  # first: what is not finite is not signed
    trainer.add_callback(_SignedCheckpoints(kept, steps_between))
    found = ranks.broadcast(last_checkpoint(context) if ranks.is_main_process() else None)
    with STOP.graceful_shutdown(), divergence_told(trainer):
        trainer.train(resume_from_checkpoint=None if found is None else str(found))
        ranks.wait_for_everyone()  # until the last checkpoint is signed
        if trainer.state.global_step >= trainer.state.max_steps:
            STOP.asked = False  # done all the same


def last_checkpoint(context: StageContext) -> Path | None:
    """The last whole checkpoint in a stage's folder. Those that are not whole are removed, and said to be."""
    for checkpoint in reversed(_checkpoints(context.checkpoints)):
        wrong = damage(checkpoint)
        if not wrong:
            context.say(f"{context.name}: resuming from {checkpoint.name}")
            return checkpoint
        context.say(f"{context.name}: {checkpoint.name} can't be used: {wrong}")
        shutil.rmtree(checkpoint)
    return None


def sign(checkpoint: Path) -> None:
    """Write down what a whole checkpoint consists of, when it is on the disk: older ones are then removed."""
    with ThreadPoolExecutor(1) as thread:  # the disk is slower than the checksums
        durable = thread.submit(make_durable, checkpoint)
        sums = {name: length_and_crc(checkpoint / name) for name in _files(checkpoint)}
        durable.result()
    write_json(checkpoint / SIGNATURE, sums)


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint; empty if it is as it was signed."""
    try:
        signed: dict[str, list[int]] = json.loads((checkpoint / SIGNATURE).read_bytes())
    except FileNotFoundError:
        return "it was not written to its end"
    except ValueError:
        return f"{SIGNATURE} is damaged"
    for name, sums in signed.items():
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
        if (checkpoint / name).stat().st_size != sums[0]:
            return f"{name} is not as long as it was"
        if length_and_crc(checkpoint / name) != sums:
            return f"{name} is damaged"
    return ""


class _SignedCheckpoints(TrainerCallback):  # type: ignore[misc]
    """Signs every checkpoint, keeps the last ones, and makes one when the stage is asked to stop."""

    def __init__(self, kept: int, steps_between: int) -> None:
        self._kept = kept
        self._steps_between = steps_between

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self._steps_between or state.global_step >= state.max_steps:
            return
        STOP.asked = any(ranks.gather(STOP.asked))  # all stop at the same step
        if STOP.asked:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        ranks.wait_for_everyone()  # each process has a part of it to write
        if not state.is_world_process_zero:
            return
        *old, new = _checkpoints(Path(args.output_dir))
        sign(new)
        for checkpoint in old[: len(old) + 1 - self._kept]:
            shutil.rmtree(checkpoint)


def _checkpoints(folder: Path) -> list[Path]:
    """Whole and other checkpoints, by their steps."""
    found = ((CHECKPOINT.fullmatch(path.name), path) for path in folder.glob("checkpoint-*"))
    steps = {path: int(match[1]) for match, path in found if match}
    return sorted(steps, key=lambda path: steps[path])


def _files(checkpoint: Path) -> list[str]:
    found = (path for path in sorted(checkpoint.rglob("*")) if path.is_file() and path.name != SIGNATURE)
    return [path.relative_to(checkpoint).as_posix() for path in found]
