"""A tenant that purchasing is written to: the sandbox over a real socket, and what people do there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources.http import Api
from st_erp_pipelines.resources.servicetitan import ServiceTitan, connect
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan_skus import MATERIAL
from st_erp_pipelines.settings import Secret
from st_erp_pipelines.settings import ServiceTitan as Settings
from st_erp_pipelines.target import Finding, Target, Timing, Wanted
from tests.resources.test_servicetitan_pricebook import LeapingClock
from tests.resources.wire import AnyPace
from tests.sandbox.servicetitan_client import at, logged_in, tenant

OURS = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"
PLACE = "servicetitan|here|7"
TIMING = Timing(timedelta(minutes=5))
TIMES = {"createdOn": at(1), "modifiedOn": at(1)}
ADDRESS = {"street": "5 Elm St", "unit": "", "city": "Austin", "state": "TX", "zip": "78701", "country": "USA"}
VENDOR, TYPE, UNIT, PLACE_OF_STOCK, PIPE, VALVE, FILTER = 1, 11, 21, 31, 41, 42, 43
BOOKS: dict[str, list[dict[str, Any]]] = {
    "vendors": [{"id": each, "name": f"Vendor {each}", "active": True, "address": ADDRESS, **TIMES} for each in (1, 2)],
    "business_units": [{"id": each, "name": f"Unit {each}", "active": True, **TIMES} for each in (21, 22)],
    "purchase_order_types": [
        {"id": TYPE, "name": "Stock", "active": True, "automaticallyReceive": False, **TIMES},
    ],
    "warehouses": [{"id": 31, "name": "Main", "active": True, "address": ADDRESS, **TIMES}],
    "trucks": [{"id": 32, "name": "Truck 2", "active": True, "memo": "", "warehouseId": 31, **TIMES}],
    "materials": [
        MATERIAL | {"id": number, "code": code, "displayName": code, "description": code, **TIMES}
        for number, code in ((PIPE, "PIPE"), (VALVE, "VALVE"), (FILTER, "20 x 25 filter"))
    ],
    "purchase_orders": [
        {
            "id": 5,
            "number": "5",
            "status": "Pending",
            "vendorId": VENDOR,
            "typeId": TYPE,
            "businessUnitId": UNIT,
            "inventoryLocationId": PLACE_OF_STOCK,
            "date": at(1),
            "requiredOn": at(2),
            "shipTo": ADDRESS,
            "tax": 0.0,
            "shipping": 0.0,
            "total": 0.0,
            "summary": "[ST-A-PO-1]",
            "vendorDocumentNumber": "",
            "items": [],
            "customFields": [],
            **TIMES,
        }
    ],
    "receipts": [],
}


class Office:
    """The tenant as people there see it and work in it: through the API, too, as it allows no less than they may do."""

    def __init__(self, url: str, faults: Faults) -> None:
        self.url, self.faults = url, faults

    def sees(self, entity: str, number: int) -> dict[str, Any]:
        rows: list[dict[str, Any]] = httpx.get(f"{self.url}/_control/servicetitan/records/{entity}").json()
        return next(row for row in rows if row["id"] == number)

    def count(self, entity: str) -> int:
        return len(httpx.get(f"{self.url}/_control/servicetitan/records/{entity}").json())

    def does(self, action: str, **body: Any) -> None:
        httpx.post(f"{self.url}/_control/servicetitan/{action}", json=body).raise_for_status()

    def sets(self, entity: str, number: int, **members: Any) -> None:
        self.does("change", entity=entity, id=number, set=members)

    @contextmanager
    def dropping(self, entity: str, *members: str) -> Iterator[None]:
        self.does("drop_members", entity=entity, members=members)
        try:
            yield
        finally:
            self.does("drop_members", entity=entity, members=[])

    def order(self, number: int) -> dict[str, Any]:
        got: dict[str, Any] = self._call("GET", f"purchase-orders/{number}")
        return got

    def makes_order(self, **members: Any) -> int:
        body = {
            "vendorId": VENDOR, "typeId": TYPE, "businessUnitId": UNIT, "inventoryLocationId": PLACE_OF_STOCK,
            "shipTo": {"description": "Main", "address": ADDRESS}, "impactsTechnicianPayroll": False,
            "date": "2026-11-02T00:00:00Z", "requiredOn": "2026-11-09T00:00:00Z", "tax": 0, "shipping": 0,
            "items": [
                {"skuId": PIPE, "description": "PIPE", "vendorPartNumber": "", "quantity": 4, "cost": 12.5},
                {"skuId": VALVE, "description": "VALVE", "vendorPartNumber": "", "quantity": 2, "cost": 30},
            ],
        }  # fmt: skip
        return int(self._call("POST", "purchase-orders", body | members)["id"])

    def receives(self, order: int, *, number: str = "", memo: str = "", **quantities: int) -> int:
        """By the code of what came."""
        items = [
            {"purchaseOrderItemId": item["id"], "skuId": item["skuId"], "quantity": quantities[item["skuCode"]],
             "cost": item["cost"]}
            for item in self.order(order)["items"] if item["skuCode"] in quantities
        ]  # fmt: skip
        body = {"purchaseOrderId": order, "dateReceived": "2026-11-05T00:00:00Z", "tax": 0, "shipping": 0}
        body |= {"vendorDocumentNumber": number, "memo": memo, "items": items}
        return int(self._call("POST", "receipts", body)["id"])

    def cancels(self, what: str, number: int) -> None:
        self._call("PATCH", f"{what}/{number}/cancellation", {"canceledReason": "Other"})

    def writes_since(self, mark: int) -> list[str]:
        entries = [entry for entry in self.faults.log[mark:] if entry["path"] != "/connect/token"]
        return [entry["method"] for entry in entries if entry["method"] != "GET"]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        with logged_in(self.url) as api:  # each time: a token does not last long at this speed
            reply = api.request(method, f"/inventory/v2/tenant/7/{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json() if reply.content else None


@contextmanager
def office() -> Iterator[Office]:
    faults = Faults(speed=1000)
    with running(tenant(BOOKS, faults=faults, speed=1000)) as url:
        yield Office(url, faults)


def connected(url: str, **settings: Any) -> ServiceTitan:
    secrets = {"app_key": Secret("key"), "client_id": Secret("me"), "client_secret": Secret("mine")}
    given = {"api_url": url, "auth_url": url, "tenant_id": 7, "application_guid": OURS} | settings
    return connect(Settings(**secrets | given), clock=LeapingClock(), pace=AnyPace())


def wanted(payload: Mapping[str, Any], total: str = "0", on: str = "2026-11-02", party: str = "") -> Wanted:
    given = {name: value for name, value in payload.items() if value is not None}
    return Wanted(payload["key"], given, Decimal(total), date.fromisoformat(on), "USD", party)


def find(target: Target, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def ignore_filters(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As a server does that does not know them."""
    read = Api.read

    def without(api: Api, *args: Any, params: Any = None, **more: Any) -> httpx.Response:
        return read(api, *args, params={name: each for name, each in params.items() if name not in names}, **more)

    monkeypatch.setattr(Api, "read", without)


def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The queries that are read by from now on."""
    read, asked = Api.read, list[dict[str, Any]]()

    def noted(api: Api, *args: Any, params: Any = None, **more: Any) -> httpx.Response:
        asked.append(dict(params or {}))
        return read(api, *args, params=params, **more)

    monkeypatch.setattr(Api, "read", noted)
    return asked


def run(outbox: Outbox, target: Target, flow: str, one: Wanted) -> Document:
    """Built and posted; the row as it was left."""
    built = BuiltDocument(
        flow, flow, f"sap_s4hana/C/{one.key}", one.key, one.on, one.on, one.total, one.currency, one.party, one.key,
        one.payload, revision=0,
    )  # fmt: skip
    bring(outbox, "northwind", target.place, flow, [built])
    Run(outbox, target, connection="northwind", flow=flow, mode="post").work()
    with outbox.engine.begin() as con:
        return con.execute(documents.select().where(documents.c.business_key == one.key)).one()
