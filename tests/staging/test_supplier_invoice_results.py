"""Whether ServiceTitan has a bill of each supplier invoice, of the same amount; and what to do where it has not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments
from st_erp_pipelines.staging.supplier_invoice_results import SupplierInvoiceResult, read, rebuild, reconciled
from tests.staging.supplier_invoices_world import (
    NOW,
    ORDER,
    World,
    known_invoice,
    known_order,
    rolled_back,
    settings,
)

KEY = f"ST-C-SI-51-2026-{ORDER}"
OURS = f"S/4HANA invoice 51/2026 [{KEY}]"


@pytest.fixture
def world() -> Iterator[World]:
    with rolled_back() as world:
        yield world


def found(
    world: World, *known: KnownDocument, order: str = "posted", invoices: str = "match_only", now: datetime = NOW
) -> list[SupplierInvoiceResult]:
    rebuild(world.con, settings(invoices), KnownDocuments([known_order(state=order), *known]), now)
    return read(world.con)


def only(results: list[SupplierInvoiceResult]) -> SupplierInvoiceResult:
    (result,) = results
    return result


def said(result: SupplierInvoiceResult) -> tuple[str, str]:
    return result.result, result.cause


def test_the_bill_of_what_the_field_received(world: World) -> None:
    """By the supplier's number, however it was typed."""
    world.invoice("51", tax="20.21")
    world.receipt(901, vendor_invoice_number=" 0v-51")
    world.bill(901, "265.16")
    result = only(found(world))
    assert (said(result), result.receipt_id, result.ap_bill_id) == (("matched", ""), 901, 901)
    assert (result.amount, result.bill_amount, result.difference) == (
        Decimal("265.21"), Decimal("265.16"), Decimal("-0.05"),
    )  # fmt: skip
    assert result.sentence == ""
    world.invoice("52", tax="20.21", vendor_invoice_number="V-51")
    once, twice = found(world)
    assert (said(once), said(twice)) == (("matched", ""), ("exception", "double_entry"))
    assert (once.bill_amount, twice.bill_amount) == (Decimal("265.16"), None), "one bill counts once"
    world.change("sap_s4hana__supplier_invoices", "supplier_invoice = '52'", is_reversed=True)
    world.change("servicetitan__ap_bills", bill_amount="265.15")
    result = found(world)[0]
    assert said(result) == ("discrepancy", "amount_differs")
    assert all(word in result.sentence for word in ("265.15", "265.21", "R901"))


def test_receipts_without_a_number_go_by_amount_each_to_one_invoice(world: World) -> None:
    world.invoice("51", (ORDER, 10, "4", "50"))
    world.invoice("52", (ORDER, 10, "4", "50"))
    world.invoice("53", (ORDER, 20, "2", "60"), vendor_invoice_number=None)
    for number, amount in ((901, "60"), (902, "50"), (903, "50")):
        world.receipt(number, (10, "1"), receipt_amount="0")
        world.bill(number, amount)
    assert [(said(each), each.ap_bill_id) for each in found(world)] == [
        (("matched", ""), 902), (("matched", ""), 903), (("matched", ""), 901),
    ]  # fmt: skip


def test_the_last_receipt_belongs_to_the_last_invoice_whatever_its_amount(world: World) -> None:
    world.invoice("51")
    world.receipt(901)
    world.bill(901, "200")
    assert said(only(found(world))) == ("discrepancy", "amount_differs")


def test_two_parcels_under_one_number_are_one_invoice(world: World) -> None:
    world.invoice("51")
    for number, line, amount in ((901, (10, "10"), "125"), (902, (20, "4"), "120")):
        world.receipt(number, line, vendor_invoice_number="V-51")
        world.bill(number, amount)
    result = only(found(world))
    assert (said(result), result.bill_amount) == (("matched", ""), Decimal(245))


def test_a_bill_of_its_order_and_number_counts_without_a_receipt(world: World) -> None:
    world.invoice("51")
    world.bill(950, "245", vendor_number="v-51", purchase_order_id=8888)
    assert said(only(found(world, now=NOW.replace(day=12)))) == ("waiting", "no_receipt"), "that is of another order"
    world.change("servicetitan__ap_bills", purchase_order_id=7001)
    assert said(only(found(world, now=NOW.replace(day=12)))) == ("matched", "")


