"""Wordings from a teacher model: an OpenAI-compatible endpoint, or a model on this machine.

A teacher is asked about titles and terms of the ICD tabular list alone; nothing of a note is sent anywhere.
"""

from .settings import TeacherSettings

__all__ = ["TeacherSettings"]
