"""One small company in the sandbox, over a real socket, for all tests of a module; and what a person does there.

Tests keep out of each other's way by keys of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import simplejson

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.sap_business_one import BusinessOne, connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_business_one import sap_business_one_app
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.target import Timing
from tests.resources.business_central.conftest import Secret
from tests.resources.wire import AnyPace

RECEIVABLES, BANK, SALES, TAX, CLOSED = (f"_SYS0000000000{n}" for n in range(1, 6))
SEED: dict[str, Any] = {
    "company": {"name": "Northwind HVAC"},
    "receivables_account": RECEIVABLES,
    "tax_account": TAX,
    "cash_account": BANK,
    "default_tax_code": "EX",
    "ChartOfAccounts": [
        {"Code": RECEIVABLES, "FormatCode": "1100", "Name": "Receivables", "LockManualTransaction": "tYES"},
        {"Code": BANK, "FormatCode": "1010", "Name": "Bank", "CashAccount": "tYES"},
        {"Code": SALES, "FormatCode": "4000-01", "Name": "Service revenue", "AccountType": "at_Revenues"},
        {"Code": TAX, "FormatCode": "2200", "Name": "Sales tax"},
        {"Code": CLOSED, "FormatCode": "4999", "Name": "Old revenue", "ActiveAccount": "tNO"},
    ],
    "Currencies": [{"Code": "USD", "Name": "US dollar", "DocumentsCode": "USD"}],
    "SalesTaxCodes": [{"Code": "EX", "Name": "Exempt", "Rate": 0}, {"Code": "TX", "Name": "Texas", "Rate": 8.25}],
    "BusinessPartnerGroups": [{"Code": 100, "Name": "Customers"}],
    "PaymentTermsTypes": [
        {"GroupNumber": -1, "PaymentTermsGroupName": "Cash"},
        {"GroupNumber": 2, "PaymentTermsGroupName": "Net30", "NumberOfAdditionalDays": 30},
    ],
    "Dimensions": [{"DimensionCode": 1, "DimensionName": "Unit"}],
    "ProfitCenters": [{"CenterCode": "HVAC", "CenterName": "HVAC"}],
    "DistributionRules": [{"FactorCode": "HVAC", "FactorDescription": "HVAC"}],
    "Projects": [{"Code": "P1", "Name": "Tower"}],
    "CreditCards": [{"CreditCardCode": 1, "CreditCardName": "Visa", "GLAccount": BANK}],
    "banks": ["CHASE"],
    "BusinessPartners": [
        {"CardCode": "STA1", "CardName": "Ada Byron", "CardType": "cCustomer"},
        {"CardCode": "FROZEN", "CardName": "Out of Business", "CardType": "cCustomer", "Frozen": "tYES"},
        {"CardCode": "V1", "CardName": "Supply House", "CardType": "cSupplier"},
    ],
    "UserFieldsMD": [
        {"TableName": table, "Name": "STKey", "Description": "ServiceTitan", "Type": "db_Alpha", "Size": 50}
        for table in ("OINV", "ORCT")
    ],
    "UserTablesMD": [{"TableName": "ST_POSTLOG", "TableDescription": "Posting log", "TableType": "bott_NoObject"}],
    "periods": [
        {"from": "2026-10-01", "to": "2026-10-31", "status": "ltLocked"},
        {"from": "2026-11-01", "to": "2026-12-31"},
    ],
}
NUMBERS = count(1)


def settings_for(url: str, **changes: Any) -> Any:
    """What settings of a connection will offer the client; a short settling time keeps tests short."""
    asked = dict(
        api_url=f"{url}/b1s/v2",
        company=credentials.SAP_BUSINESS_ONE_DATABASE,
        auth="session",
        user=credentials.SAP_BUSINESS_ONE_USER,
        password=Secret(credentials.SAP_BUSINESS_ONE_PASSWORD),
        language=3,
        token_url=f"{url}/auth/realms/sapb1/protocol/openid-connect/token",
        client_id=Secret(credentials.SAP_BUSINESS_ONE_CLIENT_ID),
        client_secret=Secret(credentials.SAP_BUSINESS_ONE_CLIENT_SECRET),
        scope="",
        verify=True,
        ca_file=None,
        timing=SimpleNamespace(
            calls_per_second=1000, token_margin=timedelta(seconds=60), posting=lambda: Timing(timedelta(seconds=20))
        ),
    )
    return SimpleNamespace(**(asked | changes))


@contextmanager
def client_of(url: str, cache: Any = None, **changes: Any) -> Iterator[BusinessOne]:
    client = connect(settings_for(url, **changes), pace=AnyPace(), clock=SystemClock(), cache=cache)
    try:
        yield client
    finally:
        client.close()


class Person:
    """Somebody at work in the company, and its administrator."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def sees(self, entity: str, **fields: Any) -> list[dict[str, Any]]:
        rows = simplejson.loads(self._http.get("state").text, use_decimal=True)[entity]
        return [row for row in rows if all(row[name] == value for name, value in fields.items())]

    def total(self, of: str) -> int:
        return int(self._http.get("state").json()[of])

    def does(self, name: str, **values: Any) -> Any:
        response = self._http.post(name, json=values)
        assert response.status_code < 400, response.text
        return response.json()

    def enters(self, entity: str, **body: Any) -> Any:
        return self.does("enter", set=entity, body=body)

    def bills(self, customer: str = "STA1", amount: float = 100, **more: Any) -> Any:
        line = {"ItemDescription": "Visit", "AccountCode": SALES, "LineTotal": amount, "TaxCode": "EX"}
        body = {"CardCode": customer, "DocType": "dDocument_Service", "DocDate": "2026-11-03", "DocumentLines": [line]}
        return self.enters("Invoices", **body | more)


def new_key(kind: str = "INV") -> str:
    return f"ST-A-{kind}-{next(NUMBERS)}"


@pytest.fixture(scope="module")
def module_faults() -> Faults:
    return Faults(speed=1000)


@pytest.fixture(scope="module")
def url(module_faults: Faults) -> Iterator[str]:
    # Sessions end after half an hour, although the server is a thousand times as fast as a real one.
    with running(sap_business_one_app(SEED, speed=1000, faults=module_faults, session_minutes=30_000)) as url:
        yield url


@pytest.fixture
def faults(module_faults: Faults) -> Iterator[Faults]:
    yield module_faults
    module_faults.clear()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[BusinessOne]:
    with client_of(url) as client:
        yield client


@pytest.fixture(scope="module")
def person(url: str) -> Iterator[Person]:
    with httpx.Client(base_url=f"{url}/_control/sap_business_one/") as http:
        yield Person(http)
