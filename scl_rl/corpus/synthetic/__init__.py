"""Invented clinical notes whose evidence is known: what the quickstart and the tests learn from."""

from .sets import SyntheticCorpus, generate, stream
from .settings import SyntheticSettings

__all__ = ["SyntheticCorpus", "SyntheticSettings", "generate", "stream"]
