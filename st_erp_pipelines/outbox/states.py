"""The states of a document as data, and as SQL; the engine and every report read this table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import sqlalchemy as sa

from st_erp_pipelines.database import UtcDateTime
from st_erp_pipelines.outbox.schema import documents, events


class State(StrEnum):
    BLOCKED = "blocked"
    READY = "ready"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    ENTERED = "entered"
    POSTED = "posted"
    ADOPTED = "adopted"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Rule:
    """`due`: always, from a time in a column, or never.

    `rebuilt`: the next build may change its payload and its state.
    `final`: nothing more is to be done. `exception`: a person is needed.
    """

    due: Literal["always", "next_try_at", "settle_at", "never"] = "never"
    rebuilt: bool = False
    final: bool = False
    exception: bool = False


RULES: dict[State, Rule] = {
    State.BLOCKED: Rule(rebuilt=True, exception=True),
    State.READY: Rule(due="always", rebuilt=True),
    State.SENDING: Rule(due="settle_at"),  # its process died: the next fence turns it into a doubt
    State.IN_DOUBT: Rule(due="settle_at"),
    State.UNAVAILABLE: Rule(due="next_try_at", rebuilt=True),
    State.REJECTED: Rule(due="next_try_at", rebuilt=True, exception=True),
    State.CONFLICT: Rule(exception=True),
    State.ENTERED: Rule(due="always", rebuilt=True),
    State.POSTED: Rule(final=True),
    State.ADOPTED: Rule(final=True),
    State.SKIPPED: Rule(rebuilt=True, final=True),
    State.WITHDRAWN: Rule(rebuilt=True, final=True),
    State.OUT_OF_SCOPE: Rule(final=True),
}

REBUILT = frozenset(state for state, rule in RULES.items() if rule.rebuilt)
EXCEPTIONS = frozenset(state for state, rule in RULES.items() if rule.exception)
STANDING = frozenset({State.POSTED, State.ADOPTED})


def _is_due() -> sa.ColumnElement[bool]:
    now = sa.bindparam("now", type_=UtcDateTime)
    parts: list[sa.ColumnElement[bool]] = []
    for state, rule in RULES.items():
        if rule.due == "always":
            parts.append(documents.c.state == state)
        elif rule.due != "never":
            parts.append((documents.c.state == state) & (documents.c[rule.due] <= now))
    return sa.or_(*parts)


IS_DUE = _is_due()  # the table of states as SQL, at `now`

_CHANGE = (
    documents.update()
    .where(documents.c.id == sa.bindparam("read_id"), documents.c.version == sa.bindparam("read_version"))
    .returning(documents)
)
_TELL = events.insert()


def change(con: sa.Connection, document: sa.Row[Any], **columns: Any) -> sa.Row[Any] | None:
    """The document with these columns; None where it is not as it was read.

    Whoever was suspended meanwhile changes nothing.
    """
    versions = dict(read_id=document.id, read_version=document.version, version=document.version + 1)
    return con.execute(_CHANGE, versions | columns).one_or_none()


def change_state(
    con: sa.Connection, now: datetime, document: sa.Row[Any], state: State, sentence: str, **columns: Any
) -> sa.Row[Any] | None:
    """The same, with the event that says why."""
    changed = change(con, document, **dict(state=state, state_since=now, sentence=sentence) | columns)
    if changed is not None:
        con.execute(_TELL, dict(document_id=document.id, at=now, state=state, text=sentence))
    return changed
