from __future__ import annotations

from typing import Any

import httpx
import pytest

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.sap_business_one.replies import explain, said_by


def said(text: str, code: int | str = "-5002", status: int = 400) -> StErpError:
    """In the form of the version that sends such a code."""
    message: Any = text if isinstance(code, str) else {"lang": "en-us", "value": text}
    return explain(httpx.Response(status, json={"error": {"code": code, "message": message}}), "post invoice", "ST-1")


CLOSED = "Invoice is already closed or blocked  [Message 3524-20]"
MISSING = "Invalid BP code  [OINV.CardCode] , 'X'"


@pytest.mark.parametrize(
    ("text", "code", "cause", "daily"),
    [
        (MISSING, "-5002", "unknown_customer", True),
        (MISSING, -10, "unknown_customer", True),
        ("Posting period locked; specify an alternative date", "-4013", "closed_period", True),
        ("Buchungsperiode gesperrt", -4013, "closed_period", True),
        ("Date deviates from permissible range  [OINV.DocDate]", "-5002", "closed_period", True),
        (CLOSED, "-10", "closed_invoice", False),
        ("Business partner 'C1' is frozen", "-5002", "blocked_customer", True),
        ("'STA-7' is frozen  [OINV.CardCode]", "-5002", "blocked_customer", True),
        ("'STA-7' is deactivated  [ORCT.CardCode]", "-5002", "blocked_customer", True),
        ("Record is inactive  [INV1.AcctCode]", "-5002", "blocked_account", True),
        ("Account '_SYS1' is inactive", "-5002", "blocked_account", True),
        ("Invalid G/L account  [INV1.AcctCode]", "-5002", "unknown_account", True),
        ("Specify valid tax code 'X'", "234000286", "unknown_tax_code", True),
        ("To generate this document, first define the numbering series in the module", "-10", "missing_series", True),
        ("Specify an active branch  [OINV.BPLId]", "-5002", "missing_branch", False),
        ("Document total value must be zero or greater than zero", "-5002", "negative_total", False),
        ("This entry already exists in the following tables (ODBC -2035)", "-2035", "duplicate_entry", False),
        ("No matching records found (ODBC -2028)", "-2028", "missing_record", True),
        ("(1000) Item 4711 of 'Ada' is not allowed", "-1116", "-1116: (#) Item # of '#' is not allowed", False),
    ],
)
def test_a_refusal_has_its_cause_in_both_forms(text: str, code: int | str, cause: str, daily: bool) -> None:
    error = said(text, code)
    assert isinstance(error, Rejected)
    assert (error.cause, error.retry_daily, error.code) == (cause, daily, str(code))
    assert error.fix


def test_a_period_is_closed_for_its_date_only() -> None:
    refusals = said("Posting period locked; specify an alternative date", "-4013"), said(MISSING)
    assert [isinstance(each, Rejected) and each.date_bound for each in refusals] == [True, False]


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("1320000140 - Business partner code 'c1' already assigned to a business partner", "-10", 400),
        ("Transaction (Process ID 61) was deadlocked on lock resources", "-1", 400),
        ("anything", "-2038", 400),
        ("Table definition not found for '@X'", "407", 500),
        ("anything", "", 504),
    ],
)
def test_what_may_have_been_done_is_in_doubt(text: str, code: str, status: int) -> None:
    assert isinstance(said(text, code, status), InDoubt)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("-2039", 412, Unavailable),
        ("", 429, Unavailable),
        ("301", 401, ConfigurationError),
        ("240005", 400, ConfigurationError),
    ],
)
def test_what_is_no_fault_of_the_document(code: str, status: int, kind: type[StErpError]) -> None:
    assert isinstance(said("anything", code, status), kind)


def test_a_web_page_is_named_and_not_quoted() -> None:
    page = httpx.Response(502, html="<html>secret</html>")
    assert said_by(page) == ("", "answered text/html instead of an error of its own")
    assert isinstance(explain(page, "post invoice"), InDoubt)
