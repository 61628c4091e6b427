"""With a posting log Business One itself refuses what a broken client of it would send twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crashes.afterwards import in_the_outbox, on_the_server, wrongs
from tests.crashes.table import load
from tests.crashes.world import World

SCENARIOS = load()
DOUBLED = [
    ("two_at_once_and_a_commit_after_the_deadline", "no_settling"),
    ("a_server_that_ignores_filters", "absence_not_proven"),
]
pytestmark = [
    pytest.mark.parametrize("new_database", ["sqlite"], indirect=True),
    pytest.mark.parametrize("erp", ["sap_business_one"]),
]


@pytest.mark.parametrize(("name", "breakage"), DOUBLED)
@pytest.mark.parametrize("guarded", [False, True])
def test_business_one_itself_refuses(name: str, breakage: str, guarded: bool, world: Callable[..., World]) -> None:
    played = world(breakage)
    played.needs(guarded=guarded)
    SCENARIOS[name].play(played)
    if guarded:
        assert [*on_the_server(played), *in_the_outbox(played)] == []
    else:
        assert "is posted 2 times" in " ".join(on_the_server(played))


def test_what_it_refuses_is_nothing_that_has_to_be_sent(world: Callable[..., World]) -> None:
    played = world()
    played.needs(guarded=True)
    SCENARIOS["killed_between_intent_and_send"].play(played)
    assert wrongs(played) == []
