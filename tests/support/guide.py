"""Pages whose files are written and whose commands are run, so that what they say stays true."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
_NAMED = re.compile(r"`([\w./-]+)`:\s*$")


@dataclass
class Command:
    """A line to type, what the page says it prints, and whether the figures in that differ each time."""

    line: str
    output: list[str]
    differs: bool


def environment():
    """What commands of a page run in: this environment's programs, no network, one thread."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": programs, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def read_guide(text):
    """The page's files (name → content) and commands, in the order in which they come."""
    steps = []
    for block in BLOCK.finditer(text):
        language, differs, content = block.groups()
        if language == "console":
            for typed in re.split(r"^\$ ", content, flags=re.M)[1:]:
                line, *output = typed.splitlines()
                steps.append(Command(line, output, bool(differs.strip())))
        elif name := _NAMED.search(text[: block.start()].rstrip()):
            steps.append((name[1], content))
    return steps


def check_command(command, folder, environment):
    """Run a command of a page in a folder; it must succeed and print what the page says."""
    done = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert mismatch(command, done.stdout.splitlines()) is None, f"$ {command.line}\n{done.stdout}"
    assert done.returncode == 0, command.line


def mismatch(command, printed):
    """The first line of the page that was not printed in its turn; None if all were."""
    told, printed = _lines_of(command.output), _lines_of(printed)
    if command.differs:  # up to the first figure; warnings and steps depend on the model
        told, printed = ([re.split(r"\d|–", line)[0].rstrip() for line in ls] for ls in (told, printed))
        told, printed = (
            # without warnings, and without the progress of a slow machine
            [line for line in lines if "warning" not in line and not re.fullmatch(r"\w+:", line)]
            for lines in (told, printed)
        )
    for i, line in enumerate(told):
        pattern = re.escape(line).replace("…", ".*")
        if i >= len(printed) or not re.fullmatch(pattern, printed[i]):
            return line
    return None if len(told) == len(printed) else printed[len(told)]


def _lines_of(output):
    """What was printed, without blank lines and what libraries say."""
    return [line.rstrip() for line in output if line.strip() and not line.startswith("[transformers]")]
