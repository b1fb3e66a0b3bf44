"""Examples to train on, in tables of `datasets` that lie on the disk: a million of them take no memory."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from datasets import Dataset, Features, List, Value
from datasets.exceptions import DatasetGenerationError

from ...answer.prompt import Prompt
from ...atomic import PRIVATE_FOLDER
from ...modeling import ranks
from ...modeling.generate import encode_prompt
from ..contract import StageContext
from ..shared.prompting import Prompting

Example = dict[str, list[int]]
Pairs = Callable[[range], Iterator[tuple[Prompt, str]]]
"""Prompts and answers of the records that have these numbers, in order."""

FEATURES = Features({"input_ids": List(Value("int32")), "completion_mask": List(Value("int8"))})


@contextmanager
def example_folder(context: StageContext) -> Iterator[Path]:
    """A folder for tables within the stage's own, gone at the end: tokens tell as much as the notes do.

    Each of several processes has its own.
    """
    folder = context.folder / f".examples-{ranks.rank()}"
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir(PRIVATE_FOLDER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def example_table(pairs: Pairs, records: int, prompting: Prompting, folder: Path, processes: int) -> Dataset:
    """The examples of a source, tokenised once.

    Args:
        pairs: goes to each process, with its part of the numbers.
        records: how many records the source has.
        folder: where the table is kept; for this table alone.

    Returns:
        A dataset with the columns of an :data:`Example`.

    Raises:
        UserError: a record can't be read.
        OSError: the disk is full.
    """
    if next(pairs(range(records)), None) is None:  # of which `datasets` makes no table
        return Dataset.from_dict({name: [] for name in FEATURES}, FEATURES)
    parts = [range(records * n // processes, records * (n + 1) // processes) for n in range(processes)]
    try:
        return Dataset.from_generator(
            _examples,
            features=FEATURES,
            cache_dir=str(folder),
            gen_kwargs={"parts": parts, "pairs": pairs, "prompting": prompting},
            num_proc=processes if processes > 1 else None,
            fingerprint=folder.name,  # else all that `pairs` holds would be pickled, to be hashed
        )
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None


def _examples(parts: Sequence[range], pairs: Pairs, prompting: Prompting) -> Iterator[Example]:
    for part in parts:
        for asked, answer in pairs(part):
            yield example(asked, answer, prompting)


def example(asked: Prompt, answer: str, prompting: Prompting) -> Example:
    """The tokens of a prompt and its answer, and 1 for those of the answer, on which the loss is."""
    prompt = encode_prompt(prompting.tokenizer, asked)
    written = prompting.tokenizer(answer, add_special_tokens=False)["input_ids"]
    written = [*written, prompting.tokenizer.eos_token_id]
    return {"input_ids": prompt + written, "completion_mask": [0] * len(prompt) + [1] * len(written)}


def token_counts(table: Dataset) -> array[int]:
    """The number of tokens of each example."""
    counts = array("i")
    for chunk in table.data["input_ids"].chunks:
        counts.frombytes(chunk.value_lengths().to_numpy().tobytes())
    return counts
