"""Random histories of the engine in simulated time: faults, late commits, processes that die or are suspended anywhere.

    python -m tests.posting.histories                  2,000 histories, in as many processes as there are cores
    python -m tests.posting.histories SEED [BREAKAGE]  one of them, and its story

The place is in memory, and so is the outbox: the real one, on SQLite. Everything that happens follows from the seed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import attempts, documents, events, fences
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted
from tests.posting.breakages import broken
from tests.posting.conftest import built
from tests.posting.ledger import Ledger, SimulatedClock

HISTORIES = 2000
DOCUMENTS = 20
LATEST_COMMIT = timedelta(minutes=10)  # the server's longest work; doubts settle after 20 minutes
FLOW = dict(connection="northwind", flow="invoices", mode="post")


class Clock(SimulatedClock):
    """Who waits for a fence asks again after a minute, so that waiting costs little."""

    def sleep(self, seconds: float) -> None:
        super().sleep(60)


class Killed(BaseException):
    """The process is gone: nothing after this point happens, not even a `finally`."""


class Fate:
    """Counts the steps of one process: at one it dies, and stays dead; at another it sleeps while others work."""

    def __init__(self, dies_at: int | None = None, sleeps_at: int | None = None, dream: Any = None) -> None:
        self.dies_at, self.sleeps_at, self.dream, self.steps = dies_at, sleeps_at, dream, 0

    def step(self) -> None:
        self.step_awake()
        if self.steps == self.sleeps_at:
            self.dream()

    def step_awake(self) -> None:
        """Between the last check and the socket a long sleep is the gap that no client can close."""
        self.steps += 1
        if self.dies_at is not None and self.steps >= self.dies_at:
            raise Killed


class MortalOutbox(Outbox):
    """Its process may end, or be stopped, before and after each commit."""

    def __init__(self, engine: sa.Engine, clock: SimulatedClock, fate: Fate) -> None:
        super().__init__(engine, clock)
        self.fate = fate

    @contextmanager
    def begin(self) -> Iterator[tuple[sa.Connection, datetime]]:
        self.fate.step()
        with super().begin() as pair:
            yield pair
        self.fate.step()


class Wire:
    """What one process sees of the ledger: answers as the dice say, some commits long after it gave up."""

    def __init__(self, ledger: Ledger, dice: random.Random, fate: Fate, faults: float) -> None:
        self.ledger, self.dice, self.fate, self.faults = ledger, dice, fate, faults
        self.place, self.timing = ledger.place, ledger.timing
        self.has_drafts, self.lanes = ledger.has_drafts, 1

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        self.fate.step()
        commit_late(self.ledger)
        found = self.ledger.look_up(wanted)
        return {key: Finding(Found.UNKNOWN) if self._fails() else each for key, each in found.items()}

    def prepare(self, wanted: Wanted) -> Reply:
        self.fate.step()
        if self._fails():
            raise InDoubt("the connection was reset")
        return self.ledger.prepare(wanted)

    def send(self, wanted: Wanted, move: Move) -> Reply:
        self.fate.step_awake()
        self.ledger.clock.pass_(timedelta(seconds=self.dice.uniform(0.1, 5)))
        if self._fails():
            return self._fail(wanted, move)
        reply = commit(self.ledger, wanted, move)
        self.fate.step()
        return reply

    def _fails(self) -> bool:
        return self.dice.random() < self.faults

    def _fail(self, wanted: Wanted, move: Move) -> Reply:
        match self.dice.choice(["refused", "not sent", "lost", "lost after", "late", "late"]):
            case "refused":
                raise Rejected("No.", cause="no", retry_daily=True)
            case "not sent":
                raise Unavailable("connection refused")
            case "lost after":
                commit(self.ledger, wanted, move)
            case "late":
                at = self.ledger.clock.now() + LATEST_COMMIT * self.dice.random()
                self.ledger.late.append((at, wanted, move))
        self.fate.step()
        self.ledger.clock.pass_(self.timing.deadline * self.dice.random())
        raise InDoubt("no answer within the deadline")


def commit_late(ledger: Ledger) -> None:
    due = [each for each in ledger.late if each[0] <= ledger.clock.now()]
    ledger.late = [each for each in ledger.late if each not in due]
    for _, wanted, move in due:
        commit(ledger, wanted, move)


def commit(ledger: Ledger, wanted: Wanted, move: Move) -> Reply:
    """As the server does it: who posts or removes what is gone, or was posted already, is refused."""
    creates = move is Move.ENTER or not ledger.has_drafts
    if creates or any(paper.id == wanted.remote_id and not paper.posted for paper in ledger.papers):
        return ledger.commit(wanted, move)
    raise Rejected("There is no such draft.", cause="gone", retry_daily=True)


class History:
    """Twenty documents of one flow, from entering the outbox until nothing is due."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock()
        self.ledger = Ledger(self.clock, has_drafts=self.dice.random() < 0.35)
        self.engine = _database().as_new()
        self.faults = self.dice.choice([0.02, 0.1, 0.4])
        self.outbox = Outbox(self.engine, self.clock)

    def unfold(self) -> None:
        """A few processes among faults; then calm ones until everything is posted."""
        for _ in range(self.dice.randint(1, 2)):
            self._process(self._fate())
            self.clock.pass_(timedelta(minutes=self.dice.choice([0, 1, 7, 30, 24 * 60 + 1])))
        self.faults = 0.0
        for _ in range(6):
            self._process(Fate())
            if not self._left():
                break
            self.clock.pass_(timedelta(days=1, minutes=1))

    def _fate(self) -> Fate:
        match self.dice.choice(["lives", "dies", "dies", "sleeps", "sleeps"]):
            case "dies":
                return Fate(dies_at=self.dice.randint(1, 250))
            case "sleeps":
                return Fate(sleeps_at=self.dice.randint(1, 250), dream=self._others_work)
        return Fate()

    def _others_work(self) -> None:
        """While a process is suspended: for a moment, for longer than its fence, for longer than a doubt settles."""
        self.clock.pass_(timedelta(minutes=self.dice.choice([1, 6, 30])))
        self._process(Fate(dies_at=self.dice.choice([None, self.dice.randint(1, 80)])))
        self.clock.pass_(timedelta(minutes=self.dice.choice([0, 6, 30])))

    def _process(self, fate: Fate) -> None:
        outbox = MortalOutbox(self.engine, self.clock, fate)
        wire = Wire(self.ledger, self.dice, fate, self.faults)
        try:
            Run(outbox, wire, **FLOW).work()  # type: ignore[arg-type]
        except Killed:
            self.clock.pass_(timedelta(minutes=self.dice.choice([0, 6])))  # a fence runs out after 5

    def _left(self) -> int:
        query = sa.select(sa.func.count()).select_from(documents).where(documents.c.state != "posted")
        with self.engine.connect() as con:
            return int(con.execute(query).scalar_one()) + len(self.ledger.late)

    def wrongs(self) -> list[str]:
        with self.engine.connect() as con:
            rows = con.execute(sa.select(documents).order_by(documents.c.id)).all()
            told, tried = (con.execute(sa.select(table).order_by(table.c.id)).all() for table in (events, attempts))
            closed = con.execute(sa.select(fences).where(fences.c.until > self.clock.now())).all()
        return [
            *self._wrong_over_there(rows),
            *_wrong_in_the_audit(rows, told, tried),
            *(f"the fence of {fence.place} is left closed" for fence in closed),
        ]

    def _wrong_over_there(self, rows: Sequence[Any]) -> Iterator[str]:
        posted = Counter(paper.key for paper in self.ledger.papers if paper.posted)
        papers = {paper.key: paper for paper in self.ledger.papers}
        yield from (f"{key} was posted {count} times" for key, count in posted.items() if count > 1)
        yield from (f"a draft of {paper.key} is left over" for paper in self.ledger.papers if not paper.posted)
        for row in rows:
            if not posted[row.business_key]:
                yield f"{row.business_key} is lost, {row.state}: {row.sentence}"
            elif (row.remote_id, row.amount) != (papers[row.business_key].id, papers[row.business_key].total):
                yield f"{row.business_key} is {row.remote_id} here and {papers[row.business_key].id} there"


