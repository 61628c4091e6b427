"""Each document is posted once, whatever happens; and each scenario sees what it is there for."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.crashes.afterwards import wrongs
from tests.crashes.erps import ERPS
from tests.crashes.table import Scenario, load
from tests.crashes.world import World
from tests.databases import programs
from tests.posting.breakages import BREAKAGES


def databases_for(erp: str) -> list[str]:
    """Both for the first ERP, one for each further one: what differs between databases is in the engine."""
    if erp == next(iter(ERPS)):
        return ["sqlite", "postgresql"]
    return ["postgresql" if programs() else "sqlite"]


def is_played(erp: str, scenario: Scenario) -> bool:
    """What is of the engine alone is seen with two ERPs; with further ones, where there is time for it."""
    return not scenario.of_the_engine or erp in list(ERPS)[:2] or "LONG_TESTS" in os.environ


SCENARIOS = load()
PLAYED = [(erp, each.name) for each in SCENARIOS.values() for erp in each.erps if is_played(erp, each)]
PLAYS = [(database, erp, name) for erp, name in PLAYED for database in databases_for(erp)]
CAUGHT = [("sqlite", erp, name, breakage) for erp, name in PLAYED for breakage in SCENARIOS[name].catches]


@pytest.mark.parametrize(("new_database", "erp", "name"), PLAYS, indirect=["new_database"])
def test_each_document_is_posted_once(name: str, world: Callable[..., World]) -> None:
    played = world()
    SCENARIOS[name].play(played)
    assert wrongs(played) == []


@pytest.mark.parametrize(("new_database", "erp", "name", "breakage"), CAUGHT, indirect=["new_database"])
def test_a_breakage_is_seen(name: str, breakage: str, world: Callable[..., World]) -> None:
    played = world(breakage)
    SCENARIOS[name].play(played)
    with pytest.raises(AssertionError):
        assert wrongs(played) == []


@pytest.mark.parametrize("erp", ERPS)
def test_no_row_and_no_column_is_empty(erp: str) -> None:
    played = [each for each in SCENARIOS.values() if erp in each.erps]
    assert [each.name for each in played if not each.catches] == []
    short = [each for each in played if is_played(erp, each)]
    assert {breakage for each in short for breakage in each.catches} == set(BREAKAGES)
