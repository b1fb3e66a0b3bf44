"""What the fork server of a test imports: no network first, then what it always does."""

from tests.support.no_network import ASKED

ASKED.with_name("watched").touch()

import scl_rl.runner.execute.preload  # noqa: E402, F401
