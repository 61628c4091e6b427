"""The generated contractor: the same each time, figures that add up, and all that is wrong on its list."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.sandbox.contractor import Contractor, generate, later_edits
from st_erp_pipelines.sandbox.demo_files import demo_environment, write_demo
from st_erp_pipelines.sandbox.planted import invoice_key

TODAY = date(2026, 11, 24)
SPECS = Path(__file__).parents[2].parent / "shared" / "specs" / "servicetitan"
KINDS = {
    "blocked:unmapped_business_unit",
    "blocked:unmapped_account",
    "blocked:unmapped_tax_zone",
    "blocked:unmapped_payment_type",
    "blocked:no_customer",
    "blocked:total_mismatch",
    "blocked:foreign_currency",
    "blocked:entered_by_hand",
    "to_do:refund",
    "blocked:old_invoice",
    "blocked:closed_period",
    "blocked:waits_for_invoice",
    "rejected:blocked_customer",
    "rejected:missing_posting_group",
    "conflict:different",
    "conflict:several",
    "difference:no_source",
}


@pytest.fixture(scope="module")
def contractor() -> Contractor:
    return generate(today=TODAY)


def keys(contractor: Contractor, kind: str = "") -> set[str]:
    return {planted.key for planted in contractor.exceptions if planted.kind.startswith(kind)}


def in_window(contractor: Contractor, entity: str, day: str) -> list[dict[str, Any]]:
    first = contractor.start_date.isoformat()
    return [row for row in contractor.servicetitan[entity] if row[day][:10] >= first]


def local_day(stamp: str) -> date:
    moment = datetime.fromisoformat(stamp[:26]).replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo("America/Chicago")).date()


def payment_key(payment: dict[str, Any]) -> str:
    """Of the only part of what is planted: its invoice's, or 0 on account."""
    return f"AP{payment['id']}-{min(1, len(payment['appliedTo']))}"


def items_total(invoice: dict[str, Any]) -> Decimal:
    return sum((Decimal(item["total"]) for item in invoice["items"] or ()), Decimal())


def test_the_same_seed_and_day_make_the_same_contractor_and_others_another() -> None:
    first, again, other = (generate(today=TODAY, seed=seed, scale=0.02) for seed in (1, 1, 2))
    assert first == again
    assert first.servicetitan["invoices"] != other.servicetitan["invoices"]


def test_it_takes_less_than_three_seconds() -> None:
    started = time.thread_time()  # ours, whatever else the machine does
    generate(today=TODAY)
    assert time.thread_time() - started < 3


def test_enough_invoices_are_in_scope_and_most_of_them_are_paid(contractor: Contractor) -> None:
    invoices = in_window(contractor, "invoices", "invoiceDate")
    in_scope = [row for row in invoices if row["syncStatus"] == "Posted" and Decimal(row["total"]) != 0]
    settled = [row for row in in_scope if row["balance"] == "0.00"]
    assert len(in_scope) - len(keys(contractor)) > 2000
    assert 0.6 < len(settled) / len(in_scope) < 0.8
    assert {row["syncStatus"] for row in invoices} == {"Pending", "Posted", "Exported"}
    assert 0.03 < sum(Decimal(row["total"]) == 0 for row in invoices) / len(invoices) < 0.07
    assert any(row["items"] is None for row in invoices)
    assert any(Decimal(row["total"]) < 0 and row["adjustmentToId"] for row in invoices)


def test_history_lies_before_the_window_and_some_of_it_was_touched_in_it(contractor: Contractor) -> None:
    first = contractor.start_date
    old = [row for row in contractor.servicetitan["invoices"] if row["invoiceDate"][:10] < first.isoformat()]
    touched = [row for row in old if local_day(row["modifiedOn"]) >= first]
    assert len(old) > 1000
    assert 200 < len(touched) < len(old) / 2
    assert {row["syncStatus"] for row in old} == {"Posted", "Exported"}
    customers = contractor.servicetitan["customers"]
    long_ago = [row for row in customers if local_day(row["modifiedOn"]) < first]
    assert 0.75 < len(long_ago) / len(customers) < 0.85


