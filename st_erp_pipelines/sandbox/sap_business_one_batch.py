"""`$batch`: requests one after the other until the first fails; a change set in it is all or nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import ODataError
from st_erp_pipelines.sandbox.sap_business_one_requests import CompanyApi, Reply, Request
from st_erp_pipelines.sandbox.sap_business_one_wire import error_body, json_text, json_type

LINE = re.compile(r"(GET|POST|PATCH|PUT|DELETE) (?:https?://[^/]+)?(\S*?)(?: HTTP/\d\.\d)?$")
ROOT = re.compile(r"^(.*?/b1s/v[12])?/")  # with whatever a proxy puts before it
REFERENCE = re.compile(r"\$(\w+)(?=/|$)")


def answer(api: CompanyApi, request: Request) -> Reply:
    boundary = f"batchresponse_{uuid.uuid4()}"
    parts: list[str] = []
    for part in _parts(request):
        if part.is_multipart():
            text, good = _change_set(api, request, part)
        else:
            reply = _tried(api, _inner(request, part, {}))
            text, good = _http(reply, request.v1), reply.status < 400
        parts.append(text)
        if not good:
            break
    kind = f"multipart/mixed;boundary={boundary}"
    return Reply(202 if request.v1 else 200, _joined(boundary, parts), {"Content-Type": kind})


def _parts(request: Request) -> list[Message]:
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    if not message.is_multipart() or message.defects:
        raise refusals.bad_body("Incomplete Batch Request Body!")
    return list(_messages(message))


def _messages(message: Message) -> Iterator[Message]:
    for part in message.get_payload():
        if isinstance(part, Message):
            yield part


def _inner(request: Request, part: Message, created: dict[str, str]) -> Request:
    """One request of the batch; `$1` stands for what the request with that Content-ID has created."""
    content: Any = part.get_payload(decode=True)
    head, _, body = content.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    lines = head.decode().split("\n")
    line = LINE.fullmatch(lines[0].strip())
    if part.get_content_type() != "application/http" or line is None:
        raise refusals.bad_body("Incomplete Batch Request Body!")
    path, _, query = line[2].partition("?")
    path = REFERENCE.sub(lambda found: created.get(found[1], found[0]), path)
    path = ROOT.sub("", path)
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])}
    return replace(request, method=line[1], path=unquote(path), query=query, headers=headers, body=body, in_batch=True)


def _tried(api: CompanyApi, request: Request) -> Reply:
    try:
        return api.answer(request)
    except ODataError as error:
        return Reply(error.status, error_body(error, v1=request.v1))


def _change_set(api: CompanyApi, request: Request, part: Message) -> tuple[str, bool]:
    """The replies of all its requests, or the one of the request that failed."""
    texts: list[str] = []
    created: dict[str, str] = {}
    boundary = f"changesetresponse_{uuid.uuid4()}"
    try:
        with api.company.transaction():
            for each in _messages(part):
                number = str(each.get("Content-ID", "")).strip()
                if not number and not request.v1:
                    raise refusals.bad_body("Content-ID is missing in a change set")
                reply = _written(api, _inner(request, each, created))
                created[number] = reply.created
                texts.append(_http(reply, request.v1, number))
    except ODataError as error:
        return _http(Reply(error.status, error_body(error, v1=request.v1)), request.v1), False
    return f"Content-Type: multipart/mixed;boundary={boundary}\r\n\r\n{_joined(boundary, texts)}", True


def _written(api: CompanyApi, request: Request) -> Reply:
    if request.method == "GET":
        raise refusals.bad_body("GET is not allowed in a change set")
    try:
        return api.within_transaction(request)
    except refusals.BecameDraft:
        raise refusals.not_found() from None  # assumed: the draft is rolled back with the rest


def _http(reply: Reply, v1: bool, number: str = "") -> str:
    own = [f"Content-ID: {number}"] if number else []
    outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *([] if v1 else own)]
    headers = [f"{name}: {value}" for name, value in reply.headers.items()] + (own if v1 else [])
    body = json_text(reply.payload) if reply.payload is not None else ""
    if body:
        headers.append(f"Content-Type: {json_type(v1=v1)}")
    status = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"
    return "\r\n".join([*outer, "", status, *headers, "", body])


def _joined(boundary: str, parts: list[str]) -> str:
    return "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
