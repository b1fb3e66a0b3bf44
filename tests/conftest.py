"""What several tests need, and the reasons for skipping."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from scl_rl.stages.shared.interrupt import STOP
from scl_rl.user_cache import cache_folder

HERE = Path(__file__).parent
settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on tensors this small, threads only wait for each other


def pytest_configure(config):
    """The user's cache lends what takes long to make, and gets nothing: no speeds of random models."""
    lent = {name: cache_folder(name) for name in ("models", "icd")}
    os.environ["SCL_RL_CACHE"] = tempfile.mkdtemp(prefix="scl-rl-cache-")
    for name, folder in lent.items():
        if not folder.is_symlink():  # or another process of this run has done so already
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache_folder(name).symlink_to(folder.resolve())


def pytest_unconfigure(config):
    """Whatever was kept there is gone with the run."""
    shutil.rmtree(os.environ.pop("SCL_RL_CACHE"), ignore_errors=True)


def _corpus(name: str, variable: str, part: str) -> Path:
    """The folder of a real corpus, which is not part of the project; the test skips without it."""
    folder = Path(os.environ.get(variable) or HERE.parent.parent / "shared" / "data" / name)
    if not (folder / part).is_dir():
        pytest.skip(f"there is no {folder / part}; set {variable} to the folder that has {part}")
    return folder


@pytest.fixture(scope="session")
def codiesp_dir() -> Path:
    """CodiEsp."""
    return _corpus("codiesp", "SCL_RL_CODIESP", "train/text_files")


@pytest.fixture(scope="session")
def mdace_dir() -> Path:
    """The annotations of MDACE."""
    return _corpus("mdace", "SCL_RL_MDACE", "data/Inpatient")


@pytest.fixture
def small_codiesp(tmp_path) -> Path:
    """A corpus of two invented cases in CodiEsp's layout."""
    split = tmp_path / "codiesp" / "train"
    (split / "text_files").mkdir(parents=True)
    texts = {
        "S0000-1": "Varón con dolor abdominal y náuseas.\nSe realiza TAC torácico.\n",
        "S0000-2": "Mujer sana ‏אבג‏ con <b>tos</b> 😀 y fiebre.",
    }
    for name, text in texts.items():
        (split / "text_files" / f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    fever = texts["S0000-2"].index("fiebre")
    rows = [
        ("S0000-1", "DIAGNOSTICO", "r10.9", "dolor abdominal", "10 25"),
        ("S0000-1", "DIAGNOSTICO", "r10.9", "abdominal dolor", "16 25;10 15"),
        ("S0000-1", "DIAGNOSTICO", "r11.0", "nauseas", "28 35"),
        ("S0000-1", "PROCEDIMIENTO", "bw24zzz", "TAC torácico", "48 60"),
        ("S0000-2", "DIAGNOSTICO", "r50.9", "fiebre", f"{fever} {fever + 6};3 3"),
    ]
    (split / "trainX.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return split


@pytest.fixture(autouse=True)
def nobody_asked_to_stop():
    """A test that asks this process to stop asks nothing of the next one."""
    yield
    STOP.asked = False
