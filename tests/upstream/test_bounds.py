"""Every library has a lower and an upper bound, and the pinned version lies between them."""

from __future__ import annotations

import configparser

import pytest
from packaging.requirements import Requirement

from tests.support import HOME


def required() -> list[Requirement]:
    config = configparser.ConfigParser()
    config.read(HOME / "setup.cfg")
    return [Requirement(line) for line in config["options"]["install_requires"].split("\n") if line]


@pytest.mark.parametrize("requirement", required(), ids=lambda requirement: requirement.name)
def test_a_library_is_bounded_on_both_sides(requirement: Requirement) -> None:
    assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}
    pins = (line.split("==") for line in (HOME / "constraints.txt").read_text().splitlines() if "==" in line)
    pinned = {name.lower().replace("-", "_"): version for name, version in pins}
    assert pinned[requirement.name.lower().replace("-", "_")] in requirement.specifier
