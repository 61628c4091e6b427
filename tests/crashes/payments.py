"""Payments: what is left of them is where money went, and perhaps not what was entered."""

from __future__ import annotations

from tests.crashes.kills import killed_while_a_reply_is_held
from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import World, until


@scenario("no_intent", needs="drafts")
def a_payment_killed_between_its_line_and_the_reply(world: World) -> None:
    world.brings_payments()
    killed_while_a_reply_is_held(world, "enter")


@scenario("no_intent", "no_look_up")
def a_payment_killed_between_its_posting_and_the_reply(world: World) -> None:
    world.brings_payments()
    killed_while_a_reply_is_held(world, "post")


@scenario("absence_not_proven", "no_look_up", needs="waiting payments")
def a_payment_posted_by_a_person_during_the_look_up(world: World) -> None:
    """It was seen unposted, then it is neither that nor posted as it was read: that proves nothing."""
    world.brings_payments(1, amounts=("100.00",))
    with world.erp.payments_wait_for_a_person(world):
        world.process(Halt("recorded", world.first_move)).dies()
    seen = len(world.log())
    with world.fault("slow_reply", **world.asking, seconds=1.5):
        process = world.process()
        until(lambda: _posted_ones_were_read(world, seen), "the look-up came to what is posted")
        world.erp.person_posts_payments(world)
        process.ends()


def _posted_ones_were_read(world: World, seen: int) -> bool:
    """By the look-up, or by what posted it without asking."""
    return any(world.asking["path_contains"] in entry["path"] for entry in world.log()[seen:])
