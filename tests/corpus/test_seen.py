"""Which texts were seen: as a dict would have it, in a few bytes."""

import random

from scl_rl.corpus.seen import Seen


def test_texts_are_numbered_as_they_come() -> None:
    rng, seen, known = random.Random(0), Seen(), {}
    for _ in range(20_000):
        text = str(rng.randrange(9_000))
        assert (text in seen) == (text in known)
        assert seen.number(text) == known.setdefault(text, len(known))
    assert len(seen) == len(known)


def test_a_lone_surrogate_is_a_text_too() -> None:
    seen = Seen()
    assert (seen.number("\ud800"), seen.number("b")) == (0, 1) and "\ud800" in seen
