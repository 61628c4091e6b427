"""The hard guard, for those who want it: a table of the company's own, in which each key can stand once.

A document and its row there are written in one change set, which is all or nothing, so that Business One itself refuses
a second document under one key. Change sets and such tables are documented; the two together are unverified on a live
system. The table has no object (`bott_NoObject`); we never make it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from typing import Any, NoReturn

import httpx
import simplejson

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected
from st_erp_pipelines.resources.http import parsed
from st_erp_pipelines.resources.sap_business_one.client import BusinessOne, Row
from st_erp_pipelines.resources.sap_business_one.replies import LOOK_UP, SYSTEM, explain

DUPLICATE = "duplicate_entry"


class PostingLog:
    def __init__(self, client: BusinessOne, table: str) -> None:
        self._client, self._path = client, f"U_{table}"
        asked = f"TableName eq '{table}'"
        operation = "check posting log"
        if not client.rows("UserTablesMD", key="TableName", operation=operation, filter=asked, select=("TableName",)):
            text = f"there is no user table {table} to keep the posting log in"
            fix = "Create it there (User-Defined Tables, no object), then restart the Service Layer."
            raise ConfigurationError(text, system=SYSTEM, operation=operation, fix=fix)

    def post(self, path: str, *, operation: str, document: str, body: Row, names: str) -> Row:
        """As `BusinessOne.post`, with its key in the log or not at all."""
        writes = [(self._path, {"Code": document, "Name": document}), (path, body)]
        boundary = uuid.uuid4().hex
        response = self._client.post_batch(
            operation=operation,
            document=document,
            content=_change_set(self._client.service_path, writes, boundary),
            kind=f"multipart/mixed;boundary={boundary}",
        )
        answers = _answers(response, body)
        if len(answers) == 1 and answers[0].status_code >= 400:
            _refuse(answers[0], operation, document)
        with suppress(ValueError, KeyError, TypeError):
            written: Row = parsed(answers[1]) if [each.status_code for each in answers] == [201, 201] else {}
            if written[names]:
                return written
        said = f"the reply (HTTP {response.status_code}) does not say what became of the change set"
        raise InDoubt(said, system=SYSTEM, operation=operation, document=document, fix=LOOK_UP)


def _refuse(answer: httpx.Response, operation: str, document: str) -> NoReturn:
    error = explain(answer, operation, document)
    if isinstance(error, Rejected) and error.cause == DUPLICATE:
        text = "its key stands in the posting log already"
        raise InDoubt(text, system=SYSTEM, operation=operation, document=document, code=error.code, fix=LOOK_UP)
    raise error


def _change_set(service_path: str, writes: Sequence[tuple[str, Row]], boundary: str) -> bytes:
    inner = f"changeset_{boundary}"
    lines = [f"--{boundary}", f"Content-Type: multipart/mixed;boundary={inner}", ""]
    for number, (path, body) in enumerate(writes, 1):
        lines += [f"--{inner}", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        lines += [f"Content-ID: {number}", "", f"POST {service_path}/{path}", "Content-Type: application/json", ""]
        lines += [simplejson.dumps(body, use_decimal=True, allow_nan=False), ""]
    return "\r\n".join([*lines, f"--{inner}--", "", f"--{boundary}--", ""]).encode()


def _answers(response: httpx.Response, body: Row) -> list[httpx.Response]:
    """Those of the change set, or the one that stands for all of it where it failed."""
    head = f"Content-Type: {response.headers.get('content-type', '')}\r\n\r\n".encode()
    parts = (part for part in message_from_bytes(head + response.content).walk() if not part.is_multipart())
    sent = httpx.Request("POST", response.request.url, json=_plain(body))  # what an error must not repeat
    return [answer for part in parts if (answer := _answer(part, sent)) is not None]


def _answer(part: Message, sent: httpx.Request) -> httpx.Response | None:
    content: Any = part.get_payload(decode=True)
    head, _, said = content.partition(b"\r\n\r\n")
    status, *headers = head.decode("latin-1").splitlines() or [""]
    words = status.split()
    if len(words) < 2 or not words[1].isdigit():
        return None
    named = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in headers) if colon]
    return httpx.Response(int(words[1]), headers=named, content=said.strip(), request=sent)


def _plain(body: Row) -> Any:
    return simplejson.loads(simplejson.dumps(body, use_decimal=True))
