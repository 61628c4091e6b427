"""What a process does: it posts until nothing is left to do or its orders end it."""

from __future__ import annotations

from datetime import datetime, timedelta

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from tests.crashes.erps import ERPS
from tests.crashes.orders import Orders
from tests.crashes.points import Points
from tests.posting.breakages import broken

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


def work(orders: Orders, points: Points) -> None:
    clock = SteppedClock(orders)
    outbox = Outbox(open_engine(orders.database), clock)
    erp = ERPS[orders.erp]
    target = erp.target_of(erp.client_of(orders.company, orders.settle_after, clock), orders)
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
        points = Points(orders.halts, ERPS[orders.erp])
        points.watch()
        work(orders, points)
