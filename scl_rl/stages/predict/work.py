"""Predictions of a trained model for a set of documents."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...corpus.jsonl import read_documents, read_spans, write_jsonl
from ...errors import Problem, UserError
from ...reporter import PRINTER, Reporter
from ...suggest import did_you_mean
from ..contract import DataFiles, StageContext
from .settings import ICD_10_CM, TRAINING, PredictSettings


def predict(settings: PredictSettings, context: StageContext) -> dict[str, Any]:
    """Write ``predictions.jsonl`` and report how many documents, windows and malformed lines."""
    constrained = settings.decoding == "constrained"
    return predict_file(
        context.parent.output("model"),
        context.needed(settings.split),
        context.folder / settings.outputs["predictions"],
        base=context.base,
        max_new_tokens=settings.max_new_tokens,
        batch_size=settings.batch_size,
        codes=allowed_codes(settings.codes, context.base, context.data) if constrained else None,
        reporter=context.reporter,
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
    reporter: Reporter = PRINTER,
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
    from ...modeling.constrained.decoder import Constraint
    from ...modeling.load import load_trained, read_card
    from ..shared.progress import Progress
    from ..shared.prompting import Prompting, predict_documents

    records = read_documents(documents)
    card = read_card(model)
    loaded = load_trained(model, base or Path.cwd(), reporter=reporter)
    prompting = Prompting(card.template, card.chat, card.answer, window or card.window, loaded.tokenizer)
    constraint = None if codes is None else Constraint(loaded, codes, card.answer)
    progress = Progress(label, reporter)
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
        from ...icd.codes import billable_codes

        return list(billable_codes())
    path = base / Path(named).expanduser()
    if not path.is_file():
        hint = did_you_mean(named, [TRAINING, ICD_10_CM], "or one of")
        raise UserError(Problem("codes", f"there is no file '{named}'", hint))
    from ...modeling.constrained.codes import read_codes

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
