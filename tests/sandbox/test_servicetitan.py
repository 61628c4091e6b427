"""The sandbox's ServiceTitan over a real socket: what it refuses, what it ignores, and what it remembers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan_lists import LISTINGS
from tests.sandbox.servicetitan_client import (
    LOGIN,
    assert_problem,
    at,
    control,
    ids,
    logged_in,
    named,
    stored,
    tenant,
)

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "servicetitan"
INVOICES = "/accounting/v2/tenant/7/invoices"
PAYMENTS = "/accounting/v2/tenant/7/payments"
CUSTOMERS = "/crm/v2/tenant/7/customers"
MARK = f"{INVOICES}/markasexported"
STATUS = f"{PAYMENTS}/status"


def invoice(number: int, **members: Any) -> dict[str, Any]:
    """Modified on March `number`; the fields of the published list, as far as they matter here."""
    return {
        "id": number,
        "syncStatus": "Posted",
        "referenceNumber": f"R-{number}",
        "invoiceDate": at(number),
        "dueDate": at(number),
        "subTotal": "100.00",
        "salesTax": "0.00",
        "total": f"{number * 10}.00",
        "balance": "0.00",
        "customer": named(100 + number % 2),
        "businessUnit": named(1),
        "job": {"id": 900 + number, "number": f"J{number}", "type": None},
        "items": None,
        "createdOn": at(number),
        "modifiedOn": at(number, "08:30:00.1234567Z"),
        "sentStatus": "NotSent",
        "reviewStatus": "NeedsReview",
        "active": True,
        "exportId": None,
        "invoiceConfiguration": "JobInvoice",
        **members,
    }


def payment(number: int, **members: Any) -> dict[str, Any]:
    applied = [{"appliedId": 1, "appliedTo": number - 10, "appliedAmount": "5.00", "appliedOn": at(2)}]
    return {
        "id": number,
        "syncStatus": "Posted",
        "date": at(number),
        "type": "Check",
        "typeId": "3",
        "total": "5.00",
        "appliedTo": applied,
        "active": True,
        "createdOn": at(number),
        "modifiedOn": at(number),
        **members,
    }


def customer(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": number,
        "active": True,
        "name": f"Zoë {number}",
        "type": "Residential",
        "address": {"street": "1 Main St", "city": "Austin", "state": "TX", "zip": "78701", "country": "USA"},
        "customFields": [],
        "balance": 0,
        "taxExempt": False,
        "mergedToId": None,
        "createdOn": at(1),
        "modifiedOn": at(5),
        **members,
    }


def contact(number: int, customer_id: int) -> dict[str, Any]:
    times = {"createdOn": at(1), "modifiedOn": at(number)}
    return {
        "id": number,
        "customerId": customer_id,
        "type": "Phone",
        "value": "555",
        "phoneSettings": None,
        **times,
    }


def memo_item(number: int) -> dict[str, Any]:
    return {"id": number, "creditMemoId": number - 10, "active": True, "total": 5.0, "createdOn": at(3)}


def small_books() -> dict[str, list[dict[str, Any]]]:
    times = {"createdOn": at(1), "modifiedOn": at(2)}
    return {
        "invoices": [
            invoice(1, syncStatus="Pending"),
            invoice(2),
            invoice(3, active=False),
            invoice(4, syncStatus="Exported"),
            invoice(5, modifiedOn=None),
        ],
        "payments": [payment(11), payment(12), payment(13, appliedTo=None, syncStatus="Pending")],
        "customers": [
            customer(100),
            customer(101, modifiedOn=at(9), _masterModifiedOn=at(5)),
            customer(102, active=False, mergedToId=100),
        ],
        "customer_contacts": [contact(21, 100), contact(22, 101)],
        "credit_memos": [{"id": 31, "date": "2026-03-04", "active": True, "total": 5.5, **times}],
        "credit_memo_items": [memo_item(41), memo_item(42)],
        "business_units": [{"id": 1, "active": True, "name": "HVAC Install", **times}],
        "payment_types": [{"id": 3, "name": "Check", **times}],
        "payment_terms": [{"id": 4, "name": "Net 30", "active": False, **times}],
        "gl_accounts": [{"id": 5, "name": "Sales", "number": "4000", "type": "Income", "active": True, **times}],
        "tax_zones": [{"id": 6, "name": "Austin", "active": True, "rates": [], **times}],
    }


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """For what only reads; a fast server, so that the call limit does not matter."""
    with running(app(speed=1000, token_seconds=900_000)) as url:
        yield url


@pytest.fixture
def api(url: str) -> Iterator[httpx.Client]:
    with logged_in(url) as client:
        yield client


def app(books: dict[str, list[dict[str, Any]]] | None = None, **options: Any) -> Any:
    return tenant(small_books() if books is None else books, **options)


def test_a_token_is_given_for_a_form(url: str) -> None:
    body = httpx.post(f"{url}/connect/token", data=LOGIN).json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert "tn.acc.invoices:r" in body["scope"].split()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"json": LOGIN}, "invalid_request"),
        ({"data": LOGIN | {"client_secret": "wrong"}}, "invalid_client"),
        ({"data": LOGIN | {"client_id": " me"}}, "invalid_client"),
        ({"data": LOGIN | {"grant_type": "password"}}, "unsupported_grant_type"),
        ({"data": {}}, "invalid_request"),
    ],
)
def test_a_token_is_refused_with_400_and_never_401(url: str, content: Any, error: str) -> None:
    reply = httpx.post(f"{url}/connect/token", **content)
    assert (reply.status_code, reply.json()) == (400, {"error": error})


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"Authorization": "Bearer nonsense"}, INVOICES, 401),
        ({"Authorization": ""}, INVOICES, 401),
        ({"ST-App-Key": "other"}, INVOICES, 401),
        ({"ST-App-Key": ""}, INVOICES, 401),
        ({}, INVOICES.replace("/7/", "/8/"), 403),
        ({}, INVOICES.replace("/tenant", ""), 404),
    ],
)
def test_the_door(api: httpx.Client, headers: dict[str, str], path: str, status: int) -> None:
    assert_problem(api.get(path, headers=headers), status)


def test_a_token_without_the_word_bearer_is_taken(api: httpx.Client) -> None:
    bare = api.headers["Authorization"].removeprefix("Bearer ")
    assert api.get(INVOICES, headers={"Authorization": bare}).status_code == 200


def test_a_token_expires_by_itself_and_on_demand() -> None:
    with running(app(token_seconds=0.3)) as url, logged_in(url) as api:
        assert api.get(INVOICES).status_code == 200
        time.sleep(0.35)
        assert_problem(api.get(INVOICES), 401)
    with running(app()) as url, logged_in(url) as api:
        assert api.post("/_control/servicetitan/expire_tokens").status_code == 204
        assert_problem(api.get(INVOICES), 401)


def test_a_scope_that_was_not_granted_is_forbidden() -> None:
    with running(app(scopes=["tn.acc.invoices:r"])) as url, logged_in(url) as api:
        assert api.get(INVOICES).status_code == 200
        assert_problem(api.post(MARK, json=[]), 403)
        assert_problem(api.get(CUSTOMERS), 403)


def test_sixty_calls_per_second_then_429_with_the_time_to_wait() -> None:
    with running(app(speed=0.25)) as url, logged_in(url) as api:
        replies = [api.get(INVOICES) for _ in range(61)]
        assert [reply.status_code for reply in replies] == [200] * 60 + [429]
        assert_problem(replies[-1], 429)
        wait = replies[-1].headers["Retry-After"]
        assert replies[-1].json()["title"].endswith(f"Try again in {wait} seconds.")
        assert httpx.post(f"{url}/connect/token", data=LOGIN).status_code == 200  # not counted
        time.sleep(float(wait))
        assert api.get(INVOICES).status_code == 200


def test_the_envelope_and_the_pages(api: httpx.Client) -> None:
    first = api.get(INVOICES, params={"activeState": "All", "pageSize": 3}).json()
    assert list(first) == ["page", "pageSize", "hasMore", "totalCount", "data"]
    assert (first["page"], first["pageSize"], first["hasMore"], first["totalCount"]) == (1, 3, True, None)
    query = {"activeState": "All", "pageSize": 3, "page": 2, "includeTotal": True}
    last = api.get(INVOICES, params=query).json()
    assert (last["hasMore"], last["totalCount"], [r["id"] for r in last["data"]]) == (False, 5, [4, 5])
    assert api.get(INVOICES).json()["pageSize"] == 50
    assert api.get(INVOICES, params={"page": 0}).json()["page"] == 1
    assert ids(api.get(INVOICES, params={"page": 99})) == []


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (INVOICES, {}, [1, 2, 4, 5]),
        (INVOICES, {"activeState": "InactiveOnly"}, [3]),
        (INVOICES, {"activeState": "All", "ids": "3,2,77"}, [2, 3]),
        (INVOICES, {"statuses": ["Pending", "Exported"]}, [1, 4]),
        (INVOICES, {"customerId": 100}, [2, 4]),
        (INVOICES, {"jobNumber": "J4"}, [4]),
        (INVOICES, {"number": "R-5"}, [5]),
        (INVOICES, {"totalGreater": "40.00"}, [4, 5]),
        (INVOICES, {"totalLess": 20}, [1, 2]),
        (INVOICES, {"invoicedOnOrAfter": "2026-03-02", "invoicedOnBefore": "2026-03-04"}, [2]),
        (INVOICES, {"sort": "-Id"}, [5, 4, 2, 1]),
        (INVOICES, {"sort": "+modifiedOn"}, [5, 1, 2, 4]),
        (INVOICES, {"MODIFIEDBEFORE": "2026-03-02"}, [1]),
        (INVOICES, {"modifiedOnOrAfter": ""}, [1, 2, 4, 5]),
        (PAYMENTS, {"statuses": "Pending,Exported"}, [13]),
        (PAYMENTS, {"appliedToInvoiceIds": "1,2"}, [11, 12]),
        (PAYMENTS, {"paidOnAfter": at(12)}, [12, 13]),
        ("/accounting/v2/tenant/7/credit-memos", {"dateOnOrAfter": "2026-03-04"}, [31]),
        ("/accounting/v2/tenant/7/credit-memos", {"dateBefore": "2026-03-04"}, []),
        ("/accounting/v2/tenant/7/credit-memos/credit-memo-items", {"creditMemoIds": "32"}, [42]),
        ("/accounting/v2/tenant/7/payment-types", {}, [3]),
        ("/accounting/v2/tenant/7/payment-terms", {}, [4]),
        ("/accounting/v2/tenant/7/gl-accounts", {"numbers": "4000,5000"}, [5]),
        ("/accounting/v2/tenant/7/tax-zones", {"active": "False"}, []),
        (CUSTOMERS, {}, [100, 101]),
        (CUSTOMERS, {"active": "Any"}, [100, 101, 102]),
        (CUSTOMERS, {"active": "False"}, [102]),
        (CUSTOMERS, {"name": "zoë 101"}, [101]),
        (CUSTOMERS, {"modifiedOnOrAfter": at(9)}, [101]),
        (
            CUSTOMERS,
            {"modifiedOnOrAfter": at(9), "excludeAccountingChangesFromModifiedDateRange": "true"},
            [],
        ),
        (f"{CUSTOMERS}/contacts", {"modifiedOnOrAfter": at(22)}, [22]),
        (f"{CUSTOMERS}/contacts", {"modifiedBefore": at(30), "customerIds": "100"}, [21]),
        (f"{CUSTOMERS}/101/contacts", {}, [22]),
        ("/settings/v2/tenant/7/business-units", {"name": "install"}, [1]),
    ],
)
def test_a_list_returns(api: httpx.Client, path: str, query: dict[str, Any], expected: list[int]) -> None:
    assert ids(api.get(path, params=query)) == expected


@pytest.mark.parametrize(
    ("since", "before", "expected"),
    [
        (at(2, "08:30:00.123456Z"), at(4, "08:30:00.123456Z"), [2, 3]),
        (at(2, "08:30:00.123457Z"), at(4, "08:30:00.123457Z"), [3, 4]),
        (at(2, "10:30:00.123456+02:00"), at(3), [2]),
        ("2026-03-02", "2026-03-03", [2]),
        (at(2, "09:00:00"), at(2, "08:00:00"), []),
    ],
)
def test_a_window_includes_its_start_and_not_its_end(
    api: httpx.Client, since: str, before: str, expected: list[int]
) -> None:
    window = {"modifiedOnOrAfter": since, "modifiedBefore": before, "activeState": "All"}
    assert ids(api.get(INVOICES, params=window)) == expected


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (INVOICES, {"ids": ",".join(map(str, range(51)))}, "Ids"),
        (INVOICES, {"ids": "one"}, "Ids"),
        (INVOICES, {"pageSize": 5001}, "PageSize"),
        (INVOICES, {"pageSize": 0}, "PageSize"),
        (INVOICES, {"page": -1}, "Page"),
        (INVOICES, {"page": "two"}, "Page"),
        (INVOICES, {"includeTotal": "yes"}, "IncludeTotal"),
        (INVOICES, {"activeState": "Any"}, "ActiveState"),
        (INVOICES, {"statuses": "Pending,Posted"}, "Statuses"),
        (INVOICES, {"modifiedOnOrAfter": "yesterday"}, "ModifiedOnOrAfter"),
        (INVOICES, {"sort": "Id"}, "Sort"),
        (INVOICES, {"sort": "+total"}, "Sort"),
        (INVOICES, {"totalLess": "much"}, "TotalLess"),
        (PAYMENTS, {"statuses": "Open"}, "Statuses"),
        (CUSTOMERS, {"active": "true"}, "Active"),
        (CUSTOMERS, {"active": "All"}, "Active"),
        (f"{CUSTOMERS}/contacts", {}, "ModifiedBefore"),
        (f"{CUSTOMERS}/contacts", {"createdBefore": at(9)}, "ModifiedBefore"),
    ],
)
def test_a_list_refuses(api: httpx.Client, path: str, query: dict[str, Any], field: str) -> None:
    assert_problem(api.get(path, params=query), 400, field)


def test_a_plus_that_was_not_encoded_is_a_space(api: httpx.Client) -> None:
    assert_problem(api.get(f"{INVOICES}?sort=+Id"), 400, "Sort")
    assert_problem(api.get(f"{INVOICES}?modifiedBefore=2026-03-01T00:00:00+00:00"), 400, "ModifiedBefore")


def test_every_wrong_parameter_is_named_at_once(api: httpx.Client) -> None:
    assert_problem(api.get(INVOICES, params={"page": "x", "pageSize": 9999}), 400, "Page", "PageSize")


def test_fifty_ids_and_five_thousand_rows_are_allowed(api: httpx.Client) -> None:
    query = {"ids": ",".join(map(str, range(50))), "pageSize": 5000}
    assert ids(api.get(INVOICES, params=query)) == [1, 2, 4, 5]


def test_an_unknown_parameter_is_ignored_without_a_word(api: httpx.Client) -> None:
    assert ids(api.get(INVOICES, params={"modifiedAfter": at(30), "active": "False"})) == [1, 2, 4, 5]
    assert ids(api.get("/accounting/v2/tenant/7/payment-types", params={"sort": "nonsense"})) == [3]


def test_strict_refuses_what_is_unknown() -> None:
    with running(app(strict_query=True)) as url, logged_in(url) as api:
        assert_problem(api.get(INVOICES, params={"modifiedAfter": at(30)}), 400, "modifiedAfter")
        assert_problem(api.post(MARK, json=[{"invoiceId": 2, "externalID": "x"}]), 400, "externalID")
        assert ids(api.get(INVOICES, params={"modifiedBefore": at(2)})) == [1]


def test_a_documented_filter_that_is_not_served_says_so(api: httpx.Client) -> None:
    assert_problem(api.get(INVOICES, params={"orderBy": "Id"}), 501, "orderBy")


def test_single_records(api: httpx.Client) -> None:
    assert api.get(f"{CUSTOMERS}/102").json()["mergedToId"] == 100
    assert api.get("/accounting/v2/tenant/7/payment-types/3").json()["name"] == "Check"
    assert_problem(api.get(f"{CUSTOMERS}/9"), 404)
    assert_problem(api.get(f"{CUSTOMERS}/9/contacts"), 404)
    assert_problem(api.get("/accounting/v2/tenant/7/payment-types/9"), 404)
    assert_problem(api.get(f"{INVOICES}/2"), 404)
    assert_problem(api.get(MARK), 405)


def test_private_members_stay_here_and_contacts_of_one_customer_come_without_its_id(
    api: httpx.Client,
) -> None:
    assert "_masterModifiedOn" not in api.get(f"{CUSTOMERS}/101").json()
    everyone = api.get(f"{CUSTOMERS}/contacts", params={"modifiedBefore": at(30)}).json()["data"]
    one = api.get(f"{CUSTOMERS}/100/contacts").json()["data"]
    assert [row["customerId"] for row in everyone] == [100, 101]
    assert "customerId" not in one[0]


@pytest.fixture
def live() -> Iterator[httpx.Client]:
    """A server of its own, for tests that write."""
    with running(app()) as url, logged_in(url) as client:
        yield client


def test_marking_as_exported_answers_for_each_row_and_may_be_repeated(live: httpx.Client) -> None:
    rows = [{"invoiceId": 2, "externalId": "SI-2", "unknown": 1}, {"invoiceId": 1}, {"invoiceId": 99}]
    for _ in range(2):
        reply = live.post(MARK, json=rows)
        assert reply.status_code == 200
        assert [(r["invoiceId"], r["success"]) for r in reply.json()] == [(2, True), (1, False), (99, False)]
        assert [r["errorMessage"] is None for r in reply.json()] == [True, False, False]
    assert ids(live.get(INVOICES, params={"statuses": "Exported"})) == [2, 4]
    assert stored(live, "invoices", 2)["exportId"] == "SI-2"
    assert stored(live, "invoices", 1)["syncStatus"] == "Pending"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"invoiceId": 2}, "$"),
        ([{"externalId": "x"}], "$[0].invoiceId"),
        ([{"invoiceId": "2"}], "$[0].invoiceId"),
        ([{"invoiceId": 2}, {"invoiceId": 4, "externalId": 5}], "$[1].externalId"),
    ],
)
def test_marking_refuses_a_wrong_body_as_a_whole(live: httpx.Client, body: Any, field: str) -> None:
    assert_problem(live.post(MARK, json=body), 400, field)
    assert stored(live, "invoices", 2)["syncStatus"] == "Posted"


def test_payments_change_status_in_a_batch_with_an_empty_answer(live: httpx.Client) -> None:
    reply = live.post(STATUS, json={"paymentIds": [11, 13], "status": "Exported"})
    assert (reply.status_code, reply.content) == (200, b"")
    assert ids(live.get(PAYMENTS, params={"statuses": "Exported"})) == [11, 13]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "$"),
        ({"status": "Exported"}, "paymentIds"),
        ({"paymentIds": ["11"], "status": "Exported"}, "paymentIds"),
        ({"paymentIds": [11], "status": "Done"}, "status"),
        ({"paymentIds": [11, 99], "status": "Exported"}, "paymentIds"),
    ],
)
def test_payment_statuses_refuse_a_wrong_body_as_a_whole(live: httpx.Client, body: Any, field: str) -> None:
    assert_problem(live.post(STATUS, json=body), 400, field)
    assert ids(live.get(PAYMENTS, params={"statuses": "Exported"})) == []


def test_a_body_that_is_not_json_is_refused(live: httpx.Client) -> None:
    assert_problem(live.post(MARK, content=b"<invoice/>"), 400, "$")


def test_a_record_changed_during_a_page_walk_moves(live: httpx.Client) -> None:
    window = {"modifiedBefore": at(30), "pageSize": 1, "activeState": "All"}
    assert ids(live.get(INVOICES, params=window | {"page": 1})) == [1]
    control(live, "change", entity="invoices", id=1, set={"summary": "edited"})
    assert ids(live.get(INVOICES, params=window | {"page": 2})) == [3]  # 2 was never seen
    changed = live.get(INVOICES, params={"modifiedOnOrAfter": at(30)}).json()["data"]
    assert [(row["id"], row["summary"]) for row in changed] == [(1, "edited")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", changed[0]["modifiedOn"])
    assert abs((datetime.fromisoformat(changed[0]["modifiedOn"]) - datetime.now(UTC)).total_seconds()) < 60


def test_a_silent_change_moves_nothing(live: httpx.Client) -> None:
    control(live, "change", entity="invoices", id=2, set={"total": "1.00"}, touch=False)
    assert stored(live, "invoices", 2) == invoice(2, total="1.00")


def test_a_changed_balance_is_an_accounting_change(live: httpx.Client) -> None:
    control(live, "change", entity="customers", id=100, set={"balance": 7.5})
    recent = {"modifiedOnOrAfter": at(30)}
    master = recent | {"excludeAccountingChangesFromModifiedDateRange": "true"}
    assert ids(live.get(CUSTOMERS, params=recent)) == [100]
    assert ids(live.get(CUSTOMERS, params=master)) == []
    control(live, "change", entity="customers", id=100, set={"name": "Renamed"})
    assert ids(live.get(CUSTOMERS, params=master)) == [100]


def test_records_are_added_once(live: httpx.Client) -> None:
    assert control(live, "add", entity="invoices", record={"id": 9, "active": True}).status_code == 201
    assert ids(live.get(INVOICES, params={"modifiedOnOrAfter": at(30)})) == [9]
    assert control(live, "add", entity="invoices", record={"id": 9}).status_code == 409
    assert control(live, "add", entity="wishes", record={"id": 9}).status_code == 404
    assert control(live, "change", entity="invoices", id=77, set={}).status_code == 404


@pytest.mark.parametrize("moves", [True, False])
def test_the_office_posts_a_batch(moves: bool) -> None:
    with running(app(batching_moves_modified_on=moves)) as url, logged_in(url) as api:
        changed = control(api, "batch", ids=[1, 13, 999]).json()
        assert changed == [{"entity": "invoices", "id": 1}, {"entity": "payments", "id": 13}]
        assert stored(api, "invoices", 1)["syncStatus"] == "Posted"
        assert ids(api.get(INVOICES, params={"modifiedOnOrAfter": at(30)})) == ([1] if moves else [])


def test_a_write_may_be_applied_although_the_connection_drops() -> None:
    faults = Faults()
    with running(app(faults=faults)) as url, logged_in(url) as api:
        faults.add("drop_after", path_contains="markasexported")
        with pytest.raises(httpx.TransportError):
            api.post(MARK, json=[{"invoiceId": 2}])
        assert stored(api, "invoices", 2)["syncStatus"] == "Exported"
        faults.add("http_429", seconds=3)
        reply = api.get(INVOICES)
        assert_problem(reply, 429)
        assert (reply.headers["Retry-After"], reply.json()["title"].split()[-2]) == ("3", "3")


def test_entities_that_the_service_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="invoces"):
        app({"invoces": []})


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_the_parameters_are_the_published_ones() -> None:
    for listing in LISTINGS:
        document = json.loads((SPECS / f"{listing.module}-v2.json").read_text())
        path = "/tenant/{tenant}" + listing.path.replace(":int", "")
        published = document["paths"][path]["get"]["parameters"]
        names = {each["name"] for each in published if each["in"] == "query"}
        assert set(listing.known().values()) == names, listing.path
