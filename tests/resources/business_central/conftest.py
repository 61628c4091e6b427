"""One small company in the sandbox, over a real socket; and what a person does there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.business_central import BusinessCentral, connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.target import Timing
from tests.resources.wire import AnyPace

COMPANY = "Northwind HVAC"
SEED: dict[str, Any] = {
    "company": {"name": COMPANY},
    "setup": {"localCurrencyCode": "USD", "shortcutDimension1Code": "UNIT"},
    "accounts": [
        {"number": number, "displayName": name, "category": category, "accountType": "Posting", "directPosting": True}
        for number, name, category in (
            ("1100", "Receivables", "Assets"),
            ("1010", "Undeposited", "Assets"),
            ("1020", "Cards", "Assets"),
            ("4000", "Service revenue", "Income"),
            ("2200", "Sales tax", "Liabilities"),
        )
    ],
    "customers": [
        {"number": "STA-1", "displayName": "Ada Byron", "type": "Person", "city": "Austin"},
        {"number": "STA-2", "displayName": "Grace Hopper", "type": "Person"},
    ],
    "paymentTerms": [{"code": "NET30", "displayName": "Net 30"}],
    "currencies": [{"code": "CAD", "displayName": "Canadian dollar"}],
    "taxGroups": [{"code": "NONTAXABLE", "displayName": "None"}, {"code": "TAXABLE", "_percent": 8}],
    "dimensions": [
        {"code": "UNIT", "displayName": "Unit", "values": [{"code": "HVAC"}, {"code": "PLUMB"}]},
        {"code": "CREW", "displayName": "Crew", "values": [{"code": "RED"}, {"code": "BLUE"}]},
    ],
    "journals": [
        {"code": "STPAYA", "balancingAccountNumber": "1010"},
        {"code": "STPAYB", "balancingAccountNumber": "1010"},
    ],
}


class Secret:
    def __init__(self, value: str) -> None:
        self._value = value

    def resolve(self) -> str:
        return self._value


def settings_for(url: str, company: str = COMPANY, settle_after: timedelta = timedelta(seconds=20)) -> Any:
    """What `settings.BusinessCentral` offers the client; a short settling time keeps tests short."""
    return SimpleNamespace(
        api_root=f"{url}/v2.0/demo-tenant/production/api/v2.0",
        token_url=f"{url}/token",
        company=company,
        client_id=Secret(credentials.BUSINESS_CENTRAL_CLIENT_ID),
        client_secret=Secret(credentials.BUSINESS_CENTRAL_CLIENT_SECRET),
        timing=SimpleNamespace(token_margin=timedelta(seconds=60), posting=lambda: Timing(settle_after)),
    )


@contextmanager
def client_of(url: str, **changes: Any) -> Iterator[BusinessCentral]:
    client = connect(settings_for(url, **changes), pace=AnyPace(), clock=SystemClock())
    try:
        yield client
    finally:
        client.close()


class Person:
    """Somebody at work in the company: what they see, type, change and post."""

    def __init__(self, url: str, client: BusinessCentral) -> None:
        self._control = f"{url}/_control/business_central"
        self._client = client

    def sees(self, entity: str, **fields: Any) -> list[dict[str, Any]]:
        rows = httpx.get(f"{self._control}/state").json()[entity]
        return [row for row in rows if all(row[name] == value for name, value in fields.items())]

    def rows(self, path: str) -> list[dict[str, Any]]:
        return self._client.rows(path, operation="look at it")

    def enters(self, **values: Any) -> str:
        return str(self._post("enter", values)["id"])

    def sets(self, **values: Any) -> None:
        self._post("set", values)

    def edits(self, remote_id: str, **changes: Any) -> None:
        self._post("edit_draft", {"id": remote_id, **changes})

    def acts(self, method: str, path: str, body: Any = None, etag: str | None = None) -> Any:
        return self._client.write(method, path, operation="by hand", document="", body=body, etag=etag)

    def _post(self, name: str, values: dict[str, Any]) -> Any:
        response = httpx.post(f"{self._control}/{name}", json=values)
        assert response.status_code < 400, response.text
        return response.json()


@pytest.fixture
def faults() -> Faults:
    return Faults(speed=1000)


@pytest.fixture
def url(faults: Faults) -> Iterator[str]:
    with running(business_central_app(SEED, speed=1000, faults=faults)) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[BusinessCentral]:
    with client_of(url) as client:
        yield client


@pytest.fixture
def person(url: str, client: BusinessCentral) -> Person:
    return Person(url, client)
