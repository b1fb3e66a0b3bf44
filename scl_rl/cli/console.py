"""What a run says while it works: lines that stay, and one that tells how far it is."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from typing import IO, Any

from ..errors import escaped

_EVERY = 60.0  # seconds between lines of progress where all of them stay


@contextlib.contextmanager
def _terminal_may_be_gone() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:  # what writing to a closed terminal gives
            raise


class RunConsole:
    """Lines on a stream. On a terminal a line of progress takes the place of the last one.

    A terminal that is closed takes no more lines; the work does not end for it.
    """

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Any = None
        self._last = time.monotonic()

    def say(self, line: str) -> None:
        """A line that stays; what was shown as being in progress may be over."""
        with _terminal_may_be_gone():
            self.close()
            self._print(line)

    def progress(self, line: str) -> None:
        """How far the work is; where nothing can be drawn over, once a minute."""
        if self._console.is_terminal:
            with _terminal_may_be_gone():
                self._draw(line)
        elif time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self._print(line)

    def close(self) -> None:
        """Take the line of progress away."""
        if self._live is not None:
            live, self._live = self._live, None
            with _terminal_may_be_gone():
                live.stop()

    def _print(self, line: str) -> None:
        from rich.text import Text

        self._console.print(Text(escaped(line)))

    def _draw(self, line: str) -> None:
        from rich.live import Live
        from rich.text import Text

        text = Text(escaped(line), no_wrap=True, overflow="ellipsis")
        if self._live is None:
            self._live = Live(
                text,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(text, refresh=True)
