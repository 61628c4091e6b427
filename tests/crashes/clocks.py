"""Times that lie: a commit after everybody has looked, a clock that was set, another boot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import World, until

HOUR = 3600.0


@contextmanager
def dying_before_a_late_commit(world: World, seconds: float) -> Iterator[None]:
    """The process is gone; the server makes the draft `seconds` after it was asked, within the block."""
    world.brings_invoices()
    with world.fault("late_commit", method="POST", path_contains="salesInvoices", seconds=seconds):
        world.process(Halt("sent", "enter")).dies()
        yield
        until(world.has_committed_late, "the server committed late")


def expects_a_new_wait(world: World) -> None:
    """PostgreSQL has a clock of its own, which nobody has set."""
    if world.is_sqlite:
        world.expected.append("the waiting time starts anew")


@scenario("no_settling")
def a_commit_after_the_deadline_and_the_first_look_up(world: World) -> None:
    """The next process has the fence after 3 s and looks up at once; the draft is made after 4.5 s, settled after 6."""
    world.needs(settle_after=6.0)
    with dying_before_a_late_commit(world, 4.5):
        world.is_finished()


@scenario("no_settling")
def the_clock_is_set_forward_during_a_doubt(world: World) -> None:
    """By the wall clock the doubt may be settled at once; only what has passed since counts."""
    world.clock_was_set = True
    expects_a_new_wait(world)
    with dying_before_a_late_commit(world, 2.4):
        world.is_finished(clock_ahead=HOUR)


@scenario("no_look_up")
def the_clock_is_set_back_during_a_doubt(world: World) -> None:
    """By hours, and later right again: meanwhile what can be sent is sent, and the doubt waits."""
    world.clock_was_set = True
    with dying_before_a_late_commit(world, 1.0):
        behind = world.process(clock_ahead=-3 * HOUR)
        until(lambda: world.states()["posted"] >= 2, "the process whose clock was set back had its turn")
        behind.is_killed()
        world.is_finished()


@scenario("no_settling")
def another_boot_during_a_doubt(world: World) -> None:
    expects_a_new_wait(world)
    with dying_before_a_late_commit(world, 2.9):
        world.is_finished(boot="another boot")
