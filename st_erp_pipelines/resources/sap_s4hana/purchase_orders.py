"""Purchase orders that are made of requests: our key is what S/4HANA calls the supplier's reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.sap_s4hana.created import Kind, amount
from st_erp_pipelines.resources.sap_s4hana.entities import Entity
from st_erp_pipelines.resources.sap_s4hana.replies import ORDERS
from st_erp_pipelines.resources.sap_s4hana.wire import Row, bare, dated, day, given
from st_erp_pipelines.target import Finding, Found, Wanted

KEY = "CorrespncExternalReference"
TEXT = 40  # characters of a line
DELETED = "L"  # S is blocked, and may be freed
ITEM = ("PurchasingDocumentDeletionCode", "NetPriceAmount", "NetPriceQuantity", "OrderQuantity")


def _judged(rows: Sequence[Row]) -> Finding:
    (row,) = rows
    order, items = bare(row["PurchaseOrder"]), row["to_PurchaseOrderItem"]
    here: dict[str, Any] = dict(remote_id=order, number=order, etag=row.get("etag"))
    if _is_deleted(row) or (items and all(map(_is_deleted, items))):
        return Finding(Found.DEAD, detail=f"purchase order {order} was deleted", **here)
    return Finding(
        Found.COMPLETE,
        total=_total(items),
        on=day(row["PurchaseOrderDate"]),
        currency=row["DocumentCurrency"],
        party=bare(row["Supplier"]),
        **here,
    )


def _is_deleted(row: Row) -> bool:
    return bool(row["PurchasingDocumentDeletionCode"] == DELETED)


def _total(items: Sequence[Row]) -> Decimal:
    amounts = (
        amount(each["NetPriceAmount"], each["NetPriceQuantity"], each["OrderQuantity"])
        for each in items
        if not _is_deleted(each)
    )
    return sum(amounts, Decimal(0))


def _warning(made: Row, wanted: Wanted) -> str:
    """Conditions of the supplier may change prices; a reply need not have the items."""
    items = made.get("to_PurchaseOrderItem") or []
    if not items or not all(name in each for each in items for name in ITEM) or _total(items) == wanted.total:
        return ""
    return f"S/4HANA made it {_total(items)} instead of {wanted.total}: look at its prices there."


def _body(payload: Mapping[str, Any]) -> Row:
    return given(
        {
            "PurchaseOrderType": payload["order_type"],
            "CompanyCode": payload["company_code"],
            "PurchasingOrganization": payload["purchasing_organization"],
            "PurchasingGroup": payload.get("purchasing_group"),
            "Supplier": payload["supplier"],
            "PurchaseOrderDate": dated(payload["date"]),
            "DocumentCurrency": payload.get("currency"),
            "Language": payload.get("language"),
            KEY: payload["key"],
            "to_PurchaseOrderItem": [_item(each) for each in payload["items"]],
        }
    )


def _item(item: Mapping[str, Any]) -> Row:
    assigned = given({"CostCenter": item.get("cost_center"), "GLAccount": item.get("gl_account")})
    delivery = item.get("delivery_date")
    return given(
        {
            "PurchaseOrderItem": item["line"],
            "PurchaseOrderItemText": trimmed(item.get("text") or "", TEXT),
            "Material": item.get("material"),
            "MaterialGroup": item.get("material_group"),
            "Plant": item.get("plant"),
            "StorageLocation": item.get("storage_location"),
            "OrderQuantity": item["quantity"],
            "PurchaseOrderQuantityUnit": item.get("unit"),
            "NetPriceAmount": item["price"],
            "NetPriceQuantity": item.get("price_quantity"),
            "TaxCode": item.get("tax_code"),
            "AccountAssignmentCategory": item.get("account_assignment_category"),
            "to_AccountAssignment": [{"AccountAssignmentNumber": "1"} | assigned] if assigned else [],
            "to_ScheduleLine": [{"ScheduleLine": "1", "ScheduleLineDeliveryDate": dated(delivery)}] if delivery else [],
        }
    )


ORDER = Kind(
    label="a purchase order",
    entity=Entity(
        ORDERS,
        "A_PurchaseOrder",
        ("PurchaseOrder",),
        ("to_PurchaseOrderItem",),
        (
            *("PurchaseOrder", KEY, "PurchasingDocumentDeletionCode", "PurchaseOrderDate", "DocumentCurrency"),
            *("Supplier", *(f"to_PurchaseOrderItem/{name}" for name in ITEM)),
        ),
    ),
    field=KEY,
    key_length=12,
    path="A_PurchaseOrder",
    number="PurchaseOrder",
    judge=_judged,
    body=_body,
    warn=_warning,
)
