"""How built documents enter the outbox: new ones, better ones, and changes of what was already posted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict, hash_of
from st_erp_pipelines.outbox.reversal import (
    Reverse,
    is_reversal,
    next_revision,
    note_reversed,
    reversal,
    reversal_of,
    waiting,
)
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.outbox.states import REBUILT, STANDING, State, change, change_state

STATE_OF = {
    Verdict.DUE: State.READY,
    Verdict.BLOCKED: State.BLOCKED,
    Verdict.SKIPPED: State.SKIPPED,
    Verdict.WITHDRAWN: State.WITHDRAWN,
    Verdict.OUT_OF_SCOPE: State.OUT_OF_SCOPE,
}
BUILT_COLUMNS = (
    *("flow", "kind", "source_key", "part", "revision", "business_key", "label", "business_date"),
    *("amount", "currency", "party", "source_hash", "adopt_only"),
)
KEYS_PER_QUERY = 400
UNDER_WAY = (State.SENDING, State.IN_DOUBT)
CHANGED, VOIDED = "Changed at its source after it was posted", "Voided at its source after it was posted"
OWN_FLAGS = (CHANGED, VOIDED)


def bring(
    outbox: Outbox,
    connection: str,
    place: str,
    flow: str,
    built: Sequence[BuiltDocument],
    reverse: Reverse | None = None,
) -> Counter[str]:
    """What was built of one flow, in one transaction. Returns the new ones by state.

    `reverse`: how this flow takes back what is posted, where the build calls a document reversible.
    """
    new: list[BuiltDocument] = []
    with outbox.begin() as (con, now):
        _take_turns(con, connection)
        _require_one_place(con, connection, flow, place)
        known = _known(con, place, flow, {document.source_key for document in built})
        for document in built:
            siblings = known[document.source_key]
            row = _newest(siblings, document)
            if row is None:
                new.append(document)
            elif row.state == State.POSTED and reverse is not None:
                new += _after_posting(con, now, row, siblings, document, reverse)
            else:
                again = _under_key_of(row, document)
                _update(con, now, row, again if reverse is None else _waiting(again, siblings))
        _insert(con, now, connection, place, new)
        _withdraw_what_is_built_no_more(con, now, built, known)
    return Counter(STATE_OF[document.verdict] for document in new)


def _take_turns(con: sa.Connection, connection: str) -> None:
    """Two builds at once would both insert what neither has found. On SQLite all who write take turns."""
    if con.dialect.name == "postgresql":
        con.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(connection, 0))))


def _require_one_place(con: sa.Connection, connection: str, flow: str, place: str) -> None:
    """One company spelled in two ways would get each open document twice. The way back has another system's place."""
    system = place.partition("|")[0]
    other = con.execute(
        sa.select(documents.c.place).where(
            documents.c.connection == connection,
            documents.c.place != place,
            (documents.c.flow == flow) | documents.c.place.startswith(f"{system}|", autoescape=True),
            documents.c.state.not_in([State.OUT_OF_SCOPE, State.SKIPPED, State.WITHDRAWN, *STANDING]),
        )
    ).first()
    if other is not None:
        raise ConfigurationError(
            f"documents of {connection} that are not done belong to {other.place}, but it now posts to {place}",
            fix="Spell URL, tenant and company as before; for another company, use another name or ST_ERP_HOME.",
        )


def _known(con: sa.Connection, place: str, flow: str, keys: set[str]) -> dict[str, list[Document]]:
    known: dict[str, list[Document]] = defaultdict(list)
    ordered = sorted(keys)
    for start in range(0, len(ordered), KEYS_PER_QUERY):
        wanted = ordered[start : start + KEYS_PER_QUERY]
        query = sa.select(documents).where(
            documents.c.place == place, documents.c.flow == flow, documents.c.source_key.in_(wanted)
        )
        # No intent may come between reading and writing. All who lock several go in this order: no deadlocks.
        for row in con.execute(query.order_by(documents.c.source_key, documents.c.id).with_for_update()):
            known[row.source_key].append(row)
    return known


