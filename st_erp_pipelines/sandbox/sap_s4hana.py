"""SAP S/4HANA on the wire: five OData V2 services of one communication arrangement, and its token service.

    POST /sap/bc/sec/oauth2/token
         /sap/opu/odata/sap/<service>/..., with $metadata

Control, without credentials, for tests and demonstrations (bodies: sap_s4hana_hands.py):

    GET  /_control/sap_s4hana/state             all records, the settings, and how often which write was asked for
    POST /_control/sap_s4hana/set               any of SETTINGS of sap_s4hana_seed.py; {"expire_tokens": true},
                                                {"expire_sessions": true}, {"token_seconds": 5}
    POST /_control/sap_s4hana/add, edit, remove, delete, block, reverse, order
                                                what a person does there
    POST /_control/sap_s4hana/during_paging     {"set", "hand", "body"}: what a person does while somebody reads this
                                                set: before the next page that a $skiptoken asks for, once

There is no `$batch`, and of the function imports none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox import sap_s4hana_hands as hands
from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox import sap_s4hana_seed as seeding
from st_erp_pipelines.sandbox import sap_s4hana_xml as xml
from st_erp_pipelines.sandbox.faults import HTML_PAGE, Faults, with_faults
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_access import Communication, Sessions, csrf_required, logon_page
from st_erp_pipelines.sandbox.sap_s4hana_company import Company
from st_erp_pipelines.sandbox.sap_s4hana_entities import SERVICES
from st_erp_pipelines.sandbox.sap_s4hana_requests import Api, Reply, Request

TOKEN_SECONDS = 3600.0
SESSION_MINUTES = 30.0  # that a session, and its CSRF token, live without a request
CLIENT = "100"
SERVER_SECONDS = {"GET": 0.050, "POST": 0.400, "PATCH": 0.200, "MERGE": 0.200, "DELETE": 0.200}
METHODS = ["GET", "HEAD", "POST", "PATCH", "MERGE", "PUT", "DELETE"]
READS = ("GET", "HEAD")


def sap_s4hana_app(
    seed: Row,
    *,
    speed: float = 1.0,
    faults: Faults | None = None,
    user: str = credentials.SAP_S4HANA_USER,
    password: str = credentials.SAP_S4HANA_PASSWORD,
    client_id: str = credentials.SAP_S4HANA_CLIENT_ID,
    client_secret: str = credentials.SAP_S4HANA_CLIENT_SECRET,
    token_seconds: float = TOKEN_SECONDS,
    session_minutes: float = SESSION_MINUTES,
) -> ASGIApp:
    """`seed` is described in sap_s4hana_seed.py. `speed` divides server times and the idle time of sessions."""
    communication = Communication(user, password, client_id, client_secret, token_seconds)
    server = Server(Api(seeding.build(seed)), communication, Sessions(session_minutes * 60 / speed), speed)
    app = Starlette(routes=server.routes())
    if faults is None:
        return app
    faults.error_body = lambda status, message: refusals.dump(status, message).body("")
    return with_faults(app, faults)


class Server:
    """What stands before the company: who may come in, the time the server takes, JSON or Atom."""

    def __init__(self, api: Api, communication: Communication, sessions: Sessions, speed: float) -> None:
        self.api, self.communication, self.sessions, self.speed = api, communication, sessions, speed
        self.asked: Counter[str] = Counter()
        self.during_paging: defaultdict[str, list[Row]] = defaultdict(list)

    def routes(self) -> list[Route]:
        control = "/_control/sap_s4hana"
        return [
            Route("/sap/bc/sec/oauth2/token", self.token, methods=["POST"]),
            Route(f"{control}/state", self.state, methods=["GET"]),
            Route(f"{control}/set", self.controlled(self.configure), methods=["POST"]),
            Route(f"{control}/during_paging", self.controlled(self.plan), methods=["POST"]),
            *(
                Route(f"{control}/{name}", self.controlled(hand), methods=["POST"])
                for name, hand in hands.HANDS.items()
            ),
            Route("/sap/opu/odata/sap/{service}/{path:path}", self.handle, methods=METHODS),
            Route("/sap/opu/odata/sap/{service}", self.handle, methods=METHODS),
        ]

    # --- control -----------------------------------------------------------------------------------------

    async def state(self, _: HttpRequest) -> Response:
        shown = hands.state(self.api.company) | {"asked": dict(self.asked)}
        return Response(json_text(shown), media_type="application/json")

    def controlled(self, change: Callable[[Company, Row], Row | None]) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def endpoint(request: HttpRequest) -> Response:
            values = simplejson.loads(await request.body(), use_decimal=True)
            try:
                shown = change(self.api.company, values) or {}
            except refusals.Refusal as refusal:
                return Response(json_text(refusal.body("")), 400, media_type="application/json")
            return Response(json_text(shown), media_type="application/json")

        return endpoint

    def configure(self, company: Company, values: Row) -> None:
        hands.configure(company, values)
        if values.get("expire_tokens"):
            self.communication.until.clear()
        if values.get("expire_sessions"):
            self.sessions.live.clear()
        if "token_seconds" in values:
            self.communication.token_seconds = float(values["token_seconds"])

    def plan(self, _: Company, values: Row) -> None:
        self.during_paging[values["set"]].append(values)

    # --- services ----------------------------------------------------------------------------------------

    async def token(self, request: HttpRequest) -> Response:
        return self.communication.issue(request.headers.get("authorization", ""), await request.body())

    async def handle(self, http: HttpRequest) -> Response:
        """A CSRF token is handed out with any answer to who may come in, even with a refusal."""
        if self.api.company.setup["upgrading"]:
            return HTMLResponse(HTML_PAGE, 503)
        if not self.communication.knows(http.headers.get("authorization", "")):
            return logon_page()
        if http.query_params.get("sap-client", CLIENT) != CLIENT:
            return logon_page()
        token = http.headers.get("x-csrf-token", "")
        if http.method not in READS and not self.sessions.allows(token, http.cookies):
            return csrf_required()
        request = await self._read(http)
        await asyncio.sleep(SERVER_SECONDS.get(http.method, 0.0) / self.speed)
        response = self._respond(request, self._answer(request))
        if http.method in READS and token.lower() == "fetch":
            response.headers["x-csrf-token"], cookies = self.sessions.fetch(http.cookies)
            for cookie in cookies:
                response.headers.append("Set-Cookie", cookie)
        return response

    async def _read(self, http: HttpRequest) -> Request:
        service, path = http.path_params["service"], http.path_params.get("path", "")
        root = f"{http.url.scheme}://{http.url.netloc}/sap/opu/odata/sap/{service}/"
        headers = {name.lower(): value for name, value in http.headers.items()}
        return Request(http.method, service, root, path, http.url.query, headers, await http.body())

    def _answer(self, request: Request) -> Reply:
        try:
            allowed = self.api.company.setup["arrangement"].get(request.service, True)
            if request.service not in SERVICES or not allowed:
                raise refusals.no_service(request.service)
            set_name = request.path.partition("(")[0]
            if f"{request.verb} {set_name}" in self.api.company.setup["forbidden"]:
                raise refusals.no_authority(request.verb, set_name)
            if request.method not in READS:
                self.asked[f"{request.verb} {set_name}"] += 1
            elif "$skiptoken" in request.query and self.during_paging[set_name]:
                planned = self.during_paging[set_name].pop(0)
                hands.HANDS[planned["hand"]](self.api.company, planned["body"])
            return self.api.answer(request)
        except refusals.Refusal as refusal:
            return Reply(refusal.status, refusal.body(request.service))

    def _respond(self, request: Request, reply: Reply) -> Response:
        headers = {"DataServiceVersion": "2.0"} | reply.headers
        if reply.payload is None:
            return Response(status_code=reply.status, headers=headers)
        if isinstance(reply.payload, str):
            return Response(reply.payload, reply.status, headers, f"{reply.kind};charset=utf-8")
        if request.wants_json:
            return Response(json_text(reply.payload), reply.status, headers, "application/json;charset=utf-8")
        kind = "application/xml" if "error" in reply.payload else "application/atom+xml"
        return Response(xml.atom(reply.payload), reply.status, headers, f"{kind};charset=utf-8")


def json_text(payload: Row) -> str:
    """Dates of a control are ISO texts; those of a service are texts already."""
    return simplejson.dumps(payload, default=str, use_decimal=True, separators=(",", ":"), ensure_ascii=False)
