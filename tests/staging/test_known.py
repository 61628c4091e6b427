"""What the outbox holds, as a build gets to see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

import pytest
import sqlalchemy as sa

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import attempts, documents
from st_erp_pipelines.staging.documents import KnownDocuments, Link, build_payments
from st_erp_pipelines.staging.documents.known import KnownDocument, read_known
from tests.posting.ledger import SimulatedClock
from tests.staging.documents_world import ANN, key, known, plain_world, settings

ATTEMPT = dict(
    move="post", owner="o", epoch=1, intended_at=datetime(2026, 11, 10, tzinfo=UTC), amount=Decimal(1),
    business_date=date(2026, 11, 10),
)  # fmt: skip


@cache
def payments() -> list[BuiltDocument]:
    world = plain_world()
    world.invoice(1)
    world.payment(9, (1, "60.10"), total="60.15", sync_status="Exported")
    posted = known("invoice", 1, "posted", party="STA-7")
    return build_payments(world.con, settings(), KnownDocuments([ANN, posted]))


@pytest.fixture
def outbox(database_url: str) -> Iterator[Outbox]:
    """A payment over 60.10 to invoice 1 and 0.05 on account, and a link."""
    outbox = Outbox(open_engine(database_url), SimulatedClock())
    bring(outbox, "north", "place", "payments", payments())
    outbox.link(
        "place", "customer", key("customer", 7), erp_number="C1", remote_id=None, linked_by="match", source_hash="s"
    )
    yield outbox
    outbox.engine.dispose()


def expected(part: int, amount: str, applies_to: str, **values: object) -> KnownDocument:
    plain = known("payment", 9, "ready", part=part, amount=Decimal(amount), applies_to=applies_to, party="STA-7")
    plain = plain._replace(split='[{"amount":"0.05","key":"AP9-0"},{"amount":"60.10","key":"AP9-1"}]')
    return plain._replace(**{"remote_id": None, "adopt_only": True} | values)  # type: ignore[arg-type]


def test_documents_and_links_of_one_connection(outbox: Outbox) -> None:
    seen = read_known(outbox, "north", "place")
    assert seen.documents == [expected(0, "0.05", ""), expected(1, "60.10", "ST-A-INV-1")]
    assert seen.links == [Link(key("customer", 7), "C1", None, "match", "s")]
    assert read_known(outbox, "south", "elsewhere") == KnownDocuments([], [])


@pytest.mark.parametrize(
    ("state", "outcomes", "is_fixed"),
    [
        *((state, [], True) for state in ("sending", "in_doubt", "conflict", "entered", "posted", "adopted")),
        *((state, [], False) for state in ("blocked", "ready", "withdrawn", "out_of_scope")),
        *(("rejected", [outcome], False) for outcome in ("rejected", "unavailable", "not_sent", "absent", "removed")),
        *(("unavailable", [outcome, "rejected"], True) for outcome in (None, "entered", "posted", "unfinished")),
        ("ready", ["entered", None, "removed"], False),  # taken back, whatever was entered before
        ("ready", ["absent", "entered"], True),
    ],
)
def test_what_is_fixed(outbox: Outbox, state: str, outcomes: list[str | None], is_fixed: bool) -> None:
    with outbox.engine.begin() as con:
        tried = dict(attempt_count=len(outcomes), flag="x", remote_id="r", replayed=True)
        con.execute(documents.update().values(state=state, **tried))
        (first, *_) = con.execute(sa.select(documents.c.id).order_by(documents.c.part)).scalars()
        for outcome in outcomes:
            con.execute(attempts.insert().values(document_id=first, outcome=outcome, **ATTEMPT))
    changed = dict(state=state, is_fixed=is_fixed, is_flagged=True, remote_id="r", replayed=True)
    assert read_known(outbox, "north", "place").documents[0] == expected(0, "0.05", "", **changed)


def test_a_late_reply_fixes_what_was_proven_absent(outbox: Outbox) -> None:
    with outbox.engine.begin() as con:
        (first, *_) = con.execute(sa.select(documents.c.id).order_by(documents.c.part)).scalars()
        con.execute(attempts.insert().values(document_id=first, outcome="absent", late_remote_id="r", **ATTEMPT))
    assert [document.is_fixed for document in read_known(outbox, "north", "place").documents] == [True, False]


def test_what_was_written_is_what_was_sent_not_what_the_document_says_by_now(outbox: Outbox) -> None:
    with outbox.engine.begin() as con:
        (first, second) = con.execute(sa.select(documents.c.id).order_by(documents.c.part)).scalars()
        con.execute(documents.update().values(payload="{}"))
        for document, outcome, payload in (
            (first, "absent", "[1]"),
            (first, "complete", "[2]"),
            (first, "rejected", "[3]"),
            (second, "posted", "[4]"),
            (second, "removed", "[5]"),
        ):
            con.execute(attempts.insert().values(document_id=document, outcome=outcome, payload=payload, **ATTEMPT))
    seen = read_known(outbox, "north", "place", written_by=["payments"])
    assert [each.written for each in seen.documents] == ["[2]", "{}"]
    assert {each.written for each in read_known(outbox, "north", "place").documents} == {""}


def test_a_build_gets_every_value_as_it_is(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("st_erp_pipelines.staging.documents.known.ROWS_AT_ONCE", 1)
    world, seen = plain_world(), read_known(outbox, "north", "place")
    odd = seen.documents[0]._replace(
        part=7, party='O\'Neil "株" null', remote_id="null", amount=Decimal("-12345678901.23")
    )
    build_payments(world.con, settings(), KnownDocuments([*seen.documents, odd], seen.links))
    assert world.con.execute("from known_documents order by part").fetchall() == [*seen.documents, odd]
    assert world.con.execute("from known_links").fetchall() == seen.links
