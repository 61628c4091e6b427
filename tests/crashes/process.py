"""What a process does: it posts until nothing is left to do or its orders end it."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources.business_central import BusinessCentral, Payments, SalesDocuments, connect
from st_erp_pipelines.resources.deadline import open_transport
from st_erp_pipelines.resources.http import WRITE_KEEPALIVE
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.target import Target, Timing
from tests.crashes.orders import Orders
from tests.crashes.points import Points
from tests.posting.breakages import broken

COMPANY = "Northwind HVAC"
WAITING = ("ready", "sending", "in_doubt", "unavailable")
LOOK_AGAIN = 0.1  # seconds


class SteppedClock(SystemClock):
    """Somebody set the wall clock, or started the machine anew."""

    def __init__(self, orders: Orders) -> None:
        self._ahead, self._boot = timedelta(seconds=orders.clock_ahead), orders.boot

    def now(self) -> datetime:
        return super().now() + self._ahead

    def boot_id(self) -> str:
        return self._boot or super().boot_id()


class AnyPace:
    """No limit: the sandbox has its own."""

    def wait(self, at_most: float | None = None) -> bool:
        return True

    def push(self, seconds: float) -> None:
        pass


def client_of(url: str, settle_after: float, clock: SystemClock | None = None) -> BusinessCentral:
    """Of the company that the server keeps below this URL. No certificates are loaded, which takes a while."""

    def secret(value: str) -> Any:
        return SimpleNamespace(resolve=lambda: value)

    timing = Timing(timedelta(seconds=settle_after))
    settings: Any = SimpleNamespace(
        api_root=f"{url}/v2.0/demo-tenant/production/api/v2.0",
        token_url=f"{url}/token",
        company=COMPANY,
        client_id=secret(credentials.BUSINESS_CENTRAL_CLIENT_ID),
        client_secret=secret(credentials.BUSINESS_CENTRAL_CLIENT_SECRET),
        timing=SimpleNamespace(token_margin=timedelta(seconds=60), posting=lambda: timing),
    )
    plain = open_transport(url, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), keepalive_expiry=WRITE_KEEPALIVE)
    return connect(settings, pace=AnyPace(), clock=clock or SystemClock(), transport=plain)


def target_of(client: BusinessCentral, orders: Orders) -> Target:
    if orders.flow == "invoices":
        return SalesDocuments(client)
    return Payments(client, batches=orders.batches, draft_batch="STDRAFT")


def work(orders: Orders, points: Points) -> None:
    clock = SteppedClock(orders)
    outbox = Outbox(open_engine(orders.database), clock)
    target = target_of(client_of(orders.company, orders.settle_after, clock), orders)
    points.reach("begun")
    while _waits(outbox, orders):
        Run(outbox, target, connection=orders.connection, flow=orders.flow, mode="post").work()
        clock.sleep(LOOK_AGAIN)


def _waits(outbox: Outbox, orders: Orders) -> bool:
    ours = (documents.c.connection == orders.connection) & documents.c.state.in_(WAITING)
    with reading(outbox.engine) as con:
        return con.execute(documents.select().where(ours).limit(1)).first() is not None


def post(orders_text: str) -> None:
    orders = Orders.read(orders_text)
    with broken(*orders.breakages):
        points = Points(orders.halts)
        points.watch()
        work(orders, points)
