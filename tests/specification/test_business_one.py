"""What is wrong with a request to Business One is found, wherever it is wrong, and what is right is let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.specification import SPECS, Request
from tests.specification.observer import findings

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the API descriptions are not beside the project")

LINE = {"AccountCode": "4000", "LineTotal": 1.5}


def asked(url: str, method: str = "GET", body: Any = None) -> list[str]:
    path, _, query = url.partition("?")
    content = json.dumps(body).encode() if body is not None else b""
    headers = {"content-type": "application/json"} if content else {}
    return findings(Request(method, f"/b1s/v2/{path}", query, headers, content))


@pytest.mark.parametrize(
    ("url", "method", "body"),
    [
        ("Invoices?$select=DocEntry,U_STKey,DocumentLines&$filter=(U_STKey%20eq%20'x')&$orderby=DocEntry", "GET", None),
        ("BusinessPartners('C%2F1')", "PATCH", {"BPAddresses": [{"RowNum": 0, "City": "Waco"}]}),
        (
            "Invoices",
            "POST",
            {"CardCode": "C1", "DocType": "dDocument_Service", "DocumentLines": [LINE], "U_STKey": "x"},
        ),
        ("Invoices(22)/Cancel", "POST", None),
        ("Login", "POST", {"CompanyDB": "x", "UserName": "x", "Password": "x", "Language": 3}),
    ],
)
def test_what_is_right(url: str, method: str, body: Any) -> None:
    assert asked(url, method, body) == []


@pytest.mark.parametrize(
    ("url", "method", "body", "found"),
    [
        ("Invoice", "GET", None, "there is no 'Invoice'"),
        ("Invoices?$select=Total", "GET", None, "Document has no property 'Total'"),
        ("Invoices?$filter=DocEntry%20eq%20'1'", "GET", None, "which is no Edm.Int32"),
        ("Invoices?$expand=DocumentLines", "GET", None, "no query option '$expand'"),
        ("Invoices?$orderby=Total", "GET", None, "Document has no property 'Total'"),
        ("Invoices", "PATCH", {}, "PATCH of a whole list"),
        ("Invoices(22)/Undo", "POST", None, "Invoices has no action 'Undo'"),
        ("Invoices", "POST", {"DocType": "service"}, "not one of"),
        ("Invoices", "POST", {"DocumentLines": [LINE | {"Account": "1"}]}, "DocumentLine has no property 'Account'"),
        ("Invoices", "POST", {"DocumentLines": [LINE | {"LineTotal": "1.5"}]}, "DocumentLines.LineTotal is '1.5'"),
        ("Login", "POST", {"CompanyDB": "x", "UserName": "x"}, "Login lacks Password"),
    ],
)
def test_what_is_wrong(url: str, method: str, body: Any, found: str) -> None:
    assert found in " ".join(asked(url, method, body))


def test_what_is_wrong_in_a_change_set() -> None:
    lines = ["--a", "Content-Type: multipart/mixed;boundary=b", "", "--b", "Content-Type: application/http", ""]
    lines += ["POST /b1s/v2/Invoices", "Content-Type: application/json", "", '{"Total": 1}', "--b--", "--a--", ""]
    headers = {"content-type": "multipart/mixed;boundary=a"}
    found = findings(Request("POST", "/b1s/v2/$batch", "", headers, "\r\n".join(lines).encode()))
    assert found == ["POST /b1s/v2/Invoices has no Content-ID", "Document has no property 'Total'"]
