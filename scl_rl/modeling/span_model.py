"""What a trained model makes of words alone: the verifier that learning from spans gives for free."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..answer.grammar import Answer, AnswerLine, Quote, render
from ..answer.prompt import prompt_for
from ..corpus.types import Span
from ..reporter import QUIET
from .generate import encode_prompt
from .load import load_trained, read_card

LEAST_GAIN = math.log(4)
_KEPT = 100_000  # answers of the model that are kept
_IGNORED = -100


class SpanModel:
    """A frozen model that is asked how likely a code is, given nothing but words.

    Words imply a code of a document if they make it ``least_gain`` (in nats) likelier than it is among the
    spans, and no other code of the document gains more. Likelihoods are compared to what is usual because a
    model gives frequent codes to any words.
    """

    def __init__(
        self, folder: Path, spans: Iterable[Span], base: Path, least_gain: float = LEAST_GAIN
    ) -> None:
        self._card = read_card(folder)
        self._loaded = load_trained(folder, base, reporter=QUIET)
        self._loaded.model.eval()
        counts = Counter(span.code for span in spans)
        self._usual = {code: math.log(n / counts.total()) for code, n in counts.items()}
        self._never = -math.log(counts.total() + 1)
        self._least_gain = least_gain
        self._known: dict[tuple[str, str], float] = {}

    def implies(self, words: str, code: str, among: Sequence[str]) -> bool:
        """As :meth:`~scl_rl.scoring.verify.Verifier.implies`."""
        gains = self.gains(words, list(dict.fromkeys([code, *among])))
        return gains[code] >= self._least_gain and gains[code] == max(gains.values())

    def gains(self, words: str, codes: Sequence[str]) -> dict[str, float]:
        """For each code the log of how many times likelier the words make it, in nats."""
        unknown = [code for code in codes if (words, code) not in self._known]
        if unknown:
            if len(self._known) > _KEPT:
                self._known.clear()
            for code, likelihood in zip(unknown, self._likelihoods(words, unknown), strict=True):
                self._known[words, code] = likelihood
        return {code: self._known[words, code] - self._usual.get(code, self._never) for code in codes}

    def _likelihoods(self, words: str, codes: Sequence[str]) -> list[float]:
        """The log-likelihood of each code as the answer for the words, quoted."""
        import torch

        from .finite import NotFiniteError, check_scores

        tokenizer, model = self._loaded.tokenizer, self._loaded.model
        prompt = encode_prompt(tokenizer, prompt_for(words, self._card.template, self._card.chat))
        answers = [self._answer(words, code) for code in codes]
        quoted = _common(*answers, self._answer(words, "0"), self._answer(words, "Z"))
        longest = max(len(answer) for answer in answers)
        padding = tokenizer.pad_token_id
        rows = [prompt + answer + [padding] * (longest - len(answer)) for answer in answers]
        labels = [answer[quoted:] + [_IGNORED] * (longest - len(answer)) for answer in answers]
        attended = [[1] * len(prompt + answer) + [0] * (longest - len(answer)) for answer in answers]
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor(rows, device=model.device),
                attention_mask=torch.tensor(attended, device=model.device),
                logits_to_keep=longest - quoted + 1,
            ).logits[:, :-1]
        wanted = torch.tensor(labels, device=logits.device)
        losses = torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2), wanted, ignore_index=_IGNORED, reduction="none"
        )
        found = -losses.sum(dim=1)
        try:
            check_scores(found)
        except NotFiniteError as error:
            raise NotFiniteError(f"model '{self._loaded.name}': {error}") from None
        return [float(likelihood) for likelihood in found]

    def _answer(self, words: str, code: str) -> list[int]:
        line = render(Answer((AnswerLine(code, ((Quote(words),),)),)), self._card.answer)
        ids: list[int] = self._loaded.tokenizer(line, add_special_tokens=False)["input_ids"]
        return [*ids, self._loaded.tokenizer.eos_token_id]


def _common(*rows: list[int]) -> int:
    """How many tokens all rows begin with."""
    return next((i for i, tokens in enumerate(zip(*rows, strict=False)) if len(set(tokens)) > 1), 0)
