"""What a run says while it works: lines that stay, and one that tells how far it is."""

from __future__ import annotations

import time
from typing import IO, Any

from ..errors import escaped

_EVERY = 60.0  # seconds between lines of progress where all of them stay


class RunConsole:
    """Lines on a stream. On a terminal a line of progress takes the place of the last one."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Any = None
        self._last = time.monotonic()

    def say(self, line: str) -> None:
        """A line that stays; what was going on may be over."""
        self.close()
        self._print(line)

    def progress(self, line: str) -> None:
        """How far the work is; where nothing can be drawn over, once a minute."""
        if self._console.is_terminal:
            self._draw(line)
        elif time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self._print(line)

    def close(self) -> None:
        """Take the line of progress away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

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