def test_items_and_tax_make_the_total_but_for_the_planted(contractor: Contractor) -> None:
    wrong = {
        invoice_key(row)
        for row in contractor.servicetitan["invoices"]
        if items_total(row) + Decimal(row["salesTax"]) != Decimal(row["total"])
    }
    assert wrong == keys(contractor, "blocked:total_mismatch")
    for row in contractor.servicetitan["invoices"]:
        assert items_total(row) == Decimal(row["subTotal"]), row["id"]
        for item in row["items"] or ():
            exact = Decimal(item["quantity"]) * Decimal(item["price"])
            assert abs(exact - Decimal(item["total"])) <= Decimal("0.005"), item


def test_payments_and_credit_memos_add_up_and_never_overpay(contractor: Contractor) -> None:
    for row in contractor.servicetitan["payments"]:
        applied = sum((Decimal(part["appliedAmount"]) for part in row["appliedTo"]), Decimal())
        assert applied + Decimal(row["unappliedAmount"]) == Decimal(row["total"]), row["id"]
    paid: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in contractor.servicetitan["payments"]:
        for part in row["appliedTo"]:
            paid[part["appliedTo"]] += Decimal(part["appliedAmount"])
    items: defaultdict[int, Decimal] = defaultdict(Decimal)
    for item in contractor.servicetitan["credit_memo_items"]:
        items[item["creditMemoId"]] += Decimal(str(item["total"]))
    for memo in contractor.servicetitan["credit_memos"]:
        assert Decimal(str(memo["total"])) == items[memo["id"]] > 0
        for part in memo["appliedTo"]:
            paid[part["appliedTo"]] += Decimal(str(part["appliedAmount"]))
    for row in contractor.servicetitan["invoices"]:
        assert Decimal(row["balance"]) == Decimal(row["total"]) - paid[row["id"]], row["id"]
        assert Decimal(row["total"]) < 0 or Decimal(row["balance"]) >= 0


def test_every_shape_of_payment_occurs(contractor: Contractor) -> None:
    payments = in_window(contractor, "payments", "date")
    dates = {row["id"]: row["invoiceDate"] for row in contractor.servicetitan["invoices"]}
    assert {len(row["appliedTo"]) for row in payments} == {0, 1, 2, 3}
    assert any(row["appliedTo"] and Decimal(row["unappliedAmount"]) > 0 for row in payments)
    assert any(row["refundedPaymentId"] and Decimal(row["total"]) < 0 for row in payments)
    assert any(row["date"] < dates[part["appliedTo"]] for row in payments for part in row["appliedTo"])
    assert {"Credit Card", "Check", "Cash", "ACH", "Financing"} < {row["type"] for row in payments}


def test_customers_are_a_believable_lot(contractor: Contractor) -> None:
    customers = contractor.servicetitan["customers"]
    by_id = {row["id"]: row for row in customers}
    homes = Counter((row["name"], row["address"]["street"], row["address"]["city"]) for row in customers)
    merged = [row for row in customers if row["mergedToId"]]
    assert {row["type"] for row in customers} == {"Residential", "Commercial"}
    assert {row["address"]["country"] for row in customers} >= {"US", "USA", "United States", None}
    assert sum(count == 2 for count in homes.values()) >= 5
    assert all(row["mergedToId"] in by_id and not row["active"] for row in merged)
    assert any(by_id[row["mergedToId"]]["mergedToId"] for row in merged)
    assert any(not row["active"] and not row["mergedToId"] for row in customers)
    assert any(len(row["name"]) > 100 for row in customers)
    billed = {row["customer"]["id"] for row in contractor.servicetitan["invoices"] if row["customer"]}
    assert billed <= by_id.keys()
    assert billed & {row["id"] for row in merged}


def test_stamps_have_seven_digits_and_lie_in_the_past(contractor: Contractor) -> None:
    local = datetime.combine(TODAY, datetime.min.time(), ZoneInfo("America/Chicago")) + timedelta(minutes=10)
    latest = f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    for rows in contractor.servicetitan.values():
        for row in rows:
            for name in {"createdOn", "modifiedOn"} & row.keys():
                assert len(row[name]) == len("2021-07-19T20:35:38.2876004Z")
                assert row[name][:19] <= latest
            assert row.get("modifiedOn", row["createdOn"]) >= row["createdOn"]


