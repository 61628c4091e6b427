"""What a refusal of Business Central means, as data.

A body is `{"error": {"code": "...", "message": "<text>  CorrelationId:  <guid>."}}`; gateways answer HTML.
The code is judged before the status, since recorded statuses of one code differ (a duplicate key is 400 or
409). Texts are English because every request says so (Accept-Language).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.http import discreet, parsed, retry_after

SYSTEM = "business_central"
SKIP_TOKEN_EXPIRED = "SkipTokenIsNoLongerValid"

_CORRELATION = re.compile(r"\s*CorrelationId:\s*([0-9a-fA-F-]{36})\.?\s*$")


@dataclass(frozen=True)
class Refusal:
    """One line of the table: where `code` and `text` both match (empty matches all)."""

    cause: str  # empty: vendor code and masked text
    fix: str
    code: str = ""
    text: str = ""
    retry_daily: bool = False
    date_bound: bool = False

    def matches(self, code: str, text: str) -> bool:
        return (not self.code or self.code == code) and bool(re.search(self.text, text, re.IGNORECASE))


REFUSALS = (
    Refusal(
        "changed_meanwhile",
        "Somebody changed it since we read it; look at it there, then replay the document.",
        code="Request_EntityChanged",
    ),
    Refusal(
        "closed_period",
        "Open the period in General Ledger Setup, or let the connection use the first open day.",
        text="within your range of allowed posting dates",
        retry_daily=True,
        date_bound=True,
    ),
    Refusal(
        "blocked_customer",
        "Unblock the customer in Business Central.",
        text=r"customer .*\bis blocked\b|blocked must be .* in customer",
        retry_daily=True,
    ),
    Refusal(
        "blocked_account",
        "Unblock the account or item, allow direct posting to it, or map to another one.",
        text=r"(blocked|direct posting) must be .* in (g/l account|item)",
        retry_daily=True,
    ),
    Refusal(
        "missing_posting_group",
        "Give the customer, account or item its posting groups, or complete the posting setup.",
        text=r"posting group must have a value|posting setup .*does not exist|no .*posting setup",
        retry_daily=True,
    ),
    Refusal(
        "missing_dimension",
        "Create or unblock the dimension value there, or correct business_units.csv.",
        text=r"dimension value code|does not match to a dimension|dimension .*(is blocked|can't be used)",
    ),
    Refusal(
        "unknown_customer",
        "Create the customer there or correct its link.",
        text=r"does not match to a customer|customer does not exist|related table \(customer\)"
        r'|"customerNumber" or a "customerId" must be provided',
    ),
    Refusal(
        "no_lines",
        "The document has no line with a quantity or amount.",
        text=r"add at least one line item|there is nothing to post",
    ),
    Refusal(
        "",
        "Allow manual numbers in the customers' number series.",
        text="may not enter numbers manually",
        retry_daily=True,
    ),
    Refusal(
        "",
        "The invoice it pays is not open there: apply the payment by hand, or replay it.",
        code="Internal_DataNotFoundFilter",
    ),
    Refusal("", "Read the text, correct the record or the mapping, then replay the document."),
)


def explain(response: httpx.Response, operation: str, document: str = "") -> StErpError:
    """The error that a response other than the expected ones stands for."""
    code, text, correlation_id = _said(response)
    status = response.status_code

    def of(kind: type[StErpError], fix: str, **more: object) -> StErpError:
        facts = {"system": SYSTEM, "operation": operation, "document": document, "status": status}
        return kind(text, **facts, code=code, correlation_id=correlation_id, fix=fix, **more)  # type: ignore[arg-type]

    if status == 429:
        return of(Unavailable, "It is sent again later.", wait_seconds=retry_after(response))
    if code == SKIP_TOKEN_EXPIRED:
        return of(Rejected, "The list must be read again from its beginning.")
    if _is_doubtful(status, code, text):
        return of(InDoubt, "A look-up will tell.", wait_seconds=retry_after(response))
    if status in (401, 403):
        return of(ConfigurationError, _access_fix(status))
    if code in ("Internal_CompanyNotFound", "NoEnvironment"):
        return of(ConfigurationError, "Correct tenant, environment or company of the connection.")
    if status in (409, 412):
        code = code or "Request_EntityChanged"
    refusal = next(refusal for refusal in REFUSALS if refusal.matches(code, text))
    cause = refusal.cause or f"{code or f'HTTP {status}'}: {masked(text)}"
    kind = {"retry_daily": refusal.retry_daily, "date_bound": refusal.date_bound}
    return of(Rejected, refusal.fix, cause=cause, **kind)


def masked(text: str) -> str:
    """Refusals of one kind get one text: numbers and quoted values are what differs between them."""
    return re.sub(r"\d+", "#", re.sub(r"'[^']*'", "'#'", text))


def _is_doubtful(status: int, code: str, text: str) -> bool:
    """The request may have taken effect, or what it would make is there already: look it up."""
    return (
        code == "Internal_EntityWithSameKeyExists"
        or "can be applied to a draft" in text  # posted meanwhile, perhaps by an attempt of ours
        or bool(re.search(r"deadlock|\btry again\b", text, re.IGNORECASE))
        or status == 408
        or status >= 500
        or status < 400
    )


def _said(response: httpx.Response) -> tuple[str, str, str]:
    """Code, text without its suffix, correlation id. What is no error body is named, never quoted."""
    try:
        error = parsed(response)["error"]
        code, message = str(error.get("code", "")), str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        return "", f"answered {kind} instead of an error of its own", ""
    suffix = _CORRELATION.search(message)
    text = message[: suffix.start()] if suffix else message.strip()
    return code, discreet(text, response), suffix.group(1) if suffix else ""


def _access_fix(status: int) -> str:
    if status == 401:
        return (
            "Register the client id on the page Microsoft Entra Applications, state Enabled, and grant "
            "API.ReadWrite.All with admin consent."
        )
    return "Give the application's user the permission sets it lacks."
