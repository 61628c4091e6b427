"""The metadata of S/4HANA's services (OData V2): names, types, lengths, and what may be created or filtered by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from tests.specification import SPECS, Request, shown
from tests.specification.odata_model import Entity, Navigation, Property, short_name
from tests.specification.odata_query import Filter

ROOT = re.compile(r".*?/sap/opu/odata/sap/(\w+)/(.*)")  # whatever name of its own a server of tests puts before it
TOKEN = "/sap/bc/sec/oauth2/token"
RECORD = re.compile(r"(\w+)(?:\((.*)\))?")
SAP = "{http://www.sap.com/Protocols/SAPData}"
PAGING = {"$skiptoken"}  # of the links that the server itself makes
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?"
LITERALS = {
    "Edm.String": r"'(?:[^']|'')*'",
    "Edm.Decimal": r"-?\d+(\.\d+)?[mM]?",
    "Edm.Boolean": "true|false",
    "Edm.DateTime": f"datetime'{TIME}'",
    "Edm.DateTimeOffset": f"datetimeoffset'{TIME}(Z|[+-]\\d\\d:\\d\\d)'",
    "Edm.Time": r"time'PT\d+H\d+M\d+S'",
    "Edm.Guid": "guid'[0-9a-fA-F-]{36}'",
    "Edm.Int32": r"-?\d+",
}
JSON = {  # as text in a body; numbers with a fraction are text, too
    "Edm.Decimal": r"-?\d+(\.\d+)?",
    "Edm.DateTime": rf"/Date\(-?\d+\)/|{TIME}",
    "Edm.DateTimeOffset": rf"/Date\(-?\d+([+-]\d+)?\)/|{TIME}Z",
    "Edm.Time": r"PT\d+H\d+M\d+S",
    "Edm.Guid": "[0-9a-fA-F-]{36}",
    "Edm.String": ".*",
}


@dataclass
class Member(Property):
    precision: int = 0
    scale: int = 0
    denied: set[str] = field(default_factory=set)  # creatable, filterable, sortable

    def findings(self, value: Any, where: str) -> Iterator[str]:
        if value is None:
            if not self.is_nullable:
                yield f"{where} is null"
        elif self.kind == "Edm.Boolean" or self.kind == "Edm.Int32":
            if not isinstance(value, bool if self.kind == "Edm.Boolean" else int):
                yield f"{where} is {shown(value)}, which is no {self.kind}"
        elif not isinstance(value, str) or not re.fullmatch(JSON[self.kind], value, re.DOTALL):
            yield f"{where} is {shown(value)}, which is no {self.kind}"
        elif self.kind == "Edm.String" and self.length and len(value) > self.length:
            yield f"{where} has {len(value)} characters, at most {self.length} are kept"
        elif self.kind == "Edm.Decimal" and not self.holds(Decimal(value)):
            yield f"{where} is {value}, which does not fit into {self.precision} digits, {self.scale} of them behind"

    def holds(self, value: Decimal) -> bool:
        behind = round(value, self.scale)
        return behind == value and abs(value) < Decimal(10) ** (self.precision - self.scale)

    def is_literal(self, text: str) -> bool:
        return text == "null" or re.fullmatch(LITERALS[self.kind], text) is not None


@dataclass(frozen=True)
class Service:
    entities: dict[str, Entity]
    sets: dict[str, tuple[str, set[str]]]  # of which type, and what is denied of it
    keys: dict[str, list[str]]


def findings(request: Request) -> Iterator[str]:
    name, path = ROOT.fullmatch(request.path).groups()  # type: ignore[union-attr]
    if not (SPECS / "sap_s4hana" / f"{name}.edmx").exists():
        yield f"there is no service {name!r}"
        return
    if path in ("", "$metadata"):
        if request.method not in ("GET", "HEAD"):
            yield f"{request.method} of {path or 'the service'}"
        return
    known = service(name)
    set_name, key = match.groups() if (match := RECORD.fullmatch(path)) else ("", None)
    if set_name not in known.sets:
        yield f"{name} has no {path.partition('(')[0]!r}"
        return
    kind, denied = known.sets[set_name]
    entity = known.entities[kind]
    if key is not None:
        yield from _key(entity, known.keys[kind], key)
    if request.method == "GET":
        yield from _read(known, entity, request, is_one=key is not None)
    elif request.method == "POST" and key is None and "creatable" not in denied:
        yield from _created(known, entity, request)
    else:
        yield f"{request.method} of {'a whole list' if key is None else 'one'}"


def token_findings(request: Request) -> Iterator[str]:
    if request.method != "POST" or not request.has("application/x-www-form-urlencoded"):
        yield "a token is asked for by POST of a form"
    if not request.headers.get("authorization", "").startswith("Basic "):
        yield "the client is not named in the header"
    form = parse_qs(request.body.decode())
    if form.get("grant_type") != ["client_credentials"] or form.keys() - {"grant_type", "scope"}:
        yield f"the form has {', '.join(sorted(form))}"


@cache
def service(name: str) -> Service:
    tree = ElementTree.parse(SPECS / "sap_s4hana" / f"{name}.edmx")
    ends = {
        (str(each.get("Name")), str(end.get("Role"))): Navigation(
            short_name(end.get("Type")), end.get("Multiplicity") == "*"
        )
        for each in tree.iterfind(".//{*}Association")
        for end in each.iterfind(".//{*}End")
    }
    entities, keys = {}, {}
    for found in tree.iterfind(".//{*}EntityType"):
        below = {
            str(each.get("Name")): ends[short_name(each.get("Relationship")), str(each.get("ToRole"))]
            for each in found.iterfind(".//{*}NavigationProperty")
        }
        properties: dict[str, Property] = {
            str(each.get("Name")): _member(each) for each in found.iterfind(".//{*}Property")
        }
        kind = str(found.get("Name"))
        entities[kind] = Entity(kind, properties, below)
        keys[kind] = [str(each.get("Name")) for each in found.iterfind(".//{*}PropertyRef")]
    sets = {
        str(each.get("Name")): (short_name(each.get("EntityType")), _denied(each))
        for each in tree.iterfind(".//{*}EntitySet")
    }
    return Service(entities, sets, keys)


def _member(found: ElementTree.Element) -> Member:
    sized = {name: int(found.get(name) or 0) for name in ("MaxLength", "Precision", "Scale")}
    return Member(
        kind=str(found.get("Type")),
        length=sized["MaxLength"] or None,
        is_nullable=found.get("Nullable") != "false",
        precision=sized["Precision"],
        scale=sized["Scale"],
        denied=_denied(found),
    )


def _denied(found: ElementTree.Element) -> set[str]:
    return {name for name in ("creatable", "updatable", "filterable", "sortable") if found.get(SAP + name) == "false"}


def _key(entity: Entity, names: list[str], text: str) -> Iterator[str]:
    given = dict(part.partition("=")[::2] for part in text.split(",")) if "=" in text else {names[0]: text}
    if sorted(given) != sorted(names):
        yield f"{shown(text)} is no key of {entity.name}"
    elif wrong := [name for name, value in given.items() if not entity.properties[name].is_literal(value)]:
        yield f"{', '.join(wrong)} in the key of {entity.name} is no {entity.properties[wrong[0]].kind}"


def _read(known: Service, entity: Entity, request: Request, *, is_one: bool) -> Iterator[str]:
    asked = request.asked(plus_is_blank=False)
    if "json" not in request.headers.get("accept", "") and ("$format", "json") not in asked:
        yield "it would be answered in Atom: neither Accept nor $format says JSON"
    expanded = next((text.split(",") for name, text in asked if name == "$expand"), [])
    for name, text in asked:
        if name == "$filter" and not is_one:
            yield from Filter(entity, text).findings()
            for word in sorted(set(re.findall(r"\w+", text)) & entity.properties.keys()):
                yield from _denial(entity, word, "filterable")
        elif name == "$select":
            for path in text.split(","):
                yield from _path(known, entity, path)
                if "/" in path and not any(f"{each}/".startswith(path.rpartition("/")[0] + "/") for each in expanded):
                    yield f"{path} is selected, but not expanded"
        elif name == "$expand":
            for path in text.split(","):
                yield from _path(known, entity, path, is_below=True)
        elif name == "$orderby" and not is_one:
            for each in text.split(","):
                word = each.partition(" ")[0]
                yield from _path(known, entity, word)
                yield from _denial(entity, word, "sortable")
        elif not _is_plain(name, text):
            yield f"no query option {name!r} of {shown(text)}"


def _is_plain(name: str, text: str) -> bool:
    allowed = {
        "$top": r"\d+",
        "$skip": r"\d+",
        "$inlinecount": "allpages|none",
        "$format": "json",
        "sap-client": r"\d{3}",
    }
    return name in PAGING or (name in allowed and re.fullmatch(allowed[name], text) is not None)


def _denial(entity: Entity, name: str, word: str) -> Iterator[str]:
    member = entity.properties.get(name)
    if isinstance(member, Member) and word in member.denied:
        yield f"{entity.name}.{name} is not {word}"


def _path(known: Service, entity: Entity, path: str, *, is_below: bool = False) -> Iterator[str]:
    """`to_X/to_Y`, or `to_X/Name`."""
    *way, last = path.split("/")
    for step in [*way, last] if is_below else way:
        if step not in entity.navigation:
            yield f"{entity.name} has nothing called {step!r} below it"
            return
        entity = known.entities[entity.navigation[step].entity]
    if not is_below and last not in entity.properties and last not in entity.navigation:
        yield f"{entity.name} has no property {last!r}"


def _created(known: Service, entity: Entity, request: Request) -> Iterator[str]:
    if request.asked(plus_is_blank=False) and {name for name, _ in request.asked(plus_is_blank=False)} != {
        "sap-client"
    }:
        yield "only what is read takes query options"
    for name in ("x-csrf-token", "cookie"):
        if not request.headers.get(name):
            yield f"the header {name} is missing"
    if not request.has("application/json"):
        yield f"the body is {request.headers.get('content-type')}, not application/json"
    yield from _members(known, entity, json.loads(request.body, parse_float=Decimal), "")


def _members(known: Service, entity: Entity, body: Any, where: str) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"{where or 'the body'} is {shown(body)}, not an object"
        return
    for name, value in body.items():
        at = f"{where}.{name}" if where else name
        if name in entity.properties:
            yield from entity.properties[name].findings(value, at)
            yield from _denial(entity, name, "creatable")
        elif name in entity.navigation:
            target = entity.navigation[name]
            if isinstance(value, list) != target.is_list:
                yield f"{at} is {'no list' if target.is_list else 'a list'}"
            for row in value if isinstance(value, list) else [value]:
                yield from _members(known, known.entities[target.entity], row, at)
        else:
            yield f"{entity.name} has no property {name!r}"
