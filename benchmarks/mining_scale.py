"""Time and memory of the miner on notes of the shape of MIMIC's: 12,000 characters, 8,000 codes, 12 a note.

The notes are invented while they are read, so that they take no memory: sentences from a stock that all notes
share and sentences of their own, of words drawn by Zipf's law, with one of four wordings for each code. How
often a code occurs falls by Zipf's law too.

    python benchmarks/mining_scale.py --notes 7625 15250 30500 --out build/bench/mining_scale.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scl_rl.corpus.types import Annotation, Document
from scl_rl.mining import EvidenceMiner

CHARACTERS, CODES, CODES_A_NOTE = 12_000, 8_000, 12
WORDS, STOCK, WORDINGS = 120_000, 300_000, 4
OWN_SENTENCES = 0.4  # share that no other note has
MINED = 300  # notes whose evidence is mined, for the time a note takes


class InventedNotes(Collection[Document]):
    """The same notes each time they are gone through."""

    def __init__(self, number: int) -> None:
        self._number = number
        rng = np.random.default_rng(0)
        letters = np.array(list("etaoinshrdlcumwfgypbvk"))
        lengths = rng.integers(3, 11, WORDS)
        self._words = np.array(["".join(rng.choice(letters, n)) for n in lengths], dtype=object)
        self._often = _zipf(WORDS)
        self._codes_often = _zipf(CODES, flat=50)
        self._stock = [self._sentence(rng) for _ in range(STOCK)]
        self._stock_often = _zipf(STOCK, flat=20)
        self.wordings = [
            [" ".join(self._words[rng.integers(1000, WORDS, rng.integers(1, 4))]) for _ in range(WORDINGS)]
            for _ in range(CODES)
        ]

    def __len__(self) -> int:
        return self._number

    def __contains__(self, document: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Document]:
        for number in range(self._number):
            yield self.note(number)[0]

    def note(self, number: int) -> tuple[Document, dict[str, str]]:
        """A note, and the wording of each of its codes."""
        rng = np.random.default_rng((1, number))
        codes = np.unique(np.searchsorted(self._codes_often, rng.random(CODES_A_NOTE)))
        put = {f"C{code:04}": self.wordings[code][rng.integers(WORDINGS)] for code in codes}
        sentences = [f"Has {wording} now" for wording in put.values()]
        missing = CHARACTERS - sum(map(len, sentences))
        draws = np.searchsorted(self._stock_often, rng.random(missing // 40))
        for draw in draws:
            sentence = self._sentence(rng) if rng.random() < OWN_SENTENCES else self._stock[draw]
            sentences.append(sentence)
            missing -= len(sentence) + 2
            if missing <= 0:
                break
        rng.shuffle(sentences)
        annotations = [Annotation.model_construct(code=code, mentions=None) for code in put]
        text = ". ".join(sentences)
        return Document.model_construct(id=str(number), text=text, annotations=annotations), put

    def _sentence(self, rng: np.random.Generator) -> str:
        drawn = np.searchsorted(self._often, rng.random(rng.integers(5, 16)))
        return " ".join(self._words[drawn])


def _zipf(number: int, flat: int = 3) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Cumulative probabilities."""
    often = 1 / (np.arange(number) + flat)
    return np.cumsum(often / often.sum())


def measure(number: int) -> dict[str, Any]:
    """Learn from so many notes, in this process."""
    notes = InventedNotes(number)
    before = time.process_time()
    characters = sum(len(note.text) for note in notes)
    inventing = time.process_time() - before
    miner = EvidenceMiner.fit(notes)
    fitting = time.process_time() - before - inventing
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = right = codes = 0
    seconds = 0.0
    for at in range(0, number, max(1, number // MINED)):
        document, put = notes.note(at)
        before = time.process_time()
        mined = miner.mine(document.text, put)
        seconds += time.process_time() - before
        codes += len(put)
        found += len(mined)
        for code, evidence in mined.items():
            ((start, end),) = evidence.mentions[0]
            right += put[code] in document.text[start:end] or document.text[start:end] in put[code]
    return {
        "notes": number,
        "characters": characters,
        "inventing_seconds": round(inventing, 1),  # once; fitting goes through the notes four times
        "fit_seconds": round(fitting, 1),
        "peak_memory_gb": round(peak / 1e6, 2),
        "mining_ms_a_note": round(1000 * seconds / MINED, 1),
        "codes": codes,
        "found": found,
        "right": right,
    }


def main() -> None:
    """Each number of notes in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--notes", type=int, nargs="+", required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out is None:
        print(json.dumps(measure(options.notes[0])))
        return
    rows = []
    for number in options.notes:
        done = subprocess.run(
            [sys.executable, __file__, "--notes", str(number)], check=True, capture_output=True, text=True
        )
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"sizes": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
