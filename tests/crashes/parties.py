"""Customers, suppliers, vendors: there twice, what belongs to one of them is torn apart."""

from __future__ import annotations

from tests.crashes.kills import killed_while_a_reply_is_held
from tests.crashes.table import scenario
from tests.crashes.world import World


@scenario("no_intent", "no_look_up", needs="parties")
def a_party_killed_between_its_posting_and_the_reply(world: World) -> None:
    world.brings_parties()
    killed_while_a_reply_is_held(world, "post")
