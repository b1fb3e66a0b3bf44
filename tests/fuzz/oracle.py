"""One command on hostile files, in this process, and what must hold whatever is in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.suggest import nearest

CANARY = "zq"
"""What every word of every note begins with, and nothing else does."""

CPU_SECONDS = 60.0
_LEAKED = re.compile(rf"{CANARY}\w+", re.IGNORECASE)
_HINT = re.compile(r"did you mean '([^']*)'\?")
_LINELESS = re.compile(
    r"has no (documents|spans|predictions|completions)|and \d+ more mistakes|can't be read|there is no|"
    r"was made of other notes|no document has|is an input|no stage kept"
)


_PRIVATE = ("text", "completion", "quotes")


class ViolationError(AssertionError):
    """Something that must hold did not."""


class HangError(BaseException):
    """The command took longer than any input of these sizes may."""


@dataclass
class Case:
    """A command, and the files that it finds.

    Attributes:
        args: of ``scl-rl``; paths are relative to the folder of the files.
        files: path → content.
        outputs: what it may write: files, or folders.
        damaged: the file that was changed, "" if none: then the command has to succeed.
        named: what a line about it may name instead: files that it belongs to, folders.
        by_line: a mistake in that file has a line.
        codes: exit codes that may come out.
        keeps: what it wrote may stay when it refuses.
    """

    args: list[str]
    files: dict[str, bytes]
    outputs: set[str] = field(default_factory=set)
    damaged: str = ""
    named: tuple[str, ...] = ()
    by_line: bool = True
    codes: tuple[int, ...] = (0, 2)
    keeps: bool = False


def run(case: Case, folder: Path) -> int:
    """Write the files into an empty folder, run the command there, and check it; its exit code.

    Raises:
        ViolationError: with what was violated and what the command said.
    """
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = _snapshot(folder)
    with contextlib.chdir(folder), _limited() as ended:
        try:
            done = CliRunner().invoke(main, case.args, prog_name="scl-rl")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ViolationError(f"{_typed(case)}: raised {type(error).__name__}") from error
    if not ended():
        raise ViolationError(f"{_typed(case)}: no end after {CPU_SECONDS:.0f} s of CPU")
    found = list(_violations(case, done, folder, before))
    if found:
        raise ViolationError(f"{_typed(case)}: {'; '.join(found)}\n{done.output[-2000:]}")
    return done.exit_code


def _violations(case: Case, done: Any, folder: Path, before: dict[str, str]) -> Iterator[str]:
    after = _snapshot(folder)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        yield f"raised {type(done.exception).__name__}"
    if done.exit_code not in case.codes:
        yield f"exit code {done.exit_code}"
    if "Traceback" in done.output or "traceback in" in done.output:
        yield "a traceback"
    if not case.damaged and done.exit_code == 2:
        yield "refused what is right"
    leaked = _leaked(done.output.replace(str(folder), "")) - _not_of_notes(case.files)
    if leaked:
        yield f"the word {min(leaked)[:30]} of a note"
    if done.exit_code == 2:
        yield from _badly_told(case, done.stderr)
    inside = tuple(f"{output}/" for output in case.outputs)
    ours = {name for name in before | after if name in case.outputs or name.startswith(inside)}
    if changed := [name for name, digest in before.items() if after.get(name) != digest and name not in ours]:
        yield f"changed {', '.join(changed)}"
    if more := [name for name in after if name not in before and name not in ours]:
        yield f"left {', '.join(more)}"
    if done.exit_code == 2 and not case.keeps and (half := [name for name in after if name not in before]):
        yield f"left {', '.join(half)} although it refused"


def _leaked(output: str) -> set[str]:
    """Words of notes, in small letters; not a hint that is a letter or two from what its line says anyway."""
    found: set[str] = set()
    for line in output.splitlines():
        hints = _HINT.findall(line)
        rest = re.findall(r"\w+", _HINT.sub("", line))
        kept = " ".join(hint for hint in hints if nearest(hint, rest, 0.8) is None)
        found |= _words_of_notes(f"{_HINT.sub('', line)} {kept}")
    return found


def _words_of_notes(text: str) -> set[str]:
    return {word.lower() for word in _LEAKED.findall(text)}


def _not_of_notes(files: Mapping[str, bytes]) -> set[str]:
    """The words that damage brought to where no text of notes is expected, such as into an id."""
    found: set[str] = set()
    for name, content in files.items():
        for line in content.split(b"\n"):
            if name.endswith(".tsv"):  # a document's name comes first
                found |= _words_of_notes(line.split(b"\t")[0].decode("utf-8", "replace"))
            with contextlib.suppress(ValueError, RecursionError):
                found |= {word for text in _shown_strings(json.loads(line)) for word in _words_of_notes(text)}
    return found


def _shown_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _shown_strings(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            if key not in _PRIVATE:
                yield from _shown_strings(part)


def _badly_told(case: Case, said: str) -> Iterator[str]:
    """What is wrong with the lines of a refusal."""
    lines = said.splitlines()
    own = [line for line in lines if line.startswith("error: ")]
    if not own:
        if not any(line.startswith(("Error: ", "Usage: ")) for line in lines):
            yield "no line that says what is wrong"
        return
    if any(len(line) > 1000 for line in own):
        yield "a line of more than 1000 characters"
    name = f"(?:{'|'.join(map(re.escape, (case.damaged, *case.named)))})"
    for line in own:
        if re.match(r"error: --\w", line) or not case.damaged:
            continue
        if not re.search(name, line):
            yield f"a line that names no file: {line[:200]}"
        elif case.by_line and not re.search(rf"{name}:\d+", line) and not _LINELESS.search(line):
            yield f"a mistake without its line: {line[:200]}"


def _snapshot(folder: Path) -> dict[str, str]:
    """Every file → a hash of it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@contextlib.contextmanager
def _limited() -> Iterator[Callable[[], bool]]:
    """Work that is stopped after a while; whether it ended by itself."""
    stopped: list[int] = []

    def stop(number: int, frame: Any) -> None:
        stopped.append(number)
        raise HangError  # which the command may take for a mistake of a reward

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield lambda: not stopped
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _typed(case: Case) -> str:
    return f"scl-rl {' '.join(case.args)} ({case.damaged or 'nothing'} damaged)"