def test_goods_that_were_billed_should_have_come_within_a_week(world: World) -> None:
    world.invoice("51")
    assert said(only(found(world, now=NOW.replace(day=15)))) == ("waiting", "no_receipt")
    assert said(only(found(world, now=NOW.replace(day=16)))) == ("bill_missing", "no_receipt")


def test_a_bill_should_be_made_within_a_quarter_of_an_hour(world: World) -> None:
    world.invoice("51")
    world.receipt(901, memo=OURS, ap_bill_id=None, created_at=NOW - timedelta(minutes=14))
    posted = known_invoice("51", "posted")
    assert said(only(found(world, posted, invoices="receive"))) == ("waiting", "no_bill")
    late = only(found(world, posted, invoices="receive", now=NOW + timedelta(minutes=2)))
    assert said(late) == ("bill_missing", "no_bill")
    assert "R901" in late.sentence


def test_a_canceled_bill_is_none(world: World) -> None:
    world.invoice("51")
    world.receipt(901)
    world.bill(901, "245", status="Canceled")
    assert said(only(found(world))) == ("bill_missing", "no_bill")


def test_what_the_field_received_after_us_is_told_with_both_receipts(world: World) -> None:
    world.invoice("51")
    world.receipt(901, (10, "8"), (20, "4"), memo=OURS)
    world.bill(901, "245")
    posted = known_invoice("51", "posted")
    world.receipt(902, (10, "2"))
    assert said(only(found(world, posted, invoices="receive"))) == ("matched", ""), "it received the rest"
    world.receipt(903, (10, "3"))
    result = only(found(world, posted, invoices="receive"))
    assert said(result) == ("discrepancy", "received_twice")
    assert "13 of 10 ordered are received of '10 Copper pipe', by receipts R901 and R902 and R903" in result.sentence
    world.change("servicetitan__receipts", "receipt_id = 903", is_active=False)
    world.change("servicetitan__purchase_order_items", "item_id = 700110", quantity_received=10)
    assert said(only(found(world, posted, invoices="receive"))) == ("matched", "")


def test_what_happened_to_ours(world: World) -> None:
    world.invoice("51")
    posted = known_invoice("51", "posted")
    assert said(only(found(world, posted))) == ("waiting", "not_read_back")
    world.receipt(901, memo=OURS, is_active=False)
    assert said(only(found(world, posted))) == ("discrepancy", "receipt_canceled")
    world.change("servicetitan__receipts", is_active=True)
    world.change("sap_s4hana__supplier_invoices", is_reversed=True)
    result = only(found(world, posted))
    assert (said(result), "R901" in result.sentence) == (("exception", "reversed"), True)


def test_what_the_field_received_beside_us_and_nobody_billed_is_told_at_once(world: World) -> None:
    """Five of ten by us, and the same five by the field: no more than was ordered."""
    world.invoice("51", (ORDER, 10, "5", "62.50"))
    world.receipt(901, (10, "5"), memo=OURS)
    world.bill(901, "62.50")
    world.receipt(902, (10, "5"), vendor_invoice_number="slip 9")
    posted = known_invoice("51", "posted")
    result = only(found(world, posted, invoices="receive"))
    assert said(result) == ("discrepancy", "received_twice")
    assert "by receipts R901 and R902, but 5 billed: cancel one of them in ServiceTitan, unless" in result.sentence
    world.invoice("52", (ORDER, 10, "5", "62.50"), posting_date="2026-11-12")
    assert said(found(world, posted, invoices="receive")[0]) == ("matched", ""), "the rest did come"


