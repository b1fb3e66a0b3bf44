"""How honest are compare's intervals? Simulated systems whose true difference is known.

Documents with codes of very different frequency; each system finds a code with a chance that depends on the
system, on the code and on how hard the document is, and invents others. The truth is measured on 20,000
documents. Beside compare's interval stands the bootstrap's percentile interval from the same draws.

    python benchmarks/compare_coverage.py --out build/bench/compare_coverage.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from scl_rl.metrics.resample import Figure, MacroF1, MicroF1, Ratio, interval, randomisation_p, sampled, value

POPULATION = 20_000
CASES = (  # codes, codes a document on average, documents
    (40, 2.5, 30),
    (40, 2.5, 100),
    (40, 2.5, 250),
    (300, 8.0, 100),
    (300, 8.0, 250),
)
SKILLS = {"different": (0.0, 0.4), "as good": (0.2, 0.2)}


def population(
    rng: np.random.Generator, codes: int, each: float, skills: tuple[float, float]
) -> list[dict[str, Figure]]:
    """The figures of two systems on the whole population."""
    often = 1 / np.arange(2, codes + 2)
    often *= each / often.sum()
    gold = rng.random((POPULATION, codes)) < np.minimum(often, 0.9)
    ease = rng.normal(0, 1, (POPULATION, 1)) + rng.normal(0, 0.7, (1, codes))
    systems = []
    for skill in skills:
        found = rng.random((POPULATION, codes)) < 1 / (1 + np.exp(-(ease + skill)))
        invented = rng.random((POPULATION, codes)) < 0.12 * often * np.exp(-skill)
        tp, fp, fn = gold & found, ~gold & invented, gold & ~found
        micro = np.stack([tp.sum(1), fp.sum(1), fn.sum(1)], axis=1).astype(float)
        systems.append(
            {
                "micro_f1": MicroF1(micro),
                "macro_f1": MacroF1(np.hstack([2 * tp, 2 * tp + 1 * fp + fn]).astype(float)),
                "precision": Ratio(np.stack([micro[:, 0], micro[:, 0] + micro[:, 1]], axis=1)),
            }
        )
    return systems


def study(
    whole: list[dict[str, Figure]], name: str, documents: int, studies: int, draws: int
) -> dict[str, Any]:
    """Shares of samples whose interval holds the truth, and in which the systems are called different."""
    rng = np.random.default_rng(documents)
    truth = value(whole[1][name]) - value(whole[0][name])
    held, percentile, called = [], [], []
    for number in range(studies):
        rows = rng.integers(0, POPULATION, documents)
        figures = [type(system[name])(system[name].counts[rows]) for system in whole]
        a, b = (sampled([figure], draws, number) for figure in figures)
        low, high = interval(a, b)
        held.append(low <= truth <= high)
        low, high = np.quantile(b.drawn - a.drawn, [0.025, 0.975])
        percentile.append(low <= truth <= high)
        called.append(randomisation_p(figures[:1], figures[1:], draws, number) < 0.05)
    return {
        "true_difference": truth,
        "coverage": float(np.mean(held)),
        "coverage_percentile": float(np.mean(percentile)),
        "called_different": float(np.mean(called)),
    }


def main() -> None:
    """Run the study and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=500)
    options = parser.parse_args()
    began = time.monotonic()
    results = []
    for codes, each, documents in CASES:
        for systems, skills in SKILLS.items():
            whole = population(np.random.default_rng(0), codes, each, skills)
            found = {n: study(whole, n, documents, options.studies, options.draws) for n in whole[0]}
            results.append({"codes": codes, "documents": documents, "systems": systems, **found})
    figures = {
        "studies": options.studies,
        "draws": options.draws,
        "seconds": round(time.monotonic() - began, 1),
        "results": results,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
