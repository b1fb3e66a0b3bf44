"""Being asked to stop: training continues to its next checkpoint, everything else ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

TERMINATIONS = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
"""The signals that ask for an end like Ctrl-C: a scheduler's, and that of a terminal that is closed."""


class Stop:
    """Whether this process was asked to stop, and whether its work ends where it can resume.

    Attributes:
        asked: somebody wants the work to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._graceful = False

    def ask(self) -> None:
        """Ask. Work outside of :meth:`graceful_shutdown` is interrupted where it stands.

        Raises:
            KeyboardInterrupt: there.
        """
        self.asked = True
        if not self._graceful:
            raise KeyboardInterrupt

    @contextmanager
    def graceful_shutdown(self) -> Iterator[None]:
        """Work that looks at ``asked`` itself, and ends when it can be resumed.

        Raises:
            KeyboardInterrupt: at the end, if somebody asked.
        """
        self._graceful = True
        try:
            yield
        finally:
            self._graceful = False
        if self.asked:
            raise KeyboardInterrupt


STOP = Stop()  # this process's
