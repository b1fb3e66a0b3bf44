"""The work of a fill stage: evidence for known codes, from a dictionary, a corpus or a model's quotes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from ...answer.parse import parse
from ...answer.prompt import Prompt
from ...corpus.jsonl import read_documents, read_spans, write_jsonl
from ...corpus.records import sample_records
from ...corpus.types import Document, Mention
from ...errors import UserError
from ...metrics.report import evaluate_predictions
from ...mining import EvidenceMiner, calibration
from ...modeling.decode import Sampling
from ...modeling.generate import generate_groups
from ...modeling.load import Loaded, load_trained, read_card
from ...modeling.span_model import SpanModel
from ...scoring import NoteText
from ...scoring.dictionary import dictionary_of, prediction_of
from ...scoring.verify import Verifier, accuracy, implied
from ..contract import FILLED, FILLED_BY, StageContext
from ..shared.progress import Progress
from ..shared.prompting import Prompting
from .settings import FillSettings


class Evidence(NamedTuple):
    """The mentions that one way found for a code of a document, and what else it says of them."""

    mentions: list[Mention]
    details: Mapping[str, Any] = MappingProxyType({})


Found = dict[str, Evidence]
"""Evidence by code, for one document."""


def fill(settings: FillSettings, context: StageContext) -> dict[str, Any]:
    """Run a fill stage; see :class:`FillSettings`."""
    unfilled = settings.part_of(read_documents(context.needed("code_only")))
    documents = sample_records(unfilled, settings.max_documents, random.Random(f"{context.seed}-fill"))
    dev = read_documents(context.data.dev) if context.data.dev else []
    filler = Filler(settings, context)
    filled = filler.fill(documents)
    kept = [d for d in filled if _complete(d)] if settings.complete else list(map(_filled_only, filled))
    if not any(document.annotations for document in kept):
        raise UserError(f"stage '{context.name}': of {len(documents)} documents none could be filled in")
    write_jsonl(context.folder / settings.outputs[FILLED], kept)
    figures: dict[str, Any] = {
        "documents": len(documents),
        "kept": len(kept),
        "codes": sum(len(d.annotations or ()) for d in documents),
        "filled_by": dict(filler.filled_by),
        "generated_tokens": filler.generated_tokens,
    }
    if dev:
        found = map(prediction_of, map(_filled_only, filler.fill(dev)))
        joint = evaluate_predictions(dev, found)["joint"]["micro"]
        figures["dev_evidence"] = {name: joint[name] for name in ("precision", "recall")}
        if "corpus" in settings.how:
            figures["corpus"] = {**accuracy(filler.miner, dev), "by_score": calibration(filler.miner, dev)}
        if filler.verifier is not None:
            figures["verifier"] = accuracy(filler.verifier, dev)
    return figures


class Filler:
    """Fills in documents one way after the other, each for the codes that still have no evidence."""

    def __init__(self, settings: FillSettings, context: StageContext) -> None:
        self._settings = settings
        self._context = context
        self._dictionary = dictionary_of(context.data.annotated, context.data.spans)
        self.verifier = self._verifier() if "model" in settings.how else None
        self.filled_by: Counter[str] = Counter()
        self.generated_tokens = 0

    @cached_property
    def miner(self) -> EvidenceMiner:
        """What all documents whose codes are known say, annotated or not."""
        data = self._context.data
        known = [d for path in (data.annotated, data.code_only) if path for d in read_documents(path)]
        return EvidenceMiner.fit(known, self._settings.mining)

    def _verifier(self) -> Verifier | None:
        if self._settings.verifier == "dictionary":
            return self._dictionary
        if self._settings.verifier == "corpus":
            return self.miner
        if self._settings.verifier == "none":
            return None
        folder, spans = self._context.model_before, read_spans(self._context.needed("spans"))
        assert folder is not None  # the stage starts from one that trained
        return SpanModel(folder, spans, self._context.base)

    def fill(self, documents: list[Document]) -> list[Document]:
        """The documents with the same codes and the evidence that was found; what they had is not read."""
        codes = [[a.code for a in document.annotations or ()] for document in documents]
        found: list[Found] = [{} for _ in documents]
        ways: Mapping[str, Callable[[list[Document], list[list[str]]], Iterable[Found]]] = {
            "dictionary": self._looked_up,
            "corpus": self._mined,
            "model": self._asked,
        }
        for how in self._settings.how:
            open_ = [i for i, names in enumerate(codes) if any(name not in found[i] for name in names)]
            more = ways[how]([documents[i] for i in open_], [codes[i] for i in open_])
            for i, new in zip(open_, more, strict=True):
                fresh = {
                    code: Evidence(mentions, {FILLED_BY: how, **details})
                    for code, (mentions, details) in new.items()
                    if code not in found[i]
                }
                self.filled_by[how] += len(fresh)
                found[i] |= fresh
        return [_with(document, places) for document, places in zip(documents, found, strict=True)]

    def _looked_up(self, documents: list[Document], codes: list[list[str]]) -> Iterable[Found]:
        for document, names in zip(documents, codes, strict=True):
            places: dict[str, list[Mention]] = {}
            for place, code in self._dictionary.matches(document.text, among=names):
                places.setdefault(code, []).append([place])
            yield {code: Evidence(mentions) for code, mentions in places.items()}

    def _mined(self, documents: list[Document], codes: list[list[str]]) -> Iterable[Found]:
        for document, names in zip(documents, codes, strict=True):
            mined = self.miner.mine(document.text, names)
            yield {
                code: Evidence(mentions, {"score": round(score, 4)})
                for code, (mentions, score) in mined.items()
            }

    def _asked(self, documents: list[Document], codes: list[list[str]]) -> Iterable[Found]:
        """The quotes for a document's codes in sampled answers that are in the note and imply the code."""
        if not documents:
            return
        context = self._context
        assert context.model_before is not None
        loaded = load_trained(context.model_before, context.base, reporter=context.reporter)
        prompting = Prompting.of_card(read_card(context.model_before), loaded.tokenizer)
        prompts = [
            prompting.citing(names).prompt(document.text)
            for document, names in zip(documents, codes, strict=True)
        ]
        answers = self._answers(loaded, prompts)
        for document, names, written in zip(documents, codes, answers, strict=True):
            note = NoteText(document.text)
            votes: dict[str, Counter[tuple[Any, ...]]] = {}
            for text in written:
                for code in note.predict(document.id, parse(text, prompting.answer)).codes:
                    for mention in code.mentions:
                        if code.code in names and mention.fragments:
                            votes.setdefault(code.code, Counter())[tuple(mention.fragments)] += 1
            found: Found = {}
            for name, places in votes.items():
                agreed = [
                    place
                    for place, _ in places.most_common()
                    if self.verifier is None or implied(self.verifier, note, place, name, names)
                ]
                if agreed:
                    found[name] = Evidence([list(agreed[0])])
            yield found

    def _answers(self, loaded: Loaded, prompts: list[Prompt]) -> list[list[str]]:
        """Sampled answers for each prompt."""
        settings = self._settings
        groups = generate_groups(
            loaded,
            prompts,
            settings.max_new_tokens,
            settings.batch_size,
            samples=settings.samples,
            sampling=Sampling(self._context.seed, settings.temperature),
            progress=Progress(self._context.name, self._context.reporter).count,
        )
        answers = [group for _, group in sorted(groups, key=lambda numbered: numbered[0])]
        self.generated_tokens += sum(
            len(loaded.tokenizer(answer)["input_ids"]) for group in answers for answer in group
        )
        return answers


def _with(document: Document, found: Found) -> Document:
    """The document with the same codes, and for each the mentions that were found, by what, if any."""
    annotations = []
    for annotation in document.annotations or ():
        mentions, details = found.get(annotation.code, (None, {}))
        annotations.append(annotation.model_copy(update={"mentions": mentions, **details}))
    return document.model_copy(update={"annotations": annotations})


def _complete(document: Document) -> bool:
    return all(annotation.mentions for annotation in document.annotations or ())


def _filled_only(document: Document) -> Document:
    """The document without the codes that were not filled in."""
    annotations = [a for a in document.annotations or () if a.mentions]
    return document.model_copy(update={"annotations": annotations})
