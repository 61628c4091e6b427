"""Purchase requisitions: created deep or only checked, and turned into orders by a person."""

from __future__ import annotations

from st_erp_pipelines.sandbox import sap_s4hana_orders as orders
from st_erp_pipelines.sandbox import sap_s4hana_rules as rules
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, completed, holds
from st_erp_pipelines.sandbox.sap_s4hana_refusals import rule

REQUISITIONS = "A_PurchaseRequisitionHeader"
FIRST_NUMBER = 10_100_000
ORDERED = "B"  # ProcessingStatus of what became an order


def create(company: Company, sent: Row) -> Row:
    """With PurReqnDoOnlyValidation nothing is kept, and no number drawn."""
    rules.enter(sent.get("PurchaseRequisitionType"), "Document type")
    rules.check_known(sent["PurchaseRequisitionType"], company.setup["requisition_types"], "Document type")
    only_checked = sent.get("PurReqnDoOnlyValidation", False)
    number = sent.get("PurchaseRequisition") or ("" if only_checked else company.draw(REQUISITIONS, FIRST_NUMBER))
    if company.record(REQUISITIONS, number):
        raise rule("06/304", f"Purchase requisition {number} already exists")
    in_release = company.setup["requisitions_need_release"]
    status = orders.IN_RELEASE if in_release else orders.ACTIVE
    items = [
        item
        | {
            "CreationDate": company.today(),
            "LastChangeDateTime": company.now(),
            "PurReqnReleaseStatus": status,
            "ReleaseIsNotCompleted": in_release,
        }
        for item in sent.get("to_PurchaseReqnItem", [])
    ]
    row = filled(company, completed(REQUISITIONS, sent | {"PurchaseRequisition": number, "to_PurchaseReqnItem": items}))
    check(company, row, row["to_PurchaseReqnItem"])
    return row if only_checked else company.put(REQUISITIONS, row)


def filled(company: Company, requisition: Row) -> Row:
    """What nobody types. Works on the row it is given."""
    for item in requisition["to_PurchaseReqnItem"]:
        created = item["CreationDate"] or company.today()
        item |= {"CreationDate": created, "PurReqCreationDate": item["PurReqCreationDate"] or created}
        item["PurchaseRequisitionType"] = requisition["PurchaseRequisitionType"]
        known = rules.material_defaults(company, item["Material"])
        codes = company.setup["company_codes"].get(item["CompanyCode"], {})
        for name, value in (
            ("LastChangeDateTime", orders.morning(created)),
            ("PurReqnReleaseStatus", orders.ACTIVE),
            ("ProcessingStatus", "N"),
            ("PurchaseRequisitionItemText", known.get("text", "")),
            ("MaterialGroup", known.get("group", "")),
            ("BaseUnit", known.get("unit", "")),
            ("PurReqnPriceQuantity", orders.ONE),
            ("PurReqnItemCurrency", codes.get("currency", "")),
        ):
            item[name] = item[name] or value
        item["SourceOfSupplyIsAssigned"] = bool(item["FixedSupplier"])
        item["ItemNetAmount"] = (
            item["RequestedQuantity"] * item["PurchaseRequisitionPrice"] / item["PurReqnPriceQuantity"]
        )
        for row in item["to_PurchaseReqnAcctAssgmt"]:
            row |= {"BaseUnit": item["BaseUnit"], "Quantity": row["Quantity"] or item["RequestedQuantity"]}
    return requisition


def change(company: Company, requisition: Row, row: Row, values: Row) -> None:
    """Works on the requisition, of which `row` is a part, or the whole."""
    row |= values
    filled(company, requisition)
    check(company, requisition, [item for item in requisition["to_PurchaseReqnItem"] if holds(item, row)])


def check(company: Company, requisition: Row, changed: list[Row]) -> None:
    numbers = [item["PurchaseRequisitionItem"] for item in requisition["to_PurchaseReqnItem"]]
    if not numbers:
        raise rule("06/019", "The document contains no items")
    if len(set(numbers)) < len(numbers):
        raise rule("06/075", "An item number was used twice")
    for item in changed:
        if not item["IsDeleted"]:
            _check_item(company, item)


