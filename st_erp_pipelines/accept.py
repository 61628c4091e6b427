"""A person says which document or record over there is ours: one in conflict, or one that somebody entered by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import sqlalchemy as sa

from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.outbox.states import State, change_state

ENTERED_BY_HAND = "entered_by_hand"  # the reason code of what waits for such a word
ACCEPTED = (State.CONFLICT, State.BLOCKED, State.READY, State.UNAVAILABLE, State.REJECTED)
REFUSALS = {
    State.SENDING: "is being sent",
    State.IN_DOUBT: "is in doubt: a look-up settles it first",
    State.ENTERED: "stands there as our own draft",
    State.POSTED: "is posted already",
    State.ADOPTED: "is adopted already",
}
THERE = """
select document_id, number, document_date, total
from erp_sales
where is_posted and ($number in (number, document_id))
order by type desc
"""


IN_PRICEBOOK = "select {kind}_id::varchar, code, null, price from staging.stg_servicetitan__{kind}s where {which}"


@dataclass(frozen=True)
class There:
    """A posted document of the ERP, or without a date a record of the pricebook, as it was staged last."""

    remote_id: str
    number: str
    on: date | None
    total: Decimal

    @property
    def words(self) -> str:
        return f"{self.number} of {self.on} over {self.total:,.2f}" if self.on else f"{self.number} ({self.remote_id})"


@dataclass(frozen=True)
class Answer:
    key: str
    accepted: bool
    sentence: str


def posted_there(con: duckdb.DuckDBPyConnection, number: str) -> list[There]:
    """By its number or its id; a number may stand for an invoice and for a credit memo."""
    return [There(*row) for row in con.execute(THERE, {"number": number}).fetchall()]


def in_pricebook(con: duckdb.DuckDBPyConnection, kind: str, number: str) -> list[There]:
    """A material or a service, by its id or its code."""
    which = f"$number in ({kind}_id::varchar, code)"
    query = IN_PRICEBOOK.format(kind=kind, which=which)
    return [There(*row) for row in con.execute(query, {"number": number}).fetchall()]


def accept(outbox: Outbox, row: Document, there: There, who: str) -> Answer:
    """It is adopted: never sent, and watched from now on."""
    if row.state not in ACCEPTED:
        why = REFUSALS.get(State(row.state), "is not to be posted: replay it first, if it is")
        return Answer(row.business_key, False, f"{row.business_key} {why}.")
    with outbox.begin() as (con, now):
        of_another = documents.c.id != row.id if there.on else documents.c.source_key != row.source_key  # its changes
        taken = (documents.c.place == row.place) & (documents.c.remote_id == there.remote_id) & of_another
        other = con.execute(sa.select(documents.c.business_key).where(taken)).scalar()
        if other is not None:
            return Answer(row.business_key, False, f"{there.number} is {other} already.")
        text = f"{who} says that it is {there.words}."
        columns: dict[str, Any] = dict(
            remote_id=there.remote_id, remote_number=there.number, reasons=[], cause="", next_try_at=None
        )
        if change_state(con, now, row, State.ADOPTED, text, **columns) is None:
            return Answer(row.business_key, False, f"{row.business_key} has just changed: look at it again.")
    differs = ""
    if there.on and abs(row.amount) != there.total:
        differs = f" Its amount here is {row.amount:,.2f}: reconciliation shows it."
    return Answer(row.business_key, True, f"{row.business_key} is {there.number}: adopted.{differs}")
