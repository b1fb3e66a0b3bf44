"""Settings that had another name: an old one is a mistake that says the new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Where
from .tree import Tree


def with_new_names(
    written: Mapping[str, Any], renamed: Mapping[str, str], where: Where, tree: Tree
) -> dict[str, Any]:
    """Note every old name in a section; the section with the new names, so that what else is wrong shows too.

    Args:
        renamed: old name → new name; ``mixture.spans`` is a setting of a section.
    """
    section = {name: value for name, value in written.items() if name not in renamed}
    for old in [name for name in written if name in renamed]:
        tree.fail((*where, old), f"renamed to '{renamed[old]}'")
        *outer, last = renamed[old].split(".")
        inner = section
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                break
        else:
            inner.setdefault(last, written[old])
    return section
