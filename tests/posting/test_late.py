"""What comes late, and what never comes: late replies, one refusal for ever, who was next and died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.outbox.report import MANY_ATTEMPTS, exceptions
from st_erp_pipelines.outbox.schema import attempts
from st_erp_pipelines.posting import commits, fence
from st_erp_pipelines.target import Move, Reply, Wanted
from tests.posting.conftest import built
from tests.posting.ledger import Ledger, SimulatedClock
from tests.posting.test_engine import SETTLED, one, states

Do = Callable[..., Any]
FIVE = timedelta(minutes=5)


class Suspended(BaseException):
    """A process stops with a reply in hand. To the others it looks as if it had ended."""


@pytest.fixture
def reply_in_hand(run: Do, monkeypatch: pytest.MonkeyPatch) -> Do:
    """Runs until something has the outcome, before that is recorded; returns what records it when it wakes up."""

    def reply_in_hand(outcome: str, mode: str) -> Callable[[], Any]:
        record, held = commits.record, list[Callable[[], Any]]()

        def stop_at_it(*how: Any, **more: Any) -> Any:
            if how[2] != outcome:
                return record(*how, **more)
            held.append(partial(record, *how, **more))
            raise Suspended

        with monkeypatch.context() as patch:
            patch.setattr(commits, "record", stop_at_it)
            with pytest.raises(Suspended):
                run(mode)
        return held[0]

    return reply_in_hand


def doubted_by_another(outbox: Outbox, ledger: Ledger) -> None:
    """Who takes the fence next; it settles nothing."""
    held = fence.take(outbox, ledger.place, "another", FIVE)
    assert held is not None
    fence.give_back(outbox, held)


def edited() -> BuiltDocument:
    return built(1, amount=Decimal(7), source_hash="h2", payload={"key": "ST-A-INV-1", "total": "7"})


def names_what_it_removes(ledger: Ledger) -> None:
    """As some systems do."""
    commit = ledger.commit

    def commit_and_name(wanted: Wanted, move: Move) -> Reply:
        reply = commit(wanted, move)
        return Reply(wanted.remote_id) if move is Move.REMOVE else reply

    ledger.commit = commit_and_name  # type: ignore[method-assign]


@pytest.mark.parametrize("is_settled", [True, False], ids=["after its doubt", "during its doubt"])
def test_a_late_reply_to_a_removal_never_counts_as_a_second_document(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, reply_in_hand: Do, is_settled: bool
) -> None:
    names_what_it_removes(ledger)
    enter(built(1))
    run("draft")
    enter(edited())
    wakes_up = reply_in_hand("removed", "draft")
    clock.pass_(SETTLED)
    run("post") if is_settled else doubted_by_another(outbox, ledger)
    wakes_up()
    run("post")
    assert states(outbox) == {"1": "posted"}
    assert [paper.total for paper in ledger.papers] == [Decimal(7)]


def test_a_removal_whose_late_reply_names_an_id_is_no_second_document(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, reply_in_hand: Do
) -> None:
    """The commit itself, whatever is handed to it."""
    enter(built(1))
    run("draft")
    enter(edited())
    wakes_up = reply_in_hand("removed", "draft")
    clock.pass_(SETTLED)
    run("post")
    _, intent, outcome, state, sentence, _ = wakes_up.args
    assert commits.record(outbox, intent, outcome, state, sentence, Reply("id1")) is None
    assert states(outbox) == {"1": "posted"}


def test_a_late_id_that_was_seen_before_the_next_intent_is_no_second_document(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, reply_in_hand: Do
) -> None:
    """The draft that the late reply named was found, and replaced by us."""
    enter(built(1))
    wakes_up = reply_in_hand("entered", "post")
    clock.pass_(timedelta(minutes=6))
    doubted_by_another(outbox, ledger)
    wakes_up()
    enter(edited())
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "posted"}
    assert [(paper.id, paper.total) for paper in ledger.papers] == [("id2", Decimal(7))]


@pytest.mark.parametrize("before", ["settle", "intend"])
def test_who_looked_before_a_late_reply_may_not_send_on_what_they_saw(
    enter: Do,
    run: Do,
    outbox: Outbox,
    ledger: Ledger,
    clock: SimulatedClock,
    reply_in_hand: Do,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
) -> None:
    """The bytes of a suspended process left after the look-up that found nothing."""
    enter(built(1))
    wakes_up = [reply_in_hand("entered", "post")]
    stands_there, ledger.papers = ledger.papers, []
    clock.pass_(SETTLED)
    plain = getattr(commits, before)

    def after_the_late_reply(*how: Any, **more: Any) -> Any:
        if wakes_up:
            ledger.papers = stands_there
            wakes_up.pop()()
        return plain(*how, **more)

    with monkeypatch.context() as patch:
        patch.setattr(commits, before, after_the_late_reply)
        run()
    assert len(ledger.papers) == 1
    run()
    assert states(outbox) == {"1": "posted"}
    assert len(ledger.papers) == 1


def test_a_late_success_of_what_was_withdrawn_is_a_conflict(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, reply_in_hand: Do
) -> None:
    enter(built(1))
    wakes_up = reply_in_hand("entered", "post")
    stands_there, ledger.papers = ledger.papers, []  # committed later than anybody would wait
    enter(built(1, verdict=Verdict.WITHDRAWN))
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "withdrawn"}
    ledger.papers = stands_there
    wakes_up()
    assert states(outbox) == {"1": "conflict"}
    assert "id1" in one(outbox).sentence
    with outbox.read() as (con, _):
        assert con.scalars(sa.select(attempts.c.outcome)).all() == ["absent"], "what was settled stays as it was proven"


def test_a_late_success_during_the_next_send_is_a_conflict(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, reply_in_hand: Do
) -> None:
    """It names a document, and so does the reply to what was sent meanwhile."""
    enter(built(1))
    wakes_up = [reply_in_hand("entered", "post")]
    ledger.papers = []  # committed later than anybody would wait
    clock.pass_(SETTLED)
    commit = ledger.commit

    def commit_after_it(wanted: Wanted, move: Move) -> Reply:
        while wakes_up:
            wakes_up.pop()()
        return commit(wanted, move)

    ledger.commit = commit_after_it  # type: ignore[method-assign]
    run()
    assert states(outbox) == {"1": "conflict"}
    assert "id1 and id2" in one(outbox).sentence


def test_one_that_stays_refused_does_not_hold_up_its_kind(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    september, october = date(2026, 9, 30), date(2026, 10, 31)
    closed = Rejected("Not within your range.", cause="closed_period", retry_daily=True, date_bound=True)
    ledger.refuse = lambda wanted: closed
    enter(built(1, business_date=september), built(2, business_date=october))
    run()
    ledger.refuse = lambda wanted: closed if wanted.on == september else None  # October was opened again
    for _ in range(3):  # on the first day the older is asked first, for both
        clock.pass_(timedelta(days=1, minutes=1))
        run()
    assert states(outbox) == {"1": "rejected", "2": "posted"}


@pytest.mark.parametrize("error", [InDoubt("HTTP 500"), Unavailable("429")], ids=["always 500", "always 429"])
def test_what_has_many_attempts_without_an_end_needs_a_person(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, error: Exception
) -> None:
    ledger.refuse = lambda wanted: error
    enter(built(1))
    for _ in range(MANY_ATTEMPTS - 1):
        run()
        clock.pass_(SETTLED)
    assert exceptions(outbox, "northwind") == []
    run()
    assert [row.business_key for row in exceptions(outbox, "northwind")] == ["ST-A-INV-1"]
    assert one(outbox).attempt_count == MANY_ATTEMPTS
    ledger.refuse = lambda wanted: None
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "posted"}
    assert exceptions(outbox, "northwind") == [], "what has an end needs nobody, however often it was tried"


def test_who_was_next_holds_nobody_up_although_the_clock_was_set_back(outbox: Outbox, clock: SimulatedClock) -> None:
    first = fence.take(outbox, "place", "a", FIVE)
    assert first is not None
    assert fence.take(outbox, "place", "b", FIVE) is None  # b asked, and died
    fence.give_back(outbox, first)
    clock.wall -= timedelta(hours=8)
    taken, waited = None, 0
    while taken is None and waited < 10:
        taken, waited = fence.take(outbox, "place", "c", FIVE), waited + 1
        clock.pass_(timedelta(minutes=1))
    assert taken is not None
    assert waited <= 6, "no longer than a fence lasts"
