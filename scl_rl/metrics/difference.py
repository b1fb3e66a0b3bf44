"""Two systems on the same documents: how much they differ, how surely, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .candidate import FIGURES, Candidate
from .resample import LEVEL, Figure, Sampled, holm, interval, randomisation_p, sampled, value

FEW_DOCUMENTS = 30
SPOKEN = {"joint_f1": "joint F1", "code_micro_f1": "code F1 (no evidence is annotated)"}


@dataclass
class System:
    """One candidate, or several seeds of one."""

    name: str
    runs: list[Candidate]
    sums: dict[str, list[Figure]] = field(default_factory=dict)

    def spread(self, figure: str) -> float | None:
        """A figure's standard deviation between seeds; None for a single run."""
        if len(self.runs) < 2:
            return None
        return float(np.std([value(one) for one in self.sums[figure]], ddof=1))


def systems_of(candidates: Sequence[Candidate]) -> dict[str, System]:
    """The systems by name, each with its figures ready to be drawn from."""
    codes = sorted({code for candidate in candidates for code in candidate.codes})
    systems: dict[str, System] = {}
    for candidate in candidates:
        system = systems.setdefault(candidate.system, System(candidate.system, []))
        system.runs.append(candidate)
        for name, sums in candidate.sums(codes).items():
            system.sums.setdefault(name, []).append(sums)
    return systems


def differences(
    systems: Mapping[str, System], wanted: Sequence[tuple[str, str]], draws: int, seed: int
) -> list[dict[str, Any]]:
    """Each second system compared with the first, all p-values of a figure corrected for the number of pairs.

    Returns:
        For each pair ``a``, ``b``, ``figures`` (``difference`` = b − a with the bounds ``low`` and ``high``
        of its 95% interval over documents, ``p``, ``p_corrected``, and where there are several seeds the
        standard deviations between them, ``a_seeds`` and ``b_seeds``), ``wins``, ``ties`` and ``losses`` of b
        in documents, ``conclusion``.
    """
    pairs: list[dict[str, Any]] = [
        {"a": a, "b": b, "figures": {}, **_duel(systems[a], systems[b])} for a, b in wanted
    ]
    for name in FIGURES:
        drawn = {who: sampled(system.sums[name], draws, seed) for who, system in systems.items()}
        ps = [randomisation_p(systems[a].sums[name], systems[b].sums[name], draws, seed) for a, b in wanted]
        for pair, p, corrected in zip(pairs, ps, holm(ps), strict=True):
            a, b = pair["a"], pair["b"]
            found = {**_difference(drawn[a], drawn[b]), "p": p, "p_corrected": corrected}
            spread = {"a_seeds": systems[a].spread(name), "b_seeds": systems[b].spread(name)}
            pair["figures"][name] = {**found, **spread}
    for pair in pairs:
        pair["conclusion"] = in_words(pair, len(systems[pair["a"]].runs[0].judged))
    return pairs


def _difference(a: Sampled, b: Sampled) -> dict[str, float]:
    low, high = interval(a, b)
    return {"difference": b.value - a.value, "low": low, "high": high}


def _duel(a: System, b: System) -> dict[str, int]:
    """In how many documents b has the higher joint F1, its mean over seeds.

    A document without gold codes is 1 for an empty answer and 0 for any other; one whose evidence was never
    annotated is left out.
    """
    ours, theirs = (np.mean([joint_f1_by_document(run) for run in system.runs], axis=0) for system in (b, a))
    return {
        "wins": int((ours > theirs + 1e-9).sum()),
        "ties": int((np.abs(ours - theirs) <= 1e-9).sum()),
        "losses": int((theirs > ours + 1e-9).sum()),
    }


def joint_f1_by_document(candidate: Candidate) -> list[float]:
    """The joint F1 of each document with evidence; 1 where there is no code, neither gold nor predicted."""
    return [
        counts.f1 if counts.tp or counts.fp or counts.fn else 1.0
        for counts, one in zip(candidate.joint, candidate.judged, strict=True)
        if one.gold.has_evidence
    ]


def in_words(pair: Mapping[str, Any], documents: int) -> str:
    """What may be concluded, in points of 100: of joint F1, or of code F1 where no evidence is annotated.

    Args:
        documents: how many there are, with evidence or without.
    """
    with_evidence = pair["wins"] + pair["ties"] + pair["losses"]
    documents = with_evidence or documents
    main = "joint_f1" if with_evidence else "code_micro_f1"
    found = pair["figures"][main]
    difference, low, high = (round(100 * found[bound], 1) + 0.0 for bound in ("difference", "low", "high"))
    p = f"p = {found['p_corrected']:.3f}" if found["p_corrected"] >= 0.001 else "p < 0.001"
    verdict = "is not distinguishable from"
    if found["p_corrected"] < 1 - LEVEL and (found["low"] > 0 or found["high"] < 0):
        verdict = "is better than" if found["difference"] > 0 else "is worse than"
    said = (
        f"{pair['b']} {verdict} {pair['a']} in {SPOKEN[main]}: {difference:+.1f} points [{low}, {high}], {p}"
    )
    spread = max((s for s in (found["a_seeds"], found["b_seeds"]) if s is not None), default=0.0)
    if spread > abs(found["difference"]):
        said += f"; seeds of one of them differ by more (standard deviation {100 * spread:.1f} points)"
    if with_evidence:
        said += f"; {pair['wins']} documents won, {pair['ties']} tied, {pair['losses']} lost"
    if documents < FEW_DOCUMENTS:
        said += f"; {documents} documents are too few to trust the interval"
    return said
