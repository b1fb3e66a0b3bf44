"""What is odd about the annotations of one document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from ..corpus.types import Annotation, Document, Mention
from ..icd.advice import excluded
from ..icd.normalise import CIE_10_ES, ICD_10_CM, system_name
from ..icd.systems import CodeSystem, Status

_CODE_KINDS = {
    Status.UNKNOWN: ("unknown-code", "is not in"),
    Status.RETIRED: ("retired-code", "is no longer billable in"),
    Status.NOT_BILLABLE: ("not-billable", "has more specific codes below it in"),
    Status.CUT: ("no-seventh", "lacks its seventh character in"),
}
Odd = tuple[str, str, str]
"""Kind, what is wrong, what to do."""


def odd_code(code: str, name: str, systems: dict[str, CodeSystem]) -> Iterator[Odd]:
    """What is odd about a code of the system of that name."""
    system = systems.get(system_name(name))
    if system is None:
        hint = f"give its codes: --code-set {name}=FILE"
        yield "unchecked-system", f"codes of {name} are not checked", hint
        return
    if (usual := system.normalised(code)) != code:
        yield "spelling", f"code {code} is written {usual} in {name}", ""
    status = system.status(code)
    if status in _CODE_KINDS:
        kind, what = _CODE_KINDS[status]
        below = [one for one in system.children(code) if system.status(one) is Status.BILLABLE]
        hint = f"such as {', '.join(below[:3])}" if below else ""
        yield kind, f"code {code} {what} {name}", hint


def odd_annotations(document: Document) -> Iterator[Odd]:
    """What contradicts or repeats itself, and mentions that can't be what was meant."""
    annotations = document.annotations or []
    by_code: dict[tuple[str, str], list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        by_code[annotation.system, annotation.code].append(annotation)
    for (_, code), same in by_code.items():
        if len(same) > 1:
            known = len({annotation.mentions is None for annotation in same})
            more = ", with and without evidence" if known > 1 else ""
            what = f"{document.id}: code {code} is annotated {len(same)} times{more}"
            yield "contradiction", what, "one annotation per code"
    for annotation in annotations:
        yield from _odd_mentions(document, annotation)


def excluding_pairs(document: Document) -> Iterator[tuple[str, str]]:
    """Codes of a document that an Excludes1 note of ICD-10-CM forbids to code together."""
    codes = {a.code for a in document.annotations or () if a.system in (ICD_10_CM, CIE_10_ES)}
    yield from (pair for pair in combinations(sorted(codes), 2) if excluded(*pair))


def _odd_mentions(document: Document, annotation: Annotation) -> Iterator[Odd]:
    seen: list[Mention] = []
    for mention in annotation.mentions or ():
        where = f"{document.id}: code {annotation.code} at {mention[0][0] if mention else 0}"
        if mention in seen:
            yield "repeated-mention", f"{where} has the same mention again", ""
        seen.append(mention)
        if any(a[1] > b[0] for a, b in pairwise(sorted(mention))):
            yield "overlap", f"{where} has fragments that overlap", ""
        words = "".join(document.text[start:end] for start, end in mention)
        if not any(character.isalnum() for character in words):
            yield "blank-mention", f"{where} has a mention without a letter or digit", ""
        elif _cuts_a_word(document.text, mention):
            yield "inside-word", f"{where} begins or ends inside a word", ""


def _cuts_a_word(text: str, mention: Sequence[tuple[int, int]]) -> bool:
    return any(
        0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
        for fragment in mention
        for at in fragment
    )
