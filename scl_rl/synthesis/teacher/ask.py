"""Asking a teacher about many codes: the cache first, then an endpoint or a local model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...reporter import QUIET, Reporter
from ...user_cache import cache_folder
from ..candidates import Candidate
from .cache import AnswerCache
from .endpoint import Endpoint
from .questions import Question, Reply, questions, wordings
from .settings import TeacherSettings

_CACHE = "answers.jsonl"
Numbered = Iterator[tuple[int, Reply | None]]


@dataclass
class Teaching:
    """What a teacher wrote.

    Attributes:
        asked: questions, and those of them that were answered from the cache.
        failed: questions without a usable answer.
        refused: lines that are no wordings, by why.
    """

    candidates: list[Candidate] = field(default_factory=list)
    asked: int = 0
    cached: int = 0
    failed: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """The counts, as JSON."""
        return {
            "questions": self.asked,
            "from_cache": self.cached,
            "failed": self.failed,
            "refused": dict(self.refused),
        }


def teach(
    codes: Sequence[str],
    settings: TeacherSettings,
    seed: int,
    base: Path,
    reporter: Reporter = QUIET,
    cache: Path | None = None,
) -> Teaching:
    """Ask a teacher for wordings of codes. Answers are kept as they come, so that a rerun resumes.

    Args:
        base: the folder from which a relative path of a local model starts.
        cache: the file of answers; absent, one in the user's cache, if ``settings.cache``.

    Raises:
        UserError: the endpoint refuses the requests, or there is no such model.
        WorkError: the endpoint can't be reached, or stays busy.
    """
    if cache is None and settings.cache:
        cache = cache_folder("teacher") / _CACHE
    kept = AnswerCache(cache)
    try:
        return _teach(list(questions(codes, settings)), settings, seed, base, reporter, kept)
    finally:
        kept.close()


def _teach(
    asked: Sequence[Question],
    settings: TeacherSettings,
    seed: int,
    base: Path,
    reporter: Reporter,
    kept: AnswerCache,
) -> Teaching:
    said = settings.model_dump(include={"model", "url", "temperature", "max_new_tokens"})
    keys = [kept.key({**said, "seed": seed, "messages": question.messages}) for question in asked]
    open_ = [number for number, key in enumerate(keys) if kept.get(key) is None]
    teaching = Teaching(asked=len(asked), cached=len(asked) - len(open_))
    answer = _of_endpoint(settings) if settings.url else _of_model(settings, seed, base, reporter)
    replies = answer([asked[number] for number in open_]) if open_ else iter(())
    for done, (at, reply) in enumerate(replies, 1):
        reporter.progress(f"teacher: {done:,} of {len(open_):,} questions")
        if reply is not None:
            kept.add(keys[open_[at]], reply)
    for question, key in zip(asked, keys, strict=True):
        known = kept.get(key)
        found = [] if known is None else list(wordings(question, known, settings.model, teaching.refused))
        teaching.failed += not found
        teaching.candidates += found
    return teaching


def _of_endpoint(settings: TeacherSettings) -> Callable[[Sequence[Question]], Numbered]:
    endpoint = Endpoint(settings)

    def answers(asked: Sequence[Question]) -> Numbered:
        with ThreadPoolExecutor(settings.concurrency) as threads:
            numbers = {
                threads.submit(endpoint.ask, question.messages): number
                for number, question in enumerate(asked)
            }
            try:
                for future in as_completed(numbers):
                    yield numbers[future], future.result()
            finally:  # of an error, too: what has not begun need not begin
                endpoint.stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)

    return answers


def _of_model(
    settings: TeacherSettings, seed: int, base: Path, reporter: Reporter
) -> Callable[[Sequence[Question]], Numbered]:
    def answers(asked: Sequence[Question]) -> Numbered:
        from ...modeling.decode import Sampling
        from ...modeling.generate import generate_groups
        from ...modeling.load import load_base

        loaded = load_base(settings.model, base, "bfloat16", reporter=reporter)
        chat = loaded.tokenizer.chat_template is not None
        prompts = [
            question.messages if chat else "\n\n".join(m["content"] for m in question.messages) + "\n\n"
            for question in asked
        ]
        groups = generate_groups(
            loaded,
            prompts,
            settings.max_new_tokens,
            settings.batch_size,
            sampling=Sampling(seed, settings.temperature),
        )
        for number, (text,) in groups:
            length = len(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
            yield number, Reply(text, length < settings.max_new_tokens)

    return answers
