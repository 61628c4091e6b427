"""What a run would do with each document that is due, found out by look-ups alone. Nothing is written there,
and where the outbox is a SQLite file, nothing here.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import simplejson

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting.commits import judged
from st_erp_pipelines.posting.decide import Decision, Mode, decide
from st_erp_pipelines.posting.engine import CHUNK
from st_erp_pipelines.target import Finding, Found, Move, Target

WAITS = {"waits_for_customer", "waits_for_invoice", "waits_for_reversal", "waits_for_vendor"}


@contextmanager
def scratch(outbox: Outbox) -> Iterator[Outbox]:
    """A copy that a plan may build into. Of a database server there is none: it is the outbox itself."""
    if outbox.engine.dialect.name != "sqlite":
        yield outbox
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.sqlite"
        raw = outbox.engine.raw_connection()
        with closing(raw), closing(sqlite3.connect(path)) as copy:
            raw.driver_connection.backup(copy)  # type: ignore[union-attr]
        engine = open_engine(f"sqlite:///{path.as_posix()}")
        try:
            yield Outbox(engine, outbox.clock)
        finally:
            engine.dispose()


@dataclass(frozen=True)
class Planned:
    """`moves`: what would be sent, in order. `after`: the key of what goes first in this plan, or empty."""

    document: Document
    decision: Decision
    moves: tuple[Move, ...]
    after: str = ""

    @property
    def outcome(self) -> str:
        """One word for counting: send, withdraw, or the state that the look-up leads to."""
        if self.decision.move is Move.REMOVE and self.document.voided:
            return "withdraw"
        if self.decision.move is not None or self.decision.state is State.READY:
            return "send"
        asked_again = self.decision.state in (None, State.IN_DOUBT, State.UNAVAILABLE)
        return "ask_again" if asked_again else str(self.decision.state)

    @property
    def goes(self) -> bool:
        """Whether what waits for it may follow in the same sync."""
        return self.outcome in ("send", "posted", "adopted")

    @property
    def sentence(self) -> str:
        words = {Move.ENTER: "enter", Move.POST: "post", Move.REMOVE: "take back", Move.PREPARE: "finish"}
        moves = ", then ".join(words[move] for move in self.moves)
        return f"{moves.capitalize()}. {self.decision.sentence}" if moves else self.decision.sentence


def _moves(document: Document, decision: Decision, finding: Finding, mode: Mode, has_drafts: bool) -> tuple[Move, ...]:
    """All that follow from a decision if nothing goes wrong; the engine decides anew after each."""
    if decision.move is None and decision.state is not State.READY:
        return ()
    posts = () if mode == "draft" and has_drafts else (Move.POST,)
    creates = (Move.ENTER, *posts) if has_drafts else posts
    if decision.move is Move.REMOVE:
        return (Move.REMOVE,) if document.voided else (Move.REMOVE, *creates)
    return creates if finding.found is Found.ABSENT else (Move.PREPARE, *posts)


def planned(
    outbox: Outbox,
    target: Target,
    documents: Sequence[tuple[Document, str]],
    mode: Mode,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Planned]:
    """A decision for each document and its `after`."""
    for start in range(0, len(documents), CHUNK):
        chunk = documents[start : start + CHUNK]
        wanted = judged(outbox, [row for row, _ in chunk])
        findings = target.look_up(list(wanted.values()))
        for row, after in chunk:
            finding = findings[row.business_key]
            decision = decide(row, wanted[row.id], finding, mode, target.has_drafts)
            yield Planned(row, decision, _moves(row, decision, finding, mode, target.has_drafts), after)
        progress(start + len(chunk))


def followers(blocked: Iterable[Document], going: dict[str, str]) -> list[tuple[Document, str]]:
    """Blocked documents that only wait for what goes first; `going` holds keys, parties by number included.

    Each that follows is put into `going`, so that what waits for it follows, too.
    """
    found = []
    for row in blocked:
        if row.state != State.BLOCKED or {reason["code"] for reason in row.reasons} - WAITS:
            continue
        awaited = [_awaited(row, reason["code"]) for reason in row.reasons]
        if all(key in going for key in awaited):
            found.append((row, awaited[-1]))
            going[row.business_key] = row.business_key
    return found


def _awaited(row: Document, code: str) -> str:
    if code == "waits_for_vendor":
        return re.sub("-P[OR]-.*", f"-VEND-{row.party}", row.business_key)
    payload = simplejson.loads(row.payload)
    return str(payload.get("invoice_key" if code == "waits_for_invoice" else "customer_number", ""))
