"""The work of a pairs stage: sample, score, compare, choose."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from ...answer.grammar import render
from ...answer.parse import parse
from ...atomic import write_json
from ...corpus.jsonl import read_spans, whole_lines, write_jsonl
from ...corpus.records import sample_records
from ...corpus.types import Document
from ...modeling.decode import Sampling
from ...modeling.generate import generate_groups
from ...modeling.load import load_trained
from ...rewards_api.call import completion_of, row_of
from ...rewards_api.weighted import WeightedRewards
from ...scoring import GoldDocument
from ...scoring.dictionary import dictionary_of
from ..contract import FILLED_BY, StageContext
from ..shared.progress import Progress
from ..shared.prompting import Prompting, some_windows, span_document
from ..shared.rewards import accuracies
from .corrupt import Corrupter
from .error_kinds import errors_of, worse_in
from .pair import Pair, balanced_in_coverage, balanced_in_length, balanced_over_codes, distinct, report
from .settings import PairsSettings


@dataclass(frozen=True)
class Sampled:
    """A document with its sampled answers and what they score; None where all rewards abstain."""

    document: Document
    answers: list[str]
    scores: list[float | None]

    @property
    def scored(self) -> list[tuple[float, str]]:
        """The answers with a score, the best first, each once."""
        known = {a: s for a, s in zip(self.answers, self.scores, strict=True) if s is not None}
        return sorted(((score, answer) for answer, score in known.items()), key=lambda pair: -pair[0])


def make_pairs(settings: PairsSettings, context: StageContext) -> dict[str, Any]:
    """Run a pairs stage; see :class:`~.pairs.PairsSettings`."""
    maker = PairMaker(settings, context)
    sampled = maker.sample() if settings.samples else []
    _write_lines(context.folder / settings.outputs["answers"], maker.best(sampled))
    made = distinct([*maker.from_samples(sampled), *maker.from_gold()])
    rng = random.Random(f"{context.seed}-balance")
    kept = _balanced(made, settings, rng)
    rng.shuffle(kept)
    write_jsonl(context.folder / settings.outputs["pairs"], kept)
    what = {**report(kept), "made": len(made)}
    write_json(context.folder / settings.outputs["report"], what)
    del what["by_code"]
    return {**what, **maker.figures(sampled), "rewards": accuracies(settings.rewards, context)}


def _balanced(pairs: list[Pair], settings: PairsSettings, rng: random.Random) -> list[Pair]:
    """The pairs that are left when those are gone by which something else than being right would tell."""
    kept = balanced_over_codes(pairs, rng) if settings.balance_codes else pairs
    kept = balanced_in_length(kept, rng) if settings.balance_length else kept
    while settings.balance_coverage:
        before = len(kept)
        kept = balanced_in_coverage(kept, rng)
        kept = balanced_in_length(kept, rng) if settings.balance_length else kept
        if len(kept) == before:  # what is even in one respect may no longer be so in the other
            break
    return kept


class PairMaker:
    """Makes pairs for the documents of a stage with the model before it."""

    def __init__(self, settings: PairsSettings, context: StageContext) -> None:
        self._settings = settings
        self._context = context
        assert context.model_before is not None  # it starts from a stage that trained
        self._loaded = load_trained(context.model_before, context.base, reporter=context.reporter)
        self._prompting = Prompting.of(context, self._loaded.tokenizer)
        self._rewards = WeightedRewards.load(
            ((r.name, r.weight, r.args) for r in settings.rewards), context.answer, context.injected
        )
        self._documents = self._prompted()

    def _prompted(self) -> list[Document]:
        settings, context = self._settings, self._context
        windows = some_windows(settings, context, self._prompting)
        if not settings.max_spans:
            return windows
        spans = read_spans(context.needed("spans"))
        chosen = sample_records(spans, settings.max_spans, random.Random(f"{context.seed}-spans"))
        return windows + [span_document(span, number) for number, span in enumerate(chosen)]

    def sample(self) -> list[Sampled]:
        """Answers to every document with their scores; an interrupted run's are read from its file."""
        path = self._context.folder / self._settings.outputs["samples"]
        settings = self._settings
        known = {line["id"]: line for line in whole_lines(path)}
        _write_lines(path, list(known.values()))  # without half a line at the end
        progress = Progress(self._context.name, self._context.reporter, len(known))
        groups = generate_groups(
            self._loaded,
            [self._prompting.prompt(document.text) for document in self._documents],
            settings.max_new_tokens,
            settings.batch_size,
            samples=settings.samples,
            sampling=Sampling(self._context.seed, settings.temperature, settings.top_p),
            done={number for number, document in enumerate(self._documents) if document.id in known},
            progress=progress.count,
        )
        for number, answers in groups:
            document = self._documents[number]
            line = {"id": document.id, "answers": answers, "scores": self._scores(document, answers)}
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            known[document.id] = line
        lines = [known[document.id] for document in self._documents]
        _write_lines(path, lines)
        return [
            Sampled(document, line["answers"], line["scores"])
            for document, line in zip(self._documents, lines, strict=True)
        ]

    def _scores(self, document: Document, answers: Sequence[str]) -> list[float | None]:
        prompt = self._prompting.prompt(document.text)
        rows = [row_of(document, prompt)] * len(answers)
        return self._rewards.score(rows, [completion_of(answer, prompt) for answer in answers])

    def best(self, sampled: Sequence[Sampled]) -> Iterator[dict[str, Any]]:
        """For each document its best answer, where that scores enough."""
        for one in sampled:
            if one.scored and one.scored[0][0] > self._settings.min_score:
                score, answer = one.scored[0]
                yield {"id": one.document.id, "text": one.document.text, "answer": answer, "score": score}

    def from_samples(self, sampled: Sequence[Sampled]) -> Iterator[Pair]:
        """The best answer, or gold, against the worst ones."""
        for one in sampled:
            scored = one.scored
            if not scored:
                continue
            gold = GoldDocument.of(one.document)
            best, kind = scored[0], "sampled"
            if self._settings.chosen == "gold" and gold.has_evidence:
                answer = render(gold.gold_answer(), self._prompting.answer)
                (score,) = self._scores(one.document, [answer])
                best = (score, answer) if score is not None else best
                kind = "hinted" if _filled(one.document) else kind
            worst = [s for s in reversed(scored) if best[0] - s[0] >= self._settings.min_margin]
            pairs = (self._pair(one.document, gold, kind, best, rejected) for rejected in worst)
            yield from islice(filter(self._wanted, pairs), self._settings.pairs_per_prompt)

    def from_gold(self) -> Iterator[Pair]:
        """Gold against gold with one thing wrong."""
        settings, context = self._settings, self._context
        if not settings.negatives:
            return
        codes = {code for document in self._documents for code in GoldDocument.of(document).mentions}
        corrupter = Corrupter(sorted(codes), dictionary_of(context.data.annotated, context.data.spans))
        rng = random.Random(f"{context.seed}-negatives")
        for document in self._documents:
            gold = GoldDocument.of(document)
            if not gold.has_evidence:
                continue
            right = render(gold.gold_answer(), self._prompting.answer)
            for kind in settings.negatives:
                wrong = [render(a, self._prompting.answer) for a in corrupter.spoil(kind, gold, rng)]
                scores = self._scores(document, [right, *wrong])
                for answer, score in zip(wrong, scores[1:], strict=True):
                    if (
                        score is not None
                        and scores[0] is not None
                        and scores[0] - score >= settings.min_margin
                    ):
                        pair = self._pair(document, gold, kind, (scores[0], right), (score, answer))
                        if self._wanted(pair):
                            yield pair

    def _wanted(self, pair: Pair) -> bool:
        return self._settings.errors is None or pair.error in self._settings.errors

    def _pair(
        self,
        document: Document,
        gold: GoldDocument,
        kind: str,
        chosen: tuple[float, str],
        rejected: tuple[float, str],
    ) -> Pair:
        prompt = self._prompting.prompt(document.text)
        form = self._prompting.answer
        good, bad = parse(chosen[1], form), parse(rejected[1], form)
        errors = worse_in(errors_of(bad, gold), errors_of(good, gold))
        lines = set(good.lines) ^ set(bad.lines)
        return Pair(
            prompt=prompt,
            chosen=completion_of(chosen[1], prompt),
            rejected=completion_of(rejected[1], prompt),
            document=document.id,
            kind=kind,
            error=errors[0],
            errors=errors,
            codes=sorted({line.code for line in lines}),
            chosen_score=chosen[0],
            rejected_score=rejected[0],
            chosen_tokens=self._tokens(chosen[1]),
            rejected_tokens=self._tokens(rejected[1]),
            chosen_codes=len(good.by_code()),
            rejected_codes=len(bad.by_code()),
        )

    def _tokens(self, answer: str) -> int:
        return len(self._loaded.tokenizer(answer, add_special_tokens=False)["input_ids"])

    def figures(self, sampled: Sequence[Sampled]) -> dict[str, Any]:
        """What sampling gave and cost."""
        groups = [[score for score, _ in one.scored] for one in sampled]
        known = [group for group in groups if group]
        every = [score for one in sampled for score in one.scores if score is not None]
        return {
            "sampled_prompts": len(sampled),
            "generated_tokens": sum(self._tokens(answer) for one in sampled for answer in one.answers),
            "mean_score": fmean(every) if every else None,
            "best_score": fmean(group[0] for group in known) if known else None,
            "no_spread": sum(len(set(group)) < 2 for group in groups) / len(groups) if groups else None,
        }


def _filled(document: Document) -> bool:
    """Whether the document's evidence was filled in."""
    return any(FILLED_BY in (a.model_extra or {}) for a in document.annotations or ())


def _write_lines(path: Path, lines: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
