"""Every attack and control of the bench."""

from __future__ import annotations

from . import attacks_codes, attacks_quotes, attacks_text
from .attack import Attack

_ALL = (*attacks_codes.ATTACKS, *attacks_quotes.ATTACKS, *attacks_text.ATTACKS)
ATTACKS: tuple[Attack, ...] = tuple(sorted(_ALL, key=lambda attack: attack.kind != "control"))
