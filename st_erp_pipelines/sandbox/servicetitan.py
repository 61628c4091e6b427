"""ServiceTitan's API as far as the product reads and writes it: who may come in, and what stands where.

Written from the OpenAPI documents and the observed behaviour in reference/servicetitan.md; where neither says
what the service does, the comment says what was chosen. Control, beside the routes of faults.py and of
servicetitan_control.py:

    POST /_control/servicetitan/expire_tokens
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping
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
from st_erp_pipelines.sandbox.servicetitan_books import Books, Handler, WriteRoute
from st_erp_pipelines.sandbox.servicetitan_control import control_routes
from st_erp_pipelines.sandbox.servicetitan_customers import WRITING, Customers
from st_erp_pipelines.sandbox.servicetitan_exports import (
    EXPORTS,
    PAYMENT_STATUS,
    marking,
    payment_statuses,
)
from st_erp_pipelines.sandbox.servicetitan_journal import SYNC_PATH, sync, with_journal_entries
from st_erp_pipelines.sandbox.servicetitan_lists import LISTINGS, SINGLES
from st_erp_pipelines.sandbox.servicetitan_pricebook import SKU_KINDS, Pricebook, SkuKind
from st_erp_pipelines.sandbox.servicetitan_purchasing import Orders
from st_erp_pipelines.sandbox.servicetitan_purchasing_control import Purchaser
from st_erp_pipelines.sandbox.servicetitan_purchasing_receipts import Receipts
from st_erp_pipelines.sandbox.servicetitan_purchasing_requests import Requests
from st_erp_pipelines.sandbox.servicetitan_query import Refused
from st_erp_pipelines.sandbox.servicetitan_vendors import Vendors

CALLS_PER_SECOND = 60
ENTITIES = sorted({listing.entity for listing in LISTINGS} | {single.entity for single in SINGLES})
SCOPES = sorted(
    {each.scope for each in (*LISTINGS, *SINGLES, *EXPORTS, *SKU_KINDS)}
    | {PAYMENT_STATUS[1], SYNC_PATH[1], WRITING}
    | {scope for writer in (Vendors, Orders, Receipts) for scope in writer.scopes}
)


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
    journal_entries: bool = False,
    same_contact_twice: bool = False,
    scopes: Iterable[str] = SCOPES,
) -> ASGIApp:
    """One tenant with one application connected to it.

    `records` by entity, each as the API would send it (customer_contacts with customerId); members that begin
    with `_` are never sent. `strict_query` refuses unknown query parameters and body members, which the
    service ignores. `batching_moves_modified_on`: whether a change of status alone moves modifiedOn (not
    established for the service). `journal_entries`: a tenant that exports journal entries, where documents stay
    pending for ever. `same_contact_twice`: whether one customer may have it (not established). `token_seconds` are
    the vendor's, shortened by `speed` as the call limit is.
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
    books = Books(
        with_journal_entries(records) if journal_entries else records,
        ENTITIES,
        faults.clock,
        strict=strict_query,
        status_moves_modified_on=batching_moves_modified_on,
        posts=not journal_entries,
    )
    pricebooks = {kind: Pricebook(books, kind) for kind in SKU_KINDS}
    customers = Customers(books, same_contact_twice=same_contact_twice)
    vendors, receipts = Vendors(books), Receipts(books, speed)
    orders = Orders(books, receipts)
    requests = Requests(books, orders)
    writes = [*vendors.routes(), *orders.routes(), *receipts.routes(), *requests.routes()]
    dropped = {kind.entity: pricebook.dropped for kind, pricebook in pricebooks.items()} | customers.dropped
    dropped |= vendors.dropped | orders.dropped | receipts.dropped
    app = Starlette(
        routes=[
            Route("/connect/token", door.token, methods=["POST"]),
            *_api_routes(door, books, pricebooks, customers, writes),
            *control_routes(books, dropped, Purchaser(books, orders, receipts, requests).actions()),
            Route("/_control/servicetitan/expire_tokens", door.expire_tokens, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _not_served, Refused: _refused},
    )
    return with_faults(app, faults)


def _api_routes(
    door: _Door,
    books: Books,
    pricebooks: Mapping[SkuKind, Pricebook],
    customers: Customers,
    writes: Iterable[WriteRoute],
) -> list[Route]:
    def route(module: str, path: str, scope: str, handler: Handler, method: str = "GET") -> Route:
        full = f"/{module}/v2/tenant/{{tenant}}{path}"
        return Route(full, door.guard(scope, handler), methods=[method])

    (status_path, status_scope), (sync_path, sync_scope) = PAYMENT_STATUS, SYNC_PATH
    return [
        *(route(each.module, each.path, each.scope, books.lister(each)) for each in LISTINGS),
        *(route(each.module, each.path, each.scope, books.getter(each)) for each in SINGLES),
        *(route("accounting", each.path, each.scope, marking(books, each), "POST") for each in EXPORTS),
        route("accounting", status_path, status_scope, payment_statuses(books), "POST"),
        route("accounting", sync_path, sync_scope, sync(books), "PATCH"),
        *(route("pricebook", kind.path, kind.scope, each.create, "POST") for kind, each in pricebooks.items()),
        *(
            route("pricebook", f"{kind.path}/{{id:int}}", kind.scope, each.update, "PATCH")
            for kind, each in pricebooks.items()
        ),
        *(route(*each) for each in writes),
        route("crm", "/customers/{id:int}", WRITING, customers.update, "PATCH"),
        route("crm", "/customers/{id:int}/contacts", WRITING, customers.add_contact, "POST"),
        route("crm", "/customers/{id:int}/contacts/{contact:int}", WRITING, customers.change_contact, "PATCH"),
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
