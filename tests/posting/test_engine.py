"""Every rule of DESIGN section 5, against a ledger that accepts duplicates and fails on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, Unavailable
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import Reason, Verdict
from st_erp_pipelines.outbox.report import exceptions
from st_erp_pipelines.outbox.schema import attempts, documents, events
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting import commits, fence
from st_erp_pipelines.run_report import Limits
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing
from tests.posting.conftest import built
from tests.posting.ledger import LOST, LOST_AFTER_COMMIT, Ledger, Paper, SimulatedClock

Do = Callable[..., Any]
SETTLED = timedelta(minutes=21)


def states(outbox: Outbox) -> dict[str, str]:
    with outbox.engine.begin() as con:
        return {
            row.business_key.rsplit("-", 1)[-1]: row.state
            for row in con.execute(sa.select(documents).order_by(documents.c.revision))
        }


def one(outbox: Outbox, number: int = 1) -> Any:
    with outbox.engine.begin() as con:
        return con.execute(sa.select(documents).where(documents.c.business_key == f"ST-A-INV-{number}")).one()


def test_posts_each_document_once(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(*(built(n) for n in range(1, 121)))
    report = run()
    assert report.states["posted"] == 120
    assert report.amount_posted == sum(Decimal(100 + n) for n in range(1, 121))
    assert run().states == {}
    assert len(ledger.posted()) == len(set(ledger.posted())) == 120


def test_observe_writes_nothing(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("observe")
    assert ledger.sent == []
    assert states(outbox) == {"1": "ready"}


def test_draft_leaves_it_entered_and_post_finishes_it(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    run("draft")
    assert states(outbox) == {"1": "entered"}
    assert [move for _, move in ledger.sent] == [Move.ENTER]
    run("post")
    assert ledger.posted() == ["ST-A-INV-1"]
    assert [move for _, move in ledger.sent] == [Move.ENTER, Move.POST]


def test_an_entered_draft_posted_there_is_posted(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    ledger.papers[0].posted = True
    run("draft")
    assert states(outbox) == {"1": "posted"}


def test_an_entered_draft_removed_there_is_skipped(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    ledger.papers.clear()
    run("draft")
    assert states(outbox) == {"1": "skipped"}


def test_a_changed_source_replaces_our_untouched_draft(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    enter(built(1, amount=Decimal(7), source_hash="h2", payload={"total": "7"}))
    run("draft")
    assert [move for _, move in ledger.sent] == [Move.ENTER, Move.REMOVE, Move.ENTER]
    assert [paper.total for paper in ledger.papers] == [Decimal(7)]


def test_a_draft_that_a_person_touched_is_never_removed(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    ledger.papers[0].etag = "edited"
    enter(built(1, amount=Decimal(7), source_hash="h2", payload={"total": "7"}))
    run("draft")
    assert states(outbox) == {"1": "conflict"}
    assert len(ledger.papers) == 1


def test_a_voided_source_takes_our_draft_back(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    enter(built(1, verdict=Verdict.WITHDRAWN))
    run("draft")
    assert ledger.papers == []
    assert states(outbox) == {"1": "withdrawn"}


@pytest.mark.parametrize("fate", [LOST, LOST_AFTER_COMMIT])
@pytest.mark.parametrize("lost_move", [0, 1])
def test_a_doubt_is_settled_by_look_up_alone(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, fate: Any, lost_move: int
) -> None:
    ledger.plan.extend([None] * lost_move + [fate])
    enter(built(1))
    run()
    assert states(outbox) == {"1": "in_doubt"}
    sent = len(ledger.sent)
    run()
    assert len(ledger.sent) == sent, "nothing is sent before the waiting time is over"
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "posted"}
    assert ledger.posted() == ["ST-A-INV-1"]
    assert len(ledger.papers) == 1


def test_an_unproven_absence_sends_nothing(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.blind = True
    enter(built(1))
    run()
    assert ledger.sent == []
    assert states(outbox) == {"1": "unavailable"}


def test_what_stays_unproven_is_asked_ever_more_rarely(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    """Such as a draft that waits for somebody's approval."""
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    ledger.blind = True
    waits = []
    for _ in range(24):
        clock.pass_(one(outbox).settle_at - clock.now())
        run()
        waits.append(one(outbox).settle_at - clock.now())
    assert waits[0] == ledger.timing.settle_after / 4
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)


