"""Documents, spans and predictions: the records of every JSONL file that scl-rl reads or writes.

A *fragment* is ``[start, end)`` in Python code points of the document's text, a *mention* is one or
more fragments (a mention can be discontinuous), an *annotation* is one code with its mentions.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, StrictInt

Fragment = tuple[StrictInt, StrictInt]
Mention = list[Fragment]

DEFAULT_SYSTEM = "ICD-10-CM"
CODE = r"[A-Za-z0-9][A-Za-z0-9.+*/†-]{0,31}"  # what an answer can name: no white space, no quotes


class Annotation(BaseModel):
    """One code of a document. ``mentions`` is None when its evidence was never annotated."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(pattern=f"^{CODE}$")
    system: str = DEFAULT_SYSTEM
    mentions: list[Mention] | None


class Document(BaseModel):
    """One note. ``annotations`` is None when the note is unlabelled; unknown keys are kept."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    text: str
    annotations: list[Annotation] | None = None


class Span(BaseModel):
    """A mention taken out of its document, with its code: the lightweight training unit.

    ``fragments`` are the evidence in ``text``; None where all of it is. ``source`` says where the span comes
    from, and the extra keys ``rules``, ``style``, ``teacher`` and ``title`` say more: see :meth:`labels`.
    """

    model_config = ConfigDict(extra="allow")

    text: str = Field(min_length=1)
    code: str = Field(pattern=f"^{CODE}$")
    system: str = DEFAULT_SYSTEM
    source: str = ""
    fragments: list[Fragment] | None = Field(default=None, min_length=1)

    @property
    def evidence(self) -> str:
        """The words that stand for the code: those of the fragments, white space collapsed."""
        if self.fragments is None:
            return self.text
        return " ".join(" ".join(self.text[start:end] for start, end in self.fragments).split())

    def labels(self) -> set[str]:
        """The names by which a span can be weighed: its source, rules, style and teacher."""
        extra = self.model_extra or {}
        rules = extra.get("rules")
        names = [self.source, extra.get("style"), extra.get("teacher")]
        names += rules if isinstance(rules, list) else []
        return {name for name in names if isinstance(name, str) and name}


class PredictedMention(BaseModel):
    """The quotes that a model wrote for one mention; ``fragments`` is None if one was not located."""

    model_config = ConfigDict(extra="allow")

    quotes: list[str]
    fragments: list[Fragment] | None


class PredictedCode(BaseModel):
    """One code that a model assigned, with the mentions that it cited."""

    model_config = ConfigDict(extra="allow")

    code: str
    mentions: list[PredictedMention]


class Prediction(BaseModel):
    """What a model said of one document; ``malformed`` counts the lines that could not be read."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    codes: list[PredictedCode]
    malformed: int = Field(default=0, ge=0)
