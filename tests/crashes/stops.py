"""A process that is stopped with SIGSTOP for longer than its fence lasts, while another one works, and then goes on."""

from __future__ import annotations

from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import World, until


def stopped_until_another_has_finished(world: World, halt: Halt) -> None:
    world.expected.append("A late reply")
    stopped = world.process(halt)
    stopped.stops()
    world.is_finished()
    stopped.goes_on()
    stopped.ends()
    world.is_finished()


@scenario("late_outcome_overwrites", of_the_engine=True)
def stopped_between_intent_and_send(world: World) -> None:
    """For longer than fence and settling time together: what it then sent would be there twice."""
    world.brings_invoices()
    stopped_until_another_has_finished(world, Halt("after intent", world.first_move, how="SIGSTOP"))


@scenario("late_outcome_overwrites")
def stopped_with_the_reply_in_hand(world: World) -> None:
    world.brings_invoices()
    stopped_until_another_has_finished(world, Halt("answered", world.first_move, how="SIGSTOP"))


@scenario("fence_not_checked", of_the_engine=True)
def stopped_between_look_up_and_intent(world: World) -> None:
    """It goes on in the middle of the other's work."""
    world.brings_invoices(count=12)
    stopped = world.process(Halt("before intent", world.first_move, how="SIGSTOP"))
    stopped.stops()
    goes_on_in_the_middle_of_anothers_work(world, "northwind")
    world.is_finished()


def goes_on_in_the_middle_of_anothers_work(world: World, connection: str) -> None:
    """The first process was stopped; another one takes the fence, and is stopped when it has sent something."""
    stopped = world.processes[-1]
    working = world.process(Halt("recorded", world.first_move, how="SIGSTOP"), connection=connection)
    working.stops()
    before = len(world.attempts())
    stopped.goes_on()
    until(lambda: world.somebody_waits_for_the_fence() or len(world.attempts()) > before, "the first process went on")
    working.goes_on()
    working.ends()
    stopped.ends()
