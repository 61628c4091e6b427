"""How every system is talked to: paced, reads repeated, writes sent once and judged honestly.

    Api.read, Api.stream_to_file    repeated on what may pass; ConfigurationError, Unavailable or Rejected
    Api.write                       never resent by any layer; InDoubt, too

No URL with a query, body or token is ever put into an error or a log.
"""

from __future__ import annotations

import logging
import random
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, Protocol

import httpx
import simplejson
import tenacity

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources import deadline

# httpx logs whole URLs at INFO, httpcore response headers (cookies among them) at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

USER_AGENT = f"st-erp-pipelines/{version('st_erp_pipelines')}"
READ_ATTEMPTS = 6
READ_BUDGET = 600.0  # seconds for one read with all its repetitions
CONNECT_TIMEOUT = 10.0
WRITE_KEEPALIVE = 3.0  # seconds; an older idle connection may be half closed, and a write on it in doubt
REPEATED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
VENDOR_TEXT = 600  # characters of a reply that is not JSON
SECRET_HEADERS = ("Authorization", "ST-App-Key", "X-CSRF-Token")
FREE_TEXT = re.compile(
    r"(?![0-9a-f-]{36}$)(?=.*[a-z ]).{10,}", re.DOTALL
)  # an id is none, nor a short word like Account

# Raised before the first byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

log = logging.getLogger(__name__)
Explain = Callable[[httpx.Response, str, str], StErpError]
Query = Mapping[str, Any]


class Pace(Protocol):
    """A rate limit: see `st_erp_pipelines.resources.pacing`."""

    def wait(self, at_most: float | None = None) -> bool:
        """Sleep until a slot is ours; False, at once, if that takes more than `at_most` seconds."""
        ...

    def push(self, seconds: float) -> None:
        """No slot for anybody before that many seconds from now."""
        ...


class PacedTransport(httpx.BaseTransport):
    """Waits for a slot before each request; a system that asks for a pause gets it from everybody."""

    def __init__(self, transport: httpx.BaseTransport, pace: Pace) -> None:
        self._transport = transport
        self._pace = pace

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # A pause that the system asked for, or a slow token host, may take longer than this call has left.
        if not self._pace.wait(deadline.remaining()) or deadline.has_passed():
            raise httpx.PoolTimeout("the rate limit leaves no slot before the deadline")
        response = self._transport.handle_request(request)
        if response.status_code == 429:
            response.read()
            self._pace.push(retry_after(response) or 1.0)
        elif response.status_code == 503 and (seconds := retry_after(response)):
            self._pace.push(seconds)
        return response

    def close(self) -> None:
        self._transport.close()


def retry_after(response: httpx.Response) -> float | None:
    """Seconds, from the header, else from the sentence that Azure's gateway puts into the body."""
    header = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", header):
        return float(header)
    if header:
        try:
            until, now = parsedate_to_datetime(header), parsedate_to_datetime(response.headers["date"])
            return max(0.0, (until - now).total_seconds())
        except (ValueError, KeyError, TypeError):
            return None
    if response.is_closed and (said := re.search(r"[Tt]ry again in (\d+(?:\.\d+)?) second", response.text)):
        return float(said.group(1))
    return None


def parsed(response: httpx.Response) -> Any:
    """The JSON of a response, numbers as Decimal or int. Raises ValueError, but not for what Api returned as JSON."""
    if "parsed" not in response.extensions:
        response.extensions["parsed"] = simplejson.loads(response.content, use_decimal=True)
    return response.extensions["parsed"]


def vendor_text(response: httpx.Response) -> str:
    """What an unstructured reply says, short enough for an error."""
    return " ".join(discreet(response.text, response).split())[:VENDOR_TEXT] or response.reason_phrase


def discreet(text: str, response: httpx.Response) -> str:
    """What the other side says, without what it repeats of our request: token and key, query, JSON, free text.

    Numbers and codes stay, since they say what to mend; free text is what has small letters or blanks.
    """
    sent = _sent_with(response)
    for value in sorted((each for each in sent if each in text), key=len, reverse=True):
        text = text.replace(value, "***")
    text = re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)
    return re.sub(r"""\{\s*\\*["'].*""", "{...}", text, flags=re.DOTALL)


