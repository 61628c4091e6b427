"""ServiceTitan's accounting, CRM and settings API as far as the product reads and writes it.

Written from the OpenAPI documents and the observed behaviour in reference/servicetitan.md; where neither says
what the service does, the comment says what was chosen. Control, beside the routes of faults.py:

    POST /_control/servicetitan/change         {"entity", "id", "set": {...}, "touch": true}
    POST /_control/servicetitan/add            {"entity", "record"}
    POST /_control/servicetitan/batch          {"ids": [...], "status": "Posted", "entity"?}
    POST /_control/servicetitan/expire_tokens
    GET  /_control/servicetitan/records/{entity}
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox.faults import Faults, throttled, with_faults
from st_erp_pipelines.sandbox.limits import RateLimit
from st_erp_pipelines.sandbox.servicetitan_lists import LISTINGS, STATUSES
from st_erp_pipelines.sandbox.servicetitan_query import Listing, Query, Refused, read_query
from st_erp_pipelines.sandbox.servicetitan_records import (
    MASTER_MODIFIED_ON,
    Among,
    Record,
    Selection,
    Table,
    encode,
    format_instant,
)

CALLS_PER_SECOND = 60
ENTITIES = sorted({listing.entity for listing in LISTINGS})
BY_ID = (
    ("accounting", "/payment-types/{id:int}", "payment_types", "tn.acc.paymenttypes:r"),
    ("crm", "/customers/{id:int}", "customers", "tn.crm.customers:r"),
)
WRITE_SCOPES = {"invoices": "tn.acc.invoices:w", "payments": "tn.acc.payments:w"}
SCOPES = sorted({listing.scope for listing in LISTINGS} | set(WRITE_SCOPES.values()))
# A change of these alone is an accounting change: it moves modifiedOn, but not the master record's.
ACCOUNTING_MEMBERS = {"balance", "creditLimitBalance"}

Handler = Callable[[Request], Awaitable[Response]]


def servicetitan_app(
    records: dict[str, list[dict[str, Any]]],
    *,
    tenant_id: int,
    client_id: str,
    client_secret: str,
    app_key: str,
    speed: float = 1.0,
    faults: Faults | None = None,
    strict_query: bool = False,
    batching_moves_modified_on: bool = True,
    token_seconds: float = 900,
    scopes: Iterable[str] = SCOPES,
) -> ASGIApp:
    """One tenant with one application connected to it.

    `records` by entity, each as the API would send it (customer_contacts with customerId); members that begin
    with `_` are never sent. `strict_query` refuses unknown query parameters and body members, which the
    service ignores. `batching_moves_modified_on`: whether a change of status alone moves modifiedOn (not
    established for the service). `token_seconds` are the vendor's, shortened by `speed` as the call limit is.
    """
    faults = faults or Faults(speed=speed)
    faults.error_body = problem
    door = _Door(
        tenant_id=tenant_id,
        client_id=client_id,
        client_secret=client_secret,
        app_key=app_key,
        scopes=frozenset(scopes),
        token_seconds=token_seconds / speed,
        limit=RateLimit(CALLS_PER_SECOND, 1.0, speed),
        faults=faults,
    )
    books = _Books(records, faults, strict_query, batching_moves_modified_on)
    app = Starlette(
        routes=[
            Route("/connect/token", door.token, methods=["POST"]),
            *_api_routes(door, books),
            *_control_routes(door, books),
        ],
        exception_handlers={HTTPException: _not_served, Refused: _refused},
    )
    return with_faults(app, faults)


def _api_routes(door: _Door, books: _Books) -> list[Route]:
    def route(module: str, path: str, scope: str, handler: Handler, method: str = "GET") -> Route:
        full = f"/{module}/v2/tenant/{{tenant}}{path}"
        return Route(full, door.guard(scope, handler), methods=[method])

    exported = ("/invoices/markasexported", WRITE_SCOPES["invoices"], books.mark_invoices_exported)
    statuses = ("/payments/status", WRITE_SCOPES["payments"], books.set_payment_statuses)
    return [
        *(route(each.module, each.path, each.scope, books.lister(each)) for each in LISTINGS),
        *(route(module, path, scope, books.getter(entity)) for module, path, entity, scope in BY_ID),
        *(route("accounting", *post, "POST") for post in (exported, statuses)),
    ]


def _control_routes(door: _Door, books: _Books) -> list[Route]:
    root = "/_control/servicetitan"
    return [
        Route(f"{root}/change", books.change, methods=["POST"]),
        Route(f"{root}/add", books.add, methods=["POST"]),
        Route(f"{root}/batch", books.batch, methods=["POST"]),
        Route(f"{root}/expire_tokens", door.expire_tokens, methods=["POST"]),
        Route(f"{root}/records/{{entity}}", books.all_records),
    ]


def problem(status: int, title: str, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """ApiErrorResponse: every member present."""
    return {
        "type": "https://tools.ietf.org/html/rfc7231#section-6",
        "title": title,
        "status": status,
        "traceId": f"00-{uuid.uuid4().hex}-{secrets.token_hex(8)}-00",
        "errors": dict(errors or {}),
        "data": {},
    }


def _problem(status: int, title: str, errors: Mapping[str, list[str]] | None = None) -> JSONResponse:
    return JSONResponse(problem(status, title, errors), status_code=status)


async def _not_served(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, HTTPStatus(error.status_code).phrase)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _problem(error.status, error.title, error.errors)


@dataclass
class _Door:
    """Tokens, headers, scopes and the call limit: what every call passes before it reaches the records."""

    tenant_id: int
    client_id: str
    client_secret: str
    app_key: str
    scopes: frozenset[str]
    token_seconds: float
    limit: RateLimit
    faults: Faults
    _expiry: dict[str, float] = field(default_factory=dict)

    async def token(self, request: Request) -> Response:
        """A form and nothing else; every refusal is a 400 with an OAuth body."""
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        fields = dict(parse_qsl((await request.body()).decode())) if form else {}
        if not form:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        if fields.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        if (fields.get("client_id"), fields.get("client_secret")) != (self.client_id, self.client_secret):
            return JSONResponse({"error": "invalid_client"}, status_code=400)
        token = secrets.token_urlsafe(32)
        self._expiry[token] = self.faults.clock.boot_seconds() + self.token_seconds
        return JSONResponse(
            {
                "access_token": token,
                "expires_in": max(1, int(self.token_seconds)),
                "token_type": "Bearer",
                "scope": " ".join(sorted(self.scopes)),
            }
        )

    async def expire_tokens(self, _: Request) -> Response:
        self._expiry.clear()
        return Response(status_code=204)

    def guard(self, scope: str, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            return self._refusal(request, scope) or await handler(request)

        return guarded

    def _refusal(self, request: Request, scope: str) -> Response | None:
        """401 and 403 bodies are not established; the shape is that of every other error."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._expiry.get(token, 0.0) <= self.faults.clock.boot_seconds():
            return _problem(401, "The access token is missing, unknown or expired.")
        if request.headers.get("st-app-key") != self.app_key:
            return _problem(401, "The ST-App-Key header is missing or names no application.")
        if request.path_params["tenant"] != str(self.tenant_id):
            return _problem(403, "The tenant is not connected to this application.")
        if scope not in self.scopes:
            return _problem(403, f"The application has no access to {scope}.")
        wait = self.limit.try_take((self.app_key, self.tenant_id))
        return None if wait is None else throttled(self.faults, wait)


