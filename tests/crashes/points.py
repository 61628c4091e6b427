"""The points of the protocol at which a process can be told to die or to stop.

begun                 the process is up, and has done nothing yet
before intent         about to commit an intent
after intent          it is committed, nothing has been sent
sent                  the request that writes is out, no byte of its answer has been read
answered              the answer is in hand
recorded              the outcome is committed
between requests      a document's draft was entered, and its `nth` request since then was answered
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.posting import commits
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.http import Api
from st_erp_pipelines.target import Move
from tests.crashes.orders import Halt

Call = Callable[..., Any]


class Points:
    """Counts what the threads of this process reach, and sends it a signal where it was told to."""

    def __init__(self, halts: Iterable[Halt], erp: ModuleType) -> None:
        self._erp = erp
        self._halts: dict[tuple[str, str, int], Halt] = {(halt.at, halt.move, halt.nth): halt for halt in halts}
        self._reached: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._transaction = threading.RLock()
        self._here = threading.local()  # .move and .writes under way, .requests of a draft that were answered

    def watch(self) -> None:
        self._stop_between_transactions()
        _wrap(commits, "intend", before=self._intending, after=lambda *_: self.reach("after intent"))
        _wrap(commits, "record", after=lambda *_: self.reach("recorded"))
        for target in self._erp.TARGETS:
            _wrap(target, "send", after=self._answered)
        for client, request in self._erp.REQUESTS:
            _wrap(client, request, after=lambda *_: self._between_requests())
        _wrap(Api, "write", before=lambda *_: self._writing(True))
        _wrap(deadline._Stream, "read", before=lambda *_: self._sent())

    def reach(self, point: str) -> None:
        with self._lock:
            for move in ("", getattr(self._here, "move", "")):
                self._reached[point, move] += 1
                self._obey(self._halts.pop((point, move, self._reached[point, move]), None))

    def _obey(self, halt: Halt | None) -> None:
        if halt is not None and halt.how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        elif halt is not None:
            with self._transaction:
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread goes no step further

    def _stop_between_transactions(self) -> None:
        """A process that is stopped inside of one locks the others out, which is safe but shows nothing."""
        inner = Outbox.begin

        @contextmanager
        def begin(outbox: Outbox) -> Iterator[Any]:
            with self._transaction, inner(outbox) as begun:
                yield begun

        setattr(Outbox, "begin", begin)  # noqa: B010

    def _intending(self, _outbox: Any, _document: Any, move: Move, *_: Any) -> None:
        self._here.move = str(move)
        if move is Move.ENTER:
            self._here.requests = None
        self.reach("before intent")

    def _writing(self, writes: bool) -> None:
        self._here.writes = writes

    def _sent(self) -> None:
        """What is read before a write, or after it, is none: a token, an order as it stands."""
        if getattr(self._here, "writes", False):
            self._writing(False)
            self.reach("sent")

    def _answered(self, _target: Any, _wanted: Any, move: Move) -> None:
        self.reach("answered")
        if move is Move.ENTER:
            self._here.requests = 0

    def _between_requests(self) -> None:
        """Those of entering are not counted, and what a thread does before it has entered anything does not matter."""
        if getattr(self._here, "requests", None) is not None:
            self._here.requests += 1
            with self._lock:
                self._obey(self._halts.pop(("between requests", "", self._here.requests), None))


def _wrap(owner: Any, name: str, *, before: Call | None = None, after: Call | None = None) -> None:
    inner = getattr(owner, name)

    def wrapped(*args: Any, **more: Any) -> Any:
        if before:
            before(*args)
        result = inner(*args, **more)
        if after:
            after(*args)
        return result

    setattr(owner, name, wrapped)
