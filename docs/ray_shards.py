"""Predict for shards of notes, or mine their evidence as spans, on all machines of a Ray cluster.

    python docs/ray_shards.py predict --model runs/mine/stages/scl/model --shards notes --out predictions
    python docs/ray_shards.py mine --shards notes --out spans

A shard is a JSONL file of documents, as all of scl-rl reads them. The folder of the shards, the model and the
folder to write must be where every machine finds them under the same path, such as on a shared disk. Each
shard becomes a file of the same name. Shards that have one already are left out, so a job that was cut off
is started again with the same command.

Run with Ray 2.60.0 (`pip install 'ray[data]==2.60.0'`). RAY_ADDRESS names a cluster; without
it this machine is one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import ray
import ray.data

from scl_rl.corpus.jsonl import iter_documents, read_documents, write_jsonl
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.types import Document
from scl_rl.errors import UserError
from scl_rl.reporter import QUIET


class Predict:
    """A worker that loads the model once, and predicts one shard after the other."""

    def __init__(self, model: str, out: str, max_new_tokens: int) -> None:
        from scl_rl.stages.predict.work import Predictor

        self._predictor = Predictor(Path(model), max_new_tokens=max_new_tokens, reporter=QUIET)
        self._out = Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Write the predictions of a shard; if it is killed, the next try resumes from its answers."""
        shard = Path(row["shard"])
        _, counts = self._predictor.write(self._out / shard.name, read_documents(shard))
        return {"shard": shard.name, "documents": counts["documents"]}


class Mine:
    """A worker that finds the words for the codes of each document, with what was learned from all."""

    def __init__(self, miner: Any, out: str) -> None:
        self._miner = ray.get(miner[0])
        self._out = Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Write the spans that were found in a shard."""
        shard = Path(row["shard"])
        documents = read_documents(shard)
        write_jsonl(self._out / shard.name, spans_of(map(self._miner.annotate, documents), "mined"))
        return {"shard": shard.name, "documents": len(documents)}


class Notes(Collection[Document]):
    """The documents of all shards, read anew each time they are gone through."""

    def __init__(self, shards: list[Path]) -> None:
        self._shards = shards

    def __iter__(self) -> Iterator[Document]:
        for shard in self._shards:
            yield from iter_documents(shard)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, document: object) -> bool:
        return any(document == own for own in self)


def main() -> None:
    """Do all shards that are not done."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("what", choices=["predict", "mine"])
    options.add_argument("--shards", type=Path, required=True, help="a folder of JSONL files")
    options.add_argument("--out", type=Path, required=True, help="a folder")
    options.add_argument("--model", type=Path, help="for predict")
    options.add_argument("--max-new-tokens", type=int, default=256, help="for predict")
    options.add_argument("--workers", type=int, default=2, help="how many, each with one shard at a time")
    options.add_argument("--gpus", type=float, default=0, help="of each worker")
    given = options.parse_args()
    if (given.model is None) == (given.what == "predict"):
        options.error("predict takes a --model, mine takes none")
    shards = sorted(given.shards.resolve().glob("*.jsonl"))
    if not shards:
        options.error(f"--shards: {given.shards} has no .jsonl files")
    given.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    out = given.out.resolve()
    left = [shard for shard in shards if not (out / shard.name).exists()]
    if left:
        try:
            run(given, shards, left, out)
        except (ray.exceptions.RayTaskError, UserError) as error:
            mistake = getattr(error, "cause", error)
            if not isinstance(mistake, UserError):
                raise
            print(mistake, file=sys.stderr)
            sys.exit(2)


def run(given: argparse.Namespace, shards: list[Path], left: list[Path], out: Path) -> None:
    """Do the shards that are left, and say how each went."""
    ray.init(log_to_driver=False)
    if given.what == "predict":
        worker: Any = Predict
        arguments = [str(given.model.resolve()), str(out), given.max_new_tokens]
    else:
        from scl_rl.mining import EvidenceMiner

        # Counted over all notes, on this machine; the workers of a machine share one copy of it. In a list,
        # or Ray would look it up before the worker starts.
        worker, arguments = Mine, [[ray.put(EvidenceMiner.fit(Notes(shards)))], str(out)]
    rows = ray.data.from_items([{"shard": str(shard)} for shard in left], override_num_blocks=len(left))
    done = rows.map(
        worker,
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(size=min(given.workers, len(left))),
        num_gpus=given.gpus,
    )
    for row in done.iter_rows():
        print(f"{row['shard']}: {row['documents']:,} documents", flush=True)


if __name__ == "__main__":
    main()
