"""One OData request to a company: path, options, preconditions, and what it does to the rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from st_erp_pipelines.sandbox import business_central_customers as customers
from st_erp_pipelines.sandbox import business_central_dimensions as dimensions
from st_erp_pipelines.sandbox import business_central_journals as journals
from st_erp_pipelines.sandbox import business_central_posting as posting
from st_erp_pipelines.sandbox import business_central_sales as sales
from st_erp_pipelines.sandbox.business_central_company import Company, Table, dialog
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES, PARENT_REFUSALS
from st_erp_pipelines.sandbox.business_central_metadata import metadata
from st_erp_pipelines.sandbox.odata import (
    FilterParser,
    Node,
    ODataError,
    Query,
    Row,
    fields_of,
    matches,
    required,
    syntax_error,
)

PAGE = 20_000
SEGMENT = re.compile(r"(\$?\w[\w.]*)(?:\((.*)\))?")
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
GENERAL_TEMPLATE = "GENERAL"
ACTION_PREFIX = "microsoft.nav."


@dataclass(slots=True)
class ODataRequest:
    """`path` is what follows `/api/v2.0/`, `root` the absolute URL up to it; header names in lower case."""

    method: str
    root: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: Any = None


@dataclass(slots=True)
class Reply:
    status: int
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Place:
    """Where a path leads: a set (below `parent`, if nested), one `row` of it, or an `action` on that row."""

    set_name: str
    row: Row | None = None
    parent_set: str = ""
    parent: Row | None = None
    action: str = ""
    count: bool = False


class CompanyApi:
    """The API of one company; `or_of_startswith` says whether the server joins startswith by `or`."""

    def __init__(self, company: Company, *, or_of_startswith: bool = True) -> None:
        self.company = company
        self.or_of_startswith = or_of_startswith

    def answer(self, request: ODataRequest) -> Reply:
        segments = [parse_segment(text) for text in request.path.split("/") if text]
        if not segments:
            names = [{"name": name, "kind": "EntitySet", "url": name} for name in ENTITIES]
            return Reply(200, {"@odata.context": f"{request.root}/$metadata", "value": names})
        if segments[0][0] == "$metadata":
            return Reply(200, metadata())
        if segments[0][0] == "companies" and len(segments) == 1:
            return self.companies(request, segments[0][1])
        place = self.resolve(self.inside_company(request, segments))
        if place.action:
            return self.act(request, place)
        allowed = ENTITIES[place.set_name].methods
        if request.method not in allowed:
            raise ODataError(405, "BadRequest_MethodNotAllowed", f"'{request.method}' requests are not allowed.")
        return METHODS[request.method](self, request, place)

    def companies(self, request: ODataRequest, key: str | None) -> Reply:
        if request.method != "GET":
            raise ODataError(405, "BadRequest_MethodNotAllowed", f"'{request.method}' requests are not allowed.")
        row = self.company.get("companies", self.company.id)
        shown = {name: row[name] for name in ENTITIES["companies"].properties}
        if key is None:
            return Reply(200, {"@odata.context": f"{request.root}/$metadata#companies", "value": [shown]})
        self.check_company(key)
        return Reply(200, {"@odata.context": f"{request.root}/$metadata#companies/$entity", **shown})

    def check_company(self, key: str) -> None:
        if key.strip("'\"").lower() not in (self.company.id, self.company.name.lower()):
            raise ODataError(404, "Internal_CompanyNotFound", f"Cannot find company '{key}'.")

    def inside_company(
        self, request: ODataRequest, segments: list[tuple[str, str | None]]
    ) -> list[tuple[str, str | None]]:
        """The path without its company, which may stand in the query instead."""
        if segments[0][0] == "companies":
            self.check_company(segments[0][1] or "")
            return segments[1:]
        for name in parse_qs(request.query_string).get("company", []):
            self.check_company(name)
        return segments

    def resolve(self, segments: list[tuple[str, str | None]]) -> Place:
        (name, key), *rest = segments
        if name not in ENTITIES or name == "companies":
            raise no_segment(name)
        place = Place(name)
        if key is not None:
            place.row = self.company.get(name, guid(key))
        for name, key in rest:
            place = self.follow(place, name, key)
        return place

    def follow(self, place: Place, name: str, key: str | None) -> Place:
        if name == "$count" and place.row is None:
            place.count = True
            return place
        if place.row is None or place.action:
            raise no_segment(name)
        if name.lower().startswith(ACTION_PREFIX):
            place.action = name.lower().removeprefix(ACTION_PREFIX)
            return place
        navigation = ENTITIES[place.set_name].navigation.get(name)
        if navigation is None:
            raise no_segment(name)
        below = Place(navigation.entity, None, place.set_name, place.row)
        found = self.rows_below(place.set_name, place.row, name)
        if not navigation.many or key is not None:
            wanted = guid(key) if key is not None else place.row[navigation.ours]
            below.row = next((row for row in found if row["id"] == wanted), None)
            if below.row is None:
                raise ODataError(404, "Internal_RecordNotFound", "The requested record could not be found.")
        return below

    def rows_below(self, set_name: str, row: Row, name: str) -> list[Row]:
        """The rows that a navigation property leads to."""
        navigation = ENTITIES[set_name].navigation[name]
        if navigation.entity == "dimensionSetLines":
            return dimensions.dimension_set_lines(self.company, set_name, row)
        if navigation.many:
            return self.company[navigation.entity].by(navigation.theirs, row[navigation.ours])
        one = self.company.find(navigation.entity, "id", row[navigation.ours])
        return [one] if one is not None else []

    def get(self, request: ODataRequest, place: Place) -> Reply:
        query = Query.of(request.query_string)
        context = f"{request.root}/$metadata#companies({self.company.id})/{place.set_name}"
        if place.row is not None:
            shown = self.shape(place.set_name, place.row, query)
            return Reply(200, {"@odata.context": f"{context}/$entity", **shown})
        found = self.found(place, query)
        if place.count:
            return Reply(200, str(len(found)))
        page, next_link = self.page(request, query, found)
        payload: Row = {"@odata.context": context}
        if query.count:
            payload["@odata.count"] = len(found)
        payload["value"] = [self.shape(place.set_name, row, query) for row in page]
        if next_link:
            payload["@odata.nextLink"] = next_link
        return Reply(200, payload)

    def found(self, place: Place, query: Query) -> list[Row]:
        """All rows that match, in the order asked for."""
        table = self.company[place.set_name]
        node = self.parse_filter(table, query.filter)
        if place.parent is not None:
            found = self.nested(place, node)
        else:
            self.check_bounded(place.set_name, node)
            found = table.select(node)
        if place.set_name == "journals" and (node is None or "templateDisplayName" not in fields_of(node)):
            found = [row for row in found if row["templateDisplayName"] == GENERAL_TEMPLATE]
        for name, descending in reversed(query.orderby):
            table.entity.property(name)
            found = sorted(found, key=lambda row: table.entity.comparable(row, name), reverse=descending)  # noqa: B023
        return found

    def nested(self, place: Place, node: Node | None) -> list[Row]:
        assert place.parent is not None
        names = ENTITIES[place.parent_set].navigation.items()
        name = next(name for name, navigation in names if navigation.entity == place.set_name)
        found = self.rows_below(place.parent_set, place.parent, name)
        if node is None:
            return found
        keep = matches(node, ENTITIES[place.set_name].comparable)
        return [row for row in found if keep(row)]

    def parse_filter(self, table: Table, text: str) -> Node | None:
        if not text.strip():
            return None
        return FilterParser(text, table.entity.literal, or_of_startswith=self.or_of_startswith).parse()

    def check_bounded(self, set_name: str, node: Node | None) -> None:
        """Line pages list nothing without their parent."""
        if set_name in PARENT_REFUSALS:
            parent, text = PARENT_REFUSALS[set_name]
            if set_name == "dimensionSetLines" or not (required(node, parent) or required(node, "id")):
                raise dialog(text)

    def page(self, request: ODataRequest, query: Query, found: list[Row]) -> tuple[list[Row], str]:
        """One page and the link to the next; the token is the id of the last row of this one."""
        found = found[query.skip :] if not query.skiptoken else after(found, query.skiptoken)
        if query.top is not None:
            found = found[: query.top]
        asked = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
        size = min(int(asked.group(1)), PAGE) if asked and int(asked.group(1)) else PAGE
        if len(found) <= size:
            return found, ""
        options = [pair for pair in parse_qsl(request.query_string) if pair[0] not in ("aid", "$skiptoken", "$skip")]
        if query.top is not None:
            options = [("$top", str(query.top - size)) if name == "$top" else (name, text) for name, text in options]
        options += [("aid", "FIN"), ("$skiptoken", found[size - 1]["id"])]
        return found[:size], f"{request.root}/{request.path}?{urlencode(options, safe='$')}"

    def shape(self, set_name: str, row: Row, query: Query) -> Row:
        """What is shown of a row: its ETag, the selected properties, what is expanded."""
        entity = ENTITIES[set_name]
        for name in query.select:
            if name not in entity.navigation:
                entity.property(name)
        names = query.select or entity.properties
        shown: Row = {} if set_name == "companies" else {"@odata.etag": row["@odata.etag"]}
        shown |= {name: row[name] for name in names if name in entity.properties}
        for name, options in query.expand.items():
            shown[name] = self.expanded(set_name, row, name, options)
        return shown

    def expanded(self, set_name: str, row: Row, name: str, query: Query) -> Any:
        navigation = ENTITIES[set_name].navigation.get(name)
        if navigation is None:
            raise syntax_error(
                f"Could not find a property named '{name}' on type 'Microsoft.NAV.{ENTITIES[set_name].name}'."
            )
        place = Place(navigation.entity, None, set_name, row)
        if not navigation.many:
            found = self.rows_below(set_name, row, name)
            return self.shape(navigation.entity, found[0], query) if found else None
        found = self.found(place, query)[query.skip :]
        return [self.shape(navigation.entity, child, query) for child in found[: query.top]]

    def post(self, request: ODataRequest, place: Place) -> Reply:
        if place.row is not None:
            raise ODataError(405, "BadRequest_MethodNotAllowed", "'POST' requests are not allowed on one record.")
        row = self.create(place, request.body)
        location = f"{request.root}/companies({self.company.id})/{place.set_name}({row['id']})"
        return self.entity_reply(201, request, place, row, {"Location": location})

    def create(self, place: Place, body: Any) -> Row:
        company = self.company
        parent_id = place.parent["id"] if place.parent is not None else ""
        if place.set_name in sales.KINDS:
            return sales.create(company, sales.KINDS[place.set_name], body)
        if place.set_name in sales.LINE_KINDS:
            kind = sales.LINE_KINDS[place.set_name]
            named = body.get("documentId", "") if isinstance(body, dict) else ""
            header = company.find(kind.set_name, "id", parent_id or named)
            if header is None:
                raise dialog("You must specify an Id or a Document Id to get the lines.")
            return sales.add_line(company, kind, header, body)
        if place.set_name == "customers":
            return customers.create(company, body)
        if place.set_name == journals.BATCHES:
            return journals.create_batch(company, body)
        if place.set_name == journals.PAYMENTS:
            return journals.create_payment(company, body, batch_id=parent_id)
        return self.create_dimension(place, body)

    def create_dimension(self, place: Place, body: Any) -> Row:
        if place.parent is None:
            raise dialog(PARENT_REFUSALS["dimensionSetLines"][1])
        accepted = ENTITIES["dimensionSetLines"].accept(body)
        self.check_can_change(place)
        code = dimensions.insert(self.company, place.parent, accepted)
        return self.store_dimension(place, code)

    def check_can_change(self, place: Place) -> None:
        assert place.parent is not None
        if place.parent_set == "generalLedgerEntries":
            raise ODataError(405, "BadRequest_MethodNotAllowed", "Ledger entries cannot be changed.")
        header = self.header_of(place)
        if header is not None and header[1]["_posted"]:
            raise dialog(f"The {header[0].noun} has been posted and can no longer be modified.")

    def header_of(self, place: Place) -> tuple[sales.Kind, Row] | None:
        """The sales document that a dimension set belongs to, itself or through its line."""
        assert place.parent is not None
        if place.parent_set in sales.KINDS:
            return sales.KINDS[place.parent_set], place.parent
        if place.parent_set in sales.LINE_KINDS:
            kind = sales.LINE_KINDS[place.parent_set]
            return kind, self.company.get(kind.set_name, place.parent["documentId"])
        return None

    def store_dimension(self, place: Place, code: str) -> Row:
        """A changed set changes its parent, and a line its document."""
        assert place.parent is not None
        self.company.save(place.parent_set, place.parent)
        header = self.header_of(place)
        if header is not None:
            sales.recount(self.company, *header)
        lines = dimensions.dimension_set_lines(self.company, place.parent_set, place.parent)
        return next((line for line in lines if line["code"] == code), {})

    def patch(self, request: ODataRequest, place: Place) -> Reply:
        row = self.existing(place)
        if "if-match" not in request.headers:
            raise ODataError(
                400,
                "BadRequest_InvalidToken",
                "Could not validate the client concurrency token required by the service. Please provide "
                "a valid token in the client request.",
            )
        check_unchanged(request, row)
        return self.entity_reply(200, request, place, self.change(place, row, request.body), {})

    def change(self, place: Place, row: Row, body: Any) -> Row:
        company = self.company
        if place.set_name in sales.KINDS:
            return sales.change(company, sales.KINDS[place.set_name], row, body)
        if place.set_name in sales.LINE_KINDS:
            kind = sales.LINE_KINDS[place.set_name]
            return sales.change_line(company, kind, company.get(kind.set_name, row["documentId"]), row, body)
        if place.set_name == "customers":
            return customers.change(company, row, body)
        if place.set_name == journals.BATCHES:
            return journals.change_batch(company, row, body)
        if place.set_name == journals.PAYMENTS:
            return journals.change_payment(company, row, body)
        assert place.parent is not None
        self.check_can_change(place)
        dimensions.change(company, place.parent, row["code"], ENTITIES["dimensionSetLines"].accept(body))
        return self.store_dimension(place, row["code"])

    def delete(self, request: ODataRequest, place: Place) -> Reply:
        row = self.existing(place)
        if "if-match" in request.headers:
            check_unchanged(request, row)
        company = self.company
        if place.set_name in sales.KINDS:
            sales.remove(company, sales.KINDS[place.set_name], row)
        elif place.set_name in sales.LINE_KINDS:
            kind = sales.LINE_KINDS[place.set_name]
            sales.remove_line(company, kind, company.get(kind.set_name, row["documentId"]), row)
        elif place.set_name == "customers":
            customers.remove(company, row)
        elif place.set_name == journals.PAYMENTS:
            company.remove(journals.PAYMENTS, row)
        else:
            assert place.parent is not None
            self.check_can_change(place)
            del place.parent["_dimensions"][row["code"]]
            self.store_dimension(place, row["code"])
        return Reply(204)

    def existing(self, place: Place) -> Row:
        if place.row is None:
            raise ODataError(405, "BadRequest_MethodNotAllowed", "This method needs the key of one record.")
        return place.row

    def entity_reply(
        self, status: int, request: ODataRequest, place: Place, row: Row, headers: dict[str, str]
    ) -> Reply:
        query = Query.of(request.query_string)
        context = f"{request.root}/$metadata#companies({self.company.id})/{place.set_name}/$entity"
        return Reply(status, {"@odata.context": context, **self.shape(place.set_name, row, query)}, headers)

    def act(self, request: ODataRequest, place: Place) -> Reply:
        """Bound actions; both kinds of journal are the same batches, but only `journals` has the action."""
        if request.method != "POST":
            raise ODataError(405, "BadRequest_MethodNotAllowed", f"'{request.method}' requests are not allowed.")
        row = self.existing(place)
        match place.set_name, place.action:
            case (("salesInvoices" | "salesCreditMemos"), "post"):
                posting.post(self.company, sales.KINDS[place.set_name], row)
            case "salesInvoices", "cancel":
                posting.cancel(self.company, row)
            case "journals", "post":
                journals.post_batch(self.company, row)
            case (
                ("salesInvoices" | "salesCreditMemos"),
                ("postandsend" | "send" | "cancel" | "cancelandsend" | "makecorrectivecreditmemo"),
            ):
                raise ODataError(501, "BadRequest_MethodNotImplemented", f"The sandbox has no '{place.action}'.")
            case _:
                raise no_segment(f"Microsoft.NAV.{place.action}")
        return Reply(204)


METHODS: dict[str, Callable[[CompanyApi, ODataRequest, Place], Reply]] = {
    "GET": CompanyApi.get,
    "POST": CompanyApi.post,
    "PATCH": CompanyApi.patch,
    "DELETE": CompanyApi.delete,
}


def parse_segment(text: str) -> tuple[str, str | None]:
    found = SEGMENT.fullmatch(text)
    if found is None:
        raise ODataError(400, "BadRequest_InvalidRequestUrl", "Bad Request - Error in query syntax.")
    return found.group(1), found.group(2)


def no_segment(name: str) -> ODataError:
    return ODataError(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{name}'.")


def guid(key: str) -> str:
    if not GUID.fullmatch(key):
        raise ODataError(400, "BadRequest_InvalidRequestUrl", "Bad Request - Error in query syntax.")
    return key.lower()


def after(found: list[Row], skiptoken: str) -> list[Row]:
    for place, row in enumerate(found):
        if row["id"] == skiptoken:
            return found[place + 1 :]
    raise ODataError(400, "SkipTokenIsNoLongerValid", "The skip token is no longer valid.")


def check_unchanged(request: ODataRequest, row: Row) -> None:
    if request.headers["if-match"].strip() not in ("*", row["@odata.etag"]):
        raise ODataError(409, "Request_EntityChanged", "Another user has already changed the record.")
