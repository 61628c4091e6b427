"""ServiceTitan's records, listed and edited: what reading, writing and the office's own hand share."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.sandbox.servicetitan_query import (
    Listing,
    Query,
    Refused,
    Single,
    read_query,
)
from st_erp_pipelines.sandbox.servicetitan_records import (
    MASTER_MODIFIED_ON,
    Among,
    Key,
    Record,
    Selection,
    Table,
    encode,
    format_instant,
)

# A change of these alone is an accounting change: it moves modifiedOn, but not the master record's.
ACCOUNTING_MEMBERS = {"balance", "creditLimitBalance"}

Handler = Callable[[Request], Awaitable[Response]]
WriteRoute = tuple[str, str, str, Handler, str]  # module, path below the tenant, scope, handler, method


class Books:
    """The records by entity. `strict` refuses what the service ignores; `status_moves_modified_on`: whether
    a change of status alone moves modifiedOn; `posts`: whether the office batches and posts documents."""

    def __init__(
        self,
        records: Mapping[str, list[Record]],
        entities: Iterable[str],
        clock: Clock,
        *,
        strict: bool = False,
        status_moves_modified_on: bool = True,
        posts: bool = True,
    ) -> None:
        self.tables = {entity: Table.of(records.get(entity, ())) for entity in entities}
        if unknown := sorted(set(records) - set(self.tables)):
            raise ValueError(f"no such entities in ServiceTitan's sandbox: {', '.join(unknown)}")
        self.posts = posts
        self._clock = clock
        self._strict = strict
        self._status_moves_modified_on = status_moves_modified_on

    def now(self) -> str:
        return format_instant(self._clock.now())

    def table(self, entity: str) -> Table:
        """404 for an entity that there is not."""
        if entity not in self.tables:
            raise HTTPException(404)
        return self.tables[entity]

    def record(self, entity: str, key: Key) -> Record:
        """404 for a record that there is not."""
        table = self.table(entity)
        if key not in table.records:
            raise Refused(404, f"Record with ID {key} is not found.", {})
        return table.records[key]

    def lister(self, listing: Listing) -> Handler:
        table = self.tables[listing.entity]

        async def answer(request: Request) -> Response:
            query = read_query(listing, request.query_params.multi_items(), strict=self._strict)
            if listing.parent:
                return self._below(listing, request.path_params["id"], query)
            keys, found = page_of(table, query)
            return _envelope(query, found, [table.text(key, query.application) for key in keys])

        return answer

    def _below(self, listing: Listing, parent: Key, query: Query) -> Response:
        """The rows that belong to one record; they come without the member that would be one too many."""
        assert listing.parent is not None
        entity, member, left_out = listing.parent
        self.record(entity, parent)
        table = self.tables[listing.entity]
        own = Query(
            Selection((Among(tuple(member.split(".")), frozenset([str(parent)])),)),
            query.page,
            query.page_size,
            query.include_total,
        )
        keys, found = page_of(table, own)
        return _envelope(own, found, [encode(table.records[key], without=left_out) for key in keys])

    def getter(self, single: Single) -> Handler:
        table = self.tables[single.entity]

        async def answer(request: Request) -> Response:
            query = read_query(single.as_listing(), request.query_params.multi_items(), strict=self._strict)
            key = request.path_params["id"]
            self.record(single.entity, key)
            return Response(table.text(key, query.application), media_type="application/json")

        return answer

    def set_status(self, entity: str, key: Key, status: str, also: Mapping[str, Any] | None = None) -> None:
        self.edit(entity, key, {"syncStatus": status, **(also or {})}, touch=self._status_moves_modified_on)

    def edit(self, entity: str, key: Key, members: Mapping[str, Any], *, touch: bool = True) -> Record:
        """The record with these members changed; `touch` moves modifiedOn."""
        table = self.tables[entity]
        record = {**table.records[key], **members}
        if touch:
            before = record.get(MASTER_MODIFIED_ON) or record.get("modifiedOn")
            record["modifiedOn"] = self.now()
            if entity == "customers":
                accounting = bool(members) and set(members) <= ACCOUNTING_MEMBERS
                record[MASTER_MODIFIED_ON] = before if accounting else record["modifiedOn"]
        table.put(record)
        return record

    async def body(self, request: Request, kind: type) -> Any:
        """The JSON of a request, of the right kind; 400 otherwise."""
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        check(isinstance(body, kind), "$")
        return body

    def no_more_than(self, body: Mapping[str, Any], members: Iterable[str]) -> None:
        """Unknown members are ignored, but by the strict sandbox."""
        for name in set(body) - set(members) if self._strict else ():
            check(False, name, "The request has no such member.")


def page_of(table: Table, query: Query) -> tuple[list[Key], int]:
    """The ids of one page and how many there are in all: computed on what the records are now, so that a
    record modified during a walk moves between pages."""
    found = table.select(query.selection)
    start = (query.page - 1) * query.page_size
    return found[start : start + query.page_size], len(found)


def _envelope(query: Query, found: int, texts: list[bytes]) -> Response:
    head = {
        "page": query.page,
        "pageSize": query.page_size,
        "hasMore": query.page * query.page_size < found,
        "totalCount": found if query.include_total else None,
    }
    opening = json.dumps(head, separators=(",", ":"))[:-1].encode()
    content = b"".join([opening, b',"data":[', b",".join(texts), b"]}"])
    return Response(content, media_type="application/json")


def check(holds: bool, name: str, message: str = "") -> None:
    """400 that names the member, as a body of the wrong type gets it."""
    if not holds:
        message = message or f"The JSON value could not be converted. Path: {name}"
        raise Refused(400, "One or more validation errors occurred.", {name: [message]})


def is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
