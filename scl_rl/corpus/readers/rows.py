"""Rows of any table with named columns, as documents: a row per document, or per mention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any

from ...errors import Problem, UserError
from ...icd.normalise import ICD_10_CM, normalised, system_name
from ...suggest import nearest
from ..types import CODE, Annotation, Document, Fragment, Mention
from .misfits import Imported, Misfits, Policy, places_of

_CODE = re.compile(CODE)
_DIGITS = re.compile(r"[0-9]{1,9}")
_BETWEEN_CODES = re.compile(r"[\s,;|]+")


@dataclass(frozen=True)
class Columns:
    """What the columns are called. ``a.b`` is the part ``b`` of column ``a``, or of each item of that list.

    Attributes:
        id: rows with the same id make one document; without it, each row does.
        code: a code, a list of codes, or several in one text. Without it documents are unlabelled.
        start, end: offsets of mentions, one for each code; lists of them for discontinuous mentions.
        quote: the words of mentions; without offsets they are looked for.
    """

    text: str = "text"
    id: str | None = None
    code: str | None = None
    start: str | None = None
    end: str | None = None
    quote: str | None = None
    system: str | None = None
    group: str | None = None

    def check(self, known: Sequence[str], where: str) -> None:
        """Compare the names with the columns that there are.

        Raises:
            UserError: a column is missing, or of two that go together one is not named.
        """
        problems = [
            Problem(where, f"has no column '{name}'", _meant(name, known))
            for name in (getattr(self, field.name) for field in fields(self))
            if name is not None and name.partition(".")[0] not in known
        ]
        if (self.start is None) != (self.end is None):
            problems.append(Problem(where, "one of the columns of starts and ends is not named", "name both"))
        if self.code is None and (self.start or self.quote):
            problems.append(Problem(where, "mentions need the column of their codes"))
        if problems:
            raise UserError(*problems)


def documents_of_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    columns: Columns,
    system: str = ICD_10_CM,
    policy: Policy = "keep",
) -> Imported:
    """The documents of rows, in the order in which they first occur.

    Args:
        rows: each with where it stands.
        system: of the codes, where no column says it.

    Raises:
        UserError: the policy refuses a misfit.
    """
    misfits = Misfits(policy)
    documents: dict[str, Document] = {}
    for number, (where, row) in enumerate(rows):
        text = _value(row, columns.text)
        if not isinstance(text, str):
            misfits.unusable(where, f"column '{columns.text}' has no text")
            continue
        name = str(number) if columns.id is None else str(_value(row, columns.id) or "")
        if not name:
            misfits.unusable(where, f"column '{columns.id}' is empty")
            continue
        labelled: list[Annotation] | None = None if columns.code is None else []
        document = documents.setdefault(name, Document(id=name, text=text, annotations=labelled))
        if document.text != text:
            misfits.unusable(where, "another text than an earlier row of the same id")
            continue
        if columns.group is not None and (group := _value(row, columns.group)) is not None:
            document.group = str(group)  # type: ignore[attr-defined]
        if document.annotations is not None:
            for code, mention in _cited(where, row, text, columns, system, misfits):
                _add(document.annotations, code, mention)
    return Imported(list(documents.values()), misfits.finish())


def _meant(name: str, known: Sequence[str]) -> str:
    """A hint; columns are not listed, since the first line of a table without a header is one of its rows."""
    near = nearest(name.partition(".")[0], known, 0.8)
    return f"did you mean '{near}'?" if near else ""


def _cited(
    where: str, row: Mapping[str, Any], text: str, columns: Columns, system: str, misfits: Misfits
) -> Iterator[tuple[tuple[str, str], Mention | None]]:
    """The codes of a row, each with its system, and a mention if there is one."""
    written = _list(_value(row, columns.code))
    if len(written) == 1 and columns.start is None and columns.quote is None:
        written = [code for code in _BETWEEN_CODES.split(str(written[0])) if code]
    beside = {}
    for part in ("start", "end", "quote", "system"):
        name = getattr(columns, part)
        beside[part] = _parallel(_value(row, name), len(written)) if name else [None] * len(written)
        if len(beside[part]) != len(written):
            misfits.unusable(where, f"{len(written)} codes, but {len(beside[part])} in column '{name}'")
            return
    for code, start, end, quote, own in zip(written, *beside.values(), strict=True):
        named = system_name(str(own)) if own else system
        usual = normalised(str(code), named)
        if not _CODE.fullmatch(usual):
            misfits.unusable(where, "has something that is not a code in its column of codes")
            continue
        yield (named, usual), _mention(where, text, start, end, quote, misfits)


def _mention(where: str, text: str, start: Any, end: Any, quote: Any, misfits: Misfits) -> Mention | None:
    """The mention that offsets or words, or both, stand for."""
    words = quote if isinstance(quote, str) and quote.strip() else None
    if start is None and end is None:
        if words is None:
            return None
        places = places_of(text, words)
        if not places:
            misfits.unusable(where, f"a quote of {len(words)} characters that is not in the text")
            return None
        if len(places) > 1:
            misfits.odd(where, f"a quote that occurs {len(places)} times; the first is taken")
        return [places[0]]
    fragments = _fragments(start, end)
    if fragments is None:
        misfits.unusable(where, "offsets that are not whole numbers, as many starts as ends")
        return None
    return misfits.settle(where, text, fragments, words)


def _fragments(start: Any, end: Any) -> list[Fragment] | None:
    starts, ends = map(_offset, _list(start)), map(_offset, _list(end))
    pairs = [
        (first, last) for first, last in zip_longest(starts, ends) if first is not None and last is not None
    ]
    return pairs if len(pairs) == max(len(_list(start)), len(_list(end))) else None


def _offset(value: Any) -> int | None:
    """A whole number, which tables also write as text or with a fraction of 0."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _add(annotations: list[Annotation], code: tuple[str, str], mention: Mention | None) -> None:
    known = next((a for a in annotations if (a.system, a.code) == code), None)
    if known is None:
        known = Annotation(code=code[1], system=code[0], mentions=None)
        annotations.append(known)
    if mention and mention not in (known.mentions or []):
        known.mentions = [*(known.mentions or []), mention]


def _value(value: Any, name: str | None) -> Any:
    """What stands at a dotted name; a list of what stands there in each item of a list."""
    for part in (name or "").split("."):
        if isinstance(value, list):
            value = [item.get(part) if isinstance(item, Mapping) else None for item in value]
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return _plain(value)


def _plain(value: Any) -> Any:
    """None for what tables write where nothing is: not a number, or no text."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if value != value or value == "" else value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _parallel(value: Any, number: int) -> list[Any]:
    """One value for each code: a list as it is, and a single value for a single code or, of text, for all."""
    if isinstance(value, list) and number == 1 and len(value) != 1:
        return [value]  # the fragments of one mention
    return value if isinstance(value, list) else [value] * (number if isinstance(value, str) else 1)
