"""Spans made without notes: from the ICD tabular list, and from what the miner found.

Candidates of every way go through the same filters and quotas (:func:`~.make.synthesize`), and keep where
they come from.
"""

from .settings import FilterSettings, SynthesisSettings, TabularSettings

__all__ = ["FilterSettings", "SynthesisSettings", "TabularSettings"]
