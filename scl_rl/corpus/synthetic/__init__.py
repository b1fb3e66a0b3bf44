"""Invented clinical notes with gold evidence, and the traps that make evidence matter."""

from .generate import SyntheticCorpus, generate
from .settings import SyntheticSettings

__all__ = ["SyntheticCorpus", "SyntheticSettings", "generate"]
