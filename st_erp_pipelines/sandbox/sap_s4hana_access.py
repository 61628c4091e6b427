"""Who may talk to SAP S/4HANA: access tokens or a password, and for writes a CSRF token with its session."""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

SYSTEM = "S4H_100"
SESSION, XSRF = f"SAP_SESSIONID_{SYSTEM}", f"sap-XSRF_{SYSTEM}"
LOGON_PAGE = (
    "<html><head><title>Logon Error Message</title></head><body>"
    "<h1>Anmeldung fehlgeschlagen / Logon failed</h1><p>User name or password is incorrect.</p></body></html>"
)


class Communication:
    """The one communication user: by Basic with its password, or with tokens of its OAuth client. Whoever cannot log
    in gets a page for people."""

    def __init__(self, user: str, password: str, client_id: str, client_secret: str, token_seconds: float) -> None:
        self.user, self.client = (user, password), (client_id, client_secret)
        self.token_seconds = token_seconds
        self.until: dict[str, float] = {}

    def issue(self, authorization: str, body: bytes) -> Response:
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        if _basic(authorization) != self.client:
            refused = {"error": "invalid_client", "error_description": "Client credentials are invalid"}
            return JSONResponse(refused, 401, {"WWW-Authenticate": 'Basic realm="OAuth 2.0 token endpoint"'})
        if form.get("grant_type") != "client_credentials":
            refused = {"error": "unsupported_grant_type", "error_description": "Grant type is not supported"}
            return JSONResponse(refused, 400)
        token = uuid.uuid4().hex
        self.until[token] = time.monotonic() + self.token_seconds
        issued = {"access_token": token, "token_type": "Bearer", "expires_in": str(max(1, int(self.token_seconds)))}
        return JSONResponse(issued | {"scope": form.get("scope", "")}, headers={"Cache-Control": "no-store"})

    def knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return time.monotonic() < self.until.get(token.strip(), 0.0)
        return _basic(authorization) == self.user


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, text = authorization.partition(" ")
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if scheme.lower() == "basic" else None


def logon_page() -> Response:
    return HTMLResponse(
        LOGON_PAGE, 401, {"WWW-Authenticate": 'Basic realm="SAP NetWeaver Application Server [S4H/100]"'}
    )


def csrf_required() -> Response:
    return PlainTextResponse("CSRF token validation failed", 403, {"x-csrf-token": "Required"})


@dataclass(slots=True)
class Session:
    token: str
    xsrf: str
    until: float


@dataclass(slots=True)
class Sessions:
    """Security sessions by their id; each request renews its own, which ends after `seconds` of idleness."""

    seconds: float
    live: dict[str, Session] = field(default_factory=dict)

    def fetch(self, cookies: Mapping[str, str]) -> tuple[str, list[str]]:
        """The token, and the cookies to be set with it: none in a session that goes on."""
        if session := self._of(cookies):
            return session.token, []
        name = uuid.uuid4().hex
        session = Session(f"{uuid.uuid4().hex[:22]}==", uuid.uuid4().hex, time.monotonic() + self.seconds)
        self.live[name] = session
        rest = "path=/; HttpOnly"
        usercontext = "sap-usercontext=sap-client=100; path=/"
        return session.token, [usercontext, f"{SESSION}={name}; {rest}", f"{XSRF}={session.xsrf}; {rest}"]

    def allows(self, token: str, cookies: Mapping[str, str]) -> bool:
        session = self._of(cookies)
        return session is not None and token == session.token

    def _of(self, cookies: Mapping[str, str]) -> Session | None:
        session, now = self.live.get(cookies.get(SESSION, "")), time.monotonic()
        if session is None or session.until <= now or cookies.get(XSRF) != session.xsrf:
            return None
        session.until = now + self.seconds
        return session
