"""Progress on the terminal, for work that a verb does itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tick = Callable[[str, int, int], None]
PATIENCE = 2.0


@contextmanager
def progress() -> Iterator[Tick]:
    """A function to be told the label of what is being done, how much of it is done, and of how much.

    Drawn on standard error, after two seconds, on a terminal only; gone when the work is done.
    Work that tells nothing for long is drawn as under way.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("", total=None)
    patience = threading.Timer(PATIENCE, bar.start)
    patience.daemon = True

    def tick(label: str, done: int, total: int) -> None:
        bar.update(task, description=label, completed=done, total=total)

    patience.start()
    try:
        yield tick
    finally:
        patience.cancel()
        bar.stop()