class _Books:
    """The records, read and written."""

    def __init__(
        self, records: dict[str, list[Record]], faults: Faults, strict: bool, status_moves_modified_on: bool
    ) -> None:
        if unknown := sorted(set(records) - set(ENTITIES)):
            raise ValueError(f"no such entities in ServiceTitan's sandbox: {', '.join(unknown)}")
        self.tables = {entity: Table.of(records.get(entity, ())) for entity in ENTITIES}
        self._faults = faults
        self._strict = strict
        self._status_moves_modified_on = status_moves_modified_on

    def lister(self, listing: Listing) -> Handler:
        table = self.tables[listing.entity]

        async def answer(request: Request) -> Response:
            query = read_query(listing, request.query_params.multi_items(), strict=self._strict)
            if "id" in request.path_params:
                return self._contacts_of(request.path_params["id"], query)
            keys, found = page_of(table, query)
            return _envelope(query, found, [table.text(key) for key in keys])

        return answer

    def _contacts_of(self, customer: int, query: Query) -> Response:
        """Here the contacts come without customerId."""
        if customer not in self.tables["customers"].records:
            return _problem(404, f"Customer with ID {customer} is not found.")
        table = self.tables["customer_contacts"]
        own = Query(
            Selection((Among(("customerId",), frozenset([str(customer)])),)),
            query.page,
            query.page_size,
            query.include_total,
        )
        keys, found = page_of(table, own)
        return _envelope(own, found, [encode(table.records[key], without="customerId") for key in keys])

    def getter(self, entity: str) -> Handler:
        table = self.tables[entity]

        async def answer(request: Request) -> Response:
            key = request.path_params["id"]
            if key not in table.records:
                return _problem(404, f"Record with ID {key} is not found.")
            return Response(table.text(key), media_type="application/json")

        return answer

    async def mark_invoices_exported(self, request: Request) -> Response:
        """200 with a verdict for each row. That an unposted invoice is refused, and that a repeat is
        harmless, is expected but not established."""
        rows = await self._body(request, list)
        for position, row in enumerate(rows):
            where = f"$[{position}]"
            _check(isinstance(row, dict) and _is_id(row.get("invoiceId")), f"{where}.invoiceId")
            for name in ("externalId", "externalMessage"):
                _check(isinstance(row.get(name), str | None), f"{where}.{name}")
            self._no_more_than(row, {"invoiceId", "externalId", "externalMessage"})
        return JSONResponse([self._mark(row) for row in rows])

    def _mark(self, row: Record) -> Record:
        key = row["invoiceId"]
        invoice = self.tables["invoices"].records.get(key)
        message = None
        if invoice is None:
            message = f"Invoice with ID {key} is not found."
        elif invoice.get("syncStatus") not in ("Posted", "Exported"):
            message = f"Invoice with ID {key} is not posted."
        else:
            external = {"exportId": row["externalId"]} if row.get("externalId") else {}
            self._set_status("invoices", key, "Exported", external)
        return {"invoiceId": key, "success": message is None, "errorMessage": message}

    async def set_payment_statuses(self, request: Request) -> Response:
        """An empty 200. An unknown id refuses the whole request: chosen, not established."""
        body = await self._body(request, dict)
        ids = body.get("paymentIds")
        _check(isinstance(ids, list) and all(map(_is_id, ids)), "paymentIds")
        _check(body.get("status") in STATUSES.split(), "status")
        self._no_more_than(body, {"paymentIds", "status"})
        missing = [key for key in ids if key not in self.tables["payments"].records]
        _check(not missing, "paymentIds", f"Payments not found: {missing}.")
        for key in ids:
            self._set_status("payments", key, body["status"])
        return Response(status_code=200)

    def _set_status(self, entity: str, key: int, status: str, also: Mapping[str, Any] | None = None) -> None:
        members = {"syncStatus": status, **(also or {})}
        self._edit(entity, key, members, touch=self._status_moves_modified_on)

    def _edit(self, entity: str, key: int, members: Mapping[str, Any], *, touch: bool) -> Record:
        table = self.tables[entity]
        record = {**table.records[key], **members}
        if touch:
            before = record.get(MASTER_MODIFIED_ON) or record.get("modifiedOn")
            record["modifiedOn"] = format_instant(self._faults.clock.now())
            if entity == "customers":
                accounting = bool(members) and set(members) <= ACCOUNTING_MEMBERS
                record[MASTER_MODIFIED_ON] = before if accounting else record["modifiedOn"]
        table.put(record)
        return record

    async def _body(self, request: Request, kind: type) -> Any:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        _check(isinstance(body, kind), "$")
        return body

    def _no_more_than(self, body: Mapping[str, Any], members: set[str]) -> None:
        for name in set(body) - members if self._strict else ():
            _check(False, name, "The request has no such member.")

    async def change(self, request: Request) -> Response:
        asked = await request.json()
        entity, key = asked["entity"], asked["id"]
        if key not in self._table(entity).records:
            raise HTTPException(404)
        return JSONResponse(self._edit(entity, key, asked["set"], touch=asked.get("touch", True)))

    async def add(self, request: Request) -> Response:
        """A record without times is new: created and modified now."""
        asked = await request.json()
        table = self._table(asked["entity"])
        now = format_instant(self._faults.clock.now())
        record = {"createdOn": now, "modifiedOn": now, **asked["record"]}
        if record["id"] in table.records:
            raise HTTPException(409)
        table.put(record)
        return JSONResponse(record, status_code=201)

    async def batch(self, request: Request) -> Response:
        """The office batches and posts documents: their status changes, perhaps not their modifiedOn."""
        asked = await request.json()
        entities = [asked["entity"]] if "entity" in asked else ["invoices", "payments", "credit_memos"]
        chosen = [(e, key) for e in entities for key in asked["ids"] if key in self._table(e).records]
        for entity, key in chosen:
            self._set_status(entity, key, asked.get("status", "Posted"))
        return JSONResponse([{"entity": entity, "id": key} for entity, key in chosen])

    async def all_records(self, request: Request) -> Response:
        return JSONResponse(list(self._table(request.path_params["entity"]).records.values()))

    def _table(self, entity: str) -> Table:
        if entity not in self.tables:
            raise HTTPException(404)
        return self.tables[entity]


def page_of(table: Table, query: Query) -> tuple[list[int], int]:
    """The ids of one page and how many there are in all: computed on what the records are now, so that a
    record modified during a walk moves between pages."""
    found = table.select(query.selection)
    start = (query.page - 1) * query.page_size
    return found[start : start + query.page_size], len(found)


def _envelope(query: Query, found: int, texts: list[bytes]) -> Response:
    head = {
        "page": query.page,
        "pageSize": query.page_size,
        "hasMore": query.page * query.page_size < found,
        "totalCount": found if query.include_total else None,
    }
    opening = json.dumps(head, separators=(",", ":"))[:-1].encode()
    content = b"".join([opening, b',"data":[', b",".join(texts), b"]}"])
    return Response(content, media_type="application/json")


def _check(holds: bool, name: str, message: str = "") -> None:
    if not holds:
        message = message or f"The JSON value could not be converted. Path: {name}"
        raise Refused(400, "One or more validation errors occurred.", {name: [message]})


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
