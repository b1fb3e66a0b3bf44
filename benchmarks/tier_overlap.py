"""How many of a synthetic corpus's wordings are among the spans synthesised for it, by tier and rule.

Wordings of tier D occur in none of the corpus's training sets. Those that the tables or our word lists have
are no longer unseen by a model that trains on synthesised spans: what it gains on tier D is partly theirs.

    python benchmarks/tier_overlap.py --codes 40 --wordings 4
    python benchmarks/tier_overlap.py --run runs/synthesis --out docs/results/synthesis-wordings.json

With a run of benchmarks/synthesis.yaml it also counts the gold codes of the test notes that a system cites,
those whose wording was synthesised apart from the others. All seeds of a system count together.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scl_rl.corpus.jsonl import read_documents, read_predictions
from scl_rl.corpus.sources.synthetic import SyntheticSource
from scl_rl.corpus.spans import spans_of
from scl_rl.corpus.synthetic.vocabulary import TIERS, vocabulary
from scl_rl.metrics.judged import judged
from scl_rl.synthesis.candidates import wording_key
from scl_rl.synthesis.make import synthesize
from scl_rl.synthesis.settings import SynthesisSettings


def main() -> None:
    """Make the corpus and the spans, count, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--codes", type=int, default=40)
    options.add_argument("--wordings", type=int, default=4)
    options.add_argument("--per-code", type=int, default=16)
    options.add_argument("--run", type=Path)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    source = SyntheticSource(codes=given.codes, wordings=given.wordings, documents=160, dev=0, test=1)
    sets = source.load()
    marked = [*sets.spans, *spans_of(sets.annotated, "annotated")]
    made = synthesize(SynthesisSettings(per_code=given.per_code), marked, sets.annotated, 0)
    rules = {(span.code, wording_key(span.text)): (span.model_extra or {})["rules"] for span in made.spans}
    found: dict[str, Counter[str]] = {tier: Counter() for tier in TIERS}
    for code, tiers in vocabulary(given.codes, 0, given.wordings).tiers().items():
        for text, tier in tiers.items():
            found[tier]["wordings"] += 1
            if by := rules.get((code, wording_key(text))):
                found[tier]["synthesised"] += 1
                found[tier]["by words of ours"] += bool({"abbreviations", "plain_words"} & set(by))
    report: dict[str, Any] = {"spans": len(made.spans), "tiers": found}
    if given.run:
        report["systems"] = cited(given.run / "stages", rules)
    text = json.dumps(report, indent=2) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    print(text)


def cited(
    stages: Path, synthesised: Collection[tuple[str, str]]
) -> dict[str, dict[str, dict[str, Counter[str]]]]:
    """System → tier → "synthesised" or "not" → how many gold codes there are, and how many are cited."""
    documents = read_documents(stages / "data" / "test.jsonl")
    found: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    for file in sorted(stages.glob("predict.*/predictions.jsonl")):
        system = found.setdefault(file.parent.name.removeprefix("predict.").partition(".seed")[0], {})
        for one in judged(documents, read_predictions(file, documents)):
            for annotation in one.document.annotations or ():
                words = " ".join(one.document.text[s:e] for s, e in (annotation.mentions or [[]])[0])
                known = "synthesised" if (annotation.code, wording_key(words)) in synthesised else "not"
                tier = system.setdefault(str((annotation.model_extra or {})["tier"]), {})
                counts = tier.setdefault(known, Counter())
                counts["codes"] += 1
                counts["cited"] += one.cited.get(annotation.code, False)
    return found


if __name__ == "__main__":
    main()
