"""What a client of S/4HANA is made of in tests: answers of OData V2; and a small company in the sandbox, over a real
socket, for all tests of a module, which keep out of each other's way by keys of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import simplejson

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.sap_s4hana import S4hana, connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_s4hana import sap_s4hana_app
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.settings_fields import Secret
from st_erp_pipelines.settings_systems import SapS4hana, SapS4hanaTiming
from tests.resources.wire import AnyPace, answer

ROOT = "/sap/opu/odata/sap"
ORDERS = f"{ROOT}/API_PURCHASEORDER_PROCESS_SRV"
SEED: dict[str, Any] = {
    "materials": {"PIPE": {"text": "Copper pipe", "unit": "EA", "group": "L001"}},
    "gl_accounts": ["61000000"],
    "reconciliation_accounts": ["21100000"],
    "payment_terms": ["NT30"],
    "groupings": ["BP02"],
    "A_BusinessPartner": [
        {
            "BusinessPartner": "17300001",
            "OrganizationBPName1": "Supply House",
            "CreationDate": date(2024, 5, 1),
            "to_BusinessPartnerAddress": [{"CityName": "Austin", "to_PhoneNumber": [{"PhoneNumber": "512-555-0100"}]}],
            "to_BusinessPartnerTax": [{"BPTaxType": "US1", "BPTaxNumber": "12-3456789"}],
            "to_Supplier": {
                "to_SupplierCompany": [{"CompanyCode": "1710"}],
                "to_SupplierPurchasingOrg": [{"PurchasingOrganization": "1710"}],
            },
        },
        {"BusinessPartner": "900", "OrganizationBPName1": "A customer", "CreationDate": date(2024, 5, 1)},
    ],
    "A_CostCenter": [
        {
            "ControllingArea": "A000", "CostCenter": "17101301", "CompanyCode": "1710",
            "ValidityStartDate": since, "ValidityEndDate": until,
            "to_Text": [{"Language": "EN", "CostCenterName": "Service"}],
        }
        for since, until in ((date(2020, 1, 1), date(2025, 12, 31)), (date(2026, 1, 1), date(9999, 12, 31)))
    ],
}  # fmt: skip


def settings_for(url: str, **changes: Any) -> SapS4hana:
    """A short settling time keeps tests short."""
    asked: dict[str, Any] = dict(
        kind="sap_s4hana", api_url=url, auth="basic", user="ST_CONNECT", password=Secret("a-long-password"),
        company_code="1710", controlling_area="A000", purchasing_organization="1710",
        timing=SapS4hanaTiming(settle_after=timedelta(seconds=20)),
    )  # fmt: skip
    return SapS4hana(**(asked | changes))


@contextmanager
def client_of(url: str, cache: Any = None, clock: SystemClock | None = None, **changes: Any) -> Iterator[S4hana]:
    client = connect(settings_for(url, **changes), pace=AnyPace(), clock=clock or SystemClock(), cache=cache)
    try:
        yield client
    finally:
        client.close()


def page(*rows: Any, count: int | None = None, goes_on: str = "") -> bytes:
    """Of a list; `goes_on`: the link to the next one."""
    said = {"results": list(rows), "__count": str(len(rows) if count is None else count)}
    return answer(json.dumps({"d": said | ({"__next": goes_on} if goes_on else {})}).encode())


def order(number: str, **more: Any) -> Any:
    return {"__metadata": {"uri": "x", "etag": 'W/"1"'}, "PurchaseOrder": number, **more}


def refusal(text: str, code: str = "ME/083", **inner: Any) -> bytes:
    said = {"code": code, "message": {"lang": "en", "value": text}, "innererror": inner}
    return json.dumps({"error": said}).encode()


def token(value: str = "t1", *cookies: str) -> bytes:
    set_them = "".join(f"set-cookie: {each}; path=/; secure; HttpOnly\r\n" for each in cookies)
    return answer(b'{"d": {"EntitySets": []}}', more=f"x-csrf-token: {value}\r\n{set_them}")


class Person:
    """Somebody at work in the company, and its administrator."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def sees(self, entity: str, **fields: Any) -> list[dict[str, Any]]:
        rows = simplejson.loads(self._http.get("state").text, use_decimal=True)[entity]
        return [row for row in rows if all(row[name] == value for name, value in fields.items())]

    def does(self, name: str, **values: Any) -> Any:
        response = self._http.post(name, json=values)
        assert response.status_code < 400, response.text
        return response.json()

    @contextmanager
    def having_set(self, **settings: Any) -> Iterator[None]:
        before = {"page_size": 1000, "next_link": "absolute", "leading_zeros": False, "arrangement": {}, "locked": {}}
        before |= {"invoice_change_stamp": True, "invoice_creation_date": True, "stamp_with_point": False}
        self.does("set", **settings)
        yield
        self.does("set", **{name: before[name] for name in settings})


@pytest.fixture(scope="module")
def module_faults() -> Faults:
    return Faults(speed=1000)


@pytest.fixture(scope="module")
def url(module_faults: Faults) -> Iterator[str]:
    # Sessions end after half an hour, although the server is a thousand times as fast as a real one.
    with running(sap_s4hana_app(SEED, speed=1000, faults=module_faults, session_minutes=30_000)) as url:
        yield url


@pytest.fixture
def faults(module_faults: Faults) -> Iterator[Faults]:
    yield module_faults
    module_faults.clear()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[S4hana]:
    arranged: dict[str, Any] = dict(
        auth="oauth",
        client_id=Secret(credentials.SAP_S4HANA_CLIENT_ID),
        client_secret=Secret(credentials.SAP_S4HANA_CLIENT_SECRET),
    )
    with client_of(url, **arranged) as client:
        yield client


@pytest.fixture(scope="module")
def person(url: str) -> Iterator[Person]:
    with httpx.Client(base_url=f"{url}/_control/sap_s4hana/") as http:
        yield Person(http)
