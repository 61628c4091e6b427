"""The outbox: documents and their state, under transactions that are durable before they return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.clock import Clock, SystemClock
from st_erp_pipelines.database import metadata, reading
from st_erp_pipelines.outbox.document import hash_of
from st_erp_pipelines.outbox.schema import attempts, cursors, documents, events, links, pauses
from st_erp_pipelines.outbox.states import RULES, State
from st_erp_pipelines.posting import fence as fencing
from st_erp_pipelines.posting.fence import Fence
from st_erp_pipelines.posting.target import Move, Reply, Timing, Wanted

Document = sa.Row[Any]
DRIFT = timedelta(seconds=2)


@dataclass(frozen=True)
class Attempt:
    id: int
    document_id: int
    boot_seconds: float


class Outbox:
    """Open one per process on an engine; every method is one transaction."""

    def __init__(self, engine: sa.Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self.clock = clock or SystemClock()
        metadata.create_all(engine)

    def now(self, con: sa.Connection | None = None) -> datetime:
        """The one time of the engine: the injected clock on SQLite, the server's on PostgreSQL."""
        if self.engine.dialect.name == "sqlite":
            return self.clock.now()
        if con is None:
            with reading(self.engine) as con:
                return self.now(con)
        stamp: datetime = con.execute(sa.text("select clock_timestamp()")).scalar_one()
        return stamp

    @contextmanager
    def begin(self) -> Iterator[tuple[sa.Connection, datetime]]:
        with self.engine.begin() as con:
            yield con, self.now(con)

    # Reading

    def due(
        self, place: str, connection: str, flow: str, days: Iterable[date] | None, limit: int, skip: set[int]
    ) -> list[Document]:
        """What may be worked on now: everything new first, then what was refused before, oldest first."""
        with reading(self.engine) as con:
            now = self.now(con)
            query = sa.select(documents).where(
                documents.c.place == place,
                documents.c.connection == connection,
                documents.c.flow == flow,
                is_due(now),
            )
            if days is not None:
                query = query.where(documents.c.home_day.in_(list(days)))
            order = (
                sa.case((documents.c.state == State.REJECTED, 1), else_=0),
                documents.c.business_date,
                documents.c.id,
            )
            rows = con.execute(query.order_by(*order).limit(limit + len(skip))).all()
            return [row for row in rows if row.id not in skip][:limit]

    def get(self, document_id: int) -> Document:
        with reading(self.engine) as con:
            return con.execute(sa.select(documents).where(documents.c.id == document_id)).one()

    def wanted(self, document: Document) -> Wanted:
        """The document as a look-up judges it: by the payload of the attempt that may stand over there."""
        with reading(self.engine) as con:
            tries = con.execute(
                sa.select(attempts).where(attempts.c.document_id == document.id).order_by(attempts.c.id)
            ).all()
        standing = _standing(tries)
        judged = standing[-1] if standing else document
        return Wanted(
            key=document.business_key,
            payload=simplejson.loads(judged.payload),
            total=judged.amount,
            on=judged.business_date,
            currency=judged.currency,
            party=judged.party,
            remote_id=document.remote_id,
            ours=bool(standing),
            etag=document.etag,
            first_attempt_at=tries[0].intended_at if tries else None,
            tried_to_post=any(each.move == Move.POST and each.outcome is None for each in standing),
        )

    # Fences and pauses

    def take_fence(self, place: str, owner: str, ttl: timedelta) -> Fence | None:
        with self.begin() as (con, now):
            return fencing.take(con, place, owner, now, ttl)

    def renew_fence(self, fence: Fence, ttl: timedelta) -> bool:
        with self.begin() as (con, now):
            return fencing.renew(con, fence, now, ttl)

    def give_back_fence(self, fence: Fence) -> None:
        with self.begin() as (con, now):
            fencing.give_back(con, fence, now)

    def pause(self, scope: str) -> None:
        with self.begin() as (con, now):
            if not fencing.is_paused(con, scope):
                con.execute(pauses.insert().values(scope=scope, since=now))

    def resume(self, scope: str) -> None:
        with self.engine.begin() as con:
            con.execute(pauses.delete().where(pauses.c.scope == scope))

    def may_write(self, fence: Fence, connection: str, timing: Timing) -> bool:
        """Our fence outlasts one send, and nothing is paused."""
        with reading(self.engine) as con:
            now = self.now(con)
            return self._may_write(con, now, fence, connection, timing)

    def _may_write(self, con: sa.Connection, now: datetime, fence: Fence, connection: str, timing: Timing) -> bool:
        return fencing.holds(con, fence, now + timing.send_window + timing.deadline) and not fencing.is_paused(
            con, connection, fence.place
        )

    # The life of a document

    def intend(self, document: Document, move: Move, wanted: Wanted, fence: Fence, timing: Timing) -> Attempt | None:
        """The commit before a send, or None: fence lost, paused, or the row no longer due."""
        payload = simplejson.dumps(wanted.payload, sort_keys=True, separators=(",", ":"))
        with self.begin() as (con, now):
            if not self._may_write(con, now, fence, document.connection, timing):
                return None
            values = dict(
                state=State.SENDING,
                state_since=now,
                attempt_count=documents.c.attempt_count + 1,
                version=documents.c.version + 1,
                sent_hash=hash_of(payload),
                **self.doubt_stamps(now, timing),
            )
            if not con.execute(documents.update().where(_unchanged(document), is_due(now)).values(**values)).rowcount:
                return None
            insert = attempts.insert().values(
                document_id=document.id,
                move=move,
                owner=fence.owner,
                epoch=fence.epoch,
                intended_at=now,
                payload=payload,
                payload_hash=hash_of(payload),
                source_hash=document.source_hash,
                amount=wanted.total,
                business_date=wanted.on,
                currency=wanted.currency,
                party=wanted.party,
            )
            attempt_id = con.execute(insert.returning(attempts.c.id)).scalar_one()
            return Attempt(attempt_id, document.id, values["doubt_boot_seconds"])

    def doubt_stamps(self, now: datetime, timing: Timing) -> dict[str, Any]:
        return dict(
            settle_at=now + timing.settle_after,
            doubted_at=now,
            doubt_boot_seconds=self.clock.boot_seconds(),
            doubt_boot_id=self.clock.boot_id(),
        )

    def record(
        self,
        attempt: Attempt,
        outcome: str | None,
        state: State,
        sentence: str = "",
        *,
        reply: Reply | None = None,
        facts: dict[str, Any] | None = None,
        **columns: Any,
    ) -> bool:
        """The outcome, only where the attempt has none yet; a late one is appended and compared."""
        reply, facts = reply or Reply(), facts or {}
        with self.begin() as (con, now):
            closed = con.execute(
                attempts.update()
                .where(attempts.c.id == attempt.id, attempts.c.outcome.is_(None))
                .values(
                    outcome=outcome, closed_at=now, text=sentence, remote_id=reply.remote_id,
                    remote_number=reply.number, **facts,
                )
            )  # fmt: skip
            row = con.execute(sa.select(documents).where(documents.c.id == attempt.document_id)).one()
            if not closed.rowcount or row.state != State.SENDING:
                self._append_late(con, now, attempt, row, outcome, reply)
                return False
            another = _id_of_a_late_reply(con, row.id, reply.remote_id)
            if another:
                state, sentence = State.CONFLICT, _two_of(another, reply.remote_id)
            _move(con, now, row.id, state, sentence, **_known(reply), **_as_sent(con, row.id, state), **columns)
            return True

    def _append_late(
        self,
        con: sa.Connection,
        now: datetime,
        attempt: Attempt,
        row: Document,
        outcome: str | None,
        reply: Reply,
    ) -> None:
        said = f"{outcome or 'in doubt'} {reply.number or reply.remote_id or ''}"
        text = f"A late reply to an attempt settled meanwhile: {said}"
        by_key = reply.number == row.business_key  # where the key is the number, an id of it proves no second one
        late = dict(late_outcome=text, late_remote_id=None if by_key else reply.remote_id)
        con.execute(attempts.update().where(attempts.c.id == attempt.id).values(**late))
        if reply.remote_id and row.remote_id and reply.remote_id != row.remote_id and not by_key:
            _move(con, now, row.id, State.CONFLICT, _two_of(row.remote_id, reply.remote_id))
        else:
            con.execute(events.insert().values(document_id=row.id, at=now, state=row.state, text=text))

    def settle(self, document: Document, state: State, sentence: str, *, found: str = "", **columns: Any) -> bool:
        """A change of state that no send stands behind; `found` closes the attempts that were in doubt."""
        with self.begin() as (con, now):
            if con.execute(sa.select(documents.c.id).where(_unchanged(document)).with_for_update()).first() is None:
                return False
            if found:
                open_attempts = (attempts.c.document_id == document.id) & attempts.c.outcome.is_(None)
                closing = dict(outcome=found, closed_at=now, text=sentence)
                con.execute(attempts.update().where(open_attempts).values(**closing))
            _move(con, now, document.id, state, sentence, **_as_sent(con, document.id, state), **columns)
            return True

    def note_etag(self, document: Document, etag: str | None) -> None:
        """Of our last write; who touches the document after us changes it over there."""
        if etag is not None and etag != document.etag:
            with self.engine.begin() as con:
                con.execute(documents.update().where(documents.c.id == document.id).values(etag=etag))

    def restart_doubt_if_clock_moved(self, document: Document, timing: Timing) -> bool:
        """True where another boot or a stepped clock makes the waiting time unprovable: it starts anew."""
        with self.begin() as (con, now):
            row = con.execute(sa.select(documents).where(_unchanged(document)).with_for_update()).one_or_none()
            if row is None or self._waited_provably(row, now):
                return row is None
            text = "The machine was restarted or its clock was set: the waiting time starts anew."
            _move(con, now, document.id, State.IN_DOUBT, text, **self.doubt_stamps(now, timing))
            return True

    def _waited_provably(self, document: Document, now: datetime) -> bool:
        if document.doubt_boot_id != self.clock.boot_id():
            return False
        if self.engine.dialect.name != "sqlite":
            return True
        elapsed = timedelta(seconds=self.clock.boot_seconds() - document.doubt_boot_seconds)
        return bool(abs((now - document.doubted_at) - elapsed) <= DRIFT)

    # Small durable facts

    def cursor(self, name: str) -> str | None:
        with reading(self.engine) as con:
            return con.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar_one_or_none()

    def put_cursor(self, name: str, value: str) -> None:
        with self.engine.begin() as con:
            put_cursor(con, name, value)

    def link(self, place: str, kind: str, source_key: str, **columns: Any) -> None:
        with self.engine.begin() as con:
            put_link(con, place, kind, source_key, **columns)


