"""``manifest.json``, which says how every stage of a run folder was made; and the folder's lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from ..atomic import write_json
from ..errors import Problem, UserError, WorkError
from .folder import RunFolder
from .outputs import FileRecord


def _a_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Time = Annotated[str, AfterValidator(_a_time)]


class Entry(BaseModel):
    """One stage.

    Attributes:
        made_from: when each parent's outputs were begun: a parent made anew is another.
        outputs: what the stage's folder has, as paths in the run folder.
        files: the files of its declared outputs, as paths in the run folder.
    """

    kind: str
    state: Literal["running", "done", "failed", "interrupted"]
    key: str
    ingredients: dict[str, Any]
    made_from: dict[str, str] = Field(default_factory=dict)
    started: Time
    finished: Time | None = None
    minutes: float = 0.0
    figures: dict[str, Any] = Field(default_factory=dict)
    outputs: list[str] = Field(default_factory=list)
    files: dict[str, FileRecord] = Field(default_factory=dict)
    error: str | None = None


class Manifest(BaseModel):
    """The stages that a run folder has, or tried to have, and the file of the recipe."""

    version: Literal[1] = 1
    recipe: str = ""
    source: str = ""
    stages: dict[str, Entry] = Field(default_factory=dict)

    def files(self, name: str, folder: RunFolder) -> dict[str, FileRecord]:
        """The recorded files of a stage, by their paths in its folder."""
        inside = folder.relative(folder.stage(name).path) + "/"
        return {path.removeprefix(inside): file for path, file in self.stages[name].files.items()}

    @classmethod
    def read(cls, folder: RunFolder) -> Manifest:
        """The manifest of a run folder; an empty one if it has none yet.

        Raises:
            UserError: the file is damaged, or can't be read.
        """
        path = folder.manifest
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise UserError(Problem(str(path), f"can't be read: {error.strerror}")) from None
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(map(str, first["loc"]))
            what = f"not a manifest of this version: {at and at + ': '}{first['msg']}"
            hint = "put a copy of it back, or move it away: finished stages stay unless you say --reuse"
            raise UserError(Problem(str(path), what, hint)) from None

    def write(self, folder: RunFolder) -> None:
        """Replace the folder's manifest in one step."""
        write_json(folder.manifest, self.model_dump(mode="json"))


def now() -> str:
    """The local time, with its zone."""
    return datetime.now().astimezone().isoformat()


def minute(time: str | None) -> str:
    """A time as it is shown: 2026-11-23 10:40."""
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M") if time else "?"


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Hold a run folder. The system releases it when the process ends, however it ends.

    Raises:
        WorkError: another live process holds it.
    """
    with folder.lock.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise WorkError(
                f"{folder} is in use by {holder}; wait for it, or give this run another name"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, started {minute(now())}\n")
        lock.flush()
        yield
