"""How many spans each code gets, so that rare codes have some."""

from __future__ import annotations

from collections.abc import Mapping


def flattened(counts: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Code → its share, in proportion to count^(1/temperature).

    With a temperature of 1 shares are as the counts; the higher it is, the more alike they get. It is the
    temperature sampling of multilingual models, with codes in place of languages (Arivazhagan et al. 2019,
    arXiv 1907.05019, section 4.2).
    """
    weights = {code: count ** (1 / temperature) for code, count in counts.items()}
    whole = sum(weights.values())
    return {code: weight / whole for code, weight in weights.items()} if whole else weights


def quotas(available: Mapping[str, int], shares: Mapping[str, float], number: int) -> dict[str, int]:
    """Code → how many of its candidates to take, ``number`` in all, or as many as there are.

    Every code gets its share, rounded down; what codes have too few for goes to the others, by their shares.
    """
    taken = dict.fromkeys(available, 0)
    number = min(number, sum(available.values()))
    while (left := number - sum(taken.values())) > 0:
        open_ = {code: shares.get(code, 0.0) for code in available if taken[code] < available[code]}
        whole = sum(open_.values())
        if not whole:
            open_, whole = dict.fromkeys(open_, 1.0), float(len(open_))
        wanted = {code: left * share / whole for code, share in open_.items()}
        given = {code: min(int(want), available[code] - taken[code]) for code, want in wanted.items()}
        if not any(given.values()):
            # Less than one each: the largest shares get one, those of the fewest first among equals.
            order = sorted(open_, key=lambda code: (-wanted[code], taken[code], code))
            given = dict.fromkeys(order[:left], 1)
        for code, more in given.items():
            taken[code] += more
    return taken
