"""Evidence from codes alone: the words that notes with a code have in common, and other notes have not.

A corpus of notes whose codes are known says by itself where their evidence is. :class:`EvidenceMiner` learns
from such notes, annotated or not, and finds in each the words for each of its codes. It is a verifier too
(:class:`~scl_rl.scoring.verify.Verifier`). No model is involved; all of it is counting.
"""

from .calibration import calibration
from .miner import EvidenceMiner, MinedEvidence
from .settings import MiningSettings

__all__ = ["EvidenceMiner", "MinedEvidence", "MiningSettings", "calibration"]
