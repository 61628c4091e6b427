"""`$metadata` of what the sandbox serves, in the shape of the service's own."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_model import OPTIONS, Entity, Property

EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
EDM = "http://docs.oasis-open.org/odata/ns/edm"
TYPES = {
    "guid": "Edm.Guid",
    "text": "Edm.String",
    "code": "Edm.String",
    "decimal": "Edm.Decimal",
    "int": "Edm.Int32",
    "date": "Edm.Date",
    "datetime": "Edm.DateTimeOffset",
    "bool": "Edm.Boolean",
}
ACTIONS = {"salesInvoice": ["post", "cancel"], "salesCreditMemo": ["post"], "journal": ["post"]}


def metadata() -> str:
    root = Element("edmx:Edmx", {"Version": "4.0", "xmlns:edmx": EDMX})
    services = SubElement(root, "edmx:DataServices")
    schema = SubElement(services, "Schema", {"Namespace": "Microsoft.NAV", "xmlns": EDM})
    for name, members in OPTIONS.items():
        enum = SubElement(schema, "EnumType", {"Name": name})
        for value, member in enumerate(members):
            SubElement(enum, "Member", {"Name": member, "Value": str(value)})
    for entity in ENTITIES.values():
        add_type(schema, entity)
    for name, actions in ACTIONS.items():
        for action in actions:
            bound = SubElement(schema, "Action", {"Name": action, "IsBound": "true"})
            SubElement(bound, "Parameter", {"Name": "bindingParameter", "Type": f"Microsoft.NAV.{name}"})
    container = SubElement(schema, "EntityContainer", {"Name": "NAV"})
    for entity in ENTITIES.values():
        SubElement(container, "EntitySet", {"Name": entity.set_name, "EntityType": f"Microsoft.NAV.{entity.name}"})
    return '<?xml version="1.0" encoding="utf-8"?>' + tostring(root, encoding="unicode")


def add_type(schema: Element, entity: Entity) -> None:
    declared = SubElement(schema, "EntityType", {"Name": entity.name})
    SubElement(SubElement(declared, "Key"), "PropertyRef", {"Name": "id"})
    for prop in entity.properties.values():
        SubElement(declared, "Property", facets(prop))
    for name, navigation in entity.navigation.items():
        target = f"Microsoft.NAV.{ENTITIES[navigation.entity].name}"
        kind = f"Collection({target})" if navigation.many else target
        SubElement(declared, "NavigationProperty", {"Name": name, "Type": kind})


def facets(prop: Property) -> dict[str, str]:
    length = {} if prop.length is None else {"MaxLength": str(prop.length)}
    return {"Name": prop.name, "Type": TYPES.get(prop.kind, f"Microsoft.NAV.{prop.kind}"), **length}