def _wrong_in_the_audit(rows: Sequence[Any], told: Sequence[Any], tried: Sequence[Any]) -> Iterator[str]:
    """Its last event is that it was posted, told once; each attempt ended; the epochs of writers never went back."""
    states: dict[int, list[str]] = {row.id: [] for row in rows}
    for event in told:
        if not event.text.startswith("A late reply"):
            states[event.document_id].append(event.state)
    for row in rows:
        if row.state != "posted" or states[row.id].index("posted") != len(states[row.id]) - 1:
            yield f"{row.business_key} ended {row.state}: {' > '.join(states[row.id])}: {row.sentence}"
    yield from (f"attempt {each.id} has no outcome" for each in tried if each.outcome is None)
    for earlier, later in zip(tried, tried[1:], strict=False):
        if later.epoch < earlier.epoch or (later.epoch == earlier.epoch and later.owner != earlier.owner):
            yield f"two writers: attempt {later.id} of epoch {later.epoch} after one of epoch {earlier.epoch}"


def memory() -> Path | None:
    """Where files lie in memory; None, which is the usual place for temporary files, where there is no such thing."""
    return next((path for path in (Path("/dev/shm"),) if os.access(path, os.W_OK)), None)


class Database:
    """One for all histories of a process, set back before each: SQLAlchemy compiles its statements once per engine."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=memory())
        self._engine = open_engine(f"sqlite:///{self._folder.name}/outbox.db")
        outbox = Outbox(self._engine, Clock())
        documents_ = [built(number) for number in range(1, DOCUMENTS + 1)]
        bring(outbox, "northwind", Ledger(Clock()).place, "invoices", documents_)
        self._new = sqlite3.connect(":memory:")
        with closing(self._engine.raw_connection()) as con:
            con.driver_connection.backup(self._new)

    def as_new(self) -> sa.Engine:
        """With the documents of a history, nothing of which was sent."""
        with closing(self._engine.raw_connection()) as con:
            self._new.backup(con.driver_connection)
        return self._engine


@cache
def _database() -> Database:
    return Database()


def wrongs_of(seed: int, breakage: str = "") -> list[str]:
    with broken(breakage) if breakage else nullcontext():
        history = History(seed)
        try:
            history.unfold()
        except Exception as error:  # a breakage may also end in a crash of ours
            return [f"{type(error).__name__}: {error}"]
        return history.wrongs()


def all_wrongs(seeds: Sequence[int]) -> dict[int, list[str]]:
    """Of these histories, those in which something is wrong; on all cores."""
    with multiprocessing.get_context("spawn").Pool(initializer=gc.disable) as pool:  # it finds nothing, and takes time
        found = pool.map(wrongs_of, seeds, chunksize=25)
        pool.close()
        pool.join()  # each removes its database
    return {seed: wrong for seed, wrong in zip(seeds, found, strict=True) if wrong}


def main(arguments: Sequence[str]) -> int:
    began = time.monotonic()
    if arguments:
        wrong = {int(arguments[0]): wrongs_of(int(arguments[0]), *arguments[1:2])}
    else:
        wrong = all_wrongs(range(HISTORIES))
        print(f"{HISTORIES:,} histories of {DOCUMENTS} documents in {time.monotonic() - began:.0f} s")
    for seed, found in wrong.items():
        print(f"seed {seed}", *(found or ["each document once"]), sep="\n  ")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
