"""The audit trail of the published snapshot: one connection's part of the outbox as tables, without payloads.

What was published before is taken over, and only what changed since is read. Documents are compared by ranges of
their numbers: a change raises the version of its document or appends an event, so a range is as it was where as many
documents have the same sum of versions and as many events; export marks, which change neither, are measured. What is
under way is read each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from duckdb import DuckDBPyConnection

from st_erp_pipelines.outbox.document import hash_of
from st_erp_pipelines.outbox.schema import attempts, documents, events, links
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.staging.entities import SQL, sections

RANGE = 1000  # documents that are compared, and read, together
RANGES_AT_ONCE = 20
LONGEST_COMMIT = timedelta(hours=1)  # events are numbered before they are committed: a lower number may appear later
OF_DOCUMENTS = {"documents": documents, "attempts": attempts, "events": events}
LEFT_OUT = {"connection", "payload", "etag", "doubt_boot_seconds", "doubt_boot_id"}
COMMENTED = re.compile(r"(\w+),?\s+-- (.+)$", re.MULTILINE)

Signature = dict[int, tuple[int, ...]]  # by range: documents, sums of versions and of marks, events of late


class AuditTable(NamedTuple):
    comment: str
    projection: str

    @property
    def column_comments(self) -> dict[str, str]:
        return dict(COMMENTED.findall(self.projection))


@cache
def audit_tables() -> dict[str, AuditTable]:
    """As `sql/audit.sql` declares them."""
    found = {}
    for title, body in sections((SQL / "audit.sql").read_text("utf-8"), r"table: \w+").items():
        comment, _, projection = body.partition("\n")
        found[title.removeprefix("table: ")] = AuditTable(comment.removeprefix("-- "), projection)
    return found


@cache
def declared_as() -> str:
    """From a file with another hash nothing is taken over."""
    return hash_of((SQL / "audit.sql").read_text("utf-8"))


def published_columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if column.name not in LEFT_OUT]


class AuditTrail:
    """`outbox`: one state of the SQL database; `old`: the database with what was published before, if any."""

    def __init__(
        self, con: DuckDBPyConnection, outbox: sa.Connection, connection: str, tenant: int, old: str | None
    ) -> None:
        self.con, self.outbox, self.old = con, outbox, old
        self.mine = documents.c.connection == connection
        self.links = list(outbox.execute(self._links(tenant)))
        self.changed = self._changed()

    @property
    def is_changed(self) -> bool:
        return bool(self.changed) or set(map(tuple, self.links)) != self._links_before()

    def write(self, new: str, **publication: str) -> None:
        """Into the schema `audit` of the database `new`; `publication`: the columns of its one row."""
        for name in OF_DOCUMENTS:
            self._create(new, name, [column.name for column in published_columns(OF_DOCUMENTS[name])])
            if self.old:
                kept = f'from "{self.old}".audit.{name} where not list_contains($changed, document_id // {RANGE})'
                self.con.execute(f'insert into "{new}".audit.{name} {kept}', {"changed": sorted(self.changed)})
        for first, last in spans(self.changed):
            self._read_documents(new, first * RANGE, (last + 1) * RANGE)
        for name, columns, rows in (
            ("links", [column.name for column in published_columns(links)], self.links),
            ("states", ["nothing"], []),
            ("publication", list(publication), [tuple(publication.values())]),
        ):
            self._create(new, name, columns)
            self._insert(new, name, columns, rows)

    def _create(self, new: str, name: str, columns: Sequence[str]) -> None:
        table = f'create table "{new}".audit.{name} as {_reading(columns)} {audit_tables()[name].projection}'
        self.con.execute(table, {"rows": "[]"})

    def _insert(self, new: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            text = json.dumps([[_as_text(value) for value in row] for row in rows], default=str)
            insert = f'insert into "{new}".audit.{name} {_reading(columns)} {audit_tables()[name].projection}'
            self.con.execute(insert, {"rows": text})

    def _read_documents(self, new: str, first: int, end: int) -> None:
        ids = sa.select(documents.c.id).where(self.mine, documents.c.id >= first, documents.c.id < end)
        for name, table in OF_DOCUMENTS.items():
            columns = published_columns(table)
            number = table.c.id if table is documents else table.c.document_id
            rows = self.outbox.execute(sa.select(*columns).where(number >= first, number < end, number.in_(ids)))
            self._insert(new, name, [column.name for column in columns], rows.all())

    # What changed

    def _changed(self) -> set[int]:
        """Ranges, also those whose documents are gone."""
        before, since = ({}, 0) if self.old is None else self._before(self.old)
        now, under_way = self._now(since)
        return under_way | {each for each in before.keys() | now.keys() if before.get(each) != now.get(each)}

    def _now(self, since: int) -> tuple[Signature, set[int]]:
        """What the outbox holds, and the ranges with something under way; `since`: the last event not of late."""
        of = (documents.c.id // sa.literal_column(str(RANGE))).label("of")
        under_way = sa.case((documents.c.state.in_([State.SENDING, State.IN_DOUBT]), 1), else_=0)
        marks = sa.func.sum(sa.func.length(documents.c.export_mark))
        sums = sa.func.count(), sa.func.sum(documents.c.version), marks, sa.func.max(under_way)
        found = self.outbox.execute(sa.select(of, *sums).where(self.mine).group_by("of")).all()
        late = sa.select(of, sa.func.count()).join(events, events.c.document_id == documents.c.id)
        late = late.where(self.mine, events.c.id > since).group_by("of")
        counts: dict[int, int] = dict(self.outbox.execute(late).all())
        signature: Signature = {each: (*map(int, said), counts.get(each, 0)) for each, *said, _ in found}
        return signature, {each for each, *_, restless in found if restless}

    def _before(self, old: str) -> tuple[Signature, int]:
        of_late = f'(select max(occurred_at) from "{old}".audit.events) - to_seconds({LONGEST_COMMIT.total_seconds()})'
        query = f'select coalesce(max(event_id), 0) from "{old}".audit.events where occurred_at < {of_late}'
        since: int = self.con.execute(query).fetchall()[0][0]
        query = f"""
            select document_id // {RANGE}, count(*), sum(version)::bigint, sum(length(export_mark))::bigint,
                coalesce(any_value(late.events), 0)
            from "{old}".audit.documents
            left join (
                select document_id // {RANGE} as of, count(*) as events
                from "{old}".audit.events where event_id > $since group by of
            ) as late on late.of = document_id // {RANGE}
            group by 1
        """
        rows = self.con.execute(query, {"since": since}).fetchall()
        return {of: tuple(signature) for of, *signature in rows}, since

    def _links(self, tenant: int) -> sa.Select[Any]:
        """Of the companies this connection posts to, but not those of another tenant that posts there, too."""
        places = sa.select(documents.c.place).where(self.mine)
        ours = links.c.source_key.startswith(f"servicetitan/{tenant}/") | ~links.c.source_key.startswith(
            "servicetitan/"
        )
        return sa.select(*published_columns(links)).where(links.c.place.in_(places), ours)

    def _links_before(self) -> set[tuple[Any, ...]]:
        columns = ", ".join(column.name for column in published_columns(links))
        return (
            set(self.con.execute(f'select {columns} from "{self.old}".audit.links').fetchall()) if self.old else set()
        )


def _reading(columns: Sequence[str]) -> str:
    """Of $rows, a JSON list of lists: bound value by value they would take longer, and a library more otherwise."""
    named = ", ".join(f'row[{place}] as "{name}"' for place, name in enumerate(columns, 1))
    return f"""with read as (select {named} from (select unnest(from_json($rows, '[["varchar"]]')) as row))"""


def _as_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def spans(ranges: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of ranges that follow each other, a few at once."""
    ordered = sorted(ranges)
    while ordered:
        count = 1
        while count < min(len(ordered), RANGES_AT_ONCE) and ordered[count] == ordered[0] + count:
            count += 1
        yield ordered[0], ordered[count - 1]
        ordered = ordered[count:]