def test_every_kind_is_planted_on_documents_that_exist_and_only_a_few(contractor: Contractor) -> None:
    documents = {invoice_key(row): Decimal(row["total"]) for row in contractor.servicetitan["invoices"]}
    documents |= {payment_key(row): Decimal(row["total"]) for row in contractor.servicetitan["payments"]}
    assert {planted.kind for planted in contractor.exceptions} == KINDS
    assert len(keys(contractor)) == len(contractor.exceptions)
    for planted in contractor.exceptions:
        assert planted.kind == "difference:no_source" or documents[planted.key] == planted.amount
    window = len(in_window(contractor, "invoices", "invoiceDate")) + len(in_window(contractor, "payments", "date"))
    assert len(contractor.exceptions) < 0.03 * window


def test_today_has_exceptions_too(contractor: Contractor) -> None:
    todays = [row for row in contractor.servicetitan["invoices"] if local_day(row["modifiedOn"]) == TODAY]
    assert len(todays) > 10
    assert {invoice_key(row) for row in todays} & keys(contractor)


def test_ordinary_documents_meet_no_hole_in_the_mappings(contractor: Contractor) -> None:
    """What is not on the list has everything the accountant mapped, and is paid by documents that pass."""
    listed = keys(contractor)
    numbers = {row["id"]: invoice_key(row) for row in contractor.servicetitan["invoices"]}
    unposted = {row["id"] for row in contractor.servicetitan["invoices"] if row["syncStatus"] != "Posted"}
    for row in in_window(contractor, "invoices", "invoiceDate"):
        if invoice_key(row) not in listed:
            assert row["customer"]
            assert row["businessUnit"]["id"] <= 306
            assert row["taxZoneId"] != 74
            assert date.fromisoformat(row["invoiceDate"][:10]) > contractor.start_date
    adopted = {document["externalDocumentNumber"] for document in contractor.business_central["posted"]}
    for row in in_window(contractor, "payments", "date"):
        if payment_key(row) not in listed:
            paid = {part["appliedTo"] for part in row["appliedTo"]}
            assert Decimal(row["total"]) > 0
            assert row["type"] != "Gift Certificate"
            assert not {numbers[invoice] for invoice in paid} & listed
            assert not {invoice for invoice in paid & unposted if numbers[invoice] not in adopted}


def test_the_company_holds_what_its_documents_and_the_mappings_name(contractor: Contractor) -> None:
    company = contractor.business_central
    accounts = {row["number"] for row in company["accounts"]}
    customers = {row["number"] for row in company["customers"]}
    assert len(customers) == len(company["customers"])
    for document in company["posted"]:
        assert document["customerNumber"] in customers
        assert {line["accountNumber"] for line in document["lines"]} <= accounts
    assert all(len(row["displayName"]) <= 100 and row["country"] == "US" for row in company["customers"])
    assert {row["balancingAccountNumber"] for row in company["journals"]} <= accounts
    assert company["setup"]["allowPostingFrom"] == (contractor.start_date + timedelta(days=1)).isoformat()


def test_what_a_person_entered_equals_its_invoice_but_for_the_conflicts(contractor: Contractor) -> None:
    invoices = {invoice_key(row): row for row in contractor.servicetitan["invoices"]}
    different = keys(contractor, "conflict:different")
    equal = 0
    for document in contractor.business_central["posted"]:
        row = invoices.get(document["externalDocumentNumber"])
        if row is None:
            continue
        total = sum(line["quantity"] * line["unitPrice"] for line in document["lines"])
        assert document["customerNumber"] == f"STA-{row['customer']['id']}"
        assert document["invoiceDate"] == row["invoiceDate"][:10]
        assert (total == Decimal(row["total"])) == (invoice_key(row) not in different)
        equal += document["status"] == "posted" and invoice_key(row) not in different
    assert equal == 6


