"""What no flow needs: bills, orders, receipts, deposits, pricebook, jobs. Records as the documents show them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.assets.servicetitan import REFERENCES_BY_DAY, REFERENCES_WHOLE
from st_erp_pipelines.staging.entities import entity_of
from st_erp_pipelines.staging.load import Loaded
from tests.staging.conftest import Site

MODIFIED = "2026-10-02T20:35:38.2876004Z"


def table(name: str) -> str:
    return f"staging.stg_servicetitan__{name}"


def one(site: Site, columns: str, name: str) -> tuple[Any, ...]:
    (row,) = site.rows(f"select {columns} from {table(name)}")
    return row


def account(number: str) -> dict[str, Any]:
    return {"id": 1, "name": f"Account {number}", "number": number, "type": "Expense", "detailType": None}


def bill(id: int = 1, **changes: Any) -> dict[str, Any]:
    """Money as strings, as accounting's documents give it."""
    item = {
        "id": id * 10, "order": 3, "skuId": 7, "skuCode": "FAN", "skuType": "Material", "name": "Fan",
        "description": "<b>Fan</b>", "quantity": "2.5", "cost": "10.123", "receiptItemId": 5, "vendorPartNumber": "V-7",
        "inventoryLocation": {"id": 2, "name": "Truck 2", "type": "Truck"}, "generalLedgerAccount": account("5000"),
    }  # fmt: skip
    expense = {"id": id * 10 + 1, "amount": "74.69", "description": "Freight", "generalLedgerAccount": account("6100"),
               "job": {"id": 4, "name": "J4"}, "businessUnit": {"id": 3, "name": "HVAC"}}  # fmt: skip
    return {
        "id": id, "billType": "Procurement", "source": "Purchasing", "status": "Unreconciled", "syncStatus": "Pending",
        "referenceNumber": f"B{id}", "vendorNumber": "INV-9", "billDate": "2026-10-01T00:00:00Z", "landedCostMethod": 0,
        "billAmount": "100.00", "taxAmount": "0.00", "vendor": {"id": 8, "name": "Supply"}, "doNotPay": False,
        "purchaseOrderId": 6, "items": [item], "expenseItems": [expense], "modifiedOn": MODIFIED, "dateCanceled": None,
    } | changes  # fmt: skip


def test_a_bill_has_items_and_expenses(site: Site) -> None:
    site.land([bill(1), bill(2, billType="ApBill", source="Standalone", items=None, purchaseOrderId=None)],
              entity="ap_bills")  # fmt: skip
    assert site.load("ap_bills") == Loaded(new=2, files=1)
    assert site.rows(
        "select source_key, bill_type, bill_date, bill_amount, vendor_id, purchase_order_id, landed_cost_method,"
        f" home_day, first_sync_status from {table('ap_bills')} order by 1"
    ) == [
        ("servicetitan/1001/ap_bill/1", "Procurement", date(2026, 10, 1), Decimal("100.0000"), 8, 6, "0",
         date(2026, 10, 2), "Pending"),
        ("servicetitan/1001/ap_bill/2", "ApBill", date(2026, 10, 1), Decimal("100.0000"), 8, None, "0",
         date(2026, 10, 2), "Pending"),
    ]  # fmt: skip
    assert one(site, "ap_bill_id, item_id, position, description, quantity, unit_cost, inventory_location_name,"
               " gl_account_number", "ap_bill_items") == (
        1, 10, 3, "Fan", Decimal("2.5000000"), Decimal("10.1230000"), "Truck 2", "5000",
    )  # fmt: skip
    assert site.rows(f"select ap_bill_id, amount, job_id from {table('ap_bill_expense_items')} order by 1") == [
        (1, Decimal("74.6900"), 4),
        (2, Decimal("74.6900"), 4),
    ]


@pytest.mark.parametrize(
    ("changes", "is_edit"),
    [
        ({"syncStatus": "Posted", "postDate": "2026-10-02T00:00:00Z", "batch": {"id": 1, "number": "7"}}, False),
        ({"status": "Reconciled", "dateReconciled": MODIFIED}, False),
        ({"status": "Canceled"}, True),
        ({"billAmount": "100.01"}, True),
        ({"expenseItems": []}, True),
    ],
)
def test_the_office_at_work_on_a_bill_is_no_edit(site: Site, changes: dict[str, Any], is_edit: bool) -> None:
    site.land([bill()], entity="ap_bills")
    site.load("ap_bills")
    site.land([bill(modifiedOn="2026-10-03T00:00:00Z", **changes)], entity="ap_bills", part="2026-10-03")
    assert site.load("ap_bills") == (Loaded(changed=1, files=1) if is_edit else Loaded(unchanged=1, files=1))


def test_a_newer_version_replaces_a_bill_with_its_items_and_an_older_one_does_not(site: Site) -> None:
    site.land([bill(billAmount="7.00", items=[], modifiedOn="2026-10-04T00:00:00Z")], entity="ap_bills")
    site.load("ap_bills")
    site.land([bill()], entity="ap_bills", part="2026-10-03")
    assert site.load("ap_bills") == Loaded(older=1, files=1)
    assert one(site, "bill_amount", "ap_bills") == (Decimal("7.0000"),)
    assert site.rows(f"from {table('ap_bill_items')}") == []


