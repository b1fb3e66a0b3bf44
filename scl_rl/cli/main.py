"""The ``scl-rl`` command: its verbs, and how mistakes and failures are told."""

from __future__ import annotations

import os
import tempfile
import traceback
from typing import Any

import click

from .. import __version__
from ..atomic import DISK_FULL
from ..errors import UserError, WorkError, escaped, file_problem
from ..process import confined
from . import options
from .check import check
from .cite import cite
from .compare import compare
from .data import data
from .evaluate import evaluate
from .plan import plan
from .predict import predict
from .push import push
from .recipes import recipes
from .report import report
from .review import review
from .reward import reward
from .run import run


class Verbs(click.Group):
    """A group whose verbs may raise ``UserError`` (exit code 2), ``WorkError`` (1) and anything else (1)."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb that was asked for."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            with confined():
                return super().invoke(ctx)
        except UserError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
            ctx.exit(2)
        except WorkError as error:
            click.echo(f"error: {escaped(str(error))}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(130)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if refused := file_problem(error):
                click.echo(f"error: {refused}", err=True)
                ctx.exit(2)
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                click.echo(f"error: the disk is full: {escaped(str(error))}", err=True)
                ctx.exit(1)
            handle, log = tempfile.mkstemp(prefix="scl-rl-", suffix=".log", text=True)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(traceback.format_exc())
            message = (str(error).strip().splitlines() or ["no message"])[0]
            click.echo(f"error: {type(error).__name__}: {escaped(message)} (traceback in {log})", err=True)
            ctx.exit(1)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=options.examples("scl-rl run quickstart", "scl-rl plan mine.yaml", "scl-rl reward new tidy"),
)
@click.version_option(__version__, prog_name="scl-rl", message="%(prog)s %(version)s")
def main() -> None:
    """Teach a language model to assign ICD codes and to cite the words that justify each one."""


for _verb in (
    run,
    plan,
    check,
    recipes,
    data,
    predict,
    cite,
    evaluate,
    compare,
    review,
    report,
    push,
    reward,
):
    main.add_command(_verb)