def test_what_stands_there_already_is_adopted(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.papers.append(Paper("x9", "ST-A-INV-1", Decimal(101), date(2026, 11, 1), "STA-1", {}, posted=True))
    enter(built(1))
    run()
    assert states(outbox) == {"1": "adopted"}
    assert one(outbox).remote_id == "x9"
    assert ledger.sent == []


@pytest.mark.parametrize(
    "change", [{"total": Decimal(1)}, {"on": date(2026, 10, 1)}, {"party": "STA-2"}, {"dead": True}]
)
def test_what_differs_there_is_a_conflict(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, change: dict[str, Any]
) -> None:
    paper = Paper("x9", "ST-A-INV-1", Decimal(101), date(2026, 11, 1), "STA-1", {}, posted=True)
    ledger.papers.append(replace(paper, **change))
    enter(built(1))
    run()
    assert states(outbox) == {"1": "conflict"}
    assert ledger.sent == []


def test_two_with_one_key_are_a_conflict(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    paper = Paper("x9", "ST-A-INV-1", Decimal(101), date(2026, 11, 1), "STA-1", {}, posted=True)
    ledger.papers.extend([paper, replace(paper, id="x10")])
    enter(built(1))
    run()
    assert states(outbox) == {"1": "conflict"}


def test_exported_by_another_is_adopted_or_out_of_scope(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.papers.append(Paper("x9", "ST-A-INV-1", Decimal(101), date(2026, 11, 1), "STA-1", {}, posted=True))
    enter(built(1, adopt_only=True), built(2, adopt_only=True))
    run()
    assert states(outbox) == {"1": "adopted", "2": "out_of_scope"}
    assert ledger.sent == []


def test_proven_not_sent_is_tried_again(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(Unavailable("connection refused"))
    enter(built(1))
    run()
    assert states(outbox) == {"1": "unavailable"}
    clock.pass_(timedelta(minutes=2))
    run()
    assert states(outbox) == {"1": "posted"}


def test_a_refusal_keeps_nothing_else_from_being_posted(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.refuse = lambda wanted: Rejected("No.", cause="no") if wanted.key.endswith("-1") else None
    enter(built(1), built(2))
    run()
    assert states(outbox) == {"1": "rejected", "2": "posted"}


def test_a_refusal_for_good_waits_for_a_new_payload(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(Rejected("Account 7 does not exist.", cause="unknown_account"))
    enter(built(1))
    run()
    clock.pass_(timedelta(days=3))
    enter(built(1))
    run()
    assert states(outbox) == {"1": "rejected"}
    enter(built(1, payload={"total": "101", "account": "8"}))
    run()
    assert states(outbox) == {"1": "posted"}


def test_a_refusal_mended_over_there_is_retried_daily_one_of_its_cause_first(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    blocked = Rejected("Customer is blocked.", cause="blocked_customer", retry_daily=True)
    ledger.refuse = lambda wanted: blocked
    enter(*(built(n) for n in range(1, 6)))
    run()
    assert len(ledger.sent) == 5
    clock.pass_(timedelta(days=1, minutes=1))
    run()
    assert len(ledger.sent) == 6, "one was asked, the others wait unsent"
    assert set(states(outbox).values()) == {"rejected"}
    clock.pass_(timedelta(days=1, minutes=1))
    ledger.refuse = lambda wanted: None
    run()
    assert set(states(outbox).values()) == {"posted"}


def test_ten_refusals_of_one_cause_end_the_flow(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.refuse = lambda wanted: Rejected("No posting group.", cause="missing_posting_group")
    enter(*(built(n) for n in range(1, 101)))
    report = run()
    assert len(ledger.sent) == 10
    assert report.stopped
    assert "10 refusals" in report.sentences[0]


def test_a_closed_period_does_not_keep_todays_from_being_posted(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    old = date(2026, 9, 30)
    closed = Rejected("Not within your range.", cause="closed_period", retry_daily=True, date_bound=True)
    ledger.refuse = lambda wanted: closed if wanted.on == old else None
    enter(*(built(n, business_date=old) for n in range(1, 201)), built(201))
    report = run()
    assert states(outbox)["201"] == "posted"
    assert report.states["rejected"] == 10
    assert not report.stopped


def test_limits_end_a_flow_before_it_sends(enter: Do, run: Do, ledger: Ledger) -> None:
    enter(built(1), built(2))
    assert run(limits=Limits(max_amount=Decimal(150))).braked
    assert run(limits=Limits(max_documents=1)).braked
    assert ledger.sent == []


def test_limits_let_a_doubt_be_settled(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.extend([None, LOST_AFTER_COMMIT])
    enter(built(1))
    run()
    enter(built(2), built(3))
    clock.pass_(SETTLED)
    assert run(limits=Limits(max_documents=1)).braked
    assert states(outbox) == {"1": "posted", "2": "ready", "3": "ready"}


@pytest.mark.parametrize("verdict", [Verdict.SKIPPED, Verdict.OUT_OF_SCOPE])
def test_what_is_not_to_be_posted_any_more_is_not_sent_after_its_doubt(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, verdict: Verdict
) -> None:
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    enter(built(1, verdict=verdict, amount=Decimal(0)))
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "withdrawn"}
    assert ledger.papers == []


def test_an_old_look_up_is_asked_again(enter: Do, run: Do, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up of many may take longer than a person needs to enter one of them."""
    look_up = ledger.look_up

    def slow(wanted: Any) -> Any:
        found = look_up(wanted)
        if len(wanted) > 1:
            ledger.clock.pass_(timedelta(minutes=2))
            ledger.papers.append(Paper("hers", "ST-A-INV-2", Decimal(102), date(2026, 11, 1), "STA-1", {}, posted=True))
        return found

    monkeypatch.setattr(ledger, "look_up", slow)
    enter(built(1), built(2))
    run()
    assert [paper.id for paper in ledger.papers if paper.key == "ST-A-INV-2"] == ["hers"]


def test_who_wakes_after_the_send_window_sends_nothing(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    intend = commits.intend

    def sleepily(*how: Any) -> Any:
        intent = intend(*how)
        ledger.clock.pass_(timedelta(seconds=11))
        return intent

    enter(built(1))
    with monkeypatch.context() as patch:
        patch.setattr(commits, "intend", sleepily)
        run()
    assert ledger.sent == []
    with outbox.engine.begin() as con:
        assert list(con.scalars(sa.select(attempts.c.outcome))) == ["not_sent"]
    run()
    assert states(outbox) == {"1": "posted"}


def test_who_waits_too_long_for_a_fence_leaves_the_rest_due(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    assert fence.take(outbox, ledger.place, "another", timedelta(hours=1)) is not None
    ledger.timing = Timing(timedelta(minutes=20), fence=timedelta(hours=1))
    assert "another process writes" in run().sentences[0]
    assert states(outbox) == {"1": "ready"}


def test_a_clock_that_was_set_back_closes_no_fence_for_hours(outbox: Outbox, clock: SimulatedClock) -> None:
    minutes = timedelta(minutes=5)
    assert fence.take(outbox, "place", "died", minutes) is not None
    clock.wall -= timedelta(hours=8)
    assert fence.take(outbox, "place", "next", minutes) is None
    clock.pass_(minutes)
    assert fence.take(outbox, "place", "next", minutes) is not None


def test_of_what_was_refused_one_is_asked_first_whatever_works_beside_it(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    no = Rejected("The account is blocked.", cause="blocked_account", retry_daily=True)
    ledger.refuse, ledger.lanes = lambda wanted: no, 4
    enter(*(built(n) for n in range(1, 7)))
    run()
    ledger.sent.clear()
    clock.pass_(timedelta(days=1, minutes=1))
    run()
    assert len(ledger.sent) == 1


@pytest.mark.parametrize("scope", ["northwind", "ledger|http://ledger|company"])
def test_a_pause_holds_before_the_next_send(enter: Do, run: Do, outbox: Outbox, ledger: Ledger, scope: str) -> None:
    enter(built(1))
    outbox.pause(scope)
    assert "paused" in run().sentences[0]
    assert ledger.sent == []
    outbox.resume(scope)
    run()
    assert ledger.posted() == ["ST-A-INV-1"]


def test_wrong_credentials_end_the_run_with_a_sentence(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.plan.append(ConfigurationError("the client secret is wrong"))
    enter(built(1), built(2))
    report = run()
    assert len(ledger.sent) == 1
    assert "client secret" in report.sentences[0]


def test_a_process_that_died_leaves_a_doubt(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    class Killed(BaseException):
        pass

    ledger.plan.append(("after", Killed()))
    enter(built(1))
    with pytest.raises(Killed):
        run()
    assert states(outbox) == {"1": "sending"}
    clock.pass_(timedelta(minutes=6))  # the fence has run out, the waiting time has not
    run()
    assert states(outbox) == {"1": "sending"}, "nothing is due, so nobody takes the fence"
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "posted"}
    with outbox.engine.begin() as con:
        assert "in_doubt" in list(con.scalars(sa.select(events.c.state)))
    assert len(ledger.papers) == 1


@pytest.mark.parametrize("what", ["reboot", "step"])
def test_a_set_clock_or_a_reboot_starts_the_waiting_anew(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, what: str
) -> None:
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    if what == "reboot":
        clock.boot_name, clock.boot = "second boot", 3.0
        clock.pass_(SETTLED)
    else:
        clock.wall += SETTLED
    run()
    goes_on = what == "reboot" and outbox.is_on_server  # the server's clock, whatever happens to our machine
    assert states(outbox) == {"1": "posted" if goes_on else "in_doubt"}
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "posted"}


def test_a_late_reply_with_another_id_is_a_conflict(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    enter(built(1))
    run()
    with outbox.engine.begin() as con:
        first = con.execute(sa.select(attempts)).first()
    assert first is not None
    late = commits.Intent(first.id, one(outbox))
    assert commits.record(outbox, late, "entered", State.READY, "", Reply("another")) is None
    assert states(outbox) == {"1": "conflict"}


def test_a_posted_document_is_flagged_when_its_source_changes(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    enter(built(1))
    run()
    enter(built(1, payload={"another": "mapping"}))
    assert one(outbox).flag == ""
    enter(built(1, source_hash="h2", amount=Decimal(5)))
    assert "101.00 then, 5 now" in one(outbox).flag
    run()
    assert len(ledger.papers) == 1


def test_a_blocked_document_goes_through_once_its_reason_is_gone(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    reason = Reason("unmapped_account", "Account 4000 has no row in accounts.csv.")
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(reason,)))
    run()
    assert states(outbox) == {"1": "blocked"}
    assert one(outbox).sentence == reason.text
    enter(built(1))
    run()
    assert states(outbox) == {"1": "posted"}


def test_an_error_of_our_own_is_a_doubt_too(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.plan.append(("after", KeyError("surprise")))
    enter(built(1))
    with pytest.raises(KeyError):
        run()
    assert states(outbox) == {"1": "in_doubt"}


def test_a_part_that_its_source_lost_is_withdrawn_unless_parts_are_fixed(enter: Do, run: Do, outbox: Outbox) -> None:
    enter(built(1, part=0, business_key="P-0"))
    enter(built(1, part=1, business_key="P-1"))
    assert states(outbox) == {"0": "withdrawn", "1": "ready"}


def test_an_edit_during_a_doubt_replaces_the_draft_that_was_found(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(LOST_AFTER_COMMIT)
    enter(built(1))
    run()
    enter(built(1, source_hash="h2", amount=Decimal(5), payload={"total": "5"}))
    clock.pass_(SETTLED)
    run()
    assert [(paper.total, paper.posted) for paper in ledger.papers] == [(Decimal(5), True)]
    assert one(outbox).flag == ""


def test_an_edit_during_the_doubt_of_a_posting_is_flagged(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    edited = built(1, source_hash="h2", amount=Decimal(5), payload={"total": "5"})
    ledger.plan.extend([None, LOST_AFTER_COMMIT])
    enter(built(1))
    run()
    enter(edited)
    clock.pass_(SETTLED)
    run()
    assert (one(outbox).state, one(outbox).amount, ledger.papers[0].total) == ("posted", Decimal(101), Decimal(101))
    enter(edited)
    assert "101.00 then, 5 now" in one(outbox).flag


def test_what_was_blocked_during_a_doubt_is_not_sent_when_it_is_absent(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(Reason("not_posted", "It waits for the office."),)))
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "blocked"}
    assert ledger.papers == []


def test_a_refused_part_that_its_source_split_anew_is_not_sent_beside_the_new_parts(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(Rejected("No.", cause="no", retry_daily=True))
    enter(built(1, part=0, business_key="P-0"))
    run()
    enter(built(1, part=1, business_key="P-1"), built(1, part=2, business_key="P-2"))
    clock.pass_(timedelta(days=1, minutes=1))
    run()
    assert states(outbox) == {"0": "withdrawn", "1": "posted", "2": "posted"}


def test_a_void_during_a_doubt_is_not_forgotten(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    enter(built(1, verdict=Verdict.WITHDRAWN))
    clock.pass_(SETTLED)
    run()
    assert states(outbox) == {"1": "withdrawn"}
    assert ledger.papers == []


def test_an_edit_between_the_moves_is_not_posted_in_its_old_version(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    edited = built(1, source_hash="h2", amount=Decimal(5), payload={"total": "5"})
    plain = ledger.commit

    def edit_after_entering(wanted: Any, move: Move) -> Any:
        reply = plain(wanted, move)
        if move is Move.ENTER and wanted.total == 101:
            enter(edited)
        return reply

    ledger.commit = edit_after_entering  # type: ignore[method-assign]
    enter(built(1))
    run()
    run()
    enter(edited)
    run()
    assert [(paper.total, paper.posted) for paper in ledger.papers] == [(Decimal(5), True)]


def test_what_is_blocked_by_now_is_not_finished(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    run("draft")
    reason = Reason("total_mismatch", "The total is not the sum of its lines.")
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(reason,)))
    run("post")
    assert ledger.posted() == []
    assert len(ledger.papers) == 1
    assert [row.business_key for row in exceptions(outbox, "northwind")] == ["ST-A-INV-1"]


@pytest.mark.parametrize("verdict", [Verdict.SKIPPED, Verdict.OUT_OF_SCOPE])
def test_a_draft_that_is_not_to_be_posted_any_more_is_taken_back(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, verdict: Verdict
) -> None:
    enter(built(1))
    run("draft")
    enter(built(1, verdict=verdict))
    run("draft")
    assert ledger.papers == []


def test_a_draft_left_for_a_person_makes_no_story_of_every_run(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    enter(built(1))
    run("draft")
    since = one(outbox).state_since
    ledger.clock.pass_(timedelta(hours=1))
    run("draft")
    assert one(outbox).state_since == since


def test_one_company_spelled_in_two_ways_is_refused(enter: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1))
    ledger.place = "ledger|http://LEDGER.example|company"
    with pytest.raises(ConfigurationError, match="belong to ledger|http://ledger|company"):
        enter(built(1))


def test_who_was_suspended_settles_nothing_on_an_old_look_up(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.append(LOST)
    enter(built(1))
    run()
    clock.pass_(SETTLED)
    stale = one(outbox)
    ledger.plan.append(LOST)
    run()
    assert one(outbox).state == "in_doubt"
    assert commits.settle(outbox, stale, State.READY, "absent", Finding(Found.ABSENT)) is None
    assert one(outbox).state == "in_doubt"


def test_a_doubt_is_settled_although_its_date_is_refused(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    ledger.plan.extend([None, LOST_AFTER_COMMIT])
    enter(built(1))
    run()
    clock.pass_(SETTLED)
    closed = Rejected("Not within your range.", cause="closed_period", retry_daily=True, date_bound=True)
    ledger.refuse = lambda wanted: closed
    enter(*(built(n) for n in range(2, 30)))
    run()
    assert states(outbox)["1"] == "posted"


def test_one_look_up_that_is_refused_holds_nobody_else_up(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    plain = ledger.look_up

    def picky(wanted: Any) -> Any:
        if any(each.key.endswith("-1") for each in wanted):
            raise Rejected("That filter is not understood.")
        return plain(wanted)

    ledger.look_up = picky  # type: ignore[method-assign]
    enter(built(1), built(2))
    report = run()
    assert states(outbox) == {"1": "ready", "2": "posted"}
    assert "not understood" in report.sentences[0]


def test_a_warning_stays_with_its_document(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    plain = ledger.commit
    ledger.commit = lambda wanted, move: replace(plain(wanted, move), warning="Look at it.")  # type: ignore[method-assign]
    enter(built(1))
    run()
    enter(built(1))
    assert one(outbox).flag == "Look at it."


def test_an_uncertain_reply_is_never_resent_at_once(enter: Do, run: Do, ledger: Ledger) -> None:
    ledger.plan.append(InDoubt("502 Bad Gateway"))
    enter(built(1))
    run()
    assert len(ledger.sent) == 1


def test_two_writers_of_one_place_take_turns(outbox: Outbox, clock: SimulatedClock) -> None:
    hour = timedelta(hours=1)
    first = fence.take(outbox, "place", "a", hour)
    assert first is not None
    assert fence.take(outbox, "place", "b", hour) is None
    fence.give_back(outbox, first)
    assert fence.take(outbox, "place", "a", hour) is None, "b asked before and goes first"
    second = fence.take(outbox, "place", "b", hour)
    assert second is not None
    assert second.epoch == first.epoch + 1


def test_who_asked_and_never_came_holds_nobody_up(outbox: Outbox, clock: SimulatedClock) -> None:
    hour = timedelta(hours=1)
    first = fence.take(outbox, "place", "a", hour)
    assert first is not None
    assert fence.take(outbox, "place", "b", hour) is None
    fence.give_back(outbox, first)
    clock.pass_(timedelta(seconds=4))
    assert fence.take(outbox, "place", "a", hour) is not None
