"""A person says which document or record over there is ours: one in conflict, or one that somebody entered by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.intake import OWN_FLAGS
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.outbox.states import State, change, change_state

BY_ID = "id="
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
where is_posted and type = $type and (document_id = $id or number = $number)
order by number, document_id
"""
IN_PRICEBOOK = """
select {kind}_id::varchar, code, null, price
from staging.stg_servicetitan__{kind}s
where {kind}_id::varchar = $id or code = $number
"""
VENDORS = """
select vendor_id::varchar, name, null, 0
from staging.stg_servicetitan__vendors
where vendor_id::varchar = $id or name = $number
"""
# Of what is bought: what stands where the flow ends; `whose` has to be the same as the document says.
PURCHASES = {
    "purchase_orders": """
        select purchase_order_id::varchar as id, number, purchase_order_date as day, total, $of::varchar as whose
        from staging.stg_servicetitan__purchase_orders
        where status is distinct from 'Canceled'
    """,
    "supplier_invoices": """
        select receipt_id::varchar as id, number, (received_at at time zone 'UTC')::date as day,
            receipt_amount as total, purchase_order_id::varchar as whose
        from staging.stg_servicetitan__receipts
        where is_active
    """,
    "requests": """
        select purchase_order as id, id as number, any_value(order_date) as day,
            sum(round(net_price_amount * quantity / coalesce(nullif(net_price_quantity, 0), 1), 2)) as total,
            any_value(external_reference) as whose
        from staging.stg_sap_s4hana__purchase_orders as made
        join staging.stg_sap_s4hana__purchase_order_items as item using (purchase_order)
        where made.deletion_code is distinct from 'L' and item.deletion_code is distinct from 'L'
        group by purchase_order
        union all
        select purchase_requisition, purchase_requisition, min(creation_date),
            sum(round(price_amount * quantity / coalesce(nullif(price_quantity, 0), 1), 2)), external_reference
        from staging.stg_sap_s4hana__purchase_requisition_items
        where not is_deleted
        group by purchase_requisition, external_reference
    """,
}
IS_IT = "(id = $id or number = $number) and upper(trim(whose)) = upper($of)"


@dataclass(frozen=True)
class There:
    """A document that was posted, or without a date a record of ServiceTitan, as it was staged last."""

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


def posted_there(con: duckdb.DuckDBPyConnection, row: Document, said: str) -> list[There]:
    """An invoice or a credit memo, as the document is one; `id=49` is no number."""
    if row.flow != "invoices":
        return []  # in Business One payments and invoices may have the same ids
    return [There(*each) for each in con.execute(THERE, {"type": _type_there(row), **_names(said)}).fetchall()]


def in_pricebook(con: duckdb.DuckDBPyConnection, kind: str, said: str) -> list[There]:
    """A material or a service, by its id or its code."""
    return [There(*row) for row in con.execute(IN_PRICEBOOK.format(kind=kind), _names(said)).fetchall()]


def in_vendors(con: duckdb.DuckDBPyConnection, said: str) -> list[There]:
    """A vendor, by its id or its name."""
    return [There(*row) for row in con.execute(VENDORS, _names(said)).fetchall()]


def in_purchases(con: duckdb.DuckDBPyConnection, row: Document, said: str) -> list[There]:
    """An order of ServiceTitan, a receipt of the invoice's order, or what S/4HANA has under the key of the request."""
    rows, payload = PURCHASES[row.flow], simplejson.loads(row.payload)
    of = payload.get("purchase_order_id", 0) if row.flow == "supplier_invoices" else row.business_key
    query = f"select id, coalesce(number, id), day, coalesce(total, 0) from ({rows}) where {IS_IT} order by id"
    return [There(*each) for each in con.execute(query, {"of": str(of), **_names(said)}).fetchall()]


def the_one(found: list[There], row: Document, said: str) -> There:
    """One's number may be another's id, and two series may give one number: then a person says which is meant."""
    if len(found) > 1:
        listed = " or ".join(f"{each.words} ({BY_ID}{each.remote_id})" for each in found)
        fix = f"Say which by its id: st-erp accept {row.business_key} {BY_ID}{found[0].remote_id}"
        raise ConfigurationError(f"{said} may be {listed}", fix=fix)
    return found[0]


def _names(said: str) -> dict[str, str]:
    return {"id": said.removeprefix(BY_ID), "number": said}


def _type_there(row: Document) -> str:
    """Ids are unique within one; and one order may stand for a requisition and for the order that took its place."""
    if row.flow == "purchase_orders":
        return str(row.kind)
    return "credit_memo" if row.kind == "credit_memo" or row.amount < 0 else "invoice"


def note_seen(outbox: Outbox, row: Document, who: str) -> Answer:
    """A warning on what is posted has been read: it needs nobody any more. What its source has changed still does."""
    if row.flag.startswith(OWN_FLAGS):
        text = f"{row.business_key} stays flagged until its source or the ERP says what the other does: {row.flag}"
        return Answer(row.business_key, False, text)
    with outbox.begin() as (con, now):
        if change(con, row, flag="") is None:
            return Answer(row.business_key, False, f"{row.business_key} has just changed: look at it again.")
        text = f"{who} has seen: {row.flag}"
        con.execute(events.insert().values(document_id=row.id, at=now, state=row.state, text=text))
    return Answer(row.business_key, True, f"{row.business_key} is not flagged any more.")


def accept(outbox: Outbox, row: Document, there: There, who: str) -> Answer:
    """It is adopted: never sent, and watched from now on."""
    if row.state not in ACCEPTED:
        why = REFUSALS.get(State(row.state), "is not to be posted: replay it first, if it is")
        return Answer(row.business_key, False, f"{row.business_key} {why}.")
    with outbox.begin() as (con, now):
        of_another = documents.c.id != row.id
        if row.flow != "invoices":  # its changes may be of the same
            of_another = (documents.c.source_key != row.source_key) | (documents.c.part != row.part)
        taken = (documents.c.place == row.place) & (documents.c.flow == row.flow) & of_another
        others = con.execute(sa.select(documents).where(taken, documents.c.remote_id == there.remote_id)).all()
        if known := [each.business_key for each in others if _type_there(each) == _type_there(row)]:
            return Answer(row.business_key, False, f"{there.number} is {known[0]} already.")
        text = f"{who} says that it is {there.words}."
        columns: dict[str, Any] = dict(
            remote_id=there.remote_id, remote_number=there.number, reasons=[], cause="", next_try_at=None
        )
        if change_state(con, now, row, State.ADOPTED, text, **columns) is None:
            return Answer(row.business_key, False, f"{row.business_key} has just changed: look at it again.")
    differs = ""
    if there.on and abs(row.amount) != there.total:
        then = "reconciliation shows it" if row.flow == "invoices" else "it is left as it is there"
        differs = f" Its amount here is {row.amount:,.2f}: {then}."
    return Answer(row.business_key, True, f"{row.business_key} is {there.number}: adopted.{differs}")