def _sent_with(response: httpx.Response) -> set[str]:
    """Of the request that was answered: what stands in its secret headers, and the free text in its body."""
    try:
        request = response.request
    except RuntimeError:  # made by hand, without one
        return set()
    headers = {request.headers.get(name, "").removeprefix("Bearer ").removeprefix("Basic ") for name in SECRET_HEADERS}
    headers |= set(re.findall(r"=([^;]{16,})", request.headers.get("Cookie", "")))  # a session is one, too
    try:
        body = simplejson.loads(request.content) if request.content else None
    except (ValueError, httpx.StreamError):
        body = None
    return {value for value in headers if value} | {value for value in _texts(body) if FREE_TEXT.fullmatch(value)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def error_for_status(response: httpx.Response, text: str, **facts: Any) -> StErpError:
    """What a status means where a system's own table says nothing else (for a write; see `Api.read`)."""
    status = response.status_code
    facts = {"status": status, **facts}
    if status in (401, 403):
        return ConfigurationError(text, **facts)
    if status == 429:
        return Unavailable(text, **{"wait_seconds": retry_after(response), **facts})
    if 400 <= status < 500 and status != 408:
        return Rejected(text, **facts)
    return InDoubt(text, **{"wait_seconds": retry_after(response), **facts})


@dataclass
class Api:
    """One system's API, for one set of credentials. Thread-safe."""

    system: str
    client: httpx.Client = field(repr=False)
    writer: httpx.Client = field(repr=False)  # drops idle connections early, see WRITE_KEEPALIVE
    clock: Clock = field(repr=False)
    explain: Explain = field(repr=False)
    random: random.Random = field(repr=False, default_factory=random.Random)

    def read(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        params: Query | None = None,
        headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (200,),
        json: Any = None,
    ) -> httpx.Response:
        """The response, its body read and not HTML. `json`: of a question that is asked by POST."""

        def attempt() -> httpx.Response:
            request = self._readable(method, url, params, headers, json)
            try:
                response = self.client.send(request)
            except (httpx.TransportError, httpx.DecodingError) as error:
                self._failed_to_read(error, request, operation)
            self._require(response, ok, operation)
            if not _is_readable(response):
                facts = self._of(operation)
                raise Unavailable("the reply cannot be read", status=response.status_code, **facts)
            return response

        return self._repeated(attempt)

    def stream_to_file(
        self,
        url: str,
        path: Path,
        *,
        operation: str,
        params: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A GET whose body goes straight to `path`; the response returned has status and headers only."""

        def attempt() -> httpx.Response:
            request = self._readable("GET", url, params, headers)
            try:
                response = self.client.send(request, stream=True)
                try:
                    self._save(response, path, operation)
                finally:
                    response.close()
            except (httpx.TransportError, httpx.DecodingError) as error:
                self._failed_to_read(error, request, operation)
            return response

        return self._repeated(attempt)

    def write(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        document: str,
        deadline: timedelta,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (200, 201, 204),
    ) -> httpx.Response:
        """Sends once. `deadline` covers everything: slot, token, connect, send, headers, body. Bytes go as they are."""
        facts = self._of(operation, document)
        request = self._writable(method, url, json, headers, deadline.total_seconds())
        response = self._send_once(request, deadline.total_seconds(), facts)
        if response.status_code == 401 and response.extensions.get("token_had_worked"):
            raise Unavailable("the token had expired, nothing was executed", status=401, **facts)
        if response.status_code not in ok:
            raise self._explained(response, operation, document)
        if not _is_readable(response):
            raise InDoubt("the reply to a write cannot be read", status=response.status_code, **facts)
        return response

    def close(self) -> None:
        self.client.close()
        self.writer.close()

    def _send_once(self, request: httpx.Request, seconds: float, facts: dict[str, Any]) -> httpx.Response:
        where = f"{request.method} {request.url.path}"
        with deadline.within(self.clock, seconds):
            try:
                return self.writer.send(request)
            except StErpError:
                raise  # from the token host: the document itself was never sent
            except httpx.UnsupportedProtocol:
                raise ConfigurationError("the URL has no http:// or https://", **facts) from None
            except NOT_SENT as error:
                raise Unavailable(f"{where} was not sent: {error}", **facts) from None
            except Exception as error:  # whatever it was, the request may have arrived
                kind = type(error).__name__
                raise InDoubt(f"{where} was sent, but no answer could be read ({kind})", **facts) from None

    def _repeated(self, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        with deadline.within(self.clock, READ_BUDGET) as budget:
            retrying = tenacity.Retrying(
                sleep=self.clock.sleep,
                wait=self._pause,
                stop=lambda state: state.attempt_number >= READ_ATTEMPTS or state.upcoming_sleep > budget.remaining(),
                retry=tenacity.retry_if_exception_type(Unavailable),
                reraise=True,
            )
            return retrying(attempt)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """What the system asked for, else 1 s doubling to 30 s; with jitter, so that callers spread."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_seconds if isinstance(error, StErpError) else None
        if asked is not None:
            return asked + self.random.uniform(0, 0.5)
        return min(30.0, 2.0 ** (state.attempt_number - 1)) * self.random.uniform(0.5, 1.0)

    def _readable(
        self, method: str, url: str, params: Query | None, headers: Mapping[str, str] | None, json: Any = None
    ) -> httpx.Request:
        extensions = {"repeatable": True}  # the auth flow may send it again with a new token
        return self._own(
            self.client.build_request(
                method, url, params=params or None, headers=headers, json=json, extensions=extensions
            )
        )

    def _writable(
        self, method: str, url: str, json: Any, headers: Mapping[str, str] | None, seconds: float
    ) -> httpx.Request:
        brief = min(CONNECT_TIMEOUT, seconds)
        is_raw = json is None or isinstance(json, bytes)
        content = json if is_raw else simplejson.dumps(json, use_decimal=True, allow_nan=False).encode()
        kind = {} if is_raw else {"content-type": "application/json"}
        return self._own(
            self.writer.build_request(
                method,
                url,
                content=content,
                headers={**kind, **(headers or {})},
                timeout=httpx.Timeout(seconds, connect=brief, pool=brief),
            )
        )

    def _own(self, request: httpx.Request) -> httpx.Request:
        """A link in a reply must not carry our token to somewhere else."""
        base = self.client.base_url
        if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
            raise ConfigurationError(
                f"a link leads to {request.url.scheme}://{request.url.host}, which is not {base.host}",
                system=self.system,
                fix="Set the URL in connections.yaml to the name that the server calls itself.",
            )
        return request

    def _save(self, response: httpx.Response, path: Path, operation: str) -> None:
        if response.status_code != 200:
            response.read()
        self._require(response, (200,), operation)
        if "html" in response.headers.get("content-type", ""):
            raise Unavailable("the reply is a web page, not data", status=200, **self._of(operation))
        with path.open("wb", buffering=0) as file:
            for chunk in response.iter_bytes():
                file.write(chunk)

    def _require(self, response: httpx.Response, ok: tuple[int, ...], operation: str) -> None:
        if response.status_code in ok:
            return
        error = self._explained(response, operation, "")
        if response.status_code in REPEATED_STATUSES or isinstance(error, InDoubt):
            # A read changes nothing, so nothing about it is in doubt.
            raise Unavailable(**_facts(error) | {"wait_seconds": retry_after(response)})
        raise error

    def _explained(self, response: httpx.Response, operation: str, document: str) -> StErpError:
        """By the system's table, and without what the other side repeats of our request."""
        error = self.explain(response, operation, document)
        error.text = discreet(error.text, response)
        if isinstance(error, Rejected):
            error.cause = discreet(error.cause, response)
        error.args = (error.sentence(),)
        return error

    def _failed_to_read(self, error: Exception, request: httpx.Request, operation: str) -> NoReturn:
        said = str(error) if isinstance(error, NOT_SENT) else type(error).__name__
        text = f"{request.method} {request.url.path} failed: {said}"
        raise Unavailable(text, **self._of(operation)) from None

    def _of(self, operation: str, document: str = "") -> dict[str, Any]:
        return {"system": self.system, "operation": operation, "document": document}


def build_api(
    *,
    system: str,
    base_url: str,
    auth: httpx.Auth | None,
    pace: Pace,
    clock: Clock,
    explain: Explain,
    transport: httpx.BaseTransport | None = None,
    verify: bool | ssl.SSLContext = True,
    read_timeout: float = 105.0,
    random: random.Random | None = None,
) -> Api:
    """`transport` stands in for the network. `read_timeout` in seconds, a little over the server's own."""

    def client(keepalive_expiry: float) -> httpx.Client:
        inner = transport or deadline.open_transport(base_url, verify=verify, keepalive_expiry=keepalive_expiry)
        return httpx.Client(
            base_url=base_url,
            auth=auth,
            transport=PacedTransport(inner, pace),
            headers={"User-Agent": USER_AGENT},
            timeout=httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
        )

    api = Api(system, client(30.0), client(WRITE_KEEPALIVE), clock, explain)
    if random is not None:
        api.random = random
    return api


def trusted(system: str, url: str, *, verify: bool, ca_file: Path | None) -> bool | ssl.SSLContext:
    """Whose certificates count: everybody's, those of a file, or, said loudly, any."""
    if not verify:
        log.warning(
            "The certificate of %s is NOT verified (erp.verify: false): whoever is between here and there can read "
            "and change what is posted, and has the password. Give its certificate as erp.ca_file instead.",
            httpx.URL(url).netloc.decode(),
        )
        return False
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # an ssl.SSLError is one, too
        text = f"erp.ca_file {ca_file} cannot be used: {error.strerror or 'it holds no certificate'}"
        raise ConfigurationError(text, system=system, fix="Export the server's certificate as PEM.") from None


def _is_readable(response: httpx.Response) -> bool:
    """Not a gateway's web page, and if it says it is JSON, whole JSON."""
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind or response.content[:100].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return False
    if "json" in kind and response.content:
        try:
            parsed(response)
        except ValueError:
            return False
    return True


def _facts(error: StErpError) -> dict[str, Any]:
    only_rejected = ("cause", "retry_daily", "date_bound")
    return {name: value for name, value in vars(error).items() if name not in only_rejected}
