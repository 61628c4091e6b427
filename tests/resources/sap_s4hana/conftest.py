"""What a client of S/4HANA is made of in tests, and answers of OData V2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.sap_s4hana import S4hana, connect
from st_erp_pipelines.settings_fields import Secret
from st_erp_pipelines.settings_systems import SapS4hana, SapS4hanaTiming
from tests.resources.wire import AnyPace, answer

ROOT = "/sap/opu/odata/sap"
ORDERS = f"{ROOT}/API_PURCHASEORDER_PROCESS_SRV"


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
