"""Requests of the five services against one company: paths, methods, preconditions, replies. Knows no HTTP server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import unquote

import simplejson

from st_erp_pipelines.sandbox import sap_s4hana_orders as orders
from st_erp_pipelines.sandbox import sap_s4hana_partners as partners
from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox import sap_s4hana_requisitions as requisitions
from st_erp_pipelines.sandbox import sap_s4hana_xml as xml
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, Found, holds
from st_erp_pipelines.sandbox.sap_s4hana_entities import INVOICES, PARTNERS, SETS, TYPES
from st_erp_pipelines.sandbox.sap_s4hana_model import Property, Type, accepted
from st_erp_pipelines.sandbox.sap_s4hana_query import Options, Tree

SEGMENT = re.compile(r"([\w$]+)(?:\((.*)\))?")
SLASH = re.compile(r"/(?=(?:[^']*'[^']*')*[^']*$)")  # outside of quotes
COMMA = re.compile(r",(?=(?:[^']*'[^']*')*[^']*$)")
FOREIGN = "https://elsewhere.example.com"

CREATE: dict[str, Callable[[Company, Row], Row]] = {
    orders.ORDERS: orders.create,
    requisitions.REQUISITIONS: requisitions.create,
    partners.PARTNERS: partners.create,
}
CHANGE: dict[str, Callable[[Company, Row, Row, Row], None]] = {
    orders.ORDERS: orders.change,
    requisitions.REQUISITIONS: requisitions.change,
    partners.PARTNERS: partners.change,
}


@dataclass(frozen=True, slots=True)
class Request:
    """`root` is the service's address with a slash at its end, `path` what follows, decoded; header names are in lower
    case."""

    method: str
    service: str
    root: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def verb(self) -> str:
        """MERGE may come in a tunnel."""
        tunnelled = self.headers.get("x-http-method", "").upper()
        return tunnelled if self.method == "POST" and tunnelled else self.method

    @property
    def wants_json(self) -> bool:
        asked = [unquote(pair) for pair in self.query.split("&")]
        return "$format=json" in asked or "application/json" in self.headers.get("accept", "")

    def json(self) -> Any:
        if not self.headers.get("content-type", "").startswith("application/json"):
            raise refusals.unsupported_media()
        try:
            return simplejson.loads(self.body, use_decimal=True)
        except (ValueError, UnicodeDecodeError):
            raise refusals.bad_body("Error while parsing the request: no JSON") from None


@dataclass(slots=True)
class Reply:
    """`payload`: an object for JSON or Atom, a text, or nothing."""

    status: int
    payload: Row | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = ""  # of a text


@dataclass(frozen=True, slots=True)
class Target:
    """What a path leads to: one row, or several."""

    set_name: str
    found: list[Found]
    is_one: bool
    is_count: bool = False

    @property
    def type(self) -> Type:
        return TYPES[self.set_name]


class Api:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.turn = 0  # of an order that each page has for itself

    def answer(self, request: Request) -> Reply:
        segments = [part for part in SLASH.split(request.path) if part]
        reads = request.verb in ("GET", "HEAD")
        if not segments and reads:
            names = [known.name for known in SETS.values() if known.service == request.service]
            return Reply(200, {"d": {"EntitySets": names}})
        if segments == ["$metadata"] and reads:
            return Reply(200, xml.metadata(request.service, self.company.types), kind="application/xml")
        target = self._resolve(request, segments)
        if reads:
            return self._read(request, target)
        match request.verb:
            case "POST" if not target.is_one and len(segments) == 1:
                return self._create(request, target.set_name)
            case "PATCH" | "MERGE" if target.is_one:
                return self._change(request, target)
            case "DELETE" if target.is_one:
                return self._delete(request, target)
        raise refusals.not_implemented(request.verb, target.set_name)

    # --- paths -------------------------------------------------------------------------------------------

    def _resolve(self, request: Request, segments: list[str]) -> Target:
        is_count = segments[-1:] == ["$count"]
        target: Target | None = None
        for segment in segments[: len(segments) - is_count]:
            found = SEGMENT.fullmatch(segment)
            if found is None:
                raise refusals.unknown_segment(segment)
            name, key = found.groups()
            target = self._below(target, name) if target else self._set(request, name, key)
            if key is not None and not target.is_one:
                target = self._one(target, key)
        if target is None:
            raise refusals.unknown_segment(request.path)
        return Target(target.set_name, target.found, target.is_one, is_count)

    def _set(self, request: Request, name: str, key: str | None) -> Target:
        known = SETS.get(name)
        if known is None or known.service != request.service:
            raise refusals.unknown_segment(name)
        if key is None:
            return Target(name, list(self.company.walk(name)), is_one=False)
        return Target(name, [self.company.get(name, self._key(TYPES[name], key))], is_one=True)

    def _below(self, target: Target, name: str) -> Target:
        navigation = target.type.navigations.get(name)
        if navigation is None or not target.is_one:
            raise refusals.unknown_segment(name)
        found = below(target.found[0], target.type, name)
        if not navigation.is_many and not found:
            raise refusals.not_found(f"{navigation.target}Type")
        return Target(navigation.target, found, not navigation.is_many)

    def _one(self, target: Target, text: str) -> Target:
        key = self._key(target.type, text)
        found = [each for each in target.found if target.type.key_of(each.row) == key]
        if not found:
            raise refusals.not_found(f"{target.set_name}Type")
        return Target(target.set_name, found[:1], is_one=True)

    def _key(self, known: Type, text: str) -> tuple[Any, ...]:
        parts = [part.strip() for part in COMMA.split(text)]
        named = dict(part.split("=", 1) for part in parts if re.match(r"\w+=", part))
        if len(known.key) == 1 and not named:
            named = {known.key[0]: text}
        if named.keys() != set(known.key) or len(named) != len(parts):
            raise refusals.bad_query("Invalid key predicate: the names of the key properties are wrong")
        values = tuple(known.properties[name].literal(named[name]) for name in known.key)
        if None in values:
            raise refusals.bad_query("Invalid key predicate: a literal has the wrong type")
        return values

    # --- reading -----------------------------------------------------------------------------------------

    def _read(self, request: Request, target: Target) -> Reply:
        types = self.company.types
        options = Options.of(request.query, types[target.set_name], types)
        show = Showing(self.company, request.root)
        if target.is_one:
            found = target.found[0]
            tag = etag(request.service, target.set_name, found)
            return Reply(200, {"d": show.row(target.set_name, found, options.select, options.expand)}, _tagged(tag))
        rows = self._ordered(options, options.matching(target.found))
        if target.is_count:
            return Reply(200, str(len(rows)), kind="text/plain")
        setup = self.company.setup
        page, following = options.page(rows, setup["page_size"], setup["max_page"])
        results = [show.row(target.set_name, found, options.select, options.expand) for found in page]
        payload: Row = {"results": results}
        if options.count:
            payload["__count"] = str(len(rows))
        if following:
            payload["__next"] = self._next_link(request, following)
        return Reply(200, {"d": payload})

    def _ordered(self, options: Options, rows: list[Found]) -> list[Found]:
        """Without $orderby the database owes nobody an order."""
        if self.company.setup["unordered"] and not options.order:
            self.turn += 1
            return rows[::-1] if self.turn % 2 else rows
        return rows

    def _next_link(self, request: Request, query: str) -> str:
        match self.company.setup["next_link"]:
            case "relative":
                return f"{request.path}?{query}"
            case "foreign":
                return f"{FOREIGN}/{request.path}?{query}"
            case "repeating":
                return f"{request.root}{request.path}?{request.query}"
        return f"{request.root}{request.path}?{query}"

    # --- writing -----------------------------------------------------------------------------------------

    def _create(self, request: Request, set_name: str) -> Reply:
        if "C" not in SETS[set_name].allows:
            raise refusals.not_allowed("POST")
        if set_name not in CREATE:
            raise refusals.not_implemented("CREATE", set_name)
        sent = accepted(self.company.types, set_name, request.json(), Property.sent)
        record = CREATE[set_name](self.company, sent)
        found = Found(record, record)
        shown = Showing(self.company, request.root).row(set_name, found, {}, _sent_parts(set_name, sent))
        headers = {"Location": shown["__metadata"]["uri"]} | self._warned(record)
        return Reply(201, {"d": shown}, headers | _tagged(etag(request.service, set_name, found)))

    def _warned(self, record: Row) -> dict[str, str]:
        """What a buyer would read below the form, and go on."""
        lines = [line for item in record.get("to_PurchaseOrderItem", []) for line in item["to_ScheduleLine"]]
        if all(line["ScheduleLineDeliveryDate"] >= self.company.today() for line in lines):
            return {}
        warning = {"code": "06/040", "message": "Can delivery date be met?", "severity": "warning", "target": ""}
        return {"sap-message": simplejson.dumps(warning | {"details": []})}

    def _change(self, request: Request, target: Target) -> Reply:
        root = SETS[target.set_name].root
        if "U" not in SETS[target.set_name].allows:
            raise refusals.not_allowed(request.verb)
        if root not in CHANGE:
            raise refusals.not_implemented("UPDATE", target.set_name)
        sent = accepted(self.company.types, target.set_name, request.json(), Property.sent)
        if any(part.name in sent for part in target.type.parts):
            raise refusals.bad_body("Deep updates are not supported")
        values = {name: value for name, value in sent.items() if name not in target.type.key}
        found = self._writable(request, target)
        CHANGE[root](self.company, found.root, found.row, values)
        self.company.touch(target.set_name, found)
        self.company.put(root, found.root)
        return Reply(204)

    def _delete(self, request: Request, target: Target) -> Reply:
        if "D" not in SETS[target.set_name].allows:
            raise refusals.not_allowed("DELETE")
        if target.set_name not in (orders.ORDERS, "A_PurchaseOrderItem"):
            raise refusals.not_implemented("DELETE", target.set_name)
        found = self._writable(request, target)
        items = found.root["to_PurchaseOrderItem"]
        orders.delete(items if found.row is found.root else [found.row])
        self.company.touch(target.set_name, found)
        self.company.put(orders.ORDERS, found.root)
        return Reply(204)

    def _writable(self, request: Request, target: Target) -> Found:
        """A working copy, where nobody else works on it and the client has seen it as it is."""
        found, root = target.found[0], SETS[target.set_name].root
        number = found.root[TYPES[root].key[0]]
        if status := self.company.setup["locked"].get(number):
            raise refusals.locked(f"{root.removeprefix('A_')}", number, status)
        tag, wanted = etag(request.service, target.set_name, found), request.headers.get("if-match", "")
        if tag and not wanted:
            raise refusals.precondition_required()
        if tag and wanted not in ("*", tag):
            raise refusals.precondition_failed()
        return self.company.working_copy(found)


# --- rows as they go out ---------------------------------------------------------------------------------


class Showing:
    """`root` is the service's address."""

    def __init__(self, company: Company, root: str) -> None:
        self.types, self.root = company.types, root
        self.with_zeros = company.setup["leading_zeros"]
        self.service = root.rstrip("/").rpartition("/")[2]

    def row(self, set_name: str, found: Found, select: Tree, expand: Tree) -> Row:
        known = self.types[set_name]
        address = f"{self.root}{set_name}({known.written_key(found.row)})"
        about = {"id": address, "uri": address, "type": f"{self.service}.{set_name}Type"}
        tag = etag(self.service, set_name, found)
        shown: Row = {"__metadata": about | ({"etag": tag} if tag else {})}
        for name, each in known.properties.items():
            if not select or name in select:
                shown[name] = each.shown(found.row[name], with_zeros=self.with_zeros)
        for name, navigation in known.navigations.items():
            if select and name not in select:
                continue
            if name not in expand:
                shown[name] = {"__deferred": {"uri": f"{address}/{name}"}}
                continue
            rows = [
                self.row(navigation.target, each, select.get(name, {}), expand[name])
                for each in below(found, known, name)
            ]
            shown[name] = {"results": rows} if navigation.is_many else next(iter(rows), None)
        return shown


