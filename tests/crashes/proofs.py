"""Answers that prove nothing."""

from __future__ import annotations

from tests.crashes.kills import HELD, killed_while_replies_are_held
from tests.crashes.table import scenario
from tests.crashes.world import PERSONS, World


@scenario("absence_not_proven", "no_look_up")
def a_server_that_ignores_filters(world: World) -> None:
    """It answers a question for four keys with everything it has, a person's invoice among it."""
    line = {"accountNumber": "4000", "quantity": 1, "unitPrice": 50, "dimensions": {"UNIT": "HVAC"}}
    world.person_enters(
        type="invoice", customerNumber="STA-2", externalDocumentNumber=PERSONS, postingDate="2026-11-02", lines=[line]
    )
    world.brings_invoices(count=4)
    with world.fault("slow_reply", method="POST", path_contains="salesInvoices", times=4, seconds=HELD):
        killed_while_replies_are_held(world, world.process(), count=4)
        world.server_ignores_filters(times=2)
        world.is_finished()
