"""Every rule by which an invoice or a credit memo becomes a sales document, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, Link, build_invoices
from tests.staging.documents_world import ANN, World, key, known, plain_world, settings


@pytest.fixture
def world() -> World:
    return plain_world()


def build(
    world: World,
    *documents: KnownDocument,
    links: Sequence[Link] = (),
    **changed: Any,
) -> list[BuiltDocument]:
    return build_invoices(world.con, settings(**changed), KnownDocuments([ANN, *documents], links))


def only(built: list[BuiltDocument]) -> BuiltDocument:
    (document,) = built
    return document


def codes(document: BuiltDocument) -> list[str]:
    assert (document.verdict is Verdict.BLOCKED) == bool(document.reasons)
    return [reason.code for reason in document.reasons]


def test_a_plain_invoice_is_due_with_everything_it_needs(world: World) -> None:
    world.invoice(5, {"quantity": "2", "price": "50", "total": "100", "description": "Furnace\n  tune-up"})
    document = only(build(world))
    assert (document.flow, document.kind, document.source_key) == ("invoices", "invoice", key("invoice", 5))
    assert (document.verdict, document.reasons, document.adopt_only) == (Verdict.DUE, (), False)
    assert (document.amount, document.currency, document.party) == (Decimal(100), "USD", "STA-7")
    assert (document.home_day, document.business_date) == (date(2026, 11, 6), date(2026, 11, 5))
    assert (document.label, document.source_hash, document.business_key) == ("R5", "h5", "ST-A-INV-5")
    assert document.payload == {
        "type": "invoice",
        "key": "ST-A-INV-5",
        "customer_number": "STA-7",
        "document_date": "2026-11-05",
        "posting_date": "2026-11-05",
        "due_date": "2026-12-05",
        "reference": "R5",
        "currency": "USD",
        "dimension_code": "DEPT",
        "dimension_value": "HV",
        "lines": [
            {
                "sequence": 10000,
                "type": "account",
                "number": "40000",
                "description": "Furnace tune-up",
                "quantity": "2",
                "unit_price": "50",
                "amount": "100.00",
                "tax_code": "NONTAXABLE",
                "dimension_code": "DEPT",
                "dimension_value": "HV",
                "project_code": "",
            }
        ],
        "total": "100.00",
        "tax": "liability_line",
    }


@pytest.mark.parametrize(
    ("status", "only_posted", "is_built"),
    [("Pending", True, False), ("Pending", False, True), ("Posted", True, True), ("Exported", True, True)],
)
def test_only_what_the_office_posted_is_built(world: World, status: str, only_posted: bool, is_built: bool) -> None:
    world.invoice(5, sync_status=status)
    assert bool(build(world, rules={"only_posted": only_posted})) is is_built


@pytest.mark.parametrize("kind", ["invoice", "credit_memo"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, ["not_posted"]) for state in ("blocked", "ready", "entered", "rejected", "in_doubt")),
        *((state, None) for state in ("posted", "adopted", "skipped", "withdrawn", "out_of_scope")),
    ],
)
def test_what_the_office_took_back_before_it_was_sent_waits(
    world: World, kind: str, state: str, expected: list[str] | None
) -> None:
    getattr(world, kind)(5, sync_status="Pending")
    document = known(kind, 5, state, "edited")
    assert [codes(each) for each in build(world, document)] == ([expected] if expected else [])
    assert [codes(each) for each in build(world, document, rules={"only_posted": False})] in ([[]], [])


def test_why_it_waits(world: World) -> None:
    world.invoice(5, sync_status=None)
    assert only(build(world, known("invoice", 5, "ready"))).reasons[0].text == (
        "ServiceTitan no longer calls it posted (status none): it waits until the office posts it again."
    )


@pytest.mark.parametrize("state", ["ready", "posted", "adopted"])
def test_a_void_is_seen_whatever_the_office_posted(world: World, state: str) -> None:
    world.invoice(5, sync_status="Pending", is_active=False)
    assert only(build(world, known("invoice", 5, state))).verdict is Verdict.WITHDRAWN


@pytest.mark.parametrize(
    ("first", "now", "known_as", "adopt_only"),
    [
        ("Exported", "Exported", None, True),
        ("Pending", "Exported", None, True),  # by other software, before it was a document of ours
        ("Pending", "Posted", None, False),
        ("Posted", "Exported", False, False),
        ("Pending", "Exported", True, True),
        ("Exported", "Exported", False, False),  # replayed by a person
    ],
)
@pytest.mark.parametrize("kind", ["invoice", "credit_memo"])
def test_what_other_software_exported_is_only_adopted(
    world: World, kind: str, first: str, now: str, known_as: bool | None, adopt_only: bool
) -> None:
    getattr(world, kind)(5, first_sync_status=first, sync_status=now)
    documents = [] if known_as is None else [known(kind, 5, "ready", adopt_only=known_as)]
    document = only(build(world, *documents))
    assert (document.verdict, document.adopt_only) == (Verdict.DUE, adopt_only)


@pytest.mark.parametrize("is_known", [False, True])
def test_what_is_only_adopted_is_never_blocked(world: World, is_known: bool) -> None:
    world.invoice(5, sync_status="Exported", business_unit_id=9, customer_id=99)
    document = only(build(world, *([known("invoice", 5, "ready", adopt_only=True)] if is_known else [])))
    assert (document.verdict, document.adopt_only, document.reasons) == (Verdict.DUE, True, ())


@pytest.mark.parametrize(("day", "verdict"), [("2026-10-31", "out_of_scope"), ("2026-11-01", "due")])
def test_nothing_from_before_go_live(world: World, day: str, verdict: str) -> None:
    world.invoice(5, invoice_date=day)
    assert only(build(world)).verdict == verdict


def test_out_of_scope_names_no_reasons(world: World) -> None:
    world.invoice(5, invoice_date="2026-10-31", business_unit_id=9)
    assert only(build(world)).reasons == ()


@pytest.mark.parametrize(
    ("state", "source_hash", "verdict"),
    [
        (None, "", None),
        ("ready", "", "withdrawn"),
        ("blocked", "old", "withdrawn"),
        ("withdrawn", "", None),
        ("posted", "", "withdrawn"),  # the outbox flags it
    ],
)
def test_voided(world: World, state: str | None, source_hash: str, verdict: str | None) -> None:
    world.invoice(5, is_active=False)
    built = build(world, *([known("invoice", 5, state, source_hash)] if state else []))
    assert [document.verdict for document in built] == ([verdict] if verdict else [])


def test_voided_and_restored_is_built_again(world: World) -> None:
    world.invoice(5)
    assert only(build(world, known("invoice", 5, "withdrawn"))).verdict is Verdict.DUE


@pytest.mark.parametrize(
    ("zero_totals", "items", "verdict"),
    [
        ("skip", [{"price": "0", "total": "0"}], "skipped"),
        ("post", [{"price": "0", "total": "0"}], "due"),
        ("post", [{"price": "5", "total": "5"}, {"price": "-5", "total": "-5"}], "due"),
    ],
)
def test_zero_totals(world: World, zero_totals: str, items: list[dict[str, Any]], verdict: str) -> None:
    world.invoice(5, *items, total="0")
    document = only(build(world, invoices={"zero_totals": zero_totals}))
    assert document.verdict == verdict
    assert len(document.payload["lines"]) == len(items)


def test_a_zero_total_without_lines_has_nothing_to_post(world: World) -> None:
    world.invoice(5, total="0", has_null_items=True)
    world.drop("invoice_items")
    assert only(build(world, invoices={"zero_totals": "post"})).verdict is Verdict.SKIPPED


# What a person replayed


REPLAYED = known("invoice", 5, "ready", replayed=True)


@pytest.mark.parametrize("values", [{"invoice_date": "2026-10-31"}, {"total": "0"}, {"sync_status": "Exported"}])
@pytest.mark.parametrize(("unit", "verdict"), [(1, "due"), (9, "blocked")])
def test_what_a_person_replayed_is_judged_like_any_other(
    world: World, values: dict[str, Any], unit: int, verdict: str
) -> None:
    world.change("staging.stg_business_central__general_ledger_setup", allow_posting_from=None)
    world.invoice(5, business_unit_id=unit, **values)
    document = only(build(world, REPLAYED))
    assert (document.verdict, document.adopt_only) == (verdict, False)


def test_a_replayed_zero_total_needs_lines(world: World) -> None:
    world.invoice(5, total="0", has_null_items=True)
    assert codes(only(build(world, REPLAYED))) == ["no_items"]


def test_a_replayed_document_can_be_voided(world: World) -> None:
    world.invoice(5, invoice_date="2026-10-31", is_active=False)
    assert only(build(world, REPLAYED)).verdict is Verdict.WITHDRAWN


# Customers


def test_waits_for_a_customer_that_is_neither_linked_nor_posted(world: World) -> None:
    world.invoice(5, customer_id=8, customer_name="Bo")
    world.customer(8, name="Bo Dahl")
    document = only(build(world, known("customer", 8, "blocked")))
    assert codes(document) == ["waits_for_customer"]
    assert "'Bo Dahl' (STA-8)" in document.reasons[0].text
    assert only(build(world, known("customer", 8, "adopted"))).verdict is Verdict.DUE


@pytest.mark.parametrize(
    ("mode", "state", "expected"),
    [
        ("observe", "ready", []),
        ("observe", "blocked", ["waits_for_customer"]),
        ("observe", "rejected", ["waits_for_customer"]),
        ("draft", "ready", ["waits_for_customer"]),
        ("post", "ready", ["waits_for_customer"]),
    ],
)
def test_observing_does_not_wait_for_a_customer_fit_to_be_sent(
    world: World, mode: str, state: str, expected: list[str]
) -> None:
    world.customer(8)
    world.invoice(5, customer_id=8)
    document = only(build(world, known("customer", 8, state), invoices={"mode": mode}))
    assert (codes(document), document.party) == (expected, "STA-8")


def test_a_known_link_gives_the_number(world: World) -> None:
    world.invoice(5, customer_id=8)
    world.customer(8)
    link = Link(key("customer", 8), "C0042", "guid", "match")
    assert only(build(world, links=[link])).party == "C0042"


def test_customers_csv_wins_when_the_erp_has_the_number(world: World) -> None:
    world.invoice(5)
    world.put("mapping.customers", customer_id=7, erp_number="C1")
    assert only(build(world)).party == "STA-7"
    world.put("staging.stg_business_central__customers", customer_id="guid", number="C1")
    assert only(build(world)).party == "C1"


def test_merges_are_followed_to_their_end(world: World) -> None:
    world.customer(8, merged_to_id=9, is_active=False)
    world.customer(9, merged_to_id=7, is_active=False)
    world.invoice(5, customer_id=8)
    assert only(build(world)).party == "STA-7"


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        ({"customer_id": None}, "no_customer", "Invoice R5 has no customer"),
        ({"customer_id": 99, "customer_name": "Cy"}, "unknown_customer", "'Cy' (id 99)"),
        ({"customer_id": 99, "customer_name": None}, "unknown_customer", "Customer 99 is"),
    ],
)
def test_customers_that_cannot_be_named(world: World, values: dict[str, Any], code: str, text: str) -> None:
    world.invoice(5, **values)
    document = only(build(world))
    assert (codes(document), document.party) == ([code], "")
    assert text in document.reasons[0].text


# Lines


@pytest.mark.parametrize(
    ("account", "unit_account", "any_account", "expected"),
    [
        ("4000", "4100", "4999", ("account", "40000")),
        ("4711", "4100", "4999", ("account", "4100")),
        (None, "4100", "4999", ("account", "4100")),
        ("4711", None, "4999", ("item", "4999")),
        ("4711", " ", None, None),
    ],
)
def test_the_account_of_a_line(
    world: World, account: str | None, unit_account: str | None, any_account: str | None, expected: Any
) -> None:
    item = {"price": "100", "total": "100", "gl_account_number": account, "gl_account_name": "Service"}
    world.invoice(5, item)
    world.change("mapping.business_units", account=unit_account)
    if any_account:
        world.put("mapping.accounts", gl_account_number="*", target_type="item", target_number=any_account)
    document = only(build(world))
    if expected:
        (line,) = document.payload["lines"]
        assert (line["type"], line["number"]) == expected
    else:
        assert codes(document) == ["unmapped_account"]
        for named in ("Line 1 ('Tune-up')", "'4711 Service'", "'HVAC' (id 1)", "accounts.csv"):
            assert named in document.reasons[0].text


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"row": 3, "key": "4711"}, ["unmapped_account"]),
        ({"row": 1, "key": None}, ["unmapped_account"]),  # the header: any account may have had a row
        ({"row": 3, "key": "4712"}, []),
        ({"row": 3, "key": "4711", "file": "tax_zones.csv"}, []),
    ],
)
def test_a_line_whose_accounts_row_is_at_fault_falls_back_to_nothing(
    world: World, fault: dict[str, Any], expected: list[str]
) -> None:
    named, unnamed = ({"price": "50", "total": "50", "gl_account_number": number} for number in ("4711", None))
    world.invoice(5, named, unnamed)
    world.put("mapping.faults", **{"file": "accounts.csv", "message": "'9' is no account in the ERP"} | fault)
    document = only(build(world))
    assert codes(document) == expected
    if expected:
        assert document.reasons[0].text == (
            "Line 1 ('Tune-up') has no account: general ledger account '4711' has no usable row in accounts.csv "
            f"(at fault: row {fault['row']}, '9' is no account in the ERP): mend it."
        )


@pytest.mark.parametrize(
    ("rows", "hint"),
    [
        ([], "a row for * to accounts.csv."),
        ([3, 5, 3], "a row for * to accounts.csv (the row * is not used while row 3 or 5 is at fault)."),
        ([0], "a row for * to accounts.csv (the row * is not used while the file is at fault)."),
    ],
)
def test_why_the_row_for_anything_is_not_used(world: World, rows: list[int], hint: str) -> None:
    world.invoice(5, {"price": "100", "total": "100", "gl_account_number": None})
    world.change("mapping.business_units", account=None)
    for row in rows:
        world.put("mapping.faults", file="accounts.csv", row=row, key="4712", message="'9' is no account in the ERP")
    assert only(build(world)).reasons[0].text.endswith(hint)


@pytest.mark.parametrize("zone", [4, None])
def test_why_the_tax_zone_for_anything_is_not_used(world: World, zone: int | None) -> None:
    taxed(world, zone)
    world.put("mapping.faults", file="tax_zones.csv", row=2, key="9", message="'9' is no account in the ERP")
    text = only(build(world)).reasons[0].text
    assert text.endswith("in tax_zones.csv: add it (the row * is not used while row 2 is at fault).")


def test_lines_of_one_gap_are_one_reason(world: World) -> None:
    gap = {"price": "50", "total": "50", "gl_account_number": "4711"}
    world.invoice(5, gap, gap)
    world.change("mapping.business_units", account=None)
    document = only(build(world))
    assert codes(document) == ["unmapped_account"]
    assert document.reasons[0].text.startswith("Line 1, 2 ('Tune-up') has no account")


def test_a_lines_own_business_unit_wins(world: World) -> None:
    world.put("mapping.business_units", business_unit_id=2, dimension_code="DEPT", dimension_value="PL", account="4200")
    world.change("mapping.business_units", "business_unit_id = 1", project="P1")
    own = {"price": "60", "total": "60", "business_unit_id": 2, "gl_account_number": None}
    world.invoice(
        5, own, {"price": "40", "total": "40", "gl_account_number": None}, sales_tax="3", total="103", tax_zone_id=3
    )
    lines = only(build(world)).payload["lines"]
    found = [(line["dimension_value"], line["project_code"], line["number"]) for line in lines]
    assert found == [("PL", "", "4200"), ("HV", "P1", "4100"), ("HV", "P1", "22000")], "the tax has the header's unit"


def test_units_without_a_row_are_all_named(world: World) -> None:
    own = {"price": "100", "total": "100", "business_unit_id": 17, "business_unit_name": "Electrical East"}
    world.invoice(5, own, business_unit_id=18, business_unit_name="Roofing")
    document = only(build(world))
    assert codes(document) == ["unmapped_business_unit"] * 2
    assert document.reasons[0].text == (
        "Business unit 'Electrical East' (id 17) has no row in business_units.csv: add one with its dimension value."
    )


def test_a_row_at_fault_is_told_of(world: World) -> None:
    world.put("mapping.faults", file="business_units.csv", row=4, key="9", message="the value is missing")
    world.invoice(5, business_unit_id=9, business_unit_name="Roofing")
    assert "business_units.csv (at fault: row 4, the value is missing): add" in only(build(world)).reasons[0].text


@pytest.mark.parametrize(("line_unit", "expected"), [(1, []), (None, ["unmapped_business_unit"])])
def test_no_business_unit_at_all(world: World, line_unit: int | None, expected: list[str]) -> None:
    item = {"price": "100", "total": "100", "business_unit_id": line_unit}
    world.invoice(5, item, business_unit_id=None, business_unit_name=None)
    assert codes(only(build(world))) == expected


@pytest.mark.parametrize(
    ("quantity", "price", "total", "sent"),
    [
        ("2", "50", "100", ("2", "50", "100.00")),
        ("0.33333", "300.00000", "100", ("0.33333", "300", "100.00")),
        ("3", "33.3333333", "100", ("1", "100", "100.00")),  # more than five decimals
        ("0.3333333", "300", "100", ("1", "100", "100.00")),
        ("2", "49.99", "100", ("1", "100", "100.00")),  # another product
        ("2.5", "0.33", "0.83", ("2.5", "0.33", "0.83")),  # half a cent goes away from zero
        ("1", "-20", "-20", ("-1", "20", "-20.00")),
        ("-2", "10", "-20", ("-2", "10", "-20.00")),
        ("-2", "-10", "20", ("2", "10", "20.00")),
        ("3", "-6.6666667", "-20", ("-1", "20", "-20.00")),
        ("0", "20", "20", ("1", "20", "20.00")),
        (None, None, "20", ("1", "20", "20.00")),
        ("999999999999999", "999999999999999", "20", ("1", "20", "20.00")),
    ],
)
def test_quantity_and_price(
    world: World, quantity: str | None, price: str | None, total: str, sent: tuple[str, ...]
) -> None:
    rest = str(1000 - Decimal(total))
    world.invoice(
        5,
        {"quantity": quantity, "price": price, "total": total},
        {"price": rest, "total": rest},
        total="1000",
    )
    line = only(build(world)).payload["lines"][0]
    assert (line["quantity"], line["unit_price"], line["amount"]) == sent


def test_lines_without_value_are_left_out_and_never_block(world: World) -> None:
    free = {"price": "0", "total": "0", "gl_account_number": "4711", "business_unit_id": 99}
    world.invoice(5, free, {"price": "100", "total": "100"})
    document = only(build(world))
    assert document.verdict is Verdict.DUE
    assert [line["sequence"] for line in document.payload["lines"]] == [20000]


def test_a_long_description_is_cut_visibly(world: World) -> None:
    world.invoice(5, {"price": "100", "total": "100", "description": "x" * 101})
    description = only(build(world)).payload["lines"][0]["description"]
    assert description == "x" * 99 + "…"


@pytest.mark.parametrize("has_null_items", [True, False])
def test_no_items(world: World, has_null_items: bool) -> None:
    world.invoice(5, has_null_items=has_null_items)
    world.drop("invoice_items")
    document = only(build(world))
    assert codes(document) == ["no_items"]
    assert "R5 over 100 has no lines" in document.reasons[0].text


@pytest.mark.parametrize(
    ("total", "tax", "item_totals", "figures"),
    [
        ("100", "0", ["60", "39.99"], ["total 100,", "lines 99.99 ", "make 99.99:"]),
        ("106", "6.01", ["100"], ["total 106,", "tax 6.01 make 106.01"]),
        ("100", "0", ["33.3333", "33.3333", "33.3334"], ["make 100, with fractions of a cent or gaps:"]),
        ("100.005", "0", ["100.005"], ["total 100.005", "fractions of a cent"]),
    ],
)
def test_figures_that_do_not_agree(
    world: World, total: str, tax: str, item_totals: list[str], figures: list[str]
) -> None:
    items = [{"price": value, "total": value} for value in item_totals]
    world.invoice(5, *items, total=total, sales_tax=tax, tax_zone_id=3)
    document = only(build(world))
    assert codes(document) == ["total_mismatch"]
    for figure in figures:
        assert figure in document.reasons[0].text


@pytest.mark.parametrize(
    ("values", "items", "code"),
    [
        ({"total": None}, [{"price": "100", "total": "100"}], "total_mismatch"),
        ({}, [{"price": "100", "total": "100"}, {"price": None, "total": None}], "total_mismatch"),
        ({"invoice_date": None, "due_date": None}, [], "no_date"),
    ],
)
def test_what_servicetitan_may_leave_out(
    world: World, values: dict[str, Any], items: list[dict[str, Any]], code: str
) -> None:
    world.invoice(5, *items, **values)
    document = only(build(world))
    assert codes(document) == [code]
    assert document.reasons[0].text
    assert document.amount in (0, 100)


# Credits


def test_a_negative_invoice_becomes_a_credit_memo_with_signs_turned(world: World) -> None:
    items = [{"quantity": "-1", "price": "100", "total": "-100"}, {"price": "10", "total": "10"}]
    world.invoice(5, *items, total="-97.20", sales_tax="-7.20", tax_zone_id=3)
    document = only(build(world))
    assert (document.kind, document.business_key, document.amount) == ("invoice", "ST-A-INV-5", Decimal("-97.20"))
    assert (document.payload["type"], document.payload["total"]) == ("credit_memo", "97.20")
    assert document.payload["reference"] == ""
    assert [(line["quantity"], line["unit_price"], line["amount"]) for line in document.payload["lines"]] == [
        ("1", "100", "100.00"),
        ("-1", "10", "-10.00"),
        ("1", "7.2", "7.20"),
    ]


def test_a_credit_memo_of_servicetitan_counts_against_receivables(world: World) -> None:
    world.credit_memo(6)
    document = only(build(world))
    assert (document.kind, document.business_key, document.amount) == ("credit_memo", "ST-A-CM-6", Decimal(-40))
    assert (document.payload["type"], document.payload["total"]) == ("credit_memo", "40.00")
    assert document.payload["lines"][0]["quantity"] == "1"


def test_a_negative_credit_memo_is_a_charge_and_blocked(world: World) -> None:
    world.credit_memo(6, total="-40")
    document = only(build(world))
    assert codes(document) == ["total_mismatch"]
    assert "negative total -40" in document.reasons[0].text


@pytest.mark.parametrize(("zero_totals", "verdict"), [("skip", "skipped"), ("post", "due")])
def test_a_credit_memo_over_nothing_is_skipped_like_an_invoice(world: World, zero_totals: str, verdict: str) -> None:
    world.credit_memo(6, total="0")
    assert only(build(world, invoices={"zero_totals": zero_totals})).verdict == verdict


def test_inactive_items_of_a_credit_memo_do_not_count(world: World) -> None:
    world.credit_memo(6)
    world.item("credit_memo_items", 2, credit_memo_id=6, price="9", total="9", is_active=False)
    assert len(only(build(world)).payload["lines"]) == 1


# Tax


def taxed(world: World, zone: int | None = 3) -> None:
    items = [{"price": "100", "total": "100", "is_taxable": True}, {"price": "50", "total": "50"}]
    world.invoice(5, *items, total="158.25", sales_tax="8.25", tax_zone_id=zone)


def test_tax_as_a_line_to_the_liability_account(world: World) -> None:
    taxed(world)
    lines = only(build(world)).payload["lines"]
    assert {line["tax_code"] for line in lines} == {"NONTAXABLE"}
    assert (lines[-1]["sequence"], lines[-1]["number"], lines[-1]["description"]) == (
        9990000,
        "22000",
        "Sales tax Travis",
    )
    assert (lines[-1]["quantity"], lines[-1]["unit_price"], lines[-1]["amount"]) == ("1", "8.25", "8.25")


def test_tax_computed_by_the_erp(world: World) -> None:
    taxed(world)
    document = only(build(world, rules={"tax": "erp_computes", "non_taxable_code": "NO"}))
    assert [line["tax_code"] for line in document.payload["lines"]] == ["TX", "NO"]
    assert (document.payload["tax"], document.payload["total"]) == ("erp_computes", "158.25")


@pytest.mark.parametrize("tax", ["liability_line", "erp_computes"])
@pytest.mark.parametrize(("zone", "text"), [(4, "Tax zone 4 has"), (None, "No tax zone is named, and * has")])
def test_a_zone_without_row_falls_to_any_or_blocks(world: World, tax: str, zone: int | None, text: str) -> None:
    taxed(world, zone)
    document = only(build(world, rules={"tax": tax}))
    assert codes(document) == ["unmapped_tax_zone"]
    assert text in document.reasons[0].text
    world.put("mapping.tax_zones", tax_zone_id=None, liability_account="22999", tax_code="ANY")
    lines = only(build(world, rules={"tax": tax})).payload["lines"]
    assert "22999" in [line["number"] for line in lines] or "ANY" in [line["tax_code"] for line in lines]


def test_without_tax_no_zone_is_needed(world: World) -> None:
    world.invoice(5, tax_zone_id=4)
    assert only(build(world)).verdict is Verdict.DUE


# Dates and currency


@pytest.mark.parametrize(
    ("day", "policy", "posting_date", "expected"),
    [
        ("2026-11-05", "hold", "2026-11-05", []),
        ("2026-11-15", "hold", "2026-11-15", []),
        ("2026-11-15", "first_open_day", "2026-11-15", []),
        ("2026-11-09", "hold", "2026-11-09", ["closed_period"]),
        ("2026-11-09", "first_open_day", "2026-11-10", []),
        ("2026-12-01", "first_open_day", "2026-12-01", ["closed_period"]),  # nothing later is open yet
    ],
)
def test_closed_periods(world: World, day: str, policy: str, posting_date: str, expected: list[str]) -> None:
    opens = "2026-11-01" if day == "2026-11-05" else "2026-11-10"
    world.change(
        "staging.stg_business_central__general_ledger_setup",
        allow_posting_from=opens,
        allow_posting_to="2026-11-30",
    )
    world.invoice(5, invoice_date=day)
    document = only(build(world, rules={"closed_period": policy}))
    assert codes(document) == expected
    assert (document.payload["document_date"], document.payload["posting_date"]) == (day, posting_date)
    if expected:
        assert f"{day} is outside the open period from 2026-11-10 to 2026-11-30" in document.reasons[0].text


@pytest.mark.parametrize("is_staged", [True, False])
def test_without_bounds_every_period_is_open(world: World, is_staged: bool) -> None:
    table = "staging.stg_business_central__general_ledger_setup"
    world.change(table, allow_posting_from=None, allow_posting_to=None)
    if not is_staged:
        world.drop(table)
    world.invoice(5, due_date=None)
    document = only(build(world))
    assert (document.verdict, document.payload["due_date"]) == (Verdict.DUE, "2026-11-05")


@pytest.mark.parametrize(("currency", "expected"), [("USD", []), (None, []), ("CAD", ["foreign_currency"])])
def test_foreign_currency(world: World, currency: str | None, expected: list[str]) -> None:
    world.change("business_units", currency=currency)
    world.invoice(5)
    document = only(build(world))
    assert codes(document) == expected
    assert document.currency == (currency or "USD")


def test_all_reasons_at_once(world: World) -> None:
    item = {"price": "100", "total": "90", "gl_account_number": "4711"}
    unit = {"business_unit_id": 9, "business_unit_name": "Odd", "invoice_date": "2027-01-01"}
    world.invoice(5, item, customer_id=None, sales_tax="5", tax_zone_id=4, **unit)
    assert codes(only(build(world))) == [
        "no_customer",
        "total_mismatch",
        "unmapped_business_unit",
        "unmapped_account",
        "unmapped_tax_zone",
        "closed_period",
    ]


# What is built again


@pytest.mark.parametrize(
    ("state", "source_hash", "is_built"),
    [
        (None, "", True),
        *((state, "", True) for state in ("blocked", "ready", "rejected", "unavailable", "conflict")),
        *((state, "", True) for state in ("sending", "in_doubt", "entered")),
        *((state, "", False) for state in ("posted", "adopted", "out_of_scope", "skipped")),
        *((state, "edited", True) for state in ("posted", "adopted", "skipped")),
    ],
)
def test_what_is_built_again(world: World, state: str | None, source_hash: str, is_built: bool) -> None:
    world.invoice(5)
    documents = [known("invoice", 5, state, source_hash)] if state else []
    assert bool(build(world, *documents)) is is_built


def test_a_flagged_document_is_built_again_so_that_the_flag_can_fall(world: World) -> None:
    world.invoice(5)
    assert build(world, known("invoice", 5, "posted", is_flagged=True))


def test_the_newest_revision_is_spoken_of(world: World) -> None:
    world.invoice(5)
    first, second = known("invoice", 5, "conflict"), known("invoice", 5, "ready", revision=1)
    document = only(build(world, first, second))
    assert (document.revision, document.business_key) == (1, "ST-A-INV-5-R1")
    assert document.payload["key"] == "ST-A-INV-5-R1"


def test_a_key_that_was_used_stays_when_the_prefix_changes(world: World) -> None:
    world.invoice(5)
    assert only(build(world, known("invoice", 5, "entered"), key_prefix="B")).business_key == "ST-A-INV-5"
    assert only(build(world, known("invoice", 5, "blocked"), key_prefix="B")).business_key == "ST-B-INV-5"


def test_an_older_version_is_not_sent_while_a_newer_one_cannot_be_read(world: World) -> None:
    world.invoice(5, {"total": "100"})
    row = "insert into staging.quarantine by name select 'servicetitan' as system, 'invoices' as entity"
    world.con.execute(f"{row}, '5' as key, 'total: ''12a'' is no decimal number' as reason")
    document = only(build(world))
    assert codes(document) == ["unreadable"]
    assert "'12a'" in document.reasons[0].text


# What stands there already


def in_erp(world: World, number: str = "103044", **values: Any) -> None:
    row = dict(
        document_id=f"guid-{number}",
        number=number,
        external_document_number="",
        document_date="2026-11-05",
        customer_number="STA-7",
        total_including_tax="100",
        remaining_amount="100",
        status="Open",
        is_posted=True,
    )
    world.put("staging.stg_business_central__sales_invoices", **row | values)


@pytest.mark.parametrize(
    ("values", "is_proposed"),
    [
        ({}, True),
        ({"external_document_number": "R5", "customer_number": "C1", "document_date": "2026-11-07"}, True),
        ({"customer_number": "C1"}, False),
        ({"document_date": "2026-11-06"}, False),
        ({"total_including_tax": "100.01"}, False),
        ({"is_posted": False}, False),
        ({"status": "Canceled"}, False),
        ({"external_document_number": "R5", "document_date": "2026-10-31"}, False),  # older than go-live
        ({"external_document_number": "ST-A-INV-9"}, False),  # another one of ours
    ],
)
def test_what_somebody_may_have_entered_by_hand_waits_for_a_person(
    world: World, values: dict[str, Any], is_proposed: bool
) -> None:
    world.invoice(5)
    in_erp(world, **values)
    document = only(build(world))
    assert codes(document) == (["entered_by_hand"] if is_proposed else [])
    if is_proposed:
        assert "st-erp accept ST-A-INV-5 103044; if not: st-erp replay ST-A-INV-5" in document.reasons[0].text


def test_of_several_none_is_chosen(world: World) -> None:
    world.invoice(5)
    in_erp(world)
    in_erp(world, "103050")
    assert "103044 of 2026-11-05, 103050 of 2026-11-05" in only(build(world)).reasons[0].text


def test_who_said_that_it_is_another_is_not_asked_again(world: World) -> None:
    world.invoice(5)
    in_erp(world)
    assert only(build(world, known("invoice", 5, "ready", replayed=True))).verdict is Verdict.DUE


def test_what_another_document_is_linked_to_is_not_proposed(world: World) -> None:
    world.invoice(5)
    in_erp(world)
    adopted = known("invoice", 4, "adopted", remote_id="guid-103044")
    assert codes(only(build(world, adopted))) == []


@pytest.mark.parametrize(
    ("state", "policy", "remaining", "is_reversible"),
    [
        ("posted", "reverse_and_repost", "100", True),
        ("posted", "flag", "100", False),
        ("posted", "reverse_and_repost", "40", False),
        ("adopted", "reverse_and_repost", "100", False),
    ],
)
def test_an_edit_of_what_nothing_is_applied_to_may_be_taken_back(
    world: World, state: str, policy: str, remaining: str, is_reversible: bool
) -> None:
    world.invoice(5, source_hash="edited")
    in_erp(world, document_id="guid-5", external_document_number="ST-A-INV-5", remaining_amount=remaining)
    document = only(build(world, known("invoice", 5, state), invoices={"on_change": policy}))
    assert document.reversible == is_reversible


def test_invoices_and_credit_memos_may_have_the_same_ids(world: World) -> None:
    """As where an id is a number of its list. A negative invoice is a credit memo there."""
    table = "staging.stg_business_central__sales_credit_memos"
    for number, total in ((5, "100"), (6, "-100")):
        world.invoice(number, total=total, source_hash="edited")
    world.invoice(7)
    in_erp(world, "1", document_id="22", external_document_number="ST-A-INV-5", remaining_amount="40")
    in_erp(world, "2", document_id="23")  # by hand, and no document of ours although our credit memo has that id
    row = dict(total_including_tax="100", remaining_amount="-100", status="Open", is_posted=True)
    world.put(table, document_id="22", number="3", external_document_number="ST-A-INV-6", **row)
    sales = [known("invoice", 5, "posted", remote_id="22", amount=Decimal(100))]
    sales += [known("invoice", 6, "posted", remote_id="22", amount=Decimal(-100))]
    sales += [known("credit_memo", 9, "posted", remote_id="23")]
    built = build(world, *sales, invoices={"on_change": "reverse_and_repost"})
    assert {each.business_key: each.reversible for each in built if each.business_key != "ST-A-INV-7"} == {
        "ST-A-INV-5": False, "ST-A-INV-6": True
    }  # fmt: skip
    assert [codes(each) for each in built if each.business_key == "ST-A-INV-7"] == [["entered_by_hand"]]
