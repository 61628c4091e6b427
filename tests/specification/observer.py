"""Looks at each request of our own clients on its way into the sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_erp_pipelines.resources.http import USER_AGENT
from tests.specification import FINDINGS, Request, business_one, odata, openapi, s4hana


def observed(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"user-agent", USER_AGENT.encode()) in scope["headers"]:
            messages = await _whole(receive)
            if messages[-1]["type"] == "http.request":  # else the client went away in mid request
                note(_request(scope, messages))
            receive = _again(messages, receive)
        await app(scope, receive, send)

    return around


def note(request: Request) -> None:
    found = findings(request)
    if found:
        with Path(os.environ[FINDINGS]).open("a", encoding="utf-8") as file:
            file.writelines(f"{request.method} {request.path}: {each}\n" for each in found)


def findings(request: Request) -> list[str]:
    """What is wrong with it, a sentence each. Never raises: the sandbox must answer as if nobody looked."""
    try:
        return list(_findings(request))
    except Exception as error:
        return [f"it could not be checked ({type(error).__name__}: {error})"]


def _findings(request: Request) -> Iterator[str]:
    if business_one.ROOT.match(request.path):
        yield from business_one.findings(request)
    elif request.path == business_one.TOKEN:
        yield from openapi.token_findings(request)
    elif s4hana.ROOT.match(request.path):
        yield from s4hana.findings(request)
    elif request.path.endswith(s4hana.TOKEN):
        yield from s4hana.token_findings(request)
    elif odata.ROOT in request.path:
        yield from odata.findings(request)
    elif not request.path.endswith("/token"):
        yield from openapi.findings(request)
    elif request.path.endswith(openapi.TOKEN):
        yield from openapi.token_findings(request)


async def _whole(receive: Receive) -> list[Message]:
    """All messages of the request, or those until the client went away."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def receive_again() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return receive_again


def _request(scope: Scope, messages: list[Message]) -> Request:
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(message.get("body", b"") for message in messages),
    )
