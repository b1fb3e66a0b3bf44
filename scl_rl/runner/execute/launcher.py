"""``python -m scl_rl.runner.execute.launcher …``: ``accelerate launch``, ending when the runner is gone."""

from __future__ import annotations

import os
import signal
import threading


def main() -> None:
    """Run accelerate's command; its standard input stays open for as long as the runner lives."""
    threading.Thread(target=_watch_runner, daemon=True).start()
    from ...upstream.launch import launch

    launch()


def _watch_runner() -> None:
    if not os.read(0, 1):
        return  # what started this one passes nothing on
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # which it passes on to the processes that it started


if __name__ == "__main__":
    main()
