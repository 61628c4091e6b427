"""What the outbox says: for builds, for people, for checks. Reading only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.database import reading
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.schema import attempts, documents, events, links
from st_erp_pipelines.outbox.states import EXCEPTIONS, IS_DUE, RULES, State


def due(
    outbox: Outbox, place: str, connection: str, flow: str, days: Iterable[date] | None = None
) -> list[sa.Row[Any]]:
    """Id, state and amount of what may be worked on now: new ones first, then what was refused; oldest first."""
    refused = sa.case((documents.c.state == State.REJECTED, 1), else_=0)
    with outbox.read() as (con, now):
        query = sa.select(documents.c.id, documents.c.state, documents.c.amount).where(
            documents.c.place == place, documents.c.connection == connection, documents.c.flow == flow, IS_DUE
        )
        if days is not None:
            query = query.where(documents.c.home_day.in_(list(days)))
        rarest = refused * documents.c.attempt_count  # one that is refused for ever does not hold up its kind
        return list(
            con.execute(query.order_by(refused, rarest, documents.c.business_date, documents.c.id), dict(now=now))
        )


_STILL_DUE = sa.select(documents).where(documents.c.id.in_(sa.bindparam("ids", expanding=True)), IS_DUE)


def still_due(outbox: Outbox, ids: Sequence[int]) -> list[Document]:
    """Whole, in the order asked."""
    with outbox.read() as (con, now):
        rows = con.execute(_STILL_DUE, dict(ids=list(ids), now=now))
        by_id = {row.id: row for row in rows}
        return [by_id[each] for each in ids if each in by_id]


def total_of(rows: Iterable[Document]) -> Decimal:
    return sum((row.amount for row in rows), Decimal(0))


MANY_ATTEMPTS = 20  # what is answered with a 500 or a 429 each time
FINAL = [state for state, rule in RULES.items() if rule.final]
Totals = dict[tuple[str, str], tuple[int, Decimal]]  # by flow and state: documents, amount


def totals(outbox: Outbox, connection: str) -> Totals:
    columns = (documents.c.flow, documents.c.state)
    query = (
        sa.select(*columns, sa.func.count().label("count"), sa.func.sum(documents.c.amount).label("amount"))
        .where(documents.c.connection == connection)
        .group_by(*columns)
    )
    with reading(outbox.engine) as con:
        return {(row.flow, row.state): (int(row[2]), Decimal(row[3])) for row in con.execute(query)}


def all_of(outbox: Outbox, connection: str, *conditions: sa.ColumnElement[bool]) -> list[Document]:
    query = sa.select(documents).where(documents.c.connection == connection, *conditions)
    with reading(outbox.engine) as con:
        return list(con.execute(query.order_by(documents.c.business_date, documents.c.id)).all())


def states_by_key(outbox: Outbox, connection: str) -> dict[str, str]:
    """Of each business key; without payloads, since there may be very many."""
    query = sa.select(documents.c.business_key, documents.c.state).where(documents.c.connection == connection)
    with reading(outbox.engine) as con:
        return {row.business_key: row.state for row in con.execute(query)}


def exceptions(outbox: Outbox, connection: str) -> list[Document]:
    """What needs a person: states that say so, a doubt of more than a day, many attempts without an end, a flag, a
    draft that is blocked.
    """
    day_ago = outbox.now() - timedelta(days=1)
    return all_of(
        outbox,
        connection,
        documents.c.state.in_(list(EXCEPTIONS))
        | (documents.c.state.in_([State.SENDING, State.IN_DOUBT]) & (documents.c.doubted_at < day_ago))
        | ((documents.c.attempt_count >= MANY_ATTEMPTS) & documents.c.state.not_in(FINAL))
        | (documents.c.flag != "")
        | ((documents.c.state == State.ENTERED) & (sa.cast(documents.c.reasons, sa.Text) != "[]")),
    )


def adopted(outbox: Outbox, connection: str) -> list[tuple[str, str, str]]:
    """Of sales that we did not post ourselves what they are there, their id and our key: they may carry another one."""
    is_credit = (documents.c.kind == "credit_memo") | (documents.c.amount < Decimal(0))
    type_there = sa.case((is_credit, "credit_memo"), else_="invoice")
    query = sa.select(type_there, documents.c.remote_id, documents.c.business_key).where(
        documents.c.connection == connection,
        documents.c.flow == "invoices",
        documents.c.state == State.ADOPTED,
        documents.c.remote_id.is_not(None),
    )
    with reading(outbox.engine) as con:
        return [tuple(row) for row in con.execute(query)]


def oldest_due_day(outbox: Outbox, connection: str, flows: Sequence[str], *, with_drafts: bool = True) -> date | None:
    """`with_drafts`: those that we left there are looked at, too; that is never urgent."""
    with outbox.begin() as (con, now):
        query = sa.select(sa.func.min(documents.c.home_day)).where(
            documents.c.connection == connection,
            documents.c.flow.in_(list(flows)),
            IS_DUE,
            sa.true() if with_drafts else documents.c.state != State.ENTERED,
        )
        oldest: date | None = con.execute(query, dict(now=now)).scalar_one()
        return oldest


def in_state_since(outbox: Outbox, connection: str, states: Sequence[State], since: datetime) -> list[Document]:
    """Documents in one of the states since before `since`."""
    return all_of(outbox, connection, documents.c.state.in_(list(states)), documents.c.state_since < since)


def story(outbox: Outbox, key: str) -> list[tuple[Document, list[Any], list[Any]]]:
    """Every document under a business key, source key or label, with its attempts and its events."""
    named = documents.c.business_key.in_((key, key.upper())) | (documents.c.source_key == key)
    with reading(outbox.engine) as con:
        rows = con.execute(sa.select(documents).where(named).order_by(documents.c.revision)).all()
        rows = rows or con.execute(sa.select(documents).where(documents.c.label == key)).all()
        return [(row, *(_of(con, table, row.id) for table in (attempts, events))) for row in rows]  # type: ignore[misc]


def _of(con: sa.Connection, table: sa.Table, document_id: int) -> list[Any]:
    return list(con.execute(sa.select(table).where(table.c.document_id == document_id).order_by(table.c.id)).all())


def links_of(outbox: Outbox, place: str) -> list[Any]:
    with reading(outbox.engine) as con:
        return list(con.execute(sa.select(links).where(links.c.place == place)).all())
