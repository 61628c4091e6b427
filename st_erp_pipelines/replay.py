"""A person asks for documents to be tried again. What stands over there is never sent twice: it is said so.

A conflict is looked up anew, here and now. Where all that is found is dead (cancelled), the next revision is
opened under a key of its own; else the document is ready again, and the next run judges what it finds. A change of
an order that was cancelled there makes that order anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.accept import ENTERED_BY_HAND
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import hash_of, text_of
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.outbox.states import State, change_state
from st_erp_pipelines.posting.commits import judged
from st_erp_pipelines.target import Finding, Found, Wanted

LookUp = Callable[[str, Sequence[Wanted]], Mapping[str, Finding]]  # of a flow, by key
CANCELED_THERE = "canceled_there"  # the reason code of an order that waits for such a word
MASS = frozenset({State.REJECTED, State.UNAVAILABLE, State.CONFLICT})
REPLAYED = MASS | {State.OUT_OF_SCOPE, State.SKIPPED}
REFUSALS = {
    State.BLOCKED: "is blocked: it goes by itself once its reasons are mended",
    State.READY: "is due already",
    State.SENDING: "is being sent",
    State.IN_DOUBT: "is in doubt: a look-up settles it first, else it could be posted twice",
    State.ENTERED: "stands there unposted, and is looked at in each run",
    State.WITHDRAWN: "was voided at its source",
    State.POSTED: "is posted: it is never sent twice",
    State.ADOPTED: "was there already: it is never sent twice",
}


@dataclass(frozen=True)
class Answer:
    key: str
    replayed: bool
    sentence: str


def replay(outbox: Outbox, rows: Sequence[Document], who: str, look_up: LookUp) -> list[Answer]:
    findings = _findings(outbox, rows, look_up)
    return [_one(outbox, row, who, findings.get(row.id)) for row in rows]


def _findings(outbox: Outbox, rows: Sequence[Document], look_up: LookUp) -> dict[int, Finding]:
    found: dict[int, Finding] = {}
    asked = [row for row in rows if row.state == State.CONFLICT or _is_blocked_by(row, CANCELED_THERE)]
    for flow in dict.fromkeys(row.flow for row in asked):
        mine = [row for row in asked if row.flow == flow]
        by_key = look_up(flow, list(judged(outbox, mine).values()))
        found |= {row.id: by_key[row.business_key] for row in mine}
    return found


def _is_blocked_by(row: Document, code: str) -> bool:
    """It only waited for a word of a person: this is that word."""
    return row.state == State.BLOCKED and {reason["code"] for reason in row.reasons} == {code}


def _one(outbox: Outbox, row: Document, who: str, finding: Finding | None) -> Answer:
    waited = any(_is_blocked_by(row, code) for code in (ENTERED_BY_HAND, CANCELED_THERE))
    if row.state not in REPLAYED and not waited:
        number = f" as {row.remote_number}" if row.remote_number else ""
        return Answer(row.business_key, False, f"{row.business_key}{number} {REFUSALS[State(row.state)]}.")
    is_dead = finding is not None and finding.found is Found.DEAD
    if is_dead and row.flow != "purchase_orders" and simplejson.loads(row.payload).get("change"):
        return Answer(row.business_key, False, f"{row.business_key} changes a record that is gone there: link it anew.")
    with outbox.begin() as (con, now):
        still = (documents.c.id == row.id) & (documents.c.version == row.version)
        if con.execute(sa.select(documents.c.id).where(still).with_for_update()).first() is None:
            return Answer(row.business_key, False, f"{row.business_key} has just changed: look at it again.")
        if newer := _newer(con, row):
            return Answer(row.business_key, False, f"{row.business_key} was followed by {newer}: that one counts.")
        sentence = _next_revision(con, now, row, who) if is_dead else _again(con, now, row, who)
    return Answer(row.business_key, True, sentence)


def _of_one_source(row: Document) -> list[sa.ColumnElement[bool]]:
    return [documents.c[name] == getattr(row, name) for name in ("place", "kind", "source_key", "part")]


def _newer(con: sa.Connection, row: Document) -> str | None:
    query = sa.select(documents.c.business_key).where(*_of_one_source(row), documents.c.revision > row.revision)
    return con.execute(query.order_by(documents.c.revision.desc()).limit(1)).scalar()


def _created_as(con: sa.Connection, row: Document) -> Document:
    """What a change is a change of; itself where it is none."""
    query = sa.select(documents).where(
        *_of_one_source(row), documents.c.revision <= row.revision, documents.c.business_key.not_like("%/R%")
    )
    return con.execute(query.order_by(documents.c.revision.desc()).limit(1)).one()


def _again(con: sa.Connection, now: datetime, row: Document, who: str) -> str:
    columns: dict[str, Any] = dict(next_try_at=None, cause="", reasons=[])
    is_change = simplejson.loads(row.payload).get("change")  # what was changed over there meanwhile is overwritten
    if is_change or row.state in (State.OUT_OF_SCOPE, State.SKIPPED, State.BLOCKED):  # by name: the rule is set aside
        columns |= dict(replayed=True, adopt_only=False)
    change_state(
        con, now, row, State.READY, f"Asked for again by {who}; it was {row.state.replace('_', ' ')}.", **columns
    )
    return f"{row.business_key} goes out with the next sync, if the look-up then finds nothing of it."


def _next_revision(con: sa.Connection, now: datetime, row: Document, who: str) -> str:
    revision, of = row.revision + 1, _created_as(con, row)
    key = f"{re.sub(r'-R[0-9]+$', '', of.business_key) if of.revision else of.business_key}-R{revision}"
    payload = text_of(_created_anew(of, key))
    named = ("connection", "place", "flow", "kind", "source_key", "part", "label", "currency", "party", "source_hash")
    same: dict[str, Any] = {name: getattr(of, name) for name in (*named, "home_day", "business_date", "amount")}
    text = f"Opened by {who}: {of.business_key} was cancelled there."
    new = same | dict(
        revision=revision, business_key=key, payload=payload, payload_hash=hash_of(payload), state=State.READY,
        state_since=now, sentence=text, replayed=True,
    )  # fmt: skip
    new_id = con.execute(documents.insert().values(**new).returning(documents.c.id)).scalar_one()
    con.execute(events.insert().values(document_id=new_id, at=now, state=State.READY, text=text))
    change_state(con, now, row, State.SKIPPED, f"Cancelled there; {who} asked for it again, as {key}.", reasons=[])
    return f"{of.business_key} was cancelled there: {key} goes out with the next sync."


def _created_anew(of: Document, key: str) -> dict[str, Any]:
    """The next build may say it better. The marker of the old one stays: by that, too, it is found again."""
    payload: dict[str, Any] = simplejson.loads(of.payload) | {"key": key}
    if of.flow == "purchase_orders":
        payload.pop("purchase_order_id", None)  # whose place it took
        payload["memo"] = payload["memo"].replace(f"[{of.business_key}]", f"[{of.business_key}] [{key}]")
    return payload
