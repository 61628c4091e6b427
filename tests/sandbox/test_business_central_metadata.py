"""The sandbox's replies against the `$metadata` of a live environment, where that file is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_metadata import TYPES
from st_erp_pipelines.sandbox.business_central_model import OPTIONS
from tests.sandbox.business_central_client import Client, connected, line, seed

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "business_central"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
NOT_SERVED = {"companyInformation": {"picture"}}
OTHER_KIND = {("companies", "timestamp")}  # 64 bits there
SHORTER_ENUMS = {"parentType"}  # without the parents that the sandbox does not have

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the API descriptions are not beside the project")


class Edmx:
    def __init__(self) -> None:
        tree = ElementTree.parse(SPECS / "api_v2.0_metadata.edmx.xml")
        types = {found.get("Name"): found for found in tree.iter(f"{EDM}EntityType")}
        sets = {
            found.get("Name"): str(found.get("EntityType")).split(".")[-1] for found in tree.iter(f"{EDM}EntitySet")
        }
        self.types = {name: types[sets[name]] for name in ENTITIES}
        self.enums = {
            f"Microsoft.NAV.{found.get('Name')}": {str(member.get("Name")) for member in found.iter(f"{EDM}Member")}
            for found in tree.iter(f"{EDM}EnumType")
        }

    def properties(self, set_name: str) -> dict[str, ElementTree.Element]:
        return {str(found.get("Name")): found for found in self.types[set_name].findall(f"{EDM}Property")}

    def navigation(self, set_name: str) -> set[str]:
        return {str(found.get("Name")) for found in self.types[set_name].findall(f"{EDM}NavigationProperty")}


@pytest.fixture(scope="module")
def edmx() -> Edmx:
    return Edmx()


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SPECS / "api_v2_field_catalogue.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("set_name", ENTITIES)
def test_declares_every_property_of_the_metadata(edmx: Edmx, set_name: str) -> None:
    known = set(edmx.properties(set_name)) - NOT_SERVED.get(set_name, set())
    assert set(ENTITIES[set_name].properties) == known
    assert ENTITIES[set_name].navigation.keys() <= edmx.navigation(set_name)


@pytest.mark.parametrize("set_name", ENTITIES)
def test_types_lengths_and_enums_are_those_of_the_metadata(edmx: Edmx, set_name: str) -> None:
    for name, found in edmx.properties(set_name).items():
        declared = ENTITIES[set_name].properties.get(name)
        if declared is None or (set_name, name) in OTHER_KIND:
            continue
        if declared.kind in OPTIONS:
            members = edmx.enums[str(found.get("Type"))]
            assert set(OPTIONS[declared.kind]) == members or (
                declared.kind in SHORTER_ENUMS and members > set(OPTIONS[declared.kind])
            ), name
        else:
            assert TYPES[declared.kind] == found.get("Type"), name
            assert found.get("MaxLength") in (None, str(declared.length)), name


@pytest.mark.parametrize("set_name", ENTITIES)
def test_read_only_and_code_properties_are_those_of_the_pages(catalogue: dict[str, Any], set_name: str) -> None:
    for name, field in catalogue.get(set_name, {}).get("fields", {}).items():
        declared = ENTITIES[set_name].properties.get(name)
        if declared is None:
            continue
        if "POST" in ENTITIES[set_name].methods and name != "lastModifiedDateTime":
            assert declared.read_only == bool(field.get("readOnly")), name
        if str(field.get("type")).startswith("Code"):
            assert declared.kind == "code", name


def names_of(row: dict[str, Any]) -> set[str]:
    return {name for name in row if not name.startswith("@")}


def check_row(edmx: Edmx, set_name: str, row: dict[str, Any]) -> None:
    """Only properties and navigation of the metadata; only members of its enums."""
    properties = edmx.properties(set_name)
    assert names_of(row) <= properties.keys() | edmx.navigation(set_name)
    for name, value in row.items():
        members = edmx.enums.get(str(properties[name].get("Type"))) if name in properties else None
        assert members is None or value in members, f"{set_name}.{name}: {value}"


def fill(bc: Client) -> None:
    invoice = bc.posted("ST-A-INV-1", "10.00", shortcutDimension1Code="HVAC")
    bc.invoice("ST-A-INV-2", customer="PROJ")
    bc.payment("AP1-0", "-5", appliesToInvoiceNumber=invoice["number"])
    bc.post(bc.post_batch())
    bc.payment("AP2-0", "-5")
    bc.control("enter", {"journal": "STPAY", "accountNumber": "40200", "documentNumber": "HAND", "amount": 5})
    bc.post("salesCreditMemos", {"customerNumber": "C1", "salesCreditMemoLines": [line("3")]})


def test_replies_hold_what_the_metadata_allows(edmx: Edmx) -> None:
    with connected(business_central_app(seed(), client_id="app", client_secret="secret", speed=1000)) as bc:
        fill(bc)
        bc.get(f"{bc.base}/companies")
        journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
        nested = {f"customerPaymentJournals({journal})/customerPayments": "customerPayments"}
        nested |= {f"journals({journal})/journalLines": "journalLines"}
        for document, lines in (("salesInvoices", "salesInvoiceLines"), ("salesCreditMemos", "salesCreditMemoLines")):
            for row in bc.rows(f"{document}?$expand={lines}($expand=dimensionSetLines),dimensionSetLines"):
                check_row(edmx, document, row)
                for found in row[lines]:
                    check_row(edmx, lines, found)
                for found in [*row["dimensionSetLines"], *(d for one in row[lines] for d in one["dimensionSetLines"])]:
                    check_row(edmx, "dimensionSetLines", found)
        plain = {name: name for name in ENTITIES if not name.endswith("Lines") and name != "customerPayments"}
        plain.pop("companies")
        for path, set_name in (plain | nested).items():
            for row in bc.rows(path):
                check_row(edmx, set_name, row)
