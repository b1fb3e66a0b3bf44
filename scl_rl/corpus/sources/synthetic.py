"""``source: synthetic``: invented notes whose evidence is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ..synthetic.settings import SIZES, SyntheticSettings
from .base import DataSource, Records, Sets
from .sample import WHOLE, DataSample, maximum, sample_sets


class SyntheticSource(SyntheticSettings, DataSource):
    """Synthetic notes; no file is read."""

    source: Literal["synthetic"] = "synthetic"

    def provides(self) -> set[str]:
        """All sets, but for a dev or code-only set of size 0."""
        return {"annotated", "spans", "test"} | {name for name in ("dev", "code_only") if getattr(self, name)}

    def load(self) -> Sets:
        """Make the corpus. The same settings give the same bytes."""
        from ..synthetic import generate

        corpus = generate(self)
        return Sets(corpus.documents, corpus.spans, corpus.code_only, corpus.dev, corpus.test)

    def stream(self) -> Iterator[tuple[str, Records]]:
        """Make the corpus, a record at a time; the bytes are the same."""
        from ..synthetic import stream

        yield from stream(self)

    def sample(self, max_bytes: float = WHOLE) -> DataSample:
        """Make only as much as a sample needs: the size of one set changes no other."""
        counts = {name: getattr(self, size) for name, size in SIZES.items()}
        fewer = {size: min(maximum(name), counts[name]) for name, size in SIZES.items()}
        return sample_sets(self.model_copy(update=fewer).load().by_name(), counts)
