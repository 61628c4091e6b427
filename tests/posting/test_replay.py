"""Asking for a document again, against a ledger that accepts duplicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.outbox import Outbox, report
from st_erp_pipelines.outbox.document import Reason, Verdict
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.replay import Answer, replay
from st_erp_pipelines.target import Finding, Found, Wanted
from tests.posting.conftest import built
from tests.posting.ledger import Ledger

Do = Callable[..., Any]


def again(outbox: Outbox, ledger: Ledger, *keys: str) -> list[Answer]:
    def look_up(_flow: str, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return ledger.look_up(wanted)

    rows = report.all_of(outbox, "northwind", *([documents.c.business_key.in_(keys)] if keys else []))
    return replay(outbox, rows, "ada", look_up)


def states(outbox: Outbox) -> dict[str, str]:
    return {row.business_key: row.state for row in report.all_of(outbox, "northwind")}


def test_a_refusal_is_sent_again_now(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.plan.append(Rejected("blocked", cause="blocked_customer", retry_daily=True))
    enter(built(1))
    run()
    assert run().states == {}
    assert [answer.replayed for answer in again(outbox, ledger)] == [True]
    run()
    assert states(outbox) == {"ST-A-INV-1": "posted"}
    with outbox.engine.begin() as con:
        texts = con.execute(sa.select(events.c.text)).scalars().all()
    assert "Asked for again by ada; it was rejected." in texts


def test_what_could_not_be_reached_is_tried_again_now(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    ledger.plan.append(Unavailable("refused", wait_seconds=3600))
    enter(built(1))
    run()
    again(outbox, ledger)
    run()
    assert states(outbox) == {"ST-A-INV-1": "posted"}


def test_what_stands_or_may_stand_is_refused_with_a_sentence(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    enter(built(1))
    run()
    ledger.plan.append(InDoubt("the connection was reset"))
    enter(built(2), built(3, verdict=Verdict.BLOCKED, reasons=(Reason("no_items", "No lines."),)))
    run()
    answers = {answer.key[-1]: answer for answer in again(outbox, ledger)}
    assert not any(answer.replayed for answer in answers.values())
    assert "never sent twice" in answers["1"].sentence
    assert "twice" in answers["2"].sentence
    assert "mended" in answers["3"].sentence
    assert [*states(outbox).values()] == ["posted", "in_doubt", "blocked"]
    assert ledger.posted() == ["ST-A-INV-1"]


def test_what_is_out_of_scope_goes_when_a_person_says_so(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    before_go_live = built(1, verdict=Verdict.OUT_OF_SCOPE)
    enter(before_go_live)
    again(outbox, ledger)
    enter(before_go_live)  # the next build says the same as ever
    run()
    assert states(outbox) == {"ST-A-INV-1": "posted"}


def test_what_other_software_exported_goes_when_a_person_says_so(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    exported = built(1, adopt_only=True)
    enter(exported)
    run()
    assert states(outbox) == {"ST-A-INV-1": "out_of_scope"}
    again(outbox, ledger)
    enter(exported)
    run()
    assert states(outbox) == {"ST-A-INV-1": "posted"}


def cancelled(enter: Do, run: Do, ledger: Ledger) -> None:
    """Entered by somebody under our key and cancelled there, before we came."""
    enter(built(1))
    run()
    ledger.papers[0].dead = True
    enter(replace(built(1), part=1))  # the same key once more: what is found for it is dead
    run()


def test_a_cancelled_document_is_opened_anew_under_its_own_key(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    cancelled(enter, run, ledger)
    with outbox.engine.begin() as con:
        conflict = con.execute(sa.select(documents).where(documents.c.state == "conflict")).one()
    answer = replay(outbox, [conflict], "ada", lambda _flow, wanted: ledger.look_up(wanted))[0]
    assert answer.replayed
    assert "ST-A-INV-1-R1" in answer.sentence
    opened = next(row for row in report.all_of(outbox, "northwind") if row.revision == 1)
    assert simplejson.loads(opened.payload)["key"] == "ST-A-INV-1-R1"
    run()
    assert ledger.posted() == ["ST-A-INV-1", "ST-A-INV-1-R1"]
    new = next(row for row in report.all_of(outbox, "northwind") if row.revision == 1)
    assert (new.state, new.part, new.amount, new.source_key) == ("posted", 1, conflict.amount, conflict.source_key)
    assert outbox.get(conflict.id).state == "skipped"
    enter(replace(built(1), part=1))  # a build that knows of no revision keeps it
    assert run().states == {}


def test_a_cancelled_revision_is_followed_by_the_next(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    cancelled(enter, run, ledger)
    again(outbox, ledger)
    ledger_copy = ledger.papers[0]
    ledger.papers.append(replace(ledger_copy, id="typed", key="ST-A-INV-1-R1"))  # somebody typed it, cancelled it
    run()
    assert states(outbox)["ST-A-INV-1-R1"] == "conflict"
    again(outbox, ledger, "ST-A-INV-1-R1")
    run()
    assert states(outbox)["ST-A-INV-1-R2"] == "posted"


def test_a_conflict_that_is_not_dead_is_looked_at_by_the_next_run(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    cancelled(enter, run, ledger)
    ledger.papers[0].dead = False
    ledger.papers[0].party = "another"
    with outbox.engine.begin() as con:
        conflict = con.execute(sa.select(documents).where(documents.c.state == "conflict")).one()
    replay(outbox, [conflict], "ada", lambda _flow, wanted: ledger.look_up(wanted))
    assert outbox.get(conflict.id).state == "ready"
    run()
    assert outbox.get(conflict.id).state == "conflict"
    assert len(ledger.posted()) == 1


def test_a_change_of_a_record_that_is_gone_opens_nothing(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    change = built(1, payload={"key": "ST-A-INV-1", "change": True})
    ledger.plan.append(None)
    enter(built(1))
    run()
    ledger.papers[0].dead = True
    enter(replace(change, part=1))
    run()
    answers = [answer for answer in again(outbox, ledger) if "link it anew" in answer.sentence]
    assert len(answers) == 1
    assert not answers[0].replayed


def test_an_order_that_was_cancelled_there_is_made_anew(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    """By the payload that made it, without the order whose place it took; be its change blocked or in conflict."""
    memo = {"memo": "Order 1 [ST-A-INV-1]", "purchase_order_id": 900}
    order = built(1, flow="purchase_orders", payload={"key": "ST-A-INV-1", **memo})
    reason = Reason("canceled_there", "It was canceled there.")
    change = replace(
        order, revision=1, business_key="ST-A-INV-1/R1", payload={"key": "ST-A-INV-1/R1", "change": True},
        verdict=Verdict.BLOCKED, reasons=(reason,), amount=Decimal(7),
    )  # fmt: skip
    enter(order, change)
    dead = Finding(Found.DEAD, detail="It was canceled in ServiceTitan.")
    rows = report.all_of(outbox, "northwind", documents.c.business_key == "ST-A-INV-1/R1")
    (answer,) = replay(outbox, rows, "ada", lambda _flow, wanted: {each.key: dead for each in wanted})
    assert answer.sentence == "ST-A-INV-1 was cancelled there: ST-A-INV-1-R2 goes out with the next sync."
    assert states(outbox) == {"ST-A-INV-1": "ready", "ST-A-INV-1/R1": "skipped", "ST-A-INV-1-R2": "ready"}
    (opened,) = report.all_of(outbox, "northwind", documents.c.revision == 2)
    assert simplejson.loads(opened.payload) == {"key": "ST-A-INV-1-R2", "memo": "Order 1 [ST-A-INV-1] [ST-A-INV-1-R2]"}
    assert (opened.amount, opened.replayed) == (order.amount, True)


def test_two_who_ask_at_once_open_one_revision(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    cancelled(enter, run, ledger)
    with outbox.engine.begin() as con:
        conflict = con.execute(sa.select(documents).where(documents.c.state == "conflict")).one()
    for _ in range(2):
        replay(outbox, [conflict], "ada", lambda _flow, wanted: ledger.look_up(wanted))
    assert [row.revision for row in report.all_of(outbox, "northwind")] == [0, 0, 1]
