"""A contractor who buys in S/4HANA: the third firm of the sandbox.

Made of what `generate` makes; in ServiceTitan only vendors and requests become others. `Buying.exceptions` is what must
be found wrong after a first sync; the product never reads it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, rounded
from st_erp_pipelines.sandbox.contractor_orders import (
    BY_INVOICE,
    CENTERS,
    EXPIRED_CENTER,
    FIELD,
    OTHER_PLANT,
    PLANT,
    UNMAPPED_CENTER,
    UNMAPPED_PLANT,
    UNMAPPED_TYPE,
    Orders,
    Sku,
)
from st_erp_pipelines.sandbox.contractor_stock import ORDER_TYPE, WAREHOUSE
from st_erp_pipelines.sandbox.contractor_supplier_invoices import FieldReceipt, Invoices
from st_erp_pipelines.sandbox.contractor_suppliers import Supplier, Suppliers
from st_erp_pipelines.sandbox.firms import HARBOR
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.sandbox.sap_s4hana_contractor import (
    COMPANY_CODE,
    CONTROLLING_AREA,
    OPENED,
    material,
    sap_s4hana_company,
)

MATERIALS = 40  # of those that S/4HANA has, too
UNITS = tuple(unit.id for unit in lists.UNITS[: len(CENTERS)])
UNMAPPED_UNIT = lists.UNMAPPED_UNITS[0].id
TYPES = ((FIELD, ORDER_TYPE, "match_only"), (BY_INVOICE, 8103, "receive"))
LOCATIONS = ((PLANT, WAREHOUSE["id"], UNITS[2]), (OTHER_PLANT, 8202, UNITS[4]))


@dataclass(frozen=True)
class Buying:
    """`contractor` has what ServiceTitan has; `sap_s4hana` is a seed of sap_s4hana_seed.py. `receipts`: what the field
    does after a first sync, with what is wrong `later` by that. `open_requisitions` become orders then, item by item of
    one supplier."""

    contractor: Contractor
    sap_s4hana: Wire
    exceptions: list[PlantedException]
    receipts: list[FieldReceipt]
    open_requisitions: list[str]
    later: list[PlantedException]


def buying(contractor: Contractor, *, seed: int = 7, scale: float = 1.0, prefix: str = HARBOR.key_prefix) -> Buying:
    """Deterministic for its arguments; `scale` multiplies orders, never what is planted."""
    tenant = copy.deepcopy(contractor.servicetitan)
    days = (contractor.today - contractor.start_date).days + 1
    office = Office(seed=seed, today=contractor.today, days=days, history_days=730, zone="America/Chicago").aside(
        "buying"
    )
    suppliers = Suppliers(office, prefix)
    suppliers.pair(tenant["vendors"])
    _rename_on_bills(tenant)
    stocked, unusable = _materials(tenant["materials"])
    skus = [Sku(row["code"], material(row)["text"], _cost(row)) for row in stocked]
    orders = Orders(office, prefix, suppliers, skus, tenant["jobs"], unusable["code"])
    orders.buy(round(400 * scale) + 10, round(6 * days * scale) + 40)
    invoices = Invoices(office, prefix, orders, _template(tenant["ap_bills"]), _ids_after(tenant["ap_bills"]))
    invoices.bill()
    tenant["ap_bills"] = sorted([*tenant["ap_bills"], *invoices.bills], key=lambda row: int(row["id"]))
    unmapped = _requests(office, prefix, tenant, suppliers.linked)
    expired = PlantedException(
        "blocked:invalid_cost_center",
        f"ST-{prefix}-CC-{lists.UNITS[5].id}",
        Decimal(0),
        f"{EXPIRED_CENTER} has expired",
    )
    exceptions = [*suppliers.exceptions, expired, *orders.exceptions, unmapped, *invoices.exceptions]
    seeds = {
        "A_BusinessPartner": suppliers.rows,
        "A_PurchaseOrder": orders.rows,
        "A_PurchaseRequisitionHeader": orders.requisitions,
        "A_SupplierInvoice": invoices.rows,
        "A_CostCenter": _cost_centers(contractor.today),
    }
    return Buying(
        replace(contractor, servicetitan=tenant, exceptions=exceptions),
        _company(tenant, unusable) | seeds,
        exceptions,
        invoices.receipts,
        [row["PurchaseRequisition"] for row in orders.requisitions[:3]],
        invoices.later,
    )


def _company(tenant: Mapping[str, Sequence[Wire]], unusable: Wire) -> Wire:
    made = sap_s4hana_company(tenant)
    plant = {"company_code": COMPANY_CODE, "storage_locations": ["171A"]}
    return made | {
        "time_zone": "America/Chicago",
        "order_types": [FIELD, BY_INVOICE, UNMAPPED_TYPE],
        "plants": dict.fromkeys((PLANT, OTHER_PLANT, UNMAPPED_PLANT), plant),
        "materials": made["materials"] | {unusable["code"]: material(unusable)},
    }


def _cost_centers(today: date) -> list[Wire]:
    """One was moved to another manager, and so has two rows; one expired; one is blocked; one nobody mapped."""
    moved = today - timedelta(days=120)
    closed = today - timedelta(days=200)
    spans: list[tuple[str, str, Wire]] = [
        *((center, lists.UNITS[at].name, {}) for at, center in enumerate(CENTERS)),
        (CENTERS[2], "Plumbing & Gas", {"ValidityStartDate": moved}),
        (EXPIRED_CENTER, lists.UNITS[5].name, {"ValidityEndDate": closed}),
        ("17101080", "Old yard", {"IsBlkdForPrimaryCostsPosting": "X"}),
        (UNMAPPED_CENTER, "Marine", {}),
    ]
    spans[2][2]["ValidityEndDate"] = moved - timedelta(days=1)
    return [
        {
            "ControllingArea": CONTROLLING_AREA,
            "CostCenter": center,
            "CompanyCode": COMPANY_CODE,
            "ValidityStartDate": OPENED,
            "to_Text": [{"Language": "EN", "CostCenterName": name[:20]}],
        }
        | more
        for center, name, more in spans
    ]


def _materials(rows: Sequence[Wire]) -> tuple[list[Wire], Wire]:
    """Those that S/4HANA has, by a code that is one SKU's alone; and one that is inactive here."""
    codes = [row["code"] for row in rows]
    single = [row for row in rows if codes.count(row["code"]) == 1 and len(row["code"]) <= 40]
    active = [row for row in single if row["active"] and _cost(row) > 0]
    return active[:MATERIALS], next(row for row in single if not row["active"])


