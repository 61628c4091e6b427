"""One writer per place: a row with owner, epoch and end. Whoever takes it raises the epoch; they take turns."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from st_erp_pipelines.database import insert_into
from st_erp_pipelines.errors import FenceClosed
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import documents, fences, pauses
from st_erp_pipelines.outbox.states import State, change_state

NEXT_GOES_FIRST_FOR = timedelta(seconds=3)  # longer than a waiting process sleeps between two tries


class Fence(NamedTuple):
    place: str
    owner: str
    epoch: int


_OURS = fences.update().where(
    fences.c.place == sa.bindparam("of_place"),
    fences.c.owner == sa.bindparam("of_owner"),
    fences.c.epoch == sa.bindparam("of_epoch"),
)
_PAUSED = sa.exists().where(pauses.c.scope.in_([sa.bindparam("of_connection"), sa.bindparam("of_place")]))
_UNLESS_PAUSED = _OURS.where(~_PAUSED)


def take(outbox: Outbox, place: str, owner: str, ttl: timedelta) -> Fence | None:
    """The fence, or None while another holds it or is next."""
    with outbox.begin() as (con, now):
        con.execute(insert_into(con, fences).values(place=place, epoch=0, until=now).on_conflict_do_nothing())
        row = con.execute(sa.select(fences).where(fences.c.place == place).with_for_update()).one()
        change = fences.update().where(fences.c.place == place)
        another_is_next = row.next_owner not in ("", owner) and now < row.next_until <= now + NEXT_GOES_FIRST_FOR
        if another_is_next or now < row.until:
            until = min(row.until, now + ttl)  # a clock that was set back closes no fence for hours
            asked = {} if another_is_next else dict(next_owner=owner, next_until=now + NEXT_GOES_FIRST_FOR)
            con.execute(change.values(until=until, **asked))
            return None
        con.execute(change.values(owner=owner, epoch=row.epoch + 1, until=now + ttl, next_owner=""))
        _doubt_what_was_sending(con, now, place)
        return Fence(place, owner, row.epoch + 1)


def _doubt_what_was_sending(con: sa.Connection, now: datetime, place: str) -> None:
    """Under an older epoch, so `sending` and in doubt are the same."""
    left = sa.select(documents).where(documents.c.place == place, documents.c.state == State.SENDING)
    in_order = left.order_by(documents.c.source_key, documents.c.id)  # as builds lock them
    for document in con.execute(in_order.with_for_update()).all():
        change_state(con, now, document, State.IN_DOUBT, "Its sender stopped before it recorded an outcome.")


def hold(con: sa.Connection, now: datetime, fence: Fence, ttl: timedelta, connection: str) -> None:
    """Renews the fence in the commit that counts on it, so that it outlasts one send.

    An expired one that nobody took is as good. Raises FenceClosed where it is another's, or something is paused.
    """
    where = dict(of_place=fence.place, of_owner=fence.owner, of_epoch=fence.epoch, of_connection=connection)
    if con.execute(_UNLESS_PAUSED, where | dict(until=now + ttl)).rowcount == 0:
        raise FenceClosed(f"paused, or the fence of {fence.place} was lost; the rest stays due")


def give_back(outbox: Outbox, fence: Fence) -> None:
    with outbox.begin() as (con, now):
        con.execute(_OURS, dict(of_place=fence.place, of_owner=fence.owner, of_epoch=fence.epoch, until=now))
