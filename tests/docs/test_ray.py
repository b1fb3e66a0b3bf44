"""The example with Ray: two workers write for each shard what one process would."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from scl_rl.answer.settings import PromptSettings  # noqa: E402
from scl_rl.corpus.jsonl import read_documents, read_predictions, read_spans, write_jsonl  # noqa: E402
from scl_rl.corpus.sources.synthetic import SyntheticSource  # noqa: E402
from scl_rl.corpus.spans import spans_of  # noqa: E402
from scl_rl.mining import EvidenceMiner  # noqa: E402
from scl_rl.modeling.settings import ModelSettings  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.stages.contract import DataFiles, StageContext  # noqa: E402
from scl_rl.stages.predict.work import Predictor  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from tests.support import HOME  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

SCRIPT = HOME / "docs" / "ray_shards.py"


def test_the_page_shows_the_script():
    page, script = ((HOME / "docs" / name).read_text(encoding="utf-8") for name in ("scale.md", SCRIPT.name))
    (shown,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert shown in script


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    pytest.importorskip(
        "ray.data", reason="Ray is no dependency of scl-rl: pip install 'ray[data]' runs this"
    )
    folder = tmp_path_factory.mktemp("shards")
    SyntheticSource(documents=200, code_only=0, dev=0, test=0).prepare(folder / "whole")
    documents = read_documents(folder / "whole" / "annotated.jsonl")
    (folder / "shards").mkdir()
    for number in range(4):
        write_jsonl(folder / "shards" / f"{number}.jsonl", documents[number * 50 : (number + 1) * 50])
    return folder / "shards"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=HOME)


@pytest.mark.slow
def test_two_workers_mine_what_one_process_does(shards: Path, tmp_path: Path):
    done = run("mine", "--shards", shards, "--out", tmp_path / "out", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [f"{number}.jsonl: 50 documents" for number in range(4)]
    by_shard = {shard.name: read_documents(shard) for shard in sorted(shards.iterdir())}
    miner = EvidenceMiner.fit([document for some in by_shard.values() for document in some])
    for name, documents in by_shard.items():
        expected = spans_of(map(miner.annotate, documents), "mined")
        assert read_spans(tmp_path / "out" / name) == expected
    (tmp_path / "out" / "2.jsonl").unlink()
    again = run("mine", "--shards", shards, "--out", tmp_path / "out", "--workers", 2)
    assert again.stdout.splitlines() == ["2.jsonl: 50 documents"]


@pytest.mark.slow
def test_two_workers_predict_what_one_process_does(shards: Path, tmp_path: Path):
    make_tiny_model(tmp_path / "tiny")
    few = tmp_path / "few"
    few.mkdir()
    for shard in sorted(shards.iterdir())[:2]:
        write_jsonl(few / shard.name, read_documents(shard)[:5])
    context = StageContext(
        name="sft",
        folder=tmp_path / "sft",
        base=tmp_path,
        seed=0,
        parents=(),
        prompt=PromptSettings(),
        window=None,
        model=ModelSettings(name="tiny", dtype="float32"),
        answer="lines",
        data=DataFiles(annotated=few / "0.jsonl"),
        reporter=QUIET,
    )
    context.folder.mkdir()
    trainer = {"per_device_train_batch_size": 4, "learning_rate": 1e-2}
    SftSettings(mixture={"documents": 1}, tokens=3000, trainer=trainer).run(context)
    model = context.folder / "model"
    options = ["--model", model, "--max-new-tokens", 24, "--workers", 2]
    done = run("predict", "--shards", few, "--out", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    predictor = Predictor(model, max_new_tokens=24, reporter=QUIET)
    for shard in few.iterdir():
        expected, _ = predictor.predict(read_documents(shard))
        assert read_predictions(tmp_path / "out" / shard.name) == expected


@pytest.mark.slow
def test_a_mistake_in_a_shard_is_one_line(shards: Path, tmp_path: Path):
    bad = tmp_path / "shards"
    bad.mkdir()
    (bad / "0.jsonl").write_text("{\n", encoding="utf-8")
    done = run("mine", "--shards", bad, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "0.jsonl:1: not JSON" in done.stderr and "Traceback" not in done.stderr
    none = run("mine", "--shards", tmp_path, "--out", tmp_path / "out")
    assert none.returncode == 2 and "has no .jsonl files" in none.stderr
