"""What Business Central's entities are made of, by `$metadata` and the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from xml.etree import ElementTree

from tests.specification import SPECS, shown

FOLDER = SPECS / "business_central"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
NUMBER = re.compile(r"-?\d+(\.\d+)?")
LITERALS = {  # as they stand in a URL
    "Edm.String": re.compile(r"'(?:[^']|'')*'"),
    "Edm.Guid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "Edm.Date": re.compile(r"\d{4}-\d\d-\d\d"),
    "Edm.DateTimeOffset": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"),
    "Edm.Boolean": re.compile("true|false"),
    "Edm.Decimal": NUMBER,
    "Edm.Int32": re.compile(r"-?\d+"),
    "Edm.Int64": re.compile(r"-?\d+"),
}
JSON: dict[str, Any] = {"Edm.Decimal": (int, Decimal), "Edm.Int32": int, "Edm.Int64": int}  # all else is text


@dataclass
class Property:
    kind: str
    length: int | None
    is_nullable: bool
    members: frozenset[str] = frozenset()  # of an enum, as the wire spells them
    is_read_only: bool = False

    def findings(self, value: Any, where: str) -> Iterator[str]:
        """Of a value in a body."""
        if value is None:
            if not self.is_nullable:
                yield f"{where} is null"
        elif not isinstance(value, JSON.get(self.kind, str)) or (
            isinstance(value, bool) != (self.kind == "Edm.Boolean")
        ):
            yield f"{where} is {shown(value)}, which is no {self.kind}"
        elif self.members:
            if value not in self.members:
                yield f"{where} is {shown(value)}, not one of {', '.join(sorted(self.members))}"
        elif self.kind == "Edm.String":
            if self.length is not None and len(value) > self.length:
                yield f"{where} has {len(value)} characters, at most {self.length} are kept"
        elif isinstance(value, str) and not LITERALS[self.kind].fullmatch(value):
            yield f"{where} is {shown(value)}, which is no {self.kind}"

    def is_literal(self, text: str) -> bool:
        """Of a value in a filter. Members of enums are quoted there."""
        return text == "null" or LITERALS["Edm.String" if self.members else self.kind].fullmatch(text) is not None


@dataclass(frozen=True)
class Navigation:
    entity: str
    is_list: bool


@dataclass
class Entity:
    name: str
    properties: dict[str, Property]
    navigation: dict[str, Navigation]
    allows: set[str] = field(default_factory=set)  # Insertable, Updatable, Deletable, Sortable
    mandatory: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Model:
    entities: dict[str, Entity]
    actions: set[tuple[str, str]]  # and what each is bound to


@cache
def model() -> Model:
    tree = ElementTree.parse(FOLDER / "api_v2.0_metadata.edmx.xml")
    enums = {
        str(found.get("Name")): frozenset(str(member.get("Name")) for member in found.iter(f"{EDM}Member"))
        for found in tree.iter(f"{EDM}EnumType")
    }
    entities = {str(found.get("Name")): _entity(found, enums) for found in tree.iter(f"{EDM}EntityType")}
    catalogue = json.loads((FOLDER / "api_v2_field_catalogue.json").read_bytes())
    for found in tree.iter(f"{EDM}EntitySet"):
        entity = entities[short_name(found.get("EntityType"))]
        values = found.iter(f"{EDM}PropertyValue")
        entity.allows |= {str(value.get("Property")) for value in values if value.get("Bool") == "true"}
        _add_catalogue(entity, catalogue.get(found.get("Name"), {}).get("fields", {}))
    actions = {
        (str(found.get("Name")), short_name(parameter.get("Type")))
        for found in tree.iter(f"{EDM}Action")
        for parameter in found.iter(f"{EDM}Parameter")
    }
    return Model(entities, actions)


def _entity(found: ElementTree.Element, enums: dict[str, frozenset[str]]) -> Entity:
    properties = {}
    for one in found.iter(f"{EDM}Property"):
        kind, length = str(one.get("Type")), one.get("MaxLength")
        properties[str(one.get("Name"))] = Property(
            kind=kind,
            length=int(length) if length else None,
            is_nullable=one.get("Nullable") != "false",
            members=enums.get(short_name(kind), frozenset()),
        )
    navigation = {
        str(one.get("Name")): Navigation(short_name(one.get("Type")), str(one.get("Type")).startswith("Collection("))
        for one in found.iter(f"{EDM}NavigationProperty")
    }
    return Entity(str(found.get("Name")), properties, navigation)


def _add_catalogue(entity: Entity, fields: dict[str, Any]) -> None:
    """Of lengths only those that `$metadata` leaves out."""
    for name, said in fields.items():
        own = entity.properties.get(name)
        if own is None:
            continue
        own.is_read_only = bool(said.get("readOnly"))
        sized = re.fullmatch(r"(?:Code|Text)\[(\d+)\]", said["type"] or "")
        if own.length is None and sized:
            own.length = int(sized[1])
        if said.get("mandatory"):
            entity.mandatory.add(name)


def short_name(kind: str | None) -> str:
    return str(kind).removeprefix("Collection(").removesuffix(")").rpartition(".")[2]
