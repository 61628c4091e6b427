"""The sandbox's SAP S/4HANA against the metadata of the vendor's services, where these are at hand."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest

from st_erp_pipelines.sandbox.sap_s4hana_entities import INVOICES, LACKING, SERVICES, SETS, TYPES
from st_erp_pipelines.sandbox.sap_s4hana_model import EDM, Property
from tests.sandbox.sap_s4hana_client import connected
from tests.specification import SPECS

FOLDER = SPECS / "sap_s4hana"
SAP = "{http://www.sap.com/Protocols/SAPData}"
FORMS = {"many": "*", "one": "0..1", "up": "1"}
OLDER = f"{INVOICES}.older_release"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the metadata are not at hand")


class Schema:
    """One EDMX file: types and sets by name, and where navigations lead."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)
        self.types = {str(each.get("Name")): each for each in self.all("EntityType")}
        self.sets = {str(each.get("Name")): each for each in self.all("EntitySet")}
        self.ends = {
            (association.get("Name"), end.get("Role")): (
                str(end.get("Type")).rpartition(".")[2],
                end.get("Multiplicity"),
            )
            for association in self.all("Association")
            for end in association.iterfind("{*}End")
        }

    def all(self, name: str) -> list[ElementTree.Element]:
        return [each for each in self.root.iter() if each.tag.rpartition("}")[2] == name]

    def allows(self, set_name: str) -> str:
        words = {"C": "creatable", "U": "updatable", "D": "deletable"}
        return "".join(each for each, word in words.items() if self.sets[set_name].get(SAP + word) != "false")

    def navigations(self, type_name: str) -> dict[str, Any]:
        return {
            str(each.get("Name")): self.ends[str(each.get("Relationship")).rpartition(".")[2], each.get("ToRole")]
            for each in self.types[type_name].iterfind("{*}NavigationProperty")
        }

    def key(self, type_name: str) -> tuple[str, ...]:
        return tuple(str(each.get("Name")) for each in self.types[type_name].iterfind("{*}Key/{*}PropertyRef"))

    def properties(self, type_name: str) -> dict[str, dict[str, Any]]:
        return {str(each.get("Name")): facets(each) for each in self.types[type_name].iterfind("{*}Property")}


def facets(found: ElementTree.Element) -> dict[str, Any]:
    numbers = {name: int(found.get(name) or 0) for name in ("MaxLength", "Precision", "Scale")}
    if found.get("Type") != "Edm.Decimal":
        numbers |= {"Precision": 0, "Scale": 0}
    flags = {name: found.get(SAP + name) != "false" for name in ("creatable", "updatable", "filterable", "sortable")}
    return {"Type": found.get("Type"), "Nullable": found.get("Nullable") != "false", **numbers, **flags}


def declared(known: Property, *, is_key: bool) -> dict[str, Any]:
    is_text = known.kind == "string"
    return {
        "Type": EDM[known.kind],
        "Nullable": not is_key,
        "MaxLength": known.length if is_text else 0,
        "Precision": 0 if is_text else known.length,
        "Scale": known.scale,
        "creatable": not known.read_only,
        "updatable": not known.read_only,
        "filterable": not known.hidden,
        "sortable": not known.hidden,
    }


@cache
def published(name: str) -> Schema:
    return Schema((FOLDER / f"{name}.edmx").read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_says_what_the_service_says(service: str) -> None:
    schema = published(service)
    for name in [each.name for each in SETS.values() if each.service == service]:
        known, type_name = TYPES[name], f"{name}Type"
        assert schema.key(type_name) == known.key, name
        assert schema.allows(name) == SETS[name].allows, name
        properties = schema.properties(type_name)
        for each in known.properties.values():
            assert properties.get(each.name) == declared(each, is_key=each.name in known.key), f"{name}.{each.name}"
        navigations = schema.navigations(type_name)
        for navigation in known.navigations.values():
            wanted = (f"{navigation.target}Type", FORMS[navigation.form])
            assert navigations.get(navigation.name) == wanted, f"{name}.{navigation.name}"


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_kept_with_zeros_is_at_least_every_number_without_a_sign(service: str) -> None:
    for name in [each.name for each in SETS.values() if each.service == service]:
        for found in published(service).types[f"{name}Type"].iterfind("{*}Property"):
            own = TYPES[name].properties.get(str(found.get("Name")))
            if own and found.get(f"{SAP}display-format") == "NonNegative":
                assert own.zeros, f"{name}.{own.name}"


def test_the_oldest_release_of_the_invoices_lacks_what_the_older_metadata_lack() -> None:
    schema = published(OLDER)
    for name in [each.name for each in SETS.values() if each.service == INVOICES]:
        missing = TYPES[name].properties.keys() - schema.properties(f"{name}Type").keys()
        assert missing == set(LACKING["oldest"].get(name, ())), name


def test_what_is_served_is_read_like_what_is_published() -> None:
    with connected() as s4:
        for service in SERVICES:
            reply = s4.send("GET", f"{service}/$metadata")
            assert reply.headers["content-type"] == "application/xml;charset=utf-8"
            served = Schema(reply.text)
            sets = [each.name for each in SETS.values() if each.service == service]
            assert list(served.sets) == sets
            for name in sets:
                assert served.allows(name) == published(service).allows(name)
                assert served.key(f"{name}Type") == published(service).key(f"{name}Type")
                assert served.navigations(f"{name}Type").keys() <= published(service).navigations(f"{name}Type").keys()
                known = published(service).properties(f"{name}Type")
                assert all(known[each] == found for each, found in served.properties(f"{name}Type").items())
            assert s4.get(f"{service}/")["EntitySets"] == sets


def test_every_row_has_the_members_that_its_type_has() -> None:
    with connected() as s4:
        for known in SETS.values():
            for row in s4.rows(f"{known.service}/{known.name}?$top=2"):
                wanted = {*TYPES[known.name].properties, *TYPES[known.name].navigations, "__metadata"}
                assert row.keys() == wanted, known.name
