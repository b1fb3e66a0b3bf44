"""Making spans: candidates of every way, filtered, then shared out over the codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..corpus.types import Document, Span
from ..icd.codes import billable_codes, is_valid, title
from ..reporter import QUIET, Reporter
from .candidates import Candidate, wording_key
from .filters import Likeness, not_near, unambiguous
from .mined import mined_candidates
from .quotas import flattened, quotas
from .settings import SynthesisSettings
from .tabular import clean_terms, owners, tabular_candidates
from .teacher.ask import Teaching, teach

Implied = Callable[[str, str, Sequence[str]], bool]
_RIVALS = 4  # codes with the likest terms, among which a model has to find the right one


@dataclass
class Synthesis:
    """The spans that were made, and what became of the candidates.

    Attributes:
        made: candidates by source.
        dropped: candidates by the filter that dropped them; ``quota`` are those beyond a code's share.
        unknown: codes that ICD-10-CM does not have.
        teaching: what the teacher did, if one was asked.
    """

    spans: list[Span] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    teaching: Teaching | None = None

    def report(self) -> dict[str, Any]:
        """The counts, as JSON."""
        rules = Counter(rule for span in self.spans for rule in (span.model_extra or {}).get("rules", ()))
        return {
            "spans": len(self.spans),
            "codes": len({span.code for span in self.spans}),
            "by_source": dict(Counter(span.source for span in self.spans)),
            "by_rule": dict(rules.most_common()),
            "candidates": dict(self.made),
            "dropped": dict(self.dropped),
            "unknown_codes": len(self.unknown),
            **({"teacher": self.teaching.report()} if self.teaching else {}),
        }


def synthesize(
    settings: SynthesisSettings,
    marked: Sequence[Span],
    documents: Sequence[Document],
    seed: int,
    implied: Implied | None = None,
    base: Path = Path(),
    reporter: Reporter = QUIET,
) -> Synthesis:
    """Make spans. The same arguments give the same spans, as far as a teacher's answers are in the cache.

    Args:
        marked: spans and mentions to train on: none of their wordings is made again for the same code, nor
            for another one.
        documents: the documents to train on, whose codes ``codes: data`` means and which ``mined`` reads.
        implied: says whether words imply a code rather than the others; for ``filters.implied``.
        base: the folder from which a relative path of a local teacher starts.

    Raises:
        UserError: a teacher's endpoint refuses the requests, or there is no such model.
        WorkError: it can't be reached.
    """
    synthesis = Synthesis()
    counts = Counter(span.code for span in marked)
    counts.update(a.code for d in documents for a in d.annotations or () if not a.mentions)
    codes: list[str] = []
    for code in chosen_codes(settings, counts):
        (codes if is_valid(code) else synthesis.unknown).append(code)
    candidates: list[Candidate] = []
    for how in settings.how:
        if how == "tabular":
            candidates += tabular_candidates(codes, settings.tabular, seed)
        elif how == "mined":
            candidates += mined_candidates(codes, documents, settings.mining)
        else:
            assert settings.teacher is not None
            synthesis.teaching = teach(codes, settings.teacher, seed, base, reporter)
            candidates += synthesis.teaching.candidates
    synthesis.made.update(candidate.source for candidate in candidates)
    kept = _shared_out(_filtered(settings, candidates, marked, codes, implied, synthesis), settings, counts)
    synthesis.dropped["quota"] = synthesis.made.total() - synthesis.dropped.total() - len(kept)
    synthesis.spans = [candidate.span(title(candidate.code)) for candidate in kept]
    return synthesis


def chosen_codes(settings: SynthesisSettings, trained: Collection[str]) -> list[str]:
    """The codes to make spans for, some of which ICD-10-CM may not have.

    Args:
        trained: the codes of the training sets.
    """
    if settings.codes == "data":
        return sorted(trained)
    if settings.codes == "billable":
        return list(billable_codes())
    return list(dict.fromkeys(code for name in settings.codes for code in _below(name)))


def _below(name: str) -> list[str]:
    """The billable codes at or below a code; the name itself if there are none."""
    return [code for code in billable_codes() if code.startswith(name.upper())] or [name]


def _filtered(
    settings: SynthesisSettings,
    candidates: list[Candidate],
    marked: Sequence[Span],
    codes: Sequence[str],
    implied: Implied | None,
    synthesis: Synthesis,
) -> list[Candidate]:
    filters, dropped = settings.filters, synthesis.dropped
    known: dict[str, set[str]] = {}
    for span in marked:
        known.setdefault(wording_key(span.evidence), set()).add(span.code)
    if filters.ambiguous:
        whole = owners(settings.tabular)
        alone = list(unambiguous(candidates, known, lambda key: whole.get(key, ())))
        dropped["ambiguous"] += len(candidates) - len(alone)
        candidates = alone
    firsts = {(candidate.key, candidate.code): candidate for candidate in reversed(candidates)}
    new = [c for c in candidates if firsts[c.key, c.code] is c and c.code not in known.get(c.key, ())]
    dropped["known"] += len(candidates) - len(new)
    if filters.near is not None or implied is not None:
        terms = [(term.text, code) for code in codes for term in clean_terms(code, settings.tabular)]
        likeness = Likeness([*terms, *((span.evidence, span.code) for span in marked)])
        if filters.near is not None:
            new = list(not_near(new, likeness, filters.near, dropped))
        if implied is not None:
            new = list(_implied(new, likeness, implied, dropped))
    return new


def _implied(
    candidates: Iterable[Candidate], likeness: Likeness, implied: Implied, dropped: Counter[str]
) -> Iterator[Candidate]:
    for candidate in candidates:
        if implied(candidate.text, candidate.code, likeness.rivals(candidate, _RIVALS)):
            yield candidate
        else:
            dropped["implied"] += 1


def _shared_out(
    candidates: Sequence[Candidate], settings: SynthesisSettings, counts: Counter[str]
) -> list[Candidate]:
    """At most ``per_code`` of each code, the first ones, and ``max_spans`` in all."""
    by_code: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_code.setdefault(candidate.code, []).append(candidate)
    available = {code: min(len(of), settings.per_code) for code, of in by_code.items()}
    if settings.max_spans is not None:
        shares = flattened({code: counts[code] + 1 for code in by_code}, settings.temperature)
        available = quotas(available, shares, settings.max_spans)
    return [candidate for code, of in by_code.items() for candidate in of[: available[code]]]
