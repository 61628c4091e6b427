"""A place to post to, in memory and in simulated time: it has drafts, accepts duplicates, and fails on demand."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from st_erp_pipelines.errors import InDoubt
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Timing, Wanted


class SimulatedClock:
    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 2, 12, tzinfo=UTC)
        self.boot = 1000.0
        self.boot_name = "first boot"

    def now(self) -> datetime:
        return self.wall

    def boot_seconds(self) -> float:
        return self.boot

    def boot_id(self) -> str:
        return self.boot_name

    def sleep(self, seconds: float) -> None:
        self.pass_(timedelta(seconds=seconds))

    def pass_(self, span: timedelta) -> None:
        self.wall += span
        self.boot += span.total_seconds()


@dataclass
class Paper:
    id: str
    key: str
    total: Decimal
    on: date
    party: str
    content: Mapping[str, Any]
    posted: bool = False
    dead: bool = False
    etag: str = "1"


@dataclass
class Ledger:
    """`plan` holds one entry per coming send: None, an error to raise before or ('after', error) after the commit."""

    clock: SimulatedClock
    place: str = "ledger|http://ledger|company"
    timing: Timing = field(default_factory=lambda: Timing(timedelta(minutes=20)))
    has_drafts: bool = True
    lanes: int = 1
    papers: list[Paper] = field(default_factory=list)
    plan: deque[Any] = field(default_factory=deque)
    sent: list[tuple[str, Move]] = field(default_factory=list)
    refuse: Callable[[Wanted], Exception | None] = lambda wanted: None
    blind: bool = False  # look-ups prove nothing
    late: list[tuple[datetime, Wanted, Move]] = field(default_factory=list)  # what it will commit, and when
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return {one.key: self._find(one) for one in wanted}

    def _find(self, wanted: Wanted) -> Finding:
        if self.blind:
            return Finding(Found.UNKNOWN)
        found = [paper for paper in self.papers if paper.key == wanted.key]
        if not found:
            return Finding(Found.ABSENT)
        if len(found) > 1:
            return Finding(Found.SEVERAL)
        paper = found[0]
        kind = Found.DEAD if paper.dead else Found.COMPLETE if paper.posted else Found.UNFINISHED
        same = paper.content == wanted.payload
        return Finding(
            kind, paper.id, paper.id.upper(), paper.total, paper.on, "USD", paper.party,
            likeness=Likeness.EQUAL if same else Likeness.DIFFERENT, etag=paper.etag,
        )  # fmt: skip

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(etag=self._paper(wanted.remote_id).etag)

    def send(self, wanted: Wanted, move: Move) -> Reply:
        with self.lock:
            self.sent.append((wanted.key, move))
            fate = self.plan.popleft() if self.plan else self.refuse(wanted)
            after = isinstance(fate, tuple)
            if fate is not None and not after:
                raise fate
            reply = self.commit(wanted, move)
            if after:
                raise fate[1]
            return reply

    def commit(self, wanted: Wanted, move: Move) -> Reply:
        if move is Move.REMOVE:
            self.papers.remove(self._paper(wanted.remote_id))
            return Reply()
        if move is Move.ENTER or not self.has_drafts:
            paper = Paper(
                f"id{next(self.ids)}", wanted.key, wanted.total, wanted.on, wanted.party, wanted.payload,
                posted=not self.has_drafts,
            )  # fmt: skip
            self.papers.append(paper)
        else:
            paper = self._paper(wanted.remote_id)
            paper.posted = True
        return Reply(paper.id, paper.id.upper(), paper.etag)

    def _paper(self, remote_id: str | None) -> Paper:
        return next(paper for paper in self.papers if paper.id == remote_id)

    def posted(self) -> list[str]:
        return sorted(paper.key for paper in self.papers if paper.posted)


LOST = InDoubt("the connection was reset")
LOST_AFTER_COMMIT = ("after", LOST)
