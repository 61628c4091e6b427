"""Customers and contacts written to the sandbox's ServiceTitan: what is refused, dropped, and stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import servicetitan_customers
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from tests.sandbox.published import SPECS, answer, assert_published
from tests.sandbox.servicetitan_client import assert_problem, at, control, ids, logged_in, stored, tenant

CUSTOMERS = "/crm/v2/tenant/7/customers"
ADA, BOB = f"{CUSTOMERS}/100", f"{CUSTOMERS}/101"
OURS, THEIRS = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41", "0b1d7a52-2f6e-4d7c-8a55-9c1f3e6b7d08"
HOME = {"street": "1 Elm Ct", "unit": "", "city": "Wheaton", "state": "IL", "zip": "60187", "country": "US"}
PLACE = {"latitude": 41.8, "longitude": -88.1}
NUMBER = {"type": "Phone", "value": "(312) 555-0100"}
NET_30 = 4


def customer(number: int, name: str) -> dict[str, Any]:
    empty = dict.fromkeys(("createdById", "mergedToId", "paymentTermId", "creditLimit", "creditLimitBalance"))
    flags = dict.fromkeys(("taxExempt", "doNotMail", "doNotService", "nationalAccount"), False)
    lists: dict[str, Any] = {"customFields": [], "tagTypeIds": [], "externalData": []}
    times = {"createdOn": at(1), "modifiedOn": at(5)}
    row = {"id": number, "active": True, "name": name, "type": "Residential", "address": HOME | PLACE, "balance": 0.0}
    external = {OURS: {"erpId": "C1", "kind": "x"}, THEIRS: {"x": "y"}}
    return {**row, **empty, **flags, **lists, **times, "_externalData": external}


def contact(number: int, owner: int, kind: str, value: str) -> dict[str, Any]:
    phone = None if kind == "Email" else {"phoneNumber": value, "doNotText": True}
    times = {"createdOn": at(1), "modifiedOn": at(5)}
    row = {"id": number, "customerId": owner, "type": kind, "value": value, "memo": None, "preferences": None}
    return {**row, "phoneSettings": phone, **times}


def books() -> dict[str, list[dict[str, Any]]]:
    return {
        "customers": [customer(100, "Ada"), customer(101, "Bob")],
        "customer_contacts": [contact(1, 100, "Phone", "3125550100"), contact(2, 100, "Email", "ada@mail.example")],
        "payment_terms": [{"id": NET_30, "name": "Net 30", "active": True, "createdOn": at(1), "modifiedOn": at(1)}],
    }


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with running(tenant(books(), speed=1000, token_seconds=900_000)) as url, logged_in(url) as client:
        yield client


@pytest.fixture(scope="module")
def refusing() -> Iterator[httpx.Client]:
    """For requests that change nothing."""
    with running(tenant(books(), speed=1000, token_seconds=900_000)) as url, logged_in(url) as client:
        yield client


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_a_patch_of_a_customer_changes_what_is_sent_and_every_list_shows_it(api: httpx.Client) -> None:
    before = api.get(ADA).json()
    body = {"name": "Ada Byron", "address": HOME | PLACE | {"unit": "Apt 1"}, "paymentTermId": NET_30, "Name2": "x"}
    reply = api.patch(ADA, json=body)
    assert (reply.status_code, reply.json()) == (200, api.get(ADA).json())
    assert changed(before, reply.json()) == {"name", "address", "paymentTermId", "modifiedOn"}
    assert reply.json()["address"]["unit"] == "Apt 1"
    since = {"modifiedOnOrAfter": reply.json()["modifiedOn"]}
    assert ids(api.get(CUSTOMERS, params=since)) == [100]
    assert ids(api.get(CUSTOMERS, params=since | {"excludeAccountingChangesFromModifiedDateRange": "true"})) == [100]
    api.patch(ADA, json={"active": False})
    assert ids(api.get(CUSTOMERS)) == [101]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "$"),
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": "Eve", "type": "residential"}, "type"),
        ({"address": HOME}, "address.latitude"),
        ({"address": HOME | PLACE | {"unit": None}}, "address.unit"),
        ({"address": HOME | PLACE | {"zip": 60187}}, "address.zip"),
        ({"paymentTermId": 5}, "paymentTermId"),
        ({"paymentTermId": str(NET_30)}, "paymentTermId"),
        ({"active": 1}, "active"),
        ({"tagTypeIds": ["1"]}, "tagTypeIds[0]"),
        ({"creditLimit": "5"}, "creditLimit"),
        ({"externalData": None}, "externalData"),
        ({"externalData": {"applicationGuid": "x", "externalData": []}}, "externalData.applicationGuid"),
    ],
)
def test_a_wrong_patch_of_a_customer_is_refused_as_a_whole(refusing: httpx.Client, body: Any, field: str) -> None:
    assert_problem(refusing.patch(ADA, json=body), 400, field)
    assert stored(refusing, "customers", 100) == books()["customers"][0]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "fields"),
    [
        ("PATCH", f"{CUSTOMERS}/9", {}, 404, []),
        ("PATCH", ADA, {"customFields": [{"typeId": 1, "value": "x"}]}, 501, ["customFields"]),
        ("POST", f"{CUSTOMERS}/9/contacts", NUMBER, 404, []),
        ("PATCH", f"{CUSTOMERS}/9/contacts/1", {}, 404, []),
        ("PATCH", f"{ADA}/contacts/9", {}, 404, []),
        ("PATCH", f"{BOB}/contacts/1", {}, 404, []),
        ("POST", f"{ADA}/contacts", {"type": "Phone"}, 400, ["value"]),
        ("POST", f"{ADA}/contacts", {"value": "1"}, 400, ["type"]),
        ("POST", f"{ADA}/contacts", NUMBER | {"value": ""}, 400, ["value"]),
        ("POST", f"{ADA}/contacts", NUMBER | {"type": "Mobile"}, 400, ["type"]),
        ("POST", f"{ADA}/contacts", NUMBER | {"memo": 1}, 400, ["memo"]),
        ("PATCH", f"{ADA}/contacts/1", {"memo": None}, 400, ["memo"]),
        (
            "PATCH",
            f"{ADA}/contacts/1",
            {"preferences": {"jobRemindersEnabled": True}},
            400,
            ["preferences.marketingUpdatesEnabled"],
        ),
        ("POST", f"{ADA}/contacts", {"type": "Phone", "value": "3125550100"}, 409, []),
        ("PATCH", f"{ADA}/contacts/2", {"type": "Phone", "value": "3125550100"}, 409, []),
    ],
)
def test_other_refusals(
    refusing: httpx.Client, method: str, path: str, body: Any, status: int, fields: list[str]
) -> None:
    assert_problem(refusing.request(method, path, json=body), status, *fields)
    assert refusing.get("/_control/servicetitan/records/customer_contacts").json() == books()["customer_contacts"]


@pytest.mark.parametrize(
    ("mode", "sent", "kept"),
    [
        ({}, {"erpId": "C2"}, {"erpId": "C2"}),
        ({"patchMode": "Merge"}, {"erpId": "C2", "kind": None}, {"erpId": "C2"}),
        ({"patchMode": "Merge"}, {"erpId": "C2"}, {"erpId": "C2", "kind": "x"}),
    ],
)
def test_external_data_is_read_and_found_by_the_list_alone(
    api: httpx.Client, mode: dict[str, str], sent: dict[str, Any], kept: dict[str, str]
) -> None:
    rows = [{"key": key, "value": value} for key, value in sent.items()]
    reply = api.patch(ADA, json={"externalData": {"applicationGuid": OURS.upper(), "externalData": rows} | mode})
    assert {row["key"]: row["value"] for row in reply.json()["externalData"]} == kept
    found = {"externalDataApplicationGuid": OURS, "externalDataKey": "erpId", "externalDataValues": "C2"}
    assert api.get(CUSTOMERS, params=found).json()["data"] == [reply.json()]
    assert api.get(ADA, params=found).json()["externalData"] == []
    assert stored(api, "customers", 100)["_externalData"][THEIRS] == {"x": "y"}


def test_a_contact_is_added_and_changed_and_its_customer_stays_as_it_was(api: httpx.Client) -> None:
    before = api.get(ADA).json()
    made = api.post(f"{ADA}/contacts", json=NUMBER | {"memo": "wife", "preferences": {}})
    assert (made.status_code, made.json()["value"], made.json()["memo"]) == (200, NUMBER["value"], "wife")
    assert made.json()["phoneSettings"] == {"phoneNumber": NUMBER["value"], "doNotText": False}
    assert api.post(f"{BOB}/contacts", json=NUMBER).status_code == 200, "another customer may have the number, too"
    reply = api.patch(f"{ADA}/contacts/1", json={"value": "3125550199"})
    assert reply.json()["phoneSettings"] == {"phoneNumber": "3125550199", "doNotText": True}
    assert reply.json()["modifiedOn"] > made.json()["modifiedOn"]
    page = api.get(f"{ADA}/contacts", params={"pageSize": 2, "includeTotal": "true"}).json()
    assert (page["data"][0], page["hasMore"], page["totalCount"]) == (reply.json(), True, 3)
    since = {"modifiedOnOrAfter": made.json()["modifiedOn"], "customerIds": "100"}
    assert ids(api.get(f"{CUSTOMERS}/contacts", params=since)) == [1, made.json()["id"]]
    assert api.get(ADA).json() == before


def test_a_contact_may_become_of_another_type(api: httpx.Client) -> None:
    assert api.patch(f"{ADA}/contacts/1", json={"type": "MobilePhone"}).json()["value"] == "3125550100"
    mail = api.patch(f"{ADA}/contacts/1", json={"type": "Email", "value": "a@mail.example"}).json()
    assert (mail["type"], mail["phoneSettings"]) == ("Email", None)


def test_the_office_edits_customers_and_contacts(api: httpx.Client) -> None:
    before = {entity: stored(api, entity, key) for entity, key in (("customers", 101), ("customer_contacts", 1))}
    contact = control(api, "change", entity="customer_contacts", id=1, set={"value": "1"}).json()
    assert changed(before["customer_contacts"], contact) == {"value", "modifiedOn"}
    person = control(api, "change", entity="customers", id=101, set={"name": "Bo"}).json()
    assert changed(before["customers"], person) == {"name", "modifiedOn", "_masterModifiedOn"}
    assert stored(api, "customers", 100)["modifiedOn"] == at(5)


def test_a_member_of_a_customer_can_be_made_to_vanish(api: httpx.Client) -> None:
    control(api, "drop_members", entity="customers", members=["name"])
    assert api.patch(ADA, json={"name": "Eve", "doNotMail": True}).json()["name"] == "Ada"


def test_another_tenant_may_have_other_rules() -> None:
    faults = Faults(speed=1000)
    options: dict[str, Any] = {"faults": faults, "strict_query": True, "same_contact_twice": True}
    with running(tenant(books(), speed=1000, token_seconds=900_000, **options)) as url, logged_in(url) as api:
        assert_problem(api.patch(ADA, json={"phone": "1"}), 400, "phone")
        assert api.post(f"{ADA}/contacts", json={"type": "Phone", "value": "3125550100"}).status_code == 200
        faults.add("drop_after", method="PATCH")
        with pytest.raises(httpx.TransportError):
            api.patch(ADA, json={"name": "Eve"})
        assert api.get(ADA).json()["name"] == "Eve"


def test_writing_needs_the_scope() -> None:
    with running(tenant(books(), scopes=["tn.crm.customers:r"])) as url, logged_in(url) as api:
        assert api.get(ADA).status_code == 200
        for method, path in (("PATCH", ADA), ("POST", f"{ADA}/contacts"), ("PATCH", f"{ADA}/contacts/1")):
            assert_problem(api.request(method, path, json=NUMBER), 403)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_answers_and_members_are_the_published_ones(api: httpx.Client) -> None:
    path, one = "/customers/{id}", "/customers/{id}/contacts/{contactId}"
    assert_published(api.patch(ADA, json={"tagTypeIds": [4]}).json(), *answer("crm", path, "patch", "200"), path)
    added = api.post(f"{ADA}/contacts", json=NUMBER)
    assert_published(added.json(), *answer("crm", f"{path}/contacts", "post", "200"), path)
    preferences = dict.fromkeys(servicetitan_customers.PREFERENCES, True)
    edited = api.patch(f"{ADA}/contacts/1", json={"preferences": preferences})
    assert edited.json()["preferences"] == preferences
    assert_published(edited.json(), *answer("crm", one, "patch", "200"), one)
    schemas = json.loads((SPECS / "crm-v2.json").read_text())["components"]["schemas"]
    for members, name in (
        (servicetitan_customers.CUSTOMER, "UpdateCustomerRequest"),
        (servicetitan_customers.NEW_CONTACT, "CreateCustomerContactRequest"),
        (servicetitan_customers.CONTACT, "UpdateCustomerContactRequest"),
        (dict.fromkeys(servicetitan_customers.PREFERENCES), "ContactPreferencesRequest"),
    ):
        assert set(members) == set(schemas[f"Crm.V2.Customers.{name}"]["properties"])
