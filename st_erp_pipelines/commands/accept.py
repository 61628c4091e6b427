"""`st-erp accept KEY [NUMBER]`: that document over there is this one; or without a number, its warning was read."""

from __future__ import annotations

import simplejson

from st_erp_pipelines.accept import (
    BY_ID,
    Answer,
    There,
    accept,
    in_pricebook,
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

NONE = {"vendors": "no vendor of ServiceTitan"}


def run(key: str, number: str | None) -> int:
    with open_site() as site:
        rows = [row for row, _, _ in stories_of(site.outbox, key)]
        if not rows:
            raise ConfigurationError(f"No document is known under {key}.")
        flagged = [row for row in rows if row.state in STANDING and row.flag] if number is None else []
        answers = [note_seen(site.outbox, row, person()) for row in flagged]
        if not flagged:
            answers = [_accepted(site, rows[-1], number or f"{BY_ID}{rows[-1].remote_id or ''}")]
    for answer in answers:
        say(answer.sentence) if answer.accepted else complain(answer.sentence)
    return WELL if all(answer.accepted for answer in answers) else AMISS


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
        return in_pricebook(con, becomes, number) if becomes else posted_there(con, row, number)
