"""Time and memory of a corpus of synthetic notes: made, checked, described, cut into windows and tokenised.

    python benchmarks/scale.py --documents 20000 100000 --out build/bench/scale.json
    python benchmarks/scale.py --documents 1000000

Each part is a process of its own, whose memory is looked at every 0.2 seconds, that of its children included.
The first three are commands, which use one core. The last is what an SFT stage does before it trains, with
`datasets`: two processes read, window and tokenise into a table on the disk, which takes about 1 GB for a
million notes, beside 1 GB for the notes. ``--folder`` says where.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from watch import watched

SCL_RL = [sys.executable, "-c", "from scl_rl.cli.main import main; main()"]
SECONDS = 0.2  # between two looks at the memory
TEST_SHARE = 20  # annotated notes for one of the test set, with which they are compared
WINDOW = 128  # tokens of a note; the longer half of the notes has two windows


def main() -> None:
    """Measure each size and write the record."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--documents", type=int, nargs="+", default=[20_000], metavar="N")
    options.add_argument("--model", default="smollm2-135m", help="whose tokenizer counts")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--folder", type=Path, help="for the notes (default: a temporary one)")
    options.add_argument("--out", type=Path)
    options.add_argument("--examples", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.examples:
        print(json.dumps(tokenise(given.examples, given.model, given.processes)))
        return
    sizes = []
    for number in given.documents:
        with tempfile.TemporaryDirectory(prefix="scl-rl-scale-", dir=given.folder) as name:
            sizes.append(measure(number, Path(name), given.model, given.processes))
        print(json.dumps(sizes[-1], indent=2), flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        record = {"processes": given.processes, "window": WINDOW, "sizes": sizes}
        given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def measure(documents: int, folder: Path, model: str, processes: int) -> dict[str, Any]:
    """All parts of one size."""
    corpus = folder / "corpus"
    test = max(1, documents // TEST_SHARE)
    notes, tests = corpus / "annotated.jsonl", corpus / "test.jsonl"
    sizes = ["--documents", documents, "--test", test, "--dev", 0, "--code-only", 0]
    examples = [sys.executable, __file__, "--examples", notes, "--model", model, "--processes", processes]
    commands = {
        "make": ([*SCL_RL, "data", "make", "--out", corpus, *sizes], documents + test),
        "check": ([*SCL_RL, "data", "check", notes, tests], documents + test),
        "stats": ([*SCL_RL, "data", "stats", notes, tests], documents + test),
        "examples": (examples, documents),
    }
    parts: dict[str, dict[str, Any]] = {}
    for name, (command, number) in commands.items():
        taken = watched(command, SECONDS, keep_output=True)
        parts[name] = {
            "seconds": round(taken.seconds, 1),
            "cpu_seconds": round(taken.cpu_seconds, 1),
            "documents_per_second": round(number / taken.seconds),
            "peak_memory_gb": round(taken.peak_memory / 1e9, 3),
        }
    parts["examples"] |= json.loads(taken.output)
    return {"documents": documents, "test": test, "notes_gb": round(notes.stat().st_size / 1e9, 3), **parts}


def tokenise(notes: Path, model: str, processes: int) -> dict[str, Any]:
    """Do what an SFT stage does with its documents before it trains; in this process and its children."""
    import datasets
    from transformers import AutoTokenizer

    from scl_rl.answer.settings import PromptSettings
    from scl_rl.corpus.window_settings import WindowSettings
    from scl_rl.modeling.resolve import resolve_model
    from scl_rl.modeling.settings import ModelSettings
    from scl_rl.stages.contract import DataFiles, StageContext
    from scl_rl.stages.sft.examples import example_folder, example_table, token_counts
    from scl_rl.stages.sft.sources import pairs_of_file
    from scl_rl.stages.shared.prompting import Prompting

    datasets.disable_progress_bars()
    context = StageContext(
        name="scale",
        folder=notes.parent,
        base=Path.cwd(),
        seed=0,
        parents=(),
        model=ModelSettings(name=model),
        prompt=PromptSettings(),
        answer="lines",
        window=WindowSettings(tokens=WINDOW),
        data=DataFiles(annotated=notes),
    )
    prompting = Prompting.of(context, AutoTokenizer.from_pretrained(resolve_model(model, Path.cwd())))
    with example_folder(context) as folder:
        table = example_table(*pairs_of_file("documents", context, prompting), prompting, folder, processes)
        size = sum(Path(file["filename"]).stat().st_size for file in table.cache_files)
        return {"windows": len(table), "tokens": sum(token_counts(table)), "table_gb": round(size / 1e9, 3)}


if __name__ == "__main__":
    main()
