"""One writer per place: a row with owner, epoch and end. Whoever takes it raises the epoch; they take turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from st_erp_pipelines.outbox.schema import attempts, documents, events, fences, pauses
from st_erp_pipelines.outbox.states import State

NEXT_GOES_FIRST_FOR = timedelta(seconds=3)  # longer than a waiting process sleeps between two tries


@dataclass(frozen=True)
class Fence:
    place: str
    owner: str
    epoch: int


def take(con: sa.Connection, place: str, owner: str, now: datetime, ttl: timedelta) -> Fence | None:
    """The fence, or None while another holds it or is next. What was being sent under an older epoch is in
    doubt now."""
    row = con.execute(sa.select(fences).where(fences.c.place == place).with_for_update()).one_or_none()
    if row is None:
        con.execute(fences.insert().values(place=place, owner=owner, epoch=1, until=now + ttl))
        return Fence(place, owner, 1)
    mine = fences.update().where(fences.c.place == place)
    if row.until > now and row.owner != owner:
        if row.next_owner in ("", owner) or row.next_until <= now:
            con.execute(mine.values(next_owner=owner, next_until=now + NEXT_GOES_FIRST_FOR))
        return None
    if row.next_owner not in ("", owner) and row.next_until > now:
        return None
    epoch = row.epoch + 1
    con.execute(mine.values(owner=owner, epoch=epoch, until=now + ttl, next_owner=""))
    _doubt_what_was_sending(con, place, epoch, now)
    return Fence(place, owner, epoch)


def _doubt_what_was_sending(con: sa.Connection, place: str, epoch: int, now: datetime) -> None:
    left = sa.select(documents.c.id).where(
        documents.c.place == place,
        documents.c.state == State.SENDING,
        documents.c.id.in_(
            sa.select(attempts.c.document_id).where(attempts.c.outcome.is_(None), attempts.c.epoch < epoch)
        ),
    )
    sentence = "The process that was sending it stopped before it could record an outcome."
    for (document_id,) in con.execute(left).all():
        con.execute(
            documents.update()
            .where(documents.c.id == document_id)
            .values(state=State.IN_DOUBT, state_since=now, sentence=sentence)
        )
        con.execute(events.insert().values(document_id=document_id, at=now, state=State.IN_DOUBT, text=sentence))


def holds(con: sa.Connection, fence: Fence, until_at_least: datetime) -> bool:
    row = con.execute(sa.select(fences).where(fences.c.place == fence.place).with_for_update()).one()
    return bool(row.owner == fence.owner and row.epoch == fence.epoch and row.until >= until_at_least)


def renew(con: sa.Connection, fence: Fence, now: datetime, ttl: timedelta) -> bool:
    """False where it was lost; an expired fence that nobody took is renewed."""
    return bool(con.execute(_ours(fence).values(until=now + ttl)).rowcount)


def give_back(con: sa.Connection, fence: Fence, now: datetime) -> None:
    con.execute(_ours(fence).values(until=now))


def _ours(fence: Fence) -> sa.Update:
    return fences.update().where(
        fences.c.place == fence.place, fences.c.owner == fence.owner, fences.c.epoch == fence.epoch
    )


def is_paused(con: sa.Connection, *scopes: str) -> bool:
    return con.execute(sa.select(pauses.c.scope).where(pauses.c.scope.in_(scopes))).first() is not None