def test_later_edits_name_records_and_members_that_exist(contractor: Contractor) -> None:
    edits = later_edits(contractor)
    assert len({(entity, record_id) for entity, record_id, _ in edits}) == len(edits) == 12
    for entity, record_id, changes in edits:
        row = next(row for row in contractor.servicetitan[entity] if row["id"] == record_id)
        assert changes.keys() <= row.keys()
        assert any(row[name] != value for name, value in changes.items())
        if "items" in changes:
            assert items_total(changes) + Decimal(row["salesTax"]) == Decimal(changes["total"])


@pytest.mark.parametrize(("scale", "days"), [(0.05, 7), (0.1, 30)])
def test_a_small_contractor_has_all_exceptions_and_edits(scale: float, days: int) -> None:
    small = generate(today=TODAY, scale=scale, days=days)
    assert {planted.kind for planted in small.exceptions} == KINDS
    assert len(later_edits(small)) == 12


def test_exceptions_are_written_as_json(contractor: Contractor, tmp_path: Path) -> None:
    contractor.write_exceptions(tmp_path / "planted.json")
    rows = json.loads((tmp_path / "planted.json").read_text(encoding="utf-8"))
    assert [Decimal(row["amount"]) for row in rows] == [planted.amount for planted in contractor.exceptions]
    assert rows[0].keys() == {"kind", "key", "amount", "note"}


