"""A Business Central environment on the wire: Entra's token endpoint, API v2.0, the published limits.

    POST /token, POST /{any tenant}/oauth2/v2.0/token
         /v2.0/[{tenant}/]{environment}/api/v2.0/...

Control, without credentials, for tests and demonstrations (bodies: business_central_seed.py):

    GET  /_control/business_central/state        documents with lines, customers, open lines, ledger entries
    POST /_control/business_central/set          a period, a customer, an account; {"expire_tokens": true}
    POST /_control/business_central/enter        what a person types: a document, or a line in a batch
    POST /_control/business_central/edit_draft   what a person changes in an unposted document
    POST /_control/business_central/edit_customer  and on a customer's card
    POST /_control/business_central/apply, unapply, reverse, refund
                                                 what a person does with posted payments (bodies:
                                                 business_central_customer_ledger.py)
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox import business_central_customer_ledger as ledger
from st_erp_pipelines.sandbox import business_central_seed as seeding
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.business_central_company import Company
from st_erp_pipelines.sandbox.business_central_requests import CompanyApi, ODataRequest, Reply
from st_erp_pipelines.sandbox.faults import Faults, with_faults
from st_erp_pipelines.sandbox.limits import RateLimit
from st_erp_pipelines.sandbox.odata import ODataError, Row

SCOPE = "https://api.businesscentral.dynamics.com/.default"
# Operational limits page: requests per sliding window, processed at once, waiting behind them.
REQUESTS, WINDOW_SECONDS = 6000, 300.0
CONCURRENT, QUEUED = 5, 95
SERVER_SECONDS = {"GET": 0.010, "POST": 0.030, "PATCH": 0.030, "DELETE": 0.030}
POSTING_SECONDS = 0.060
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
LENGTH_REQUIRED = (
    "<!DOCTYPE HTML><html><head><title>Length Required</title></head><body><h2>Length Required</h2>"
    "<hr><p>HTTP Error 411. The request must be chunked or have a content length.</p></body></html>"
)


def business_central_app(
    seed: dict[str, Any],
    *,
    tenant: str = credentials.BUSINESS_CENTRAL_TENANT,
    environment: str = credentials.BUSINESS_CENTRAL_ENVIRONMENT,
    client_id: str = credentials.BUSINESS_CENTRAL_CLIENT_ID,
    client_secret: str = credentials.BUSINESS_CENTRAL_CLIENT_SECRET,
    speed: float = 1.0,
    faults: Faults | None = None,
    token_seconds: float = 3599,
    duplicate_key_status: int = 400,
    retry_after: bool = True,
    start_or_supported: bool = True,
) -> ASGIApp:
    """`seed` is described in business_central_seed.py. `speed` divides server times and stretches the call
    limit; the last three cover what the reference leaves open: the status of a duplicate key, whether a
    429 says how long to wait, whether startswith can be joined by `or`."""
    company = seeding.build(seed, duplicate_key_status=duplicate_key_status)
    server = Server(
        CompanyApi(company, or_of_startswith=start_or_supported),
        Tokens(client_id, client_secret, token_seconds),
        tenant=tenant,
        environment=environment,
        speed=speed,
        retry_after=retry_after,
    )
    app = Starlette(routes=server.routes())
    if faults is None:
        return app
    faults.error_body = lambda status, message: error_body(FAULT_CODES.get(status, "Internal_ServerError"), message)
    return with_faults(app, faults)


FAULT_CODES = {429: "Application_TooManyRequests"}


class Tokens:
    """Entra's client-credentials grant: one registered client, tokens that end."""

    def __init__(self, client_id: str, client_secret: str, seconds: float) -> None:
        self.client_id, self.client_secret, self.seconds = client_id, client_secret, seconds
        self.until: dict[str, float] = {}

    def issue(self, form: dict[str, str]) -> Response:
        if form.get("grant_type") != "client_credentials":
            return refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != self.client_id:
            return refusal(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if form.get("client_secret") != self.client_secret:
            return refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if form.get("scope") != SCOPE:
            return refusal(
                400,
                "invalid_scope",
                70011,
                "The provided value for the input parameter 'scope' is not valid.",
            )
        token = uuid.uuid4().hex
        self.until[token] = time.monotonic() + self.seconds
        seconds = int(self.seconds)
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    def good(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        return scheme.lower() == "bearer" and time.monotonic() < self.until.get(token.strip(), 0.0)


def refusal(status: int, error: str, number: int, text: str) -> Response:
    """The error body of Entra's token endpoint."""
    moment, trace, correlation = datetime.now(UTC), str(uuid.uuid4()), str(uuid.uuid4())
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: "
        f"{correlation}\r\n"
        f"Timestamp: {moment:%Y-%m-%d %H:%M:%SZ}",
        "error_codes": [number],
        "timestamp": f"{moment:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return JSONResponse(body, status_code=status)


def error_body(code: str, message: str) -> Row:
    return {"error": {"code": code, "message": f"{message}  CorrelationId:  {uuid.uuid4()}."}}


def wire(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON with exact decimals."""
    content = simplejson.dumps(payload, use_decimal=True, separators=(",", ":"), ensure_ascii=False)
    media_type = "application/json; odata.metadata=minimal; odata.streaming=true"
    return Response(content, status, {"OData-Version": "4.0", **(headers or {})}, media_type)


class Server:
    """What stands before the company: credentials, limits, a queue, the time the server takes."""

    def __init__(
        self,
        api: CompanyApi,
        tokens: Tokens,
        *,
        tenant: str,
        environment: str,
        speed: float,
        retry_after: bool,
    ) -> None:
        self.api, self.tokens = api, tokens
        self.tenant, self.environment = tenant.lower(), environment.lower()
        self.speed, self.retry_after = speed, retry_after
        self.limit = RateLimit(REQUESTS, WINDOW_SECONDS, speed)
        self.processing = asyncio.Semaphore(CONCURRENT)
        self.inside = 0

    def routes(self) -> list[Route]:
        control: list[tuple[str, Callable[[Company, Row], Any]]] = [
            ("set", self.configure),
            ("enter", enter),
            ("edit_draft", seeding.edit_draft),
            ("edit_customer", seeding.edit_customer),
            *((done.__name__, done) for done in (ledger.apply, ledger.unapply, ledger.reverse, ledger.refund)),
        ]
        return [
            Route("/token", self.token, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
            Route("/_control/business_central/state", self.state, methods=["GET"]),
            *(
                Route(f"/_control/business_central/{name}", self.controlled(change), methods=["POST"])
                for name, change in control
            ),
            Route("/v2.0/{path:path}", self.handle, methods=METHODS),
        ]

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        return self.tokens.issue({name: values[-1] for name, values in form.items()})

    async def state(self, _: Request) -> Response:
        return wire(seeding.state(self.api.company))

    def controlled(self, change: Callable[[Company, Row], Any]) -> Callable[[Request], Awaitable[Response]]:
        """A control endpoint around what it does to the company."""

        async def endpoint(request: Request) -> Response:
            try:
                changed = change(self.api.company, simplejson.loads(await request.body(), use_decimal=True))
            except ODataError as error:
                return wire(error_body(error.code, error.message), 400)
            return wire({"id": changed["id"], "number": changed.get("number", "")} if changed else {})

        return endpoint

    def configure(self, company: Company, values: Row) -> None:
        seeding.configure(company, values)
        if values.get("expire_tokens"):
            self.tokens.until.clear()

    async def handle(self, request: Request) -> Response:
        try:
            reply = await self.admitted(request)
        except ODataError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return wire(error_body(error.code, error.message), error.status, headers)
        except TooMany as refused:
            header = {"Retry-After": f"{refused.seconds:.6g}"} if self.retry_after else {}
            return wire({"error": {"code": FAULT_CODES[429], "message": str(refused)}}, 429, header)
        except LengthRequired:
            return HTMLResponse(LENGTH_REQUIRED, 411)
        if isinstance(reply.payload, str):
            kind = "application/xml" if reply.payload.startswith("<?xml") else "text/plain"
            return Response(reply.payload, reply.status, media_type=kind)
        if reply.payload is None:
            return Response(status_code=reply.status, headers=reply.headers)
        return wire(reply.payload, reply.status, reply.headers)

    async def admitted(self, request: Request) -> Reply:
        """The front end's checks, a place in the queue, then the company."""
        path = self.path_of(request)
        is_action = "microsoft.nav." in path.lower()
        if is_action and request.method == "POST" and not has_length(request):
            raise LengthRequired
        if not self.tokens.good(request.headers.get("authorization", "")):
            raise ODataError(
                401, "Authentication_InvalidCredentials", "The server has rejected the client credentials."
            )
        self.check_limits()
        self.inside += 1
        try:
            body = await request.body()
            async with self.processing:
                seconds = POSTING_SECONDS if is_action else SERVER_SECONDS.get(request.method, 0.0)
                await asyncio.sleep(seconds / self.speed)
                return self.api.answer(self.odata_request(request, path, body))
        finally:
            self.inside -= 1

    def path_of(self, request: Request) -> str:
        """What follows `[{tenant}/]{environment}/api/v2.0/`; the tenant may be left out."""
        before, separator, path = request.path_params["path"].partition("/api/v2.0")
        if not separator or before.lower() not in (self.environment, f"{self.tenant}/{self.environment}"):
            raise ODataError(404, "NoEnvironment", "Environment does not exist.")
        return str(path.strip("/"))

    def odata_request(self, request: Request, path: str, body: bytes) -> ODataRequest:
        root = str(request.url.replace(query="")).partition("/api/v2.0")[0] + "/api/v2.0"
        headers = {name.lower(): value for name, value in request.headers.items()}
        read = self.read_body(body) if request.method in ("POST", "PATCH") else None
        return ODataRequest(request.method, root, path, request.url.query, headers, read)

    def read_body(self, body: bytes) -> Any:
        try:
            return simplejson.loads(body, use_decimal=True) if body.strip() else None
        except (ValueError, UnicodeDecodeError):
            raise ODataError(400, "BadRequest", "Cannot read the request body as JSON.") from None

    def check_limits(self) -> None:
        if self.inside >= CONCURRENT + QUEUED:
            raise TooMany(1 / self.speed, self.inside + 1, CONCURRENT + QUEUED)
        wait = self.limit.try_take("app")
        if wait is not None:
            raise TooMany(wait, REQUESTS + 1, REQUESTS)


class TooMany(Exception):
    def __init__(self, seconds: float, actual: int, maximum: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many requests reached. Actual ({actual}). Maximum ({maximum}).")


class LengthRequired(Exception):
    """The web front end's own refusal, which is HTML."""


def enter(company: Company, values: Row) -> Row:
    if "journal" in values:
        return seeding.enter_line(company, values)
    return seeding.enter_document(company, values)


def has_length(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers
