"""Stages for tests that call one without a runner."""

from pathlib import Path
from typing import Any

from scl_rl.stages.contract import StageResult
from scl_rl.stages.registry import stage_kinds


def result_of(
    name: str,
    kind: str,
    folder: Path,
    figures: dict[str, Any] | None = None,
    minutes: float = 0.0,
    parents: tuple[StageResult, ...] = (),
    seed: int | None = None,
) -> StageResult:
    """A finished stage, with the outputs that its kind declares."""
    system = name if seed is None else name.removesuffix(f".seed{seed}")
    outputs = stage_kinds()[kind].outputs
    return StageResult(name, system, kind, folder, outputs, figures or {}, minutes, tuple(parents), seed)
