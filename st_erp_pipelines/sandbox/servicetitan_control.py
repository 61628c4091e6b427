"""The office's own hand in ServiceTitan's sandbox, and a tester's.

POST /_control/servicetitan/change         {"entity", "id", "set": {...}, "touch": true}
POST /_control/servicetitan/add            {"entity", "record"}
POST /_control/servicetitan/batch          {"ids": [...], "status": "Posted", "entity"?}
GET  /_control/servicetitan/records/{entity}
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_erp_pipelines.sandbox.servicetitan_books import Books

ROOT = "/_control/servicetitan"


def control_routes(books: Books) -> list[Route]:
    desk = _Desk(books)
    actions = {"change": desk.change, "add": desk.add, "batch": desk.batch}
    return [
        *(Route(f"{ROOT}/{name}", action, methods=["POST"]) for name, action in actions.items()),
        Route(f"{ROOT}/records/{{entity}}", desk.all_records),
    ]


class _Desk:
    """Records changed without a rule, as a test needs them."""

    def __init__(self, books: Books) -> None:
        self._books = books

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
        """The office batches and posts documents: their status changes, perhaps not their modifiedOn."""
        asked = await request.json()
        entities = [asked["entity"]] if "entity" in asked else ["invoices", "payments", "credit_memos"]
        chosen = [(e, key) for e in entities for key in asked["ids"] if key in self._books.table(e).records]
        for entity, key in chosen:
            self._books.set_status(entity, key, asked.get("status", "Posted"))
        return JSONResponse([{"entity": entity, "id": key} for entity, key in chosen])

    async def all_records(self, request: Request) -> Response:
        return JSONResponse(list(self._books.table(request.path_params["entity"]).records.values()))
