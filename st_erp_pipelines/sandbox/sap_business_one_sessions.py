"""Who may talk to Service Layer: sessions with cookies, and access tokens of the authorization server."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals

TOKEN_SECONDS = 300.0  # as in SAP's sample token


@dataclass(slots=True)
class Session:
    node: str
    until: float


class Sessions:
    """`seconds` is how long an idle session lives; `seats` how many may be open at once (None: no end). With
    `shared` any node serves any session, as SAP says; otherwise a session is lost without its ROUTEID, as
    integrators saw it."""

    def __init__(
        self, database: str, user: str, password: str, *, seconds: float, seats: int | None, shared: bool
    ) -> None:
        self.database, self.user, self.password = database, user, password
        self.seconds, self.seats, self.shared = seconds, seats, shared
        self.live: dict[str, Session] = {}
        self.nodes = (".node1", ".node2")
        self.warm: set[str] = set()  # nodes that have loaded the company
        self._turn = 0

    def node_for(self, cookies: dict[str, str]) -> str:
        """Of the load balancer: the one of the cookie, or the next in turn."""
        wanted = cookies.get("ROUTEID", "")
        if wanted in self.nodes:
            return wanted
        self._turn += 1
        return self.nodes[self._turn % len(self.nodes) - 1]

    def login(self, body: Any, node: str) -> str:
        """The id of a new session."""
        now = time.monotonic()
        self.live = {name: session for name, session in self.live.items() if session.until > now}
        wanted = {"CompanyDB": self.database, "UserName": self.user, "Password": self.password}
        known = isinstance(body, dict) and all(body.get(name) == value for name, value in wanted.items())
        if not known or (self.seats is not None and len(self.live) >= self.seats):
            raise refusals.no_login()
        name = str(uuid.uuid4())
        self.live[name] = Session(node, now + self.seconds)
        return name

    def check(self, cookies: dict[str, str], node: str) -> None:
        """Each request renews its session."""
        session, now = self.live.get(cookies.get("B1SESSION", "")), time.monotonic()
        if session is None or session.until <= now or (not self.shared and session.node != node):
            raise refusals.no_session()
        session.until = now + self.seconds

    def logout(self, cookies: dict[str, str]) -> None:
        self.live.pop(cookies.get("B1SESSION", ""), None)


class Tokens:
    """The client-credentials grant of the built-in authorization server (Keycloak's wire)."""

    def __init__(self, client_id: str, client_secret: str, seconds: float) -> None:
        self.client = {"client_id": client_id, "client_secret": client_secret}
        self.seconds = seconds
        self.until: dict[str, float] = {}

    def issue(self, body: bytes) -> Response:
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if {name: form.get(name) for name in self.client} != self.client:
            refused = {
                "error": "unauthorized_client",
                "error_description": "Invalid client or Invalid client credentials",
            }
            return JSONResponse(refused, 401)
        token = uuid.uuid4().hex
        self.until[token] = time.monotonic() + self.seconds
        seconds = max(1, int(self.seconds))
        return JSONResponse({"access_token": token, "expires_in": seconds, "token_type": "Bearer", "scope": "profile"})

    def good(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        return scheme.lower() == "bearer" and time.monotonic() < self.until.get(token.strip(), 0.0)


def cookies_of(header: str) -> dict[str, str]:
    return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
