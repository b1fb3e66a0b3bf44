"""Decoding in which every quote is words of the note and every code is in a list, by construction.

A grammar says what an answer to a note looks like (:mod:`.grammar`), llguidance which tokens go
on with it, and :mod:`.rules` which of those few lead to an occurrence or a code that isn't there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from ...answer.grammar import AnswerFormat
from ...answer.prompt import Prompt
from ...errors import Problem, UserError
from ..generate import end_tokens, generate
from ..journal import AnswerJournal
from ..load import Loaded
from .codes import CodeList
from .grammar import grammar_of
from .rules import START, Place, Rules

_MANY = 64  # tokens, from which it pays to remember which fit
_KEPT = 500  # starts of codes for which it is remembered

Allowed = npt.NDArray[np.bool_]


class Constraint:
    """What a model may write, whatever the note.

    Args:
        codes: which codes it may assign, at least one.

    Raises:
        UserError: the model's tokenizer is not one of the fast ones, or llguidance is not installed.
    """

    def __init__(self, loaded: Loaded, codes: Collection[str], form: AnswerFormat) -> None:
        self.codes = CodeList(codes)
        self.form = form
        self.ends = end_tokens(loaded)
        self.tokenizer = _tokenizer(loaded.tokenizer, self.ends)
        self.bytes: list[bytes] = [
            self.tokenizer.decode_bytes([token]) for token in range(self.tokenizer.vocab_size)
        ]
        self.quoting = np.array([token for token, data in enumerate(self.bytes) if b'"' in data])
        self._fitting: dict[bytes, dict[int, bool]] = {}

    def row(self, text: str) -> Row:
        """What may be written about one note, from the beginning."""
        return Row(self, text)

    def limited(self, codes: Collection[str]) -> Constraint:
        """The same with these codes, at least one, without reading the model's tokens again."""
        other = copy(self)
        other.codes, other._fitting = CodeList(codes), {}
        return other

    def answers(
        self,
        loaded: Loaded,
        texts: Sequence[str],
        prompts: list[Prompt],
        max_new_tokens: int,
        batch_size: int,
        progress: Callable[[int, int], None] | None = None,
        journal: AnswerJournal | None = None,
        each: Sequence[Constraint] | None = None,
    ) -> list[str]:
        """As :func:`.generate.generate`.

        Args:
            texts: the notes that the prompts ask about.
            each: what the answer to each prompt is held to; absent, all are held to this.
        """
        held = each or [self] * len(texts)
        written = generate(
            loaded,
            prompts,
            max_new_tokens,
            batch_size,
            progress,
            lambda number: held[number].row(texts[number]),
            journal,
        )
        return [own.finished(answer, text) for own, answer, text in zip(held, written, texts, strict=True)]

    def finished(self, answer: str, text: str) -> str:
        """An answer as it is to be read: a code that was cut off is no code, though it may look like one."""
        rules = Rules(text, self.codes, self.form)
        place = rules.follow(START, answer.encode())
        if self.form == "json" or (place and (place.kind != "code" or rules.may_end(place))):
            return answer
        return answer.rpartition("=>")[0]

    def fitting(self, rules: Rules, start: bytes, tokens: list[int]) -> list[int]:
        """The tokens that can follow the start of a code."""
        if len(self._fitting) > _KEPT:
            self._fitting.clear()
        known = self._fitting.setdefault(start, {})
        for token in tokens:
            if token not in known:
                known[token] = rules.fits(start, self.bytes[token])
        return [token for token in tokens if known[token]]


class Row:
    """One answer being written: which tokens may come next, and taking the next one in.

    Raises:
        UserError: the note is longer than llguidance takes, some three hundred thousand characters.
    """

    def __init__(self, constraint: Constraint, text: str) -> None:
        import llguidance

        self._constraint = constraint
        self._rules = Rules(text, constraint.codes, constraint.form)
        self._place: Place = START
        self.ended = False
        grammar = grammar_of(text, constraint.codes.shape, constraint.form)
        # Its complaints go unprinted: they show the grammar, and so the note.
        self._matcher = llguidance.LLMatcher(constraint.tokenizer, grammar, log_level=0)
        if self._matcher.is_error():
            what = f"a note of {len(text):,} characters is too long for constrained decoding"
            raise UserError(Problem("", what, "let the model read it in windows"))

    def take(self, token: int) -> None:
        """The token that was chosen."""
        if self.ended or token in self._constraint.ends:
            self.ended = True
            return
        place = self._rules.follow(self._place, self._constraint.bytes[token])
        if place is None or not self._matcher.consume_token(token):
            self.ended = True
        else:
            self._place = place

    def allowed(self) -> Allowed:
        """For each token of the tokenizer, whether it may come next. Where nothing may, the answer ends."""
        if not self.ended:
            bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
            size = len(self._constraint.bytes)
            allowed: Allowed = np.unpackbits(bits, count=size, bitorder="little").astype(bool)
            self._apply_rules(allowed)
            if allowed.any():
                return allowed
        allowed = np.zeros(len(self._constraint.bytes), dtype=bool)
        allowed[list(self._constraint.ends)] = True
        return allowed

    def _apply_rules(self, allowed: Allowed) -> None:
        """Forbid what the grammar allows and a rule does not."""
        constraint, rules, place = self._constraint, self._rules, self._place
        if place.kind == "quote":  # inside of a quote there is no rule
            tokens = constraint.quoting[allowed[constraint.quoting]].tolist()
            allowed[tokens] = False
        else:
            tokens = np.flatnonzero(allowed).tolist()
            allowed[:] = False
            ends = [token for token in tokens if token in constraint.ends]
            allowed[ends] = bool(ends) and rules.may_end(place)
            tokens = [token for token in tokens if token not in constraint.ends]
            if place.kind == "code" and len(tokens) > _MANY:
                tokens = constraint.fitting(rules, place.text, tokens)
        allowed[[t for t in tokens if rules.follow(place, constraint.bytes[t]) is not None]] = True


def _tokenizer(tokenizer: Any, ends: frozenset[int]) -> Any:
    """A tokenizer of transformers as llguidance knows it."""
    try:
        import llguidance.hf
    except ImportError:
        raise UserError("constrained decoding needs llguidance: pip install llguidance") from None
    try:
        return llguidance.hf.from_tokenizer(tokenizer, eos_token=sorted(ends))
    except ValueError as error:
        raise UserError(f"constrained decoding can't read this model's tokenizer: {error}") from None
