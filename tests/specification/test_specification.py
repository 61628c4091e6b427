"""What is wrong with a request is found, wherever it is wrong, and what is right is let through."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from st_erp_pipelines.errors import StErpError
from st_erp_pipelines.resources.business_central import BusinessCentral
from st_erp_pipelines.resources.http import USER_AGENT
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.serve import running
from tests.resources.business_central.conftest import SEED, client_of
from tests.specification import SPECS, Findings, Request
from tests.specification.observer import findings

ID = "73ad21e1-fd75-5d36-9f1c-879a4090830c"
SIGNED = {"authorization": "Bearer x", "st-app-key": "x", "if-match": "*"}
JSON = SIGNED | {"content-type": "application/json"}
BATCH = f"customerPaymentJournals({ID})/customerPayments"
HOME = {**dict.fromkeys(("street", "unit", "city", "state", "zip", "country"), ""), "latitude": 41.8, "longitude": -88}
LINK = {"patchMode": "Merge", "applicationGuid": ID, "externalData": [{"key": "erpId", "value": "C1"}]}
LINE = {"sequence": 10000, "lineType": "Account", "lineObjectNumber": "4000", "quantity": 1.5}

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the API descriptions are not beside the project")


def servicetitan(url: str, method: str = "GET", body: Any = None, **headers: str) -> list[str]:
    path, _, query = url.partition("?")
    content = json.dumps(body).encode() if body is not None else b""
    return findings(Request(method, path, query, (JSON if content else SIGNED) | headers, content))


def business_central(url: str, method: str = "GET", body: Any = None) -> list[str]:
    """Below the company."""
    return servicetitan(f"/v2.0/demo/production/api/v2.0/companies({ID})/{url}", method, body)


@pytest.mark.parametrize(
    "query",
    [
        "page=1&pageSize=50&includeTotal=true&activeState=All&sort=%2BId&ids=1,2",
        "modifiedOnOrAfter=2026-11-01T00%3A00%3A00.000000Z&statuses=Posted&statuses=Exported&totalLess=9.5",
    ],
)
def test_a_right_query_of_servicetitan(query: str) -> None:
    assert servicetitan(f"/accounting/v2/tenant/7/invoices?{query}") == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("accounting/v2/tenant/7/invoice", "no such path"),
        ("accounting/v3/tenant/7/invoices", "no such module"),
        ("accounts/v2/tenant/7/invoices", "no such module"),
        ("accounting/v2/tenant/mine/invoices", "tenant in the path is 'mine', which is no integer"),
        ("accounting/v2/tenant/7/invoices?active=Any", "no query parameter 'active'"),
        ("accounting/v2/tenant/7/invoices?activeState=all", "activeState is 'all', not one of"),
        ("accounting/v2/tenant/7/invoices?page=one", "page is 'one', which is no integer"),
        ("accounting/v2/tenant/7/invoices?page=1&page=2", "page is given 2 times"),
        ("accounting/v2/tenant/7/invoices?includeTotal=True", "includeTotal is 'True', which is no boolean"),
        ("accounting/v2/tenant/7/invoices?modifiedBefore=2026-11-01", "which is no date-time"),
        ("accounting/v2/tenant/7/invoices?statuses=Posted,Exported", "statuses is 'Posted,Exported', not one of"),
        ("accounting/v2/tenant/7/ap-bills?sort=%2BId", "no query parameter 'sort'"),
        ("crm/v2/tenant/7/locations?sort=+Id", "sort is ' Id', not + or - and one of"),
        ("crm/v2/tenant/7/locations?sort=-Name", "sort is '-Name', not + or - and one of"),
        (f"crm/v2/tenant/7/locations?ids={','.join(map(str, range(51)))}", "ids has 51 values, at most 50"),
        ("crm/v2/tenant/7/locations?externalDataApplicationGuid=7", "which is no guid"),
        ("inventory/v2/tenant/7/return-types", "the query lacks 'activeOnly'"),
    ],
)
def test_a_wrong_url_of_servicetitan(url: str, found: str) -> None:
    (finding,) = servicetitan(f"/{url}")
    assert found in finding


@pytest.mark.parametrize(
    ("method", "path", "body", "found"),
    [
        ("POST", "invoices/markasexported", [{"invoiceId": 1, "externalId": "PS-1", "externalMessage": None}], ""),
        ("POST", "invoices/markasexported", [{"invoiceId": "1"}], "body[0].invoiceId is '1', which is no integer"),
        ("POST", "invoices/markasexported", [{"id": 1, "invoiceId": 1}], "body[0] has no member 'id'"),
        ("POST", "invoices/markasexported", [{"externalId": "PS-1"}], "body[0] lacks the member 'invoiceId'"),
        ("POST", "invoices/markasexported", {"invoiceId": 1}, "which is no array"),
        ("POST", "payments/status", {"paymentIds": [1], "status": "Exported"}, ""),
        ("POST", "payments/status", {"paymentIds": [1], "status": "Done"}, "body.status is 'Done', not one of"),
        ("PUT", "payments/status", {"paymentIds": [1]}, "/tenant/{tenant}/payments/status has no PUT"),
        ("GET", "invoices", {"page": 1}, "it takes no body"),
    ],
)
def test_a_body_for_servicetitan(method: str, path: str, body: Any, found: str) -> None:
    said = servicetitan(f"/accounting/v2/tenant/7/{path}", method, body)
    assert len(said) == bool(found)
    assert found in "".join(said)


@pytest.mark.parametrize(
    ("method", "path", "body", "found"),
    [
        ("PATCH", "customers/1", {"name": "Ada", "paymentTermId": 4, "externalData": LINK, "address": HOME}, ""),
        ("PATCH", "customers/1", {"externalData": LINK | {"patchMode": "Add"}}, "body.externalData.patchMode is 'Add'"),
        ("PATCH", "customers/1", {"address": {"street": "1 Elm Ct"}}, "body.address lacks the member 'unit'"),
        ("PATCH", "customers/1", {"address": HOME | {"unit": None}}, "body.address.unit is None"),
        ("PATCH", "customers/1", {"phone": "1"}, "body has no member 'phone'"),
        ("PATCH", "customers/1", {"paymentTermId": None}, "body.paymentTermId is None, which is no integer"),
        ("POST", "customers/1/contacts", {"type": "Phone", "value": "1", "memo": None}, ""),
        ("POST", "customers/1/contacts", {"type": "Phone"}, "body lacks the member 'value'"),
        ("POST", "customers/1/contacts", {"type": "Cell", "value": "1"}, "body.type is 'Cell', not one of"),
        ("PATCH", "customers/1/contacts/2", {"value": "1"}, ""),
        ("PATCH", "customers/1/contacts/2", {"memo": None}, "body.memo is None, which is no string"),
        ("PUT", "customers/1/contacts/2", {"value": "1"}, "has no PUT"),
    ],
)
def test_a_customer_written_to_servicetitan(method: str, path: str, body: Any, found: str) -> None:
    said = servicetitan(f"/crm/v2/tenant/7/{path}", method, body)
    assert any(found in each for each in said) if found else said == []


def test_headers_of_servicetitan() -> None:
    url = "/accounting/v2/tenant/7/invoices"
    assert servicetitan(url, **{"st-app-key": ""}) == ["the header ST-App-Key is missing"]
    assert servicetitan(url, authorization="Basic x") == ["there is no bearer token"]
    body = {"paymentIds": [1], "status": "Exported"}
    text = {"content-type": "text/plain"}
    (found,) = servicetitan("/accounting/v2/tenant/7/payments/status", "POST", body, **text)
    assert found == "the body is text/plain, not application/json"


def test_the_form_of_the_token() -> None:
    def asked(form: bytes, kind: str = "application/x-www-form-urlencoded") -> list[str]:
        return findings(Request("POST", "/connect/token", "", {"content-type": kind}, form))

    right = b"grant_type=client_credentials&client_id=a&client_secret=b"
    assert asked(right) == []
    assert asked(right, "application/json") == ["a token is asked for by POST of a form"]
    assert asked(right.replace(b"client_id", b"clientId")) == [
        "the form lacks client_id",
        "the form has no field clientId",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "salesInvoices?$filter=externalDocumentNumber%20eq%20'O''Hara%20and%20(sons'&$select=id,number",
        "salesInvoices?$filter=lastModifiedDateTime%20ge%202026-11-01T00:00:00.000Z%20and%20(totalTaxAmount%20gt%200)",
        f"salesInvoices({ID})?$expand=salesInvoiceLines($expand=dimensionSetLines;$select=id),customer",
        f"{BATCH}?$filter=startswith(documentNumber,'AP1-')%20or%20startswith(documentNumber,'AP2-')",
        f"salesInvoiceLines?$filter=documentId%20eq%20{ID}&$top=5&$orderby=sequence%20desc,id&$count=true",
        f"customers?aid=FIN&$skiptoken={ID}",
    ],
)
def test_a_right_query_of_business_central(url: str) -> None:
    assert business_central(url) == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("salesInvoice", "company has nothing called 'salesInvoice' below it"),
        ("salesInvoices/salesInvoiceLines", "salesInvoice has nothing called 'salesInvoiceLines' below it"),
        ("salesInvoices(PS-1)", "'PS-1' is no key of salesInvoice"),
        ("salesInvoices?$filter=externalNumber%20eq%20'1'", "salesInvoice has no property 'externalNumber'"),
        ("salesInvoices?$filter=postingDate%20eq%20'2026-11-01'", "postingDate is compared with \"'2026-11-01'\""),
        ("salesInvoices?$filter=number%20eq%20P+1", "number is compared with 'P+1', which is no Edm.String"),
        ("salesInvoices?$filter=number%20is%20'1'", "'is' compares nothing"),
        ("salesInvoices?$filter=number%20eq", "$filter ends in mid condition"),
        ("salesInvoices?$filter=number%20eq%20'1'%20number", "$filter goes on with 'number'"),
        ("salesInvoices?$filter=number%20eq%20'1", "$filter cannot be read"),
        ("salesInvoices?$filter=contains(number%20'1')", "$filter has \"'1'\" where ',' should be"),
        ("salesInvoices?$select=id,total", "salesInvoice has no property 'total'"),
        ("salesInvoices?$expand=lines", "salesInvoice has no 'lines' to expand"),
        ("salesInvoices?$expand=salesInvoiceLines($expand=dimensions)", "salesInvoiceLine has no 'dimensions'"),
        ("salesInvoices?$orderby=total", "salesInvoice has no property 'total'"),
        ("salesInvoices?$top=all", "$top is 'all', which is no number"),
        ("salesInvoices?$search=x", "no query option '$search'"),
        ("salesInvoices?filter=x", "no query option 'filter'"),
        (f"salesInvoices({ID})?$filter=number%20eq%20'1'", "no query option '$filter' of one salesInvoice"),
    ],
)
def test_a_wrong_url_of_business_central(url: str, found: str) -> None:
    assert any(found in each for each in business_central(url))


@pytest.mark.parametrize(
    ("method", "path", "body", "found"),
    [
        (
            "POST",
            "salesInvoices",
            {"customerNumber": "1", "postingDate": "2026-11-01", "salesInvoiceLines": [LINE]},
            "",
        ),
        ("POST", "salesInvoices", {"customer": "1"}, "customer is '1', not an object"),
        ("POST", "salesInvoices", {"reference": "1"}, "salesInvoice has no property 'reference'"),
        ("POST", "salesInvoices", {"number": "PS-1"}, "number is read-only"),
        ("POST", "salesInvoices", {"externalDocumentNumber": "x" * 36}, "has 36 characters, at most 35 are kept"),
        ("POST", "salesInvoices", {"postingDate": "11/01/2026"}, "postingDate is '11/01/2026', which is no Edm.Date"),
        ("POST", "salesInvoices", {"customerNumber": None}, "customerNumber is null"),
        ("POST", "salesInvoices", {"discountAmount": "5.00"}, "discountAmount is '5.00', which is no Edm.Decimal"),
        ("POST", "salesInvoices", {"dueDate": True}, "dueDate is True, which is no Edm.Date"),
        ("POST", "salesInvoices", {"salesInvoiceLines": [LINE | {"lineType": "G/L"}]}, "salesInvoiceLines.lineType is"),
        ("POST", "salesInvoices", {"salesInvoiceLines": [LINE | {"sequence": 1.5}]}, "which is no Edm.Int32"),
        ("PATCH", f"salesInvoices({ID})", {"salesInvoiceLines": [LINE]}, "a change brings nothing from below"),
        ("PATCH", f"customers({ID})", {"taxLiable": "yes"}, "taxLiable is 'yes', which is no Edm.Boolean"),
        ("PATCH", f"customers({ID})", {"email": "x" * 81}, "email has 81 characters, at most 80 are kept"),
        ("POST", "customers", {"number": "STA-1"}, "the body lacks 'displayName'"),
        ("POST", BATCH, {"customerNumber": "1", "amount": -5, "appliesToInvoiceId": ID}, ""),
        ("POST", BATCH, {"appliesToInvoiceId": "1"}, "appliesToInvoiceId is '1', which is no Edm.Guid"),
        ("POST", f"salesInvoices({ID})/Microsoft.NAV.post", None, ""),
        ("POST", f"salesInvoices({ID})/Microsoft.NAV.post", {}, "it takes no body"),
        ("POST", f"{BATCH}({ID})/Microsoft.NAV.post", None, "customerPayment has no action 'post'"),
        ("POST", "accounts", {"number": "1"}, "account takes no POST"),
        ("DELETE", "salesInvoices", None, "DELETE of a whole list"),
        ("POST", f"salesInvoices({ID})", {}, "POST of one"),
        ("PUT", f"salesInvoices({ID})", None, "no PUT is known"),
    ],
)
def test_a_write_to_business_central(method: str, path: str, body: Any, found: str) -> None:
    said = business_central(path, method, body)
    assert bool(said) == bool(found)
    assert any(found in each for each in said) or not found


def test_what_cannot_be_checked_is_a_finding_and_no_error() -> None:
    (found,) = findings(Request("POST", f"/api/v2.0/companies({ID})/customers", "", JSON, b"{"))
    assert "could not be checked" in found


# Over real sockets


def ask_wrongly(client: BusinessCentral) -> None:
    """The sandbox refuses it, too; what is found does not depend on that."""
    with suppress(StErpError):
        client.rows("customers", operation="ask", filter="nobody eq 'x'")


def test_what_our_client_asks_wrongly_is_found_and_changes_no_answer(unpublished: Findings) -> None:
    with running(business_central_app(SEED, speed=1000)) as url, client_of(url) as client:
        ask_wrongly(client)
        assert client.rows("customers", operation="ask", filter="number eq 'STA-1'")[0]["displayName"] == "Ada Byron"
    (found,) = unpublished.new()
    assert found.startswith("GET /v2.0/")
    assert found.endswith("/customers: customer has no property 'nobody'")


def test_a_test_may_ask_what_it_likes_by_its_own_client(unpublished: Findings) -> None:
    with running(business_central_app(SEED, speed=1000)) as url:
        for agent, found in (("a test", []), (USER_AGENT, ["GET /crm/v2/tenant/7/x: no such path"])):
            assert httpx.get(f"{url}/crm/v2/tenant/7/x", headers={"User-Agent": agent}).status_code == 404
            assert unpublished.new() == found


@contextmanager
def another_process() -> Iterator[str]:
    """As the crash tests start it."""
    command = [sys.executable, "-m", "tests.crashes.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def test_another_process_tells_what_it_finds(
    unpublished: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with another_process() as url, client_of(f"{url}/business_central/some") as client:
        ask_wrongly(client)
    (found,) = unpublished.new()
    assert "customer has no property 'nobody'" in found
