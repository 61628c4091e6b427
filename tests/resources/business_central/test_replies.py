from __future__ import annotations

import json

import httpx
import pytest

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.business_central.replies import explain

CORRELATION = "8e0c2c8b-0d34-4b5a-9f0e-5c2f0a1b2c3d"


def explained(status: int, code: str, text: str, **headers: str) -> StErpError:
    body = {"error": {"code": code, "message": f"{text}  CorrelationId:  {CORRELATION}."}}
    response = httpx.Response(status, content=json.dumps(body), headers=headers)
    return explain(response, "post invoice", "ST-A-INV-1")


DIALOG, FIELD = "Application_DialogException", "Application_FieldValidationException"


@pytest.mark.parametrize(
    ("code", "text", "cause", "daily"),
    [
        (DIALOG, "Posting Date is not within your range of allowed posting dates.", "closed_period", True),
        (DIALOG, "You cannot create this type of document when Customer STA-1 is blocked with type All",
         "blocked_customer", True),
        (FIELD, "Blocked must be equal to 'No'  in G/L Account: No.=4000. Current value is 'Yes'.",
         "blocked_account", True),
        (FIELD, "Customer Posting Group must have a value in Customer: No.=C00690. It cannot be zero or empty.",
         "missing_posting_group", True),
        (DIALOG, "Select a Dimension Value Code for the Dimension Code UNIT for Customer 10000.",
         "missing_dimension", False),
        (DIALOG, 'The "valueCode" does not match to a Dimension Value.', "missing_dimension", False),
        (DIALOG, 'The "customerNumber" does not match to a Customer.', "unknown_customer", False),
        (DIALOG, "Please add at least one line item to the invoice.", "no_lines", False),
        (DIALOG, "There is nothing to post because the document does not contain a quantity or amount.",
         "no_lines", False),
        ("Request_EntityChanged", "Another user has already changed the record.", "changed_meanwhile", False),
        (DIALOG, "Order 'A-7' of 2026 is odd.", f"{DIALOG}: Order '#' of # is odd.", False),
    ],
)  # fmt: skip
def test_a_refusal_has_a_cause_and_a_way_out(code: str, text: str, cause: str, daily: bool) -> None:
    error = explained(400, code, text)
    assert isinstance(error, Rejected)
    assert (error.cause, error.retry_daily) == (cause, daily)
    assert error.date_bound is (cause == "closed_period")
    assert error.text == text
    assert error.correlation_id == CORRELATION
    assert error.fix


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (408, "", "timeout"),
        (500, "Internal_ServerError", "An unexpected error occurred."),
        (503, "", "queue"),
        (400, DIALOG, "The transaction was deadlocked with another one."),
        (409, "", "Sorry, somebody was faster. Try again."),
        (400, "Internal_EntityWithSameKeyExists", "The record in table Customer already exists."),
        (409, "Internal_EntityWithSameKeyExists", "The record in table Customer already exists."),
        (400, DIALOG, "The action can be applied to a draft invoice only."),
    ],
)
def test_what_may_have_happened_is_in_doubt(status: int, code: str, text: str) -> None:
    assert isinstance(explained(status, code, text), InDoubt)


def test_too_many_requests_is_refused_for_now() -> None:
    error = explained(429, "Application_TooManyRequests", "Too many.", **{"retry-after": "7"})
    assert isinstance(error, Unavailable)
    assert error.wait_seconds == 7


@pytest.mark.parametrize("status", [401, 403])
def test_no_access_is_configuration(status: int) -> None:
    assert isinstance(explained(status, "Authentication_InvalidCredentials", "No."), ConfigurationError)


def test_a_gateway_page_is_not_quoted() -> None:
    page = httpx.Response(502, html="<html>secret path</html>")
    error = explain(page, "post invoice", "ST-A-INV-1")
    assert isinstance(error, InDoubt)
    assert "secret" not in error.sentence()
