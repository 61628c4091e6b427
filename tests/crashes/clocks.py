"""Times that lie: a commit after everybody has looked, a clock that was set, another boot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import Process, World, until

HOUR = 3600.0


@contextmanager
def followed_before_a_late_commit(world: World, seconds: float, **changes: Any) -> Iterator[Process]:
    """A process is gone, the next one begins, and the server makes the document `seconds` after it was asked."""
    world.brings_invoices()
    following = world.process(Halt("begun", how="SIGSTOP"), **changes)
    following.stops()
    with world.fault("late_commit", **world.creating, seconds=seconds):
        world.process(Halt("sent", world.first_move)).dies()
        following.goes_on()
        yield following
        until(world.has_committed_late, "the server committed late")


def expects_a_new_wait(world: World) -> None:
    """PostgreSQL has a clock of its own, which nobody has set."""
    if world.is_sqlite:
        world.expected.append("the waiting time starts anew")


@scenario("no_settling", of_the_engine=True)
def a_commit_after_the_deadline_and_the_first_look_up(world: World) -> None:
    """The next process has the fence after 3 s and looks at once; the document comes after 4.5 s, is settled at 6."""
    world.needs(settle_after=6.0)
    with followed_before_a_late_commit(world, 4.5) as following:
        following.ends()


@scenario("no_settling")
def the_clock_is_set_forward_during_a_doubt(world: World) -> None:
    """By the wall clock the doubt may be settled at once; only what has passed since counts."""
    world.clock_was_set = True
    expects_a_new_wait(world)
    with followed_before_a_late_commit(world, 2.4, clock_ahead=HOUR) as following:
        following.ends()


@scenario("no_look_up", of_the_engine=True)
def the_clock_is_set_back_during_a_doubt(world: World) -> None:
    """By hours, and later right again: meanwhile what can be sent is sent, and the doubt waits."""
    world.clock_was_set = True
    with followed_before_a_late_commit(world, 1.0, clock_ahead=-3 * HOUR) as following:
        until(lambda: world.states()["posted"] >= 2, "the process whose clock was set back had its turn")
        following.is_killed()
        world.is_finished()


@scenario("no_settling", of_the_engine=True)
def another_boot_during_a_doubt(world: World) -> None:
    expects_a_new_wait(world)
    with followed_before_a_late_commit(world, 2.9, boot="another boot") as following:
        following.ends()
