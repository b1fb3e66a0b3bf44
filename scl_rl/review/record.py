"""The review file: what one auditor decided. The page writes it, :mod:`.apply` reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..corpus.types import CODE, Document, Fragment
from ..errors import Problem, UserError

FORMAT = "scl-rl review 1"
Source = Literal["model", "gold", "reviewer"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReviewedMention(_Record):
    """Words, judged apart from their code.

    Attributes:
        fragments: where they stand, in code points; None for a quote that is not in the note.
        verdict: None as long as nobody decided.
        alone: whether the words alone, without the note, imply the code.
    """

    fragments: list[Fragment] | None
    source: Source
    verdict: Literal["right", "wrong"] | None = None
    alone: Literal["yes", "no"] | None = None


class ReviewedCode(_Record):
    """A code: the model's, one that it missed, or one that the reviewer added.

    Attributes:
        code: as it stands after the review.
        proposed: as it was proposed; None where the reviewer added it.
        verdict: ``changed``: ``code`` is another than was proposed.
        at: when it was last decided on, ISO 8601.
    """

    code: str = Field(pattern=f"^{CODE}$")
    proposed: str | None
    source: Source
    verdict: Literal["right", "wrong", "changed"] | None = None
    mentions: list[ReviewedMention]
    comment: str = ""
    at: str | None = None

    @property
    def kept(self) -> bool:
        """Whether the reviewer lets the code stand, as it was or changed."""
        return self.verdict in ("right", "changed")


class ReviewedNote(_Record):
    """A note. ``seconds``: how long the reviewer worked on it."""

    id: str
    done: bool
    seconds: float = Field(0.0, ge=0)
    codes: list[ReviewedCode]


class Stratum(_Record):
    """A part of the notes from which some were drawn: how many there are, and which were drawn."""

    name: str
    size: int = Field(ge=1)
    drawn: list[str]


class Review(_Record):
    """All that one reviewer decided.

    Attributes:
        fingerprint: of the notes and predictions; see :func:`.notes.fingerprint`.
        sample: how the notes were drawn; None if the page had all of them.
    """

    format: Literal["scl-rl review 1"]
    fingerprint: str
    reviewer: str
    started: str | None = None
    saved: str | None = None
    sample: list[Stratum] | None = None
    notes: list[ReviewedNote]


def read_review(path: Path, fingerprint: str, documents: Mapping[str, Document]) -> Review:
    """A review file.

    Raises:
        UserError: it can't be read, was made of other notes or predictions, or doesn't fit them; all that is
            wrong.
    """
    try:
        review = Review.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(Problem(str(path), f"can't be read: {error.strerror}")) from error
    except ValidationError as error:
        raise UserError(*_unreadable(path, error)) from None
    if review.fingerprint != fingerprint:
        what = "was made of other notes or other predictions"
        raise UserError(Problem(str(path), what, "name the files that its page was made from"))
    problems = list(_problems(str(path), review, documents))
    if problems:
        raise UserError(*problems)
    return review


def _unreadable(path: Path, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_input=False, include_url=False)[:5]:
        where = ".".join(map(str, detail["loc"]))
        yield Problem(
            f"{path}: {where}" if where else str(path), f"no review file of this version: {detail['msg']}"
        )


def _problems(where: str, review: Review, documents: Mapping[str, Document]) -> Iterator[Problem]:
    if not review.reviewer.strip():
        yield Problem(where, "the reviewer has no name", "fill in the key 'reviewer'")
    seen: set[str] = set()
    for note in review.notes:
        if note.id not in documents:
            yield Problem(where, f"there is no document '{note.id}'")
            continue
        if note.id in seen:
            yield Problem(where, f"note '{note.id}' is there twice")
        seen.add(note.id)
        length = len(documents[note.id].text)
        for code in note.codes:
            for mention in code.mentions:
                if mention.fragments == []:
                    yield Problem(
                        where, f"note '{note.id}': code {code.code} has a mention without fragments"
                    )
                for start, end in mention.fragments or ():
                    if not 0 <= start < end <= length:
                        what = f"code {code.code} has a fragment [{start}, {end}] outside the text"
                        yield Problem(where, f"note '{note.id}': {what} of {length} characters")
