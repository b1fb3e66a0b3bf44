"""``--set stage.field=value``: single values of a recipe changed from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UserError
from ..suggest import did_you_mean
from .schema import Head
from .tree import Tree, Where

_MAX_SHOWN = 100  # characters of an override in messages


_TOPS = (*Head.model_fields, "data", "stages")


def apply_override(tree: Tree, text: str, tops: Sequence[str] = _TOPS) -> None:
    """Put the value of a ``key=value`` text into the tree; the value is YAML.

    The key's first part is a stage's name, or a top-level setting. A section that is not there yet is
    made. What can't be done is noted as a problem.

    Args:
        tops: the top-level settings; those of a recipe if absent.

    Raises:
        UserError: the text is not ``key=value``, or the value is not YAML.
    """
    place = f"--set {text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + '…'}"
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise UserError(f"{place}: should be KEY=VALUE, like scl.tokens=60000 or seed=1")
    stages = tree.value.get("stages")
    names = list(stages) if isinstance(stages, dict) else []
    if parts[0] in names:
        parts = ["stages", *parts]
    elif parts[0] not in tops:
        hint = did_you_mean(parts[0], [*names, *tops])
        raise UserError(f"{place}: there is no stage or setting '{parts[0]}'{f' ({hint})' if hint else ''}")
    elif parts[0] == "stages" and len(parts) > 1 and parts[1] not in names:
        hint = did_you_mean(parts[1], names, "stages")
        raise UserError(f"{place}: there is no stage '{parts[1]}'{f' ({hint})' if hint else ''}")

    if parts[0] == "model" and len(parts) > 1 and isinstance(tree.value.get("model"), str):
        tree.value["model"] = {"name": tree.value["model"]}
    holder: Any = tree.value
    where: Where = ()
    for i, part in enumerate(parts):
        step: str | int = part
        if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
            step = int(part)
        elif not isinstance(holder, dict):
            what = "a list that long" if isinstance(holder, list) else "a section"
            raise UserError(f"{place}: '{'.'.join(parts[:i])}' is not {what}")
        where = (*where, step)
        if i == len(parts) - 1:
            tree.put(where, None, place)
            try:
                holder[step] = tree.parse(value, where)
            except UserError as error:
                tree.fail(where, error.problems[0].what)
        elif isinstance(holder, dict) and holder.get(part) is None:
            tree.put(where, {}, place)
        holder = holder[step]