def test_demo_files_load_without_a_fault(
    contractor: Contractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_demo(
        tmp_path,
        contractor=contractor,
        servicetitan_url="http://127.0.0.1:7701",
        business_central_url="http://127.0.0.1:7702",
        speed=100,
        go_live=contractor.start_date,
        start_date=contractor.start_date,
    )
    loaded = settings.load(path)
    assert loaded.faults == []
    connection = loaded.connections[0]
    assert connection.go_live == contractor.start_date
    assert connection.erp.timing.settle_after == timedelta(seconds=12)
    assert connection.servicetitan.timing.calls_per_second == 5500
    assert {flow.mode for flow in (connection.flows.invoices, connection.flows.payments)} == {"post"}
    for name, value in demo_environment().items():
        monkeypatch.setenv(name, value)
    assert connection.erp.client_secret.resolve() == demo_environment()["NORTHWIND_BC_CLIENT_SECRET"]
    assert connection.servicetitan.app_key.resolve() == demo_environment()["NORTHWIND_ST_APP_KEY"]
    assert not any(value in path.read_text() for value in demo_environment().values())


def test_demo_mappings_point_into_the_company_and_have_the_planted_holes(
    contractor: Contractor, tmp_path: Path
) -> None:
    url = "http://127.0.0.1:1"
    days = {"go_live": TODAY, "start_date": TODAY}
    write_demo(tmp_path, contractor=contractor, servicetitan_url=url, business_central_url=url, speed=1, **days)
    tables = {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        for path in (tmp_path / "mappings" / "northwind_hvac").glob("*.csv")
    }
    company = contractor.business_central
    accounts = {row["number"] for row in company["accounts"]}
    items = {row["number"] for row in company["items"]}
    departments = {value["code"] for value in company["dimensions"][0]["values"]}
    for row in tables["accounts"]:
        assert row["target_number"] in (accounts if row["target_type"] == "account" else items)
    assert {row["dimension_value"] for row in tables["business_units"]} == departments
    assert {row["account"] for row in tables["business_units"]} - accounts == {""}
    assert {row["liability_account"] for row in tables["tax_zones"]} <= accounts
    journals = {row["code"] for row in company["journals"]}
    assert {code for row in tables["payment_types"] for code in row["batches"].split()} < journals
    assert {row["erp_code"] for row in tables["payment_terms"]} <= {row["code"] for row in company["paymentTerms"]}
    assert not any("*" in row.values() for rows in tables.values() for row in rows)


SCHEMAS = {
    "invoices": ("accounting-v2", "Accounting.V2.InvoiceResponse"),
    "payments": ("accounting-v2", "Accounting.V2.DetailedPaymentResponse"),
    "credit_memos": ("accounting-v2", "Accounting.V2.CreditMemos.CreditMemoPublicResponse"),
    "credit_memo_items": ("accounting-v2", "Accounting.V2.CreditMemos.CreditMemosItemsPublicResponse"),
    "payment_types": ("accounting-v2", "Accounting.V2.PaymentTypeResponse"),
    "payment_terms": ("accounting-v2", "Accounting.V2.PaymentTermAPIModel"),
    "gl_accounts": ("accounting-v2", "Accounting.V2.GlAccountExtendedResponse"),
    "tax_zones": ("accounting-v2", "Accounting.V2.TaxZoneResponse"),
    "customers": ("crm-v2", "Crm.V2.Customers.CustomerResponse"),
    "customer_contacts": (
        "crm-v2",
        "Crm.V2.Customers.CustomerContactWithModifiedOnAndCustomerIdResponse",
    ),
    "business_units": ("settings-v2", "TenantSettings.V2.BusinessUnitResponse"),
    "vendors": ("inventory-v2", "Inventory.V2.VendorResponse"),
    "purchase_orders": ("inventory-v2", "Inventory.V2.PurchaseOrderResponse"),
    "purchase_order_requests": ("inventory-v2", "Inventory.V2.PurchaseOrderRequestResponse"),
    "purchase_order_types": ("inventory-v2", "Inventory.V2.PurchaseOrderTypeResponse"),
    "warehouses": ("inventory-v2", "Inventory.V2.WarehouseResponse"),
    "trucks": ("inventory-v2", "Inventory.V2.TruckResponse"),
    "receipts": ("inventory-v2", "Inventory.V2.InventoryReceiptResponse"),
    "ap_bills": ("accounting-v2", "Accounting.V2.ApBillResponse"),
    "bank_deposits": ("accounting-v2", "Accounting.V2.DetailedDepositResponse"),
    "services": ("pricebook-v2", "Pricebook.V2.ServiceGetResponse"),
    "materials": ("pricebook-v2", "Pricebook.V2.MaterialResponse"),
    "equipment": ("pricebook-v2", "Pricebook.V2.EquipmentResponse"),
    "categories": ("pricebook-v2", "Pricebook.V2.CategoryResponse"),
    "locations": ("crm-v2", "Crm.V2.Locations.LocationResponse"),
    "jobs": ("jpm-v2", "Jpm.V2.JobResponse"),
    "projects": ("jpm-v2", "Jpm.V2.ProjectResponse"),
}
# Seen to be missing on live tenants, although required.
MISSING = {"categories": {"modifiedOn"}}
JSON_TYPES = {
    "integer": int,
    "number": float,
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    for choice in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if "$ref" in choice:
            return resolved(schemas[choice["$ref"].rpartition("/")[2]], schemas)
    return schema


def check_shape(value: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str) -> None:
    schema = resolved(schema, schemas)
    if value is None:
        return
    types = schema.get("type", [])
    allowed = [JSON_TYPES[name] for name in ([types] if isinstance(types, str) else types) if name != "null"]
    assert not allowed or type(value) in allowed, f"{at}: {value!r} is not {types}"
    assert value in schema.get("enum", [value]), at
    if isinstance(value, dict):
        public = {name: inner for name, inner in value.items() if not name.startswith("_")}
        assert schema["properties"].keys() - public.keys() <= MISSING.get(at.partition(".")[0], set()), at
        assert public.keys() <= schema["properties"].keys(), at
        for name, inner in public.items():
            check_shape(inner, schema["properties"][name], schemas, f"{at}.{name}")
    if isinstance(value, list):
        for inner in value:
            check_shape(inner, schema["items"], schemas, f"{at}[]")


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not here")
@pytest.mark.parametrize("entity", SCHEMAS)
def test_records_have_the_members_and_types_of_the_openapi_documents(contractor: Contractor, entity: str) -> None:
    document, name = SCHEMAS[entity]
    schemas = json.loads((SPECS / f"{document}.json").read_text(encoding="utf-8"))["components"]["schemas"]
    rows = contractor.servicetitan[entity]
    for row in rows[:: max(1, len(rows) // 400)]:
        check_shape(row, schemas[name], schemas, entity)
