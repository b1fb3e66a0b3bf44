"""A stage in a process of its own: results, words and errors come back, and nothing outlives the runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from scl_rl.answer.settings import PromptSettings
from scl_rl.errors import Problem, UserError, WorkError
from scl_rl.modeling.settings import ModelSettings
from scl_rl.process import KEEP_MEMORY
from scl_rl.runner.execute.local import run_in_subprocess
from scl_rl.stages.contract import DataFiles, StageContext, StageSettings
from scl_rl.stages.shared.interrupt import STOP
from tests.support import HOME
from tests.support.heard import Heard
from tests.support.waiting import alive, until


class Errand(StageSettings):
    """Does what ``how`` says."""

    kind: Literal["errand"] = "errand"
    how: str = "well"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Work."""
        if self.how != "silent":
            print("a library talks")
        context.say(f"{context.name} at work")
        match self.how:
            case "user":
                raise UserError(Problem("here", "wrong", "mend it"), Problem("there", "wrong too"))
            case "work":
                raise WorkError("it can't be done")
            case "other":
                return {"half": 1 / 0}
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(3)
            case "memory":
                raise MemoryError
            case "allocate":
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")
            case "full":
                raise RuntimeError("I/O error: No space left on device (os error 28)")
            case "patient" | "deaf":
                with STOP.graceful_shutdown():
                    (context.folder / "pid").write_text(str(os.getpid()))
                    while not STOP.asked or self.how == "deaf":
                        time.sleep(0.01)
                    (context.folder / "tidy").touch()
            case "long":
                (context.folder / "server").write_text(str(os.getppid()))
                (context.folder / "pid").write_text(str(os.getpid()))
                time.sleep(60)
        word = os.environ.get("SCL_RL_TEST_WORD")
        return {"pid": os.getpid(), "server": os.getppid(), "word": word}


def context(folder: Path, said: list[str]) -> StageContext:
    return StageContext(
        name="errand",
        folder=folder,
        base=folder,
        seed=0,
        model=ModelSettings(name="none"),
        prompt=PromptSettings(),
        answer="lines",
        window=None,
        data=DataFiles(),
        parents=(),
        reporter=Heard(said),
    )


def test_figures_and_words_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for word in ("one", "two"):  # the second starts from a server that knows the first's environment
        monkeypatch.setenv("SCL_RL_TEST_WORD", word)
        said: list[str] = []
        figures = run_in_subprocess(Errand(), context(tmp_path, said), tmp_path / "log.txt")
        assert figures["word"] == word and figures["pid"] != os.getpid()
        assert said == ["errand at work"]
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert (tmp_path / "log.txt").read_text() == "a library talks\n" * 2


def test_errors_come_back(tmp_path: Path) -> None:
    with pytest.raises(UserError) as wrong:
        run_in_subprocess(Errand(how="user"), context(tmp_path, []), tmp_path / "log.txt")
    assert wrong.value.problems == [Problem("here", "wrong", "mend it"), Problem("there", "wrong too")]
    with pytest.raises(WorkError, match=r"^it can't be done$"):
        run_in_subprocess(Errand(how="work"), context(tmp_path, []), tmp_path / "log.txt")
    with pytest.raises(WorkError, match=r"^ZeroDivisionError: division by zero$") as failed:
        run_in_subprocess(Errand(how="other"), context(tmp_path, []), tmp_path / "log.txt")
    assert 'return {"half": 1 / 0}' in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("killed", r"killed by SIGKILL; out of memory\? lower the stage's batch_size$"),
        ("exit", "exit code 3 and no result$"),
        ("memory", "^out of memory: lower the stage's batch_size$"),
        ("allocate", "^out of memory: lower the stage's batch_size$"),
        (
            "full",
            r"^the disk of .* is full \(\d+ MB free\): make room and run it again to resume$",
        ),
    ],
)
def test_a_crash_is_told(tmp_path: Path, how: str, told: str) -> None:
    with pytest.raises(WorkError, match=told):
        run_in_subprocess(Errand(how=how), context(tmp_path, []), tmp_path / "log.txt")


RUNNER = """
import signal, sys
from pathlib import Path
from tests.runner.execute.test_local import Errand, context
from scl_rl.runner.execute.local import run_in_subprocess
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_in_subprocess(Errand(how=sys.argv[2]), context(Path(sys.argv[1]), []), Path(sys.argv[1]) / "log.txt")
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system has no /proc")
@pytest.mark.parametrize("own", [None, "glibc.malloc.check=0"])
def test_stages_start_with_memory_kept_unless_the_user_says_otherwise(
    tmp_path: Path, own: str | None
) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "from pathlib import Path\n"
        "from tests.runner.execute.test_local import Errand, context, run_in_subprocess\n"
        "if __name__ == '__main__':\n"
        f"    place = Path({str(tmp_path)!r})\n"
        "    server = run_in_subprocess(Errand(), context(place, []), place / 'log.txt')['server']\n"
        "    print(Path(f'/proc/{server}/environ').read_text())\n"
    )
    before = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    given = {**before, **({"GLIBC_TUNABLES": own} if own else {}), "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        [sys.executable, str(script)], env=given, capture_output=True, text=True, check=True, timeout=120
    )
    (found,) = (line for line in done.stdout.split("\0") if line.startswith("GLIBC_TUNABLES="))
    asked = own or KEEP_MEMORY["GLIBC_TUNABLES"]
    assert found.partition("=")[2] in (asked, asked.partition(":")[0])  # glibc cuts it up where it stands


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stage_ends_with_its_runner(tmp_path: Path, how: signal.Signals) -> None:
    with _runner(tmp_path, "long") as process:
        process.send_signal(how)
        process.wait(30)
    until(lambda: not alive(int((tmp_path / "pid").read_text())), 10)
    until(lambda: not alive(int((tmp_path / "server").read_text())), 1)  # taking torch down takes longer


def test_a_server_that_is_killed_while_a_stage_starts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(process: Any) -> None:
        raise EOFError("unexpected EOF")

    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", start)
    with pytest.raises(WorkError, match="stages start was killed: run it again to resume"):
        run_in_subprocess(Errand(), context(tmp_path, []), tmp_path / "log.txt")


def test_a_log_without_a_line_is_none(tmp_path: Path) -> None:
    run_in_subprocess(Errand(how="silent"), context(tmp_path, []), tmp_path / "log.txt")
    assert not (tmp_path / "log.txt").exists()


def test_an_interrupted_stage_may_finish_what_it_is_at(tmp_path: Path) -> None:
    with _runner(tmp_path, "patient") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert (tmp_path / "tidy").exists() and not alive(int((tmp_path / "pid").read_text()))


def test_a_second_interrupt_waits_for_nothing(tmp_path: Path) -> None:
    with _runner(tmp_path, "deaf") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert not (tmp_path / "tidy").exists() and not alive(int((tmp_path / "pid").read_text()))


@contextmanager
def _runner(folder: Path, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs an errand in another one, which is at work."""
    script = folder / "runner.py"
    script.write_text(RUNNER)
    with subprocess.Popen(
        [sys.executable, str(script), str(folder), how],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        stderr=subprocess.DEVNULL,
    ) as process:
        pid_file = folder / "pid"
        until(lambda: pid_file.exists() and bool(pid_file.read_text()), 60)
        yield process
