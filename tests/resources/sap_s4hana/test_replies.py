from __future__ import annotations

from typing import Any

import httpx
import pytest

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.sap_s4hana.replies import explain
from tests.resources.sap_s4hana.conftest import ORDERS, refusal

HTML = b"<html>Logon</html>"


def explained(status: int, content: bytes, kind: str = "application/json", **headers: str) -> StErpError:
    request = httpx.Request("POST", f"https://s4{ORDERS}/A_PurchaseOrder")
    head = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    return explain(httpx.Response(status, content=content, headers=head, request=request), "create", "AR1")


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, refusal("Supplier 17300001 does not exist"), Rejected),
        (404, refusal("Resource not found", "/IWBEP/CM_MGW_RT/020"), Rejected),
        (400, refusal("User MILLER is already processing purchase order 4500000001"), Unavailable),
        (400, refusal("Cost center 10101 is locked by user MILLER"), Unavailable),
        (400, refusal("Cost center 10101 is locked against direct postings"), Rejected),
        (423, refusal("Locked"), Unavailable),
        (412, b"", Unavailable),
        (428, refusal("Precondition required", "SADL_ENTITY_RUNTIME/006"), Unavailable),
        (429, b"", Unavailable),
        (401, HTML, ConfigurationError),
        (403, refusal("No authority"), ConfigurationError),
        (404, refusal("No service found for namespace", "/IWFND/MED/170"), ConfigurationError),
        (500, refusal("Dump"), InDoubt),
        (503, HTML, InDoubt),
        (408, b"", InDoubt),
    ],
)
def test_what_a_status_means(status: int, content: bytes, kind: type[StErpError]) -> None:
    assert type(explained(status, content)) is kind


def test_errors_are_told_without_the_warnings_beside_them() -> None:
    details = [
        {"code": "ME/664", "message": "Delivery date is in the past", "severity": "warning"},
        {"code": "KI/235", "message": "Account 400000 requires a cost object", "severity": "error"},
        {"code": "/IWBEP/CX_MGW_BUSI_EXCEPTION", "message": "An exception was raised", "severity": "error"},
    ]
    inner: Any = dict(transactionid="5F2A", errordetails=details)
    error = explained(400, refusal("An exception was raised", "/IWBEP/CX_MGW_BUSI_EXCEPTION", **inner))
    assert isinstance(error, Rejected)
    assert (error.text, error.code, error.cause) == ("Account 400000 requires a cost object", "KI/235", "KI/235")
    assert (error.correlation_id, error.retry_daily) == ("5F2A", True)


def test_a_forbidden_service_is_named_with_its_scenario() -> None:
    assert "SAP_COM_0053 (API_PURCHASEORDER_PROCESS_SRV)" in explained(403, HTML, "text/html").sentence()


def test_a_page_is_named_and_not_quoted() -> None:
    assert explained(502, HTML, "text/html; charset=utf-8").text == "answered text/html instead of an error of its own"


def test_who_throttles_says_for_how_long() -> None:
    assert explained(429, b"", retry_after="7").wait_seconds == 7


def test_a_refused_token_is_no_missing_authority() -> None:
    error = explained(403, b"CSRF token validation failed", "text/plain", x_csrf_token="Required")
    assert (type(error), error.code) == (Unavailable, "csrf_token_required")