def _newest(rows: Iterable[Document], document: BuiltDocument) -> Document | None:
    """A build speaks of the newest revision, unless it opens a newer one."""
    same = [row for row in rows if row.kind == document.kind and row.part == document.part]
    newest = max(same, key=lambda row: row.revision, default=None)
    return None if newest is None or newest.revision < document.revision else newest


def _under_key_of(row: Document, document: BuiltDocument) -> BuiltDocument:
    if row.revision == document.revision:
        return document
    payload = {**document.payload, "key": row.business_key}
    return replace(document, revision=row.revision, business_key=row.business_key, payload=payload)


def _columns(document: BuiltDocument) -> dict[str, Any]:
    text = document.payload_text
    return {name: getattr(document, name) for name in BUILT_COLUMNS} | dict(
        payload=text,
        payload_hash=hash_of(text),
        reasons=[{"code": reason.code, "text": reason.text} for reason in document.reasons],
    )


def _sentence(document: BuiltDocument) -> str:
    return " ".join(reason.text for reason in document.reasons)


def _insert(con: sa.Connection, now: datetime, connection: str, place: str, new: Sequence[BuiltDocument]) -> None:
    if not new:
        return
    same = dict(connection=connection, place=place, state_since=now)
    rows = [
        _columns(document)
        | same
        | dict(home_day=document.home_day, state=STATE_OF[document.verdict], sentence=_sentence(document))
        for document in new
    ]
    ids = con.execute(documents.insert().returning(documents.c.id, sort_by_parameter_order=True), rows).scalars()
    born = [
        dict(document_id=document_id, at=now, state=row["state"], text=row["sentence"])
        for document_id, row in zip(ids, rows, strict=True)
    ]
    con.execute(events.insert(), born)


def _update(con: sa.Connection, now: datetime, row: Document, document: BuiltDocument) -> None:
    if row.state in STANDING:
        _flag(con, now, row, document)
    elif row.state in UNDER_WAY:
        _note(con, row, document)
    elif row.state in REBUILT and not _was_asked_for(row, document):
        _rebuild(con, now, row, document)


def _note(con: sa.Connection, row: Document, document: BuiltDocument) -> None:
    """For when the doubt is settled: what is not to be posted any more is then not sent again.

    What is over there is judged by what was sent. The version stays: the reply that is under way is still the one.
    """
    is_off = document.verdict not in (Verdict.DUE, Verdict.BLOCKED) and not _was_asked_for(row, document)
    columns = dict(voided=True) if is_off else _columns(document) | dict(voided=False, adopt_only=row.adopt_only)
    con.execute(documents.update().where(documents.c.id == row.id).values(**columns))


def _was_asked_for(row: Document, document: BuiltDocument) -> bool:
    """By a person, for whom the rules that leave it out do not count."""
    return bool(row.replayed) and document.verdict in (Verdict.OUT_OF_SCOPE, Verdict.SKIPPED)


def _waiting(document: BuiltDocument, siblings: Sequence[Document]) -> BuiltDocument:
    """A revision that a change of its source opened; not one that a person opened for a cancelled document."""
    kind_and_part = (document.kind, document.part, document.revision - 1)
    before = [row for row in siblings if (row.kind, row.part, row.revision) == kind_and_part]
    is_due = document.verdict in (Verdict.DUE, Verdict.BLOCKED)
    return waiting(document, before[0], siblings) if is_due and before and before[0].state == State.POSTED else document


