"""Several at once on one database. On PostgreSQL transactions run side by side, and the time is the server's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import cursors, documents, events, fences, links, pauses
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting import commits, fence
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.target import Finding, Found, Move, Reply
from tests.databases import Cluster
from tests.posting.conftest import built
from tests.posting.ledger import LOST, LOST_AFTER_COMMIT, Ledger, SimulatedClock

Do = Callable[..., Any]
HOUR = timedelta(hours=1)
on_postgresql = pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)


def row_of(outbox: Outbox, number: int) -> Any:
    with outbox.engine.begin() as con:
        return con.execute(sa.select(documents).where(documents.c.business_key == f"ST-A-INV-{number}")).one()


class Crowd:
    """Others, each in a thread; they wait for what `held` keeps locked, in the order in which they came."""

    def __init__(self, cluster: Cluster, pool: ThreadPoolExecutor) -> None:
        self._cluster, self._pool, self._waiting = cluster, pool, 0

    def queues(self, action: Callable[..., Any], *args: Any, **more: Any) -> Future[Any]:
        self._waiting += 1
        future = self._pool.submit(action, *args, **more)
        until, blocked = time.monotonic() + 10, -1
        while blocked != self._waiting and not future.done() and time.monotonic() < until:
            time.sleep(0.01)
            with self._cluster.connect() as con:
                query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                (blocked,) = con.execute(query).fetchone() or (-1,)
        assert blocked == self._waiting, "it waits for nobody"
        return future

    @contextmanager
    def held(self, outbox: Outbox, *statements: sa.Executable) -> Iterator[None]:
        """What these statements lock or insert, until the end of the block."""
        with outbox.engine.begin() as con:
            for statement in statements:
                con.execute(statement)
            yield


@pytest.fixture
def crowd(postgresql: Cluster) -> Iterator[Crowd]:
    with ThreadPoolExecutor() as pool:
        yield Crowd(postgresql, pool)


def locked(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(table).where(*where).with_for_update()


@on_postgresql
def test_two_take_a_fence_that_nobody_took_before(outbox: Outbox, clock: SimulatedClock, crowd: Crowd) -> None:
    first = fences.insert().values(place="place", owner="first", epoch=1, until=clock.now() + HOUR)
    with crowd.held(outbox, first):
        other = crowd.queues(fence.take, outbox, "place", "other", HOUR)
    assert other.result() is None


@on_postgresql
def test_one_of_two_gets_a_fence_that_ran_out(outbox: Outbox, clock: SimulatedClock, crowd: Crowd) -> None:
    fence.take(outbox, "place", "died", HOUR)
    clock.pass_(2 * HOUR)
    with crowd.held(outbox, locked(fences)):
        both = [crowd.queues(fence.take, outbox, "place", owner, HOUR) for owner in ("one", "other")]
    assert sorted(each.result() is None for each in both) == [False, True]


@on_postgresql
def test_two_builds_make_a_document_once(enter: Do, outbox: Outbox, ledger: Ledger, crowd: Crowd) -> None:
    slow = open_engine(outbox.engine.url.render_as_string(hide_password=False))
    slow_outbox, has_built, go = Outbox(slow), threading.Event(), threading.Event()
    sa.event.listen(slow, "commit", lambda con: has_built.set() or go.wait(10))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(bring, slow_outbox, "northwind", ledger.place, "invoices", [built(1)])
        has_built.wait(10)
        try:
            second = crowd.queues(enter, built(1, amount=Decimal(5)))
        finally:
            go.set()
    slow.dispose()
    assert (first.result(), second.result()) == ({"ready": 1}, {})
    assert row_of(outbox, 1).amount == 5


@on_postgresql
@pytest.mark.parametrize("take_first", [True, False])
def test_who_changes_several_documents_goes_in_one_order(
    enter: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, crowd: Crowd, take_first: bool
) -> None:
    """A build, and who takes the fence of a process that died while it was sending."""
    pair = [built(2), built(1)]
    for each in pair:
        enter(each)
    fence.take(outbox, ledger.place, "died", HOUR)
    with outbox.engine.begin() as con:
        con.execute(documents.update().values(state=State.SENDING))
    clock.pass_(2 * HOUR)
    actions: list[tuple[Any, ...]] = [(fence.take, outbox, ledger.place, "next", HOUR), (enter, *pair)]
    with crowd.held(outbox, locked(documents, documents.c.business_key == "ST-A-INV-1")):
        results = [crowd.queues(*each) for each in (actions if take_first else actions[::-1])]
    assert [each.exception() for each in results] == [None, None]
    assert row_of(outbox, 1).state == row_of(outbox, 2).state == State.IN_DOUBT


def sending(outbox: Outbox, ledger: Ledger) -> commits.Intent:
    fenced = fence.take(outbox, ledger.place, "owner", HOUR)
    row = row_of(outbox, 1)
    assert fenced is not None
    intent = commits.intend(outbox, row, Move.ENTER, commits.as_said_by(row, row.business_key), fenced, ledger.timing)
    assert intent is not None
    return intent


@on_postgresql
@pytest.mark.parametrize("settle_first", [True, False])
def test_a_reply_that_comes_while_its_doubt_is_settled(
    enter: Do, outbox: Outbox, ledger: Ledger, crowd: Crowd, settle_first: bool
) -> None:
    enter(built(1))
    intent = sending(outbox, ledger)
    record = (commits.record, outbox, intent, "entered", State.READY, "", Reply("id1"))
    settle = (commits.settle, outbox, intent.document, State.READY, "found", Finding(Found.UNFINISHED, "id1"))
    with crowd.held(outbox, locked(documents)):
        both = [crowd.queues(*each) for each in ((settle, record) if settle_first else (record, settle))]
    first, second = (each.result() for each in both)
    assert first.state == State.READY
    assert second is None
    with outbox.engine.begin() as con:
        late = [text for text in con.scalars(sa.select(events.c.text)) if text.startswith("A late reply")]
    assert len(late) == settle_first


@on_postgresql
@pytest.mark.parametrize("table", [fences, documents])
def test_an_intent_that_had_to_wait_is_as_old_as_its_waiting(
    enter: Do, outbox: Outbox, ledger: Ledger, clock: SimulatedClock, crowd: Crowd, table: sa.Table
) -> None:
    """Else a send could come later after its time than the settling of its doubt reckons with."""
    enter(built(1))
    fence.give_back(outbox, fence.take(outbox, ledger.place, "owner", HOUR))  # type: ignore[arg-type]
    fenced, row = fence.take(outbox, ledger.place, "owner", HOUR), row_of(outbox, 1)
    began = clock.boot_seconds()
    with crowd.held(outbox, locked(table)):
        wanted = commits.as_said_by(row, row.business_key)
        intent = crowd.queues(commits.intend, outbox, row, Move.ENTER, wanted, fenced, ledger.timing)
        clock.pass_(timedelta(seconds=30))
    assert intent.result().document.doubt_boot_seconds == began


@on_postgresql
@pytest.mark.parametrize(
    ("first", "note"),
    [
        (cursors.insert().values(name="c", value="1"), lambda outbox: outbox.put_cursor("c", "2")),
        (
            links.insert().values(place="p", kind="customer", source_key="k", erp_number="1"),
            lambda outbox: outbox.link("p", "customer", "k", erp_number="2"),
        ),
        (
            pauses.insert().values(scope="northwind", since=datetime(2026, 11, 2, tzinfo=UTC)),
            lambda outbox: outbox.pause("northwind"),
        ),
    ],
    ids=["cursor", "link", "pause"],
)
def test_two_note_one_fact(outbox: Outbox, crowd: Crowd, first: sa.Insert, note: Callable[[Outbox], None]) -> None:
    with crowd.held(outbox, first):
        other = crowd.queues(note, outbox)
    assert other.exception() is None
    with outbox.engine.begin() as con:
        (row,) = con.execute(sa.select(first.table))
    assert "1" not in row[1:]  # the last word counts


def test_two_processes_on_one_place_post_each_document_once(database_url: str, ledger: Ledger) -> None:
    """In real time, each with a connection of its own."""
    ledger.lanes = 3
    outboxes = [Outbox(open_engine(database_url), SystemClock()) for _ in range(2)]
    bring(outboxes[0], "northwind", ledger.place, "invoices", [built(number) for number in range(1, 121)])

    def run(outbox: Outbox) -> Any:
        return Run(outbox, ledger, connection="northwind", flow="invoices", mode="post").work()

    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(run, outboxes))
    assert sum(report.states["posted"] for report in reports) == 120
    assert all(report.states["posted"] for report in reports), "one had to wait for all of the other's"
    assert len(ledger.posted()) == len(ledger.papers) == len(set(ledger.posted())) == 120
    for outbox in outboxes:
        outbox.engine.dispose()


# The time


@pytest.fixture
def of_the_product(database_url: str, clock: SimulatedClock) -> Iterator[Outbox]:
    """Not the simulated one; its clock is years away."""
    clock.wall = datetime(2031, 1, 1, tzinfo=UTC)
    engine = open_engine(database_url)
    yield Outbox(engine, clock)
    engine.dispose()


@on_postgresql
def test_on_postgresql_the_time_is_the_servers(of_the_product: Outbox, ledger: Ledger) -> None:
    ledger.plan.append(LOST)
    bring(of_the_product, "northwind", ledger.place, "invoices", [built(1)])
    Run(of_the_product, ledger, connection="northwind", flow="invoices", mode="post").work()
    row, now = row_of(of_the_product, 1), datetime.now(UTC)
    assert row.state == State.IN_DOUBT
    for stamp in (of_the_product.now(), row.state_since, row.doubted_at, row.settle_at - ledger.timing.settle_after):
        assert abs(stamp - now) < timedelta(minutes=1)


@on_postgresql
def test_a_wall_clock_that_drifts_restarts_no_doubt_on_postgresql(
    of_the_product: Outbox, ledger: Ledger, clock: SimulatedClock
) -> None:
    def run() -> None:
        Run(of_the_product, ledger, connection="northwind", flow="invoices", mode="post").work()

    ledger.plan.extend([None, LOST_AFTER_COMMIT])
    bring(of_the_product, "northwind", ledger.place, "invoices", [built(1)])
    run()
    clock.wall += HOUR
    run()
    assert row_of(of_the_product, 1).state == State.IN_DOUBT, "only the server's time counts"
    with of_the_product.engine.begin() as con:
        con.execute(documents.update().values(settle_at=of_the_product.now()))
    clock.wall -= 2 * HOUR
    run()
    assert row_of(of_the_product, 1).state == State.POSTED
