"""Vendors and business units written to the sandbox's ServiceTitan: what is refused, dropped, and stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import servicetitan_vendors
from st_erp_pipelines.sandbox.serve import running
from tests.sandbox.published import SPECS, answer, assert_published
from tests.sandbox.purchasing import ADDRESS, GONE, SELLER, UNITS, VENDORS, books, done, listed, made, read, without
from tests.sandbox.servicetitan_client import assert_problem, control, ids, logged_in, stored, tenant

OURS, THEIRS = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41", "0b1d7a52-2f6e-4d7c-8a55-9c1f3e6b7d08"
NEW = {
    "name": "Grüne Rohre",
    "active": True,
    "isTruckReplenishment": False,
    "taxRate": 0,
    "restrictedMobileCreation": True,
    "address": ADDRESS,
}
NAMED = {"externalDataApplicationGuid": OURS}


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with running(tenant(books(), speed=1000, token_seconds=900_000)) as url, logged_in(url) as client:
        yield client


def external(application: str = OURS, mode: str | None = None, **values: str | None) -> dict[str, Any]:
    rows = [{"key": key, "value": value} for key, value in values.items()]
    return {"applicationGuid": application, "externalData": rows} | ({"patchMode": mode} if mode else {})


def seen(api: httpx.Client, url: str, application: str = OURS) -> dict[str, str]:
    rows = api.get(url, params={"externalDataApplicationGuid": application}).json()["externalData"]
    return {row["key"]: row["value"] for row in rows}


def test_a_new_vendor_is_answered_by_its_id_and_read_under_other_names(api: httpx.Client) -> None:
    more = {"phone": "1", "firstName": "Zoë", "memo": None, "deliveryOption": "EmailAsPdf", "number": "100"}
    key = made(api.post(VENDORS, json=NEW | more | {"externalData": external(S4Supplier="100")}))
    row = read(api, VENDORS, key)
    assert (row["name"], row["memo"], row["deliveryOption"]) == ("Grüne Rohre", "", "EmailAsPdf")
    assert (row["defaultTaxRate"], row["isMobileCreationRestricted"]) == (0.0, True)
    assert row["contactInfo"] == {"firstName": "Zoë", "lastName": "", "phone": "1", "email": "", "fax": ""}
    assert (row["externalData"], seen(api, f"{VENDORS}/{key}")) == ([], {"S4Supplier": "100"})
    assert "number" not in row
    look_up = NAMED | {"externalDataKey": "S4Supplier", "externalDataValues": "100"}
    assert ids(api.get(VENDORS, params=look_up)) == [key]
    again = made(api.post(VENDORS, json=NEW))
    assert [each["name"] for each in listed(api, VENDORS, ids=[key, again])] == ["Grüne Rohre"] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "$"),
        *((without(NEW, name), name) for name in NEW),
        (NEW | {"name": " "}, "name"),
        (NEW | {"taxRate": "0"}, "taxRate"),
        (NEW | {"active": None}, "active"),
        (NEW | {"address": ADDRESS | {"unit": None}}, "address.unit"),
        (NEW | {"deliveryOption": "Fax"}, "deliveryOption"),
        (NEW | {"paymentTermId": 9}, "paymentTermId"),
        (NEW | {"tags": [{}]}, "tags[0].tagTypeId"),
        (NEW | {"vendorContacts": [{"name": "x"}]}, "vendorContacts[0].email"),
        (NEW | {"externalData": {"externalData": []}}, "externalData.applicationGuid"),
    ],
)
def test_a_wrong_vendor_is_refused(api: httpx.Client, body: Any, field: str) -> None:
    before = len(listed(api, VENDORS))
    assert_problem(api.post(VENDORS, json=body), 400, field)
    assert len(listed(api, VENDORS)) == before


def test_a_patch_changes_what_is_sent_and_moves_the_vendor(api: httpx.Client) -> None:
    made(api.patch(f"{VENDORS}/{SELLER}", json={"phone": "3125550100"}))
    before = read(api, VENDORS, SELLER)
    moved = {"address": ADDRESS | {"street": "2 Elm Ct"}, "email": "a@b.example", "taxRate": 0.1}
    assert made(api.patch(f"{VENDORS}/{SELLER}", json=moved)) == SELLER
    after = read(api, VENDORS, SELLER)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"address", "contactInfo", "defaultTaxRate", "modifiedOn"}
    assert after["contactInfo"] == before["contactInfo"] | {"email": "a@b.example"}
    assert (before["contactInfo"]["phone"], after["address"]["street"]) == ("3125550100", "2 Elm Ct")
    assert ids(api.get(VENDORS, params={"modifiedOnOrAfter": after["modifiedOn"]})) == [SELLER]
    for body, field in (
        ({"address": {"street": "3 Elm Ct"}}, "address.unit"),
        ({"memo": None}, "memo"),
        ({"externalData": None}, "externalData"),
    ):
        assert_problem(api.patch(f"{VENDORS}/{SELLER}", json=body), 400, field)
    assert_problem(api.patch(f"{VENDORS}/99", json={}), 404)
    assert read(api, VENDORS, SELLER) == after


@pytest.mark.parametrize(("url", "entity"), [(f"{VENDORS}/{GONE}", "vendors"), (f"{UNITS}/301", "business_units")])
def test_external_data_is_replaced_unless_it_is_merged(api: httpx.Client, url: str, entity: str) -> None:
    for body, kept in (
        (external(a="1", b="2"), {"a": "1", "b": "2"}),
        (external(mode="Merge", b="3", c="4"), {"a": "1", "b": "3", "c": "4"}),
        (external(mode="Merge", a=None), {"b": "3", "c": "4"}),
        (external(c="5"), {"c": "5"}),
    ):
        key = made(api.patch(url, json={"externalData": body}))
        assert seen(api, url) == kept
    made(api.patch(url, json={"externalData": external(THEIRS, x="y")}))
    assert (seen(api, url), seen(api, url, THEIRS)) == ({"c": "5"}, {"x": "y"})
    assert not api.get(url).json()["externalData"]
    assert stored(api, entity, key)["modifiedOn"] > "2026-03-20"


def test_a_business_unit_takes_external_data_alone_and_its_list_shows_it(api: httpx.Client) -> None:
    made(api.patch(f"{UNITS}/302", json={"name": "Other", "externalData": external(S4CostCenter="1710")}))
    row = read(api, UNITS, 302)
    assert row["name"] == "HVAC Install"
    shown = {each["id"]: each["externalData"] for each in listed(api, UNITS, **NAMED)}
    assert shown[302] == [{"key": "S4CostCenter", "value": "1710"}]
    assert shown[303] == []
    assert not any(each["externalData"] for each in listed(api, UNITS))
    assert_problem(api.patch(f"{UNITS}/9", json={}), 404)
    half = {"externalData": {"applicationGuid": OURS}}
    assert_problem(api.patch(f"{UNITS}/302", json=half), 400, "externalData.externalData")


def test_custom_fields_are_read_and_a_vendor_can_be_made_inactive(api: httpx.Client) -> None:
    key = made(api.post(VENDORS, json=NEW))
    fields = [{"typeId": 5, "name": "Tax ID", "value": "DE1"}]
    control(api, "change", entity="vendors", id=key, set={"customFields": fields})
    done(api, "void", entity="vendors", id=key)
    row = read(api, VENDORS, key)
    assert (row["customFields"], row["active"]) == (fields, False)


def test_a_member_can_be_made_to_vanish(api: httpx.Client) -> None:
    control(api, "drop_members", entity="vendors", members=["memo", "name"])
    key = made(api.post(VENDORS, json=NEW | {"memo": "x"}))
    made(api.patch(f"{VENDORS}/{key}", json={"name": "Other", "phone": "2"}))
    row = read(api, VENDORS, key)
    assert (row["memo"], row["name"], row["contactInfo"]["phone"]) == ("", NEW["name"], "2")
    control(api, "drop_members", entity="vendors", members=[])


def test_writing_needs_the_scope() -> None:
    with running(tenant(books(), scopes=["tn.inv.vendors:r"])) as url, logged_in(url) as api:
        assert_problem(api.post(VENDORS, json=NEW), 403)
        assert_problem(api.patch(f"{UNITS}/301", json={}), 403)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_the_members_are_the_published_ones() -> None:
    schemas = json.loads((SPECS / "inventory-v2.json").read_text())["components"]["schemas"]
    create, update = (schemas[f"Inventory.V2.{name}VendorRequest"] for name in ("Create", "Update"))
    assert servicetitan_vendors.REQUIRED.keys() == set(create["required"])
    both = servicetitan_vendors.REQUIRED | servicetitan_vendors.OPTIONAL
    assert both.keys() == set(create["properties"]) == set(update["properties"])
    assert_published({"id": 1}, *answer("inventory", "/vendors", "post", "200"), "vendors")
