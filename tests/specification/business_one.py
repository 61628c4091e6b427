"""The metadata of a live Business One company: sets, actions, names and kinds of what is asked for and sent.

It has no lengths, and fields and tables of one company's own (`U_...`), which no other has: these are let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from email import message_from_bytes
from functools import cache
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tests.specification import SPECS, Request, shown
from tests.specification.odata_model import EDM, Entity, Model, Navigation, Property, short_name
from tests.specification.odata_query import Filter

ROOT = re.compile(r".*?/b1s/v\d/(.*)")  # whatever name of its own a server of tests puts before it
RECORD = re.compile(r"(\w+)(?:\((.*?)\))?(?:/(\w+))?")
KINDS = {"Edm.Double": "Edm.Decimal", "Edm.DateTimeOffset": "Edm.String", "Edm.TimeOfDay": "Edm.String"}
OWN = "U_"
TOKEN = "/auth/realms/sapb1/protocol/openid-connect/token"  # of the server that comes with it, as in SAP's sample
LOGIN = {"CompanyDB": str, "UserName": str, "Password": str, "Language": int}  # a number, although it says text


class Metadata(NamedTuple):
    """`services`: what is asked or done without a record; the names of what a body may have."""

    model: Model
    sets: dict[str, str]
    services: dict[str, frozenset[str]]


def findings(request: Request) -> Iterator[str]:
    if request.query and request.method != "GET":
        yield "only what is read takes query options"
    path = ROOT.sub(r"\1", request.path)
    if path in ("Login", "Logout"):
        yield from _session(path, request)
    elif path == "$batch":
        yield from _batch(request)
    elif path in metadata().services:
        yield from _service(path, request)
    else:
        yield from _record(path, request)


@cache
def metadata() -> Metadata:
    tree = ElementTree.parse(SPECS / "sap_business_one" / "SAPB1-v2-odata4.edmx")
    enums = {
        str(found.get("Name")): frozenset(str(member.get("Name")) for member in found.iter(f"{EDM}Member"))
        for found in tree.iter(f"{EDM}EnumType")
    }
    types = [*tree.iter(f"{EDM}EntityType"), *tree.iter(f"{EDM}ComplexType")]
    entities = {str(found.get("Name")): _entity(found, enums) for found in types}
    sets = {str(found.get("Name")): short_name(found.get("EntityType")) for found in tree.iter(f"{EDM}EntitySet")}
    actions = {
        (str(found.get("Name")), short_name(parameter.get("Type")))
        for found in tree.iter(f"{EDM}Action")
        for parameter in found.iter(f"{EDM}Parameter")
    }
    return Metadata(Model(entities, actions), sets, _services(tree))


def _services(tree: Any) -> dict[str, frozenset[str]]:
    """Actions are asked by POST, and functions, too: V3 knows no other way, and SAP's reference lists it for all."""
    found = {}
    for kind in ("Function", "Action"):
        parameters = {
            str(each.get("Name")): frozenset(str(one.get("Name")) for one in each.iter(f"{EDM}Parameter"))
            for each in tree.iter(f"{EDM}{kind}")
        }
        for imported in tree.iter(f"{EDM}{kind}Import"):
            found[str(imported.get("Name"))] = parameters[short_name(imported.get(kind))]
    return found


def _service(path: str, request: Request) -> Iterator[str]:
    parameters = metadata().services[path]
    if request.method != "POST":
        yield f"{request.method} of {path}"
    for name in (json.loads(request.body) if request.body else {}).keys() - parameters:
        yield f"{path} takes no {name!r}"


def _entity(found: ElementTree.Element, enums: dict[str, frozenset[str]]) -> Entity:
    """What is made of members of its own is `navigation`, and selected like a property."""
    properties, below = {}, {}
    for one in found.iter(f"{EDM}Property"):
        name, kind = str(one.get("Name")), str(one.get("Type"))
        if kind.startswith("Edm.") or short_name(kind) in enums:
            members = enums.get(short_name(kind), frozenset())
            properties[name] = Property(KINDS.get(kind, kind), None, one.get("Nullable") != "false", members)
        else:
            below[name] = Navigation(short_name(kind), kind.startswith("Collection("))
    return Entity(str(found.get("Name")), properties, below)


