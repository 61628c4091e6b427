"""A process that is killed at one point of the protocol, and another one that finds what it has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.crashes.orders import Halt
from tests.crashes.table import scenario
from tests.crashes.world import Process, World, until

REQUESTS_ON_A_DRAFT = (
    *("reading_it", "setting_a_dimension", "setting_the_other", "reading_it_again", "posting_it"),
    "reading_its_number",
)
HELD = 600.0  # seconds: longer than anybody lives


def dies_and_is_followed(world: World, *halts: Halt) -> None:
    world.process(*halts).dies()
    world.is_finished()


@contextmanager
def one_reply_held(world: World) -> Iterator[None]:
    """One document comes to be there and nobody hears of it, while the others go on."""
    with world.fault("slow_reply", **world.creating, seconds=HELD):
        yield


@scenario("no_intent", "no_look_up", of_the_engine=True)
def killed_before_an_intent(world: World) -> None:
    world.brings_invoices()
    with one_reply_held(world):
        dies_and_is_followed(world, Halt("before intent", world.first_move, nth=6))


@scenario("no_intent", "no_look_up", of_the_engine=True)
def killed_between_intent_and_send(world: World) -> None:
    world.brings_invoices()
    with one_reply_held(world):
        dies_and_is_followed(world, Halt("after intent", world.first_move, nth=6))


@scenario("no_intent", "no_look_up", of_the_engine=True)
def killed_after_the_send_and_before_the_commit(world: World) -> None:
    world.brings_invoices()
    with world.fault("late_commit", **world.creating, seconds=1.0):
        dies_and_is_followed(world, Halt("sent", world.first_move))


@scenario("no_intent", "no_look_up", needs="drafts")
def killed_between_a_draft_and_its_reply(world: World) -> None:
    world.brings_invoices()
    killed_while_a_reply_is_held(world, "enter")


@scenario("no_intent", "no_look_up")
def killed_between_a_posting_and_its_reply(world: World) -> None:
    world.brings_invoices()
    killed_while_a_reply_is_held(world, "post")


def killed_while_a_reply_is_held(world: World, move: str) -> None:
    with world.fault("slow_reply", method="POST", path_contains=world.path_of(move), seconds=HELD):
        killed_while_replies_are_held(world, world.process())
    world.is_finished()


def killed_while_replies_are_held(world: World, process: Process, count: int = 1) -> None:
    """The server has done what it was asked; its log says so."""
    until(lambda: world.holds_replies() == count, "the server did what it was asked and kept silent")
    process.is_killed()


@scenario("no_look_up", needs="drafts")
def killed_with_the_reply_to_a_draft_in_hand(world: World) -> None:
    world.brings_invoices()
    dies_and_is_followed(world, Halt("answered", "enter"))


@scenario("no_look_up", of_the_engine=True)
def killed_with_the_reply_to_a_posting_in_hand(world: World) -> None:
    world.brings_invoices()
    dies_and_is_followed(world, Halt("answered", "post"))


@scenario("no_look_up", needs="drafts")
def killed_between_the_two_moves(world: World) -> None:
    world.brings_invoices()
    dies_and_is_followed(world, Halt("recorded", "enter"))


@scenario("no_intent", "no_look_up", of_the_engine=True)
def killed_after_an_outcome_was_recorded(world: World) -> None:
    world.brings_invoices()
    with one_reply_held(world):
        dies_and_is_followed(world, Halt("recorded", "post", nth=3))  # not the first: the held one must be out by then


def _killed_after_request(nth: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        world.brings_invoices()
        dies_and_is_followed(world, Halt("between requests", nth=nth))

    return play


for nth, done in enumerate(REQUESTS_ON_A_DRAFT, start=1):
    scenario("no_look_up", name=f"killed_on_a_draft_after_{done}", needs="drafts")(_killed_after_request(nth))