@pytest.mark.parametrize(
    ("entity", "record", "reason"),
    [
        ("ap_bills", bill(billAmount="a lot"), "billAmount: 'a lot' is no decimal number"),
        ("ap_bills", bill(expenseItems=[{"id": "x"}]), "expenseItems.id: 'x' is no whole number"),
        ("materials", {"id": 1, "categories": ["x"]}, "categories: 'x' is no whole number"),
        ("materials", {"id": 1, "categories": 5}, "categories: is no list"),
        (
            "bank_deposits",
            {"id": 1, "transactions": [{"id": 1, "total": "?"}]},
            "transactions.total: '?' is no decimal",
        ),
        ("purchase_orders", {"id": 1, "items": [{"id": 1, "quantity": "few"}]}, "items.quantity: 'few' is no decimal"),
        ("receipts", {"id": 1, "receivedOn": "soon"}, "receivedOn: 'soon' is no time"),
        ("jobs", {"id": 1, "noCharge": "maybe"}, "noCharge: 'maybe' is no true or false"),
    ],
)
def test_a_bad_record_is_set_aside_and_the_others_load(
    site: Site, entity: str, record: dict[str, Any], reason: str
) -> None:
    site.land([record, {"id": 99}], entity=entity)
    assert site.load(entity) == Loaded(new=1, quarantined=1, files=1)
    ((said,),) = site.rows("select reason from staging.quarantine")
    assert said.startswith(reason)


@pytest.mark.parametrize("entity", [*REFERENCES_BY_DAY, *REFERENCES_WHOLE])
def test_of_any_record_only_the_id_is_needed(site: Site, entity: str) -> None:
    site.land([{"id": 99}], entity=entity)
    assert site.load(entity) == Loaded(new=1, files=1)
    ((key,),) = site.rows(f"select source_key from {table(entity)}")
    assert key == f"servicetitan/1001/{entity_of('servicetitan', entity).kind}/99"


def test_orders_and_receipts_with_their_items(site: Site) -> None:
    item = {
        "id": 61,
        "skuId": 7,
        "skuCode": "FAN",
        "quantity": 2.5,
        "quantityReceived": 1,
        "cost": 10.25,
        "total": 25.63,
    }
    order = {"id": 6, "number": "PO-6", "status": "Sent", "vendorId": 8, "jobId": 4, "date": "2026-10-01T00:00:00Z",
             "requiredOn": "2026-10-09T00:00:00Z", "total": 25.63, "sentOn": MODIFIED, "modifiedOn": MODIFIED,
             "shipTo": {"street": "1 Elm", "unit": "2a"}, "items": [item]}  # fmt: skip
    receipt = {"id": 9, "active": True, "syncStatus": "Pending", "purchaseOrderId": 6, "billId": 1, "vendorId": 8,
               "receiptAmount": 10.25, "receivedOn": "2026-10-02T15:00:00Z", "modifiedOn": MODIFIED,
               "items": [{"id": 91, "purchaseOrderItemId": 61, "code": "FAN", "quantity": 1}]}  # fmt: skip
    site.land([order], entity="purchase_orders")
    site.land([receipt], entity="receipts")
    for entity in ("purchase_orders", "receipts"):
        assert site.load(entity) == Loaded(new=1, files=1)
    assert one(site, "number, purchase_order_date, required_date, total, job_id, ship_to_unit", "purchase_orders") == (
        "PO-6", date(2026, 10, 1), date(2026, 10, 9), Decimal("25.6300"), 4, "2a",
    )  # fmt: skip
    assert one(site, "quantity, quantity_received, unit_cost, total", "purchase_order_items") == (
        Decimal("2.5000000"), Decimal("1.0000000"), Decimal("10.2500000"), Decimal("25.6300"),
    )  # fmt: skip
    assert one(site, "ap_bill_id, received_at, first_sync_status", "receipts") == (
        1, datetime(2026, 10, 2, 15, tzinfo=UTC), "Pending",
    )  # fmt: skip
    assert one(site, "purchase_order_item_id, sku_code", "receipt_items") == (61, "FAN")


def deposit(*payments: tuple[int, str], **changes: Any) -> dict[str, Any]:
    """As the client lands it: with the transactions read below it."""
    transactions = [
        {"id": key, "total": total, "typeId": "3", "date": "2026-10-01T00:00:00Z"} for key, total in payments
    ]
    return {
        "id": 5, "name": "Checks", "depositStatus": "Open", "depositDate": "2026-10-02T00:00:00Z", "grossAmount": 30.3,
        "netAmount": 30.3, "fees": None, "active": True, "modifiedOn": MODIFIED, "transactions": transactions,
        "bankAccount": account("1000"),
    } | changes  # fmt: skip


