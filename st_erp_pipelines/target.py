"""What posting asks of a system, and the words both use.

A target is one kind of document in one place (say, sales invoices of one company). It answers: how do I look up
these keys, which moves send a document, what did this reply mean (it raises an error of
`st_erp_pipelines.errors`), and how long until a doubt may be settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


class Move(StrEnum):
    """All but PREPARE are intended before they are sent, each with an attempt of its own."""

    ENTER = "enter"  # create it there, unposted
    PREPARE = "prepare"  # bring the draft to what the payload says and compare it: repeatable
    POST = "post"  # make it final; for systems without drafts, create it
    REMOVE = "remove"  # take back an unposted document of ours, unedited since


class Found(StrEnum):
    ABSENT = "absent"  # proven: the walk ended, the filter was honoured, drafts included, no replica answered
    UNFINISHED = "unfinished"  # there, but not final
    COMPLETE = "complete"
    DEAD = "dead"  # cancelled
    SEVERAL = "several"
    UNKNOWN = "unknown"  # nothing is proven, so nothing may be sent


class Likeness(StrEnum):
    """How an unfinished document compares with the payload it is judged by."""

    BEGINNING = "beginning"  # part of what the payload says, nothing else: our attempt stopped midway
    EQUAL = "equal"
    PREPARED = "prepared"  # equal, and just now compared by PREPARE
    DIFFERENT = "different"


@dataclass(frozen=True)
class Wanted:
    """A document as a target sees it: what to look for, and the payload to judge or send it by."""

    key: str
    payload: Mapping[str, Any]
    total: Decimal
    on: date
    currency: str
    party: str
    remote_id: str | None = None
    etag: str | None = None  # recorded at our last write
    ours: bool = False  # an attempt of ours may have made what is found
    outdated: bool = False  # that attempt sent something else than the document says today
    tried_to_post: bool = False  # its last POST may have gone through
    first_attempt_at: datetime | None = None
    source_hash: str = ""

    @property
    def figures(self) -> dict[str, Any]:
        """As columns. A posted document is worth what was sent, whatever its source says by now."""
        named = dict(amount=self.total, business_date=self.on, currency=self.currency, party=self.party)
        return named | dict(source_hash=self.source_hash)


@dataclass(frozen=True)
class Finding:
    """What a look-up says of one key. Figures are None where the look-up returns none."""

    found: Found
    remote_id: str | None = None
    number: str | None = None
    total: Decimal | None = None
    on: date | None = None
    currency: str | None = None
    party: str | None = None
    likeness: Likeness = Likeness.EQUAL
    etag: str | None = None
    detail: str = ""  # a sentence for people

    @property
    def name(self) -> str:
        return self.number or self.remote_id or "a document without a number"

    @property
    def is_prepared(self) -> bool:
        return self.found is Found.UNFINISHED and self.likeness is Likeness.PREPARED

    @property
    def is_what_was_sent(self) -> bool:
        """Exactly that, so nobody touched it since."""
        return self.found is Found.UNFINISHED and self.likeness is Likeness.EQUAL

    def differs_from(self, wanted: Wanted) -> str:
        """In which figures a complete document differs; empty where it is equal."""
        names = {"total": "total", "date": "on", "currency": "currency", "party": "party"}
        pairs = [(name, getattr(self, field), getattr(wanted, field)) for name, field in names.items()]
        return "; ".join(
            f"{name} is {theirs}, ours is {ours}" for name, theirs, ours in pairs if theirs not in (None, ours)
        )


@dataclass(frozen=True)
class Reply:
    """A success, with what the system called it."""

    remote_id: str | None = None
    number: str | None = None
    etag: str | None = None
    warning: str = ""  # the document stands, but a person should know this


def both_changed(payload: Mapping[str, Any]) -> str:
    """The warning that a change of a master leaves whose payload says what of the other side's it overwrites."""
    said = payload.get("overwritten")
    return f"Changed on both sides, and its owner's word counts: {said}." if said else ""


@dataclass(frozen=True)
class Timing:
    """`settle_after`: from intent to the first look-up that may prove absence. The rest follows, unless set."""

    settle_after: timedelta
    send_window: timedelta = timedelta(0)
    deadline: timedelta = timedelta(0)
    fence: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        for name, cap, share in (("send_window", 10, 20), ("deadline", 120, 4), ("fence", 300, 2)):
            if not getattr(self, name):
                object.__setattr__(self, name, min(timedelta(seconds=cap), self.settle_after / share))
        if self.one_send > self.settle_after / 2:
            raise ValueError(
                f"send window {self.send_window} and deadline {self.deadline} together exceed half of "
                f"settle_after {self.settle_after}: raise settle_after or lower them"
            )
        if self.fence < self.one_send:
            raise ValueError(f"fence {self.fence} does not outlast one send, {self.one_send}: raise it")

    @property
    def one_send(self) -> timedelta:
        """From an intent until its call has ended, one way or the other."""
        return self.send_window + self.deadline

    def ask_again_after(self, doubted_for: timedelta) -> timedelta:
        """A look-up that proved nothing is repeated: after 5 minutes where doubts settle after 20, and ever more rarely
        of what stays so (a draft that waits for somebody's approval), down to once an hour.
        """
        return max(self.settle_after / 4, min(doubted_for / 4, timedelta(hours=1)))

    @property
    def try_again_after(self) -> timedelta:
        """What was proven not sent goes out again: 1 minute where doubts settle after 20."""
        return self.settle_after / 20


class Target(Protocol):
    """Every method may raise an error of the tree; a look-up that cannot prove says UNKNOWN instead."""

    place: str  # kind, normalised URL, company: what a fence and a pause belong to
    timing: Timing
    has_drafts: bool  # enter, prepare, post; or post alone
    lanes: int  # how many documents may be under way at once

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        """By key, one finding for each that was asked."""
        ...

    def prepare(self, wanted: Wanted) -> Reply:
        """The draft `wanted.remote_id` as the payload says it. Raises Rejected where the totals cannot agree."""
        ...

    def send(self, wanted: Wanted, move: Move) -> Reply:
        """One move, once, within `timing.deadline`."""
        ...
