"""A server that does to a connection exactly what a test says, and remembers what arrived."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.http import Api, Pace, build_api, error_for_status, vendor_text

Script = Callable[[socket.socket, bytes], None]


@dataclass
class Wire:
    url: str
    requests: list[bytes] = field(default_factory=list)  # head and body of each
    connections: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)  # the client closed in mid answer


def answer(body: bytes = b"{}", status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def replies(*answers: bytes) -> Script:
    """One after the other, the last one for ever."""
    left = list(answers)
    return lambda connection, _request: connection.sendall(left.pop(0) if len(left) > 1 else left[0])


@contextmanager
def serving(script: Script, *, speaks_first: bool = False) -> Iterator[Wire]:
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            wire.connections += 1
            threading.Thread(target=_converse, args=(connection, script, wire, speaks_first), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _converse(connection: socket.socket, script: Script, wire: Wire, speaks_first: bool) -> None:
    with connection:
        try:
            if speaks_first:
                script(connection, b"")
            while request := _request(connection):
                wire.requests.append(request)
                script(connection, request)
        except OSError:
            wire.hung_up.set()


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(sizes):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def drip(data: bytes, seconds: float) -> Script:
    """One byte every that many seconds."""

    def script(connection: socket.socket, _request: bytes) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return script


class AnyPace:
    """No limit; remembers the pauses that were asked for."""

    def __init__(self) -> None:
        self.pushed: list[float] = []

    def wait(self, at_most: float | None = None) -> bool:
        return True

    def push(self, seconds: float) -> None:
        self.pushed.append(seconds)


class BriefClock(SystemClock):
    """Real time, but sleeps are only written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def api_for(
    url: str, *, clock: SystemClock | None = None, pace: Pace | None = None, auth: httpx.Auth | None = None
) -> Api:
    clock = clock or BriefClock()
    return build_api(
        system="somewhere",
        base_url=url,
        auth=auth,
        pace=pace or AnyPace(),
        clock=clock,
        explain=lambda response, operation, document: error_for_status(
            response, vendor_text(response), system="somewhere", operation=operation, document=document
        ),
        read_timeout=5,
        random=random.Random(7),
    )
