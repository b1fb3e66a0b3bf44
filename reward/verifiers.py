"""The verifiers of the reward ``consistency``, made once for all calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from ..corpus.jsonl import read_documents, read_spans
from ..mining import EvidenceMiner, MiningSettings
from ..scoring.dictionary import SpanDictionary
from ..scoring.verify import AnyVerifier, Verifier

Kind: TypeAlias = Literal["dictionary", "corpus", "model"]


def kinds_of(verifier: Any) -> tuple[str, ...]:
    """The kinds that the argument ``verifier`` names."""
    return (verifier,) if isinstance(verifier, str) else tuple(verifier)


def mining_settings(given: Mapping[str, Any] | None) -> MiningSettings:
    """The argument ``mining``.

    Raises:
        ValueError: it has a field that there isn't, or a wrong value.
    """
    try:
        return MiningSettings(**(given or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(("mining", *map(str, first["loc"])))
        raise ValueError(f"argument '{name}': {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def verifier_of(
    verifier: Any,
    spans: str | None,
    model: str | None = None,
    base: str | None = None,
    annotated: str | None = None,
    code_only: str | None = None,
    mining: Mapping[str, Any] | None = None,
) -> Verifier:
    """The verifier that the reward's arguments describe.

    Raises:
        ValueError: a file that it is made of is not given, or it is made of nothing.
    """
    kinds = kinds_of(verifier)
    if not kinds:
        raise ValueError("argument 'verifier': is an empty list; name dictionary, corpus or model")
    made: list[Verifier] = []
    for kind in kinds:
        if kind == "corpus":
            made.append(_miner(annotated, code_only, mining_settings(mining)))
        else:
            made.append(_from_spans(kind, spans, model, base))
    return made[0] if len(made) == 1 else AnyVerifier(tuple(made))


@lru_cache(maxsize=2)
def _from_spans(kind: str, spans: str | None, model: str | None, base: str | None) -> Verifier:
    if spans is None:
        raise ValueError("needs the argument 'spans', a file of words and what they imply")
    known = read_spans(Path(spans))
    if kind == "dictionary":
        return SpanDictionary(known)
    if model is None:
        raise ValueError("needs the argument 'model', the folder of a model that learned from spans")
    from ..modeling.span_model import SpanModel

    return SpanModel(Path(model), known, Path(base or "."))


@lru_cache(maxsize=2)
def _miner(annotated: str | None, code_only: str | None, settings: MiningSettings) -> EvidenceMiner:
    paths = [path for path in (annotated, code_only) if path is not None]
    if not paths:
        raise ValueError("needs the argument 'code_only', a file of documents whose codes are known")
    return EvidenceMiner.fit([d for path in paths for d in read_documents(Path(path))], settings)
