"""The stage kinds that a recipe can name."""

from __future__ import annotations

from .base import StageSettings
from .compare import CompareSettings
from .dictionary import DictionarySettings
from .dpo import DpoSettings
from .evaluate import EvaluateSettings
from .fill import FillSettings
from .grpo import GrpoSettings
from .pairs import PairsSettings
from .predict import PredictSettings
from .sft import SftSettings

STAGE_KINDS: dict[str, type[StageSettings]] = {
    "sft": SftSettings,
    "pairs": PairsSettings,
    "dpo": DpoSettings,
    "grpo": GrpoSettings,
    "fill": FillSettings,
    "dictionary": DictionarySettings,
    "predict": PredictSettings,
    "evaluate": EvaluateSettings,
    "compare": CompareSettings,
}
