"""One test: a company of its own, an outbox, and the processes that post from the one to the other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import attempts, documents, fences
from tests.crashes.erps import ERPS
from tests.crashes.orders import Halt, Orders
from tests.crashes.process import post

PROJECT = Path(__file__).parents[2]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([post.__module__])
PATIENCE = 120.0  # seconds; no test depends on how fast things go, but none waits for ever
READS = {"GET", "HEAD"}
PERSONS = "PO 4711"  # the reference of what a person entered and posted


def until(done: Callable[[], object], what: str) -> None:
    """Raises TimeoutError, which no test takes for a breakage that was seen."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"it never happened: {what}")
        time.sleep(0.02)


class Process:
    """A process of its own, forked off one that has imported what it needs: that takes longer than most tests."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._process = FORKS.Process(target=post, args=(orders.text,))
        self._process.start()

    def dies(self) -> None:
        """By its own hand, at the point that it was given."""
        self._ends_with(-signal.SIGKILL)

    def ends(self) -> None:
        """With nothing left to do."""
        self._ends_with(0)

    def stops(self) -> None:
        until(self._is_stopped, "the process stopped at its point")

    def goes_on(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def is_killed(self) -> None:
        self._process.kill()
        self._process.join(PATIENCE)

    @property
    def _pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def _is_stopped(self) -> bool:
        if not self._process.is_alive():
            raise RuntimeError("the process ended instead of stopping")
        return Path(f"/proc/{self._pid}/stat").read_text("ascii").rpartition(") ")[2].startswith("T")

    def _ends_with(self, code: int) -> None:
        self._process.join(PATIENCE)
        if self._process.is_alive():
            raise TimeoutError(f"the process went on for {PATIENCE:g} s")
        if self._process.exitcode != code:
            raise RuntimeError(f"the process ended with {self._process.exitcode} instead of {code}")


class World:
    """`company`: its URL on the server. `breakages`: what is broken in every process."""

    def __init__(self, database: str, erp: str, company: str, breakages: Sequence[str] = ()) -> None:
        self._orders = Orders(database, erp, company, breakages=tuple(breakages))
        self.erp = ERPS[erp]
        self.outbox = Outbox(open_engine(database))
        self.is_sqlite = database.startswith("sqlite")
        self.clock_was_set = False
        self.posted_by_person = 0
        self.expected: list[str] = []  # what the audit trail has to say, beyond what every test looks for
        self.processes: list[Process] = []
        self.client = self.erp.client_of(company, self.settle_after)
        self._control = httpx.Client(base_url=f"{company}/_control/", timeout=PATIENCE)

    def close(self) -> None:
        for process in self.processes:
            process.is_killed()
        self.outbox.engine.dispose()
        self._control.close()
        self.client.close()

    # What there is to post

    def needs(self, **changes: Any) -> None:
        """Orders that every process gets."""
        self._orders = replace(self._orders, **changes)

    @property
    def settle_after(self) -> float:
        return self._orders.settle_after

    def brings(self, built: Sequence[BuiltDocument], connection: str = "northwind") -> None:
        place = self.erp.target_of(self.client, self._orders).place
        bring(self.outbox, connection, place, built[0].flow, built)

    def brings_invoices(self, count: int = 6, *, prefix: str = "A", tenant: int = 1001) -> None:
        connection = "northwind" if prefix == "A" else f"northwind_{prefix.lower()}"
        self.brings([self._invoice(number, prefix, tenant) for number in range(1, count + 1)], connection)

    def _invoice(self, number: int, prefix: str, tenant: int) -> BuiltDocument:
        day, key, total = date(2026, 11, 3), f"ST-{prefix}-INV-{number}", Decimal("100.00") + number
        payload = self.erp.invoice(key, number, day, total)
        common = ("invoices", "invoice", f"servicetitan/{tenant}/invoice/{number}", key, day, day, total, "USD")
        return BuiltDocument(*common, self.erp.PARTY, "h1", payload, label=str(number))

    def brings_payments(self, count: int = 2, amounts: Sequence[str] = ("60.00", "40.00")) -> None:
        self.needs(flow="payments")
        each = (self.erp.payment(number, date(2026, 11, 5), amounts) for number in range(1, count + 1))
        self.brings([document for documents in each for document in documents])

    def brings_parties(self, count: int = 2) -> None:
        self.needs(flow="parties")
        self.brings([self.erp.party(number, date(2026, 11, 5)) for number in range(1, count + 1)])

    # Who posts it

    def process(self, *halts: Halt, **changes: Any) -> Process:
        process = Process(replace(self._orders, halts=halts, **changes))
        self.processes.append(process)
        return process

    def is_finished(self, **changes: Any) -> None:
        """By a new process."""
        self.process(**changes).ends()

    # What the server does, and did

    @property
    def first_move(self) -> Literal["enter", "post"]:
        """By which a document comes to be there."""
        first: Literal["enter", "post"] = self.erp.MOVES[0]
        return first

    def path_of(self, move: str) -> str:
        return str(self.erp.path_of(move, self._orders))

    @property
    def creating(self) -> Mapping[str, str]:
        """What a fault has to meet: the requests of the first move."""
        return dict(method="POST", path_contains=self.path_of(self.first_move))

    @property
    def asking(self) -> Mapping[str, str]:
        """Or those of a look-up for what is posted."""
        return dict(method="GET", path_contains=self.erp.POSTED[self._orders.flow])

    @contextmanager
    def fault(self, kind: str, **rule: Any) -> Iterator[None]:
        """Until the block ends; what it holds then goes on."""
        self._control.post("faults", json=dict(kind=kind, **rule)).raise_for_status()
        yield
        self._control.delete("faults").raise_for_status()

    def server_ignores_filters(self, times: int) -> None:
        self._control.post("deaf", params=dict(times=times)).raise_for_status()

    def person_does(self, name: str, **values: Any) -> None:
        self._control.post(f"{self._orders.erp}/{name}", json=values).raise_for_status()

    def log(self) -> list[dict[str, Any]]:
        """Every request that the server has answered, or would have."""
        found: list[dict[str, Any]] = self._asked("log")
        return found

    def writes(self) -> list[dict[str, Any]]:
        return [each for each in self.log() if each["method"] not in READS]

    def state(self) -> dict[str, Any]:
        """All that the company holds."""
        found: dict[str, Any] = self._asked(f"{self._orders.erp}/state")
        return found

    def holds_replies(self) -> int:
        """To what it has done."""
        return sum(entry["fault"] == "slow_reply" and bool(entry["committed"]) for entry in self.log())

    def has_committed_late(self) -> bool:
        return any(entry["fault"] == "late_commit" for entry in self.log())

    def _asked(self, name: str) -> Any:
        return simplejson.loads(self._control.get(name).text, use_decimal=True)

    # What the outbox says

    def documents(self) -> list[Document]:
        return self._rows(documents)

    def states(self) -> Counter[str]:
        return Counter(row.state for row in self.documents())

    def attempts(self) -> list[Any]:
        return self._rows(attempts)

    def fences(self) -> list[Any]:
        return self._rows(fences, fences.c.place)

    def somebody_waits_for_the_fence(self) -> bool:
        return any(row.next_owner for row in self.fences())

    def _rows(self, table: sa.Table, order: Any = None) -> list[Any]:
        with reading(self.outbox.engine) as con:
            return list(con.execute(sa.select(table).order_by(table.c.id if order is None else order)).all())
