"""brat's standoff format: a folder of ``NAME.txt``, each with its annotations in ``NAME.ann``.

See https://brat.nlplab.org/standoff.html. Of an annotation file these lines are read:
``T1<TAB>TYPE 0 5;10 15<TAB>words``, a mention; ``N1<TAB>Reference T1 ICD-10-CM:E11.9<TAB>title``, its
normalisation; ``A1<TAB>NAME T1 VALUE``, an attribute; ``#1<TAB>AnnotatorNotes T1<TAB>note``, a note on it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Problem, UserError
from ...icd.normalise import ICD_10_CM, is_like_a_code, normalised, system_name
from ..types import CODE, Annotation, Document, Fragment
from .misfits import Imported, Misfits, Policy

_ENTITY = re.compile(r"(\S+) ([0-9]{1,9} [0-9]{1,9}(?:;[0-9]{1,9} [0-9]{1,9})*)")
_REFERENCE = re.compile(r"\S+ (T\S+) ([^\s:]+):(\S+)")
_ATTRIBUTE = re.compile(r"(\S+) (T\S+) (\S+)")
_NOTE = re.compile(r"\S+ (T\S+)")
_CODE = re.compile(CODE)


@dataclass
class _Entity:
    where: str
    type: str
    fragments: list[Fragment]
    reference: str
    codes: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """How surely they are meant, the lowest number first → (system, code)."""


def read_brat(
    folder: Path, system: str = ICD_10_CM, types: Collection[str] = (), policy: Policy = "keep"
) -> Imported:
    """Read a folder, and the folders in it; a document's id is its path without the ending.

    The codes of a mention are those of its normalisations; without any, of attributes and then notes that are
    codes of the system (separated by white space, commas or semicolons); else its type, if that is one, with
    or without its dot (``E119``, ``E11_9``). Mentions without a code are left out.

    Args:
        system: of codes that don't say theirs.
        types: only mentions of these types; then one without a code is a misfit.

    Raises:
        UserError: there are no texts; all texts that can't be read; all lines that the policy refuses.
    """
    files = sorted(file for file in folder.rglob("*.txt") if file.is_file())
    if not files:
        raise UserError(Problem(str(folder), "has no .txt files", "brat keeps NAME.txt and NAME.ann"))
    misfits = Misfits(policy)
    problems: list[Problem] = []
    documents = []
    for file in files:
        text, lines = _decoded(file, problems), _decoded(file.with_suffix(".ann"), problems)
        if text is None:
            continue
        name = file.relative_to(folder).with_suffix("").as_posix()
        annotations = None
        if lines is not None:
            entities = _entities(file.with_suffix(".ann"), lines, system, misfits)
            annotations = _annotations(text, entities, system, types, misfits)
        documents.append(Document(id=name, text=text, annotations=annotations))
    if problems:
        raise UserError(*problems)
    return Imported(documents, misfits.finish())


def _decoded(file: Path, problems: list[Problem]) -> str | None:
    """A file's text, line ends as they are; None if there is none, or it is not UTF-8."""
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(Problem(str(file), f"can't be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        problems.append(Problem(str(file), f"not UTF-8 at byte {error.start + 1}"))
    return None


def _entities(file: Path, text: str, system: str, misfits: Misfits) -> list[_Entity]:
    """The mentions of an annotation file, with all that might be their codes."""
    entities: dict[str, _Entity] = {}
    others: list[tuple[str, str, list[str]]] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        where = f"{file}:{number}"
        name, *fields = line.split("\t")
        if not name.startswith("T"):
            others.append((where, name, fields))
            continue
        found = _ENTITY.fullmatch(fields[0]) if len(fields) == 2 else None
        if found is None:
            misfits.unusable(where, "is not a mention", "T1<TAB>TYPE start end<TAB>words")
            continue
        if name in entities:
            misfits.unusable(where, f"its id is already at {entities[name].where}")
            continue
        pairs = [pair.split(" ") for pair in found[2].split(";")]
        fragments = [(int(start), int(end)) for start, end in pairs]
        entities[name] = _Entity(where, found[1], fragments, fields[1])
    for where, name, fields in others:
        for rank, entity, one, code in _named(name, fields, system):
            if entity not in entities:
                misfits.unusable(where, "is about a mention that is not there")
            else:
                entities[entity].codes[rank].append((one, code))
    return list(entities.values())


def _named(name: str, fields: list[str], system: str) -> Iterator[tuple[int, str, str, str]]:
    """What a line other than a mention may say of codes: its rank, mention, system and code."""
    first = fields[0] if fields else ""
    if name.startswith("N") and (found := _REFERENCE.fullmatch(first)):
        yield 0, found[1], system_name(found[2]), found[3]
    elif name.startswith("A") and (found := _ATTRIBUTE.fullmatch(first)):
        if is_like_a_code(found[3], system):
            yield 1, found[2], system, found[3]
    elif name.startswith("#") and len(fields) == 2 and (found := _NOTE.fullmatch(first)):
        words = re.split(r"[\s,;]+", fields[1])
        yield from ((2, found[1], system, word) for word in words if is_like_a_code(word, system))


def _annotations(
    text: str, entities: list[_Entity], system: str, types: Collection[str], misfits: Misfits
) -> list[Annotation]:
    found: dict[tuple[str, str], Annotation] = {}
    for entity in entities:
        if types and entity.type not in types:
            continue
        codes = entity.codes[min(entity.codes)] if entity.codes else []
        if not codes and is_like_a_code(entity.type.replace("_", "."), system):
            codes = [(system, entity.type.replace("_", "."))]
        if not codes:
            if types:
                misfits.unusable(entity.where, "a mention of this type without a code")
            continue
        mention = misfits.settle(entity.where, text, entity.fragments, entity.reference)
        for name, written in codes:
            code = normalised(written, name)
            if not _CODE.fullmatch(code):
                misfits.unusable(entity.where, "its normalisation is not a code")
                continue
            known = found.setdefault((name, code), Annotation(code=code, system=name, mentions=None))
            if mention and mention not in (known.mentions or []):
                known.mentions = [*(known.mentions or []), mention]
    return list(found.values())
