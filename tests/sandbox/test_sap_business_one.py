"""The front of the sandbox's SAP Business One: sessions, paths, queries, preconditions, both forms of OData."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.sap_business_one_client import LOGIN, Client, connected, document, seed

NO_SESSION = "401 301: Invalid session or session already timeout."
ASKED = [("GET", "BusinessPartners"), ("POST", "Invoices"), ("GET", "Unicorns"), ("POST", "login")]


@pytest.fixture(scope="module")
def reader() -> Iterator[Client]:
    """For tests that change nothing."""
    entered = [{"set": "Invoices", "body": document(f"KEY-{at:02d}")} for at in range(45)]
    with connected(company=seed(documents=entered)) as client:
        yield client


@pytest.fixture
def sbo() -> Iterator[Client]:
    with connected() as client:
        yield client


# --- sessions --------------------------------------------------------------------------------------------


def test_a_login_gives_a_cookie_without_a_path_and_the_node(reader: Client) -> None:
    reply = httpx.post(f"{reader.http.base_url}/b1s/v2/Login", json=LOGIN)
    session, route = reply.headers.get_list("set-cookie")
    assert session == f"B1SESSION={reply.json()['SessionId']};HttpOnly;"
    assert route.startswith("ROUTEID=.node")
    assert route.endswith("; path=/b1s")
    assert reply.json()["SessionTimeout"] == 30
    assert reply.headers["content-type"] == "application/json;odata.metadata=minimal;charset=utf-8"


@pytest.mark.parametrize("wrong", [{"Password": "wrong"}, {"CompanyDB": "OTHER"}, {"UserName": None}])
def test_refuses_a_login(reader: Client, wrong: dict[str, Any]) -> None:
    other = reader.another()
    assert other.refused("POST", "Login", LOGIN | wrong) == "401 -304: Fail to get DB Credentials from SLD"


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_who_has_no_session_learns_nothing_else(reader: Client, method: str, path: str) -> None:
    assert reader.another().refused(method, path) == NO_SESSION


def test_a_session_ends_when_it_idles_and_each_request_renews_it() -> None:
    with connected(speed=1000, session_minutes=20) as sbo:  # 1.2 s
        for _ in range(2):
            time.sleep(0.7)
            assert sbo.rows("BusinessPartners")
        time.sleep(1.25)
        assert sbo.refused("GET", "BusinessPartners") == NO_SESSION


def test_a_session_ends_by_logout_and_by_control(sbo: Client) -> None:
    other = sbo.another()
    other.login()
    assert sbo.state()["sessions"] == 2
    assert sbo.send("POST", "Logout").status_code == 204
    assert sbo.refused("GET", "BusinessPartners") == NO_SESSION
    other.control("set", {"expire_sessions": True})
    assert other.refused("GET", "BusinessPartners") == NO_SESSION


def test_the_first_login_of_a_node_is_slow() -> None:
    with connected(speed=5) as sbo:  # its first login took the node of the cookie

        def seconds(cookie: str) -> float:
            begun = time.monotonic()
            httpx.post(f"{sbo.http.base_url}/b1s/v2/Login", json=LOGIN, headers={"Cookie": cookie})
            return time.monotonic() - begun

        warm = seconds(sbo.http.headers["Cookie"])
        cold = seconds("ROUTEID=.node2")
    assert warm < 0.7 < 1 <= cold


def test_seats_end() -> None:
    with connected(seats=2) as sbo:
        other = sbo.another()
        assert other.login().is_success
        assert other.login().status_code == 401
        sbo.send("POST", "Logout")
        assert other.login().is_success


def test_a_node_that_does_not_share_its_sessions_is_found_by_routeid_alone() -> None:
    with connected(shared_sessions=False) as sbo:
        session, route = sbo.http.headers["Cookie"].split("; ")
        assert sbo.rows("BusinessPartners")
        sbo.http.headers["Cookie"] = session
        seen = {sbo.send("GET", "BusinessPartners").status_code for _ in range(4)}
        assert (route, seen) == ("ROUTEID=.node1", {200, 401})


def test_a_broken_node_fails_every_request_of_its_sessions(sbo: Client) -> None:
    sbo.control("set", {"broken_nodes": [".node1"]})
    assert sbo.refused("GET", "Invoices").startswith("500 407: Table definition not found for")
    sbo.http.headers.pop("Cookie")
    sbo.login()
    assert "ROUTEID=.node2" in sbo.http.headers["Cookie"]
    assert sbo.rows("Invoices") == []


def test_an_access_token_does_without_a_session(sbo: Client) -> None:
    realm = "/auth/realms/sapb1/protocol/openid-connect/token"
    form = {"grant_type": "client_credentials", "client_id": "demo-business-one-client", "client_secret": "wrong"}
    assert sbo.http.post(realm, data=form).status_code == 401
    reply = sbo.http.post(realm, data=form | {"client_secret": "demo-business-one-client-not-a-secret"})
    assert reply.json()["expires_in"] == 300
    sbo.http.headers["Cookie"] = ""
    sbo.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    assert sbo.rows("BusinessPartners")
    sbo.control("set", {"expire_tokens": True})
    assert sbo.refused("GET", "BusinessPartners") == NO_SESSION


def test_ping_needs_no_session(reader: Client) -> None:
    assert reader.another().send("GET", "/ping/").text == "pong"


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("BusinessPartners?$filter=CardCode eq 'C1'", ["C1"]),
        ("BusinessPartners?$filter=CardCode eq 'c1'", []),
        ("BusinessPartners?$filter=CardName eq 'O''Hara %26 Sons'", ["C1"]),
        ("BusinessPartners?$filter=CardCode eq 'C1' or CardName eq 'Another'", ["C1", "C3"]),
        ("BusinessPartners?$filter=startswith(CardCode,'C') and not (CardCode eq 'C2')", ["C1", "C3"]),
        ("BusinessPartners?$filter=contains(CardName,'Hara') or endswith(CardName,'her')", ["C1", "C3"]),
        ("BusinessPartners?$filter=Frozen eq 'tYES'", ["C2"]),
        ("BusinessPartners?$filter=Frozen eq 'Y' and CardType eq 'C'", ["C2"]),
        ("BusinessPartners?$filter=Phone1 eq null and CardCode ne 'C1'", ["C2", "C3"]),
        ("BusinessPartners?$filter=UpdateDate ge '2020-01-31' and CardCode gt 'C2'", ["C3"]),
        ("BusinessPartners?$filter=UpdateDate ge '20200131' and CardCode le 'C1'", ["C1"]),
        ("BusinessPartners?$filter=CreditLimit eq 0 and GroupCode eq 100&$orderby=CardCode desc&$top=2", ["C3", "C2"]),
        ("BusinessPartners?$skip=2", ["C3"]),
    ],
)
def test_filters(reader: Client, path: str, codes: list[str]) -> None:
    assert [row["CardCode"] for row in reader.rows(path)] == codes


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("Invoices?$filter=DocStatus eq 'O'", "400 201: Property 'DocStatus' is invalid"),
        ("Invoices?$select=DocStatus", "400 -1000: Property 'DocStatus' of 'Document' is invalid"),
        ("Invoices?$filter=toupper(NumAtCard) eq 'A'", "400 -1000: Property 'toupper' of 'Document' is invalid"),
        ("Invoices?$filter=NumAtCard in ('A','B')", "400 201: Invalid query string"),
        ("Invoices?$filter=DocEntry add 1 eq 2", "400 201: Invalid query string"),
        ("Invoices?$filter=NumAtCard eq A", "400 201: Invalid query string"),
        ("Invoices?$filter=NumAtCard eq 'A", "400 201: Invalid query string"),
        ("Invoices?$filter=DocEntry eq '1'", "400 201: Invalid query string"),
        ("Invoices?$filter=DocDate eq 2026-03-05", "400 201: Invalid query string"),
        ("Invoices?$filter=(NumAtCard eq 'A'", "400 201: Invalid query string"),
        ("Invoices?$filter=substringof('A',NumAtCard)", "400 -1000: Property 'substringof'"),
        ("Invoices?$orderby=DocStatus", "400 201: Property 'DocStatus' is invalid"),
        ("Invoices?$apply=aggregate(DocTotal)", "400 201: Invalid query option '$apply'"),
        ("Invoices(4711)", "404 -2028: No matching records found (ODBC -2028)"),
        ("Invoices('1')", "400 201: Invalid key"),
        ("BusinessPartners(1)", "400 201: Invalid key"),
        ("Unicorns", "400 200: Unrecognized resource path."),
        ("invoices", "400 200: Unrecognized resource path."),
    ],
)
def test_refuses_what_it_does_not_know(reader: Client, path: str, refusal: str) -> None:
    assert reader.refused("GET", path).startswith(refusal)


def test_a_page_has_20_rows_and_a_relative_link_to_the_next(reader: Client) -> None:
    path, entries = "Invoices?$select=DocEntry&$filter=startswith(NumAtCard,'KEY-')&$orderby=DocEntry", []
    for _ in range(3):
        found = reader.get(path)
        entries.append([row["DocEntry"] for row in found["value"]])
        path = found.get("@odata.nextLink", "")
        assert not path.startswith(("/", "http"))
    assert [len(page) for page in entries] == [20, 20, 5]
    assert sum(entries, []) == list(range(1, 46))
    assert path == ""


@pytest.mark.parametrize(
    ("query", "headers", "rows", "more"),
    [
        ("", {"Prefer": "odata.maxpagesize=40"}, 40, True),
        ("", {"Prefer": "odata.maxpagesize=0"}, 45, False),
        ("", {"B1S_PageSize": "44"}, 44, True),
        ("?$top=30", {}, 20, True),
        ("?$top=10", {}, 10, False),
        ("?$skip=30", {}, 15, False),
    ],
)
def test_the_size_of_a_page(reader: Client, query: str, headers: dict[str, str], rows: int, more: bool) -> None:
    reply = reader.send("GET", "Invoices" + query, **headers)
    assert (len(reply.json()["value"]), "@odata.nextLink" in reply.json()) == (rows, more)
    assert reply.headers.get("preference-applied") == headers.get("Prefer")


def test_counts(reader: Client) -> None:
    assert reader.get("Invoices?$count=true&$top=1")["@odata.count"] == 45
    assert reader.send("GET", "Invoices/$count?$filter=NumAtCard eq 'KEY-07'").text == "1"


def test_some_servers_lose_the_filter_in_the_next_link() -> None:
    entered = [{"set": "Invoices", "body": document("A")}] * 21
    with connected(company=seed(documents=entered, next_link_loses_filter=True)) as sbo:
        link = sbo.get("Invoices?$filter=NumAtCard eq 'A'&$select=DocEntry")["@odata.nextLink"]
    assert link == "Invoices?$select=DocEntry&$skip=20"


def test_case_is_relaxed_by_a_header(reader: Client) -> None:
    path = "BusinessPartners?$filter=startswith(CardCode,'c') and CardName eq 'another'"
    assert len(reader.rows(path, B1S_CaseInsensitive="true")) == 1


def test_values_on_the_wire(reader: Client) -> None:
    row = reader.get("Invoices(1)")
    assert row["DocDate"] == "2026-03-05T00:00:00Z"
    assert len(row["UpdateTime"]) == 8
    assert (row["Comments"], row["DiscountPercent"], row["Cancelled"]) == (None, 0, "tNO")
    assert row["DocNum"] != row["DocEntry"]
    assert row["@odata.etag"] == 'W/"356A192B7913B04C54574D18C28D46E6395428AB"'  # as recorded, of version 1


def test_the_form_of_odata_v3() -> None:
    with connected(version="v1") as sbo:
        sbo.invoice("A")
        found = sbo.get(
            "Invoices?$inlinecount=allpages&$select=DocDate&$filter=substringof('A',NumAtCard)", B1S_PageSize="1"
        )
        assert (found["odata.count"], found["value"][0]["DocDate"]) == ("1", "2026-03-05")
        sbo.invoice("A")
        assert sbo.get("Invoices", B1S_PageSize="1")["odata.nextLink"] == "/b1s/v1/Invoices?$skip=1"
        assert sbo.send("GET", "Nope").json() == {
            "error": {"code": 200, "message": {"lang": "en-us", "value": "Unrecognized resource path."}}
        }
        assert sbo.refused("GET", "Invoices?$filter=contains(NumAtCard,'A')").startswith("400 -1000")


def test_the_company_and_its_periods(reader: Client) -> None:
    assert reader.post("CompanyService_GetAdminInfo")["LocalCurrency"] == "USD"
    assert reader.get("CompanyService_GetCompanyInfo")["Version"] == 1000280
    (year,) = reader.post("CompanyService_GetPeriods")["value"]
    periods = reader.post("CompanyService_GetFinancePeriods", {"PeriodCategoryParams": year})["value"]
    assert [row["PeriodStatus"] for row in periods] == ["ltLocked", "ltUnlockedExceptSales", "ltUnlocked"]
    assert reader.post("SBOBobService_GetLocalCurrency")["value"] == "USD"
    assert reader.refused("GET", "CompanyService_GetPeriods").startswith("400 -5006")


# --- writing ---------------------------------------------------------------------------------------------


def test_an_etag_is_looked_at_only_where_there_is_one_and_it_is_weak(sbo: Client) -> None:
    first = sbo.send("GET", "BusinessPartners('C1')").headers["etag"]
    sbo.patch("BusinessPartners('C1')", {"Phone1": "1"}, If_Match=first)
    stale = sbo.refused("PATCH", "BusinessPartners('C1')", {"Phone1": "2"}, If_Match=first)
    assert stale.startswith("412 -2039: Another user or another operation modified data")
    sbo.patch("BusinessPartners('C1')", {"Phone1": "3"}, If_Match='"strong"')
    sbo.patch("BusinessPartners('C1')", {"Phone1": "4"})
    entry = sbo.payment("10.00")["DocEntry"]
    assert "etag" not in sbo.send("GET", f"IncomingPayments({entry})").headers
    sbo.patch(f"IncomingPayments({entry})", {"Remarks": "x"}, If_Match=first)


def test_what_is_created_is_returned_unless_asked_otherwise(sbo: Client) -> None:
    reply = sbo.send("POST", "Invoices", document("A"))
    assert reply.status_code == 201
    assert reply.headers["location"].endswith("/b1s/v2/Invoices(1)")
    assert reply.headers["etag"] == reply.json()["@odata.etag"]
    silent = sbo.send("POST", "Invoices", document("A"), Prefer="return-no-content")
    assert (silent.status_code, silent.text) == (204, "")
    assert silent.headers["preference-applied"] == "return-no-content"
    assert silent.headers["location"].endswith("Invoices(2)")


def test_a_post_may_be_a_patch(sbo: Client) -> None:
    sbo.post("BusinessPartners('C1')", {"Phone1": "7"}, X_HTTP_Method_Override="PATCH")
    assert sbo.get("BusinessPartners('C1')")["Phone1"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        (
            "POST",
            "Invoices",
            document("A" * 101),
            "400 -1000: CServiceData::SetPropertyValueString failed; Value too long",
        ),
        ("POST", "Invoices", {"Unicorn": 1}, "400 -1000: Property 'Unicorn' of 'Document' is invalid"),
        ("POST", "Invoices", {"U_Other": "1"}, "400 -1000: Property 'U_Other' of 'Document' is invalid"),
        ("POST", "Invoices", document("A", DocDate="5 March"), "400 -1000: Invalid value in property 'DocDate'"),
        ("POST", "Invoices", [1], "400 -1000: Invalid request body"),
        ("DELETE", "Invoices(1)", None, "400 -5006: The requested action is not supported for this object."),
        ("PUT", "Invoices(1)", {}, "400 -5006"),
        ("POST", "ChartOfAccounts", {"Code": "1"}, "400 -5006"),
        ("POST", "Invoices(1)/Explode", None, "400 200: Unrecognized resource path."),
    ],
)
def test_refuses_what_it_cannot_take(reader: Client, method: str, path: str, body: Any, refusal: str) -> None:
    assert reader.refused(method, path, body).startswith(refusal)


def test_a_user_defined_field_is_there_after_a_restart(sbo: Client) -> None:
    sbo.post("UserFieldsMD", {"TableName": "OCRD", "Name": "STKey", "Type": "db_Alpha", "Size": 50})
    assert sbo.refused("PATCH", "BusinessPartners('C1')", {"U_STKey": "1"}).startswith("400 -1000: Property 'U_STKey'")
    assert sbo.rows("UserFieldsMD?$filter=TableName eq 'OCRD' and Name eq 'STKey'")
    assert sbo.get("UserFieldsMD(TableName='OCRD',FieldID=0)")["Size"] == 50
    sbo.control("set", {"restart": True})
    assert sbo.refused("GET", "BusinessPartners") == NO_SESSION
    sbo.login()
    sbo.patch("BusinessPartners('C1')", {"U_STKey": "1"})
    assert sbo.rows("BusinessPartners?$filter=U_STKey eq '1'&$select=CardCode,U_STKey")[0]["U_STKey"] == "1"


# --- batches ---------------------------------------------------------------------------------------------


def batch(sbo: Client, *parts: str) -> httpx.Response:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    headers = {"Content-Type": "multipart/mixed;boundary=b"}
    return sbo.http.post(sbo.base + "$batch", content=body.encode(), headers=headers)


def part(line: str, body: str = "", number: str = "") -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    head += f"Content-ID: {number}\r\n" if number else ""
    return f"{head}\r\n{line}\r\nContent-Type: application/json\r\n\r\n{body}\r\n"


def change_set(*parts: str) -> str:
    inner = "".join(f"--c\r\n{each}\r\n" for each in parts) + "--c--\r\n"
    return f"Content-Type: multipart/mixed;boundary=c\r\n\r\n{inner}"


def logged(key: str, document_json: str) -> str:
    """A document and its row in the posting log, as one."""
    row = part("POST /b1s/v2/U_ST_POSTLOG", f'{{"Code":"{key}","Name":"{key}"}}', "1")
    return change_set(row, part("POST /b1s/v2/Invoices", document_json, "2"))


INVOICE_JSON = (
    '{"CardCode":"C1","DocType":"dDocument_Service","DocDate":"2026-03-05","NumAtCard":"A",'
    '"DocumentLines":[{"ItemDescription":"Wärme ☀","AccountCode":"_SYS02","LineTotal":10}]}'
)


def test_a_change_set_is_all_or_nothing(sbo: Client) -> None:
    first = batch(sbo, logged("A", INVOICE_JSON))
    assert (first.status_code, first.text.count("HTTP/1.1 201 Created")) == (200, 2)
    assert first.headers["content-type"].startswith("multipart/mixed;boundary=batchresponse_")
    again = batch(sbo, logged("A", INVOICE_JSON))
    assert (again.text.count("HTTP/1.1"), "-2035" in again.text) == (1, True)
    wrong = batch(sbo, logged("B", INVOICE_JSON.replace("C1", "NOBODY")))
    assert (wrong.text.count("HTTP/1.1"), "Invalid BP code" in wrong.text) == (1, True)
    state = sbo.state()
    assert ([row["Code"] for row in state["U_ST_POSTLOG"]], len(state["Invoices"])) == (["A"], 1)
    assert state["Invoices"][0]["DocumentLines"][0]["ItemDescription"] == "Wärme ☀"
    assert len(state["JournalEntries"]) == 1


def test_a_change_set_refers_to_what_it_creates(sbo: Client) -> None:
    both = change_set(part("POST /b1s/v2/Invoices", INVOICE_JSON, "1"), part("POST $1/Cancel", "", "2"))
    assert "HTTP/1.1 204 No Content" in batch(sbo, both).text
    assert [row["CancelStatus"] for row in sbo.rows("Invoices")] == ["csYes", "csCancellation"]


def test_a_batch_ends_with_the_first_failure(sbo: Client) -> None:
    parts = [part(f"GET /b1s/v2/{path}") for path in ("Invoices/$count", "Invoices(1)", "Invoices/$count")]
    text = batch(sbo, *parts).text
    assert (text.count("HTTP/1.1"), text.count("HTTP/1.1 200 OK"), "404 Not Found" in text) == (2, 1, True)
    reply = sbo.http.post(
        sbo.base + "$batch", content="--b\r\n", headers={"Content-Type": "multipart/mixed;boundary=b"}
    )
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "Incomplete Batch Request Body!")


# --- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "kept"), [("http_500_before", 0), ("http_500_after", 1)])
def test_a_deadlock_does_not_say_whether_it_has_committed(sbo: Client, kind: str, kept: int) -> None:
    sbo.post("/_control/faults", {"kind": kind, "method": "POST", "path_contains": "Invoices"})
    assert sbo.refused("POST", "Invoices", document("A")).startswith("500 -2038: Transaction was deadlocked")
    assert len(sbo.state()["Invoices"]) == kept
    entry = sbo.send("GET", "/_control/log").json()[-1]
    assert (entry["path"], entry["committed"]) == ("/b1s/v2/Invoices", bool(kept))
