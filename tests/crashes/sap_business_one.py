"""SAP Business One, as `erps.py` says what an ERP is here: invoices and payments that are posted at once.

`guarded`: with a posting log, by which Business One itself refuses a second document under one key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.resources.sap_business_one import BusinessOne, IncomingPayments, SalesDocuments, connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_business_one import sap_business_one_app
from st_erp_pipelines.target import Target, Timing
from tests.crashes.orders import Orders
from tests.resources.wire import AnyPace

if TYPE_CHECKING:
    from tests.crashes.world import World

MOVES = ("post",)
HAS = ("waiting payments",)
TARGETS = (SalesDocuments, IncomingPayments)
REQUESTS = ()
INVOICE_LISTS = ("/Invoices", "/CreditNotes")
FILTERS = ("$filter",)
POSTED = {"invoices": "/Invoices", "payments": "/IncomingPayments"}

SPEED = 20.0  # 8 ms for a document, 250 ms for the first login of a node, 25 ms for others
SESSION_MINUTES = 30 * SPEED  # half an hour, on whichever clock
PARTY, POSTING_LOG = "STA1", "ST_POSTLOG"


def app(faults: Faults) -> ASGIApp:
    from tests.resources.sap_business_one.conftest import SEED  # and pytest, which only the server has time for

    return sap_business_one_app(SEED, speed=SPEED, faults=faults, session_minutes=SESSION_MINUTES)


def client_of(url: str, settle_after: float, clock: SystemClock | None = None) -> BusinessOne:
    timing = Timing(timedelta(seconds=settle_after))
    settings: Any = SimpleNamespace(
        api_url=f"{url}/b1s/v2",
        company=credentials.SAP_BUSINESS_ONE_DATABASE,
        auth="session",
        user=credentials.SAP_BUSINESS_ONE_USER,
        password=SimpleNamespace(resolve=lambda: credentials.SAP_BUSINESS_ONE_PASSWORD),
        language=3,
        verify=True,
        ca_file=None,
        timing=SimpleNamespace(token_margin=timedelta(seconds=60), posting=lambda: timing),
    )
    return connect(settings, pace=AnyPace(), clock=clock or SystemClock())


def target_of(client: BusinessOne, orders: Orders) -> Target:
    make = SalesDocuments if orders.flow == "invoices" else IncomingPayments
    return make(client, posting_log=POSTING_LOG if orders.guarded else "")


def path_of(_move: str, orders: Orders) -> str:
    return "/$batch" if orders.guarded else POSTED[orders.flow]


# What is posted


def invoice(key: str, number: int, day: date, total: Decimal) -> dict[str, Any]:
    """Of two lines, each with its distribution rule."""
    return {
        "type": "invoice", "key": key, "customer_number": PARTY, "document_date": day.isoformat(),
        "posting_date": day.isoformat(), "due_date": "2026-12-03", "reference": f"{number}", "currency": "USD",
        "dimension_code": "1", "dimension_value": "HVAC", "total": str(total),
        "lines": [_line("4000-01", total - 8), _line("2200", Decimal(8))],
    }  # fmt: skip


def _line(account: str, amount: Decimal) -> dict[str, Any]:
    common = {"type": "account", "description": "Tune-up", "tax_code": "EX"}
    return common | {"number": account, "amount": str(amount)}


def payment(number: int, day: date, amounts: Sequence[str]) -> list[BuiltDocument]:
    """One document, on account: of an invoice that is paid in full Business One itself would refuse a second one."""
    key, source = f"ST-A-PMT-{number}", f"servicetitan/1001/payment/{number}"
    total = sum(map(Decimal, amounts), Decimal(0))
    payload = {
        "key": key, "customer_number": PARTY, "posting_date": day.isoformat(), "document_date": day.isoformat(),
        "amount": str(total), "currency": "USD", "comment": "paid at the door", "means": "transfer",
        "account": "1010", "invoices": [],
    }  # fmt: skip
    common = ("payments", "payment", source, key, day, day)
    return [BuiltDocument(*common, total, "USD", PARTY, "h1", payload)]


# What people do there


def person_enters_an_invoice(world: World, key: str) -> None:
    line = {"ItemDescription": "Visit", "AccountCode": "_SYS00000000003", "LineTotal": 50, "TaxCode": "EX"}
    body = dict(CardCode=PARTY, DocType="dDocument_Service", DocDate="2026-11-02", NumAtCard=key)
    world.person_does("enter", set="Invoices", body=body | {"DocumentLines": [line]})


@contextmanager
def payments_wait_for_a_person(world: World) -> Iterator[None]:
    """An approval procedure makes drafts of them."""
    world.person_does("set", approval_above={"IncomingPayments": 0})
    yield
    world.person_does("set", approval_above={})


def person_posts_payments(world: World) -> None:
    for draft in world.state()["PaymentDrafts"]:
        world.person_does("approve", set="PaymentDrafts", key=draft["DocEntry"])


# What is there


def posted(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in state["Invoices"]:
        found[row["NumAtCard"]].append(_known(row, row["DocTotal"]))
    for row in state["IncomingPayments"]:
        found[row["Remarks"]].append(_known(row, row["TransferSum"]))
    return found


def _known(row: dict[str, Any], total: Decimal) -> dict[str, Any]:
    return {"id": str(row["DocEntry"]), "number": str(row["DocNum"]), "total": total}


def amiss(state: dict[str, Any]) -> Iterator[str]:
    for row in (*state["Drafts"], *state["PaymentDrafts"]):
        yield f"a draft of {row.get('NumAtCard') or row.get('Remarks')} is left"


def names(_path: str, _remote_id: str) -> bool:
    """Nothing is done for a document but to make it."""
    return False
