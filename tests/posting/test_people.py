"""People work, too, at the source and over there, while we look up, enter, prepare and post."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.errors import Rejected, Unavailable
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Reason, Verdict
from st_erp_pipelines.outbox.report import oldest_due_day
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.decide import decide
from st_erp_pipelines.replay import Answer, replay
from st_erp_pipelines.resources.business_central.sales_documents import INVOICE, likeness
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Wanted
from tests.posting.conftest import built
from tests.posting.ledger import LOST, Ledger, Paper, SimulatedClock
from tests.posting.test_engine import SETTLED, one, states

Do = Callable[..., Any]
TOUCHED = "2, by a person: a note, which we do not compare"
UNMAPPED = Reason("unmapped_account", "Account 4000 has no row in accounts.csv.")


def edited() -> BuiltDocument:
    return built(1, amount=Decimal(7), source_hash="h2", payload={"key": "ST-A-INV-1", "total": "7"})


def void() -> BuiltDocument:
    return built(1, verdict=Verdict.WITHDRAWN)


def hers(total: int, content: Mapping[str, Any]) -> Paper:
    """Under our key, by a person; its ETag is a version, so it is equal to that of ours."""
    return Paper("hers", "ST-A-INV-1", Decimal(total), date(2026, 11, 1), "STA-1", content)


def test_the_etag_of_our_draft_says_nothing_of_a_persons_new_one(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    enter(built(1))
    run("draft")
    ledger.papers[:] = [hers(999, {"by": "hand"})]
    enter(edited())
    run("draft")
    assert [paper.id for paper in ledger.papers] == ["hers"]
    assert states(outbox) == {"1": "conflict"}


@pytest.mark.parametrize("mode", ["draft", "post"])
def test_what_a_person_wrote_during_the_doubt_of_a_later_move_is_not_taken_for_ours(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, mode: str
) -> None:
    enter(built(1))
    run("draft")
    if mode == "draft":  # the move in doubt is a removal, else the posting
        enter(void())
    ledger.plan.append(LOST)
    run(mode)
    assert states(outbox) == {"1": "in_doubt"}
    ledger.papers[0].etag = TOUCHED
    enter(void())
    clock.pass_(SETTLED)
    run(mode)
    assert len(ledger.papers) == 1
    assert states(outbox) == {"1": "conflict"}


def test_preparing_a_draft_that_a_person_touched_does_not_make_it_ours(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    enter(built(1))
    run("draft")
    ledger.papers[0].etag = TOUCHED
    ledger.plan.append(Rejected("Not within your range.", cause="closed_period"))
    run("post")
    enter(void())
    run("post")
    assert Move.REMOVE not in [move for _, move in ledger.sent]
    assert states(outbox) == {"1": "conflict"}


def test_the_etag_of_preparing_is_kept_although_the_source_changed_meanwhile(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    def prepare(wanted: Wanted) -> Reply:
        paper = ledger._paper(wanted.remote_id)
        if paper.total == 101:
            paper.etag = "2, by our write"
            enter(edited())
        return Reply(etag=paper.etag)

    ledger.prepare = prepare  # type: ignore[method-assign]
    enter(built(1))
    run()
    run()
    assert states(outbox) == {"1": "posted"}
    assert [paper.total for paper in ledger.papers] == [Decimal(7)]


def test_a_beginning_without_an_attempt_of_ours_is_a_conflict(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    ledger.papers.append(hers(50, {"by": "hand"}))
    find = ledger._find
    ledger._find = lambda wanted: replace(find(wanted), likeness=Likeness.BEGINNING)  # type: ignore[method-assign]
    enter(built(1))
    run()
    assert states(outbox) == {"1": "conflict"}
    assert ledger.sent == []


def test_one_of_our_two_lines_that_a_person_typed_in_business_central_is_a_conflict() -> None:
    line = dict(type="account", number="4000", description="Work", quantity="1", unit_price="50")
    day = "2026-11-01"
    payload = dict(
        type="invoice", key="ST-A-INV-1", customer_number="C1", document_date=day, posting_date=day, due_date=None,
        currency="", lines=[line | dict(sequence=10000), line | dict(sequence=20000)], total="100",
    )  # fmt: skip
    typed = dict(
        sequence=10000, lineType="Account", lineObjectNumber="4000", description="Work", quantity=Decimal(1),
        unitPrice=Decimal(50), dimensionSetLines=[],
    )  # fmt: skip
    draft = dict(customerNumber="C1", invoiceDate=day, postingDate=day, dueDate=day, currencyCode="", id="hers")
    wanted = Wanted("ST-A-INV-1", payload, Decimal(100), date(2026, 11, 1), "USD", "C1", remote_id="hers")
    like = likeness(wanted, INVOICE, draft | dict(salesInvoiceLines=[typed]), "USD")
    assert like is Likeness.BEGINNING
    document: Any = SimpleNamespace(state="ready", remote_id="hers", adopt_only=False, reasons=[], voided=False)
    finding = Finding(Found.UNFINISHED, "hers", likeness=like, etag="1")
    assert decide(document, wanted, finding, "post", has_drafts=True).state == "conflict"
    began = replace(wanted, ours=True)
    assert decide(document, began, finding, "post", has_drafts=True).move is Move.PREPARE


def test_a_void_is_no_end_while_the_draft_that_a_person_entered_for_it_stands(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    """It is `entered` without an attempt of ours: nothing was sent, and yet something stands there."""
    ledger.papers.append(hers(101, built(1).payload))
    enter(built(1))
    run("draft")
    assert (one(outbox).state, one(outbox).attempt_count) == ("entered", 0)
    enter(void())
    run("draft")
    assert states(outbox) == {"1": "conflict"}
    assert [paper.id for paper in ledger.papers] == ["hers"]


def test_a_draft_whose_id_was_not_told_is_looked_up_before_it_is_prepared(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    commit, prepare = ledger.commit, ledger.prepare
    prepared: list[str | None] = []

    def wordless(wanted: Wanted, move: Move) -> Reply:
        reply = commit(wanted, move)
        return Reply() if move is Move.ENTER else reply

    def noting(wanted: Wanted) -> Reply:
        prepared.append(wanted.remote_id)
        return prepare(wanted)

    ledger.commit, ledger.prepare = wordless, noting  # type: ignore[method-assign]
    enter(built(1))
    run()
    run()
    assert prepared == ["id1"]
    assert states(outbox) == {"1": "posted"}


def test_what_was_blocked_while_it_was_sent_in_vain_is_not_sent_again(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    def refuse(wanted: Wanted) -> Exception | None:
        enter(built(1, verdict=Verdict.BLOCKED, reasons=(UNMAPPED,)))
        return Unavailable("429 Too Many Requests") if len(ledger.sent) == 1 else None

    ledger.refuse = refuse
    enter(built(1))
    run()
    assert states(outbox) == {"1": "unavailable"}
    clock.pass_(ledger.timing.try_again_after)
    run()
    assert states(outbox) == {"1": "blocked"}
    assert len(ledger.sent) == 1


def test_the_draft_of_a_refused_one_that_is_blocked_by_now_is_not_finished(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    def refuse(wanted: Wanted) -> Exception | None:
        if len(ledger.sent) != 2:
            return None
        enter(built(1, verdict=Verdict.BLOCKED, reasons=(UNMAPPED,)))
        return Unavailable("429 Too Many Requests")

    ledger.refuse = refuse
    enter(built(1))
    run()
    clock.pass_(ledger.timing.try_again_after)
    run()
    assert states(outbox) == {"1": "blocked"}
    assert ledger.posted() == []


def test_a_draft_that_we_left_there_is_looked_at_in_each_tick_and_is_never_urgent(
    enter: Do, run: Do, outbox: Outbox
) -> None:
    """Also where its day is long past: a person may have posted or removed it."""
    day = date(2026, 10, 1)
    enter(built(1, home_day=day))
    run("draft")
    assert oldest_due_day(outbox, "northwind", ["invoices"]) == day
    assert oldest_due_day(outbox, "northwind", ["invoices"], with_drafts=False) is None


def revisions(outbox: Outbox) -> list[Document]:
    with outbox.engine.begin() as con:
        return list(con.execute(sa.select(documents).order_by(documents.c.id)))


@pytest.fixture
def ask_again(outbox: Outbox, ledger: Ledger) -> Do:
    """`st-erp replay`, of these rows as a person saw them."""

    def ask_again(rows: list[Document]) -> list[Answer]:
        return replay(outbox, rows, "a person", lambda flow, wanted: ledger.look_up(wanted))

    return ask_again


@pytest.fixture
def followed(enter: Do, run: Do, outbox: Outbox, ledger: Ledger, ask_again: Do) -> None:
    """Cancelled over there, and posted again as the next revision."""
    enter(built(1))
    run()
    with outbox.engine.begin() as con:
        con.execute(documents.update().values(state="conflict"))
    ledger.papers[0].dead = True
    ask_again(revisions(outbox))
    enter(built(1))
    run()
    assert [row.state for row in revisions(outbox)] == ["skipped", "posted"]


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize("is_listed", [True, False], ids=["cancelled", "cancelled and not listed any more"])
def test_a_revision_that_was_followed_by_a_newer_one_is_not_replayed(
    run: Do, outbox: Outbox, ledger: Ledger, ask_again: Do, is_listed: bool
) -> None:
    if not is_listed:
        ledger.papers = [paper for paper in ledger.papers if not paper.dead]
    older, _ = ask_again(revisions(outbox))  # by its source key or label, a person asks for all of them
    assert (older.replayed, "followed by ST-A-INV-1-R1" in older.sentence) == (False, True)
    run()
    assert [row.state for row in revisions(outbox)] == ["skipped", "posted"]
    assert len([paper for paper in ledger.papers if paper.posted and not paper.dead]) == 1


def test_what_changed_since_a_person_saw_it_is_not_replayed(enter: Do, outbox: Outbox, ask_again: Do) -> None:
    """Its state is the same, so only its version tells."""
    enter(built(1, verdict=Verdict.SKIPPED))
    seen = revisions(outbox)
    enter(built(1, verdict=Verdict.SKIPPED, amount=Decimal(0)))
    (answer,) = ask_again(seen)
    assert (answer.replayed, "just changed" in answer.sentence) == (False, True)
    assert states(outbox) == {"1": "skipped"}
