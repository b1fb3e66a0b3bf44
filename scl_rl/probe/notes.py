"""Documents made ready for the bench: their gold answers, their sentences, and what the others hold."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from ..answer.grammar import Answer, AnswerFormat, AnswerLine, Quote, QuotedMention, render
from ..answer.prompt import Prompt, prompt_for
from ..corpus.types import Document, Fragment
from ..corpus.windows import sentences
from ..errors import UserError
from ..rewards_api.call import completion_of, row_of
from ..rewards_api.protocol import Completion, Row
from ..scoring import GoldDocument
from ..scoring.match import TOKEN

MAX_BATCH = 64
MAX_CHARACTERS = 1_000_000  # of a batch, unless a single completion is longer


class Note:
    """A labelled document, its prompt and its gold answer.

    Attributes:
        answer: the answer that cites all gold evidence.
    """

    def __init__(self, document: Document, prompt: Prompt) -> None:
        self.document = document
        self.prompt = prompt
        self.gold = GoldDocument.of(document)
        self.answer = self.gold.gold_answer()
        self._row = row_of(document, prompt)

    @property
    def text(self) -> str:
        """The document's text."""
        return self.document.text

    @property
    def codes(self) -> dict[str, list[tuple[Fragment, ...]]]:
        """The gold codes with their mentions."""
        return self.gold.mentions

    @cached_property
    def sentences(self) -> list[tuple[Fragment, Quote]]:
        """The sentences, without the white space around them, each with the quote that names it."""
        found = []
        for start, end in sentences(self.text):
            words = self.text[start:end]
            start += len(words) - len(words.lstrip())
            end -= len(words) - len(words.rstrip())
            if start < end and (quote := self.quote((start, end))) is not None:
                found.append(((start, end), quote))
        return found

    @cached_property
    def words(self) -> list[Fragment]:
        """Where the words of the text stand."""
        return [match.span() for match in TOKEN.finditer(self.text)]

    @cached_property
    def whole(self) -> Quote | None:
        """The quote that names the whole text; None for a text of white space."""
        return self.quote((0, len(self.text)))

    def quote(self, fragment: Fragment) -> Quote | None:
        """The quote that names a place in the text; None if only white space stands there."""
        found = self.gold.quote([fragment])
        return None if found is None else found[0]

    def has(self, words: str) -> bool:
        """Whether the words can be located in the text."""
        return self.gold.index.locate(words) is not None

    def supports(self, code: str, place: Sequence[Fragment]) -> bool:
        """Whether a place touches evidence of the code, or stands where the same words do."""
        return self.gold.overlap(code, place, anywhere=True) > 0

    def places(self, line: AnswerLine) -> list[tuple[Fragment, ...]]:
        """Where the mentions of a line stand."""
        return [place for place in map(self.gold.locate, line.mentions) if place]

    def row(self, completion: str) -> Row:
        """The row that a reward sees beside a completion; its bytes stand in for a tokenizer's ids."""
        return {**self._row, "completion_ids": completion.encode("utf-8", "replace")}

    def completion(self, text: str) -> Completion:
        """A completion in the form that goes with the prompt."""
        return completion_of(text, self.prompt)

    def prompt_text(self) -> str:
        """The prompt's words."""
        return self.prompt if isinstance(self.prompt, str) else "".join(m["content"] for m in self.prompt)


def batches(pairs: Iterable[tuple[Note, str]]) -> Iterator[list[tuple[Note, str]]]:
    """Completions in the batches in which they are scored: bounded in number and in length together."""
    batch: list[tuple[Note, str]] = []
    room = MAX_CHARACTERS
    for note, text in pairs:
        if batch and (len(batch) == MAX_BATCH or len(text) > room):
            yield batch
            batch, room = [], MAX_CHARACTERS
        batch.append((note, text))
        room -= len(text)
    if batch:
        yield batch


class Notes:
    """The notes of a bench, and what they have in common.

    Attributes:
        left_out: how many documents have no annotated evidence and so no gold answer.
    """

    def __init__(self, notes: Sequence[Note], form: AnswerFormat = "lines", left_out: int = 0) -> None:
        self.notes = list(notes)
        self.form: AnswerFormat = form
        self.left_out = left_out

    @classmethod
    def of(
        cls,
        documents: Iterable[Document],
        template: str,
        chat: bool = False,
        form: AnswerFormat = "lines",
        limit: int | None = None,
    ) -> Notes:
        """The first documents, at most ``limit``, whose evidence is annotated.

        Raises:
            UserError: there is no such document.
        """
        notes: list[Note] = []
        left_out = 0
        for document in documents:
            if limit is not None and len(notes) == limit:
                break
            known = document.annotations
            if known is None or any(annotation.mentions is None for annotation in known):
                left_out += 1
            else:
                notes.append(Note(document, prompt_for(document.text, template, chat)))
        if not notes:
            raise UserError("no document has annotated evidence, so there is no gold answer to compare with")
        return cls(notes, form, left_out)

    @cached_property
    def codes(self) -> list[str]:
        """Every gold code, the most frequent first."""
        return [code for code, _ in Counter(code for note in self.notes for code in note.codes).most_common()]

    @cached_property
    def evidence(self) -> dict[str, list[QuotedMention]]:
        """Every code's mentions, quoted, over all notes."""
        found: dict[str, list[QuotedMention]] = {}
        for note in self.notes:
            for code, mentions in note.answer.by_code().items():
                found.setdefault(code, []).extend(mentions)
        return found

    def other_code(self, note: Note, rng: random.Random) -> str | None:
        """A random code of the corpus that is not among the note's."""
        others = [code for code in self.codes if code not in note.codes]
        return rng.choice(others) if others else None

    def gold(self, note: Note) -> str:
        """The gold answer as a model would write it."""
        return self.render(note.answer)

    def render(self, answer: Answer) -> str:
        """An answer as a model would write it."""
        return render(answer, self.form)
