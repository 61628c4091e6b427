"""The ERPs in a process of their own: `python -m tests.crashes.server`.

Below `{url}/{erp}/{any name}` is a company, made when it is first asked for, with its own faults and its own log
(`_control/...`, see sandbox/faults.py; their seconds are real ones). One control more, which no real server has:

    POST /{erp}/{name}/_control/deaf?times=n     for that many lists of invoices it ignores every filter

Prints its URL, and ends when its standard input does, so that it does not outlive tests that were killed.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection
from urllib.parse import parse_qs, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from tests.crashes.erps import ERPS


class Companies:
    def __init__(self) -> None:
        self._companies: dict[str, ASGIApp] = {}
        self._deaf: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is spoken here")
        _, erp, name, path = scope["path"].split("/", 3)
        scope = {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}
        if path == "_control/deaf":
            self._deaf[name] = int(parse_qs(scope["query_string"].decode())["times"][0])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
            return
        if self._deaf[name] and path.endswith(ERPS[erp].INVOICE_LISTS) and scope["method"] == "GET":
            self._deaf[name] -= 1
            scope["query_string"] = _without(ERPS[erp].FILTERS, scope["query_string"])
        if name not in self._companies:
            self._companies[name] = ERPS[erp].app(Faults())
        await self._companies[name](scope, receive, send)


def _without(filters: Collection[str], query: bytes) -> bytes:
    options = {name: values[0] for name, values in parse_qs(query.decode()).items() if name not in filters}
    return urlencode(options, safe="$(),").encode()


if __name__ == "__main__":
    with running(Companies()) as url:
        print(url, flush=True)
        sys.stdin.read()
        os._exit(0)  # replies may still be held that nobody waits for
