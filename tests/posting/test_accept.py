"""A person says which document over there is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.accept import There, accept, in_purchases, note_seen, posted_there, the_one
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import Reason, Verdict
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.replay import replay
from tests.posting.conftest import built
from tests.posting.ledger import LOST, Ledger
from tests.staging.supplier_invoices_world import ORDER_THERE, World, rolled_back

Do = Callable[..., Any]
HERS = There("guid-1", "103044", date(2026, 11, 1), Decimal(101))
BY_HAND = Reason("entered_by_hand", "Somebody may have entered it there.")


def row_of(outbox: Outbox, number: int = 1) -> Any:
    with outbox.engine.begin() as con:
        return con.execute(sa.select(documents).where(documents.c.business_key == f"ST-A-INV-{number}")).one()


def test_what_was_entered_by_hand_is_adopted_and_never_sent(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    waits = built(1, verdict=Verdict.BLOCKED, reasons=(BY_HAND,))
    enter(waits)
    answer = accept(outbox, row_of(outbox), HERS, "ann")
    assert answer.accepted, answer
    enter(built(1))
    run()
    row = row_of(outbox)
    assert (row.state, row.remote_id, row.remote_number, row.reasons) == ("adopted", "guid-1", "103044", [])
    assert ledger.sent == []
    with outbox.engine.begin() as con:
        assert "ann says that it is 103044" in list(con.scalars(sa.select(events.c.text)))[-1]


def test_who_says_no_has_it_sent(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(BY_HAND,)))
    (answer,) = replay(outbox, [row_of(outbox)], "ann", lambda flow, wanted: {})
    assert answer.replayed
    run()
    assert (row_of(outbox).state, row_of(outbox).replayed) == ("posted", True)


def test_a_warning_that_was_read_needs_nobody(enter: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    plain = ledger.commit
    ledger.commit = lambda wanted, move: replace(plain(wanted, move), warning="Look at it.")  # type: ignore[method-assign]
    enter(built(1))
    run()
    assert note_seen(outbox, row_of(outbox), "ann").accepted
    assert (row_of(outbox).state, row_of(outbox).flag) == ("posted", "")
    with outbox.engine.begin() as con:
        assert list(con.scalars(sa.select(events.c.text)))[-1] == "ann has seen: Look at it."


def test_a_change_of_its_source_stays_flagged(enter: Do, run: Do, outbox: Outbox) -> None:
    enter(built(1))
    run()
    enter(built(1, source_hash="h2"))
    answer = note_seen(outbox, row_of(outbox), "ann")
    assert (answer.accepted, row_of(outbox).flag in answer.sentence) == (False, True)
    assert row_of(outbox).flag.startswith("Changed")


def test_one_document_is_not_two(enter: Do, outbox: Outbox) -> None:
    enter(*(built(number, verdict=Verdict.BLOCKED, reasons=(BY_HAND,)) for number in (1, 2)))
    assert accept(outbox, row_of(outbox, 1), HERS, "ann").accepted
    answer = accept(outbox, row_of(outbox, 2), HERS, "ann")
    assert (answer.accepted, answer.sentence) == (False, "103044 is ST-A-INV-1 already.")


def test_an_invoice_and_a_credit_memo_of_one_id_are_two(enter: Do, outbox: Outbox) -> None:
    """As in Business One, where each list counts for itself."""
    memo = built(2, verdict=Verdict.BLOCKED, reasons=(BY_HAND,), amount=Decimal(-101))
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(BY_HAND,)), memo)
    for number in (1, 2):
        assert accept(outbox, row_of(outbox, number), replace(HERS, remote_id="49"), "ann").accepted


@pytest.fixture(scope="module")
def books() -> Iterator[duckdb.DuckDBPyConnection]:
    """Where 49 is the number of one invoice, the id of another, and both of a credit memo."""
    with duckdb.connect() as con:
        con.execute(
            "create view erp_sales as select true as is_posted, * from (values "
            "('invoice', '12', '49', date '2026-11-01', 101.00), ('invoice', '49', '60', date '2026-11-02', 55.00), "
            "('credit_memo', '49', '49', date '2026-11-03', 7.00)) "
            "as t(type, document_id, number, document_date, total)"
        )
        yield con


@pytest.mark.parametrize(
    ("said", "amount", "ids"),
    [("49", 101, ["12", "49"]), ("id=49", 101, ["49"]), ("60", 101, ["49"]), ("12", 101, ["12"]), ("49", -7, ["49"])],
)
def test_what_a_number_may_mean(books: duckdb.DuckDBPyConnection, said: str, amount: int, ids: list[str]) -> None:
    row: Any = built(1, amount=Decimal(amount))
    found = posted_there(books, row, said)
    assert [each.remote_id for each in found] == ids
    if len(ids) == 1:
        assert the_one(found, row, said) == found[0]
        return
    with pytest.raises(ConfigurationError) as refused:
        the_one(found, row, said)
    assert refused.value.sentence() == (
        "49 may be 49 of 2026-11-01 over 101.00 (id=12) or 60 of 2026-11-02 over 55.00 (id=49). "
        "Say which by its id: st-erp accept ST-A-INV-1 id=12"
    )


def test_a_payment_is_no_invoice_of_the_same_id(books: duckdb.DuckDBPyConnection) -> None:
    payment: Any = replace(built(1), flow="payments")
    assert posted_there(books, payment, "id=49") == []


@pytest.fixture(scope="module")
def purchases() -> Iterator[World]:
    """Order 7001, a canceled one, receipts of both, and what S/4HANA has under the key of request 12."""
    with rolled_back() as world:
        world.change("servicetitan__purchase_orders", purchase_order_date="2026-11-03", total="245")
        world.put("servicetitan__purchase_orders", purchase_order_id=7002, number="PO7002", status="Canceled")
        world.receipt(31, received_at="2026-11-10T00:00:00Z")
        world.receipt(32, purchase_order_id=7002)
        world.receipt(33, is_active=False)
        for number, reference in (("4500000009", "cr12"), ("4500000008", None)):
            world.order_of_s4(number, external_reference=reference)
        world.change(
            "sap_s4hana__purchase_order_items", "purchase_order = '4500000009'", quantity="4", net_price_amount="250",
            net_price_quantity="10",
        )  # fmt: skip
        world.change(
            "sap_s4hana__purchase_order_items", "purchase_order = '4500000009' and item = 20", deletion_code="L"
        )
        world.put(
            "sap_s4hana__purchase_requisition_items", purchase_requisition="88", external_reference="CR12",
            quantity="2", price_amount="30", price_quantity="1", creation_date="2026-11-04", is_deleted=False,
        )  # fmt: skip
        yield world


@pytest.mark.parametrize(
    ("flow", "said", "words"),
    [
        ("purchase_orders", f"id={ORDER_THERE}", "PO7001 of 2026-11-03 over 245.00"),
        ("purchase_orders", "PO7001", "PO7001 of 2026-11-03 over 245.00"),
        ("purchase_orders", "7002", None),
        ("supplier_invoices", "R31", "R31 of 2026-11-10 over 245.00"),
        ("supplier_invoices", "32", None),
        ("supplier_invoices", "33", None),
        ("requests", "4500000009", "4500000009 of 2026-11-03 over 100.00"),
        ("requests", "88", "88 of 2026-11-04 over 60.00"),
        ("requests", "4500000008", None),
    ],
)
def test_what_is_bought_is_found_where_it_ends(purchases: World, flow: str, said: str, words: str | None) -> None:
    """No canceled one, no receipt of another order, and no order that another request or none refers to."""
    payload = simplejson.dumps({"purchase_order_id": ORDER_THERE})
    row: Any = SimpleNamespace(flow=flow, business_key="CR12", payload=payload)
    assert [each.words for each in in_purchases(purchases.con, row, said)] == ([words] if words else [])


def test_one_order_is_that_of_one_order_its_changes_and_the_requisition_before_it(enter: Do, outbox: Outbox) -> None:
    order = built(1, flow="purchase_orders", kind="purchase_order", verdict=Verdict.BLOCKED, reasons=(BY_HAND,))
    change = replace(order, revision=1, business_key="ST-A-INV-2")
    requisition = replace(order, kind="requisition", part=10, business_key="ST-A-INV-3")
    other = replace(order, source_key="another", business_key="ST-A-INV-4")
    enter(order, change, requisition, other)
    answers = [accept(outbox, row_of(outbox, number), HERS, "ann") for number in (1, 2, 3, 4)]
    assert [answer.accepted for answer in answers] == [True, True, True, False]
    assert answers[3].sentence == "103044 is ST-A-INV-1 already."


def test_an_amount_that_differs_is_said(enter: Do, outbox: Outbox) -> None:
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(BY_HAND,), amount=Decimal(90)))
    assert "Its amount here is 90.00" in accept(outbox, row_of(outbox), HERS, "ann").sentence


@pytest.mark.parametrize("state", ["posted", "in_doubt"])
def test_what_stands_or_may_stand_is_left_as_it_is(
    enter: Do, run: Do, outbox: Outbox, ledger: Ledger, state: str
) -> None:
    if state == "in_doubt":
        ledger.plan.append(LOST)
    enter(built(1))
    run()
    assert not accept(outbox, row_of(outbox), HERS, "ann").accepted
    assert row_of(outbox).state == state
