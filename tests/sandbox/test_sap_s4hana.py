"""The front of the sandbox's SAP S/4HANA: who may come in, CSRF, formats, queries, pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.sandbox.sap_s4hana_client import (
    COST_CENTERS,
    INVOICES,
    ORDERS,
    PARTNERS,
    REQUISITIONS,
    Client,
    connected,
    new_order,
    ok,
)

TOKEN = "/sap/bc/sec/oauth2/token"
GRANT = {"grant_type": "client_credentials", "scope": "API_PURCHASEORDER_PROCESS_SRV_0001"}
ORDER = f"{ORDERS}/A_PurchaseOrder"
ITEM = f"{ORDERS}/A_PurchaseOrderItem"
PARTNER = f"{PARTNERS}/A_BusinessPartner"
CENTER = f"{COST_CENTERS}/A_CostCenter"
INVOICE = f"{INVOICES}/A_SupplierInvoice"


@pytest.fixture(scope="module")
def reader() -> Iterator[Client]:
    """For tests that change nothing, or put back what they change."""
    with connected() as client:
        yield client


@pytest.fixture
def s4() -> Iterator[Client]:
    with connected() as client:
        yield client


def numbers(s4: Client, path: str) -> list[str]:
    """The last figures of the orders that a query brings."""
    return [row["PurchaseOrder"][-1] for row in s4.rows(path)]


# --- who may come in -------------------------------------------------------------------------------------


def test_a_token_comes_with_its_lifetime_as_a_text_and_ends(reader: Client) -> None:
    with connected(token_seconds=0.5) as s4:
        reply = s4.http.post(TOKEN, data=GRANT, auth=("client", "secret")).json()
        assert (reply["token_type"], reply["expires_in"], reply["scope"]) == ("Bearer", "1", GRANT["scope"])
        bearer = {"Authorization": f"Bearer {reply['access_token']}", "Accept": "application/json"}
        url = f"{s4.http.base_url}/sap/opu/odata/sap/{ORDER}"
        assert httpx.get(url, headers=bearer).status_code == 200
        time.sleep(0.6)
        ended = httpx.get(url, headers=bearer)
        assert (ended.status_code, ended.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert "<title>Logon Error Message" in ended.text


@pytest.mark.parametrize(
    ("login", "form", "status", "error"),
    [
        (("client", "wrong"), GRANT, 401, "invalid_client"),
        (None, GRANT | {"client_id": "client", "client_secret": "secret"}, 401, "invalid_client"),
        (("client", "secret"), {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_refuses_a_token(reader: Client, login: Any, form: dict[str, str], status: int, error: str) -> None:
    reply = httpx.post(f"{reader.http.base_url}{TOKEN}", data=form, auth=login)
    assert (reply.status_code, reply.json()["error"]) == (status, error)


@pytest.mark.parametrize("login", [None, ("COMM", "wrong"), ("client", "secret")])
def test_who_is_not_the_communication_user_sees_a_page_for_people(reader: Client, login: Any) -> None:
    reply = httpx.get(f"{reader.http.base_url}/sap/opu/odata/sap/{ORDER}", auth=login)
    assert (reply.status_code, reply.headers["content-type"]) == (401, "text/html; charset=utf-8")


def test_tokens_are_taken_back_by_control(s4: Client) -> None:
    token = s4.http.post(TOKEN, data=GRANT, auth=("client", "secret")).json()["access_token"]
    url, bearer = f"{s4.http.base_url}/sap/opu/odata/sap/{ORDER}", {"Authorization": f"Bearer {token}"}
    assert httpx.get(url, headers=bearer).status_code == 200
    s4.control("set", {"expire_tokens": True})
    assert httpx.get(url, headers=bearer).status_code == 401


def test_each_service_can_be_outside_of_the_arrangement(s4: Client) -> None:
    s4.control("set", {"arrangement": {PARTNERS: False}})
    assert s4.refused("GET", PARTNER).startswith("403 /IWFND/MED/170: No service found for namespace '', name 'API_BU")
    assert s4.rows(CENTER)
    assert s4.refused("GET", "API_PRODUCT_SRV/A_Product").startswith("403 /IWFND/MED/170")


def test_the_user_may_lack_an_authority(s4: Client) -> None:
    s4.control("set", {"forbidden": ["POST A_PurchaseOrder"]})
    reply = s4.write("POST", ORDER, new_order())
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "/IWBEP/CM_MGW_RT/004")
    assert "x-csrf-token" not in reply.headers
    assert s4.rows(ORDER)


def test_a_tenant_that_is_upgraded_shows_a_page(s4: Client) -> None:
    s4.fetch()
    s4.control("set", {"upgrading": True})
    reply = s4.write("POST", ORDER, new_order())
    assert (reply.status_code, reply.headers["content-type"]) == (503, "text/html; charset=utf-8")
    s4.control("set", {"upgrading": False})
    assert len(s4.rows(ORDER)) == 5


def test_the_client_of_the_system_may_be_named(reader: Client) -> None:
    assert reader.rows(f"{CENTER}?sap-client=100&sap-language=EN")
    assert reader.send("GET", f"{CENTER}?sap-client=200").status_code == 401


# --- CSRF ------------------------------------------------------------------------------------------------


def test_a_write_needs_a_token_and_all_cookies_of_its_session(s4: Client) -> None:
    def refused(**headers: str) -> bool:
        reply = s4.send("POST", ORDER, new_order(), **headers)
        required = reply.headers.get("x-csrf-token") == "Required"
        return reply.status_code == 403 and required and reply.headers["content-type"].startswith("text/plain")

    assert refused()
    assert refused(x_csrf_token="Fetch")
    s4.fetch()
    assert refused(x_csrf_token="wrong")
    cookies = dict(s4.http.cookies)
    for name in cookies:
        s4.http.cookies = httpx.Cookies({each: value for each, value in cookies.items() if each != name})
        assert refused(x_csrf_token=s4.token) == (name != "sap-usercontext")
        s4.http.cookies = httpx.Cookies(cookies)
    assert len(s4.rows(ORDER)) == 6  # the five, and the one that did without sap-usercontext
    s4.control("set", {"expire_sessions": True})
    assert refused(x_csrf_token=s4.token)
    assert s4.state()["asked"] == {"POST A_PurchaseOrder": 1}


def test_a_token_comes_with_any_read_and_even_with_a_refusal(s4: Client) -> None:
    reply = s4.send("GET", f"{ORDERS}/A_Nothing", x_csrf_token="fetch")
    assert (reply.status_code, len(reply.headers["x-csrf-token"])) == (404, 24)
    assert len(reply.headers.get_list("set-cookie")) == 3
    again = s4.send("GET", CENTER, x_csrf_token="Fetch")
    assert again.headers["x-csrf-token"] == reply.headers["x-csrf-token"]
    assert "set-cookie" not in again.headers
    assert "x-csrf-token" not in s4.send("GET", CENTER).headers


def test_a_session_idles_away() -> None:
    with connected(speed=1000, session_minutes=10) as s4:  # 0.6 s
        s4.fetch()
        time.sleep(0.7)
        assert s4.write("POST", ORDER, new_order()).headers["x-csrf-token"] == "Required"


# --- formats ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "application/xml", "application/atom+xml"])
def test_who_does_not_ask_for_json_gets_atom(reader: Client, accept: str) -> None:
    reply = reader.send("GET", f"{ORDER}?$top=1&$inlinecount=allpages", accept=accept)
    assert reply.headers["content-type"] == "application/atom+xml;charset=utf-8"
    assert "4500000001" in "".join(ElementTree.fromstring(reply.text).itertext())
    refused = reader.send("GET", f"{ORDER}('1')", accept=accept)
    assert refused.headers["content-type"] == "application/xml;charset=utf-8"
    assert ElementTree.fromstring(refused.text)[0].text == "/IWBEP/CM_MGW_RT/020"
    assert ok(reader.send("GET", f"{ORDER}?$format=json", accept=accept))["d"]["results"]


def test_values_on_the_wire(reader: Client) -> None:
    reply = reader.send("GET", f"{ORDER}('4500000001')")
    assert reply.headers["content-type"] == "application/json;charset=utf-8"
    assert reply.headers["dataserviceversion"] == "2.0"
    row = reply.json()["d"]
    about = row["__metadata"]
    assert about["type"] == f"{ORDERS}.A_PurchaseOrderType"
    assert about["uri"] == f"{reader.http.base_url}/sap/opu/odata/sap/{ORDER}('4500000001')"
    assert about["etag"] == reply.headers["etag"] == "W/\"datetimeoffset'2026-10-01T09%3A00%3A00.1234560Z'\""
    assert row["to_PurchaseOrderItem"] == {"__deferred": {"uri": f"{about['uri']}/to_PurchaseOrderItem"}}
    assert row["PurchaseOrderDate"] == "/Date(1790812800000)/"
    assert row["LastChangeDateTime"] == "/Date(1790845200123+0000)/"  # with less than the database has
    assert (row["ValidityStartDate"], row["PaymentTerms"], row["ReleaseIsNotCompleted"]) == (None, "", False)
    item = reader.get(f"{ITEM}(PurchaseOrder='4500000001',PurchaseOrderItem='10')")
    assert (item["OrderQuantity"], item["NetPriceAmount"], item["NetPriceQuantity"]) == ("10.5", "10.00", "1")
    center = reader.rows(f"{CENTER}?$filter=CostCenter eq '17101101'")[0]
    assert (center["ValidityStartDate"], center["ValidityEndDate"]) == (
        "/Date(1735689600000)/",
        "/Date(253402214400000)/",
    )
    assert "datetime'9999-12-31T00%3A00%3A00'" in center["__metadata"]["uri"]
    assert reader.get(center["__metadata"]["uri"])["CostCenter"] == "17101101"


def test_a_partner_that_was_never_changed_has_no_date_of_it(reader: Client) -> None:
    changed, never = reader.rows(f"{PARTNER}?$orderby=BusinessPartner&$top=2")
    assert (changed["LastChangeDate"], never["LastChangeDate"]) == ("/Date(1790899200000)/", None)
    assert never["CreationTime"] is None
    assert (never["Supplier"], never["BusinessPartnerFullName"]) == ("17300002", "Blocked")


def test_parts_are_expanded_at_every_depth_and_led_to(reader: Client) -> None:
    row = reader.get(
        f"{PARTNER}('17300001')?$expand=to_Supplier/to_SupplierCompany,to_BusinessPartnerAddress/to_EmailAddress"
    )
    assert row["to_Supplier"]["to_SupplierCompany"]["results"][0]["PaymentTerms"] == "NT30"
    assert "__deferred" in row["to_Supplier"]["to_SupplierPurchasingOrg"]
    address = row["to_BusinessPartnerAddress"]["results"][0]
    assert address["to_EmailAddress"]["results"][0]["EmailAddress"] == "orders@example.com"
    assert reader.get(f"{PARTNER}('17300009')?$expand=to_Supplier")["to_Supplier"] is None
    assert len(reader.rows(f"{ORDER}('4500000001')/to_PurchaseOrderItem")) == 2
    assert (
        reader.get(f"{ITEM}(PurchaseOrder='4500000001',PurchaseOrderItem='20')/to_PurchaseOrder")["Supplier"]
        == "17300001"
    )
    lines = reader.rows(f"{ORDERS}/A_PurchaseOrderScheduleLine?$filter=PurchasingDocument eq '4500000002'")
    assert [(line["PurchasingDocumentItem"], line["ScheduleLine"]) for line in lines] == [("10", "1"), ("20", "1")]
    invoice = reader.rows(
        f"{INVOICE}?$expand=to_SuplrInvcItemPurOrdRef/to_SupplierInvoiceItmAcctAssgmt,to_SupplierInvoiceTax"
    )
    line = invoice[0]["to_SuplrInvcItemPurOrdRef"]["results"][0]
    assert line["to_SupplierInvoiceItmAcctAssgmt"]["results"][0]["CostCenter"] == "17101101"


def test_what_is_selected_has_to_name_what_is_expanded(reader: Client) -> None:
    path = f"{ORDER}('4500000001')?$select=Supplier{{}}&$expand=to_PurchaseOrderItem"
    assert reader.get(path.format("")).keys() == {"__metadata", "Supplier"}
    with_items = reader.get(path.format(",to_PurchaseOrderItem/Plant"))
    assert with_items["to_PurchaseOrderItem"]["results"][0].keys() == {"__metadata", "Plant"}


def test_older_releases_of_the_invoice_service_have_no_stamp_and_the_oldest_no_day_of_creation(s4: Client) -> None:
    query = f"{INVOICE}?$filter=SuplrInvcLstChgDteTmeTxt ge '20261005000000'"
    assert [row["SuplrInvcLstChgDteTmeTxt"] for row in s4.rows(query)] == ["202610050900000000000"]
    s4.control("set", {"invoice_change_stamp": False})
    assert s4.refused("GET", query).endswith(
        "Property SuplrInvcLstChgDteTmeTxt not found in type A_SupplierInvoiceType"
    )
    assert "SuplrInvcLstChgDteTmeTxt" not in s4.rows(INVOICE)[0]
    assert "SuplrInvcLstChgDteTmeTxt" not in s4.send("GET", f"{INVOICES}/$metadata").text
    by_day = f"{INVOICE}?$filter=CreationDate ge datetime'2026-10-05T00:00:00'"
    assert len(s4.rows(by_day)) == 1
    s4.control("set", {"invoice_creation_date": False})
    assert s4.refused("GET", by_day).endswith("Property CreationDate not found in type A_SupplierInvoiceType")
    assert len(s4.rows(f"{INVOICE}?$filter=PostingDate ge datetime'2026-10-05T00:00:00'")) == 1


def test_leading_zeros_may_be_shown(s4: Client) -> None:
    s4.control("set", {"leading_zeros": True})
    item = s4.rows(f"{ITEM}?$top=1&$expand=to_AccountAssignment")[0]
    assert item["PurchaseOrderItem"] == "00010"
    assert item["to_AccountAssignment"]["results"][0]["CostCenter"] == "0017101101"


# --- queries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("$filter=PurchaseOrder eq '4500000002'", "2"),
        ("$filter=PurchaseOrder eq '4500000002' or PurchaseOrder eq '4500000004'", "24"),
        ("$filter=PurchaseOrder ne '4500000002' and not (PurchaseOrder eq '4500000004')", "135"),
        ("$filter=(PurchaseOrder lt '4500000002' or PurchaseOrder gt '4500000003') and Supplier eq '17300001'", "145"),
        ("$filter=Supplier eq '0017300001' and PurchaseOrder le '4500000001'", "1"),
        ("$filter=LastChangeDateTime ge datetimeoffset'2026-10-04T09:00:00.123Z'", "45"),
        ("$filter=LastChangeDateTime gt datetimeoffset'2026-10-04T09:00:00.123456Z'", "5"),
        ("$filter=LastChangeDateTime lt datetimeoffset'2026-10-02T04:00:00-05:00'", "1"),
        ("$filter=PurchaseOrderDate ge datetime'2026-10-05T00:00:00'", "5"),
        ("$filter=ValidityStartDate eq null and ReleaseIsNotCompleted eq false&$top=1", "1"),
        ("$filter=ValidityStartDate ge datetime'2026-10-05T00:00:00'", ""),
        ("$filter=startswith(PurchaseOrder,'45') and substringof('00004',PurchaseOrder) eq true", "4"),
        ("$filter=CorrespncExternalReference%20eq%20''&$orderby=PurchaseOrderDate desc&$top=2", "54"),
        ("$orderby=Supplier,PurchaseOrder desc&$skip=3", "21"),
        ("$top=0", ""),
    ],
)
def test_finds(reader: Client, query: str, found: str) -> None:
    assert numbers(reader, f"{ORDER}?{query}") == list(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{ORDER}?$filter=PurchaseOrder eq 4500000001", "Invalid parametertype used at function 'eq' (Position: 17)"),
        (f"{ORDER}?$filter=LastChangeDateTime ge datetime'2026-10-01T00:00:00'", "Invalid parametertype used at"),
        (f"{ORDER}?$filter=LastChangeDateTime ge '2026-10-01T00:00:00Z'", "Invalid parametertype used at"),
        (f"{ORDER}?$filter=LastChangeDateTime ge 2026-10-01", "Syntax error at position 21"),
        (f"{ORDER}?$filter=LastChangeDateTime ge datetimeoffset'2026-10-01T00:00:00'", "Invalid parametertype used"),
        (f"{ORDER}?$filter=PurchaseOrderDate eq datetime'2026-10-01'", "Invalid parametertype used at"),
        (f"{ORDER}?$filter=PurchaseOrderDate eq datetime'2026-13-01T00:00:00'", "Invalid parametertype used at"),
        (f"{ORDER}?$filter=ReleaseIsNotCompleted eq 'X'", "Invalid parametertype used at"),
        (f"{ITEM}?$filter=OrderQuantity gt '5'", "Invalid parametertype used at"),
        (f"{PARTNER}?$filter=LastChangeTime ge '10:00:00'", "Invalid parametertype used at"),
        (f"{ORDER}?$filter=Total eq 5", "Property Total not found in type A_PurchaseOrderType"),
        (f"{ORDER}?$filter=PurchaseOrder+eq+'4500000001'", "Syntax error"),
        (f"{ORDER}?$filter=PurchaseOrder eq '1' and", "Syntax error"),
        (f"{ORDER}?$filter=contains(PurchaseOrder,'1')", "Function 'contains' is not supported"),
        (f"{ORDER}?$select=Nothing", "Property Nothing not found"),
        (f"{ORDER}?$expand=to_Items", "Property to_Items not found"),
        (f"{ORDER}?$orderby=Nothing", "Property Nothing not found"),
        (f"{ORDER}?$top=ten", "Invalid value 'ten' of '$top'"),
        (f"{ORDER}?$count=true", "The query option '$count'"),
        (f"{INVOICE}?$filter=IsReversed eq true", "Property 'IsReversed' is neither filterable nor sortable"),
        (f"{ITEM}(PurchaseOrder='4500000001')", "Invalid key predicate"),
        (f"{ORDER}(4500000001)", "Invalid key predicate"),
    ],
)
def test_refuses_a_query(reader: Client, path: str, text: str) -> None:
    refused = reader.refused("GET", path)
    assert refused.startswith("400 ")
    assert text in refused


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        (f"{ORDER}('4599999999')", "A_PurchaseOrderType"),
        (f"{ITEM}(PurchaseOrder='4500000001',PurchaseOrderItem='99')", "A_PurchaseOrderItemType"),
        (f"{PARTNER}('17300009')/to_Supplier", "A_SupplierType"),
        (f"{ORDERS}/A_Supplier", "A_Supplier"),
        (f"{ORDER}('4500000001')/to_Nothing", "to_Nothing"),
    ],
)
def test_what_is_not_there(reader: Client, path: str, segment: str) -> None:
    refused = reader.refused("GET", path)
    assert refused.startswith("404 ")
    assert refused.endswith(f"'{segment}'")


def test_a_decimal_literal_may_have_its_letter(reader: Client) -> None:
    for literal in ("10.5", "10.5M", "10.500m"):
        assert len(reader.rows(f"{ITEM}?$filter=OrderQuantity eq {literal}")) == 10


def test_the_exact_filter_of_partners(reader: Client) -> None:
    query = "LastChangeDate gt datetime'2026-10-01T00:00:00' or CreationDate ge datetime'2026-10-01T00:00:00'"
    assert [row["BusinessPartner"] for row in reader.rows(f"{PARTNER}?$filter={query}")] == ["17300001"]
    assert reader.rows(f"{PARTNER}?$filter=LastChangeTime ge time'PT10H00M00S'") == []
    assert reader.rows(f"{PARTNER}?$filter=OrganizationBPName1 eq 'O''Hara %26 Sons'")


def test_a_count(reader: Client) -> None:
    assert reader.send("GET", f"{ORDER}/$count?$filter=PurchaseOrder gt '4500000003'").text == "2"
    assert reader.send("GET", f"{ORDER}('4500000001')/to_PurchaseOrderItem/$count").text == "2"
    assert reader.get(f"{ORDER}?$top=1&$inlinecount=allpages")["__count"] == "5"


# --- pages -----------------------------------------------------------------------------------------------


def walk(s4: Client, path: str) -> list[str]:
    found: list[str] = []
    while path:
        page = s4.get(path)
        found += [row["PurchaseOrder"][-1] for row in page["results"]]
        path = page.get("__next", "")
    return found


def test_pages_have_the_odd_next_link(s4: Client) -> None:
    s4.control("set", {"page_size": 2})
    first = s4.get(f"{ORDER}?$filter=Supplier%20eq%20'17300001'&sap-client=100")
    base = f"{s4.http.base_url}/sap/opu/odata/sap/{ORDER}?%24filter=Supplier%20eq%20'17300001'&sap-client=100"
    assert first["__next"] == f"{base}&$skiptoken=2"
    assert s4.get(first["__next"])["__next"] == f"{base}&%24skiptoken=2&$skiptoken=4"
    assert walk(s4, f"{ORDER}?$orderby=PurchaseOrder desc") == list("54321")
    assert walk(s4, f"{ORDER}?$skip=1") == list("2345")


def test_with_top_pages_are_larger(s4: Client) -> None:
    s4.control("set", {"page_size": 2, "max_page": 3})
    assert len(s4.rows(f"{ORDER}?$top=3")) == 3
    page = s4.get(f"{ORDER}?$top=4")
    assert (len(page["results"]), len(s4.rows(page["__next"]))) == (3, 1)
    assert "__next" not in s4.get(page["__next"])


def test_other_next_links(s4: Client) -> None:
    s4.control("set", {"page_size": 2, "next_link": "relative"})
    assert s4.get(ORDER)["__next"] == "A_PurchaseOrder?$skiptoken=2"
    s4.control("set", {"next_link": "foreign"})
    assert s4.get(ORDER)["__next"].startswith("https://elsewhere.example.com/")
    s4.control("set", {"next_link": "repeating"})
    again = s4.get(ORDER)["__next"]
    assert s4.get(again)["__next"] == again


def test_rows_that_change_during_paging_shift(s4: Client) -> None:
    s4.control("set", {"page_size": 2})
    query = f"{ORDER}?$filter=LastChangeDateTime lt datetimeoffset'2026-10-31T00:00:00Z'"
    edit = {"set": "A_PurchaseOrder", "key": "4500000001", "changes": {"PaymentTerms": "NT30"}}
    s4.control("during_paging", {"set": "A_PurchaseOrder", "hand": "edit", "body": edit})
    assert walk(s4, query) == list("1245")  # the third was never shown
    assert walk(s4, query) == list("2345")


def test_without_an_order_the_database_may_have_another_for_each_page(s4: Client) -> None:
    s4.control("set", {"page_size": 2, "unordered": True})
    assert sorted(walk(s4, ORDER)) != list("12345")
    assert walk(s4, f"{ORDER}?$orderby=PurchaseOrder") == list("12345")


# --- faults ----------------------------------------------------------------------------------------------


def fault(s4: Client, kind: str, **rest: Any) -> None:
    s4.http.post("/_control/faults", json={"kind": kind, "path_contains": "/odata/", **rest})


def orders_there(s4: Client) -> int:
    return len(s4.state()["A_PurchaseOrder"])


def test_faults_meet_its_requests(s4: Client) -> None:
    s4.fetch()
    fault(s4, "http_429", seconds=3)
    reply = s4.send("GET", ORDER)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "0.003")
    fault(s4, "html")
    assert s4.send("GET", ORDER).headers["content-type"].startswith("text/html")
    fault(s4, "http_500_before", method="POST")
    assert s4.refused("POST", ORDER, new_order()).startswith("500 SY/530")
    assert orders_there(s4) == 5
    fault(s4, "http_500_after", method="POST")
    assert s4.write("POST", ORDER, new_order()).status_code == 500
    fault(s4, "drop_after", method="POST")
    with pytest.raises(httpx.RemoteProtocolError):
        s4.write("POST", ORDER, new_order())
    assert orders_there(s4) == 7


def test_an_unknown_option_of_the_system_is_nobodys(reader: Client) -> None:
    assert len(reader.rows(f"{REQUISITIONS}/A_PurchaseRequisitionItem?saml2=disabled")) == 2
