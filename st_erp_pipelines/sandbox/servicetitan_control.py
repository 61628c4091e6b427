"""The office's own hand in ServiceTitan's sandbox, and a tester's.

POST /_control/servicetitan/change         {"entity", "id", "set": {...}, "touch": true}
POST /_control/servicetitan/add            {"entity", "record"}
POST /_control/servicetitan/batch          {"ids": [...], "status": "Posted", "entity"?}
POST /_control/servicetitan/drop_members   {"entity", "members": [...]}   writes ignore these from now on
GET  /_control/servicetitan/records/{entity}
GET  /_control/servicetitan/state          all of them, by entity
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_erp_pipelines.sandbox.servicetitan_books import Books, Handler
from st_erp_pipelines.sandbox.servicetitan_office import Office

ROOT = "/_control/servicetitan"


def control_routes(books: Books, dropped: Mapping[str, set[str]], more: Iterable[Handler] = ()) -> list[Route]:
    """`dropped`: what the writes of each entity ignore, which tests fill; `more`: further actions."""
    desk, office = _Desk(books, dropped), Office(books)
    actions = [
        *(desk.change, desk.add, desk.batch, desk.drop_members),
        *(office.edit, office.void, office.merge, office.apply, office.unapply),
        *(office.refund, office.price, *more),
    ]
    return [
        *(Route(f"{ROOT}/{action.__name__}", action, methods=["POST"]) for action in actions),
        Route(f"{ROOT}/records/{{entity}}", desk.all_records),
        Route(f"{ROOT}/state", desk.state),
    ]


class _Desk:
    """Records changed without a rule, as a test needs them."""

    def __init__(self, books: Books, dropped: Mapping[str, set[str]]) -> None:
        self._books = books
        self._dropped = dropped

    async def change(self, request: Request) -> Response:
        asked = await request.json()
        self._books.record(asked["entity"], asked["id"])
        touch = asked.get("touch", True)
        return JSONResponse(self._books.edit(asked["entity"], asked["id"], asked["set"], touch=touch))

    async def add(self, request: Request) -> Response:
        """A record without times is new: created and modified now."""
        asked = await request.json()
        table = self._books.table(asked["entity"])
        now = self._books.now()
        record = {"createdOn": now, "modifiedOn": now, **asked["record"]}
        if record["id"] in table.records:
            raise HTTPException(409)
        table.put(record)
        return JSONResponse(record, status_code=201)

    async def batch(self, request: Request) -> Response:
        """The office batches and posts documents: their status changes, perhaps not their modifiedOn. Where
        journal entries are exported nobody does (409)."""
        asked = await request.json()
        if not self._books.posts:
            raise HTTPException(409)
        entities = [asked["entity"]] if "entity" in asked else ["invoices", "payments", "credit_memos"]
        chosen = [(e, key) for e in entities for key in asked["ids"] if key in self._books.table(e).records]
        for entity, key in chosen:
            self._books.set_status(entity, key, asked.get("status", "Posted"))
        return JSONResponse([{"entity": entity, "id": key} for entity, key in chosen])

    async def drop_members(self, request: Request) -> Response:
        """Writes ignore these from now on, and say 200: what was written has to be read back."""
        asked = await request.json()
        dropped = self._dropped[asked["entity"]]
        dropped.clear()
        dropped.update(asked["members"])
        return Response(status_code=204)

    async def all_records(self, request: Request) -> Response:
        return JSONResponse(list(self._books.table(request.path_params["entity"]).records.values()))

    async def state(self, _: Request) -> Response:
        return JSONResponse({name: list(table.records.values()) for name, table in self._books.tables.items()})
