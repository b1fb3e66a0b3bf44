"""Predictions of a trained model for a set of documents."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..corpus.jsonl import read_documents, read_spans, write_jsonl
from ..errors import Problem, UserError
from ..suggest import did_you_mean
from .base import TRAINED_KINDS, DataFiles, StageContext, StageSettings

TRAINING, ICD_10_CM = "training", "icd-10-cm"


class PredictSettings(StageSettings):
    """Greedy predictions, windows merged back to documents."""

    kind: Literal["predict"] = "predict"
    on: Literal["test", "dev", "annotated"] = Field("test", title="Which documents")
    max_new_tokens: int = Field(256, title="Most tokens of an answer", ge=1)
    batch_size: int = Field(16, title="Prompts generated together", ge=1)
    decoding: Literal["free", "constrained"] = Field(
        "free", title="Constrained: every quote is words of the note, every code is one of 'codes'"
    )
    codes: str = Field(
        TRAINING,
        title="What constrained decoding may assign: codes in the training sets, icd-10-cm, or a file's",
        min_length=1,
    )

    own_process: ClassVar[bool] = True
    instead_of_files: ClassVar[tuple[str, ...]] = (TRAINING, ICD_10_CM)
    parent_kinds: ClassVar[tuple[str, ...]] = TRAINED_KINDS

    @model_validator(mode="after")
    def _codes_are_used(self) -> PredictSettings:
        if self.codes != TRAINING and self.decoding == "free":
            raise ValueError("codes: only decoding: constrained is held to them")
        return self

    def uses(self) -> set[str]:
        """The documents that it is about."""
        return {self.on}

    def files(self) -> dict[str, str]:
        """The codes, unless they are a list that we have."""
        return {} if self.codes in self.instead_of_files else {"codes": self.codes}

    def run(self, context: StageContext) -> dict[str, Any]:
        """Write ``predictions.jsonl`` and report how many documents, windows and malformed lines."""
        constrained = self.decoding == "constrained"
        return predict_file(
            context.parents[0].folder / "model",
            context.needed(self.on),
            context.folder / "predictions.jsonl",
            base=context.base,
            max_new_tokens=self.max_new_tokens,
            batch_size=self.batch_size,
            codes=allowed_codes(self.codes, context.base, context.data) if constrained else None,
            say=context.say,
            tell=context.progress,
            label=context.name,
        )


def predict_file(
    model: Path,
    documents: Path,
    out: Path,
    *,
    base: Path | None = None,
    max_new_tokens: int = 256,
    batch_size: int = 16,
    window: int | None = None,
    codes: Collection[str] | None = None,
    say: Callable[[str], None] = print,
    tell: Callable[[str], None] = lambda line: None,
    label: str = "predict",
) -> dict[str, Any]:
    """Predict every document of a file with a model folder that a stage wrote.

    Args:
        window: most note tokens in one window, instead of what the model's card says.
        codes: hold the answers to these codes and to words of the note; absent, decoding is free.
        tell: takes a line about how far the work is, which begins with ``label``.

    Returns:
        ``{"documents", "windows", "malformed"}``, counts.
    """
    from ..modeling.constrained import Constraint
    from ..modeling.load import load_trained, read_card
    from .progress import Progress
    from .prompting import Prompting, predict_documents

    records = read_documents(documents)
    card = read_card(model)
    loaded = load_trained(model, base or Path.cwd(), say=say)
    prompting = Prompting(card.template, card.chat, card.answer, window or card.window, loaded.tokenizer)
    constraint = None if codes is None else Constraint(loaded, codes, card.answer)
    progress = Progress(label, tell)
    predictions, windows = predict_documents(
        loaded, records, prompting, max_new_tokens, batch_size, progress.count, constraint
    )
    write_jsonl(out, predictions)
    return {
        "documents": len(records),
        "windows": windows,
        "malformed": sum(prediction.malformed for prediction in predictions),
    }


def allowed_codes(named: str, base: Path, data: DataFiles) -> list[str]:
    """The codes that constrained decoding may assign.

    Args:
        named: ``training`` (the codes of the annotated documents, spans and code-only documents),
            ``icd-10-cm`` (its billable codes), or a file that has one code a line.
        base: where the path of a file starts.

    Raises:
        UserError: there are no such codes.
    """
    if named == TRAINING:
        return _codes_of(data)
    if named == ICD_10_CM:
        from ..icd.codes import billable_codes

        return list(billable_codes())
    path = base / Path(named).expanduser()
    if not path.is_file():
        hint = did_you_mean(named, [TRAINING, ICD_10_CM], "or one of")
        raise UserError(Problem("codes", f"there is no file '{named}'", hint))
    from ..modeling.constrained_codes import read_codes

    return read_codes(path)


def _codes_of(data: DataFiles) -> list[str]:
    """The codes that occur in what models are trained on."""
    codes = [span.code for span in read_spans(data.spans)] if data.spans else []
    for path in (data.annotated, data.code_only):
        for document in read_documents(path) if path else ():
            codes += [annotation.code for annotation in document.annotations or ()]
    if not codes:
        what = "the training sets name no codes"
        raise UserError(Problem(f"codes: {TRAINING}", what, f"{ICD_10_CM}, or a file with one code a line"))
    return list(dict.fromkeys(codes))
