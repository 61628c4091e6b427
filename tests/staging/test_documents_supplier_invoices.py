"""What becomes of S/4HANA's supplier invoices in ServiceTitan: received, only compared, left to people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, Link
from st_erp_pipelines.staging.documents.supplier_invoices import build_supplier_invoices
from tests.staging.supplier_invoices_world import (
    ORDER,
    ORDER_THERE,
    World,
    known_invoice,
    known_order,
    rolled_back,
    settings,
    source_key,
)

SECOND, SECOND_THERE = "4500000002", 7002
KEY = f"ST-C-SI-51-2026-{ORDER}"


@pytest.fixture
def world() -> Iterator[World]:
    with rolled_back() as world:
        yield world


def build(world: World, *known: KnownDocument, **changed: str) -> list[BuiltDocument]:
    documents = known if any(each.kind == "purchase_order" for each in known) else (known_order(), *known)
    return build_supplier_invoices(world.con, settings(**changed), KnownDocuments(documents))


def only(documents: list[BuiltDocument]) -> BuiltDocument:
    (document,) = documents
    return document


def reasons(document: BuiltDocument) -> list[str]:
    assert document.verdict is Verdict.BLOCKED, document.verdict
    return [reason.code for reason in document.reasons]


def test_an_invoice_is_received_on_its_order(world: World) -> None:
    world.invoice("51", tax="20.21", delivery_cost="15")
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("supplier_invoices", "supplier_invoice", Verdict.DUE)
    assert (document.business_key, document.part, document.source_key) == (
        KEY, 1, source_key("supplier_invoice", "51/2026"),
    )  # fmt: skip
    assert (document.amount, document.currency, document.business_date) == (
        Decimal("280.21"), "USD", date(2026, 11, 9),
    )  # fmt: skip
    assert document.payload == {
        "key": KEY, "memo": f"S/4HANA invoice 51/2026 [{KEY}]", "purchase_order_id": ORDER_THERE,
        "vendor_document_number": "V-51", "date_received": "2026-11-09", "tax": "20.21", "shipping": "15.00",
        "job_id": 55, "items": [
            {"line": "10", "sku_id": 501, "description": "10 Copper pipe", "quantity": "10", "cost": "12.5"},
            {"line": "20", "sku_id": 502, "description": "20 Valve", "quantity": "4", "cost": "30"},
        ],
    }  # fmt: skip


def test_items_of_one_line_are_one_and_its_cost_gives_their_amount_to_the_cent(world: World) -> None:
    world.invoice("51", (ORDER, 10, "2", "33.34"), (ORDER, 10, "1", "16.66"), (ORDER, 20, "3", "100"))
    pipe, valve = only(build(world)).payload["items"]
    assert (pipe["quantity"], valve["quantity"]) == ("3", "3")
    assert (pipe["cost"], valve["cost"]) == ("16.667", "33.333")
    for item, amount in ((pipe, "50.00"), (valve, "100.00")):
        assert round(Decimal(item["quantity"]) * Decimal(item["cost"]), 2) == Decimal(amount)


def test_tax_and_shipping_of_several_orders_are_split_by_net_amount_to_the_cent(world: World) -> None:
    world.order(SECOND, SECOND_THERE)
    lines = ((ORDER, 10, "8", "100"), (SECOND, 10, "16", "200"))
    world.invoice("51", *lines, tax="10.00", delivery_cost="0.05", gross_amount="310.05")
    first, second = build(world, known_order(), known_order(SECOND, SECOND_THERE))
    assert [(each.part, each.payload["purchase_order_id"]) for each in (first, second)] == [(1, 7001), (2, 7002)]
    assert (first.payload["tax"], second.payload["tax"]) == ("3.33", "6.67")
    assert (first.payload["shipping"], second.payload["shipping"]) == ("0.01", "0.04")
    assert (first.amount, second.amount) == (Decimal("103.34"), Decimal("206.71"))


def test_what_is_not_posted_is_no_document_and_none_any_more(world: World) -> None:
    statuses = ["", "A", "B", "C", "D", "E", "1", "2", "3", "4"]
    for number, status in enumerate(statuses, 51):
        world.invoice(str(number), (ORDER, 10, "1", "12.50"), status=status)
    assert build(world) == []
    blocked = [known_invoice(str(number), "blocked") for number in range(51, 61)]
    assert [each.verdict for each in build(world, *blocked)] == [Verdict.WITHDRAWN] * len(statuses)


def test_what_was_posted_before_go_live_is_out_of_scope_unless_a_person_asks(world: World) -> None:
    world.invoice("51", posting_date="2026-10-31")
    assert only(build(world)).verdict is Verdict.OUT_OF_SCOPE
    assert only(build(world, known_invoice("51", "ready", replayed=True))).verdict is Verdict.DUE


@pytest.mark.parametrize("invoices", ["receive", "match_only"])
def test_what_people_have_to_do_by_hand(world: World, invoices: str) -> None:
    world.invoice("51", status="7")
    world.invoice("52", is_credit_memo=True)
    world.invoice("53", currency_code="EUR")
    found = [reasons(each) for each in build(world, invoices=invoices)]
    assert found == [["unknown_status"], ["credit_memo"], ["foreign_currency"]]


def test_a_later_debit_or_credit_is_for_people(world: World) -> None:
    world.invoice("51")
    world.change("sap_s4hana__supplier_invoice_items", "item = 1", is_subsequent=True)
    assert reasons(only(build(world))) == ["subsequent_debit_credit"]


def test_lines_without_an_order_are_for_people_until_a_bill_is_entered_by_hand(world: World) -> None:
    world.invoice("51", (None, None, "1", "80"))
    world.invoice("52")
    world.put("sap_s4hana__supplier_invoice_accounts", supplier_invoice="52", fiscal_year=2026, net_amount="9")
    without, partly = build(world)
    assert (without.business_key, without.part, reasons(without)) == ("ST-C-SI-51-2026", 0, ["no_purchase_order"])
    assert reasons(partly) == ["no_purchase_order"]
    assert "Some of its lines" in partly.reasons[0].text

    world.put("sap_s4hana__suppliers", supplier="100", source_key=source_key("supplier", "100"))
    world.put("servicetitan__vendors", vendor_id=31, external_data=[{"key": "S4Supplier", "value": "100"}])
    world.bill(900, "80", vendor_number="v-51", vendor_id=32, purchase_order_id=None)
    assert reasons(build(world)[0]) == ["no_purchase_order"], "that bill is of another vendor"
    world.change("servicetitan__ap_bills", vendor_id=31)
    assert build(world)[0].verdict is Verdict.SKIPPED

    world.invoice("53")
    assert build(world)[2].verdict is Verdict.DUE
    world.change("servicetitan__ap_bills", vendor_number="V-53", bill_date="2025-11-08")
    assert build(world)[2].verdict is Verdict.DUE, "the supplier's numbers begin anew each year"
    world.change("servicetitan__ap_bills", bill_date="2026-11-10")
    assert build(world)[2].verdict is Verdict.SKIPPED, "a receipt would make another bill"


def test_one_number_date_and_amount_on_two_invoices_is_a_double_entry(world: World) -> None:
    world.invoice("51", vendor_invoice_number="v 7")
    world.invoice("52", vendor_invoice_number="00V7")
    first, second = build(world)
    assert first.verdict is Verdict.DUE
    assert reasons(second) == ["double_entry"]
    assert "51/2026" in second.reasons[0].text
    world.change("sap_s4hana__supplier_invoices", "supplier_invoice = '51'", is_reversed=True)
    assert only(build(world)).verdict is Verdict.DUE, "the first was the one too many"


def test_a_reversed_invoice_and_its_reversal_are_no_documents(world: World) -> None:
    """Whichever of the two names the other, in whatever release."""
    world.invoice("51", is_reversed=True)
    world.invoice("52", vendor_invoice_number=None, is_reversal=True)
    world.invoice("53", reverse_document="54", reverse_fiscal_year=2026)
    world.invoice("54", vendor_invoice_number=None)
    world.invoice("55")
    world.invoice("56", vendor_invoice_number=None, reverse_document="55", reverse_fiscal_year=None)
    assert build(world) == []
    known = [known_invoice("51", "blocked"), known_invoice("53", "posted"), known_invoice("55", "adopted")]
    documents = build(world, *known)  # the outbox withdraws the first, and flags the others
    assert [each.business_key for each in documents] == [each.business_key for each in known]
    assert {each.verdict for each in documents} == {Verdict.WITHDRAWN}


def test_the_order_type_says_who_receives_and_the_rule_where_it_says_nothing(world: World) -> None:
    world.invoice("51")
    assert only(build(world, invoices="match_only")).verdict is Verdict.SKIPPED
    asked = known_invoice("51", "ready", replayed=True)
    assert only(build(world, asked, invoices="match_only")).verdict is Verdict.SKIPPED, "the field receives it"
    world.put("mapping.order_types", order_type="*", type_id=81, invoices="receive")
    assert only(build(world, invoices="match_only")).verdict is Verdict.DUE
    world.put("mapping.order_types", order_type="zrec", type_id=82)
    assert only(build(world, invoices="match_only")).verdict is Verdict.SKIPPED
    assert only(build(world, invoices="receive")).verdict is Verdict.DUE
    world.put("servicetitan__purchase_order_types", purchase_order_type_id=82, is_automatically_received=True)
    assert only(build(world, invoices="receive")).verdict is Verdict.SKIPPED, "ServiceTitan has received it itself"


def test_what_was_skipped_is_not_built_again_until_it_is_to_be_received(world: World) -> None:
    world.invoice("51")
    assert build(world, known_invoice("51", "skipped"), invoices="match_only") == []
    assert only(build(world, known_invoice("51", "skipped"), invoices="receive")).verdict is Verdict.DUE


@pytest.mark.parametrize(
    ("state", "mode", "expected"),
    [
        ("blocked", "post", "waits_for_order"),
        ("ready", "post", "waits_for_order"),
        ("skipped", "post", "no_order_there"),
        ("ready", "observe", None),
    ],
)
def test_an_invoice_waits_for_its_order(world: World, state: str, mode: str, expected: str | None) -> None:
    world.invoice("51")
    world.put("mapping.materials", material="*", sku_id=501)
    document = only(build(world, known_order(state=state), mode=mode))
    if expected is None:
        assert (document.verdict, document.payload.get("purchase_order_id")) == (Verdict.DUE, None)
    else:
        assert reasons(document) == [expected]
        assert ORDER in document.reasons[0].text


def test_an_order_that_was_canceled_there_receives_nothing(world: World) -> None:
    world.invoice("51")
    world.change("servicetitan__purchase_orders", status="Canceled")
    assert reasons(only(build(world))) == ["no_order_there"]


def test_an_order_from_before_go_live_is_not_waited_for(world: World) -> None:
    world.invoice("51")
    assert only(build(world, known_order(state="out_of_scope"))).verdict is Verdict.SKIPPED


def test_an_order_that_servicetitan_asked_for_is_found_by_its_link(world: World) -> None:
    """Its items are not ours: no text says their line, so the material does."""
    world.invoice("51", (ORDER, 10, "10", "125"))
    world.change("servicetitan__purchase_order_items", "item_id = 700110", description="20 feet of pipe")
    world.change("sap_s4hana__purchase_order_items", "item = 10", material="M-1")
    link = Link(source_key("purchase_order", ORDER), "", str(ORDER_THERE), "post", kind="purchase_order")
    known = KnownDocuments([known_order(state="skipped")._replace(written="")], [link])
    assert reasons(only(build_supplier_invoices(world.con, settings(), known))) == ["unmapped_material"]
    world.put("mapping.materials", material="M-1", sku_id=501)
    item = only(build_supplier_invoices(world.con, settings(), known)).payload["items"][0]
    assert (item["line"], item["sku_id"], item["description"]) == ("10", 501, "20 feet of pipe")


def test_what_no_receipt_can_say(world: World) -> None:
    world.invoice("51", (ORDER, 10, "10", "125"), gross_amount="130")
    world.invoice("52", (ORDER, 10, "0", "125"))
    world.invoice("53", (ORDER, 10, "11", "137.50"))
    world.invoice("54", (ORDER, 30, "1", "10"))
    expected = [["total_mismatch"], ["no_quantity"], ["above_ordered"], ["unmapped_material"]]
    assert [reasons(each) for each in build(world)] == expected
    assert {each.verdict for each in build(world, invoices="match_only")} == {Verdict.SKIPPED}, "it is only compared"


def test_what_the_field_has_received_is_not_received_twice(world: World) -> None:
    world.invoice("51")
    world.receipt(901)
    assert only(build(world)).verdict is Verdict.SKIPPED
    world.change("servicetitan__receipts", is_active=False)
    world.change("servicetitan__purchase_order_items", quantity_received=0)
    assert only(build(world)).verdict is Verdict.DUE, "it was canceled"


def test_a_parcel_that_the_field_received_is_that_of_the_first_invoice(world: World) -> None:
    """Five of ten: to receive the first five again would not be too many, but would still double them."""
    world.invoice("51", (ORDER, 10, "5", "62.50"))
    world.invoice("52", (ORDER, 10, "5", "62.50"), posting_date="2026-11-12")
    world.receipt(901, (10, "5"))
    assert [each.verdict for each in build(world)] == [Verdict.SKIPPED, Verdict.DUE]


def test_a_receipt_under_the_suppliers_number_is_that_of_the_invoice(world: World) -> None:
    world.invoice("51", (ORDER, 10, "5", "62.50"))
    world.receipt(901, (10, "1"), vendor_invoice_number="0v-51")
    assert only(build(world)).verdict is Verdict.SKIPPED


def test_our_own_receipt_is_found_again_after_the_state_was_lost(world: World) -> None:
    world.invoice("51")
    world.receipt(901, memo=f"S/4HANA invoice 51/2026 [{KEY}]")
    assert only(build(world)).verdict is Verdict.DUE, "the look-up adopts it"
    world.receipt(902)
    assert only(build(world)).verdict is Verdict.DUE, "whatever the field did after that"


def test_what_is_posted_comes_again_only_when_its_source_changed(world: World) -> None:
    world.invoice("51")
    assert build(world, known_invoice("51", "posted")) == []
    assert only(build(world, known_invoice("51", "posted", source_hash="old"))).business_key == KEY


def test_of_a_part_that_the_field_received_people_receive_the_rest(world: World) -> None:
    """Of one line of two, or of one line some."""
    world.receipt(901, (10, "5"))
    world.invoice("51", (ORDER, 10, "5", "62.50"), (ORDER, 20, "4", "120"))
    document = only(build(world))
    assert reasons(document) == ["partly_received"]
    assert "(line 10: 5 of 5)" in document.reasons[0].text
    world.receipt(902, (20, "4"))
    assert only(build(world)).verdict is Verdict.SKIPPED
    world.drop("servicetitan__receipts", "receipt_id = 902")
    world.change("servicetitan__purchase_order_items", "item_id = 700120", quantity_received=0)
    world.change("sap_s4hana__supplier_invoice_items", "item = 1", quantity="6")
    world.drop("sap_s4hana__supplier_invoice_items", "item = 2")
    world.change("sap_s4hana__supplier_invoices", gross_amount="62.50")
    assert reasons(only(build(world))) == ["partly_received"]


def test_a_later_debit_takes_nothing_of_what_the_field_received(world: World) -> None:
    world.receipt(901, (10, "5"))
    world.invoice("51", (ORDER, 10, "5", "5"), is_credit_memo=False)
    world.change("sap_s4hana__supplier_invoice_items", is_subsequent=True)
    world.invoice("52", (ORDER, 10, "5", "62.50"), posting_date="2026-11-12")
    assert [each.verdict for each in build(world)] == [Verdict.BLOCKED, Verdict.SKIPPED]


def test_delivery_costs_that_the_order_planned_are_shipping_and_no_goods(world: World) -> None:
    world.invoice("51", (ORDER, 10, "5", "62.50"), (ORDER, 10, "5", "8", "FRA1"), tax="1")
    document = only(build(world))
    assert (document.verdict, document.amount, document.payload["shipping"]) == (Verdict.DUE, Decimal("71.50"), "8.00")
    assert [(each["quantity"], each["cost"]) for each in document.payload["items"]] == [("5", "12.5")]
    world.receipt(901, (10, "5"))
    assert only(build(world)).verdict is Verdict.SKIPPED, "five were billed"


@pytest.mark.parametrize("carrier", ["777", None])
def test_freight_of_a_carrier_is_for_people(world: World, carrier: str | None) -> None:
    """It is paid to another, or nothing else is billed."""
    goods = [(ORDER, 10, "5", "62.50")] if carrier else []
    world.invoice("51", *goods, (ORDER, 10, "5", "8", "FRA1"))
    world.change("sap_s4hana__supplier_invoice_items", "delivery_condition is not null", freight_supplier=carrier)
    assert reasons(only(build(world))) == ["carrier"]


def test_a_line_with_a_credit_memo_is_received_by_people(world: World) -> None:
    """A price that was mended by one, and what came anew, look alike."""
    world.invoice("51", (ORDER, 10, "5", "62.50"))
    world.receipt(901, (10, "5"), memo=f"[{KEY}]")
    world.invoice("52", (ORDER, 10, "5", "62.50"), is_credit_memo=True)
    world.invoice("53", (ORDER, 10, "5", "60"))
    world.invoice("54", (ORDER, 20, "1", "30"))
    first, credit, again, other = build(world)
    assert (first.verdict, other.verdict) == (Verdict.DUE, Verdict.DUE), "that is adopted, and this has nothing of it"
    assert (reasons(credit), reasons(again)) == (["credit_memo"], ["credited"])
    assert "line 10 by 52/2026" in again.reasons[0].text
    world.receipt(902, (10, "5"), vendor_invoice_number="V-53")
    assert build(world)[2].verdict is Verdict.SKIPPED


@pytest.mark.parametrize("known", [[], [known_order(state="conflict")]])
def test_a_receipt_of_ours_names_the_order_that_nobody_knows_any_more(world: World, known: list[KnownDocument]) -> None:
    world.invoice("51")
    world.receipt(901, memo=f"[{KEY}]")
    document = only(build_supplier_invoices(world.con, settings(), KnownDocuments(known)))
    assert (document.verdict, document.payload["purchase_order_id"]) == (Verdict.DUE, ORDER_THERE)


def test_of_one_number_on_one_order_the_second_is_received_by_people(world: World) -> None:
    """Another date, so it may be another invoice; or the same with a slip of the hand."""
    world.invoice("51", (ORDER, 10, "5", "62.50"), vendor_invoice_number="7")
    world.invoice("52", (ORDER, 10, "5", "62.50"), vendor_invoice_number="7", document_date="2026-11-06")
    world.receipt(901, (10, "5"), memo=f"[{KEY}]", vendor_invoice_number="7")
    first, second = build(world)
    assert (first.verdict, reasons(second)) == (Verdict.DUE, ["same_number"])
    assert "51/2026" in second.reasons[0].text
    world.receipt(902, (10, "5"), vendor_invoice_number="7")
    assert build(world)[1].verdict is Verdict.SKIPPED


def test_the_bill_of_our_receipt_is_not_that_of_another_with_its_number(world: World) -> None:
    world.put("sap_s4hana__suppliers", supplier="100", source_key=source_key("supplier", "100"))
    world.put("servicetitan__vendors", vendor_id=31, external_data=[{"key": "S4Supplier", "value": "100"}])
    world.invoice("51", (ORDER, 10, "5", "62.50"), vendor_invoice_number="7")
    world.receipt(901, (10, "5"), memo=f"[{KEY}]", vendor_invoice_number="7")
    world.bill(901, "62.50", vendor_number="7", vendor_id=31)
    world.invoice("52", (ORDER, 10, "5", "62.50"), vendor_invoice_number="7", document_date="2026-11-06")
    assert reasons(build(world)[1]) == ["same_number"]


def test_what_we_received_by_a_reversed_invoice_is_not_received_again(world: World) -> None:
    """Of a full order, too, where raising the order would double it."""
    world.invoice("51", vendor_invoice_number="7", is_reversed=True)
    world.receipt(901, memo=f"[{KEY}]", vendor_invoice_number="7")
    world.invoice("52", vendor_invoice_number="7")
    assert only(build(world)).verdict is Verdict.SKIPPED
    world.change("servicetitan__receipts", is_active=False)
    world.change("servicetitan__purchase_order_items", quantity_received=0)
    assert only(build(world)).verdict is Verdict.DUE, "somebody canceled it"
