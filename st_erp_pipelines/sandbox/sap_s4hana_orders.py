"""Purchase orders: created deep, changed item by item, deleted by a mark that stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from st_erp_pipelines.sandbox import sap_s4hana_rules as rules
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, completed, holds
from st_erp_pipelines.sandbox.sap_s4hana_refusals import rule

ORDERS = "A_PurchaseOrder"
FIRST_NUMBER = 4_500_100_000
ACTIVE, IN_RELEASE = "02", "03"
DELETED = "L"
ONE = Decimal(1)


def create(company: Company, sent: Row) -> Row:
    """From what a client, or a person, fills in."""
    rules.enter(sent.get("PurchaseOrderType"), "Purchasing document type")
    rules.check_known(sent["PurchaseOrderType"], company.setup["order_types"], "Document type")
    head = [sent.get(name, "") for name in ("CompanyCode", "PurchasingOrganization", "PurchasingGroup")]
    rules.check_head(company, *head)
    rules.enter(sent.get("Supplier"), "Supplier")
    terms = rules.check_supplier(company, sent["Supplier"], sent["PurchasingOrganization"])
    number = sent.get("PurchaseOrder") or company.draw(ORDERS, FIRST_NUMBER)
    if company.record(ORDERS, number):
        raise rule("06/304", f"Purchase order {number} already exists")
    in_release = company.setup["orders_need_release"]
    row = sent | {
        "PurchaseOrder": number,
        "PurchasingProcessingStatus": IN_RELEASE if in_release else ACTIVE,
        "ReleaseIsNotCompleted": in_release,
        "CreationDate": company.today(),
        "PurchaseOrderDate": sent.get("PurchaseOrderDate") or company.today(),
        "DocumentCurrency": sent.get("DocumentCurrency") or terms["PurchaseOrderCurrency"],
        "PaymentTerms": sent.get("PaymentTerms") or terms["PaymentTerms"],
        "LastChangeDateTime": company.now(),
    }
    order = filled(company, completed(ORDERS, row))
    check(company, order, order["to_PurchaseOrderItem"])
    return company.put(ORDERS, order)


def filled(company: Company, order: Row) -> Row:
    """What nobody types. Works on the row it is given."""
    created = order["CreationDate"] or order["PurchaseOrderDate"] or company.today()
    order["CreationDate"] = created
    order["PurchaseOrderDate"] = order["PurchaseOrderDate"] or created
    order["LastChangeDateTime"] = order["LastChangeDateTime"] or morning(created)
    order["PurchasingProcessingStatus"] = order["PurchasingProcessingStatus"] or ACTIVE
    order["InvoicingParty"] = order["InvoicingParty"] or order["Supplier"]
    for item in order["to_PurchaseOrderItem"]:
        _fill_item(company, order, item)
    return order


def morning(day: date) -> datetime:
    """Never in the future."""
    return min(datetime.combine(day, time(9), UTC), datetime.now(UTC))


def _fill_item(company: Company, order: Row, item: Row) -> None:
    known = rules.material_defaults(company, item["Material"])
    item["DocumentCurrency"] = order["DocumentCurrency"]
    for name, value in (
        ("PurchaseOrderItemText", known.get("text", "")),
        ("MaterialGroup", known.get("group", "")),
        ("PurchaseOrderQuantityUnit", known.get("unit", "")),
        ("NetPriceQuantity", ONE),
        ("OrderPriceUnitToOrderUnitNmrtr", ONE),
        ("OrdPriceUnitToOrderUnitDnmntr", ONE),
    ):
        item[name] = item[name] or value
    item["OrderPriceUnit"] = item["OrderPriceUnit"] or item["PurchaseOrderQuantityUnit"]
    unit = {"PurchaseOrderQuantityUnit": item["PurchaseOrderQuantityUnit"]}
    if not item["to_ScheduleLine"]:
        line = {"PurchasingDocument": item["PurchaseOrder"], "PurchasingDocumentItem": item["PurchaseOrderItem"]}
        item["to_ScheduleLine"] = [completed("A_PurchaseOrderScheduleLine", line | {"ScheduleLine": "1"})]
    for line in item["to_ScheduleLine"]:
        line |= unit | {"ScheduleLineOrderQuantity": line["ScheduleLineOrderQuantity"] or item["OrderQuantity"]}
        line["ScheduleLineDeliveryDate"] = line["ScheduleLineDeliveryDate"] or order["PurchaseOrderDate"]
    for row in item["to_AccountAssignment"]:
        row |= unit | {
            "DocumentCurrency": order["DocumentCurrency"],
            "Quantity": row["Quantity"] or item["OrderQuantity"],
        }


def check(company: Company, order: Row, changed: list[Row]) -> None:
    """The document as it would be saved, and these of its items save those that are deleted."""
    numbers = [item["PurchaseOrderItem"] for item in order["to_PurchaseOrderItem"]]
    if not numbers:
        raise rule("06/019", "The document contains no items")
    if len(set(numbers)) < len(numbers):
        raise rule("06/075", "An item number was used twice")
    rules.enter(order["DocumentCurrency"], "Currency")
    for item in changed:
        if item["PurchasingDocumentDeletionCode"] != DELETED:
            if not item["NetPriceAmount"] and not item["PurchasingItemIsFreeOfCharge"]:
                raise rule("06/217", f"Item {item['PurchaseOrderItem']}: Net price must be greater than 0")
            rules.check_line(company, _line(order, item))


def _line(order: Row, item: Row) -> rules.Line:
    return rules.Line(
        number=item["PurchaseOrderItem"],
        text=item["PurchaseOrderItemText"],
        material=item["Material"],
        group=item["MaterialGroup"],
        plant=item["Plant"],
        storage_location=item["StorageLocation"],
        quantity=item["OrderQuantity"],
        unit=item["PurchaseOrderQuantityUnit"],
        price=item["NetPriceAmount"],
        price_quantity=item["NetPriceQuantity"],
        currency=order["DocumentCurrency"],
        tax_code=item["TaxCode"],
        category=item["AccountAssignmentCategory"],
        assignments=item["to_AccountAssignment"],
        company_code=order["CompanyCode"],
        day=order["PurchaseOrderDate"],
    )


def change(company: Company, order: Row, row: Row, values: Row) -> None:
    """Works on the order, of which `row` is a part, or the whole. A quantity is passed on to the one schedule line and
    the one account assignment, where there is one."""
    row |= values
    if "OrderQuantity" in values:
        for part, member in (("to_ScheduleLine", "ScheduleLineOrderQuantity"), ("to_AccountAssignment", "Quantity")):
            if len(row[part]) == 1:
                row[part][0][member] = row["OrderQuantity"]
    filled(company, order)
    check(company, order, [item for item in order["to_PurchaseOrderItem"] if holds(item, row)])


def delete(items: list[Row]) -> None:
    """Works on the items; the head of an order says nothing of it, even when all are deleted."""
    for item in items:
        item["PurchasingDocumentDeletionCode"] = DELETED
