"""Materials and services written to the sandbox's price book: what is refused, dropped, and stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import servicetitan_pricebook
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan_skus import MATERIAL, SERVICE
from tests.sandbox.published import SPECS, answer, assert_published
from tests.sandbox.servicetitan_client import assert_problem, at, control, logged_in, stored, tenant

MATERIALS, SERVICES = "/pricebook/v2/tenant/7/materials", "/pricebook/v2/tenant/7/services"
OURS, THEIRS = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41", "0b1d7a52-2f6e-4d7c-8a55-9c1f3e6b7d08"
VENDOR = {"vendorId": 1, "cost": 4.5, "active": True}
NEW = {"code": "PI-1", "description": "Pipe", "primaryVendor": VENDOR}
NO_VENDOR = "There must be exactly one vendor selected as Primary"


def books() -> dict[str, list[dict[str, Any]]]:
    times = {"createdOn": at(1), "modifiedOn": at(1)}
    seller = {"id": 77, "vendorName": "Grüne Rohre", **VENDOR, "memo": None, "vendorPart": None}
    accounts = {"primarySubAccount": None, "otherSubAccounts": None}
    external = {"_externalData": {OURS: {"erpId": "EL-9", "kind": "item"}, THEIRS: {"x": "y"}}}
    priced = {"code": "EL-9", "description": "Fuse", "price": 10.0, "memberPrice": 9.0} | times | external
    return {
        "vendors": [{"id": 1, "name": "Grüne Rohre", "active": True, **times}],
        "categories": [{"id": 5, "name": "Pipes", "active": True, "categoryType": "Materials", **times}],
        "materials": [MATERIAL | {"id": 10, "primaryVendor": seller | accounts} | priced],
        "services": [SERVICE | {"id": 11} | priced],
        "equipment": [],
    }


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with running(tenant(books())) as url, logged_in(url) as client:
        yield client


def external(api: httpx.Client, url: str, application: str = OURS) -> dict[str, str]:
    rows = api.get(url, params={"externalDataApplicationGuid": application}).json()["externalData"]
    return {row["key"]: row["value"] for row in rows}


def test_a_new_material_is_answered_whole_and_can_be_read(api: httpx.Client) -> None:
    link = {"applicationGuid": OURS, "externalData": [{"key": "erpId", "value": "PI-1"}]}
    reply = api.post(MATERIALS, json=NEW | {"price": 12.5, "categories": [5], "externalData": link})
    assert reply.status_code == 201
    made = reply.json()
    assert (made["code"], made["price"], made["categories"], made["active"]) == ("PI-1", 12.5, [5], True)
    assert made["primaryVendor"]["vendorName"] == "Grüne Rohre"
    assert made["externalData"] == link["externalData"]
    assert api.get(f"{MATERIALS}/{made['id']}").json() == made | {"externalData": None}
    assert external(api, f"{MATERIALS}/{made['id']}") == {"erpId": "PI-1"}
    assert made["id"] not in (10, 11)


def test_a_new_service_needs_no_vendor_and_shows_its_categories_as_objects(api: httpx.Client) -> None:
    reply = api.post(SERVICES, json={"code": "LA-1", "description": "Labor", "categories": [5]})
    assert reply.status_code == 201
    assert reply.json()["categories"] == [{"id": 5, "name": "Pipes", "active": True}]
    assert "calculatedPrice" not in reply.json()
    assert "calculatedPrice" in api.get(f"{SERVICES}/{reply.json()['id']}").json()


@pytest.mark.parametrize("vendor", [{}, {"primaryVendor": None}])
def test_a_material_without_a_primary_vendor_is_refused_and_nothing_is_saved(
    api: httpx.Client, vendor: dict[str, Any]
) -> None:
    body = {name: value for name, value in NEW.items() if name != "primaryVendor"}
    reply = api.post(MATERIALS, json=body | {"otherVendors": [VENDOR]} | vendor)
    assert_problem(reply, 400, "primaryVendor")
    assert reply.json()["title"] == NO_VENDOR
    assert api.get(MATERIALS, params={"searchText": "Pipe", "active": "Any"}).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "$"),
        ({"description": "Pipe", "primaryVendor": VENDOR}, "code"),
        ({"code": "  ", "description": "Pipe", "primaryVendor": VENDOR}, "code"),
        ({"code": "PI-1", "primaryVendor": VENDOR}, "description"),
        (NEW | {"price": "12.50"}, "price"),
        (NEW | {"price": True}, "price"),
        (NEW | {"active": "yes"}, "active"),
        (NEW | {"code": 5}, "code"),
        (NEW | {"categories": [6]}, "categories"),
        (NEW | {"categories": ["5"]}, "categories[0]"),
        (NEW | {"primaryVendor": {"vendorId": 1, "cost": 1}}, "primaryVendor.active"),
        (NEW | {"primaryVendor": VENDOR | {"vendorId": 2}}, "vendorId"),
        (NEW | {"budgetCostCode": "B"}, "budgetCostCode"),
        (NEW | {"externalData": {"externalData": []}}, "externalData.applicationGuid"),
        (NEW | {"externalData": {"applicationGuid": "x", "externalData": []}}, "externalData.applicationGuid"),
        (
            NEW | {"externalData": {"applicationGuid": OURS, "externalData": [], "patchMode": "Add"}},
            "externalData.patchMode",
        ),
    ],
)
def test_a_wrong_material_is_refused(api: httpx.Client, body: Any, field: str) -> None:
    assert_problem(api.post(MATERIALS, json=body), 400, field)
    assert len(api.get("/_control/servicetitan/records/materials").json()) == 1


def test_a_code_may_occur_twice(api: httpx.Client) -> None:
    made = [api.post(MATERIALS, json=NEW).json()["id"] for _ in range(2)]
    assert len(set(made)) == 2


def test_a_patch_changes_what_is_sent_and_nothing_else(api: httpx.Client) -> None:
    before = api.get(f"{MATERIALS}/10").json()
    reply = api.patch(f"{MATERIALS}/10", json={"price": 20})
    assert reply.status_code == 200
    after = api.get(f"{MATERIALS}/10").json()
    assert {name for name in after if after[name] != before[name]} == {"price", "modifiedOn"}
    assert after["modifiedOn"] > before["modifiedOn"]
    assert external(api, f"{MATERIALS}/10") == {"erpId": "EL-9", "kind": "item"}


@pytest.mark.parametrize(
    "body",
    [
        {"Prise": 20},
        {"vendors": [VENDOR]},
        {"useStaticPrice": True},
        {"isOtherDirectCost": True},  # only in a POST
        {"id": 99, "modifiedOn": "2000-01-01T00:00:00Z", "source": "me"},
    ],
)
def test_what_a_patch_does_not_know_is_dropped_without_a_word(api: httpx.Client, body: dict[str, Any]) -> None:
    before = api.get(f"{MATERIALS}/10").json()
    assert api.patch(f"{MATERIALS}/10", json=body).status_code == 200
    after = api.get(f"{MATERIALS}/10").json()
    assert {name for name in after if after[name] != before[name]} == {"modifiedOn"}


@pytest.mark.parametrize(
    ("body", "field"),
    [({"price": None}, "price"), ({"price": "1"}, "price"), ({"primaryVendor": None}, "primaryVendor")],
)
def test_a_wrong_patch_is_refused_as_a_whole(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    before = api.get(f"{MATERIALS}/10").json()
    assert_problem(api.patch(f"{MATERIALS}/10", json={"displayName": "New"} | body), 400, field)
    assert api.get(f"{MATERIALS}/10").json() == before
    assert_problem(api.patch(f"{MATERIALS}/9", json={}), 404)


@pytest.mark.parametrize(
    ("mode", "sent", "kept"),
    [
        ({}, {"erpId": "EL-8"}, {"erpId": "EL-8"}),
        ({"patchMode": None}, {"erpId": "EL-8"}, {"erpId": "EL-8"}),
        ({"patchMode": "Replace"}, {}, {}),
        ({"patchMode": "Merge"}, {"erpId": "EL-8"}, {"erpId": "EL-8", "kind": "item"}),
        ({"patchMode": "Merge"}, {"kind": None}, {"erpId": "EL-9"}),
    ],
)
@pytest.mark.parametrize("url", [f"{MATERIALS}/10", f"{SERVICES}/11"])
def test_external_data_is_replaced_unless_it_is_merged_and_others_keep_theirs(
    api: httpx.Client, url: str, mode: dict[str, Any], sent: dict[str, Any], kept: dict[str, str]
) -> None:
    rows = [{"key": key, "value": value} for key, value in sent.items()]
    body = {"externalData": {"applicationGuid": OURS, "externalData": rows} | mode}
    assert api.patch(url, json=body).status_code == 200
    assert external(api, url) == kept
    assert external(api, url, THEIRS) == {"x": "y"}


def test_a_locked_price_stays_and_nobody_says_so(api: httpx.Client) -> None:
    api.patch(f"{MATERIALS}/10", json={"isPriceLocked": True})
    assert api.patch(f"{MATERIALS}/10", json={"price": 20, "cost": 3}).status_code == 200
    locked = api.get(f"{MATERIALS}/10").json()
    assert (locked["price"], locked["cost"]) == (10.0, 3.0)
    api.patch(f"{MATERIALS}/10", json={"price": 20, "isPriceLocked": False})
    assert api.get(f"{MATERIALS}/10").json()["price"] == 20.0


def test_a_member_can_be_made_to_vanish(api: httpx.Client) -> None:
    assert control(api, "drop_members", entity="services", members=["price"]).status_code == 204
    assert api.patch(f"{SERVICES}/11", json={"price": 20, "hours": 2}).json()["hours"] == 2.0
    assert stored(api, "services", 11)["price"] == 10.0


def test_strict_names_what_it_would_drop() -> None:
    with running(tenant(books(), strict_query=True)) as url, logged_in(url) as api:
        assert_problem(api.patch(f"{MATERIALS}/10", json={"vendors": []}), 400, "vendors")


def test_writing_needs_the_scope() -> None:
    with running(tenant(books(), scopes=["tn.pb.materials:r"])) as url, logged_in(url) as api:
        assert api.get(f"{MATERIALS}/10").status_code == 200
        assert_problem(api.patch(f"{MATERIALS}/10", json={"price": 1}), 403)
        assert_problem(api.post(MATERIALS, json=NEW), 403)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
@pytest.mark.parametrize(("path", "key"), [("/materials", 10), ("/services", 11)])
def test_answers_to_writes_have_the_published_shape(api: httpx.Client, path: str, key: int) -> None:
    url = f"/pricebook/v2/tenant/7{path}"
    made = api.post(url, json=NEW | {"assets": [{"type": "Image", "url": "a.png"}], "warranty": {"duration": 3}})
    assert_published(made.json(), *answer("pricebook", path, "post", "201"), path)
    changed = api.patch(f"{url}/{key}", json={"hours": 1})
    assert_published(changed.json(), *answer("pricebook", f"{path}/{{id}}", "patch", "200"), path)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
@pytest.mark.parametrize("name", ["Material", "Service"])
def test_the_members_of_requests_are_the_published_ones(name: str) -> None:
    kind = {"Material": servicetitan_pricebook.MATERIALS, "Service": servicetitan_pricebook.SERVICES}[name]
    schemas = json.loads((SPECS / "pricebook-v2.json").read_text())["components"]["schemas"]
    created = set(schemas[f"Pricebook.V2.{name}CreateRequest"]["properties"])
    updated = set(schemas[f"Pricebook.V2.{name}UpdateRequest"]["properties"])
    assert set(kind.members) == created == updated | kind.created
    read = {"Material": "MaterialResponse", "Service": "ServiceGetResponse"}[name]
    assert set(kind.blank) == set(schemas[f"Pricebook.V2.{read}"]["properties"])