def _session(path: str, request: Request) -> Iterator[str]:
    if request.method != "POST":
        yield f"{request.method} of {path}"
    if path == "Login":
        body = json.loads(request.body)
        for name, value in body.items():
            if name not in LOGIN:
                yield f"Login takes no {name!r}"
            elif not isinstance(value, LOGIN[name]):
                yield f"{name} is no {LOGIN[name].__name__}"
        if missing := LOGIN.keys() - {"Language"} - body.keys():
            yield f"Login lacks {', '.join(sorted(missing))}"


def _batch(request: Request) -> Iterator[str]:
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    if not message.is_multipart() or message.defects:
        yield "the batch is not made of parts"
    for part in message.walk():
        if part.is_multipart():
            continue
        content: Any = part.get_payload(decode=True)
        head, _, body = content.partition(b"\r\n\r\n")
        line, *headers = head.decode().splitlines()
        method, _, url = line.partition(" ")
        named = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
        if part.get("Content-ID") is None and method != "GET":
            yield f"{line} has no Content-ID"
        yield from findings(Request(method, url, "", named, body.strip()))


def _record(path: str, request: Request) -> Iterator[str]:
    known = metadata()
    match = RECORD.fullmatch(path)
    name, key, action = match.groups() if match else ("", None, None)
    if name not in known.sets and not name.startswith(OWN):
        yield f"there is no {path.partition('(')[0]!r}"
        return
    entity = known.model.entities.get(known.sets.get(name, ""))
    if action is not None:
        if request.method != "POST" or entity is None or (action, entity.name) not in known.model.actions:
            yield f"{name} has no action {action!r} by {request.method}"
        return
    allowed = ("GET", "POST") if key is None else ("GET", "PATCH", "DELETE")
    if request.method not in allowed:
        yield f"{request.method} of {'a whole list' if key is None else 'one'}"
    if entity is None:
        return
    for option, text in request.asked(plus_is_blank=False):
        yield from _option(entity, option, text, is_one=key is not None)
    if request.method in ("POST", "PATCH"):
        if not request.has("application/json"):
            yield f"the body is {request.headers.get('content-type')}, not application/json"
        yield from _members(known.model, json.loads(request.body, parse_float=Decimal), entity, "")


def _option(entity: Entity, option: str, text: str, *, is_one: bool) -> Iterator[str]:
    if option == "$select":
        for name in text.split(","):
            if name not in entity.properties and name not in entity.navigation and not name.startswith(OWN):
                yield f"{entity.name} has no property {name!r}"
    elif is_one:
        yield f"no query option {option!r} of one {entity.name}"
    elif option == "$filter":
        own = {name: Property("Edm.String", None, True) for name in re.findall(rf"\b{OWN}\w+", text)}
        yield from Filter(Entity(entity.name, entity.properties | own, {}), text).findings()
    elif option == "$orderby":
        if (name := text.partition(" ")[0]) not in entity.properties:
            yield f"{entity.name} has no property {name!r}"
    elif option not in ("$top", "$skip") or not text.isdecimal():
        yield f"no query option {option!r} of {shown(text)}"


def _members(model: Model, body: Any, entity: Entity, where: str) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"{where or 'the body'} is {shown(body)}, not an object"
        return
    for name, value in body.items():
        at = f"{where}.{name}" if where else name
        if name in entity.properties:
            yield from entity.properties[name].findings(value, at)
        elif name in entity.navigation:
            target = entity.navigation[name]
            for row in value if target.is_list else [value]:
                yield from _members(model, row, model.entities[target.entity], at)
        elif not name.startswith(OWN):
            yield f"{entity.name} has no property {name!r}"
