"""Rows of the client of S/4HANA as staging keeps them: keys without leading zeros, blanks as null, money as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.outbox.forgotten import Forgotten
from st_erp_pipelines.staging import questions
from st_erp_pipelines.staging.extract import Extract
from st_erp_pipelines.staging.load import Loaded, open_books, prepare
from tests.staging.conftest import NOON, Site

SYSTEM = "sap_s4hana"
TENANTS = {"servicetitan": "1003", SYSTEM: "1710"}
STAMP = "2026-10-02T09:00:00.000Z"


@pytest.fixture(scope="module")
def tables() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    prepare(con, TENANTS, zone="UTC", first_day=date(2026, 10, 1), last_day=NOON.date(), now=NOON)
    open_books(con, SYSTEM)
    return con


@pytest.fixture
def site(tables: duckdb.DuckDBPyConnection, tmp_path: Path) -> Iterator[Site]:
    """What a test loads is deleted behind it: each load is a transaction of its own."""
    yield Site(tmp_path, tables, TENANTS)
    names = tables.execute("select table_name from duckdb_tables() where schema_name = 'staging'").fetchall()
    tables.execute("; ".join(f"delete from staging.{name}" for (name,) in names))


def loaded(site: Site, entity: str, *rows: dict[str, Any], **more: Any) -> Loaded:
    site.land(list(rows), entity=entity, system=SYSTEM, **more)
    return site.load(entity, SYSTEM)


def columns(site: Site, table: str, names: str) -> list[tuple[Any, ...]]:
    return site.rows(f"select {names} from staging.stg_sap_s4hana__{table} order by all")


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "4500000001", "PurchaseOrder": "4500000001", "CompanyCode": "1710", "PurchaseOrderType": "NB",
        "PurchasingDocumentDeletionCode": "", "PurchasingProcessingStatus": "05", "ReleaseIsNotCompleted": False,
        "CreationDate": "2026-10-01", "LastChangeDateTime": STAMP, "modifiedOn": STAMP, "Supplier": "0017300001",
        "PurchaseOrderDate": "2026-10-01", "DocumentCurrency": "USD", "CorrespncExternalReference": "",
        "CorrespncInternalReference": "J-77", "to_PurchaseOrderItem": [item()],
    } | changes  # fmt: skip


def item(**changes: Any) -> dict[str, Any]:
    return {
        "PurchaseOrderItem": "00010", "PurchasingDocumentDeletionCode": "", "PurchaseOrderItemText": "Copper pipe",
        "Material": "000000000000000815", "OrderQuantity": "12.500",
        "NetPriceAmount": "99.90", "NetPriceQuantity": "100",
        "PurchaseRequisition": "", "PurchaseRequisitionItem": "00000", "DeliveryAddressName": "Mrs. Lee",
        "DeliveryAddressStreetName": "Elm Street", "DeliveryAddressHouseNumber": "7",
        "to_AccountAssignment": [
            {"AccountAssignmentNumber": "01", "CostCenter": "0000171011", "GLAccount": "0065100000"},
        ],
        "to_ScheduleLine": [
            {"ScheduleLine": "0002", "ScheduleLineDeliveryDate": "2026-10-20", "ScheduleLineOrderQuantity": "2.5"},
            {"ScheduleLine": "0001", "ScheduleLineDeliveryDate": "2026-10-12", "ScheduleLineOrderQuantity": "10"},
        ],
    } | changes  # fmt: skip


def test_an_order_has_items_accounts_and_dates(site: Site) -> None:
    assert loaded(site, "purchase_orders", order()) == Loaded(new=1, files=1)
    assert columns(
        site, "purchase_orders", "source_key, supplier, deletion_code, order_date, external_reference, home_day"
    ) == [
        ("sap_s4hana/1710/purchase_order/4500000001", "17300001", None, date(2026, 10, 1), None, date(2026, 10, 2)),
    ]  # fmt: skip
    assert columns(
        site, "purchase_order_items",
        "purchase_order, item, material, quantity, net_price_amount, net_price_quantity, purchase_requisition,"
        " purchase_requisition_item, delivery_street, delivery_date",
    ) == [
        ("4500000001", 10, "815", Decimal("12.5"), Decimal("99.9"), Decimal(100), None, None, "7 Elm Street",
         date(2026, 10, 12)),
    ]  # fmt: skip
    assert columns(site, "purchase_order_account_assignments", "item, assignment, cost_center, gl_account") == [
        (10, 1, "171011", "65100000")
    ]
    assert columns(site, "purchase_order_schedule_lines", "item, schedule_line, quantity") == [
        (10, 1, Decimal(10)),
        (10, 2, Decimal("2.5")),
    ]


def test_release_delivery_and_how_keys_are_written_are_no_edit_of_an_order(site: Site) -> None:
    changes: list[tuple[dict[str, Any], bool]] = [
        ({"PurchasingProcessingStatus": "03", "ReleaseIsNotCompleted": True}, False),
        ({"to_PurchaseOrderItem": [item(IsCompletelyDelivered=True, IsFinallyInvoiced=True)]}, False),
        ({"to_PurchaseOrderItem": [item(PurchaseOrderItem="10", OrderQuantity="12.5")]}, False),
        ({"Supplier": "17300001"}, False),
        ({"to_PurchaseOrderItem": [item(PurchasingDocumentDeletionCode="L")]}, True),
        ({"to_PurchaseOrderItem": [item(NetPriceQuantity="1")]}, True),
    ]
    hashes = "select source_key, source_hash from staging.stg_sap_s4hana__purchase_orders order by 1"
    loaded(site, "purchase_orders", *(order(id=str(number)) for number, _ in enumerate(changes)))
    before = site.rows(hashes)
    later = (
        order(id=str(number), modifiedOn="2026-10-03T09:00:00Z", **made) for number, (made, _) in enumerate(changes)
    )
    loaded(site, "purchase_orders", *later, part="2026-10-03")
    assert [old != new for old, new in zip(before, site.rows(hashes), strict=True)] == [each for _, each in changes]


def test_a_number_that_is_none_is_set_aside(site: Site) -> None:
    broken = order(to_PurchaseOrderItem=[item(OrderQuantity="many"), item(PurchaseOrderItem="ten")])
    assert loaded(site, "purchase_orders", broken) == Loaded(quarantined=1, files=1)
    ((reason,),) = site.rows("select reason from staging.quarantine")
    assert "OrderQuantity: 'many' is no decimal number" in reason
    assert "PurchaseOrderItem: 'ten' is no whole number" in reason


def test_where_an_order_goes_is_forgotten_with_the_customer_of_its_job(site: Site) -> None:
    site.con.execute("insert into staging.stg_servicetitan__jobs (job_id, number, customer_id) values (5, 'J-77', 9)")
    site.land([order(), order(id="4500000002", CorrespncInternalReference="")], entity="purchase_orders", system=SYSTEM)
    site.load("purchase_orders", SYSTEM, forgotten=[Forgotten(9, NOON, ())])
    assert columns(site, "purchase_order_items", "delivery_name, description, quantity") == [
        ("Mrs. Lee", "Copper pipe", Decimal("12.5")),
        (None, None, Decimal("12.5")),
    ]


def supplier(**changes: Any) -> dict[str, Any]:
    return {
        "id": "17300001", "BusinessPartner": "0017300001", "Supplier": "0017300001", "BusinessPartnerCategory": "2",
        "BusinessPartnerFullName": "Lone Star Supply", "CreationDate": "2019-04-01", "LastChangeDate": None,
        "BusinessPartnerIsBlocked": False, "IsMarkedForArchiving": False, "BusinessPartnerIDByExtSystem": "",
        "to_Supplier": {
            "DeletionIndicator": False, "PurchasingIsBlocked": False, "PostingIsBlocked": False,
            "to_SupplierCompany": [
                {"CompanyCode": "1710", "SupplierIsBlockedForPosting": True, "PaymentTerms": "NT30"},
            ],
            "to_SupplierPurchasingOrg": [{"PurchasingOrganization": "1710", "DeletionIndicator": True}],
        },
        "to_BusinessPartnerAddress": [address("2", "Depot"), address("1", "Office")],
        "to_BusinessPartnerTax": [{"BPTaxType": "US1", "BPTaxNumber": "74-1", "BPTaxLongNumber": ""}],
    } | changes  # fmt: skip


def address(id: str, street: str, until: str = "9999-12-31", usage: str = "", usage_until: str = "9999-12-31") -> Any:
    always = {"ValidityStartDate": "2019-04-01T00:00:00.000Z"}
    return {
        "AddressID": id, "StreetName": street, "HouseNumber": "", "PostalCode": "78701", "Region": "TX", **always,
        "ValidityEndDate": f"{until}T23:59:59.000Z",
        "to_AddressUsage": [{"AddressUsage": usage, "ValidityEndDate": f"{usage_until}T23:59:59.000Z", **always}],
        "to_PhoneNumber": [
            {"Person": "0000009", "OrdinalNumber": "001", "IsDefaultPhoneNumber": True, "PhoneNumber": "a person's"},
            {"Person": "", "OrdinalNumber": "001", "IsDefaultPhoneNumber": False, "PhoneNumber": "1"},
            {"Person": "", "OrdinalNumber": "002", "IsDefaultPhoneNumber": True, "PhoneNumber": f"2 of {street}"},
        ],
        "to_EmailAddress": [{"Person": "", "OrdinalNumber": "001", "EmailAddress": "orders@lone.example"}],
    }  # fmt: skip


def test_a_supplier_is_blocked_and_deleted_on_three_levels(site: Site) -> None:
    assert loaded(site, "suppliers", supplier(), part="full") == Loaded(new=1, files=1)
    assert columns(site, "suppliers", "supplier, name, is_blocked, is_deleted, email, external_id") == [
        ("17300001", "Lone Star Supply", False, False, "orders@lone.example", None)
    ]
    assert columns(site, "supplier_companies", "supplier, company_code, is_blocked, is_deleted, payment_terms") == [
        ("17300001", "1710", True, False, "NT30")
    ]
    assert columns(site, "supplier_purchasing_organizations", "purchasing_organization, is_blocked, is_deleted") == [
        ("1710", False, True)
    ]
    assert columns(site, "supplier_tax_numbers", "supplier, tax_type, tax_number") == [("17300001", "US1", "74-1")]
    gone = supplier(IsMarkedForArchiving=True, to_Supplier={"PurchasingIsBlocked": True})
    assert loaded(site, "suppliers", gone, part="full") == Loaded(changed=1, files=1)
    assert columns(site, "suppliers", "is_blocked, is_deleted") == [(True, True)]
    assert columns(site, "supplier_companies", "supplier") == []


def test_the_standard_address_that_is_valid_counts_else_the_first(site: Site) -> None:
    office, past = address("1", "Office"), "2026-10-01"
    cases: list[tuple[list[Any], str | None]] = [
        ([address("2", "Depot"), office], "Office"),
        ([office, address("2", "Depot", usage="XXDEFAULT")], "Depot"),
        ([office, address("2", "Depot", until=past, usage="XXDEFAULT")], "Office"),
        ([office, address("2", "Depot", usage="XXDEFAULT", usage_until=past)], "Office"),
        ([], None),
    ]
    rows = (supplier(id=str(n), to_BusinessPartnerAddress=each) for n, (each, _) in enumerate(cases))
    loaded(site, "suppliers", *rows, part="full")
    found = site.rows("select street, phone from staging.stg_sap_s4hana__suppliers order by source_key")
    assert found == [(street, street and f"2 of {street}") for _, street in cases]


def test_an_address_that_changed_without_a_stamp_is_an_edit_its_order_in_the_list_is_none(site: Site) -> None:
    loaded(site, "suppliers", supplier(), part="full")
    turned = supplier(to_BusinessPartnerAddress=[address("1", "Office"), address("2", "Depot")])
    assert loaded(site, "suppliers", turned, part="full") == Loaded(unchanged=1, files=1)
    moved = supplier(to_BusinessPartnerAddress=[address("1", "Harbor"), address("2", "Depot")])
    assert loaded(site, "suppliers", moved, part="full") == Loaded(changed=1, files=1)


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "5105600001/2026", "SupplierInvoice": "5105600001", "FiscalYear": "2026", "CompanyCode": "1710",
        "DocumentDate": "2026-10-01", "PostingDate": "2026-10-02", "CreationDate": "2026-10-02",
        "SuplrInvcLstChgDteTmeTxt": "20261002090000.0000000", "modifiedOn": "2026-10-02T09:00:00Z",
        "SupplierInvoiceIDByInvcgParty": "LS-9", "InvoicingParty": "0017300001", "DocumentCurrency": "USD",
        "InvoiceGrossAmount": "108.250", "UnplannedDeliveryCost": "0.000", "SupplierInvoiceStatus": "5",
        "SupplierInvoiceIsCreditMemo": "", "ReverseDocument": "", "ReverseDocumentFiscalYear": "0000",
        "to_SuplrInvcItemPurOrdRef": [{
            "SupplierInvoiceItem": "000001", "PurchaseOrder": "4500000001", "PurchaseOrderItem": "00010",
            "SupplierInvoiceItemAmount": "90", "QuantityInPurchaseOrderUnit": "10", "IsSubsequentDebitCredit": "X",
            "SuplrInvcDeliveryCostCndnType": "FRA1", "FreightSupplier": "0017300009",
            "to_SupplierInvoiceItmAcctAssgmt": [{"OrdinalNumber": "0001", "CostCenter": "0000171011"}],
        }],
        "to_SupplierInvoiceItemGLAcct": [{
            "SupplierInvoiceItem": "0001", "GLAccount": "0065100000", "SupplierInvoiceItemAmount": "10",
            "DebitCreditCode": "S",
        }],
        "to_SupplierInvoiceTax": [{"TaxCode": "I1", "SupplierInvoiceTaxCounter": "000001", "TaxAmount": "8.25"}],
    } | changes  # fmt: skip


def test_an_invoice_is_known_by_number_and_year(site: Site) -> None:
    again = invoice(id="5105600001/2025", FiscalYear="2025", SupplierInvoiceIsCreditMemo="X", ReverseDocument="7",
                    ReverseDocumentFiscalYear="2025", SuplrInvcLstChgDteTmeTxt=None, modifiedOn=None)  # fmt: skip
    assert loaded(site, "supplier_invoices", invoice(), again) == Loaded(new=2, files=1)
    assert columns(
        site, "supplier_invoices",
        "fiscal_year, status, is_credit_memo, reverse_document, reverse_fiscal_year, gross_amount, changed_at::varchar",
    ) == [
        (2025, "5", True, "7", 2025, Decimal("108.25"), None),
        (2026, "5", False, None, None, Decimal("108.25"), "2026-10-02 09:00:00+00"),
    ]  # fmt: skip
    year = "where fiscal_year = 2026"
    assert site.rows(
        "select supplier_invoice, item, purchase_order, purchase_order_item, is_subsequent, net_amount"
        f" from staging.stg_sap_s4hana__supplier_invoice_items {year}"
    ) == [("5105600001", 1, "4500000001", 10, True, Decimal(90))]
    query = "select delivery_condition, freight_supplier from staging.stg_sap_s4hana__supplier_invoice_items"
    assert site.rows(f"{query} {year}") == [("FRA1", "17300009")]
    for table, column, value in (("accounts", "gl_account", "65100000"), ("taxes", "tax_amount", Decimal("8.25")),
                                 ("account_assignments", "cost_center", "171011")):  # fmt: skip
        assert site.rows(f"select {column} from staging.stg_sap_s4hana__supplier_invoice_{table} {year}") == [(value,)]


def test_requisitions_say_what_became_of_them(site: Site) -> None:
    plain = {
        "id": "10000001/10", "PurchaseRequisition": "0010000001", "PurchaseRequisitionItem": "00010",
        "PurchasingDocument": "", "PurchasingDocumentItem": "00000", "IsDeleted": "", "Supplier": "17300001",
        "FixedSupplier": "0017300002", "PurReqnExternalReference": "CR5", "LastChangeDateTime": STAMP,
        "modifiedOn": STAMP, "IsPurReqnBlocked": "", "RequestedQuantity": "3",
        "to_PurchaseReqnAcctAssgmt": [{"PurchaseReqnAcctAssgmtNumber": "1", "CostCenter": "171011", "IsDeleted": ""}],
    }  # fmt: skip
    ordered = {**plain, "id": "10000001/20", "PurchaseRequisitionItem": "20", "FixedSupplier": "", "IsDeleted": "X",
               "IsPurReqnBlocked": "1", "PurchasingDocument": "4500000001", "PurchasingDocumentItem": "10"}  # fmt: skip
    assert loaded(site, "purchase_requisition_items", plain, ordered) == Loaded(new=2, files=1)
    assert columns(
        site, "purchase_requisition_items",
        "purchase_requisition, item, purchase_order, purchase_order_item, supplier, is_deleted, is_blocked,"
        " external_reference",
    ) == [
        ("10000001", 10, None, None, "17300002", False, False, "CR5"),
        ("10000001", 20, "4500000001", 10, "17300001", True, True, "CR5"),
    ]  # fmt: skip
    assert columns(site, "purchase_requisition_account_assignments", "purchase_requisition, item, cost_center") == [
        ("10000001", 10, "171011"),
        ("10000001", 20, "171011"),
    ]


def test_a_cost_centre_has_a_row_for_each_span(site: Site) -> None:
    for_ever = {
        "id": "A000/171011/9999-12-31", "ControllingArea": "A000", "CostCenter": "0000171011",
        "ValidityStartDate": "2026-01-01", "ValidityEndDate": "9999-12-31", "CompanyCode": "1710",
        "IsBlkdForPrimaryCostsPosting": "X",
        "to_Text": [{"Language": "DE", "CostCenterName": "Klempner"}, {"Language": "EN", "CostCenterName": "Plumbing"}],
    }  # fmt: skip
    before = {**for_ever, "id": "A000/171011/2025-12-31", "ValidityStartDate": "2019-01-01",
              "ValidityEndDate": "2025-12-31", "IsBlkdForPrimaryCostsPosting": "", "to_Text": []}  # fmt: skip
    assert loaded(site, "cost_centers", for_ever, before, part="snapshot") == Loaded(new=2, files=1)
    assert columns(site, "cost_centers", "cost_center, valid_from_date, valid_to_date, is_blocked, name") == [
        ("171011", date(2019, 1, 1), date(2025, 12, 31), False, None),
        ("171011", date(2026, 1, 1), date(9999, 12, 31), True, "Plumbing"),
    ]


def test_what_is_named_and_not_there_is_asked_for_by_its_number(site: Site) -> None:
    parked = invoice(id="5105600002/2026", SupplierInvoice="5105600002", SupplierInvoiceStatus="A", InvoicingParty="8")
    unstamped = invoice(id="5105600003/2026", SupplierInvoice="5105600003", SuplrInvcLstChgDteTmeTxt="")
    loaded(site, "supplier_invoices", invoice(), parked, unstamped)
    ordered = item(PurchaseRequisition="10000001", PurchaseRequisitionItem="00010")
    loaded(site, "purchase_orders", order(id="4500000009", PurchaseOrder="4500000009", to_PurchaseOrderItem=[ordered]))
    loaded(site, "suppliers", supplier(), part="full")
    asked = {entity: sorted(questions.ids(site.con, SYSTEM, entity)) for entity in questions.of(SYSTEM)}
    assert asked == {
        "supplier_invoices": ["5105600002/2026", "5105600003/2026"],
        "purchase_orders": ["4500000001"],
        "purchase_requisition_items": ["10000001/10"],
        "suppliers": ["8"],
    }


def test_orders_of_ours_are_read_again_until_all_is_received_and_receipts_until_there_is_a_bill(site: Site) -> None:
    site.con.execute("""
        insert into staging.stg_servicetitan__purchase_orders (purchase_order_id, status, summary) values
            (1, 'Sent', 'For the shop [ST-C-PO-4500000001]'), (2, 'Received', '[ST-C-PR-10000001-10]'),
            (3, 'Sent', 'by hand');
        insert into staging.stg_servicetitan__receipts (receipt_id, purchase_order_id, is_active, ap_bill_id) values
            (11, 2, true, null), (12, 3, true, null), (13, 1, true, 7), (14, 1, false, null);
        insert into staging.stg_servicetitan__purchase_requests (purchase_request_id, status, vendor_id) values
            (21, 'PendingApproval', 31), (22, 'Approved', 31);
    """)
    asked = {entity: questions.ids(site.con, "servicetitan", entity)
             for entity in ("purchase_orders", "receipts", "purchase_requests", "vendors")}  # fmt: skip
    assert asked == {"purchase_orders": [1], "receipts": [11], "purchase_requests": [21], "vendors": [31]}


class Day(SystemClock):
    def __init__(self, now: datetime) -> None:
        self.noon = now

    def now(self) -> datetime:
        return self.noon


class OneSupplier:
    """A client that tells what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def walk(self, entity: str, folder: Path, **window: datetime) -> SimpleNamespace:
        self.asked.append("window" if "since" in window else "all")
        page = folder / "page.json"
        page.write_text(json.dumps({"value": [supplier()]}), "utf-8")
        return SimpleNamespace(files=[page])


def test_suppliers_are_read_in_full_first_and_again_after_seven_days(tmp_path: Path) -> None:
    client = OneSupplier()
    for days, asked in ((0, ["all", "window"]), (6, ["window"]), (7, ["all", "window"]), (8, ["window"])):
        clock = Day(NOON + timedelta(days))
        Extract("acme", SYSTEM, client, tmp_path, f"run{days}", "UTC", clock).day("suppliers", clock.now().date())
        assert client.asked == asked
        client.asked.clear()
