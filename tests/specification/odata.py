"""Business Central's `$metadata` and the catalogue of its pages: paths, methods, query options and bodies.

The catalogue adds what `$metadata` does not say: which fields are read-only, and which a new record must have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.specification import Request, shown
from tests.specification.odata_model import LITERALS, Entity, Model, model
from tests.specification.odata_query import query_findings

ROOT = "/api/v2.0"
SEGMENT = re.compile(r"([\w.]+)(?:\((.*)\))?")
GUID = LITERALS["Edm.Guid"]
CHANGES = {"POST": "Insertable", "PATCH": "Updatable", "DELETE": "Deletable"}


class Unpublished(Exception):
    """What makes looking further at a path useless."""


class Place:
    """Where a path leads: a list of entities, or one of them."""

    def __init__(self, metadata: Model, entity: Entity) -> None:
        self.metadata, self.entity = metadata, entity
        self.is_one, self.action = False, ""

    def enter(self, name: str, key: str | None) -> None:
        if name.startswith("Microsoft.NAV."):
            self.action = name.removeprefix("Microsoft.NAV.")
            if not self.is_one or (self.action, self.entity.name) not in self.metadata.actions:
                raise Unpublished(f"{self.entity.name} has no action {self.action!r}")
            return
        found = self.entity.navigation.get(name)
        if not self.is_one or found is None:
            raise Unpublished(f"{self.entity.name} has nothing called {name!r} below it")
        self.entity, self.is_one = self.metadata.entities[found.entity], not found.is_list
        self.take(key)

    def take(self, key: str | None) -> None:
        if key is not None:
            if not GUID.fullmatch(key):
                raise Unpublished(f"{shown(key)} is no key of {self.entity.name}")
            self.is_one = True


def findings(request: Request) -> Iterator[str]:
    metadata = model()
    try:
        place = _place(metadata, request.path.partition(ROOT)[2].strip("/"))
    except Unpublished as finding:
        yield str(finding)
        return
    yield from _method(place, request)
    yield from query_findings(metadata, place.entity, place.is_one, request)
    if place.action or request.method not in ("POST", "PATCH"):
        if request.body:
            yield "it takes no body"
    elif not request.has("application/json"):
        yield f"the body is {request.headers.get('content-type')}, not application/json"
    else:
        body = json.loads(request.body, parse_float=Decimal)
        yield from _members(metadata, body, place.entity, "", is_new=request.method == "POST")


def _place(metadata: Model, path: str) -> Place:
    """Always below `companies`: all other sets belong to one of them."""
    segments = [SEGMENT.fullmatch(part) for part in path.split("/")]
    first = segments[0]
    if first is None or first[1] != "companies":
        raise Unpublished("it leads to no company")
    place = Place(metadata, metadata.entities["company"])
    place.take(first[2])
    for segment in segments[1:]:
        if segment is None:
            raise Unpublished("it is no path of names and keys")
        place.enter(segment[1], segment[2])
    return place


def _method(place: Place, request: Request) -> Iterator[str]:
    method, entity = request.method, place.entity
    if place.action:
        if method != "POST":
            yield f"{method} of the action {place.action!r}"
    elif method in CHANGES:
        if CHANGES[method] not in entity.allows:
            yield f"{entity.name} takes no {method}"
        if place.is_one == (method == "POST"):
            yield f"{method} of {'one' if place.is_one else 'a whole list'}"
        if method in ("PATCH", "DELETE") and not request.headers.get("if-match"):
            yield "the header If-Match is missing"
    elif method != "GET":
        yield f"no {method} is known"


def _members(metadata: Model, body: Any, entity: Entity, where: str, *, is_new: bool) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"{where or 'the body'} is {shown(body)}, not an object"
        return
    for name, value in body.items():
        at = f"{where}.{name}" if where else name
        if name in entity.properties:
            yield from entity.properties[name].findings(value, at)
            if entity.properties[name].is_read_only:
                yield f"{at} is read-only"
        elif name not in entity.navigation:
            yield f"{entity.name} has no property {name!r}"
        elif not is_new:
            yield f"{at}: a change brings nothing from below"
        else:
            target = entity.navigation[name]
            for row in value if target.is_list else [value]:
                yield from _members(metadata, row, metadata.entities[target.entity], at, is_new=True)
    if is_new:
        for name in sorted(entity.mandatory - set(body)):
            yield f"{where or 'the body'} lacks {name!r}"
