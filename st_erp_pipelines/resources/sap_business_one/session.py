"""The login of the Service Layer: one session for all threads, and for all processes that share a cache.

A login takes seconds and a seat. A session ends after some minutes without a request, and each request renews it.
Its cookies are sent as a header of our own: B1SESSION comes without a path, which cookie jars read as they like.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, NoReturn

import httpx

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.credential_cache import CredentialCache, Kept, fingerprint
from st_erp_pipelines.resources.http import USER_AGENT
from st_erp_pipelines.resources.sap_business_one.replies import SYSTEM, said_by

LOGIN_TIMEOUT = 90.0  # seconds; a cold server takes up to eight
TOUCHES = 10  # times per life of a session that its renewal is told to other processes
FAILURES = 3  # answers of 500 in a row that say: the node of this session is broken


class SessionLogin(httpx.Auth):
    """`form` gives the fields of the login, looked up when they are needed.

    A request that is marked repeatable (`Api.read`) is sent again after a 401, once; a write never is: the session
    is checked before anything is executed, so its caller may say that nothing was.
    """

    requires_response_body = False  # True would load every streamed page into memory

    def __init__(
        self,
        root: str,
        form: Callable[[], Mapping[str, Any]],
        *,
        key: str,
        cache: CredentialCache,
        clock: Clock,
        margin: timedelta = timedelta(seconds=60),
        transport: httpx.BaseTransport | None = None,
        verify: bool | ssl.SSLContext = True,
    ) -> None:
        self._root, self._form, self._key, self._cache, self._clock = root, form, key, cache, clock
        self._margin = margin
        self._client = httpx.Client(
            transport=transport or deadline.open_transport(root, verify=verify),
            headers={"User-Agent": USER_AGENT},
            timeout=httpx.Timeout(LOGIN_TIMEOUT, connect=10.0),
        )
        self._lock = threading.Lock()
        self._kept: Kept | None = None
        self._told: Kept | None = None  # what the cache knows of it
        self._failures = 0
        self._refusal: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<SessionLogin for {SYSTEM}>"

    def sign_in(self) -> None:
        """Logs in, unless there is a session."""
        self._session()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        session = self._session()
        response = yield _signed(request, session)
        if response.status_code == 401:
            response.extensions["token_had_worked"] = True  # to log in is what credentials are for
            self._drop(session)
            if request.extensions.get("repeatable"):
                session = self._session()
                response = yield _signed(request, session)
        self._note(session, response.status_code)

    def log_out(self) -> None:
        """Gives the seat back."""
        with self._lock:
            if kept := self._kept or self._cache.get(self._key):
                self._forget(kept.value)
                self._end(kept.value)

    def close(self) -> None:
        """A session that nobody else can use is ended."""
        if not self._cache.is_shared and self._kept is not None:
            self.log_out()
        self._client.close()

    def _session(self) -> str:
        with self._lock:
            now = self._clock.now()
            if self._kept is None or self._kept.good_until <= now:
                there = self._cache.get(self._key)
                good = there is not None and there.good_until > now and self._is_of_our_login(there.value)
                self._kept = self._told = there if good else self._log_in(there)
            assert self._kept is not None
            return self._kept.value

    def _is_of_our_login(self, session: str) -> bool:
        return bool(json.loads(session)["of"] == fingerprint(self._form()))

    def _note(self, session: str, status: int) -> None:
        """Each request renews a session; one that only fails is bound to a broken node, and left."""
        with self._lock:
            if self._kept is None or self._told is None or self._kept.value != session:
                return
            self._failures = self._failures + 1 if status == 500 else 0
            if self._failures >= FAILURES:
                self._forget(session)
            elif status != 401:
                now = self._clock.now()
                good = self._good_for(session)
                self._kept = Kept(session, now + good)
                if self._kept.good_until - self._told.good_until > good / TOUCHES:
                    self._told = self._cache.put(self._key, self._kept, instead_of=session, now=now)

    def _drop(self, session: str) -> None:
        with self._lock:
            if self._kept is not None and self._kept.value == session:  # another thread may have renewed it meanwhile
                self._forget(session)

    def _forget(self, session: str) -> None:
        self._cache.drop(self._key, session)
        self._kept, self._failures = None, 0

    def _log_in(self, old: Kept | None) -> Kept:
        session = self._request_session()
        now = self._clock.now()
        new = Kept(session, now + self._good_for(session))
        kept = self._cache.put(self._key, new, instead_of=old.value if old else None, now=now)
        if kept.value != session:  # another process was faster: one seat is enough
            self._end(session)
        return kept

    def _request_session(self) -> str:
        if self._refusal:
            raise ConfigurationError(**self._refusal)
        form = self._form()
        self._client.cookies.clear()  # else the next login would go to the node of the last one
        try:
            response = self._client.post(f"{self._root}/Login", json=dict(form))
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                fix = "Give the certificate that the server signed itself as erp.ca_file."
                raise ConfigurationError("the server's certificate is not trusted", fix=fix, **_facts()) from None
            raise Unavailable(f"the server did not answer ({type(error).__name__})", **_facts()) from None
        if response.status_code != 200:
            self._refuse(response, form)
        try:
            said = response.json()
            node = re.search(r"ROUTEID=([^;,\s]+)", ",".join(response.headers.get_list("set-cookie")))
            minutes = float(said["SessionTimeout"])
            session = {"id": str(said["SessionId"]), "node": node.group(1) if node else "", "minutes": minutes}
            return json.dumps(session | {"of": fingerprint(form)})
        except (KeyError, TypeError, ValueError):
            raise Unavailable("the reply cannot be read", status=200, **_facts()) from None

    def _good_for(self, session: str) -> timedelta:
        life = timedelta(minutes=json.loads(session)["minutes"])
        return life - min(self._margin, life / 2)

    def _refuse(self, response: httpx.Response, form: Mapping[str, Any]) -> NoReturn:
        status = response.status_code
        code, text = said_by(response)
        if status in (408, 429) or (status >= 500 and not code):  # with a code, it is the login that was judged
            raise Unavailable("the server gives no session at the moment", status=status, **_facts())
        for value in form.values():
            text = text.replace(str(value), "***") if isinstance(value, str) and value else text
        # Remembered: asking again with the same credentials only locks the account.
        self._refusal = dict(
            text=f"the login was refused: {text}",
            status=status,
            code=code,
            fix="Check erp.company, erp.user and erp.password, and that the user may use the Service Layer."
            if status != 404
            else "Check erp.api_url: it ends with /b1s/v2, in small letters.",
            **_facts(),
        )
        raise ConfigurationError(**self._refusal)

    def _end(self, session: str) -> None:
        with suppress(httpx.HTTPError):  # a session ends by itself, too
            self._client.post(f"{self._root}/Logout", headers={"Cookie": _cookie(session)})


def _signed(request: httpx.Request, session: str) -> httpx.Request:
    request.headers["Cookie"] = _cookie(session)
    return request


def _cookie(session: str) -> str:
    said = json.loads(session)
    return f"B1SESSION={said['id']}" + (f"; ROUTEID={said['node']}" if said["node"] else "")


def _facts() -> dict[str, Any]:
    return {"system": SYSTEM, "operation": "log in"}
