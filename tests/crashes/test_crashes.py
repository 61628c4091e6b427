"""Each document is posted once, whatever happens; and each scenario sees what it is there for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crashes.afterwards import wrongs
from tests.crashes.table import load
from tests.crashes.world import World
from tests.posting.breakages import BREAKAGES

SCENARIOS = load()
CAUGHT = [(each.name, breakage) for each in SCENARIOS.values() for breakage in each.catches]


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_document_is_posted_once(name: str, world: Callable[..., World]) -> None:
    played = world()
    SCENARIOS[name].play(played)
    assert wrongs(played) == []


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("name", "breakage"), CAUGHT)
def test_a_breakage_is_seen(name: str, breakage: str, world: Callable[..., World]) -> None:
    played = world(breakage)
    SCENARIOS[name].play(played)
    with pytest.raises(AssertionError):
        assert wrongs(played) == []


def test_no_row_and_no_column_is_empty() -> None:
    assert {name for name, each in SCENARIOS.items() if not each.catches} == set()
    assert {breakage for _, breakage in CAUGHT} == set(BREAKAGES)
