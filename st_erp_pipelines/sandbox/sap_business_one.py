"""SAP Business One's Service Layer on the wire: one company, sessions and tokens, /b1s/v2 and /b1s/v1.

    POST /b1s/v2/Login, /b1s/v2/Logout          GET /ping/
    POST /auth/realms/sapb1/protocol/openid-connect/token
         /b1s/v2/..., /b1s/v2/$batch            the same below /b1s/v1, in the forms of OData V3

Control, without credentials, for tests and demonstrations (bodies: sap_business_one_seed.py):

    GET  /_control/sap_business_one/state       documents, partners, drafts, journal entries, reconciliations
    POST /_control/sap_business_one/set         a period, a partner, an account, a setting; {"restart": true},
                                                {"expire_sessions": true}, {"expire_tokens": true}
    POST /_control/sap_business_one/enter, pay, cancel, edit, approve, remove, reconcile
                                                what a person does there

A fault http_500_before or http_500_after (faults.py) is a deadlock here: code -2038, and nobody is told whether the
work was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox import sap_business_one_batch as batch
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox import sap_business_one_seed as seeding
from st_erp_pipelines.sandbox.faults import Faults, with_faults
from st_erp_pipelines.sandbox.odata import ODataError, Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company
from st_erp_pipelines.sandbox.sap_business_one_requests import CompanyApi, Reply, Request
from st_erp_pipelines.sandbox.sap_business_one_sessions import TOKEN_SECONDS, Sessions, Tokens, cookies_of
from st_erp_pipelines.sandbox.sap_business_one_wire import error_body, json_text, json_type, version_header

SESSION_MINUTES = 30
COLD_LOGIN_SECONDS, WARM_LOGIN_SECONDS = 5.0, 0.5  # a node loads the company for its first login
SERVER_SECONDS = {"GET": 0.020, "POST": 0.150, "PATCH": 0.100, "DELETE": 0.050}
CONCURRENT = 4
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def sap_business_one_app(
    company: Row,
    *,
    speed: float = 1.0,
    faults: Faults | None = None,
    database: str = credentials.SAP_BUSINESS_ONE_DATABASE,
    user: str = credentials.SAP_BUSINESS_ONE_USER,
    password: str = credentials.SAP_BUSINESS_ONE_PASSWORD,
    client_id: str = credentials.SAP_BUSINESS_ONE_CLIENT_ID,
    client_secret: str = credentials.SAP_BUSINESS_ONE_CLIENT_SECRET,
    session_minutes: float = SESSION_MINUTES,
    seats: int | None = None,
    shared_sessions: bool = True,
) -> ASGIApp:
    """`company` is a seed, described in sap_business_one_seed.py. `speed` divides server times and the idle time after
    which a session ends; the last two cover what the reference leaves open (sap_business_one_sessions.py)."""
    seconds = session_minutes * 60 / speed
    sessions = Sessions(database, user, password, seconds=seconds, seats=seats, shared=shared_sessions)
    server = Server(
        CompanyApi(seeding.build(company)), sessions, Tokens(client_id, client_secret, TOKEN_SECONDS), speed
    )
    app = Starlette(routes=server.routes())
    if faults is None:
        return app
    faults.error_body = fault_body
    return with_faults(app, faults)


def fault_body(status: int, message: str) -> Row:
    error = refusals.deadlock() if status == 500 else refusals.refusal(-1, message, status)
    return error_body(error, v1=False)


class Server:
    """What stands before the company: the load balancer, sessions, the time the server takes."""

    def __init__(self, api: CompanyApi, sessions: Sessions, tokens: Tokens, speed: float) -> None:
        self.api, self.sessions, self.tokens, self.speed = api, sessions, tokens, speed
        self.processing = asyncio.Semaphore(CONCURRENT)

    def routes(self) -> list[Route]:
        control = "/_control/sap_business_one"
        return [
            Route("/ping/{rest:path}", self.ping, methods=["GET"]),
            Route("/auth/realms/sapb1/protocol/openid-connect/token", self.token, methods=["POST"]),
            Route(f"{control}/state", self.state, methods=["GET"]),
            Route(f"{control}/set", self.controlled(self.configure), methods=["POST"]),
            *(
                Route(f"{control}/{name}", self.controlled(hand), methods=["POST"])
                for name, hand in seeding.HANDS.items()
            ),
            Route("/b1s/{version}/{path:path}", self.handle, methods=METHODS),
        ]

    async def ping(self, _: HttpRequest) -> Response:
        return PlainTextResponse("pong")

    async def token(self, request: HttpRequest) -> Response:
        return self.tokens.issue(await request.body())

    async def state(self, _: HttpRequest) -> Response:
        shown = seeding.state(self.api) | {"sessions": len(self.sessions.live)}
        return Response(json_text(shown), media_type="application/json")

    def controlled(self, change: Callable[[Company, Row], Row | None]) -> Callable[[HttpRequest], Awaitable[Response]]:
        """A control endpoint around what it does to the company: all or nothing, as a request."""

        async def endpoint(request: HttpRequest) -> Response:
            values = simplejson.loads(await request.body(), use_decimal=True)
            try:
                with self.api.company.transaction():
                    row = change(self.api.company, values) or {}
            except ODataError as error:
                return Response(json_text(error_body(error, v1=False)), 400, media_type="application/json")
            shown = {name: value for name, value in row.items() if not name.startswith("_")}
            return Response(json_text(shown), media_type="application/json")

        return endpoint

    def configure(self, company: Company, values: Row) -> None:
        seeding.configure(company, values)
        if values.get("expire_sessions") or values.get("restart"):
            self.sessions.live.clear()
        if values.get("expire_tokens"):
            self.tokens.until.clear()

    async def handle(self, request: HttpRequest) -> Response:
        v1 = request.path_params["version"] == "v1"
        try:
            reply = await self.admitted(request)
        except ODataError as error:
            reply = Reply(error.status, error_body(error, v1=v1))
        headers = version_header(v1=v1) | reply.headers
        if reply.payload is None:
            return Response(status_code=reply.status, headers=headers)
        kind = "text/plain" if isinstance(reply.payload, str) else json_type(v1=v1)
        response = Response(json_text(reply.payload), reply.status, {"Content-Type": kind} | headers)
        for cookie in reply.cookies:
            response.headers.append("Set-Cookie", cookie)
        return response

    async def admitted(self, http: HttpRequest) -> Reply:
        """Paths are case-sensitive; whoever has no session learns nothing of what there is."""
        version, path = http.path_params["version"], http.path_params["path"]
        request = await self._read(http, version, path)
        cookies = cookies_of(http.headers.get("cookie", ""))
        node = self.sessions.node_for(cookies)
        if version in ("v1", "v2") and path == "Login" and http.method == "POST":
            return await self._login(request, node)
        if not self.tokens.good(http.headers.get("authorization", "")):
            self.sessions.check(cookies, node)
        if version not in ("v1", "v2"):
            raise refusals.unknown_path()
        if node in self.api.company.setup["broken_nodes"]:
            raise refusals.broken_node()
        if path == "Logout" and http.method == "POST":
            self.sessions.logout(cookies)
            return Reply(204)
        async with self.processing:
            await asyncio.sleep(SERVER_SECONDS.get(http.method, 0.0) / self.speed)
            if path == "$batch" and http.method == "POST":
                return batch.answer(self.api, request)
            return self.api.answer(request)

    async def _read(self, http: HttpRequest, version: str, path: str) -> Request:
        root = str(http.url.replace(path=f"/b1s/{version}/", query=""))
        headers = {name.lower(): value for name, value in http.headers.items()}
        return Request(http.method, root, path, http.url.query, headers, await http.body())

    async def _login(self, request: Request, node: str) -> Reply:
        cold = node not in self.sessions.warm
        await asyncio.sleep((COLD_LOGIN_SECONDS if cold else WARM_LOGIN_SECONDS) / self.speed)
        session = self.sessions.login(request.json(), node)
        self.sessions.warm.add(node)
        mark = "odata.metadata" if request.v1 else "@odata.context"
        element = "@Element" if request.v1 else "$entity"
        payload = {mark: f"{request.root}$metadata#B1Sessions/{element}", "SessionId": session, "Version": "1000280"}
        cookies = (f"B1SESSION={session};HttpOnly;", f"ROUTEID={node}; path=/b1s")
        return Reply(200, payload | {"SessionTimeout": SESSION_MINUTES}, cookies=cookies)