def put_cursor(con: sa.Connection, name: str, value: str) -> None:
    if not con.execute(cursors.update().where(cursors.c.name == name).values(value=value)).rowcount:
        con.execute(cursors.insert().values(name=name, value=value))


def put_link(con: sa.Connection, place: str, kind: str, source_key: str, **columns: Any) -> None:
    key = dict(place=place, kind=kind, source_key=source_key)
    where = sa.and_(*(links.c[name] == value for name, value in key.items()))
    if not con.execute(links.update().where(where).values(**columns)).rowcount:
        con.execute(links.insert().values(**key, **columns))


def _standing(tries: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """The attempts that may have left something over there."""
    standing: list[sa.Row[Any]] = []
    for attempt in tries:
        if attempt.outcome in ("removed", "absent"):
            standing.clear()
        elif attempt.outcome not in ("not_sent", "unavailable", "rejected"):
            standing.append(attempt)
    return standing


def _unchanged(document: Document) -> sa.ColumnElement[bool]:
    """As it was when it was read: whoever was suspended meanwhile does nothing."""
    return sa.and_(documents.c.id == document.id, documents.c.version == document.version)


def _as_sent(con: sa.Connection, document_id: int, state: State) -> dict[str, Any]:
    """A posted document is worth what was sent, whatever its source says by now: the next build compares."""
    if state is not State.POSTED:
        return {}
    tries = con.execute(sa.select(attempts).where(attempts.c.document_id == document_id).order_by(attempts.c.id)).all()
    sent = [each for each in tries if each.move != Move.REMOVE][-1:]
    names = ("source_hash", "amount", "business_date", "currency", "party")
    return {name: getattr(each, name) for each in sent for name in names}


def _id_of_a_late_reply(con: sa.Connection, document_id: int, remote_id: str | None) -> str | None:
    query = sa.select(attempts.c.late_remote_id).where(
        attempts.c.document_id == document_id, attempts.c.late_remote_id.is_not(None)
    )
    return next((late for (late,) in con.execute(query) if remote_id and late != remote_id), None)


def _two_of(one: str, other: str | None) -> str:
    return f"Two documents over there under one key: {one} and {other}."


def is_due(now: datetime) -> sa.ColumnElement[bool]:
    """The table of states, as SQL."""
    parts: list[sa.ColumnElement[bool]] = []
    for state, rule in RULES.items():
        if rule.due == "always":
            parts.append(documents.c.state == state)
        elif rule.due != "never":
            parts.append((documents.c.state == state) & (documents.c[rule.due] <= now))
    return sa.or_(*parts)


def _move(con: sa.Connection, now: datetime, document_id: int, state: State, sentence: str, **columns: Any) -> None:
    con.execute(
        documents.update()
        .where(documents.c.id == document_id)
        .values(state=state, state_since=now, sentence=sentence, version=documents.c.version + 1, **columns)
    )
    con.execute(events.insert().values(document_id=document_id, at=now, state=state, text=sentence))


def _known(reply: Reply) -> dict[str, Any]:
    known = dict(remote_id=reply.remote_id, remote_number=reply.number, etag=reply.etag)
    return {name: value for name, value in known.items() if value is not None}


def total_of(rows: Iterable[Document]) -> Decimal:
    return sum((row.amount for row in rows), Decimal(0))
