from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.posting.engine import Run
from tests.databases import SimulatedOutbox
from tests.posting.ledger import Ledger, SimulatedClock


def built(number: int, **changes: Any) -> BuiltDocument:
    """Invoice `number`, worth 100 and its number."""
    facts: dict[str, Any] = dict(
        flow="invoices",
        kind="invoice",
        source_key=f"servicetitan/1001/invoice/{number}",
        business_key=f"ST-A-INV-{number}",
        home_day=date(2026, 11, 1),
        business_date=date(2026, 11, 1),
        amount=Decimal(100 + number),
        currency="USD",
        party="STA-1",
        source_hash="h1",
        payload={"key": f"ST-A-INV-{number}", "total": str(100 + number)},
    )
    return BuiltDocument(**(facts | changes))


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def ledger(clock: SimulatedClock) -> Ledger:
    return Ledger(clock)


@pytest.fixture
def outbox(database_url: str, clock: SimulatedClock) -> Iterator[Outbox]:
    engine = open_engine(database_url)
    yield SimulatedOutbox(engine, clock)
    engine.dispose()


@pytest.fixture
def enter(outbox: Outbox, ledger: Ledger) -> Callable[..., Any]:
    def enter(*documents: BuiltDocument) -> Any:
        return bring(outbox, "northwind", ledger.place, "invoices", documents)

    return enter


@pytest.fixture
def run(outbox: Outbox, ledger: Ledger) -> Callable[..., Any]:
    def run(mode: str = "post", **more: Any) -> Any:
        return Run(outbox, ledger, connection="northwind", flow="invoices", mode=mode, **more).work()  # type: ignore[arg-type]

    return run
