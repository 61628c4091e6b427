"""Random histories of the engine in simulated time: faults, late commits, and processes that die anywhere.

`python -m tests.posting.histories SEED` runs one history and tells its story.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.target import Finding, Move, Reply, Wanted
from tests.posting.conftest import built
from tests.posting.ledger import Ledger, SimulatedClock

DOCUMENTS = 20
LATEST_COMMIT = timedelta(minutes=10)  # the server's longest work; doubts settle after 20 minutes


class Killed(BaseException):
    """The process is gone: nothing after this point happens, not even a `finally`."""


class Fuse:
    """Burns down with every step of the process; at zero it dies there, and stays dead."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.left = 0
                raise Killed

    @property
    def is_dead(self) -> bool:
        return self.left == 0


class MortalOutbox(Outbox):
    """Dies before or after a commit, as the fuse says."""

    fuse: Fuse

    def take_fence(self, *args: Any) -> Any:
        return self._mortally(super().take_fence, *args)

    def intend(self, *args: Any) -> Any:
        return self._mortally(super().intend, *args)

    def record(self, *args: Any, **more: Any) -> Any:
        return self._mortally(super().record, *args, **more)

    def settle(self, *args: Any, **more: Any) -> Any:
        return self._mortally(super().settle, *args, **more)

    def give_back_fence(self, *args: Any) -> Any:
        return None if self.fuse.is_dead else super().give_back_fence(*args)

    def _mortally(self, commit: Any, *args: Any, **more: Any) -> Any:
        self.fuse.step()
        result = commit(*args, **more)
        self.fuse.step()
        return result


class FaultyLedger(Ledger):
    """Answers as the dice say; some commits come long after the answer was given up."""

    dice: random.Random
    fuse: Fuse
    faults: float = 0.0

    def __init__(self, clock: SimulatedClock, dice: random.Random, fuse: Fuse) -> None:
        super().__init__(clock, has_drafts=dice.random() < 0.7)
        self.dice, self.fuse = dice, fuse
        self.late: list[tuple[datetime, Wanted, Move]] = []

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        self.fuse.step()
        self._commit_late()
        return super().look_up(wanted)

    def prepare(self, wanted: Wanted) -> Reply:
        self.fuse.step()
        if self.dice.random() < self.faults:
            raise InDoubt("the connection was reset")
        return super().prepare(wanted)

    def send(self, wanted: Wanted, move: Move) -> Reply:
        self.fuse.step()
        self.clock.pass_(timedelta(seconds=self.dice.uniform(0.1, 5)))
        self.sent.append((wanted.key, move))
        if self.dice.random() >= self.faults:
            reply = self.commit(wanted, move)
            self.fuse.step()
            return reply
        return self._fail(wanted, move)

    def _fail(self, wanted: Wanted, move: Move) -> Reply:
        match self.dice.choice(["refused", "not sent", "lost", "lost after", "late", "late"]):
            case "refused":
                raise Rejected("No.", cause="no", retry_daily=True)
            case "not sent":
                raise Unavailable("connection refused")
            case "lost after":
                self.commit(wanted, move)
            case "late":
                at = self.clock.now() + LATEST_COMMIT * self.dice.random()
                self.late.append((at, wanted, move))
        self.clock.pass_(self.timing.deadline * self.dice.random())
        raise InDoubt("no answer within the deadline")

    def _commit_late(self) -> None:
        due = [each for each in self.late if each[0] <= self.clock.now()]
        self.late = [each for each in self.late if each not in due]
        for _, wanted, move in due:
            if move is Move.ENTER or not self.has_drafts or any(p.id == wanted.remote_id for p in self.papers):
                self.commit(wanted, move)


class History:
    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.clock, self.fuse = SimulatedClock(), Fuse()
        self.ledger = FaultyLedger(self.clock, self.dice, self.fuse)
        self.engine = open_engine(f"sqlite:///{folder}/{seed}.db")
        self.outbox = self._opened()
        bring(self.outbox, "northwind", self.ledger.place, "invoices", [built(n) for n in range(1, DOCUMENTS + 1)])

    def _opened(self) -> MortalOutbox:
        outbox = MortalOutbox(self.engine, self.clock)
        outbox.fuse = self.fuse
        return outbox

    def unfold(self) -> None:
        """A few processes with faults, each of which may die; then calm ones until nothing is due."""
        self.ledger.faults = self.dice.choice([0.05, 0.2, 0.5])
        for _ in range(self.dice.randint(1, 4)):
            self._process(self.dice.choice([None, None, self.dice.randint(1, 120)]))
            self.clock.pass_(timedelta(minutes=self.dice.choice([0, 1, 7, 30, 24 * 60 + 1])))
        self.ledger.faults = 0.0
        for _ in range(6):
            self._process(None)
            self.clock.pass_(timedelta(days=1, minutes=1))

    def _process(self, dies_after: int | None) -> None:
        self.fuse.left = dies_after
        try:
            Run(self.outbox, self.ledger, connection="northwind", flow="invoices", mode="post").work()
        except Killed:
            pass
        finally:
            self.fuse.left = None
            self.clock.pass_(timedelta(minutes=6))  # longer than a fence that nobody gave back

    def wrongs(self) -> list[str]:
        posted = Counter(paper.key for paper in self.ledger.papers if paper.posted)
        left = [paper.key for paper in self.ledger.papers if not paper.posted]
        with self.engine.begin() as con:
            rows = {row.business_key: row for row in con.execute(sa.select(documents))}
        ids = {paper.key: paper.id for paper in self.ledger.papers}
        return [
            *(f"{key} was posted {count} times" for key, count in posted.items() if count > 1),
            *(f"{key} is lost, {row.state}: {row.sentence}" for key, row in rows.items() if not posted[key]),
            *(f"a draft of {key} is left over" for key in left),
            *(f"{key} ended {row.state}: {row.sentence}" for key, row in rows.items() if row.state != "posted"),
            *(f"{key} has another id over there" for key, row in rows.items() if row.remote_id != ids.get(key)),
        ]


def wrongs_of(seed: int, folder: Path) -> list[str]:
    history = History(seed, folder)
    try:
        history.unfold()
        return history.wrongs()
    finally:
        history.engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for seed in map(int, sys.argv[1:]):
            print(seed, *(wrongs_of(seed, Path(scratch)) or ["each document once"]), sep="\n  ")
