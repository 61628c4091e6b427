"""Posting exactly once: take the fence, look up, decide, intend, send, record. `docs/posting.md` tells the whole."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from st_erp_pipelines.errors import ConfigurationError, FenceClosed, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.report import due, still_due
from st_erp_pipelines.outbox.states import STANDING, State
from st_erp_pipelines.posting import commits, fence
from st_erp_pipelines.posting.brakes import REFUSALS_IN_A_ROW, Brakes
from st_erp_pipelines.posting.decide import Mode, decide
from st_erp_pipelines.run_report import Limits, RunReport
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Target, Wanted

CHUNK = 50
LOOKUP_GOOD_FOR = 60.0  # seconds
MAX_WAIT = 600.0
TOMORROW = timedelta(days=1)
HELD_BACK = "Not sent: others of its kind were refused today; tried again tomorrow."
DONE = {  # the outcome of a move that succeeded, what the document is then, and its sentence
    Move.ENTER: ("entered", State.READY, "Entered, not yet posted."),
    Move.REMOVE: ("removed", State.READY, "Taken back."),
    Move.POST: ("posted", State.POSTED, ""),
}
FAILED: dict[type[StErpError], tuple[str, State]] = {
    Rejected: ("rejected", State.REJECTED),
    Unavailable: ("unavailable", State.UNAVAILABLE),  # proven not sent, or refused for now
    ConfigurationError: ("unavailable", State.UNAVAILABLE),
}
Next = tuple[Document, Finding] | None  # a document and what is known of it over there


@dataclass
class Run:
    """One flow of one connection, once; `days` limits it to documents of those home days."""

    outbox: Outbox
    target: Target
    _: KW_ONLY
    connection: str
    flow: str
    mode: Mode
    days: Iterable[date] | None = None
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[RunReport], None] = lambda report: None
    report: RunReport = field(default_factory=RunReport)

    def __post_init__(self) -> None:
        self.timing, self._owner, self._brakes = self.target.timing, uuid.uuid4().hex, Brakes()
        self._seconds = self.outbox.clock.boot_seconds  # counts suspension, and nobody sets it

    def work(self) -> RunReport:
        """Everything due, chunk by chunk. Ends cleanly; what is left stays due."""
        if self.mode == "observe":
            return self.report
        rows = due(self.outbox, self.target.place, self.connection, self.flow, self.days)
        rows = self.limits.allowed(rows, self.flow, self.report)
        for start in range(0, len(rows), CHUNK):
            held = None if self.report.stopped else self._wait_for_fence()
            if held is None:
                break
            try:
                self._chunk(held, [row.id for row in rows[start : start + CHUNK]])
            finally:
                fence.give_back(self.outbox, held)
        return self.report

    def _wait_for_fence(self) -> fence.Fence | None:
        until = self._seconds() + MAX_WAIT
        while self._seconds() <= until:
            held = fence.take(self.outbox, self.target.place, self._owner, self.timing.fence)
            if held is not None:
                return held
            self.outbox.clock.sleep(random.uniform(0.2, 1.0))
        self.report.stop(f"{self.flow}: another process writes to {self.target.place}; the rest stays due.")
        return None

    def _chunk(self, held: fence.Fence, ids: Sequence[int]) -> None:
        rows = [row for row in still_due(self.outbox, ids) if not commits.restarts_doubt(self.outbox, row, self.timing)]
        for wave in self._brakes.waves(rows):
            self._wave(held, [row for row in wave if not self._held_back(row)])

    def _wave(self, held: fence.Fence, rows: Sequence[Document]) -> None:
        looked_at, wanted = self._seconds(), commits.judged(self.outbox, rows)
        findings = self._look_up(list(wanted.values()))
        with ThreadPoolExecutor(self.target.lanes) as lanes:
            each = lanes.map if self.target.lanes > 1 else map
            for _ in each(lambda row: self._document(held, row, wanted[row.id], findings, looked_at), rows):
                self.progress(self.report)

    def _held_back(self, row: Document) -> bool:
        if not self._brakes.hold_back(row):
            return False
        state = State.REJECTED if row.state == State.REJECTED else State.UNAVAILABLE
        tomorrow = self.outbox.now() + TOMORROW
        self.report.count(commits.settle(self.outbox, row, state, HELD_BACK, next_try_at=tomorrow))
        return True

    def _look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        """Of a whole wave. One that is refused is asked again document by document, to find who is at fault."""
        try:
            return self.target.look_up(wanted) if wanted and not self.report.stopped else {}
        except StErpError as error:
            if not isinstance(error, Rejected):
                self.report.stop(error.sentence())
            return {}

    def _document(
        self, held: fence.Fence, row: Document, wanted: Wanted, findings: Mapping[str, Finding], looked_at: float
    ) -> None:
        """Step by step, until it is settled or may not go on."""
        if self.report.stopped or self._held_back(row):
            return
        try:
            finding = findings.get(row.business_key)
            if finding is None or self._seconds() - looked_at > LOOKUP_GOOD_FOR:
                finding = self.target.look_up([wanted])[row.business_key]
            going = self._step(held, row, wanted, finding)
            while going is not None:
                row, finding = going
                going = self._step(held, row, commits.judged(self.outbox, [row])[row.id], finding)
        except (ConfigurationError, FenceClosed) as error:
            self.report.stop(f"{self.flow}: {error.sentence()}")
        except StErpError as error:
            self.report.sentences.append(error.sentence())

    def _step(self, held: fence.Fence, row: Document, wanted: Wanted, finding: Finding) -> Next:
        decision = decide(row, wanted, finding, self.mode, self.target.has_drafts)
        if decision.move is not None:
            return self._make(decision.move, held, row, wanted, finding)
        if decision.state is None:
            return None
        settled = self._settle(row, decision.state, decision.sentence, wanted, finding)
        return (settled, finding) if settled is not None and decision.state is State.READY else None

    def _settle(self, row: Document, state: State, text: str, wanted: Wanted, finding: Finding) -> Document | None:
        columns: dict[str, Any] = wanted.figures if state in STANDING else {}
        proof = None if finding.found is Found.UNKNOWN else finding
        if proof is None:
            now, is_doubt = self.outbox.now(), state is State.IN_DOUBT
            wait = self.timing.ask_again_after(now - row.doubted_at if is_doubt else timedelta(0))
            columns["settle_at" if is_doubt else "next_try_at"] = now + wait
        if state is State.ENTERED:
            self._brakes.succeeded(row)
        return self.report.count(commits.settle(self.outbox, row, state, text, proof, **columns))

    def _make(self, move: Move, held: fence.Fence, row: Document, wanted: Wanted, finding: Finding) -> Next:
        """One move, with its own intent where it is not repeatable. What its reply says is as good as found."""
        if move is Move.PREPARE:
            return self._prepare(held, row, wanted, finding)
        if finding.found is Found.ABSENT:  # judged by what was sent, sent by what it is today
            wanted = commits.as_said_by(row, row.business_key)
        intent = commits.intend(self.outbox, row, move, wanted, held, self.timing)
        if intent is None:
            return None
        if self._seconds() - intent.document.doubt_boot_seconds > self.timing.send_window.total_seconds():
            text = "Not sent: the send window had passed."
            self.report.count(commits.record(self.outbox, intent, "not_sent", State.READY, text, Reply()))
            return None
        reply = self._answer(intent.document, intent, lambda: self.target.send(wanted, move))
        return None if reply is None else self._succeed(intent, move, wanted, reply)

    def _prepare(self, held: fence.Fence, row: Document, wanted: Wanted, finding: Finding) -> Next:
        with self.outbox.begin() as (con, now):
            fence.hold(con, now, held, self.timing.fence, self.connection)
        reply = self._answer(row, None, lambda: self.target.prepare(wanted))
        ours = None if reply is None or row.etag not in (None, finding.etag) else reply.etag  # else a person's, too
        noted = None if reply is None else commits.note_etag(self.outbox, row, ours)
        return None if noted is None else (noted, replace(finding, likeness=Likeness.PREPARED, etag=noted.etag))

    def _succeed(self, intent: commits.Intent, move: Move, wanted: Wanted, reply: Reply) -> Next:
        outcome, state, text = DONE[move]
        columns: dict[str, Any] = dict(etag=reply.etag)
        if move is Move.POST:
            columns, text = wanted.figures | dict(flag=reply.warning), reply.warning
            self._brakes.succeeded(intent.document)
        elif move is Move.REMOVE:
            columns, reply = dict(etag=None, remote_id=None, remote_number=None), Reply()
        row = self.report.count(commits.record(self.outbox, intent, outcome, state, text, reply, **columns))
        if row is None or row.state != State.READY or (move is Move.ENTER and reply.remote_id is None):
            return None
        entered = Finding(Found.UNFINISHED, reply.remote_id, reply.number, likeness=Likeness.BEGINNING, etag=reply.etag)
        return row, entered if move is Move.ENTER else Finding(Found.ABSENT)

    def _answer(self, row: Document, intent: commits.Intent | None, call: Callable[[], Reply]) -> Reply | None:
        """The reply, or None with the failure written down."""
        try:
            return call()
        except StErpError as error:
            self._fail(row, intent, error)
            if isinstance(error, ConfigurationError):
                raise
        except Exception as error:  # our own fault, but the request may be out
            doubt = InDoubt(f"{type(error).__name__} in our own code", document=row.business_key)
            self._fail(row, intent, doubt)
            self.report.stop(f"{self.flow}: {doubt.sentence()}")
            raise
        return None

    def _fail(self, row: Document, intent: commits.Intent | None, error: StErpError) -> None:
        """What is not proven is in doubt."""
        now, text, columns = self.outbox.now(), error.sentence(), dict[str, Any]()
        outcome, state = FAILED.get(type(error), (None, State.IN_DOUBT))
        if isinstance(error, Rejected):
            columns = dict(cause=error.cause, next_try_at=now + TOMORROW if error.retry_daily else None)
            if self._brakes.refused(row, error):
                said = f"{self.flow}: {REFUSALS_IN_A_ROW} refusals of one cause, the rest stays due: {text}"
                self.report.stop(said, braked=True)
        elif state is State.UNAVAILABLE:
            wait = timedelta(seconds=error.wait_seconds) if error.wait_seconds else self.timing.try_again_after
            columns = dict(next_try_at=now + wait)
        elif intent is None:
            columns = commits.doubt_stamps(self.outbox, now, self.timing)
        if intent is None:
            self.report.count(commits.settle(self.outbox, row, state, text, **columns))
        else:
            facts = dict(status=error.status, code=error.code, correlation_id=error.correlation_id)
            done = commits.record(self.outbox, intent, outcome, state, text, Reply(), facts=facts, **columns)
            self.report.count(done)