def _after_posting(
    con: sa.Connection,
    now: datetime,
    row: Document,
    siblings: Sequence[Document],
    document: BuiltDocument,
    reverse: Reverse,
) -> list[BuiltDocument]:
    """What a change of the source of a posted document brings forth; where it cannot be reversed, a flag."""
    is_void = document.verdict is Verdict.WITHDRAWN
    new: list[BuiltDocument] = []
    if reversal_of(row, siblings) is None:
        if not document.reversible or not (is_void or document.source_hash != row.source_hash):
            _flag(con, now, row, document)
            return []
        new.append(reversal(con, row, document, reverse))
        note_reversed(con, now, row, document, new[0].business_key)
    if not is_void and document.verdict in (Verdict.DUE, Verdict.BLOCKED):
        new.append(next_revision(row, document, siblings))
    return new


def _flag(con: sa.Connection, now: datetime, row: Document, document: BuiltDocument) -> None:
    """Only a changed source counts; a changed mapping touches nothing that is posted.

    A payment that is voided is no flag but a thing to do, and on the list of these (`staging/to_do.py`).
    """
    flag, is_voided = "", document.verdict is Verdict.WITHDRAWN
    if is_voided:
        flag = "" if row.flow == "payments" else f"{VOIDED}."
    elif document.source_hash != row.source_hash:
        flag = f"{CHANGED}: {row.amount} then, {document.amount} now."
    if flag != row.flag and (flag or row.flag.startswith(OWN_FLAGS)):
        con.execute(documents.update().where(documents.c.id == row.id).values(flag=flag))
        text = flag or (f"{VOIDED}." if is_voided else "Its source is again as it was posted.")
        con.execute(events.insert().values(document_id=row.id, at=now, state=row.state, text=text))


def _rebuild(con: sa.Connection, now: datetime, row: Document, document: BuiltDocument) -> None:
    if document.verdict is Verdict.WITHDRAWN:
        _withdraw(con, now, row)
        return
    if row.remote_id and document.verdict in (Verdict.SKIPPED, Verdict.OUT_OF_SCOPE):
        _withdraw(con, now, row, "By its rules it is not to be posted any more.")
        return
    adopt_only = (row.adopt_only or document.adopt_only) and not row.replayed
    columns = _columns(document) | dict(voided=False, adopt_only=adopt_only)
    state = _state_after_rebuild(row, document, columns["payload_hash"])
    if state != row.state:
        change_state(con, now, row, state, _sentence(document), next_try_at=None, cause="", **columns)
    elif any(getattr(row, name) != value for name, value in columns.items()):
        change(con, row, sentence=_sentence(document) or row.sentence, **columns)


def _state_after_rebuild(row: Document, document: BuiltDocument, payload_hash: str) -> State:
    state = STATE_OF[document.verdict]
    if row.state == State.ENTERED and state in (State.READY, State.BLOCKED):
        return State.ENTERED
    if row.state in (State.UNAVAILABLE, State.REJECTED) and state is State.READY:
        return State(row.state) if row.payload_hash == payload_hash else State.READY
    return state


def _withdraw(
    con: sa.Connection, now: datetime, row: Document, why: str = "Voided at its source before posting."
) -> None:
    """What may stand over there is looked up first; what was never sent is simply withdrawn."""
    if row.state == State.WITHDRAWN or row.voided:
        return
    if row.attempt_count or row.remote_id:
        change_state(con, now, row, State.READY, why, voided=True)
    else:
        change_state(con, now, row, State.WITHDRAWN, why)


def _withdraw_what_is_built_no_more(
    con: sa.Connection, now: datetime, built: Sequence[BuiltDocument], known: dict[str, list[Document]]
) -> None:
    """A part or a kind that its source no longer has (a payment applied meanwhile, a sign that turned).

    Where something may stand over there, the build keeps the split as it is, so nothing of it is missing here.
    """
    still = {(document.source_key, document.kind, document.part) for document in built}
    for rows in known.values():
        for row in rows:
            gone = (row.source_key, row.kind, row.part) not in still and not is_reversal(row.kind)
            if gone and row.state in REBUILT - {State.SKIPPED}:
                _withdraw(con, now, row, "Its source no longer has this part.")
