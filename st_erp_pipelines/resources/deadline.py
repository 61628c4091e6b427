"""One total deadline for a whole HTTP call, which httpx does not have.

httpx limits each read and each write of the socket, so a server that drips a byte at a time is never
too late. Here the innermost layer, the network backend of httpcore, clips every socket timeout to what is
left of the deadline of the current call. A call of the synchronous client runs in one thread from
start to end, so the deadline travels in a context variable. When it has passed, the error makes httpcore
close the connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from st_erp_pipelines.clock import Clock

# httpcore asks for 64 kB at a time; on large pages fewer, larger reads are measurably faster.
READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Deadline:
    """`at` in seconds since boot, so that a suspended machine does not stretch it."""

    clock: Clock
    at: float

    def remaining(self) -> float:
        return self.at - self.clock.boot_seconds()


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(clock: Clock, seconds: float) -> Iterator[Deadline]:
    """Everything sent in this block, by this thread, together takes no longer; nor than a block around it may."""
    outer, at = _current.get(), clock.boot_seconds() + seconds
    deadline = Deadline(clock, at if outer is None else min(at, outer.at))
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def remaining() -> float | None:
    """Seconds left to the current call; None where there is no deadline."""
    deadline = _current.get()
    return None if deadline is None else deadline.remaining()


def has_passed() -> bool:
    left = remaining()
    return left is not None and left <= 0


def _clip(timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float | None:
    left = remaining()
    if left is None:
        return timeout
    if left <= 0:
        raise too_late("the deadline of the whole call has passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max(max_bytes, READ_BYTES), _clip(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _clip(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        clipped = _clip(timeout, httpcore.ConnectTimeout)
        return _connected(self._stream.start_tls(ssl_context, server_hostname, clipped))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _connected(stream: httpcore.NetworkStream) -> _Stream:
    # Name resolution knows no timeout. Too late here is still "never sent"; at the first write, in doubt.
    try:
        _clip(None, httpcore.ConnectTimeout)
    except httpcore.ConnectTimeout:
        stream.close()
        raise
    return _Stream(stream)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        clipped = _clip(timeout, httpcore.ConnectTimeout)
        return _connected(super().connect_tcp(host, port, clipped, local_address, socket_options))


def open_transport(
    url: str, *, verify: bool | str | ssl.SSLContext = True, keepalive_expiry: float = 30.0
) -> httpx.HTTPTransport:
    """A transport for one host that heeds `within`, never resends, and goes by the site's proxy."""
    transport = httpx.HTTPTransport(
        verify=_trusted() if verify is True else verify,
        retries=0,
        proxy=_proxy_for(httpx.URL(url)),
        limits=httpx.Limits(max_connections=20, keepalive_expiry=keepalive_expiry),
    )
    # httpx offers no argument for the backend; the deadline tests fail should this attribute ever move.
    transport._pool._network_backend = _Backend()
    return transport


@cache
def _trusted() -> ssl.SSLContext:
    """One for all clients: the certificates that we trust take longer to read than all else of a client."""
    return httpx.create_ssl_context()


def _proxy_for(url: httpx.URL) -> str | None:
    if url.host in ("127.0.0.1", "localhost", "::1") or proxy_bypass(url.host):
        return None
    return getproxies().get(url.scheme)
