"""`st-erp accept KEY [NUMBER]`: that document over there is this one; or without a number, its warning was read."""

from __future__ import annotations

import simplejson

from st_erp_pipelines.accept import (
    BY_ID,
    PURCHASES,
    Answer,
    There,
    accept,
    in_pricebook,
    in_purchases,
    in_vendors,
    note_seen,
    posted_there,
    the_one,
)
from st_erp_pipelines.commands.audit import stories_of
from st_erp_pipelines.commands.output import AMISS, WELL, complain, say
from st_erp_pipelines.commands.replay import person
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import STANDING

NONE = {
    "vendors": "no vendor of ServiceTitan",
    "purchase_orders": "no purchase order that stands in ServiceTitan",
    "supplier_invoices": "no receipt of its order in ServiceTitan",
    "requests": "no order or requisition of S/4HANA with its key as reference",
}


def run(key: str, number: str | None) -> int:
    with open_site() as site:
        rows = [row for row, _, _ in stories_of(site.outbox, key)]
        if not rows:
            raise ConfigurationError(f"No document is known under {key}.")
        flagged = [row for row in rows if row.state in STANDING and row.flag] if number is None else []
        answers = [note_seen(site.outbox, row, person()) for row in flagged]
        if not flagged:
            answers = [_accepted(site, rows[-1], number or f"{BY_ID}{_known(rows[-1])}")]
    for answer in answers:
        say(answer.sentence) if answer.accepted else complain(answer.sentence)
    return WELL if all(answer.accepted for answer in answers) else AMISS


def _known(row: Document) -> str:
    """The id of what it was found to be or, of a change, of what it changes; else empty."""
    payload = simplejson.loads(row.payload) if row.flow == "purchase_orders" else {}
    return row.remote_id or str(payload.get("purchase_order_id") or "")


def _accepted(site: Site, row: Document, number: str) -> Answer:
    if number == BY_ID:
        raise ConfigurationError(
            f"{row.business_key} was found nowhere over there",
            fix=f"Say which it is: st-erp accept {row.business_key} NUMBER",
        )
    becomes = simplejson.loads(row.payload).get("becomes") if row.flow == "items" else None
    found = _there(site, row, number, becomes)
    if not found:
        none = f"no {becomes} of the pricebook" if becomes else NONE.get(row.flow, "no posted invoice or credit memo")
        raise ConfigurationError(
            f"{number} is {none}, as far as was read", fix="Read it with st-erp sync, if it is new there."
        )
    return accept(site.outbox, row, the_one(found, row, number), person())


def _there(site: Site, row: Document, number: str, becomes: str | None) -> list[There]:
    """`becomes`: of an item, which list it is to stand in."""
    (connection,) = (each for each in site.connections if each.name == row.connection)
    with site.pipeline(connection).staging() as con:
        if row.flow == "vendors":
            return in_vendors(con, number)
        if row.flow in PURCHASES:
            return in_purchases(con, row, number)
        return in_pricebook(con, becomes, number) if becomes else posted_there(con, row, number)