def test_a_deposit_groups_payments_and_forgets_those_taken_out(site: Site) -> None:
    site.land([deposit((1, "10.10"), (2, "20.20"))], entity="bank_deposits")
    site.load("bank_deposits")
    assert one(site, "gross_amount, transaction_count, transaction_total, bank_account_number", "bank_deposits") == (
        Decimal("30.3000"), 2, Decimal("30.3000"), "1000",
    )  # fmt: skip
    # The deposit is not modified by it: what was read later wins.
    site.land([deposit((2, "20.20"), (3, "10.10"))], entity="bank_deposits", part="by_id")
    assert site.load("bank_deposits") == Loaded(changed=1, files=1)
    rows = site.rows(f"select bank_deposit_id, payment_id, total from {table('bank_deposit_transactions')} order by 2")
    assert rows == [(5, 2, Decimal("20.2000")), (5, 3, Decimal("10.1000"))]


def test_the_order_of_a_deposits_transactions_means_nothing(site: Site) -> None:
    site.land([deposit((1, "10.10"), (2, "20.20"))], entity="bank_deposits")
    site.land([deposit((2, "20.20"), (1, "10.10"), reviewStatus="Reviewed")], entity="bank_deposits", part="by_id")
    site.load("bank_deposits")
    site.rebuild()
    site.land([deposit((1, "10.10"), (2, "20.20"))], entity="bank_deposits", part="by_id")
    assert site.load("bank_deposits") == Loaded(unchanged=1, files=1)


def test_the_pricebook(site: Site) -> None:
    vendor = {"id": 71, "vendorId": 8, "vendorName": "Supply", "vendorPart": "V-7", "cost": 9.5, "active": True}
    sku = {"id": 7, "code": "FAN", "price": 19.995, "cost": 10.25, "taxable": None, "modifiedOn": MODIFIED,
           "externalData": [{"key": "erpId", "value": "1000"}]}  # fmt: skip
    site.land([sku | {"categories": [1, 2], "primaryVendor": vendor, "otherVendors": [vendor | {"vendorId": 9}]}],
              entity="materials")  # fmt: skip
    site.land([sku | {"categories": [{"id": 1, "name": "Fans", "active": True}],
                      "serviceMaterials": [{"skuId": 7, "quantity": 2}]}], entity="services")  # fmt: skip
    site.land([sku | {"manufacturer": "Acme", "primaryVendor": None}], entity="equipment")
    for entity in ("materials", "services", "equipment"):
        site.load(entity)
    assert one(site, "code, price, unit_cost, is_taxable, category_ids, primary_vendor_id, primary_vendor_cost,"
               " other_vendor_ids, external_data", "materials") == (
        "FAN", Decimal("19.9950000"), Decimal("10.2500000"), None, [1, 2], 8, Decimal("9.5000000"), [9],
        [{"key": "erpId", "value": "1000"}],
    )  # fmt: skip
    assert one(site, "category_ids, materials", "services") == ([1], [{"skuId": 7, "quantity": Decimal("2.0000000")}])
    assert one(site, "manufacturer, primary_vendor_id, category_ids", "equipment") == ("Acme", None, None)


def test_categories_below_others_are_found_at_any_depth(site: Site) -> None:
    deepest = {"id": 3, "name": "Belts", "active": False, "categoryType": "Materials", "subcategories": None}
    middle = {"id": 2, "name": "Fans", "active": True, "position": 4, "subcategories": [deepest]}
    site.land([{"id": 1, "name": "Air", "subcategories": [middle]}, {"id": 9, "subcategories": []}],
              entity="categories", part="snapshot")  # fmt: skip
    assert site.load("categories") == Loaded(new=2, files=1)
    query = f"select category_id, parent_id, subcategory_id, name, is_active from {table('subcategories')} order by 3"
    assert site.rows(query) == [(1, 1, 2, "Fans", True), (1, 2, 3, "Belts", False)]
    site.land([{"id": 9}], entity="categories", part="snapshot")
    site.load("categories")
    assert site.rows(query) == []
    assert one(site, "category_id", "categories") == (9,)


def test_items_carry_what_a_pricebook_needs(site: Site) -> None:
    item = {"id": "guid-1", "number": "1000", "displayName": "Fan", "type": "Non_x002D_Inventory", "blocked": False,
            "unitPrice": 19.995, "unitCost": 10.25, "priceIncludesTax": False, "itemCategoryCode": "PARTS",
            "baseUnitOfMeasureCode": "PCS", "lastModifiedDateTime": "2026-10-02T10:00:00.123Z"}  # fmt: skip
    site.land([item], entity="items", system="business_central", part="snapshot")
    assert site.load("items", "business_central") == Loaded(new=1, files=1)
    assert site.rows(
        "select type, unit_price, unit_cost, is_price_with_tax, item_category_code, unit_of_measure_code, modified_at"
        " from staging.stg_business_central__items"
    ) == [
        ("Non-Inventory", Decimal("19.9950000"), Decimal("10.2500000"), False, "PARTS", "PCS",
         datetime(2026, 10, 2, 10, 0, 0, 123000, tzinfo=UTC)),
    ]  # fmt: skip
