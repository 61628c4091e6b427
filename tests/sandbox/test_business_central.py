"""The front of the sandbox's Business Central: tokens, addresses, queries, preconditions, limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from st_erp_pipelines.sandbox import business_central
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.faults import Faults
from tests.sandbox.business_central_client import Client, connected, seed

NOWHERE = "00000000-0000-0000-0000-000000000001"


def app(**options: Any) -> Any:
    known: dict[str, Any] = {"client_id": "app", "client_secret": "secret", "speed": 1000.0}
    return business_central_app(seed(), **(known | options))


@pytest.fixture(scope="module")
def reader() -> Iterator[Client]:
    """For tests that change nothing."""
    with connected(app()) as client:
        yield client


@pytest.fixture
def bc() -> Iterator[Client]:
    with connected(app()) as client:
        yield client


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "wrong"}, 400, "unauthorized_client", 700016),
        ({"scope": "openid"}, 400, "invalid_scope", 70011),
    ],
)
def test_refuses_a_token_in_the_words_of_entra(
    reader: Client, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    reply = reader.token("/any-tenant/oauth2/v2.0/token", **changes)
    assert (reply.status_code, reply.json()["error"], reply.json()["error_codes"]) == (status, error, [number])
    assert reply.json()["error_description"].startswith(f"AADSTS{number}: ")


def test_a_token_ends() -> None:
    with connected(app(token_seconds=0.5)) as bc:
        assert bc.rows("customers")
        time.sleep(0.6)
        assert bc.refused("GET", "customers").startswith("401 Authentication_InvalidCredentials: The server has")


def test_control_expires_all_tokens(bc: Client) -> None:
    bc.control("set", {"expire_tokens": True})
    assert bc.send("GET", "customers").status_code == 401


def test_the_tenant_may_be_left_out_and_the_company_may_stand_in_the_query(reader: Client) -> None:
    assert reader.get("/v2.0/production/api/v2.0/customers?company=Northwind")["value"]


def test_shows_its_metadata(reader: Client) -> None:
    root = ElementTree.fromstring(reader.send("GET", f"{reader.base}/$metadata").text)
    names = {found.get("Name") for found in root.iter("{http://docs.oasis-open.org/odata/ns/edm}Property")}
    assert {"externalDocumentNumber", "shortcutDimension1Code"} <= names


def test_companies_have_no_etag(reader: Client) -> None:
    company = reader.rows(f"{reader.base}/companies")[0]
    assert (company["name"], "@odata.etag" in company) == ("Northwind", False)


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/v2.0/demo-tenant/staging/api/v2.0/companies", "404 NoEnvironment"),
        ("GET", f"/v2.0/production/api/v2.0/companies({NOWHERE})/customers", "404 Internal_CompanyNotFound"),
        ("POST", "/v2.0/production/api/v2.0/companies", "405 BadRequest_MethodNotAllowed"),
        ("GET", "unicorns", "404 BadRequest_ResourceNotFound: Resource not found for the segment 'unicorns'."),
        ("GET", f"customers({NOWHERE})", "404 Internal_RecordNotFound"),
        ("GET", "customers('C1')", "400 BadRequest_InvalidRequestUrl"),
        ("POST", "accounts", "405 BadRequest_MethodNotAllowed"),
        ("POST", "dimensionValues", "405 BadRequest_MethodNotAllowed"),
    ],
)
def test_refuses_addresses(reader: Client, method: str, path: str, refusal: str) -> None:
    assert reader.refused(method, path).startswith(refusal)


@pytest.mark.parametrize(
    ("filter", "numbers"),
    [
        ("number eq 'C1'", ["C1"]),
        ("number eq 'c1'", ["C1"]),
        ("displayName eq 'O''Hara %26 Sons'", ["C1"]),
        ("number eq 'C1' or number eq 'TAX'", ["C1", "TAX"]),
        ("startswith(number,'C') or startswith(number,'T')", ["C1", "C2", "C3", "TAX"]),
        ("startswith(number,'C') and (number gt 'C1' and number le 'C2')", ["C2"]),
        ("contains(displayName,'project') and taxLiable eq false", ["PROJ"]),
        ("endswith(displayName,'Sons')", ["C1"]),
        ("city ne ''", ["C1"]),
        ("creditLimit ge 1.5", []),
        ("type eq 'Company' and number lt 'C2'", ["C1"]),
        ("lastModifiedDateTime gt 2020-01-31T10:00:00.123Z and number eq 'C1'", ["C1"]),
        ("lastModifiedDateTime lt 2020-01-31T10:00:00Z", []),
        ("number eq 'C1' and defaultDimensions/any(d: d/dimensionCode eq 'X')", ["C1"]),
    ],
)
def test_filters(reader: Client, filter: str, numbers: list[str]) -> None:
    assert [row["number"] for row in reader.rows(f"customers?$filter={filter}")] == numbers


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (
            "customers?$filter=number eq 'C1' or city eq 'Oslo'",
            "400 BadRequest: The 'OR' operator is not supported on distinct fields on an OData filter.",
        ),
        ("customers?$filter=nunber eq 'C1'", "400 BadRequest_NotFound: Could not find a property named 'nunber'"),
        ("customers?$filter=number like 'C1'", "400 BadRequest_NotFound"),
        ("customers?$filter=number eq", "400 BadRequest_NotFound"),
        ("customers?$filter=(number eq 'C1'", "400 BadRequest_NotFound"),
        ("customers?$filter=number eq 'C1' number", "400 BadRequest_NotFound"),
        ("customers?$filter=substringof(number,'C1')", "400 BadRequest_NotFound"),
        ("customers?$filter=number eq C1", "400 BadRequest: A binary operator with incompatible types"),
        ("customers?$filter=id eq 'C1'", "400 BadRequest: A binary operator with incompatible types"),
        ("customers?$filter=blocked eq 'All'", "400 BadRequest"),
        ("customers?$select=nunber", "400 BadRequest_NotFound"),
        ("customers?$orderby=nunber", "400 BadRequest_NotFound"),
        ("customers?$expand=invoices", "400 BadRequest_NotFound"),
        ("customers?$top=x", "400 BadRequest_NotFound"),
        ("customers?$apply=x", "400 BadRequest_NotFound"),
        (
            "salesInvoiceLines",
            "400 Application_DialogException: You must specify an Id or a Document Id to get the lines.",
        ),
        ("salesCreditMemoLines?$filter=sequence eq 10000", "400 Application_DialogException: You must specify an Id"),
        ("customerPayments", "400 Application_DialogException: You must specify a journal batch ID or a journal ID"),
        ("journalLines?$top=1", "400 Application_DialogException: You must specify a journal batch ID"),
        ("dimensionSetLines", "400 Application_DialogException: You must get to the parent first to get to the dim"),
    ],
)
def test_refuses_queries(reader: Client, path: str, refusal: str) -> None:
    assert reader.refused("GET", path).startswith(refusal)


def test_or_of_startswith_can_be_switched_off() -> None:
    with connected(app(start_or_supported=False)) as bc:
        assert bc.rows("customers?$filter=startswith(number,'C')")
        refusal = bc.refused("GET", "customers?$filter=startswith(number,'C') or startswith(number,'T')")
        assert refusal.startswith("400 ")


def test_pages_are_linked_until_the_last(reader: Client) -> None:
    prefer = {"Prefer": "odata.maxpagesize=2"}
    page = reader.get("customers?$filter=number ne 'C2'&$select=number&$count=true", **prefer)
    assert (page["@odata.count"], len(page["value"])) == (4, 2)
    assert page["@odata.nextLink"].startswith(f"{reader.url}{reader.company}/customers?")
    assert "aid=FIN&$skiptoken=" in page["@odata.nextLink"]
    last = reader.get(page["@odata.nextLink"], **prefer)
    numbers = [row["number"] for row in page["value"] + last["value"]]
    assert numbers == ["C1", "C3", "TAX", "PROJ"]
    assert "@odata.nextLink" not in last


def test_top_skip_and_order(reader: Client) -> None:
    assert [row["number"] for row in reader.rows("customers?$orderby=number desc&$skip=1&$top=2")] == ["PROJ", "C3"]
    page = reader.get("customers?$top=3", Prefer="odata.maxpagesize=2")
    assert len(reader.rows(page["@odata.nextLink"], Prefer="odata.maxpagesize=2")) == 1
    assert reader.send("GET", "customers/$count").text == "5"


def test_a_stale_skiptoken_is_refused(reader: Client) -> None:
    assert reader.refused("GET", f"customers?$skiptoken={NOWHERE}").startswith("400 SkipTokenIsNoLongerValid")


def test_expands_below_expanded(bc: Client) -> None:
    bc.invoice(shortcutDimension1Code="HVAC")
    query = "$select=number&$expand=salesInvoiceLines($expand=dimensionSetLines($select=code,valueCode),account)"
    row = bc.rows(f"salesInvoices?{query},customer($select=number)")[0]
    line = row["salesInvoiceLines"][0]
    assert set(row) == {"@odata.etag", "number", "salesInvoiceLines", "customer"}
    assert row["customer"]["number"] == "C1"
    assert [(found["code"], found["valueCode"]) for found in line["dimensionSetLines"]] == [("DEPARTMENT", "HVAC")]
    assert line["account"]["number"] == "40100"
    dimension = bc.rows("dimensions?$expand=dimensionValues")[0]
    assert [value["code"] for value in dimension["dimensionValues"]] == ["HVAC", "PLUMB"]


def test_etags_change_with_each_write_and_guard_it(bc: Client) -> None:
    before = bc.rows("customers?$filter=number eq 'C1'")[0]
    path = f"customers({before['id']})"
    assert bc.refused("PATCH", path, {"city": "Bergen"}).startswith("400 BadRequest_InvalidToken: Could not validate")
    after = bc.patch(path, {"city": "Bergen"}, before["@odata.etag"])
    assert after["@odata.etag"] != before["@odata.etag"]
    assert after["lastModifiedDateTime"] >= before["lastModifiedDateTime"]
    stale = {"If_Match": before["@odata.etag"]}
    changed = "409 Request_EntityChanged: Another user has already changed the record."
    assert bc.refused("PATCH", path, {"city": "Moss"}, **stale) == changed
    assert bc.refused("DELETE", path, **stale) == changed
    assert bc.patch(path, {"city": "Moss"}, "*")["city"] == "Moss"
    assert bc.send("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("set_name", "body", "refusal"),
    [
        ("customers", {"id": NOWHERE}, "400 BadRequest_InvalidOperation: Control 'id' is read-only"),
        ("salesInvoices", {"number": "1"}, "400 BadRequest_InvalidOperation: Control 'number' is read-only"),
        ("customers", {"nick": "x"}, "400 BadRequest: The property 'nick' does not exist"),
        ("customers", {"number": "C" * 21}, "400 Application_StringExceededLength"),
        ("salesInvoices", {"externalDocumentNumber": "X" * 36}, "400 Application_StringExceededLength"),
        (
            "customers",
            {"type": "Robot"},
            "400 Unknown: 'Robot' is not an option. The existing options are: Company,Per",
        ),
        ("customers", {"creditLimit": "1.5"}, "400 BadRequest: Cannot convert the literal '1.5'"),
        ("customers", {"taxLiable": "yes"}, "400 BadRequest: Cannot convert"),
        ("customers", {"displayName": 7}, "400 BadRequest: Cannot convert"),
        ("salesInvoices", {"postingDate": "03/01/2026"}, "400 BadRequest: Cannot convert"),
        ("salesInvoices", {"customerId": "C1"}, "400 BadRequest: Cannot convert"),
        ("salesInvoices", [], "400 BadRequest: The request body must be a JSON object."),
    ],
)
def test_refuses_bodies(reader: Client, set_name: str, body: Any, refusal: str) -> None:
    assert reader.refused("POST", set_name, body).startswith(refusal)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"number": "X1"}, 'Application_DialogException: A "displayName" must be provided.'),
        ({"displayName": "X", "country": "USA"}, "Internal_InvalidTableRelation: The field Country/Region Code"),
        ({"displayName": "X", "paymentTermsId": NOWHERE}, 'Application_DialogException: The "paymentTermsId" does'),
        ({"displayName": "X", "currencyCode": "XXX"}, 'Application_DialogException: The "currencyCode" does not'),
        ({"displayName": "X", "number": " c1 "}, "Internal_EntityWithSameKeyExists: The record in table Customer"),
    ],
)
def test_refuses_customers(reader: Client, body: dict[str, str], refusal: str) -> None:
    assert reader.refused("POST", "customers", body).startswith(f"400 {refusal}")


def test_creates_customers_with_and_without_a_number(bc: Client) -> None:
    reply = bc.send("POST", "customers", {"displayName": "New", "number": " sta-77 ", "country": "US"})
    assert (reply.status_code, reply.json()["number"]) == (201, "STA-77")
    assert bc.get(reply.headers["Location"])["displayName"] == "New"
    assert bc.post("customers", {"displayName": "Next"})["number"] == "C10001"


def test_a_duplicate_number_may_be_409() -> None:
    with connected(app(duplicate_key_status=409)) as bc:
        refusal = bc.refused("POST", "customers", {"displayName": "X", "number": "C1"})
        assert refusal.startswith("409 Internal_EntityWithSameKeyExists")


def test_numbers_by_hand_and_templates_are_the_administrators_choice(bc: Client) -> None:
    bc.control("set", {"customer_template": False})
    bc.post("customers", {"displayName": "X", "number": "X1"})
    draft = {"customerNumber": "X1"}
    assert "Customer Posting Group must have a value in Customer: No.=X1" in bc.refused("POST", "salesInvoices", draft)
    bc.control("set", {"manual_numbers": False})
    refusal = bc.refused("POST", "customers", {"displayName": "Y", "number": "Y1"})
    assert refusal.startswith("400 Application_DialogException: You may not enter numbers manually.")


def test_an_action_without_a_length_is_answered_in_html(bc: Client) -> None:
    path = f"{bc.company}/salesInvoices({bc.invoice()['id']})/Microsoft.NAV.post"
    request = bc.http.build_request("POST", path)
    del request.headers["Content-Length"]
    reply = bc.http.send(request)
    assert (reply.status_code, reply.headers["Content-Type"]) == (411, "text/html; charset=utf-8")


@pytest.mark.parametrize("retry_after", [True, False])
def test_too_many_requests_in_the_window(monkeypatch: pytest.MonkeyPatch, retry_after: bool) -> None:
    monkeypatch.setattr(business_central, "REQUESTS", 5)
    with connected(app(retry_after=retry_after, speed=10)) as bc:
        replies = [bc.send("GET", "customers") for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200] * 4 + [429]
    refused = replies[-1]
    assert refused.json()["error"] == {
        "code": "Application_TooManyRequests",
        "message": "Too many requests reached. Actual (6). Maximum (5).",
    }
    assert ("Retry-After" in refused.headers) == retry_after


def test_five_are_processed_some_wait_and_the_rest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(business_central, "QUEUED", 3)
    with connected(app(speed=0.02)) as bc:

        def timed(_: int) -> tuple[int, float]:
            began = time.monotonic()
            return httpx.get(
                f"{bc.url}{bc.company}/customers", headers=bc.http.headers
            ).status_code, time.monotonic() - began

        with ThreadPoolExecutor(10) as pool:
            found = sorted(pool.map(timed, range(10)))
    assert [status for status, _ in found] == [200] * 8 + [429] * 2
    assert sum(seconds > 0.9 for _, seconds in found) == 3


def test_a_dropped_answer_leaves_what_was_committed() -> None:
    faults = Faults(speed=1000)
    with connected(app(faults=faults)) as bc:
        faults.add("drop_after", method="POST", path_contains="salesInvoices")
        with pytest.raises(httpx.TransportError):
            bc.invoice("ST-A-INV-9")
        assert len(bc.rows("salesInvoices?$filter=externalDocumentNumber eq 'ST-A-INV-9'")) == 1
        faults.add("http_429")
        assert bc.refused("GET", "customers").startswith("429 Application_TooManyRequests")
