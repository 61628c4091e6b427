"""The mark in ServiceTitan that a document was exported: which posted ones lack it, and what became of the asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from st_erp_pipelines.database import reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.outbox.states import STANDING

MARKED = "marked"


class Open(NamedTuple):
    """A source record of which every document stands over there. `numbers`: what they are called there."""

    source_key: str
    source_id: int
    source_hash: str
    numbers: str
    business_key: str


def unmarked(outbox: Outbox, connection: str, kind: str) -> list[Open]:
    """Of one kind. What was edited since (a flag), taken back or exported by other software gets none."""
    columns = ("source_key", "state", "source_hash", "remote_number", "business_key", "flag")
    of_kind = sa.and_(
        documents.c.connection == connection, documents.c.kind == kind,
        documents.c.source_hash != "",  # else it was taken back: the next revision counts
    )  # fmt: skip
    asked = sa.select(documents.c.source_key).where(
        of_kind, documents.c.export_mark != MARKED, documents.c.state.in_(list(STANDING)), documents.c.flag == "",
        ~documents.c.adopt_only,
    )  # fmt: skip
    query = sa.select(*(documents.c[name] for name in columns)).where(of_kind, documents.c.source_key.in_(asked))
    found: dict[str, list[sa.Row[tuple[str, ...]]]] = defaultdict(list)
    with reading(outbox.engine) as con:
        for row in con.execute(query.order_by(documents.c.revision, documents.c.part)):
            found[row.source_key].append(row)
    return [_open(key, rows) for key, rows in found.items() if _is_whole(rows)]


def _is_whole(rows: list[sa.Row[tuple[str, ...]]]) -> bool:
    """A split payment is posted when all of its parts are."""
    return all(row.state in STANDING and not row.flag for row in rows) and len({row.source_hash for row in rows}) == 1


def _open(key: str, rows: list[sa.Row[tuple[str, ...]]]) -> Open:
    numbers = " ".join(row.remote_number for row in rows if row.remote_number)
    return Open(key, int(key.rpartition("/")[2]), rows[-1].source_hash, numbers, rows[-1].business_key)


def note(outbox: Outbox, connection: str, kind: str, said: Mapping[str, str]) -> None:
    """By source key: MARKED, or why not, which is tried again."""
    with outbox.engine.begin() as con:
        for key, text in said.items():
            of_it = (
                (documents.c.connection == connection) & (documents.c.kind == kind) & (documents.c.source_key == key)
            )
            con.execute(documents.update().where(of_it).values(export_mark=text))
