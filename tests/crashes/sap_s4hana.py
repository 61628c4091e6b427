"""SAP S/4HANA, as `erps.py` says what an ERP is here: orders that are made of requests; requisitions in the place of
payments; suppliers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.resources.sap_s4hana import Created, S4hana, connect
from st_erp_pipelines.resources.sap_s4hana.targets import KINDS
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_s4hana import sap_s4hana_app
from st_erp_pipelines.settings import SapS4hana, SapS4hanaTiming, Secret
from st_erp_pipelines.target import Target
from tests.crashes.orders import Orders
from tests.resources.wire import AnyPace

if TYPE_CHECKING:
    from tests.crashes.world import World

MOVES = ("post",)
HAS = ("parties",)
TARGETS = (Created,)
REQUESTS = ()
INVOICE_LISTS = ("/A_PurchaseOrder",)
FILTERS = ("$filter",)
POSTED = {"invoices": "/A_PurchaseOrder", "payments": "/A_PurchaseRequisitionItem", "parties": "/A_BusinessPartner"}
CREATED = POSTED | {"payments": "/A_PurchaseRequisitionHeader"}

SPEED = 20.0  # 20 ms for a record
SESSION_MINUTES = 30 * SPEED  # half an hour, on whichever clock
COMPANY_CODE, PARTY = "1710", "17300001"


def app(faults: Faults) -> ASGIApp:
    from tests.resources.sap_s4hana.conftest import SEED  # and pytest, which only the server has time for

    return sap_s4hana_app(SEED, speed=SPEED, faults=faults, session_minutes=SESSION_MINUTES)


def client_of(url: str, settle_after: float, clock: SystemClock | None = None) -> S4hana:
    settings = SapS4hana(
        kind="sap_s4hana",
        api_url=url,
        client_id=Secret(credentials.SAP_S4HANA_CLIENT_ID),
        client_secret=Secret(credentials.SAP_S4HANA_CLIENT_SECRET),
        company_code=COMPANY_CODE,
        controlling_area="A000",
        purchasing_organization=COMPANY_CODE,
        timing=SapS4hanaTiming(settle_after=timedelta(seconds=settle_after)),
    )
    return connect(settings, pace=AnyPace(), clock=clock or SystemClock())


def target_of(client: S4hana, orders: Orders) -> Target:
    return Created(client, KINDS["suppliers" if orders.flow == "parties" else "requests"])


def path_of(_move: str, orders: Orders) -> str:
    return CREATED[orders.flow]


# What is posted


def invoice(key: str, number: int, day: date, total: Decimal) -> dict[str, Any]:
    """A request of two lines, each with its cost centre."""
    return {
        "key": key, "as": "order", "supplier": PARTY, "order_type": "NB", "company_code": COMPANY_CODE,
        "purchasing_organization": COMPANY_CODE, "purchasing_group": "001", "currency": "USD", "date": day.isoformat(),
        "language": "EN", "request_number": f"7-{number}", "external_system": "servicetitan/1001",
        "items": [_line("10", total - 8), _line("20", Decimal(8))],
    }  # fmt: skip


def _line(line: str, price: Decimal) -> dict[str, Any]:
    return {
        "line": line, "text": "Copper pipe", "material_group": "L001", "plant": COMPANY_CODE, "quantity": "1",
        "unit": "EA", "price": str(price), "price_quantity": "1", "delivery_date": "2026-12-01",
        "account_assignment_category": "K", "cost_center": "17101301", "gl_account": "61000000",
    }  # fmt: skip


def payment(number: int, day: date, amounts: Sequence[str]) -> list[BuiltDocument]:
    """Another request, of which a requisition becomes."""
    key, total = f"ST-A-PR-{number}", sum(map(Decimal, amounts), Decimal(0))
    payload = invoice(key, number, day, total) | {"as": "requisition"}
    common = ("payments", "requisition", f"servicetitan/1001/request/{number}", key, day, day)
    return [BuiltDocument(*common, total, "USD", PARTY, "h1", payload)]


def party(number: int, day: date) -> BuiltDocument:
    key, name = f"ST-A-V-{number}", f"Hill Country Plumbing {number}"
    payload = {
        "key": key, "name": name, "street": "Main St", "house_number": f"{number}", "city": "Austin",
        "postal_code": "78701", "region": "TX", "country": "US", "grouping": "BP02", "company_code": COMPANY_CODE,
        "reconciliation_account": "21100000", "payment_terms": "NT30", "purchasing_organization": COMPANY_CODE,
        "order_currency": "USD",
    }  # fmt: skip
    common = ("parties", "supplier", f"servicetitan/1001/vendor/{number}", key, day, day)
    return BuiltDocument(*common, Decimal(0), "", name, "h1", payload)


# What people do there


def person_enters_an_invoice(world: World, key: str) -> None:
    item = {"OrderQuantity": 1, "NetPriceAmount": 50, "PurchaseOrderItemText": "Visit"}
    order = {"PurchaseOrderDate": "2026-11-02", "Supplier": PARTY, "CorrespncExternalReference": key}
    world.person_does("add", set="A_PurchaseOrder", values=order | {"to_PurchaseOrderItem": [item]})


# What is there


def posted(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in state["A_PurchaseOrder"]:
        items = row["to_PurchaseOrderItem"]
        total = sum(item["OrderQuantity"] * item["NetPriceAmount"] for item in items)
        found[row["CorrespncExternalReference"]].append(_known(row["PurchaseOrder"], total))
    for row in state["A_PurchaseRequisitionHeader"]:
        items = row["to_PurchaseReqnItem"]
        total = sum(item["RequestedQuantity"] * item["PurchaseRequisitionPrice"] for item in items)
        found[items[0]["PurReqnExternalReference"]].append(_known(row["PurchaseRequisition"], total))
    for row in state["A_BusinessPartner"]:
        if row["BusinessPartnerIDByExtSystem"]:
            found[row["BusinessPartnerIDByExtSystem"]].append(_known(row["BusinessPartner"], Decimal(0)))
    return found


def _known(number: str, total: Decimal | int) -> dict[str, Any]:
    return {"id": number, "number": number, "total": total}


def amiss(_state: dict[str, Any]) -> Iterator[str]:
    """Nothing there is but half done."""
    return iter(())


def names(_path: str, _remote_id: str) -> bool:
    """Nothing is done for a document but to make it."""
    return False
