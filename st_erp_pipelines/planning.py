"""What a run would do with each document that is due, found out by look-ups alone. Nothing is written there,
and where the outbox is a SQLite file, nothing here.
"""

from __future__ import annotations

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
from st_erp_pipelines.posting.decide import Decision, Make, Mode, Settle, decide
from st_erp_pipelines.posting.engine import CHUNK
from st_erp_pipelines.posting.target import Move, Target

WAITS = {"waits_for_customer", "waits_for_invoice"}


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
    """`after` is the key of the document of this plan that goes first, or empty."""

    document: Document
    decision: Decision
    after: str = ""

    @property
    def outcome(self) -> str:
        """One word for counting: send, or the state that the look-up leads to."""
        if isinstance(self.decision, Make):
            return "withdraw" if self.decision.then_withdraw else "send"
        return str(self.decision.state) if isinstance(self.decision, Settle) else "ask_again"

    @property
    def goes(self) -> bool:
        """Whether what waits for it may follow in the same sync."""
        return self.outcome in ("send", "posted", "adopted")

    @property
    def sentence(self) -> str:
        return f"{_moves_in_words(self.decision)}{self.decision.sentence}"


def _moves_in_words(decision: Decision) -> str:
    if not isinstance(decision, Make):
        return ""
    words = {Move.ENTER: "enter", Move.POST: "post", Move.REMOVE: "take back"}
    return f"{', then '.join(words[move] for move in decision.moves) or 'finish'}. ".capitalize()


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
        wanted = {row.id: outbox.wanted(row) for row, _ in chunk}
        findings = target.look_up(list(wanted.values()))
        for row, after in chunk:
            decision = decide(row, wanted[row.id], findings[row.business_key], mode, target.has_drafts)
            yield Planned(row, decision, after)
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
    payload = simplejson.loads(row.payload)
    return str(payload.get("invoice_key" if code == "waits_for_invoice" else "customer_number", ""))
