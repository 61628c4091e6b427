"""Payments: two lines, in batches that are posted as a whole and leave nothing behind but ledger entries."""

from __future__ import annotations

from tests.crashes.kills import HELD, killed_while_replies_are_held
from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import World, payment, until

BATCHES = ("STPAYA", "STPAYB")


def brings_payments(world: World, count: int = 2) -> None:
    world.needs(flow="payments", batches=BATCHES)
    world.brings([part for number in range(1, count + 1) for part in payment(number, BATCHES)])


@scenario("no_intent")
def a_payment_killed_between_its_line_and_the_reply(world: World) -> None:
    _killed_while_a_reply_is_held(world, "customerPayments")


@scenario("no_intent", "no_look_up")
def a_payment_killed_between_its_posting_and_the_reply(world: World) -> None:
    _killed_while_a_reply_is_held(world, "Microsoft.NAV.post")


def _killed_while_a_reply_is_held(world: World, call: str) -> None:
    brings_payments(world)
    with world.fault("slow_reply", method="POST", path_contains=call, seconds=HELD):
        killed_while_replies_are_held(world, world.process())
    world.is_finished()


@scenario("absence_not_proven", "no_look_up")
def a_payment_posted_by_a_person_during_the_look_up(world: World) -> None:
    """Its line was seen open, then it is neither open nor in the ledger as it was read: that proves nothing."""
    world.needs(flow="payments", batches=BATCHES[:1])
    world.brings(payment(1, BATCHES[:1], amounts=("100.00",)))
    world.process(Halt("recorded", "enter")).dies()
    seen = len(world.log())
    with world.fault("slow_reply", method="GET", path_contains="generalLedgerEntries", seconds=1.5):
        process = world.process()
        until(lambda: _ledger_was_read(world, seen), "the look-up came to the ledger")
        world.person_posts_the_batch(BATCHES[0])
        process.ends()


def _ledger_was_read(world: World, seen: int) -> bool:
    """By the look-up, or by what posted it without asking."""
    return any("generalLedgerEntries" in entry["path"] for entry in world.log()[seen:])
