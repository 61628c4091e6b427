"""The commits of the protocol: each function that writes is one transaction, durable before it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox import attempts as tries
from st_erp_pipelines.outbox.document import hash_of, text_of
from st_erp_pipelines.outbox.schema import attempts, documents, events
from st_erp_pipelines.outbox.states import RULES, State, change, change_state
from st_erp_pipelines.posting.fence import Fence, hold
from st_erp_pipelines.target import Finding, Move, Reply, Timing, Wanted

DRIFT = timedelta(seconds=2)
TWO = "Two documents over there under one key: {} and {}."
NOTHING_STANDS = ("removed", "absent")  # outcomes that say: of this attempt and those before nothing is there
NOTHING_CAME = ("not_sent", "unavailable", "rejected")  # outcomes of an attempt that left nothing there


class Intent(NamedTuple):
    """An attempt that is committed and may be sent; `document` as the commit left it."""

    attempt_id: int
    document: Document


def judged(outbox: Outbox, rows: Sequence[Document]) -> dict[int, Wanted]:
    """By id, each document as a look-up judges it: by the attempt that may stand over there, else as of today."""
    made: dict[int, list[sa.Row[Any]]] = {row.id: [] for row in rows}
    with outbox.read() as (con, _):
        for each in con.execute(tries.ATTEMPTS_OF, dict(of_documents=list(made))):
            made[each.document_id].append(each)
    return {row.id: _judged(row, made[row.id]) for row in rows}


def _judged(row: Document, made: Sequence[sa.Row[Any]]) -> Wanted:
    standing: list[sa.Row[Any]] = []
    for each in made:
        if each.outcome in NOTHING_STANDS:
            standing.clear()
        elif each.outcome not in NOTHING_CAME:
            standing.append(each)
    sent = standing[-1] if standing else row
    return replace(
        as_said_by(sent, row.business_key), remote_id=row.remote_id, etag=row.etag, ours=bool(standing),
        first_attempt_at=made[0].intended_at if made else None, outdated=sent.payload_hash != row.payload_hash,
        tried_to_post=any(each.move == Move.POST and each.outcome is None for each in standing),
    )  # fmt: skip


def as_said_by(row: sa.Row[Any], key: str) -> Wanted:
    """An attempt, or the document of today."""
    said = (simplejson.loads(row.payload), row.amount, row.business_date, row.currency, row.party)
    return Wanted(key, *said, source_hash=row.source_hash)


def intend(outbox: Outbox, row: Document, move: Move, wanted: Wanted, fence: Fence, timing: Timing) -> Intent | None:
    """The commit before a send; None where the row is not as it was read, when it was due. Raises FenceClosed."""
    with outbox.begin() as (con, now):
        stamps = doubt_stamps(outbox, now, timing)  # before any lock: who waits for one may send the less long
        hold(con, now, fence, timing.fence, row.connection)
        sending = dict(state=State.SENDING, state_since=now, attempt_count=row.attempt_count + 1)
        document = change(con, row, **sending | stamps)
        if document is None:
            return None
        values = dict(document_id=row.id, move=move, owner=fence.owner, epoch=fence.epoch, intended_at=now)
        sent = dict(payload=(text := text_of(wanted.payload)), payload_hash=hash_of(text)) | wanted.figures
        con.execute(tries.FORGET_LATE_REPLIES, dict(of_document=row.id))
        attempt = con.execute(tries.NEW_ATTEMPT, values | sent)
        return Intent(attempt.inserted_primary_key[0], document)  # type: ignore[index]


def record(
    outbox: Outbox, intent: Intent, outcome: str | None, state: State, sentence: str, reply: Reply, **columns: Any
) -> Document | None:
    """What became of an attempt; None where it or its document was settled meanwhile: a late reply is appended."""
    facts: dict[str, Any] = columns.pop("facts", {})  # columns of the attempt; the others are the document's
    known = dict(remote_id=reply.remote_id, remote_number=reply.number)
    with outbox.begin() as (con, now):
        of_document = dict(of_document=intent.document.id)
        con.execute(tries.LOCK_DOCUMENT, of_document)
        closing = dict(outcome=outcome, closed_at=now, text=sentence) | known | facts
        if con.execute(tries.CLOSE_IF_OPEN, dict(of_attempt=intent.attempt_id) | closing).rowcount:
            others = of_document | dict(but_for=reply.remote_id)
            if reply.remote_id and (late := con.execute(tries.LATE_REPLIES, others).scalar()):
                state, sentence = State.CONFLICT, TWO.format(late, reply.remote_id)
            columns = {name: value for name, value in known.items() if value is not None} | columns
            changed = change_state(con, now, intent.document, state, sentence, **columns)
            if changed is not None:
                return changed
        _append_late(con, now, intent, outcome, reply)  # somebody settled the attempt, or doubts its document
        return None


def _append_late(con: sa.Connection, now: datetime, intent: Intent, outcome: str | None, reply: Reply) -> None:
    row = con.execute(sa.select(documents).where(documents.c.id == intent.document.id)).one()
    said = f"{outcome or 'in doubt'} {reply.number or reply.remote_id or ''}".rstrip()
    text = f"A late reply to an attempt settled meanwhile: {said}"
    proves_none = outcome == "removed" or reply.number == row.business_key  # where the key is the number
    late = None if proves_none else reply.remote_id
    appended = dict(late_outcome=text, late_remote_id=late)
    con.execute(attempts.update().where(attempts.c.id == intent.attempt_id).values(**appended))
    if late and late != row.remote_id and (row.remote_id or RULES[State(row.state)].final):
        change_state(con, now, row, State.CONFLICT, TWO.format(row.remote_id or "none known", late))
    else:
        if row.state != State.SENDING:
            change(con, row)  # who looked before this reply may not send on what they saw
        con.execute(events.insert(), dict(document_id=row.id, at=now, state=row.state, text=text))


def settle(
    outbox: Outbox, row: Document, state: State, sentence: str, proof: Finding | None = None, **columns: Any
) -> Document | None:
    """A change that no send stands behind. What a look-up proved closes the attempts that were in doubt."""
    with outbox.begin() as (con, now):
        if proof is not None:
            columns |= dict(remote_id=proof.remote_id, remote_number=proof.number)
            if proof.remote_id != row.remote_id:  # another document, or our write got no reply that told its ETag
                is_ours = row.state == State.IN_DOUBT and proof.is_what_was_sent  # so nobody touched it since
                columns |= dict(etag=proof.etag if is_ours else None)
        changed = change_state(con, now, row, state, sentence, **columns)
        if proof is not None and changed is not None:
            closing = dict(outcome=proof.found, closed_at=now, text=sentence)
            con.execute(tries.CLOSE_ALL, dict(of_document=row.id) | closing)
        return changed


def note_etag(outbox: Outbox, row: Document, etag: str | None) -> Document | None:
    """Of our last write; who touches the document after us changes it over there."""
    with outbox.begin() as (con, _):
        same = (documents.c.id == row.id) & (documents.c.remote_id == row.remote_id)
        con.execute(documents.update().where(same), dict(etag=etag or row.etag))  # also if its source changed meanwhile
        return change(con, row)


def doubt_stamps(outbox: Outbox, now: datetime, timing: Timing) -> dict[str, Any]:
    boot = dict(doubt_boot_seconds=outbox.clock.boot_seconds(), doubt_boot_id=outbox.clock.boot_id())
    return dict(settle_at=now + timing.settle_after, doubted_at=now) | boot


def restarts_doubt(outbox: Outbox, row: Document, timing: Timing) -> bool:
    """True where another boot, or a clock that was set, leaves the wait unproven: it starts anew."""
    if row.state != State.IN_DOUBT:
        return False
    with outbox.begin() as (con, now):
        elapsed = timedelta(seconds=outbox.clock.boot_seconds() - row.doubt_boot_seconds)
        is_same_boot, drift = row.doubt_boot_id == outbox.clock.boot_id(), abs(now - row.doubted_at - elapsed)
        if (is_same_boot and drift <= DRIFT) or (outbox.is_on_server and not is_same_boot):
            return False  # where machines change, the server's clock alone counts
        text = "The machine was restarted or its clock was set: the waiting time starts anew."
        change_state(con, now, row, State.IN_DOUBT, text, **doubt_stamps(outbox, now, timing))
        return True
