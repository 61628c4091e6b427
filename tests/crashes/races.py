"""Two processes at once."""

from __future__ import annotations

from tests.crashes.orders import Halt
from tests.crashes.stops import goes_on_in_the_middle_of_anothers_work
from tests.crashes.table import scenario
from tests.crashes.world import World, until


@scenario("no_settling")
def two_at_once_and_a_commit_after_the_deadline(world: World) -> None:
    """The one gives a document up after a second; the server makes it when the other may have looked."""
    world.brings_invoices(count=12)
    with world.fault("late_commit", **world.creating, seconds=2.4):
        both_end(world)
        until(world.has_committed_late, "the server committed late")


@scenario("fence_not_checked")
def two_at_once_and_a_look_up_longer_than_the_fence(world: World) -> None:
    """Who looked up comes back to a fence that has run out, while the other one works, slowly."""
    world.brings_invoices(count=16)
    with (
        world.fault("slow_reply", **world.asking, seconds=3.0),
        world.fault("latency", **world.creating, times=None, seconds=0.4),
    ):
        both_end(world)


@scenario("fence_not_checked", of_the_engine=True)
def two_connections_to_one_company(world: World) -> None:
    """Two tenants whose invoices have the same ids. First one is stopped and overtaken, then both go on at once."""
    world.brings_invoices(count=8)
    world.brings_invoices(count=8, prefix="B", tenant=1002)
    world.process(Halt("before intent", world.first_move, how="SIGSTOP")).stops()
    goes_on_in_the_middle_of_anothers_work(world, "northwind_b")
    world.is_finished()


def both_end(world: World, **other: str) -> None:
    for process in (world.process(), world.process(**other)):
        process.ends()
