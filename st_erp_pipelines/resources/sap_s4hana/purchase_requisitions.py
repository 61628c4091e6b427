"""Purchase requisitions that are made of requests: purchasing over there makes orders of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.sap_s4hana.created import Kind, amount
from st_erp_pipelines.resources.sap_s4hana.entities import Entity
from st_erp_pipelines.resources.sap_s4hana.purchase_orders import TEXT
from st_erp_pipelines.resources.sap_s4hana.replies import REQUISITIONS
from st_erp_pipelines.resources.sap_s4hana.wire import Row, bare, dated, given
from st_erp_pipelines.target import Finding, Found

KEY = "PurReqnExternalReference"  # of each item: a header has none


def _judged(rows: Sequence[Row]) -> Finding:
    """A requisition has no date of its own; the supplier is the one that was asked for, whoever delivers."""
    standing = [row for row in rows if not row["IsDeleted"]]
    number = bare(rows[0]["PurchaseRequisition"])
    here: dict[str, Any] = dict(remote_id=number, number=number)
    if not standing:
        return Finding(Found.DEAD, detail=f"purchase requisition {number} was deleted", **here)
    amounts = (
        amount(row["PurchaseRequisitionPrice"], row["PurReqnPriceQuantity"], row["RequestedQuantity"])
        for row in standing
    )
    currency, party = standing[0]["PurReqnItemCurrency"], bare(standing[0]["Supplier"])
    return Finding(Found.COMPLETE, total=sum(amounts, Decimal(0)), currency=currency, party=party, **here)


def _body(payload: Mapping[str, Any]) -> Row:
    request = payload.get("request_number") or payload["key"]
    return given(
        {
            "PurchaseRequisitionType": payload["order_type"],
            "PurReqnDescription": trimmed(f"ServiceTitan request {request}", TEXT),
            "to_PurchaseReqnItem": [_item(payload, each) for each in payload["items"]],
        }
    )


def _item(payload: Mapping[str, Any], item: Mapping[str, Any]) -> Row:
    assigned = given({"CostCenter": item.get("cost_center"), "GLAccount": item.get("gl_account")})
    return given(
        {
            "PurchaseRequisitionItem": item["line"],
            "PurchaseRequisitionItemText": trimmed(item.get("text") or "", TEXT),
            "Material": item.get("material"),
            "MaterialGroup": item.get("material_group"),
            "Plant": item.get("plant"),
            "StorageLocation": item.get("storage_location"),
            "CompanyCode": payload["company_code"],
            "PurchasingOrganization": payload["purchasing_organization"],
            "PurchasingGroup": payload.get("purchasing_group"),
            "Supplier": payload["supplier"],
            "RequestedQuantity": item["quantity"],
            "BaseUnit": item.get("unit"),
            "PurchaseRequisitionPrice": item["price"],
            "PurReqnPriceQuantity": item.get("price_quantity"),
            "PurReqnItemCurrency": payload.get("currency"),
            "DeliveryDate": dated(item["delivery_date"]) if item.get("delivery_date") else None,
            "TaxCode": item.get("tax_code"),
            "AccountAssignmentCategory": item.get("account_assignment_category"),
            KEY: payload["key"],
            "PurReqnItemExternalReference": item["line"],
            "PurReqnExternalSystemId": payload.get("external_system"),
            "to_PurchaseReqnAcctAssgmt": [{"PurchaseReqnAcctAssgmtNumber": "1"} | assigned] if assigned else [],
        }
    )


REQUISITION = Kind(
    label="a purchase requisition",
    entity=Entity(
        REQUISITIONS,
        "A_PurchaseRequisitionItem",
        ("PurchaseRequisition", "PurchaseRequisitionItem"),
        select=(
            *("PurchaseRequisition", "PurchaseRequisitionItem", KEY, "IsDeleted", "PurchaseRequisitionPrice"),
            *("PurReqnPriceQuantity", "RequestedQuantity", "PurReqnItemCurrency", "Supplier"),
        ),
    ),
    field=KEY,
    key_length=35,
    path="A_PurchaseRequisitionHeader",
    number="PurchaseRequisition",
    judge=_judged,
    body=_body,
)