def below(found: Found, known: Type, name: str) -> list[Found]:
    """Where a navigation leads from a row."""
    if known.navigations[name].form == "up":
        return [Found(found.root, found.root)]
    part = found.row[name]
    rows = part if isinstance(part, list) else [part] if part else []
    return [Found(row, found.root) for row in rows]


def etag(service: str, set_name: str, found: Found) -> str:
    """Those that have one: orders by the change of the whole, requisitions by that of their items, partners."""
    if service == INVOICES:
        return ""
    if service == PARTNERS:
        return f"W/\"'{found.root['ETag']}'\""
    match SETS[set_name].root:
        case orders.ORDERS:
            stamps = [found.root["LastChangeDateTime"]]
        case requisitions.REQUISITIONS:
            items = found.root["to_PurchaseReqnItem"]
            within = items if found.row is found.root else [item for item in items if holds(item, found.row)]
            stamps = [item["LastChangeDateTime"] for item in within]
        case _:
            return ""
    moment = max(stamps).astimezone(UTC) if stamps else None
    return f"W/\"datetimeoffset'{moment:%Y-%m-%dT%H%%3A%M%%3A%S.%f}0Z'\"" if moment else ""


def _tagged(tag: str) -> dict[str, str]:
    return {"ETag": tag} if tag else {}


def _sent_parts(set_name: str, sent: Row) -> Tree:
    """What a deep insert brought along is in its answer."""
    tree: Tree = {}
    for part in TYPES[set_name].parts:
        if part.name in sent:
            rows = sent[part.name] if isinstance(sent[part.name], list) else [sent[part.name] or {}]
            tree[part.name] = {}
            for row in rows:
                tree[part.name] |= _sent_parts(part.target, row)
    return tree