def _cost(row: Wire) -> Decimal:
    return rounded(Decimal(str(row["primaryVendor"]["cost"])))


def _rename_on_bills(tenant: Mapping[str, Sequence[Wire]]) -> None:
    names = {row["id"]: row["name"] for row in tenant["vendors"]}
    for bill in tenant["ap_bills"]:
        bill["vendor"] = bill["vendor"] and bill["vendor"] | {"name": names[bill["vendor"]["id"]]}


def _template(bills: Sequence[Wire]) -> Wire:
    return next(row for row in bills if row["billType"] == "ApBill" and row["status"] != "Canceled")


def _ids_after(rows: Sequence[Wire]) -> Iterator[int]:
    return count(max(row["id"] for row in rows) + 1)


def _requests(
    office: Office, prefix: str, tenant: Mapping[str, Sequence[Wire]], linked: Sequence[Supplier]
) -> PlantedException:
    """What was asked for, and the orders that ServiceTitan made of it, go to suppliers of S/4HANA. One comes from a
    business unit that nobody mapped."""
    approved = [row for row in tenant["purchase_order_requests"] if row["requestStatus"] == "Approved"]
    for request in tenant["purchase_order_requests"]:
        vendor = office.rng.choice(linked).vendor
        assert vendor
        unit = UNMAPPED_UNIT if request is approved[-1] else office.rng.choice(UNITS)
        request |= {"vendorId": vendor["id"], "businessUnitId": unit}
        if request["requestStatus"] == "Approved":
            _as_asked(tenant, request, vendor)
    lines = ((Decimal(str(item["cost"])), Decimal(str(item["quantity"]))) for item in approved[-1]["items"])
    amount = sum((rounded(cost * quantity) for cost, quantity in lines), Decimal())
    note = f"nobody mapped business unit {UNMAPPED_UNIT}"
    return PlantedException("blocked:unmapped_business_unit", f"{prefix}R{approved[-1]['id']}", amount, note)


def _as_asked(tenant: Mapping[str, Sequence[Wire]], request: Wire, vendor: Wire) -> None:
    said = {name: request[name] for name in ("vendorId", "businessUnitId")}
    for order in (row for row in tenant["purchase_orders"] if row["number"] == request["requestNumber"]):
        order |= said
        for receipt in (row for row in tenant["receipts"] if row["purchaseOrderId"] == order["id"]):
            receipt |= said
        for bill in (row for row in tenant["ap_bills"] if row["purchaseOrderId"] == order["id"]):
            bill["vendor"] = {"id": vendor["id"], "name": vendor["name"]}


def mapping_tables_of_s4hana(contractor: Contractor) -> dict[str, list[dict[str, str]]]:
    """What the buyer wrote, holes included."""
    stocked, unusable = _materials(contractor.servicetitan["materials"])
    centers = [*zip(CENTERS, UNITS, strict=True), (EXPIRED_CENTER, lists.UNITS[5].id)]
    return {
        "order_types": _table(("order_type", "type_id", "invoices"), TYPES),
        "plants": _table(
            ("plant", "storage_location", "inventory_location_id", "business_unit_id"),
            [(plant, "171A", location, unit) for plant, location, unit in LOCATIONS],
        ),
        "cost_centers": _table(
            ("cost_center", "business_unit_id", "valid_from", "valid_to"),
            [(center, unit, "", "") for center, unit in centers],
        ),
        "materials": _table(
            ("material", "sku_id", "unit"), [(row["code"], row["id"], "EA") for row in (*stocked, unusable)]
        ),
    }


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, str]]:
    return [dict(zip(columns, map(str, row), strict=True)) for row in rows]
