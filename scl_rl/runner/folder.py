"""The folder of a run: every path and file name in it is spelt here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..corpus.sources import SETS
from ..stages.contract import CHECKPOINTS

DATA = "data"  # the name of the data step, beside those of the stages


@dataclass(frozen=True)
class RunFolder:
    """``runs/<recipe name>``.

    Attributes:
        path: where it lies; it need not exist.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def recipe(self) -> Path:
        """The recipe as it was run, with defaults and overrides."""
        return self.path / "recipe.resolved.yaml"

    @property
    def manifest(self) -> Path:
        """How every stage was made."""
        return self.path / "manifest.json"

    @property
    def summary(self) -> Path:
        """The run in one object; absent while what it says does not hold."""
        return self.path / "summary.json"

    @property
    def lock(self) -> Path:
        """Held by the process that is at work in the folder."""
        return self.path / ".lock"

    @property
    def log(self) -> Path:
        """What libraries print outside of a stage."""
        return self.path / "log.txt"

    @property
    def stages(self) -> Path:
        """The folder of the stages' folders."""
        return self.path / "stages"

    @property
    def check(self) -> CheckFolder:
        """Where ``scl-rl check`` works."""
        return CheckFolder(self.path / CheckFolder.NAME)

    def stage(self, name: str) -> StageFolder:
        """Where the outputs of a stage lie once it is done."""
        return StageFolder(self.stages / name)

    def partial(self, name: str) -> StageFolder:
        """Where a stage works until it is done."""
        return StageFolder(self.stages / f".{name}.partial")

    def holds(self, name: str) -> bool:
        """Whether there is anything of a stage that took work: outputs, or checkpoints."""
        final = self.stage(name).path
        return (final.is_dir() and any(final.iterdir())) or self.partial(name).checkpoints.exists()

    def data(self) -> dict[str, Path]:
        """The sets that the data step made: name → file."""
        paths = {name: self.stage(DATA).path / f"{name}.jsonl" for name in SETS}
        return {name: path for name, path in paths.items() if path.exists()}

    def relative(self, file: Path) -> str:
        """A file of the folder as the manifest names it."""
        return file.relative_to(self.path).as_posix()


@dataclass(frozen=True)
class StageFolder:
    """A stage's folder. The runner's own files lie in it next to the outputs that the stage declares."""

    path: Path

    @property
    def figures(self) -> Path:
        """What the work returned; there when it is done, even if the folder is not in place yet."""
        return self.path / "figures.json"

    @property
    def signature(self) -> Path:
        """Which work a partial folder is of, so that no other resumes it."""
        return self.path / "key.json"

    @property
    def log(self) -> Path:
        """What the stage said, and what libraries printed meanwhile."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """What only an interrupted stage needs; gone when it is done."""
        return self.path / CHECKPOINTS

    @property
    def launch(self) -> LaunchFolder:
        """What the runner and the processes of a launched stage tell each other."""
        return LaunchFolder(self.path / "launch")

    def own_files(self) -> tuple[Path, ...]:
        """The runner's own files, which are no output."""
        return self.figures, self.signature, self.log


@dataclass(frozen=True)
class LaunchFolder:
    """Messages between the runner and the processes of a launched stage, which may be on other machines."""

    path: Path

    @property
    def task(self) -> Path:
        """What every process is to do."""
        return self.path / "task.pickle"

    @property
    def messages(self) -> Path:
        """What the main process reports, a line each; see :mod:`~.execute.messages`."""
        return self.path / "messages.jsonl"

    @property
    def stop(self) -> Path:
        """There if the processes should stop."""
        return self.path / "stop"

    def failure(self, rank: int) -> Path:
        """What went wrong in a process."""
        return self.path / f"failed-{rank}.json"

    def failures(self) -> Iterator[Path]:
        """What went wrong in any process."""
        return self.path.glob("failed-*.json")

    def process(self, rank: int) -> Path:
        """Where a process other than the main one writes; thrown away."""
        return self.path / f"process-{rank}"


@dataclass(frozen=True)
class CheckFolder:
    """``check`` in a run's folder: what ``scl-rl check`` works on, gone if all is well."""

    NAME = "check"
    path: Path

    @property
    def data(self) -> Path:
        """Some records of each set."""
        return self.path / "data"

    @property
    def model(self) -> Path:
        """The random model."""
        return self.path / "model"

    @property
    def log(self) -> Path:
        """What libraries print while that is made."""
        return self.path / "log.txt"
