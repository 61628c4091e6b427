"""The third firm: what it buys hangs together, and what is wrong is only what was planted."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.mapping.load import load as load_mappings
from st_erp_pipelines.sandbox import sap_s4hana_seed
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.contractor_buying import Buying, buying
from st_erp_pipelines.sandbox.contractor_orders import CENTERS, UNMAPPED_CENTER
from st_erp_pipelines.sandbox.demo_files import write_demo
from st_erp_pipelines.sandbox.firms import FIRMS, HARBOR
from st_erp_pipelines.sandbox.sap_s4hana_company import Company

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def whole() -> Contractor:
    return generate(seed=7, today=TODAY, days=30, scale=0.03)


@pytest.fixture(scope="module")
def made(whole: Contractor) -> Buying:
    before = copy.deepcopy(whole.servicetitan)
    found = buying(whole, scale=0.05)
    assert whole.servicetitan == before, "the other firms keep what they have"
    return found


@pytest.fixture(scope="module")
def company(made: Buying) -> Company:
    """Whatever does not fit the EDMX is refused here."""
    return sap_s4hana_seed.build(made.sap_s4hana)


def records(company: Company, name: str) -> list[dict[str, Any]]:
    return list(company.records[name].values())


def test_the_same_arguments_make_the_same_firm(whole: Contractor, made: Buying) -> None:
    assert buying(whole, scale=0.05) == made
    assert buying(whole, seed=8, scale=0.05).sap_s4hana != made.sap_s4hana


def test_orders_name_what_there_is(company: Company) -> None:
    suppliers = {row["Supplier"] for row in records(company, "A_BusinessPartner")}
    centers = {row["CostCenter"] for row in records(company, "A_CostCenter")}
    for order in records(company, "A_PurchaseOrder"):
        assert order["Supplier"] in suppliers
        for item in order["to_PurchaseOrderItem"]:
            assert item["Material"] in company.setup["materials"]
            assert item["Plant"] in company.setup["plants"]
            assert {each["CostCenter"] for each in item["to_AccountAssignment"]} <= {
                *CENTERS,
                UNMAPPED_CENTER,
            } & centers


def test_most_is_from_before_go_live(whole: Contractor) -> None:
    rows = buying(whole).sap_s4hana["A_PurchaseOrder"]
    old = [row for row in rows if row["PurchaseOrderDate"] < whole.start_date]
    assert len(rows) / 2 < len(old) < len(rows)
    assert max(row["PurchaseOrderDate"] for row in rows) <= TODAY


def test_suppliers_are_as_people_left_them(company: Company) -> None:
    rows = records(company, "A_BusinessPartner")
    changed = [row for row in rows if row["LastChangeDate"]]
    assert 0 < len(changed) < len(rows) / 2
    addresses = Counter(len(row["to_BusinessPartnerAddress"]) for row in rows)
    assert set(addresses) == {1, 2}
    for row in rows:
        usages = [usage for each in row["to_BusinessPartnerAddress"] for usage in each["to_AddressUsage"]]
        assert [each["AddressUsage"] for each in usages].count("XXDEFAULT") == 1


def test_a_cost_center_was_handed_on_and_one_has_expired(company: Company) -> None:
    spans: dict[str, list[tuple[date, date]]] = {}
    for row in records(company, "A_CostCenter"):
        spans.setdefault(row["CostCenter"], []).append((row["ValidityStartDate"], row["ValidityEndDate"]))
    (first, second), *_ = [each for each in spans.values() if len(each) == 2]
    assert first[1] + timedelta(days=1) == second[0]
    assert second[1] == date(9999, 12, 31)
    assert min(until for each in spans.values() for _, until in each[-1:]) < TODAY


def test_invoices_add_up_but_for_the_one_that_does_not(made: Buying, company: Company) -> None:
    wrong = [each.key.split("-")[3] for each in made.exceptions if each.kind == "blocked:total_mismatch"]
    off = []
    for row in records(company, "A_SupplierInvoice"):
        lines = [*row["to_SuplrInvcItemPurOrdRef"], *row["to_SupplierInvoiceItemGLAcct"]]
        net = sum((line["SupplierInvoiceItemAmount"] for line in lines), Decimal())
        tax = sum((each["TaxAmount"] for each in row["to_SupplierInvoiceTax"]), Decimal())
        if net + tax + row["UnplannedDeliveryCost"] != row["InvoiceGrossAmount"]:
            off.append(row["SupplierInvoice"])
    assert off == wrong


def test_nothing_is_billed_twice_or_beyond_what_was_ordered(made: Buying, company: Company) -> None:
    """But for what the reversed, the parked, the double one, the credit and the late debit bill."""
    planted = {
        each.key.split("-")[3] for each in made.exceptions if each.kind.startswith("blocked:") and "-SI-" in each.key
    }
    billed: Counter[tuple[str, str]] = Counter()
    for row in records(company, "A_SupplierInvoice"):
        if row["SupplierInvoiceStatus"] == "5" and not row["IsReversed"] and not row["IsReversal"]:
            for line in row["to_SuplrInvcItemPurOrdRef"] if row["SupplierInvoice"] not in planted else []:
                billed[line["PurchaseOrder"], line["PurchaseOrderItem"]] += line["QuantityInPurchaseOrderUnit"]
    ordered = {
        (row["PurchaseOrder"], item["PurchaseOrderItem"]): item["OrderQuantity"]
        for row in records(company, "A_PurchaseOrder")
        for item in row["to_PurchaseOrderItem"]
    }
    assert {line for line, quantity in billed.items() if quantity > ordered[line]} == set()


def test_requests_go_to_suppliers_of_both_sides(made: Buying) -> None:
    tenant = made.contractor.servicetitan
    orders = {row["number"]: row for row in tenant["purchase_orders"]}
    names = {row["id"]: row["name"] for row in tenant["vendors"]}
    assert len(set(names.values())) == len(names)
    statuses = Counter(row["requestStatus"] for row in tenant["purchase_order_requests"])
    assert statuses["Approved"] > 1
    assert statuses["PendingApproval"] > 0
    for row in tenant["purchase_order_requests"]:
        if row["requestStatus"] == "Approved":
            assert orders[row["requestNumber"]]["vendorId"] == row["vendorId"]


def test_each_thing_is_planted_once_whatever_the_size(whole: Contractor, made: Buying) -> None:
    kinds = Counter(each.kind for each in made.exceptions)
    assert kinds == Counter(each.kind for each in buying(whole).exceptions)
    assert len({(each.kind, each.key) for each in made.exceptions}) == len(made.exceptions)
    assert {"discrepancy:amount_differs", "bill_missing:no_receipt"} < set(kinds)


def test_its_connection_and_mapping_tables_are_sound(made: Buying, tmp_path: Path) -> None:
    urls = {"servicetitan_url": "http://127.0.0.1:1", "sap_s4hana_url": "http://127.0.0.1:2"}
    days = {"go_live": made.contractor.start_date, "start_date": made.contractor.start_date}
    loaded = settings.load(write_demo(tmp_path, contractor=made.contractor, speed=60, firm=HARBOR, **urls, **days))
    assert not loaded.faults
    (connection,) = loaded.connections
    assert (connection.name, connection.key_prefix) == (HARBOR.name, "C")
    mappings = load_mappings(connection.mappings, connection.erp.flows)
    assert not mappings.faults
    assert all(len(mappings.tables[name]) for name in ("order_types", "plants", "cost_centers", "materials"))
    assert len({firm.tenant_id for firm in FIRMS.values()}) == len(FIRMS)