def _check_item(company: Company, item: Row) -> None:
    rules.check_head(company, item["CompanyCode"], item["PurchasingOrganization"], item["PurchasingGroup"])
    for supplier in {item["Supplier"], item["FixedSupplier"]} - {""}:
        rules.check_supplier(company, supplier, item["PurchasingOrganization"])
    rules.enter(item["DeliveryDate"], "Delivery Date")
    rules.check_line(company, _line(company, item))


def _line(company: Company, item: Row) -> rules.Line:
    return rules.Line(
        number=item["PurchaseRequisitionItem"],
        text=item["PurchaseRequisitionItemText"],
        material=item["Material"],
        group=item["MaterialGroup"],
        plant=item["Plant"],
        storage_location=item["StorageLocation"],
        quantity=item["RequestedQuantity"],
        unit=item["BaseUnit"],
        price=item["PurchaseRequisitionPrice"],
        price_quantity=item["PurReqnPriceQuantity"],
        currency=item["PurReqnItemCurrency"],
        tax_code=item["TaxCode"],
        category=item["AccountAssignmentCategory"],
        assignments=item["to_PurchaseReqnAcctAssgmt"],
        company_code=item["CompanyCode"],
        day=company.today(),
    )


def order_of(company: Company, requisition: Row, items: list[Row], head: Row, changes: Row) -> Row:
    """What a buyer makes of items: an order, to which they then refer. Works on the requisition; `head` and `changes`
    (of each item) are what the buyer does otherwise."""
    if not items:
        raise rule("06/019", "There is nothing left to be ordered")
    first = items[0]
    sent = {
        "PurchaseOrderType": "NB",
        "CompanyCode": first["CompanyCode"],
        "PurchasingOrganization": first["PurchasingOrganization"],
        "PurchasingGroup": first["PurchasingGroup"],
        "Supplier": first["FixedSupplier"] or first["Supplier"],
        "DocumentCurrency": first["PurReqnItemCurrency"],
    }
    order = orders.create(company, sent | head | {"to_PurchaseOrderItem": [_ordered(item) | changes for item in items]})
    for item, made in zip(items, order["to_PurchaseOrderItem"], strict=True):
        item |= {"PurchasingDocument": order["PurchaseOrder"], "PurchasingDocumentItem": made["PurchaseOrderItem"]}
        item |= {"ProcessingStatus": ORDERED, "OrderedQuantity": made["OrderQuantity"]}
        item["LastChangeDateTime"] = company.now()
    company.put(REQUISITIONS, requisition)
    return order


def _ordered(item: Row) -> Row:
    assignments = [
        {name: row[name] for name in ("GLAccount", "CostCenter", "Quantity", "OrderID", "WBSElement")}
        for row in item["to_PurchaseReqnAcctAssgmt"]
    ]
    line = {"ScheduleLineDeliveryDate": item["DeliveryDate"], "ScheduleLineOrderQuantity": item["RequestedQuantity"]}
    return {
        "PurchaseRequisition": item["PurchaseRequisition"],
        "PurchaseRequisitionItem": item["PurchaseRequisitionItem"],
        "PurchaseOrderItemText": item["PurchaseRequisitionItemText"],
        "Material": item["Material"],
        "MaterialGroup": item["MaterialGroup"],
        "Plant": item["Plant"],
        "StorageLocation": item["StorageLocation"],
        "OrderQuantity": item["RequestedQuantity"],
        "PurchaseOrderQuantityUnit": item["BaseUnit"],
        "NetPriceAmount": item["PurchaseRequisitionPrice"],
        "NetPriceQuantity": item["PurReqnPriceQuantity"],
        "TaxCode": item["TaxCode"],
        "AccountAssignmentCategory": item["AccountAssignmentCategory"],
        "to_AccountAssignment": assignments,
        "to_ScheduleLine": [line],
    }