def test_the_receipt_of_a_reversed_invoice_stands_for_the_one_entered_again(world: World) -> None:
    world.invoice("51", vendor_invoice_number="7", is_reversed=True)
    world.receipt(901, memo=OURS, vendor_invoice_number="7")
    world.bill(901, "245")
    posted = known_invoice("51", "posted")
    assert said(only(found(world, posted, invoices="receive"))) == ("exception", "reversed")
    world.invoice("52", vendor_invoice_number="7", gross_amount="250")
    world.change("sap_s4hana__supplier_invoice_items", "supplier_invoice = '52' and item = 2", net_amount="125")
    first, second = found(world, posted, invoices="receive")
    assert (said(first), said(second)) == (("out_of_scope", "reversed"), ("discrepancy", "amount_differs"))
    assert "receipt R901 stands for 52/2026" in first.sentence


def test_no_receipt_and_no_bill_is_that_of_two_invoices(world: World) -> None:
    for number, day in (("51", "2026-11-08"), ("52", "2026-11-06")):
        world.invoice(number, (ORDER, 10, "5", "62.50"), vendor_invoice_number="7", document_date=day)
    world.receipt(901, (10, "5"), vendor_invoice_number="7")
    world.bill(901, "62.50", vendor_number="7")
    assert [said(each) for each in found(world)] == [("matched", ""), ("bill_missing", "no_receipt")]


def test_the_invoice_of_an_order_that_is_left_out_is_none_of_ours(world: World) -> None:
    world.order_of_s4("4500000009", order_type="FO")
    world.put("mapping.order_types", order_type="FO")
    world.invoice("51", ("4500000009", 10, "1", "10"))
    world.invoice("52", ("4500000009", 10, "1", "-10"), is_credit_memo=True)
    results = found(world)
    assert [said(each) for each in results] == [("out_of_scope", "left_out")] * 2
    assert "order_types.csv skips order type FO" in results[0].sentence
    world.change("mapping.order_types", "order_type = 'FO'", type_id=41)
    assert "out_of_scope" not in {each.result for each in found(world)}


def test_what_is_not_compared(world: World) -> None:
    world.invoice("51", posting_date="2026-10-30")
    world.invoice("52", status="A")
    world.invoice("53", status="")
    world.invoice("54", status="2")
    world.invoice("55", is_reversed=True)
    world.invoice("56", is_credit_memo=True)
    results = {each.supplier_invoice: each for each in found(world)}
    assert {number: said(each) for number, each in results.items()} == {
        "51": ("out_of_scope", "before_go_live"),
        "52": ("out_of_scope", "parked"),
        "53": ("out_of_scope", "posted_online"),
        "54": ("out_of_scope", "deleted"),
        "55": ("out_of_scope", "reversed"),
        "56": ("exception", "credit_memo"),
    }
    assert "by hand" in results["56"].sentence


@pytest.mark.parametrize(
    ("order", "state", "invoices", "expected"),
    [
        ("ready", "skipped", "match_only", ("waiting", "waits_for_order")),
        ("blocked", "blocked", "receive", ("exception", "waits_for_order")),
        ("out_of_scope", "skipped", "receive", ("out_of_scope", "old_order")),
        ("posted", "ready", "receive", ("waiting", "not_sent")),
        ("posted", "rejected", "receive", ("exception", "rejected")),
    ],
)
def test_what_waits_and_what_was_refused(
    world: World, order: str, state: str, invoices: str, expected: tuple[str, str]
) -> None:
    world.invoice("51")
    assert said(only(found(world, known_invoice("51", state), order=order, invoices=invoices))) == expected


def test_what_needs_a_person_is_a_difference_that_nothing_explains() -> None:
    plain = SupplierInvoiceResult(
        NOW.date(),
        KEY,
        "51",
        2026,
        ORDER,
        "100",
        "V-51",
        "matched",
        "",
        Decimal(100),
        Decimal(100),
        Decimal(0),
        1,
        1,
        "",
    )
    waiting = replace(plain, result="waiting", bill_amount=None, sentence="Not yet.")
    missing = replace(waiting, result="bill_missing", business_key="late", sentence="Nothing came.")
    old = replace(plain, result="out_of_scope")
    result = reconciled([plain, waiting, missing, old])
    (totals,) = result.totals
    assert (totals.documents, totals.matched, totals.source, totals.erp) == (3, 1, 100, 300)
    assert totals.difference == -200
    assert [(each.business_key, each.sentence) for each in result.unexplained] == [("late", "Nothing came.")]
    assert reconciled([old]).totals == []
