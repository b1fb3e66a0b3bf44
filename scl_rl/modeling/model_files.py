"""The files of a model, tried before it is loaded: libraries don't say which one is damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..errors import Problem, UserError

_SETTINGS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
ADAPTER_SETTINGS, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def check_model_files(folder: Path) -> None:
    """Try the settings, and the headers of the weights, of a whole model.

    Raises:
        UserError: a file is damaged or can't be read; all of them.
    """
    settings = [path for name in _SETTINGS if (path := folder / name).exists()]
    _refuse([*_bad_settings(settings), *_bad_weights(sorted(folder.glob("*.safetensors")))])


def check_adapter_files(folder: Path) -> None:
    """Try the settings, and the header of the weights, of an adapter. Raises as :func:`check_model_files`."""
    _refuse([*_bad_settings([folder / ADAPTER_SETTINGS]), *_bad_weights([folder / ADAPTER_WEIGHTS])])


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise UserError(*problems)


def _bad_settings(files: list[Path]) -> Iterator[Problem]:
    for file in files:
        try:
            if not isinstance(json.loads(file.read_bytes()), dict):
                yield _damaged(file, "it is no JSON object")
        except OSError as error:
            yield Problem(str(file), f"can't be read: {error.strerror}")
        except (ValueError, RecursionError) as error:
            yield _damaged(file, f"not JSON: {error or 'nested too deeply'}")


def _bad_weights(files: list[Path]) -> Iterator[Problem]:
    from safetensors import SafetensorError, safe_open

    for file in files:
        try:
            file.open("rb").close()  # the library says of every error that there is no such file
            with safe_open(file, "pt"):
                pass
        except OSError as error:
            yield Problem(str(file), f"can't be read: {error.strerror or error}")
        except SafetensorError as error:
            yield _damaged(file, str(error))


def _damaged(file: Path, why: str) -> Problem:
    return Problem(str(file), f"is damaged: {why}", "copy the model again, or train it again with --force")
