"""Times that lie: a commit after everybody has looked, a clock that was set, another boot."""

from __future__ import annotations

from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import World, until

HOUR = 3600.0


def dies_before_a_late_commit(world: World, seconds: float) -> None:
    """Its process is gone; the server makes the draft `seconds` after it was asked."""
    world.brings_invoices()
    rule = dict(method="POST", path_contains="salesInvoices", seconds=seconds)
    with world.fault("late_commit", **rule):
        world.process(Halt("sent", "enter")).dies()


@scenario("no_settling")
def a_commit_after_the_deadline_and_the_first_look_up(world: World) -> None:
    """The next process has the fence after 3 s and looks up at once; the draft is made after 4.8 s, settled after 6."""
    world.needs(settle_after=6.0)
    dies_before_a_late_commit(world, 4.8)
    world.is_finished()


@scenario("no_settling")
def the_clock_is_set_forward_during_a_doubt(world: World) -> None:
    """By the wall clock the doubt may be settled at once; only what has passed since counts."""
    world.clock_was_set = True
    dies_before_a_late_commit(world, 2.4)
    world.is_finished(clock_ahead=HOUR)
    world.is_finished()


@scenario("no_look_up")
def the_clock_is_set_back_during_a_doubt(world: World) -> None:
    """By hours, and later right again: meanwhile what can be sent is sent, and the doubt waits."""
    world.clock_was_set = True
    dies_before_a_late_commit(world, 1.0)
    behind = world.process(clock_ahead=-3 * HOUR)
    until(lambda: world.states()["posted"] >= 2, "the process whose clock was set back had its turn")
    behind.is_killed()
    world.is_finished()


@scenario("no_settling")
def another_boot_during_a_doubt(world: World) -> None:
    dies_before_a_late_commit(world, 2.4)
    world.is_finished(boot="another boot")
