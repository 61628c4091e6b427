"""The kinds of purchase orders, where goods lie, and what the field asked to be bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight

ORDER_TYPE = 8101
RECEIVED_AT_ONCE = 8102
WAREHOUSE: Wire = {"id": 8201, "name": "Main warehouse", "type": "Warehouse"}
ADDRESS = {"unit": "", "city": "Chicago", "state": "IL", "zip": "60612", "country": "USA"}


def order_types(office: Office) -> list[Wire]:
    """The standard one, one that is received when it is made, one for trucks, and one that nobody uses any more."""
    named = ((ORDER_TYPE, "Standard"), (RECEIVED_AT_ONCE, "Counter pick-up"), (8103, "Truck stock"), (8104, "Blanket"))
    return [_order_type(office, key, name) for key, name in named]


def _order_type(office: Office, key: int, name: str) -> Wire:
    made = office.stamp(office.oldest)
    return {
        "id": key,
        "name": name,
        "active": name != "Blanket",
        "automaticallyReceive": key == RECEIVED_AT_ONCE,
        "displayToTechnician": key != ORDER_TYPE,
        "impactToTechnicianPayroll": False,
        "allowTechniciansToSendPo": key == RECEIVED_AT_ONCE,
        "defaultRequiredDateDaysOffset": 5,
        "skipWeekends": True,
        "excludeTaxFromJobCosting": False,
        "landedCostMethod": "None",
        "includeTaxInFullyLandedCost": False,
        "createdOn": made,
        "modifiedOn": made,
    }


def warehouses(office: Office) -> list[Wire]:
    """The last one was given up."""
    main = (WAREHOUSE["id"], WAREHOUSE["name"], "1501 W Fulton St")
    places = (main, (8202, "North yard", "40 Skokie Blvd"), (8203, "Old depot", "9 Canal St"))
    return [
        {**_place(office, key, name), "active": key != 8203, "address": {"street": street, **ADDRESS}}
        for key, name, street in places
    ]


def trucks(office: Office) -> list[Wire]:
    """The last one was sold."""
    return [
        {
            **_place(office, 8300 + at, f"Truck {at}"),
            "active": at != 4,
            "memo": "",
            "warehouseId": WAREHOUSE["id"],
            "technicianIds": [900_002 + at],
        }
        for at in range(1, 5)
    ]


def _place(office: Office, key: int, name: str) -> Wire:
    made = office.stamp(office.oldest)
    times = {"createdOn": made, "modifiedOn": made}
    return {"id": key, "name": name, "inventoryTemplateId": None, **times, "externalData": []}


def purchase_requests(office: Office, orders: Sequence[Wire], count: int) -> list[Wire]:
    """What was approved is an order of the same number; the rest asks for what orders of other days bought."""
    recent = [row for row in orders if row["date"] >= midnight(office.start) and row["status"] != "Canceled"]
    chosen = office.rng.sample(recent, min(count, len(recent)))
    return [_request(office, order, at % 4) for at, order in enumerate(chosen)]


def _request(office: Office, order: Wire, kind: int) -> Wire:
    """Of four one was approved, one rejected."""
    key = office.next_id("request")
    status = ("Approved", "PendingApproval", "Rejected", "PendingApproval")[kind]
    made = order["createdOn"] if kind == 0 else office.stamp(office.day_between(office.start, office.today), 7, 16)
    day = date.fromisoformat(made[:10])
    of_order = (
        *("invoiceId", "jobId", "projectId", "typeId", "vendorId", "technicianId", "shipTo", "businessUnitId"),
        *("inventoryLocationId", "batchId", "vendorDocumentNumber", "total", "tax", "shipping", "summary"),
    )
    return {
        "id": key,
        "requestNumber": order["number"] if kind == 0 else str(key),
        "requestStatus": status,
        **{name: order[name] for name in of_order},
        "date": midnight(day),
        "requiredOn": midnight(day + timedelta(days=5)),
        "createdOn": made,
        "modifiedOn": made,
        "items": [_item(office, item, made) for item in order["items"]],
        "customFields": office.rng.choice([None, []]),
    }


def _item(office: Office, item: Wire, made: str) -> Wire:
    own = {"id": office.next_id("item"), "quantityReceived": 0.0, "status": "Pending"}
    return item | own | {"createdOn": made, "modifiedOn": made}
