"""What a refusal of S/4HANA means, as data.

`{"error": {"code": "ME/006", "message": {"lang": "en", "value": "..."}, "innererror": {...}}}`; who is in front of it
answers HTML or plain text. Codes are message class and number. Texts are what a person reads; nothing is told apart by
them but a lock, which has no code of its own (each request asks for English).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.http import discreet, parsed, retry_after

SYSTEM = "sap_s4hana"
ORDERS = "API_PURCHASEORDER_PROCESS_SRV"
REQUISITIONS = "API_PURCHASEREQ_PROCESS_SRV"
INVOICES = "API_SUPPLIERINVOICE_PROCESS_SRV"
PARTNERS = "API_BUSINESS_PARTNER"
COST_CENTERS = "API_COSTCENTER_SRV"
SCENARIOS = {  # the communication scenario that has to be arranged for each
    ORDERS: "SAP_COM_0053",
    REQUISITIONS: "SAP_COM_0102",
    INVOICES: "SAP_COM_0057",
    PARTNERS: "SAP_COM_0008",
    COST_CENTERS: "SAP_COM_0179",
}
NO_SERVICE = "/IWFND/MED/170"  # "No service found": of a 403 or a 404
NO_TOKEN = "csrf_token_required"
FRAMEWORK = re.compile(r"/IW(BEP|FND)/|SADL_")  # classes that say nothing about the business
LOCKED = re.compile(
    r"\b(locked|being (processed|edited|changed)|edited|processed) by\b|already (processing|editing)", re.IGNORECASE
)


class Said(NamedTuple):
    code: str
    text: str
    transaction: str  # that SAP's support asks for


def explain(response: httpx.Response, operation: str, document: str = "") -> StErpError:
    """The error that a response other than the expected ones stands for."""
    said, status = said_by(response), response.status_code

    def of(kind: type[StErpError], fix: str, **more: object) -> StErpError:
        facts: dict[str, Any] = dict(system=SYSTEM, operation=operation, document=document, status=status)
        return kind(said.text, **{**facts, "code": said.code, "correlation_id": said.transaction, "fix": fix, **more})

    if needs_token(response):
        return of(Unavailable, "It was not executed.", code=NO_TOKEN)
    if status == 429:
        return of(Unavailable, "It is sent again later.", wait_seconds=retry_after(response))
    if status in (412, 428):
        return of(Unavailable, "Nothing was changed; it is read and sent again.")
    if status == 423 or (status == 400 and LOCKED.search(said.text)):
        return of(Unavailable, "Somebody works on it there; it is sent again later.")
    if status == 408 or status >= 500 or status < 400:
        return of(InDoubt, "A look-up will tell.", wait_seconds=retry_after(response))
    if status in (401, 403) or said.code == NO_SERVICE:
        return of(ConfigurationError, _access_fix(response))
    fix = "Mend it there or correct the record or the mapping; it is tried again daily, or by a replay."
    return of(Rejected, fix, cause=said.code or f"HTTP {status}: {masked(said.text)}", retry_daily=True)


def needs_token(response: httpx.Response) -> bool:
    return response.status_code == 403 and response.headers.get("x-csrf-token", "").lower() == "required"


def said_by(response: httpx.Response) -> Said:
    """The errors, without the warnings beside them. What is no error body is named, never quoted."""
    try:
        error = parsed(response)["error"]
        inner = error.get("innererror") or {}
        code, text = str(error.get("code") or ""), _value(error.get("message"))
        found = [(code, text), *_details(inner)]
        telling = [each for each in found if not FRAMEWORK.match(each[0])] or found[:1]
        texts = dict.fromkeys(" ".join(each[1].split()).rstrip(".") for each in telling if each[1])
        transaction = str(inner.get("transactionid") or "")
        return Said(telling[0][0], discreet("; ".join(texts), response), transaction)
    except (ValueError, KeyError, TypeError, AttributeError):
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        return Said("", f"answered {kind} instead of an error of its own", "")


def is_gone(error: Rejected) -> bool:
    """The service itself says that there is no such record; a proxy's 404 has no code."""
    return error.status == 404 and bool(error.code)


def masked(text: str) -> str:
    """Refusals of one kind get one text: numbers and quoted values are what differs between them."""
    return re.sub(r"\d+", "#", re.sub(r"'[^']*'", "'#'", text))


def service_of(response: httpx.Response) -> str:
    found = re.search(r"/sap/opu/odata/sap/(\w+)", response.request.url.path)
    return found.group(1) if found else ""


def _value(message: Any) -> str:
    return str(message.get("value") or "") if isinstance(message, Mapping) else str(message or "")


def _details(inner: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in inner.get("errordetails") or ():
        if each.get("severity", "error") == "error":
            yield str(each.get("code") or ""), _value(each.get("message"))


def _access_fix(response: httpx.Response) -> str:
    if response.status_code == 401:
        return "Check the communication user in connections.yaml: erp.user and erp.password, or erp.client_id."
    service = service_of(response)
    scenario = SCENARIOS.get(service, "of this service")
    return (
        f"Arrange the communication scenario {scenario} ({service}) for this communication user; on premise, activate "
        "the service and give the user its authorizations."
    )
