"""Posting exactly once: take the fence, look up, decide, intend, send, record; DESIGN section 5.

One run works through what is due of one flow, a chunk at a time, each chunk under the fence of its place.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import simplejson

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.outbox import Attempt, Document, Outbox
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting.brakes import REFUSALS_IN_A_ROW, Brakes
from st_erp_pipelines.posting.decide import Make, Mode, Settle, Stay, decide
from st_erp_pipelines.posting.fence import Fence
from st_erp_pipelines.posting.target import Finding, Found, Likeness, Move, Reply, Target, Wanted

CHUNK = 50
LOOKUP_GOOD_FOR = timedelta(seconds=60)
REFUSED_UNTIL = timedelta(days=1)
MAX_WAIT = timedelta(minutes=10)


@dataclass
class Limits:
    max_documents: int | None = None
    max_amount: Decimal | None = None


@dataclass
class RunReport:
    """What a run did: documents by the state they were left in, the money posted, and what stopped it."""

    left: dict[int, tuple[State, Decimal]] = field(default_factory=dict)  # by document: its last state, its amount
    sentences: list[str] = field(default_factory=list)
    stopped: bool = False
    braked: bool = False

    @property
    def states(self) -> Counter[str]:
        return Counter(state for state, _ in self.left.values())

    @property
    def amount_posted(self) -> Decimal:
        return sum((amount for state, amount in self.left.values() if state is State.POSTED), Decimal(0))

    def brake(self, sentence: str) -> None:
        """A stop that trying again soon would only repeat."""
        self.braked = True
        self.stop(sentence)

    def stop(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)
        self.stopped = True


class Run:
    """One flow of one connection, once; `days` limits it to documents of those home days."""

    def __init__(
        self,
        outbox: Outbox,
        target: Target,
        *,
        connection: str,
        flow: str,
        mode: Mode,
        days: Iterable[date] | None = None,
        limits: Limits | None = None,
        progress: Callable[[RunReport], None] = lambda report: None,
        jitter: random.Random | None = None,
    ) -> None:
        self.outbox, self.target, self.timing = outbox, target, target.timing
        self.connection, self.flow, self.mode = connection, flow, mode
        self.days = None if days is None else list(days)
        self.limits, self.progress = limits or Limits(), progress
        self.jitter = jitter or random.Random()
        self.owner = uuid.uuid4().hex
        self.report = RunReport()
        self._handled: set[int] = set()
        self._brakes = Brakes()

    def work(self) -> RunReport:
        """Everything due, chunk by chunk. Ends cleanly; what is left stays due."""
        if self.mode == "observe" or self._exceeds_limits():
            return self.report
        while not self.report.stopped and self._due(1):
            fence = self._wait_for_fence()
            if fence is None:
                break
            try:
                self._chunk(fence)
            finally:
                self.outbox.give_back_fence(fence)
        return self.report

    def _due(self, limit: int) -> list[Document]:
        return self.outbox.due(self.target.place, self.connection, self.flow, self.days, limit, self._handled)

    def _exceeds_limits(self) -> bool:
        if self.limits.max_documents is None and self.limits.max_amount is None:
            return False
        due = [row for row in self._due(1_000_000) if row.state not in (State.ENTERED, State.IN_DOUBT)]
        amount = sum((abs(row.amount) for row in due), Decimal(0))
        for name, figure, limit in (
            ("max_documents", Decimal(len(due)), self.limits.max_documents),
            ("max_amount", amount, self.limits.max_amount),
        ):
            if limit is not None and figure > limit:
                self.report.brake(f"{self.flow}: {figure} due exceeds {name} {limit}; nothing was sent.")
        return self.report.stopped

    def _wait_for_fence(self) -> Fence | None:
        clock, began = self.outbox.clock, self.outbox.now()
        while True:
            fence = self.outbox.take_fence(self.target.place, self.owner, self.timing.fence)
            if fence is not None:
                return fence
            if self.outbox.now() - began > MAX_WAIT:
                self.report.stop(f"{self.flow}: another process writes to {self.target.place}; the rest stays due.")
                return None
            clock.sleep(self.jitter.uniform(0.2, 1.0))

    # A chunk

    def _chunk(self, fence: Fence) -> None:
        rows = self._due(CHUNK)
        self._handled.update(row.id for row in rows)
        first, later = self._brakes.one_of_each_first(rows)
        for wave in (first, later):
            wave = [row for row in wave if not self._waits_until_tomorrow(row)]
            rows = [row for row in wave if not self._doubt_restarted(row)]
            if rows and not self.report.stopped:
                self._wave(fence, rows)

    def _waits_until_tomorrow(self, row: Document) -> bool:
        if not self._brakes.hold_back(row):
            return False
        state = State.REJECTED if row.state == State.REJECTED else State.UNAVAILABLE
        sentence = "Not sent: others of its kind were refused today; tried again tomorrow."
        self._settle(row, state, sentence, next_try_at=self._in(REFUSED_UNTIL))
        return True

    def _doubt_restarted(self, row: Document) -> bool:
        return row.state == State.IN_DOUBT and self.outbox.restart_doubt_if_clock_moved(row, self.timing)

    def _wave(self, fence: Fence, rows: list[Document]) -> None:
        wanted = {row.id: self.outbox.wanted(row) for row in rows}
        looked_at, findings = self.outbox.now(), self._look_up(list(wanted.values()))
        if findings is None:
            return
        with ThreadPoolExecutor(self.target.lanes) as lanes:
            under_way: set[Future[None]] = {
                lanes.submit(self._document, fence, row, wanted[row.id], findings, looked_at) for row in rows
            }
            renewed = self.outbox.now()
            while under_way:
                done, under_way = wait(under_way, self.timing.fence.total_seconds() / 8, FIRST_COMPLETED)
                if self.outbox.now() - renewed > self.timing.fence / 4:
                    renewed = self.outbox.now()
                    if not self.outbox.renew_fence(fence, self.timing.fence):
                        self.report.stop(f"{self.flow}: the fence of {self.target.place} was lost; the rest stays due.")
                for future in done:
                    future.result()
                self.progress(self.report)

    def _look_up(self, wanted: list[Wanted]) -> Mapping[str, Finding] | None:
        """Of a whole wave. One that is refused is asked again document by document, to find who is at fault."""
        try:
            return self.target.look_up(wanted)
        except Rejected:
            return {}
        except StErpError as error:
            self.report.stop(error.sentence())
            return None

    # A document

    def _document(
        self,
        fence: Fence,
        row: Document,
        wanted: Wanted,
        findings: Mapping[str, Finding],
        looked_at: datetime,
    ) -> None:
        if self.report.stopped or self._waits_until_tomorrow(row):
            return
        try:
            if row.business_key not in findings or self.outbox.now() - looked_at > LOOKUP_GOOD_FOR:
                findings = self.target.look_up([wanted])
            self._carry_out(fence, row, wanted, findings[row.business_key])
        except ConfigurationError as error:
            self.report.stop(error.sentence())
        except StErpError as error:
            self.report.sentences.append(error.sentence())

    def _carry_out(self, fence: Fence, row: Document, wanted: Wanted, finding: Finding) -> None:
        decision = decide(row, wanted, finding, self.mode, self.target.has_drafts)
        known = dict(remote_id=finding.remote_id, remote_number=finding.number)
        if isinstance(decision, Stay):
            self._stay(row, decision.sentence)
        elif isinstance(decision, Settle):
            self._settle(row, decision.state, decision.sentence, found=finding.found, **known)
        elif row.state == State.IN_DOUBT:
            if finding.found is Found.UNFINISHED and finding.likeness is Likeness.EQUAL:
                known |= dict(etag=finding.etag)  # exactly what we sent, so nobody touched it since
            settled = self._settle(row, State.READY, decision.sentence, found=finding.found, **known)
            if settled is not None:
                self._carry_out(fence, settled, self.outbox.wanted(settled), finding)
        else:
            if finding.found is Found.UNFINISHED and row.remote_id != finding.remote_id:
                self._settle(row, State.READY, decision.sentence, **known)
            self._make(fence, row.id, decision)

    def _make(self, fence: Fence, document_id: int, decision: Make) -> None:
        for move in decision.moves:
            if not self._move(fence, self.outbox.get(document_id), move):
                return
        row = self.outbox.get(document_id)
        if decision.then_withdraw:
            self._settle(row, State.WITHDRAWN, "Taken back: it was voided at its source.")
        elif self.target.has_drafts and self.mode == "draft":
            self._leave_entered(fence, row)

    def _leave_entered(self, fence: Fence, row: Document) -> None:
        if self._prepared(fence, row):
            self._brakes.succeeded(row)
            self._settle(row, State.ENTERED, "Left there unposted, on purpose.")

    def _prepared(self, fence: Fence, row: Document) -> Reply | None:
        """The draft brought to what was sent; its ETag noted, which tells our last write from a person's."""
        reply = self._guarded(row, lambda: self._prepare(fence, row))
        if reply is not None:
            self.outbox.note_etag(row, reply.etag)
        return reply

    def _move(self, fence: Fence, row: Document, move: Move) -> bool:
        """One move with its own intent; False where the document is not to go on."""
        wanted = self.outbox.wanted(row)
        creates = move is Move.ENTER or not self.target.has_drafts
        if creates:  # judged by what was sent, sent by what it is today
            wanted = replace(wanted, payload=simplejson.loads(row.payload), remote_id=None, etag=None)
        elif move is Move.POST:
            if row.voided or row.payload_hash != row.sent_hash and wanted.ours:
                return False  # changed at its source since it was entered: the next run takes that draft back
            prepared = self._prepared(fence, row)
            if prepared is None:
                return False
            wanted = replace(wanted, etag=prepared.etag or wanted.etag)
        attempt = self.outbox.intend(row, move, wanted, fence, self.timing)
        if attempt is None:
            self._stop_unless_we_may_write(fence)
            return False
        if self.outbox.clock.boot_seconds() - attempt.boot_seconds > self.timing.send_window.total_seconds():
            self._record(row, attempt, "not_sent", State.READY, "Not sent: the send window had passed.")
            return False
        reply = self._guarded(row, lambda: self.target.send(wanted, move), attempt)
        if reply is None:
            return False
        self._succeed(row, attempt, move, reply)
        return True

    def _stop_unless_we_may_write(self, fence: Fence) -> None:
        if not self.outbox.may_write(fence, self.connection, self.timing):
            self.report.stop(f"{self.flow}: paused, or the fence of {self.target.place} was lost; the rest stays due.")

    def _prepare(self, fence: Fence, row: Document) -> Reply:
        if not self.outbox.may_write(fence, self.connection, self.timing):
            raise Unavailable("paused, or the fence was lost before the draft was touched", document=row.business_key)
        return self.target.prepare(self.outbox.wanted(row))

    def _succeed(self, row: Document, attempt: Attempt, move: Move, reply: Reply) -> None:
        if move is Move.POST:
            self._record(row, attempt, "posted", State.POSTED, reply.warning, reply=reply, flag=reply.warning)
            self._brakes.succeeded(row)
        elif move is Move.ENTER:
            self._record(row, attempt, "entered", State.READY, "Entered, not yet posted.", reply=reply)
        else:
            gone = dict(remote_id=None, remote_number=None, etag=None)
            self._record(row, attempt, "removed", State.READY, "Taken back.", **gone)

    def _guarded(self, row: Document, action: Callable[[], Reply], attempt: Attempt | None = None) -> Reply | None:
        """The reply, or None with the outcome recorded. What is not proven is in doubt."""
        try:
            return action()
        except Unavailable as error:
            wait_for = timedelta(seconds=error.wait_seconds) if error.wait_seconds else self.timing.try_again_after
            self._fail(row, attempt, "unavailable", State.UNAVAILABLE, error, next_try_at=self._in(wait_for))
        except ConfigurationError as error:
            self._fail(
                row, attempt, "unavailable", State.UNAVAILABLE, error, next_try_at=self._in(self.timing.try_again_after)
            )
            self.report.stop(error.sentence())
        except Rejected as error:
            self._refuse(row, attempt, error)
        except InDoubt as error:
            self._doubt(row, attempt, error)
        except Exception as error:  # our own fault, but the request may be out
            self._doubt(row, attempt, InDoubt(f"{type(error).__name__} in our own code", document=row.business_key))
            raise
        return None

    def _doubt(self, row: Document, attempt: Attempt | None, error: InDoubt) -> None:
        stamps = {} if attempt else self.outbox.doubt_stamps(self.outbox.now(), self.timing)
        self._fail(row, attempt, None, State.IN_DOUBT, error, **stamps)

    def _refuse(self, row: Document, attempt: Attempt | None, error: Rejected) -> None:
        tomorrow = self._in(REFUSED_UNTIL) if error.retry_daily else None
        self._fail(row, attempt, "rejected", State.REJECTED, error, next_try_at=tomorrow, cause=error.cause)
        if self._brakes.refused(row, error):
            said = f"{self.flow}: {REFUSALS_IN_A_ROW} refusals of one cause, the rest stays due: {error.sentence()}"
            self.report.brake(said)

    # Writing it down

    def _fail(
        self,
        row: Document,
        attempt: Attempt | None,
        outcome: str | None,
        state: State,
        error: StErpError,
        **columns: Any,
    ) -> None:
        if attempt is None:
            self._settle(row, state, error.sentence(), **columns)
        else:
            facts = dict(status=error.status, code=error.code, correlation_id=error.correlation_id)
            self._record(row, attempt, outcome, state, error.sentence(), facts=facts, **columns)

    def _record(
        self, row: Document, attempt: Attempt, outcome: str | None, state: State, sentence: str, **more: Any
    ) -> None:
        if self.outbox.record(attempt, outcome, state, sentence, **more):
            self._count(row, state)

    def _settle(self, row: Document, state: State, sentence: str, **more: Any) -> Document | None:
        """The row as it is then, or None where somebody else changed it meanwhile."""
        if not self.outbox.settle(row, state, sentence, **more):
            return None
        self._count(row, state)
        return self.outbox.get(row.id)

    def _stay(self, row: Document, sentence: str) -> None:
        """Unknown: nothing is sent, and it is asked again in a while."""
        if row.state == State.IN_DOUBT:
            self._settle(row, State.IN_DOUBT, sentence, settle_at=self._in(self.timing.ask_again_after))
        elif row.state != State.ENTERED:
            self._settle(row, State.UNAVAILABLE, sentence, next_try_at=self._in(self.timing.ask_again_after))

    def _count(self, row: Document, state: State) -> None:
        self.report.left[row.id] = (state, row.amount)

    def _in(self, wait_for: timedelta) -> datetime:
        return self.outbox.now() + wait_for
