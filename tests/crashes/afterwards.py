"""What must hold whenever all is over, whoever crashed: by the server's own count, and by the audit trail."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from st_erp_pipelines.outbox import Document, report
from st_erp_pipelines.posting import fence
from tests.crashes.world import PERSONS, World

ON_THE_WAY = {"ready", "in_doubt", "unavailable"}  # states that a story may pass through, between ready and posted
CAME = {"enter": {"entered", "unfinished", "complete"}, "post": {"posted", "complete"}}  # outcomes that took effect
LOOKED_UP = {"absent", "unfinished", "complete"}  # outcomes that a look-up gave to a doubt
LATE = "A late reply"


def wrongs(world: World) -> list[str]:
    """Empty where every document is posted once and everybody knows it."""
    found: list[str] = []
    for each in (on_the_server, in_the_outbox, in_the_stories, of_the_attempts, of_two_writers, of_the_fences):
        found += each(world)
    return found


def on_the_server(world: World) -> Iterator[str]:
    state = world.state()
    there = world.erp.posted(state)
    for document in world.documents():
        count = len(there.get(document.business_key, []))
        if count != 1:
            yield f"{document.business_key} is posted {count} times"
    strangers = there.keys() - {document.business_key for document in world.documents()} - {PERSONS}
    yield from (f"{key} is posted, and nobody wanted it" for key in strangers)
    yield from world.erp.amiss(state)


def in_the_outbox(world: World) -> Iterator[str]:
    there = world.erp.posted(world.state())
    for document in world.documents():
        key = document.business_key
        if document.state != "posted":
            yield f"{key} ended {document.state}: {document.sentence}"
        known = {"id": document.remote_id, "number": document.remote_number, "total": document.amount}
        if there.get(key) and there[key] != [known]:
            yield f"{key} is {known} here and {there[key]} there"


def of_the_fences(world: World) -> Iterator[str]:
    """None is closed, and a new process gets each; after a clock was set forward, as soon as a fence may last."""
    for row in world.fences():
        is_closed = row.until > world.outbox.now() and not world.clock_was_set
        if is_closed or not _is_given(world, row.place):
            yield f"the fence of {row.place} is closed until {row.until}"


def _is_given(world: World, place: str) -> bool:
    end, ttl = time.monotonic() + world.settle_after, timedelta(seconds=world.settle_after / 2)
    while (given := fence.take(world.outbox, place, "afterwards", ttl)) is None and time.monotonic() < end:
        time.sleep(0.1)
    return given is not None


def in_the_stories(world: World) -> Iterator[str]:
    """From ready to posted, by allowed states only, once; what a late reply adds changes nothing."""
    said = ""
    for document, _, events in _stories(world):
        told = [event.state for event in events if not event.text.startswith(LATE)]
        if (told[0], told[-1]) != ("ready", "posted") or not ON_THE_WAY.issuperset(told[1:-1]):
            yield f"the story of {document.business_key} goes {' '.join(told)}"
        said += " ".join(event.text for event in events)
    yield from (f"no story says {text!r}" for text in world.expected if text not in said)


def _stories(world: World) -> list[tuple[Document, list[Any], list[Any]]]:
    """What `audit` tells of each document: its attempts and its events."""
    return [told for document in world.documents() for told in report.story(world.outbox, document.business_key)]


def of_the_attempts(world: World) -> Iterator[str]:
    for document, tries, _ in _stories(world):
        yield from (f"{document.business_key}: {wrong}" for wrong in _of_one(world, document, tries))
    for move in world.erp.MOVES:
        written = [each for each in world.writes() if each["path"].endswith(world.path_of(move))]
        intended = sum(attempt.move == move for attempt in world.attempts())
        if len(written) - world.posted_by_person > intended:
            yield f"the server was asked {len(written)} times to {move}, and {intended} intents say so"


def _of_one(world: World, document: Document, tries: list[Any]) -> Iterator[str]:
    if document.attempt_count != len(tries):
        yield f"{document.attempt_count} intents, {len(tries)} attempts"
    for move, successes in CAME.items():
        came = [each.outcome for each in tries if each.move == move and each.outcome in successes]
        if len(came) > 1:
            yield f"to {move} it succeeded several times: {came}"
    for each in tries:
        if each.outcome is None or each.closed_at is None:
            yield f"attempt {each.id} has no outcome"
        elif each.outcome in LOOKED_UP and not _was_settled_in_time(world, each.intended_at, each.closed_at):
            yield f"attempt {each.id} was in doubt, and settled after {each.closed_at - each.intended_at}"
        if each.late_outcome and each.outcome not in LOOKED_UP:
            yield f"attempt {each.id} has a late reply and says {each.outcome}"


def _was_settled_in_time(world: World, since: datetime, at: datetime) -> bool:
    """Where a test has set the clock, stamps prove nothing."""
    return world.clock_was_set or at - since >= timedelta(seconds=world.settle_after)


def of_two_writers(world: World) -> Iterator[str]:
    """Epochs never go back, each has one owner, and the writes of two connections never overlap."""
    owners: dict[int, set[str]] = defaultdict(set)
    newest = 0
    for attempt in world.attempts():
        owners[attempt.epoch].add(attempt.owner)
        if attempt.epoch < newest:
            yield f"attempt {attempt.id} was made under epoch {attempt.epoch} after one under {newest}"
        newest = max(newest, attempt.epoch)
    yield from (f"epoch {epoch} has {len(who)} owners" for epoch, who in owners.items() if len(who) > 1)
    yield from _overlaps(world)


def _overlaps(world: World) -> Iterator[str]:
    """By the server's log: what it did for a document of one connection while it worked for the other."""
    connection_of = {document.remote_id: document.connection for document in world.documents() if document.remote_id}
    turns: list[tuple[str, str, str]] = []
    for entry in world.writes():
        for remote_id, connection in connection_of.items():
            if world.erp.names(entry["path"], remote_id):
                turns.append((entry["at"], entry["ended_at"], connection))
    for (_, ended, one), (at, _, other) in zip(sorted(turns), sorted(turns)[1:], strict=False):
        if one != other and at < ended:
            yield f"the server worked for {other} from {at}, and for {one} until {ended}"
