"""How a test says that a library is no longer as ``scl_rl/upstream`` takes it to be."""

from __future__ import annotations

from importlib.metadata import version


def changed(library: str, what: str, module: str) -> str:
    """One sentence: the library's version, what it no longer does, and where that is used."""
    return f"{library} {version(library)} no longer {what}: see scl_rl/upstream/{module}.py"
