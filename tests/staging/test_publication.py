"""The file that analysts open: what is in it, what it costs to make it anew, and what may go wrong meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import attempts, documents, events, links
from st_erp_pipelines.outbox.states import RULES
from st_erp_pipelines.staging import audit_trail, publication, to_do
from st_erp_pipelines.staging.audit_trail import AuditTrail, audit_tables, published_columns, spans
from st_erp_pipelines.staging.publication import Published, publish, unite
from tests.staging.conftest import NOON, Site, invoice
from tests.staging.test_warehouse import HOLD

CONNECTION, TENANT = "acme", 1001
KEPT = ("stg_servicetitan__invoices", "stg_servicetitan__invoice_items", "quarantine", "loads")
READ_BY_DUCKDB_1 = 64  # the storage version in a file's header; DuckDB 2's own is a higher one


ON_SQLITE = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)  # what both databases do alike


@pytest.fixture
def site(site: Site) -> Site:
    """With a few tables: to explain each column of all takes longer than a test. `rebuild` makes them all."""
    site.con.execute("drop view staging.customers_followed")
    for (table,) in site.rows("select table_name from duckdb_tables() where schema_name = 'staging'"):
        if table not in KEPT:
            site.con.execute(f"drop table staging.{table}")
    return site


@pytest.fixture
def outbox(database_url: str) -> Iterator[Outbox]:
    engine = open_engine(database_url)
    yield Outbox(engine)
    engine.dispose()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "published" / "acme.duckdb"


def enter(outbox: Outbox, *numbers: int, connection: str = CONNECTION, at: datetime = NOON, **columns: Any) -> None:
    """Documents with an attempt and an event."""
    with outbox.engine.begin() as con:
        for number in numbers:
            row = dict(
                connection=connection, place="bc|cronus", flow="invoices", kind="invoice", party="STA-7",
                source_key=f"servicetitan/{TENANT}/invoice/{number}", part=0, revision=0, source_hash="s",
                business_key=f"ST-{connection}-INV-{number}", label=f"N{number}", currency="USD", state="posted",
                home_day=date(2026, 10, 2), business_date=date(2026, 10, 2), amount=Decimal("108.25"),
                payload='{"note": "private"}', payload_hash="p", state_since=at, version=1,
            )  # fmt: skip
            key = con.execute(documents.insert().values(row | columns)).inserted_primary_key
            assert key is not None
            sent = {name: row[name] for name in ("currency", "party", "business_date", "amount", "payload")}
            tried = dict(document_id=key[0], move="post", owner="run", epoch=1, intended_at=at, outcome="posted")
            con.execute(attempts.insert().values(tried | sent))
            con.execute(events.insert().values(document_id=key[0], at=at, state="posted", text="Sent."))


def change(outbox: Outbox, number: int, **columns: Any) -> None:
    with outbox.engine.begin() as con:
        of = documents.c.source_key == f"servicetitan/{TENANT}/invoice/{number}"
        con.execute(documents.update().where(of).values(version=documents.c.version + 1, **columns))


def flag(outbox: Outbox, number: int, at: datetime = NOON) -> None:
    """As intake does it: the version stays, an event is appended."""
    with outbox.engine.begin() as con:
        of = documents.c.source_key == f"servicetitan/{TENANT}/invoice/{number}"
        key = con.execute(documents.update().where(of).values(flag="Changed.").returning(documents.c.id)).scalar_one()
        con.execute(events.insert().values(document_id=key, at=at, state="posted", text="Changed."))


def published(site: Site, outbox: Outbox, target: Path, *, at_once: bool = False) -> Published | None:
    return publish(site.con, outbox, CONNECTION, TENANT, target, now=NOON, at_once=at_once)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def audit_in(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(path, f"select * from audit.{name} order by all") for name in audit_tables()}


# What is in it


def test_staging_and_audit_trail_are_in_it_each_table_and_column_explained(
    site: Site, outbox: Outbox, target: Path
) -> None:
    site.land([invoice(1), invoice(2), invoice(3, total="not money")])
    site.rebuild()
    to_do.rebuild(site.con, [])
    enter(outbox, 1, state="blocked", reasons=[{"code": "no_customer", "text": "It has no customer."}])
    done = published(site, outbox, target)
    assert done is not None
    assert (done.path, done.bytes) == (target, target.stat().st_size)
    held = "select count(*) from duckdb_tables() where schema_name = 'staging'"
    assert rows(target, held) == [(site.rows(held)[0][0] + 1,)], "the view is there, too, as a table"
    assert rows(target, "select invoice_id, total from staging.stg_servicetitan__invoices order by 1") == [
        (1, Decimal("108.2500")), (2, Decimal("108.2500")),
    ]  # fmt: skip
    assert rows(target, "select reason from staging.quarantine") == [("total: 'not money' is no decimal number",)]
    (document,) = rows(target, "select business_key, amount, state_since, reasons, home_day from audit.documents")
    reasons = [{"code": "no_customer", "text": "It has no customer."}]
    assert document == ("ST-acme-INV-1", Decimal("108.25"), NOON, reasons, date(2026, 10, 2))
    assert rows(target, "select outcome, owner from audit.attempts") == [("posted", "run")]
    assert rows(target, "select text, occurred_at from audit.events") == [("Sent.", NOON)]
    assert unexplained(target) == []


def unexplained(path: Path) -> list[tuple[Any, ...]]:
    return rows(
        path,
        "select table_name from duckdb_tables() where coalesce(comment, '') = '' union all "
        "select table_name || '.' || column_name from duckdb_columns() "
        "where schema_name in ('staging', 'audit') and coalesce(comment, '') = ''",
    )


@ON_SQLITE
def test_duckdb_1_reads_it(site: Site, outbox: Outbox, target: Path) -> None:
    """Seen with 1.2, 1.4 and 1.5; here by what these look at first. Such a file takes no types of later formats."""
    published(site, outbox, target)
    site.con.execute("checkpoint")
    assert storage_version(target) == READ_BY_DUCKDB_1
    assert storage_version(site.home / "staging" / "acme.duckdb") > READ_BY_DUCKDB_1


def storage_version(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(20)
    assert head[8:12] == b"DUCK"
    return int.from_bytes(head[12:20], "little")


def test_all_columns_of_the_outbox_are_published_but_what_is_sent() -> None:
    left_out = {"payload", "etag", "doubt_boot_seconds", "doubt_boot_id", "connection"}
    for table in (documents, attempts, events, links):
        names = {column.name for column in published_columns(table)}
        assert names == {column.name for column in table.columns} - left_out
        projected = audit_tables()[table.name].projection
        assert [name for name in names if f" {name}" not in projected.replace('"', " ").replace("(", " ")] == []


@ON_SQLITE
def test_states_are_explained_as_the_engine_reads_them(site: Site, outbox: Outbox, target: Path) -> None:
    published(site, outbox, target)
    said = rows(target, "select state, is_exception, is_final from audit.states")
    assert sorted(said) == sorted((str(state), rule.exception, rule.final) for state, rule in RULES.items())


def test_links_of_the_company_are_in_it_but_not_those_of_another_tenant(
    site: Site, outbox: Outbox, target: Path
) -> None:
    enter(outbox, 1)
    outbox.link("bc|cronus", "customer", "servicetitan/1001/customer/7", erp_number="STA-7", linked_by="post")
    outbox.link("bc|cronus", "customer", "servicetitan/1002/customer/7", erp_number="STB-7", linked_by="post")
    outbox.link("bc|elsewhere", "customer", "servicetitan/1001/customer/7", erp_number="STA-7", linked_by="post")
    assert published(site, outbox, target)
    assert rows(target, "select erp_number, place from audit.links") == [("STA-7", "bc|cronus")]
    assert published(site, outbox, target) is None
    outbox.link("bc|cronus", "customer", "servicetitan/1001/customer/8", erp_number="STA-8", linked_by="post")
    assert published(site, outbox, target)


# What it costs to make it anew


@ON_SQLITE
def test_it_is_made_anew_only_where_something_changed(site: Site, outbox: Outbox, target: Path) -> None:
    enter(outbox, 1, 2)
    site.land([invoice(1)])
    site.load()
    assert published(site, outbox, target)
    assert published(site, outbox, target) is None
    site.land([invoice(1)])
    assert site.load().unchanged == 1
    assert published(site, outbox, target) is None, "read again, and the same"
    assert published(site, outbox, target, at_once=True)
    site.land([invoice(1, balance="0.00")])
    site.load()
    assert published(site, outbox, target), "the balance is in no hash of the source"
    flag(outbox, 2)
    assert published(site, outbox, target)
    change(outbox, 1, sentence="Because.")
    assert published(site, outbox, target)
    with outbox.engine.begin() as con:
        con.execute(documents.update().where(documents.c.label == "N1").values(export_mark="marked"))
    assert published(site, outbox, target), "the version stays"
    enter(outbox, 3, connection="another")
    assert published(site, outbox, target) is None


def test_what_is_taken_over_and_what_is_read_make_the_whole(
    site: Site, outbox: Outbox, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "RANGE", 10)
    long_ago = NOON - timedelta(days=3)
    enter(outbox, *range(1, 60, 2), at=long_ago)
    enter(outbox, *range(60, 70), connection="another")
    enter(outbox, *range(70, 100), at=long_ago)
    published(site, outbox, target)
    change(outbox, 3, sentence="Because.")
    flag(outbox, 75)
    enter(outbox, 200)
    forget(outbox, "N90")
    assert len(changed_ranges(site, outbox, target)) == 4
    published(site, outbox, target)
    anew = target.with_name("anew.duckdb")
    published(site, outbox, anew)
    assert audit_in(target) == audit_in(anew)
    assert len(audit_in(anew)["documents"]) == 60
    assert changed_ranges(site, outbox, target) == set()
    forget(outbox, "N99")
    forget(outbox, "N200")  # nothing is left of their range
    published(site, outbox, target)
    assert len(audit_in(target)["documents"]) == 58


def forget(outbox: Outbox, label: str) -> None:
    """Nothing does so yet."""
    with outbox.engine.begin() as con:
        gone = con.execute(sa.select(documents.c.id).where(documents.c.label == label)).scalar_one()
        for table in (events, attempts):
            con.execute(table.delete().where(table.c.document_id == gone))
        con.execute(documents.delete().where(documents.c.id == gone))


def changed_ranges(site: Site, outbox: Outbox, path: Path) -> set[int]:
    site.con.execute(f"attach '{path}' as before (read_only)")
    try:
        with reading(outbox.engine) as con:
            return AuditTrail(site.con, con, CONNECTION, TENANT, "before").changed
    finally:
        site.con.execute("detach before")


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_an_event_that_is_committed_behind_a_later_one_is_not_missed(
    site: Site, outbox: Outbox, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "RANGE", 1)
    enter(outbox, 1, 2)
    with outbox.engine.begin() as slow:
        one = slow.execute(sa.select(documents.c.id).where(documents.c.label == "N1")).scalar_one()
        slow.execute(events.insert().values(document_id=one, at=NOON, state="posted", text="Late."))
        for second in (1, 2):
            flag(outbox, 2, at=NOON + timedelta(seconds=second))
        published(site, outbox, target)
    assert published(site, outbox, target)
    assert ("Late.",) in rows(target, "select text from audit.events")


@ON_SQLITE
def test_what_is_under_way_is_read_each_time(site: Site, outbox: Outbox, target: Path) -> None:
    """Its content may change without a trace: what is sent stays what it was."""
    enter(outbox, 1, state="in_doubt")
    published(site, outbox, target)
    with outbox.engine.begin() as con:
        con.execute(documents.update().values(amount=Decimal(5)))
    assert published(site, outbox, target)
    assert rows(target, "select amount from audit.documents") == [(Decimal("5.00"),)]


def test_ranges_are_read_a_few_at_once() -> None:
    assert list(spans([])) == []
    assert list(spans({7, 1, 2, 3, 9, 8})) == [(1, 3), (7, 9)]
    assert list(spans(range(45))) == [(0, 19), (20, 39), (40, 44)]


# What may go wrong


@ON_SQLITE
def test_a_failure_leaves_what_was_published_and_nothing_beside_it(
    site: Site, outbox: Outbox, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(site, outbox, target)
    before = target.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(AuditTrail, "write", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            published(site, outbox, target, at_once=True)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]
    left, recent = target.with_name(".st_erp-acme-killed"), target.with_name(".st_erp-acme-at_work")
    left.mkdir()
    recent.mkdir()
    os.utime(left, (0, 0))
    assert published(site, outbox, target, at_once=True)
    assert set(target.parent.iterdir()) == {target, recent}
    assert target.stat().st_mode & 0o222 == 0


@ON_SQLITE
@pytest.mark.parametrize("harm", ["damaged", "of another shape", "no snapshot"])
def test_a_file_that_nothing_can_be_taken_over_from_is_replaced(
    site: Site, outbox: Outbox, target: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(outbox, 1)
    if harm == "of another shape":
        with monkeypatch.context() as patch:
            patch.setattr(publication, "declared_as", lambda: "otherwise")
            published(site, outbox, target)
        enter(outbox, 2)
    else:
        target.parent.mkdir()
        target.write_bytes(b"no database" * 1000) if harm == "damaged" else duckdb.connect(str(target)).close()
    assert published(site, outbox, target)
    assert rows(target, "select count(*) from audit.documents") == [(2 if harm == "of another shape" else 1,)]


@ON_SQLITE
def test_somebody_who_holds_it_for_writing_stops_nothing(site: Site, outbox: Outbox, target: Path) -> None:
    published(site, outbox, target)
    target.chmod(0o644)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        enter(outbox, 1)
        assert published(site, outbox, target)
    finally:
        holder.communicate("go\n")
    assert rows(target, "select label from audit.documents") == [("N1",)]


# All connections in one file


@ON_SQLITE
def test_united_each_table_begins_with_the_connection(site: Site, outbox: Outbox, target: Path) -> None:
    enter(outbox, 1)
    enter(outbox, 2, 3, connection="all_the_rest")
    site.land([invoice(1)])
    site.load()
    published(site, outbox, target)
    other = target.with_name("all_the_rest.duckdb")
    site.con.execute("create table staging.only_here as select 1 as one")
    site.con.execute("comment on table staging.only_here is 'One.'")
    site.con.execute("comment on column staging.only_here.one is 'one'")
    publish(site.con, outbox, "all_the_rest", TENANT, other, now=datetime.now(UTC), at_once=True)
    done = unite({"acme": target, "all_the_rest": other}, target.with_name("all.duckdb"))
    first = "select arg_min(column_name, column_index) from duckdb_columns() where not internal group by table_name"
    assert set(rows(done.path, first)) == {("connection",)}
    found = rows(done.path, "select connection, label from audit.documents order by all")
    assert found == [("acme", "N1"), ("all_the_rest", "N2"), ("all_the_rest", "N3")]
    assert rows(done.path, "from staging.only_here") == [("all_the_rest", 1)]
    assert unexplained(done.path) == []
    assert storage_version(done.path) == READ_BY_DUCKDB_1
    assert sum(done.rows.values()) > 5
