"""OAuth client credentials: one token for all threads (and processes, by a cache); renewed early, once after a 401."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.credential_cache import CredentialCache, Kept, fingerprint
from st_erp_pipelines.resources.http import USER_AGENT

TOKEN_TIMEOUT = 30.0  # seconds


@dataclass
class _Token:
    value: str = field(repr=False)
    renew_at: float  # by the boot clock
    scopes: frozenset[str] = frozenset()
    has_worked: bool = False


class ClientCredentials(httpx.Auth):
    """`form` gives the fields of the token request, `headers` what else each call carries (an app key).

    Both are functions, so that a secret is looked up when it is needed. `setting` names the secret in
    connections.yaml for the sentence an operator gets. `by_header`: id and secret go as Basic authentication, which
    some token hosts want, instead of in the form. A request is sent again after a 401 only if it is marked repeatable
    (`Api.read`); a write never is.
    """

    requires_response_body = False  # True would load every streamed page into memory

    def __init__(
        self,
        *,
        system: str,
        token_url: str,
        form: Callable[[], Mapping[str, str]],
        clock: Clock,
        setting: str,
        margin: timedelta = timedelta(seconds=60),
        headers: Callable[[], Mapping[str, str]] = dict,
        transport: httpx.BaseTransport | None = None,
        verify: bool | ssl.SSLContext = True,
        cache: CredentialCache | None = None,
        by_header: bool = False,
    ) -> None:
        self._system = system
        self._by_header = by_header
        self._cache = cache if cache is not None and cache.is_shared else None  # else a token is kept here anyway
        self._token_url = token_url
        self._form = form
        self._headers = headers
        self._setting = setting
        self._margin = margin.total_seconds()
        self._clock = clock
        self._client = httpx.Client(
            transport=transport or deadline.open_transport(token_url, verify=verify),
            headers={"User-Agent": USER_AGENT},
            timeout=httpx.Timeout(TOKEN_TIMEOUT, connect=10.0),
        )
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refusal: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<ClientCredentials for {self._system}>"

    def close(self) -> None:
        self._client.close()

    def sign_in(self) -> frozenset[str]:
        """Asks for a token, unless there is one. The scopes that came with it; none where the host names none."""
        return self._valid_token().scopes

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._headers())
        token = self._valid_token()
        response = yield self._signed(request, token)
        if response.status_code == 401:
            # A token that never worked is not an expired one: the credentials are wrong.
            response.extensions["token_had_worked"] = token.has_worked
            self._drop(token)
            if request.extensions.get("repeatable"):
                token = self._valid_token()
                response = yield self._signed(request, token)
        if response.status_code != 401:
            token.has_worked = True

    def _signed(self, request: httpx.Request, token: _Token) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token.value}"
        return request

    def _valid_token(self) -> _Token:
        with self._lock:
            if self._token is None or self._clock.boot_seconds() >= self._token.renew_at:
                self._token = self._from_cache() or self._into_cache(self._request_token())
            return self._token

    def _drop(self, token: _Token) -> None:
        with self._lock:
            if self._token is token:  # another thread may have renewed it meanwhile
                self._token = None
                if self._cache is not None:
                    self._cache.drop(self._key, self._as_kept(token))

    def _from_cache(self) -> _Token | None:
        """What another process asked for with the same credentials."""
        kept = self._cache.get(self._key) if self._cache is not None else None
        if kept is None or (lasts := (kept.good_until - self._clock.now()).total_seconds()) <= 0:
            return None
        said = json.loads(kept.value)
        if said["of"] != fingerprint(self._form()) or (self._token and said["token"] == self._token.value):
            return None
        return _Token(said["token"], self._clock.boot_seconds() + lasts, frozenset(said["scopes"]), has_worked=True)

    def _into_cache(self, token: _Token) -> _Token:
        if self._cache is not None:
            now, there = self._clock.now(), self._cache.get(self._key)
            kept = Kept(self._as_kept(token), now + timedelta(seconds=token.renew_at - self._clock.boot_seconds()))
            self._cache.put(self._key, kept, instead_of=there.value if there else None, now=now)
        return token

    def _as_kept(self, token: _Token) -> str:
        return json.dumps({"token": token.value, "scopes": sorted(token.scopes), "of": fingerprint(self._form())})

    @property
    def _key(self) -> str:
        client = hashlib.sha256(self._form().get("client_id", "").encode()).hexdigest()[:16]
        return f"{self._token_url}/{client}"

    def _request_token(self) -> _Token:
        if self._refusal:
            raise ConfigurationError(**self._refusal)
        form = self._form()
        data, login = dict(form), httpx.Auth()
        if self._by_header:
            login = httpx.BasicAuth(data.pop("client_id"), data.pop("client_secret"))
        asked_at = self._clock.boot_seconds()
        try:
            response = self._client.post(self._token_url, data=data, auth=login)
            said = _members(response)
        except httpx.HTTPError as error:
            text = f"the token host did not answer ({type(error).__name__})"
            raise Unavailable(text, **self._facts()) from None
        if response.status_code != 200:
            self._refuse(response.status_code, said, form)
        try:
            lasts = float(said.get("expires_in", 600))
            # A margin beyond half the life (a sandbox at speed) would renew before every call.
            renew_at = asked_at + lasts - min(self._margin, lasts / 2)
            return _Token(str(said["access_token"]), renew_at, frozenset(str(said.get("scope") or "").split()))
        except (KeyError, TypeError, ValueError):
            raise Unavailable("the token host's reply cannot be read", status=200, **self._facts()) from None

    def _refuse(self, status: int, said: Mapping[str, Any], form: Mapping[str, str]) -> None:
        if status in (408, 429) or status >= 500:
            raise Unavailable("the token host gives no token at the moment", status=status, **self._facts())
        code = str(said.get("error", ""))
        fix = f"Check {self._setting} and the id beside it: are they complete, and of this environment?"
        if status not in (400, 401, 403):
            fix = f"Check the token host's URL in connections.yaml, beside {self._setting}."
        text = "the token host refused the credentials"
        if described := str(said.get("error_description", "")).strip():
            text = f"{text}: {described.splitlines()[0]}"
        for value in form.values():
            text = text.replace(value, "***")
        # Remembered: asking again with the same credentials only locks the account.
        self._refusal = {"text": text, "status": status, "code": code, "fix": fix, **self._facts()}
        raise ConfigurationError(**self._refusal)

    def _facts(self) -> dict[str, Any]:
        return {"system": self._system, "operation": "get a token"}


def _members(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
