"""Faults on demand and a log of every request, around any sandbox application.

Control, never throttled and without credentials:

    POST   /_control/faults    {"kind", "method"?, "path_contains"?, "times"=1 (null: for ever), "after"=0,
                                "probability"=1, "seconds"?, "retry_after"=true}
    DELETE /_control/faults
    GET    /_control/log       [{"n", "at", "ended_at", "method", "path", "status", "committed", "fault"}],
                               with ?since=n what came after entry n
    GET    /_control/health

`seconds` are the vendor's: the server waits `seconds / speed`, before it works (latency, late_commit) or
before it answers what it has done (slow_reply). `committed` says whether a write took effect, whatever the
client was told; it is null for reads. `status` is null where the client was told nothing.
Other paths under /_control belong to the application, and are neither logged nor disturbed.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_erp_pipelines.clock import Clock, SystemClock

Kind = Literal[
    "latency",
    "http_429",
    "http_500_before",
    "http_500_after",
    "drop_before",
    "drop_after",
    "late_commit",
    "slow_reply",
    "html",
    "html_after",
]
READS = {"GET", "HEAD", "OPTIONS"}
HTML_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


class Rule(BaseModel):
    """One fault: which requests it meets, how often, and what then happens."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    method: str = ""
    path_contains: str = ""
    times: int | None = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    seconds: float = Field(default=0.0, ge=0)
    retry_after: bool = True

    _seen: int = PrivateAttr(default=0)
    _used: int = PrivateAttr(default=0)

    def meets(self, method: str, path: str, chance: Callable[[], float]) -> bool:
        """Counts the request if it matches; true when this rule wants it."""
        if self.method.upper() not in ("", method) or self.path_contains not in path:
            return False
        self._seen += 1
        spent = self.times is not None and self._used >= self.times
        return not spent and self._seen > self.after and chance() < self.probability

    def use(self) -> None:
        self._used += 1


def plain_error(status: int, message: str) -> object:
    return {"statusCode": status, "message": message}


