"""What a recipe and its data must have in common, found out before a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..corpus.sources import DataSample
from ..errors import UserError
from ..modeling.shape import ModelShape
from ..recipe.schema import Recipe
from ..stages.shared.cost import Lengths

_TOO_MANY = 0.5  # gold answers that don't fit: then a stage is sure to fail at its work


def check_data(recipe: Recipe, sample: DataSample, lengths: Mapping[str, Lengths], exact: bool) -> list[str]:
    """What is odd about the recipe for this data, in words.

    Args:
        exact: tokens are counted by the model's tokenizer. What is only guessed is no mistake.

    Raises:
        UserError: splits share documents; most gold answers are longer than a stage allows; a note is more
            than the model reads.
    """
    problems = [recipe.problem(("data", *p.at), p.what, p.hint) for p in recipe.data.checks(sample.whole)]
    notes: list[str] = []
    number, lost = lengths.get("annotated", Lengths(0)).mentions
    if lost:
        notes.append(
            f"{lost:,} of {number:,} mentions of annotated documents (in a sample) cross windows, such as "
            "discontinuous ones, and are not trained on"
        )
    for where, what, hint, sure in [*_answers(recipe, lengths), *_prompts(recipe, lengths, recipe.shape)]:
        if sure and exact:
            problems.append(recipe.problem(where, what, hint))
        else:
            notes.append(f"{where[1] if len(where) > 1 else where[0]}: {what}{f' ({hint})' if hint else ''}")
    if problems:
        raise UserError(*problems)
    return list(dict.fromkeys(notes))


_Found = tuple[tuple[str | int, ...], str, str, bool]
"""Where, what is wrong, what to do, and whether it is a mistake for sure."""


def _answers(recipe: Recipe, lengths: Mapping[str, Lengths]) -> Iterator[_Found]:
    gold = [answer for answer in lengths.get("annotated", Lengths(0)).answers if answer]
    for name, settings in recipe.written.items():
        limit = settings.answer_limit()
        over = [answer for answer in gold if limit is not None and answer > limit]
        if not over:
            continue
        share = len(over) / len(gold)
        what = f"{share:.0%} of the gold answers have more than {limit} tokens"
        yield (
            ("stages", name, *settings.answer_limit_setting),
            what,
            f"the longest has {max(over)}",
            share > _TOO_MANY,
        )


def _prompts(recipe: Recipe, lengths: Mapping[str, Lengths], shape: ModelShape | None) -> Iterator[_Found]:
    if shape is None:
        return
    most = max((settings.answer_limit() or 0 for settings in recipe.written.values()), default=0)
    for name, found in lengths.items():
        longest = max(found.longest_prompt + most, found.longest)
        if longest > shape.context:
            what = (
                f"the longest prompt of '{name}' has {found.longest_prompt} tokens, and with its answer more"
            )
            hint = f"set window: {{tokens: {max(16, shape.context // 2)}}}"
            yield ("window",), f"{what} than the {shape.context} that the model reads", hint, True
            return
