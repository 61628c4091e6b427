"""Answers that prove nothing."""

from __future__ import annotations

from tests.crashes.kills import HELD, killed_while_replies_are_held
from tests.crashes.table import scenario
from tests.crashes.world import PERSONS, World


@scenario("absence_not_proven", "no_look_up")
def a_server_that_ignores_filters(world: World) -> None:
    """It answers a question for two keys with everything it has, a person's invoice among it."""
    world.erp.person_enters_an_invoice(world, PERSONS)
    world.brings_invoices(count=2)
    with world.fault("slow_reply", **world.creating, times=2, seconds=HELD):
        killed_while_replies_are_held(world, world.process(), count=2)
        world.server_ignores_filters(times=2)
        world.is_finished()
