"""Where files are kept that can be made again: converted models, tables read once."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """A folder of ``$SCL_RL_CACHE``, else of ``scl-rl`` in the user's cache; it may not be there yet."""
    own = os.environ.get("SCL_RL_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scl-rl"
    return (Path(own) if own else base) / name