class Faults:
    """The rules and the log of one application, shared by the middleware, the control routes and tests.

    `latency` (vendor seconds) delays every answer. An application with its own shape of errors sets
    `error_body(status, message)`. `log_path` also gets each entry, as one JSON line.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        latency: float = 0.0,
        log_path: Path | None = None,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.speed = speed
        self.latency = latency
        self.log_path = log_path
        self.clock = clock or SystemClock()
        self.rules: list[Rule] = []
        self.log: list[dict[str, Any]] = []
        self.error_body: Callable[[int, str], object] = plain_error
        self._chance = random.Random(seed).random

    def add(self, kind: Kind, **rest: Any) -> Rule:
        rule = Rule(kind=kind, **rest)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        self.rules.clear()

    def meet(self, method: str, path: str) -> Rule | None:
        """The first rule that wants this request; every rule counts what it matches."""
        wanting = [rule for rule in self.rules if rule.meets(method, path, self._chance)]
        if not wanting:
            return None
        wanting[0].use()
        return wanting[0]

    async def pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds / self.speed)

    def record(self, entry: dict[str, Any]) -> None:
        entry = {"n": len(self.log) + 1, **entry}
        self.log.append(entry)
        if self.log_path is not None:
            with self.log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def with_faults(app: ASGIApp, faults: Faults) -> ASGIApp:
    """`app` behind the faults and the log, with the control routes; dropping connections needs uvicorn."""
    control = _control(faults)
    own = {"/_control/faults", "/_control/log", "/_control/health"}

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in own:
            await control(scope, receive, send)
        elif scope["type"] != "http" or scope["path"].startswith("/_control/"):
            await app(scope, receive, send)
        else:
            await _Visit(app, faults, scope, receive, send).handle()

    return wrapped


class _Visit:
    """One request on its way through the middleware."""

    def __init__(self, app: ASGIApp, faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        self.app, self.faults, self.scope, self.receive, self.send = app, faults, scope, receive, send
        self.method: str = scope["method"]
        query = scope["query_string"].decode("latin-1")
        self.path: str = scope["path"] + (f"?{query}" if query else "")
        self.at = faults.clock.now()
        self.rule = faults.meet(self.method, self.path)
        self.recorded = False

    async def handle(self) -> None:
        kind = self.rule.kind if self.rule else "latency"
        seconds = self.rule.seconds if self.rule else 0.0
        await self.faults.pause(self.faults.latency + (seconds if kind == "latency" else 0.0))
        if kind in ("latency", "slow_reply"):
            await self._run(self.receive, self._forward)
            return
        receive = _replay(await _whole_body(self.receive), self.receive)
        if kind == "late_commit":
            await self.faults.pause(seconds)
            await self._run(receive, self._forward)
        elif kind in ("http_500_after", "drop_after", "html_after"):
            await self._answer(kind, await self._run_unheard(receive))
        else:
            await self._answer(kind, committed=False)

    async def _run(self, receive: Receive, send: Send) -> None:
        try:
            await self.app(self.scope, receive, send)
        finally:
            if not self.recorded:
                self._record(None, committed=False)

    async def _forward(self, message: Message) -> None:
        """Logs before the client sees the first byte: who has the answer finds it in the log."""
        if message["type"] == "http.response.start" and not self.recorded:
            self._record(message["status"], committed=message["status"] < 400)
            if self.rule and self.rule.kind == "slow_reply":
                await self.faults.pause(self.rule.seconds)
        await self.send(message)

    async def _run_unheard(self, receive: Receive) -> bool:
        """Runs the application, throws its answer away; whether it was a success."""
        statuses: list[int] = []

        async def swallow(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self.app(self.scope, receive, swallow)
        return bool(statuses) and statuses[0] < 400

    async def _answer(self, kind: Kind, committed: bool) -> None:
        if kind.startswith("drop"):
            self._record(None, committed)
            await _abort(self.receive, self.send)
            return
        response = self._response(kind)
        self._record(response.status_code, committed)
        await response(self.scope, self.receive, self.send)

    def _response(self, kind: Kind) -> Response:
        if kind.startswith("html"):
            return HTMLResponse(HTML_PAGE)
        if kind == "http_429" and self.rule is not None:
            return throttled(self.faults, (self.rule.seconds or 1.0) / self.faults.speed, header=self.rule.retry_after)
        message = "An unexpected error occurred."
        return JSONResponse(self.faults.error_body(500, message), status_code=500)

    def _record(self, status: int | None, committed: bool) -> None:
        self.recorded = True
        self.faults.record(
            {
                "at": self.at.isoformat(),
                "ended_at": self.faults.clock.now().isoformat(),
                "method": self.method,
                "path": self.path,
                "status": status,
                "committed": None if self.method in READS else committed,
                "fault": self.rule.kind if self.rule else None,
            }
        )


def throttled(faults: Faults, seconds: float, *, header: bool = True) -> Response:
    """429 in the application's own words; `seconds` are real ones, as the client will wait them."""
    wait = f"{seconds:.6g}"
    body = faults.error_body(429, f"Rate limit is exceeded. Try again in {wait} seconds.")
    return JSONResponse(body, status_code=429, headers={"Retry-After": wait} if header else None)


async def _whole_body(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """The body once more, for an application that runs when the client may be gone."""
    waiting = iter(messages)

    async def replayed() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return replayed


async def _abort(receive: Receive, send: Send) -> None:
    """Closes the TCP connection without a byte of answer.

    ASGI has no word for that, and uvicorn turns an exception into a 500: its `send` is a bound method of the
    object that holds the transport. Then waits until uvicorn has noticed, or it would complain in its log.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("this server cannot drop a connection: run the sandbox under uvicorn")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _control(faults: Faults) -> Starlette:
    async def change(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        try:
            rule = Rule.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        faults.rules.append(rule)
        return JSONResponse(rule.model_dump(), status_code=201)

    async def log(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        return JSONResponse(faults.log[int(since) if since.isdigit() else 0 :])

    async def health(_: Request) -> Response:
        rules = [rule.model_dump() for rule in faults.rules]
        return JSONResponse({"ok": True, "speed": faults.speed, "requests": len(faults.log), "faults": rules})

    handlers: list[tuple[str, Callable[[Request], Awaitable[Response]], list[str]]] = [
        ("/_control/faults", change, ["POST", "DELETE"]),
        ("/_control/log", log, ["GET"]),
        ("/_control/health", health, ["GET"]),
    ]
    return Starlette(routes=[Route(path, handler, methods=methods) for path, handler, methods in handlers])
