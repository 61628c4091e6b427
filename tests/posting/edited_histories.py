"""Random histories in which people work, too: sources are edited, voided, blocked and unblocked; drafts are edited,
posted and removed over there; flows change between draft and post; what needs a person is replayed.

    python -m tests.posting.edited_histories                200 histories
    python -m tests.posting.edited_histories FIRST COUNT    some of them
    python -m tests.posting.edited_histories SEED           one of them, and its story

What holds in each, at every send and at the end, is in `Office.may` and `EditedHistory.wrongs`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.errors import InDoubt, Rejected
from st_erp_pipelines.outbox.document import Reason, Verdict
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.report import exceptions
from st_erp_pipelines.outbox.schema import attempts, documents, events, fences
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.replay import replay
from st_erp_pipelines.target import Finding, Move, Reply, Wanted
from tests.posting.conftest import built
from tests.posting.histories import DOCUMENTS, Fate, History, Killed, MortalOutbox, Wire, commit
from tests.posting.ledger import Ledger, Paper

FINAL = ("posted", "adopted", "out_of_scope", "skipped", "withdrawn")
UNMAPPED = Reason("unmapped", "Its business unit has no row in business_units.csv.")


@dataclass
class Books(Ledger):
    """Each write gives a document a new ETag, removals need it, and a removed id is never used again."""

    counts_versions: bool = False  # some systems' ETags are versions: those of two documents may be equal

    def touch(self, paper: Paper) -> None:
        paper.etag = f"v{int(paper.etag[1:] or 0) + 1}" if self.counts_versions else f"e{next(self.ids)}"

    def commit(self, wanted: Wanted, move: Move) -> Reply:
        if move is Move.REMOVE:
            if wanted.etag != self._paper(wanted.remote_id).etag:
                raise Rejected("Somebody changed it.", cause="changed_meanwhile")
            super().commit(wanted, move)
            return Reply(wanted.remote_id)  # some systems name what they removed
        reply = super().commit(wanted, move)
        paper = self._paper(reply.remote_id)
        paper.etag = "v0" if creates(self, move) else paper.etag
        self.touch(paper)
        return Reply(paper.id, paper.id.upper(), paper.etag)

    def prepare(self, wanted: Wanted) -> Reply:
        paper = next((each for each in self.papers if each.id == wanted.remote_id), None)
        if paper is None or paper.posted:
            raise InDoubt("the draft is gone")
        if paper.content != wanted.payload:
            raise Rejected("The draft differs.", cause="total_differs")
        return Reply(etag=paper.etag)


def creates(ledger: Ledger, move: Move) -> bool:
    return move is Move.ENTER or not ledger.has_drafts


@dataclass
class Source:
    """An invoice in ServiceTitan, as it is, and as the last build read it."""

    number: int
    version: int = 0
    is_void: bool = False
    is_blocked: bool = False
    built_void: bool = False
    built_blocked: bool = False

    @property
    def total(self) -> Decimal:
        return Decimal(100 + self.number + 1000 * self.version)

    def document(self) -> Any:
        self.built_void, self.built_blocked = self.is_void, self.is_blocked
        verdict = Verdict.WITHDRAWN if self.is_void else Verdict.BLOCKED if self.is_blocked else Verdict.DUE
        reasons = (UNMAPPED,) if verdict is Verdict.BLOCKED else ()
        payload = {"key": f"ST-A-INV-{self.number}", "total": str(self.total)}
        more: dict[str, Any] = dict(verdict=verdict, reasons=reasons, payload=payload)
        return built(self.number, amount=self.total, source_hash=f"h{self.version + 1}", **more)


@dataclass
class Office:
    """What people did, and what may therefore not be done."""

    sources: dict[str, Source]
    touched: set[str] = field(default_factory=set)  # ids of documents over there that a person wrote to
    wrongs: list[str] = field(default_factory=list)

    def may(self, wanted: Wanted, move: Move, mode: str, ledger: Ledger) -> None:
        source = self.sources[wanted.key]
        if move is not Move.REMOVE and source.built_void:
            self.wrongs.append(f"{move} of {wanted.key}, which is void")
        if move is not Move.REMOVE and source.built_blocked:
            self.wrongs.append(f"{move} of {wanted.key}, which is blocked")
        if move is Move.POST and ledger.has_drafts and mode == "draft":
            self.wrongs.append(f"{wanted.key} is posted in mode draft")
        if move is Move.REMOVE and wanted.remote_id in self.touched and _is_current(wanted, ledger):
            self.wrongs.append(f"{wanted.remote_id} of {wanted.key} is removed, which a person touched")


def _is_current(wanted: Wanted, ledger: Ledger) -> bool:
    """Else the server refuses it."""
    return any(each.id == wanted.remote_id and each.etag == wanted.etag for each in ledger.papers)


class WatchedWire(Wire):
    def __init__(self, *how: Any, office: Office, mode: str) -> None:
        super().__init__(*how)
        self.office, self.mode = office, mode

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        commit_late(self.ledger)
        return super().look_up(wanted)

    def send(self, wanted: Wanted, move: Move) -> Reply:
        self.office.may(wanted, move, self.mode, self.ledger)
        return super().send(wanted, move)


def commit_late(ledger: Ledger) -> None:
    """Each by itself: what is refused then keeps no other from being committed."""
    for each in [each for each in ledger.late if each[0] <= ledger.clock.now()]:
        ledger.late.remove(each)
        with suppress(Rejected):
            commit(ledger, *each[1:])


class EditedHistory(History):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.office = Office({f"ST-A-INV-{n}": Source(n) for n in range(1, DOCUMENTS + 1)})
        self.ledger = Books(self.clock, has_drafts=self.dice.random() < 0.8)
        self.ledger.counts_versions = self.dice.random() < 0.3
        self.mode = "post"

    def unfold(self) -> None:
        for _ in range(self.dice.randint(3, 8)):
            self.mode = self.dice.choice(["draft", "post"])
            for source in self.office.sources.values():
                if self.dice.random() < 0.3:
                    self._edit(source)
            if self.dice.random() < 0.8:  # else a run without a build
                self.build()
            self._process(self._fate())
            for paper in list(self.ledger.papers):
                if self.dice.random() < 0.2:
                    self._touch(paper)
            if self.dice.random() < 0.2:
                self._replay()
            self.clock.pass_(timedelta(minutes=self.dice.choice([0, 1, 7, 30, 24 * 60 + 1])))
        self._calm_down()

    def _calm_down(self) -> None:
        """No faults any more; people mend what they are told of; all that can be posted is posted."""
        self.faults, self.mode = 0.0, "post"
        for source in self.office.sources.values():
            source.is_blocked = False
        for _ in range(8):
            told = {row.business_key for row in exceptions(self.outbox, "northwind")}
            self.ledger.papers = [each for each in self.ledger.papers if each.posted or each.key not in told]
            self._replay()
            self.build()
            self._process(Fate())
            self.clock.pass_(timedelta(days=1, minutes=1))
        self.build()

    def build(self) -> None:
        """Of what is final only what its source says otherwise, as the SQL of the flows does it."""
        with self.engine.connect() as con:
            known = {row.business_key: row for row in con.execute(sa.select(documents))}
        sources = self.office.sources
        again = [source.document() for key, source in sources.items() if _is_built(known.get(key), source)]
        bring(self.outbox, "northwind", self.ledger.place, "invoices", again)

    def _edit(self, source: Source) -> None:
        match self.dice.choice(["edit", "edit", "void", "restore", "block", "unblock"]):
            case "edit":
                source.version += 1
            case "void":
                source.is_void = True
            case "restore":
                source.is_void = False
            case "block":
                source.is_blocked = True
            case "unblock":
                source.is_blocked = False

    def _touch(self, paper: Paper) -> None:
        """A person, over there. What is posted is left alone."""
        if paper.posted:
            return
        self.office.touched.add(paper.id)
        match self.dice.choice(["note", "note", "edit", "post", "edit and post", "remove", "replace"]):
            case "note" if self._is_known(paper):  # a field that we do not compare
                self.ledger.touch(paper)
            case "note":  # what is found after a doubt exactly as it was sent counts as untouched: no proof, a choice
                self._edit_paper(paper)
            case "edit":
                self._edit_paper(paper)
            case "post":
                self.ledger.touch(paper)
                paper.posted = True
            case "edit and post":
                self._edit_paper(paper)
                paper.posted = True
            case "remove":
                self.ledger.papers.remove(paper)
            case "replace":  # by one of her own
                hers = replace(paper, id=f"hers{next(self.ledger.ids)}", etag="v0")
                self.office.touched.add(hers.id)
                self.ledger.papers[self.ledger.papers.index(paper)] = hers
                self._edit_paper(hers)

    def _is_known(self, paper: Paper) -> bool:
        with self.engine.connect() as con:
            return bool(con.scalar(sa.select(sa.func.count()).where(documents.c.remote_id == paper.id)))

    def _edit_paper(self, paper: Paper) -> None:
        self.ledger.touch(paper)
        paper.total += 1
        paper.content = dict(paper.content) | {"total": str(paper.total)}

    def _replay(self) -> None:
        with self.engine.connect() as con:
            rows = con.execute(sa.select(documents).where(documents.c.state.in_(["conflict", "rejected"]))).all()
        replay(self.outbox, rows, "a person", lambda _, wanted: self.ledger.look_up(wanted))

    def _process(self, fate: Fate) -> None:
        outbox = MortalOutbox(self.engine, self.clock, fate)
        how = (self.ledger, self.dice, fate, self.faults)
        wire = WatchedWire(*how, office=self.office, mode=self.mode)
        flow: dict[str, Any] = dict(connection="northwind", flow="invoices", mode=self.mode)
        try:
            Run(outbox, wire, **flow).work()
        except Killed:
            self.clock.pass_(timedelta(minutes=self.dice.choice([0, 6])))

    def wrongs(self) -> list[str]:
        with self.engine.connect() as con:
            rows = con.execute(sa.select(documents).order_by(documents.c.id)).all()
            tried = con.execute(sa.select(attempts).order_by(attempts.c.id)).all()
            closed = con.execute(sa.select(fences).where(fences.c.until > self.clock.now())).all()
        return [
            *self.office.wrongs,
            *(wrong for row in rows for wrong in self._wrong_with(row)),
            *(f"attempt {each.id} of {each.document_id} has no outcome" for each in tried if each.outcome is None),
            *(f"the fence of {fence.place} is left closed" for fence in closed),
        ]

    def _wrong_with(self, row: Any) -> Iterator[str]:
        key, source = row.business_key, self.office.sources[row.business_key]
        there = [paper for paper in self.ledger.papers if paper.key == key]
        if len(there) > 1:
            yield f"{key} is there {len(there)} times: {there}"
        if row.state == "posted" and there:
            (paper, *_) = there
            if not paper.posted or (row.remote_id, row.amount) != (paper.id, paper.total):
                yield f"{key} is posted: {row.remote_id} of {row.amount} here, {paper} there"
            if (row.amount != source.total or source.is_void) and not row.flag:
                yield f"{key} is posted as {row.amount}, its source says {source.total}, void {source.is_void}; no flag"
        elif row.state in ("withdrawn", "skipped"):
            yield from (f"{key} is {row.state}, but {paper} is there" for paper in there)
            if row.state == "withdrawn" and not source.is_void:
                yield f"{key} is withdrawn, but its source is not void"
        elif row.state == "conflict":  # what a person posted otherwise; nobody can accept it here
            if not there or not there[0].posted or there[0].total == row.amount:
                yield f"{key} is in conflict for nothing: {row.sentence} {there}"
        else:
            yield f"{key} ended {row.state}, {len(there)} there: {row.sentence}"


def _is_built(known: Any, source: Source) -> bool:
    if known is None:
        return not source.is_void
    return (
        known.state not in FINAL
        or known.source_hash != f"h{source.version + 1}"
        or bool(known.flag)
        or (known.state in ("posted", "adopted") and source.is_void)
        or (known.state == "withdrawn" and not source.is_void)
    )


def wrongs_of(seed: int, tell: bool = False) -> list[str]:
    history = EditedHistory(seed)
    try:
        history.unfold()
        return history.wrongs()
    except Exception as error:
        return [f"{type(error).__name__}: {error}", *history.wrongs()]
    finally:
        if tell:
            with history.engine.connect() as con:
                for event in con.execute(sa.select(events).order_by(events.c.id)):
                    print(event.at.strftime("%d %H:%M:%S"), event.document_id, event.state, event.text)


def main(arguments: Sequence[str]) -> int:
    first, count = int(arguments[0]) if arguments else 0, 1 if len(arguments) == 1 else 200
    count = int(arguments[1]) if len(arguments) > 1 else count
    wrong = {seed: found for seed in range(first, first + count) if (found := wrongs_of(seed, len(arguments) == 1))}
    for seed, found in wrong.items():
        print(f"seed {seed}", *found, sep="\n  ")
    print(f"{len(wrong)} of {count} histories")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
