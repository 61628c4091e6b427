"""The sandbox's SAP Business One against the metadata of a live system, where that is at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest

from st_erp_pipelines.sandbox.sap_business_one_entities import SETS, TYPES
from st_erp_pipelines.sandbox.sap_business_one_model import ENUMS
from st_erp_pipelines.sandbox.sap_business_one_services import SERVICES
from tests.sandbox.sap_business_one_client import Client, connected, document, payment, seed
from tests.specification import SPECS

FOLDER = SPECS / "sap_business_one"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
KINDS = {
    "string": "Edm.String",
    "int": "Edm.Int32",
    "double": "Edm.Double",
    "date": "Edm.DateTimeOffset",
    "time": "Edm.TimeOfDay",
}
TEXTS = {
    "Edm.DateTimeOffset": re.compile(r"\d{4}-\d\d-\d\dT00:00:00Z"),
    "Edm.TimeOfDay": re.compile(r"\d\d:\d\d:\d\d"),
}
NUMBERS: dict[str, Any] = {"Edm.Int32": int, "Edm.Double": Decimal}
IN_REFERENCE_ALONE = {"InternalReconciliationsService_Cancel"}  # of SAP; the metadata binds a Cancel to the set
OWN = {"UserTable"}  # every user-defined table has a type of its own

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the metadata is not at hand")


@cache
def schema() -> ElementTree.Element:
    return ElementTree.parse(FOLDER / "SAPB1-v2-odata4.edmx").getroot()


@cache
def published() -> dict[str, dict[str, str]]:
    """Properties and their kinds by type."""
    found = [*schema().iter(f"{EDM}EntityType"), *schema().iter(f"{EDM}ComplexType")]
    return {
        str(each.get("Name")): {str(one.get("Name")): str(one.get("Type")) for one in each.iter(f"{EDM}Property")}
        for each in found
    }


@cache
def members() -> dict[str, set[str]]:
    return {
        f"SAPB1.{each.get('Name')}": {str(member.get("Name")) for member in each.iter(f"{EDM}Member")}
        for each in schema().iter(f"{EDM}EnumType")
    }


def test_every_property_is_published_with_its_kind() -> None:
    for name in TYPES.keys() - OWN:
        known = published()[name]
        for each in TYPES[name].properties.values():
            kind = KINDS.get(each.kind, f"SAPB1.{each.kind}")
            assert known.get(each.name) == (f"Collection({kind})" if each.is_collection else kind), (
                f"{name}.{each.name}"
            )


def test_every_enum_member_is_published_with_its_letter() -> None:
    letters = json.loads((FOLDER / "enum-values.json").read_text())
    for name, own in ENUMS.items():
        assert own.keys() <= members()[f"SAPB1.{name}"], name
        assert own.items() <= letters[name].items(), name


def test_every_entity_set_is_published_with_its_key_and_its_etag() -> None:
    sets = {str(each.get("Name")): each for each in schema().iter(f"{EDM}EntitySet")}
    keys = {
        str(each.get("Name")): tuple(str(one.get("Name")) for one in each.iter(f"{EDM}PropertyRef"))
        for each in schema().iter(f"{EDM}EntityType")
    }
    for name, own in SETS.items():
        assert sets[name].get("EntityType") == f"SAPB1.{own.type}"
        assert own.key == keys[own.type]
        terms = {each.get("Term") for each in sets[name].iter(f"{EDM}Annotation")}
        assert TYPES[own.type].has_version == ("Org.OData.Core.V1.OptimisticConcurrency" in terms), name


def test_every_action_is_published() -> None:
    bound, free = set(), set()
    for each in [*schema().iter(f"{EDM}Action"), *schema().iter(f"{EDM}Function")]:
        parameters = [str(one.get("Type")) for one in each.iter(f"{EDM}Parameter")]
        bound |= {(str(each.get("Name")), kind) for kind in parameters if each.get("IsBound") == "true"}
        free.add(str(each.get("Name")))
    assert SERVICES.keys() - IN_REFERENCE_ALONE <= free
    for own in SETS.values():
        assert {(action, f"SAPB1.{own.type}") for action in own.actions.split()} <= bound, own.name


@pytest.fixture(scope="module")
def filled() -> Iterator[Client]:
    """Something in every set that documents are in."""
    invoice = document("A")
    drafts = {"set": "Drafts", "body": document("B", DocObjectCode="oInvoices")}
    check = {"CheckSum": 1, "BankCode": "B1", "DueDate": "2026-03-06"}
    card = {"CreditCard": 1, "CreditSum": 1, "CardValidUntil": "2027-01-31"}
    paid = payment("100.00", (1, "100.00"), PaymentChecks=[check], PaymentCreditCards=[card])
    address = {"AddressName": "Bill to", "State": "IL", "Country": "US"}
    partner = {
        "CardCode": "ST1",
        "BPAddresses": [address],
        "ContactEmployees": [{"Name": "Ann", "E_Mail": "a@b.example"}],
    }
    entered = [
        {"set": "Invoices", "body": invoice},
        {"set": "CreditNotes", "body": invoice},
        drafts,
        {"set": "IncomingPayments", "body": paid},
        {"set": "VendorPayments", "body": payment("1.00")},
        {"set": "PaymentDrafts", "body": payment("1.00")},
        {"set": "BusinessPartners", "body": partner},
    ]
    with connected(company=seed(documents=entered)) as client:
        yield client


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_reply_is_as_published(filled: Client, name: str) -> None:
    rows = filled.rows(name)
    assert rows or name == "Dimensions"
    for row in rows:
        row.pop("@odata.etag", None)
        assert_published(row, SETS[name].type)


@pytest.mark.parametrize(
    "name", sorted(name for name, (_, returned, get) in SERVICES.items() if get and "." not in returned)
)
def test_every_structure_is_as_published(filled: Client, name: str) -> None:
    found = filled.get(name)
    found.pop("@odata.context")
    assert_published(found, SERVICES[name][1])


def assert_published(row: dict[str, Any], type_name: str) -> None:
    own_fields = {name for name in row if name.startswith("U_")}
    for name in row.keys() - own_fields:
        kind, value = published()[type_name][name], row[name]
        if kind.startswith("Collection("):
            for each in value:
                assert_published(each, kind.removeprefix("Collection(SAPB1.").removesuffix(")"))
        elif value is not None:
            assert_value(value, kind, f"{type_name}.{name}")


def assert_value(value: Any, kind: str, where: str) -> None:
    if kind in members():
        assert value in members()[kind], where
    elif kind in NUMBERS:
        assert type(value) is NUMBERS[kind], where
    else:
        assert isinstance(value, str), where
        assert kind not in TEXTS or TEXTS[kind].fullmatch(value), where
