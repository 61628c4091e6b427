"""The states of a document as data; every query of the engine and of the reports reads this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


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
