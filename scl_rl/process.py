"""What keeps our processes to installed code, and the files that they make to their owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

UMASK = 0o077


@contextmanager
def confined() -> Iterator[None]:
    """Work whose new files only their owner can read, and whose child processes import nothing from here.

    ``python -c`` and ``python -m``, with which the standard library and accelerate start processes, put the
    working folder first on the import path: a file ``json.py`` that lies there would be run in place of the
    library. Children inherit both settings.
    """
    before, umask = os.environ.get("PYTHONSAFEPATH"), os.umask(UMASK)
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        os.umask(umask)
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before
