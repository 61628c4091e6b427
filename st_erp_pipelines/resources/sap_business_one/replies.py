"""What a refusal of the Service Layer means, as data.

OData V4 says `{"error": {"code": "-10", "message": "..."}}`, V3 a number and `{"lang": ..., "value": "..."}`; Apache
answers HTML. The codes -10, -1000, -2028 and -5002 mean anything: the number of the business message leads the text
(`1320000140 - ...`) or ends it (`[Message 3524-20]`). Texts come in the language of the login, which is English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.http import discreet, parsed, retry_after

SYSTEM = "sap_business_one"
NO_RECORD = (
    "-2028"  # of a read: it is not there; of a write: what it names is not there, or an approval made it a draft
)
CLOSED_INVOICE = "closed_invoice"
SHUT = "frozen|inactive|not active|deactivated"  # in no text that SAP has published: what people may find there

LOOK_UP = "A look-up will tell."


@dataclass(frozen=True)
class Refusal:
    """One line of the table: where `code` and `text` both match (empty matches all).

    Asked again daily is what can be mended over there, if only by creating what is missing.
    """

    cause: str  # empty: vendor code and masked text
    fix: str
    code: str = ""
    text: str = ""
    retry_daily: bool = False
    date_bound: bool = False

    def matches(self, code: str, text: str) -> bool:
        return self.code in ("", code) and bool(re.search(self.text, text, re.IGNORECASE))


REFUSALS = (
    Refusal(
        CLOSED_INVOICE,
        "Somebody paid, credited or cancelled the invoice it pays: apply the payment by hand, then `accept` it.",
        text=r"invoice is already closed or blocked|\b3524-20\b",
    ),
    Refusal(
        "closed_period",
        "Open the posting period there, or let the connection use the first open day.",
        text=r"posting period|period (is )?(locked|closed)|date deviates from (the )?permissible range",
        retry_daily=True,
        date_bound=True,
    ),
    Refusal("closed_period", "Open the posting period there.", code="-4013", retry_daily=True, date_bound=True),
    Refusal(
        "blocked_customer",
        "Activate the business partner there: it is frozen or inactive.",
        text=rf"(business partner|\bBP\b|customer|CardCode).*\b({SHUT}|on hold)\b"
        rf"|\b({SHUT}) (business partner|BP|customer)|\b({SHUT}|on hold)\b.*\[\w+\.CardCode\]",
        retry_daily=True,
    ),
    Refusal(
        "unknown_customer",
        "Create the business partner there, or correct its link.",
        text=r"invalid (BP|business partner|customer) code|\[\w+\.CardCode\]|(business partner|BP|customer)\b.*"
        r"(does not exist|not found)",
        retry_daily=True,
    ),
    Refusal(
        "blocked_account",
        "Activate the account there, allow posting to it by hand, or map to another one.",
        text=rf"account.*\b({SHUT}|locked|blocked|control account|title account)\b"
        rf"|\b(inactive|control|title) account|\b({SHUT})\b.*\[\w+\.(Acct|Account)Code\]",
        retry_daily=True,
    ),
    Refusal(
        "unknown_account",
        "Create the account there, or map to another one.",
        text=r"invalid (G/L )?account|\baccount\b.*(does not exist|not found|is missing)|\[\w+\.(Acct|Account)Code\]",
        retry_daily=True,
    ),
    Refusal(
        "unknown_tax_code",
        "Create the tax code there, or correct the mapping of tax codes.",
        text=r"(valid|invalid) (tax|vat) (code|group)|234000286",
        retry_daily=True,
    ),
    Refusal(
        "missing_dimension",
        "Create the distribution rule or project there, or correct business_units.csv.",
        text=r"distribution rule|cost(ing)? (center|centre|code)|project code|\[\w+\.(OcrCode\d?|Project)\]",
        retry_daily=True,
    ),
    Refusal(
        "missing_series",
        "Define a numbering series for this kind of document and period there.",
        text="numbering series",
        retry_daily=True,
    ),
    Refusal(
        "missing_branch", "Set erp.branch to an active branch of the company.", text=r"active branch|\[\w+\.BPLId\]"
    ),
    Refusal(
        "missing_exchange_rate",
        "Enter the exchange rate of that day there.",
        text="exchange rate",
        retry_daily=True,
        date_bound=True,
    ),
    Refusal("negative_total", "A negative total has to be a credit note.", text="total value must be zero or greater"),
    Refusal("duplicate_entry", "Look at what carries that name there already.", code="-2035"),
    Refusal("missing_record", "Create what it names there, or correct the mapping.", code=NO_RECORD, retry_daily=True),
    Refusal("", "Read the text, correct the record or the mapping, then replay the document."),
)


def explain(response: httpx.Response, operation: str, document: str = "") -> StErpError:
    """The error that a response other than the expected ones stands for."""
    code, text = said_by(response)
    status = response.status_code

    def of(kind: type[StErpError], fix: str, **more: object) -> StErpError:
        facts = {"system": SYSTEM, "operation": operation, "document": document, "status": status}
        return kind(text, **facts, code=code, fix=fix, **more)  # type: ignore[arg-type]

    if status == 429:
        return of(Unavailable, "It is sent again later.", wait_seconds=retry_after(response))
    if status == 412 or code == "-2039":
        return of(Unavailable, "Nothing was changed; it is read and sent again.")
    if _is_doubtful(status, code, text):
        return of(InDoubt, LOOK_UP, wait_seconds=retry_after(response))
    if status in (401, 403) or code == "240005":
        return of(ConfigurationError, _access_fix(status))
    refusal = next(refusal for refusal in REFUSALS if refusal.matches(code, text))
    cause = refusal.cause or f"{code or f'HTTP {status}'}: {masked(text)}"
    return of(Rejected, refusal.fix, cause=cause, retry_daily=refusal.retry_daily, date_bound=refusal.date_bound)


def said_by(response: httpx.Response) -> tuple[str, str]:
    """Code and text, of both forms. What is no error body is named, never quoted."""
    try:
        error = parsed(response)["error"]
        message = error.get("message", "")
        text = message.get("value", "") if isinstance(message, Mapping) else message
        return str(error.get("code", "")), discreet(" ".join(str(text or "").split()), response)
    except (ValueError, KeyError, TypeError, AttributeError):
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        return "", f"answered {kind} instead of an error of its own"


def is_gone(error: Rejected) -> bool:
    """The server itself says that there is no such record; a proxy's 404 has no code."""
    return error.status == 404 and error.code == NO_RECORD


def masked(text: str) -> str:
    """Refusals of one kind get one text: numbers and quoted values are what differs between them."""
    return re.sub(r"\d+", "#", re.sub(r"'[^']*'", "'#'", text))


def _is_doubtful(status: int, code: str, text: str) -> bool:
    """The request may have taken effect, or what it would make is there already: look it up."""
    return (
        "1320000140" in text  # a second partner of that code
        or code == "-2038"
        or bool(re.search(r"deadlock|lock wait|lock request time", text, re.IGNORECASE))
        or status == 408
        or status >= 500
        or status < 400
    )


def _access_fix(status: int) -> str:
    if status == 401:
        return "A new session is not accepted: does something between here and the server remove cookies?"
    return "Give the user the authorizations and the licence that this kind of record needs."
