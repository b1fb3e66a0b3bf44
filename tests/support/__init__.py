"""What several tests need and pytest does not hand out."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
HOME = TESTS.parent
FIXTURES = TESTS / "fixtures"
