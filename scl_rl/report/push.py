"""Putting a stage's model on the Hugging Face Hub."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, UserError, WorkError
from ..modeling.load import is_adapter, read_card
from ..process import may_download
from ..runner.outputs import MODEL_PAGE
from ..upstream.network import online
from .model_card import model_card, on_the_hub

_CONFIG = "adapter_config.json"
_MESSAGE = "Model and card from scl-rl"


@dataclass(frozen=True)
class Upload:
    """What is put on the hub: file → bytes, and the card."""

    repository: str
    private: bool
    files: dict[str, int]
    card: str


def push(
    model: Path, repository: str, *, base: str | None = None, private: bool = True, dry_run: bool = False
) -> Upload:
    """Upload a model folder with its card.

    Args:
        base: for an adapter, the hub's name of the weights that it lies on.
        dry_run: upload nothing.

    Raises:
        UserError: the folder can't be published as it is.
        WorkError: the hub refuses it.
    """
    _check(model, repository, base)
    with tempfile.TemporaryDirectory(prefix="scl-rl-push-") as place:
        folder = Path(place, "model")
        shutil.copytree(model, folder, copy_function=_link, ignore=shutil.ignore_patterns(MODEL_PAGE))
        text = model_card(model, repository, base)
        (folder / MODEL_PAGE).write_text(text, encoding="utf-8")
        if base and is_adapter(model):
            _name_base(folder / _CONFIG, base)
        files = {
            f.relative_to(folder).as_posix(): f.stat().st_size
            for f in sorted(folder.rglob("*"))
            if f.is_file()
        }
        if not dry_run:
            _upload(folder, repository, private)
    return Upload(repository, private, files, text)


def _link(source: str, target: str) -> None:
    """Weights are not copied; what is changed is written anew."""
    Path(target).symlink_to(Path(source).resolve())


def _check(model: Path, repository: str, base: str | None) -> None:
    if not on_the_hub(repository):
        raise UserError(Problem("--to", f"'{repository}' is no name on the hub", "OWNER/NAME"))
    card = read_card(model)
    if not is_adapter(model) or base:
        return
    if card.base_folder:
        what = "the adapter lies on weights of another stage, which the hub does not have"
        hint = "push that stage's model first, and name it with --base-model"
        raise UserError(Problem(str(model), what, hint))
    if not on_the_hub(card.base):
        what = f"the adapter's base model '{card.base}' is not named as on the hub"
        raise UserError(Problem(str(model), what, "--base-model OWNER/NAME"))


def _name_base(config: Path, base: str) -> None:
    value: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
    config.unlink()  # a link
    config.write_text(
        json.dumps(value | {"base_model_name_or_path": base}, indent=2) + "\n", encoding="utf-8"
    )


def _upload(folder: Path, repository: str, private: bool) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    if not may_download():
        raise UserError(Problem("--to", "HF_HUB_OFFLINE is set, so nothing can be uploaded", "unset it"))
    api = HfApi()
    try:
        with online():
            api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=folder, commit_message=_MESSAGE)
    except LocalTokenNotFoundError:
        raise UserError(Problem("--to", "nobody is logged in to the hub", "run: hf auth login")) from None
    except (HfHubHTTPError, OSError) as error:
        raise WorkError(f"the hub refuses it: {str(error).splitlines()[0]}") from error
