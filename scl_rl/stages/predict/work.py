"""Predictions of a trained model for a set of documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...corpus.jsonl import read_documents, read_spans, write_jsonl
from ...corpus.types import Document, PredictedCode, Prediction
from ...errors import Problem, UserError
from ...metrics.calibration import Calibration, confidences, cross_fitted, fit, reliability
from ...metrics.threshold import above, best_threshold
from ...reporter import PRINTER, Reporter
from ...suggest import did_you_mean
from ..contract import DataFiles, StageContext
from .settings import ICD_10_CM, TRAINING, PredictSettings

if TYPE_CHECKING:
    from ...modeling.journal import AnswerJournal


def predict(settings: PredictSettings, context: StageContext) -> dict[str, Any]:
    """Write ``predictions.jsonl`` and report how many documents, windows and malformed lines."""
    predictor = Predictor(
        context.parent.output("model"),
        base=context.base,
        max_new_tokens=settings.max_new_tokens,
        batch_size=settings.batch_size,
        overlap=settings.overlap,
        votes=settings.votes,
        reporter=context.reporter,
        label=context.name,
    )
    out = context.folder / settings.outputs["predictions"]
    documents = read_documents(context.needed(settings.split))
    if settings.task == "cite":
        predictions, counts = predictor.cite(documents)
        write_jsonl(out, predictions)
        return counts
    constrained = settings.decoding == "constrained"
    codes = allowed_codes(settings.codes, context.base, context.data) if constrained else None
    if settings.threshold is None:
        return predictor.write(out, documents, codes)[1]
    dev = read_documents(context.needed("dev"))
    known, _ = predictor.write(context.folder / settings.outputs["dev"], dev, codes, confidence=True)
    chosen = best_threshold(dev, known, settings.threshold.beta)
    _, counts = predictor.write(out, documents, codes, confidence=True, least=chosen.confidence)
    return {**counts, "threshold": {"beta": settings.threshold.beta, **chosen._asdict()}}


class Predictor:
    """A model folder that a stage wrote, loaded once.

    Args:
        window: most note tokens in one window, instead of what the model's card says.
        overlap: most note tokens of a window that the next one repeats.
        votes: how many windows have to agree; see :func:`~scl_rl.corpus.windows.merge_windows`.
        reporter: takes a line about how far the work is, which begins with ``label``.
    """

    def __init__(
        self,
        model: Path,
        *,
        base: Path | None = None,
        max_new_tokens: int = 256,
        batch_size: int = 16,
        window: int | None = None,
        overlap: int = 0,
        votes: int = 1,
        reporter: Reporter = PRINTER,
        label: str = "predict",
    ) -> None:
        from ...modeling.load import load_trained, read_card
        from ..shared.progress import Progress
        from ..shared.prompting import Prompting

        if votes > 1 and not overlap:
            raise UserError(Problem("--votes", "only windows that overlap can agree", "add --overlap 64"))
        self._loaded = load_trained(model, base or Path.cwd(), reporter=reporter)
        prompting = Prompting.of_card(read_card(model), self._loaded.tokenizer, window)
        self._prompting = replace(prompting, overlap=overlap, votes=votes)
        self._folder, self._label, self._reporter = model, label, reporter
        self._progress = Progress(label, reporter)
        self._max_new_tokens, self._batch_size = max_new_tokens, batch_size

    @contextmanager
    def kept(
        self, out: Path | None, documents: Sequence[Document], codes: Collection[str] | None = None
    ) -> Iterator[AnswerJournal | None]:
        """Answers to keep beside ``out`` until it is written, with those that an earlier try left.

        See :func:`~.resume.answers_kept`.
        """
        from ..shared.progress import Progress
        from .resume import answers_kept, key_of

        key = key_of(self._folder, documents, self._prompting, self._max_new_tokens, self._batch_size, codes)
        with answers_kept(out, key) as journal:
            if journal and journal.answers:
                self._reporter.say(f"{self._label}: resuming after {len(journal.answers)} answers")
                self._progress = Progress(self._label, self._reporter, len(journal.answers))
            yield journal

    def predict(
        self,
        documents: list[Document],
        codes: Collection[str] | None = None,
        confidence: bool = False,
        journal: AnswerJournal | None = None,
    ) -> tuple[list[Prediction], dict[str, Any]]:
        """Predict documents.

        Args:
            codes: hold the answers to these codes and to words of the note; absent, decoding is free.
            confidence: give each code its ``confidence``; see
                :func:`~scl_rl.stages.shared.prompting.predict_documents`.
            journal: keeps the answers as they are made, and has those of an earlier try.

        Returns:
            The predictions in the order of the documents, and ``{"documents", "windows", "malformed"}``.
        """
        from ...modeling.constrained.decoder import Constraint
        from ..shared.prompting import predict_documents

        constraint = None if codes is None else Constraint(self._loaded, codes, self._prompting.answer)
        predictions, windows = predict_documents(
            self._loaded,
            documents,
            self._prompting,
            self._max_new_tokens,
            self._batch_size,
            self._progress.count,
            constraint,
            confidence,
            journal,
        )
        malformed = sum(prediction.malformed for prediction in predictions)
        return predictions, {"documents": len(documents), "windows": windows, "malformed": malformed}

    def write(
        self,
        out: Path,
        documents: list[Document],
        codes: Collection[str] | None = None,
        confidence: bool = False,
        least: float = 0.0,
    ) -> tuple[list[Prediction], dict[str, Any]]:
        """:meth:`predict` to a file. If it was killed, it resumes: see :meth:`kept`.

        Args:
            least: codes with less confidence are left out.
        """
        with self.kept(out, documents, codes) as journal:
            predictions, counts = self.predict(documents, codes, confidence, journal)
            if least:
                predictions = [above(prediction, least) for prediction in predictions]
            write_jsonl(out, predictions)
        return predictions, counts

    def calibrate(
        self, gold: list[Document], codes: Collection[str] | None = None
    ) -> tuple[Calibration, dict[str, Any]]:
        """Predict documents with gold evidence, and learn from them what confidences mean.

        Returns:
            The calibration, and the reliability ``before`` and ``after`` (each code by a calibration that was
            fitted without it; see :func:`~scl_rl.metrics.calibration.reliability`).

        Raises:
            UserError: too few codes were predicted.
        """
        known = confidences(gold, self.predict(gold, codes, confidence=True)[0])
        try:
            calibration = fit(known)
        except ValueError as error:
            raise UserError(Problem("--calibrate", str(error), "name more documents")) from None
        return calibration, {"before": reliability(known), "after": reliability(cross_fitted(known))}

    def cite(self, documents: list[Document]) -> tuple[list[Prediction], dict[str, Any]]:
        """Find the words for codes that are known: those of each document's annotations.

        Answers are held to the codes of their note, and to its words. A model that learned to find evidence
        for given codes is given them in its prompt. A code for which nothing is quoted has no mentions.

        Returns:
            The predictions in the order of the documents, and ``{"documents", "codes", "without_evidence"}``.
        """
        from ...modeling.constrained.decoder import Constraint
        from ..shared.prompting import predict_documents

        wanted = {d.id: tuple(dict.fromkeys(a.code for a in d.annotations or ())) for d in documents}
        every = sorted({code for codes in wanted.values() for code in codes})
        found: dict[str, Prediction] = {}
        if every:
            predictions, _ = predict_documents(
                self._loaded,
                [document for document in documents if wanted[document.id]],
                self._prompting,
                self._max_new_tokens,
                self._batch_size,
                self._progress.count,
                Constraint(self._loaded, every, self._prompting.answer),
                given=wanted,
            )
            found = {prediction.id: prediction for prediction in predictions}
        cited = [_only(name, found.get(name), own) for name, own in wanted.items()]
        without = sum(not code.mentions for prediction in cited for code in prediction.codes)
        counts = {
            "documents": len(documents),
            "codes": sum(map(len, wanted.values())),
            "without_evidence": without,
        }
        return cited, counts


def _only(name: str, found: Prediction | None, codes: Sequence[str]) -> Prediction:
    """The prediction with just these codes, in their order."""
    known = {code.code: code for code in found.codes} if found else {}
    return Prediction(
        id=name, codes=[known.get(code) or PredictedCode(code=code, mentions=[]) for code in codes]
    )


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
