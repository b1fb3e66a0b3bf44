"""Being asked to stop: training goes on to its next checkpoint, everything else ends at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether this process was asked to stop, and whether its work may go on to where it can.

    Attributes:
        asked: somebody wants the work to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._patient = False

    def ask(self) -> None:
        """Ask. Work that is not done ``patiently`` is interrupted where it stands.

        Raises:
            KeyboardInterrupt: there.
        """
        self.asked = True
        if not self._patient:
            raise KeyboardInterrupt

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Work that looks at ``asked`` itself, and ends when it can be gone on with.

        Raises:
            KeyboardInterrupt: at the end, if somebody asked.
        """
        self._patient = True
        try:
            yield
        finally:
            self._patient = False
        if self.asked:
            raise KeyboardInterrupt


STOP = Stop()  # this process's
