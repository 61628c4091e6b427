"""A customer is forgotten: nothing tells of him any more, and nothing else changes. Over sockets, without Dagster."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from st_erp_pipelines.cli import app
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.flows import SALES_FLOWS
from st_erp_pipelines.forget import Cleared, Person
from st_erp_pipelines.outbox.forgotten import Forgotten
from st_erp_pipelines.outbox.schema import attempts, documents, events
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.staging.landing import in_memory
from tests.world import Site, contractor, plain_invoices, running_site, with_only

pytestmark = pytest.mark.slow(8)
NAME, UNIT, PHONE, MAIL, WORD = "Zebulon Quillfeather", "Unit QX-77", "7735550142", "zq@quill.example", "Wollemipine"
TRACES = (*NAME.split(), UNIT, PHONE, MAIL, WORD)
STREET = "12 Shared Lane"
BY_ID = ("invoices", "payments")
BY_DAY = ("customers", "customer_contacts", "locations")
READ_BACK = ("customers", "sales_invoices", "general_ledger_entries")
WHOLE = ("accounts", "dimensions", "dimension_values", "tax_groups", "general_ledger_setup")


def father_and_son(whole: Contractor) -> Contractor:
    """Two customers at one address, each with an invoice; the father's is paid. His alone is what `TRACES` names."""
    his, sons = plain_invoices(whole)[:2]
    few = with_only(whole, [his, sons])
    father, paid = his["customer"]["id"], whole.servicetitan["payments"]

    def told(row: Wire) -> Wire:
        address = dict(street=STREET, unit=UNIT if _owner(row) == father else None)
        personal = dict(
            name=NAME, value=PHONE if row.get("type") == "Phone" else MAIL, memo=WORD, summary=f"<p>{WORD}</p>",
            customer={"id": father, "name": NAME}, location=(row.get("location") or {}) | {"name": NAME},
            items=[item | {"description": f"{WORD} for {NAME}"} for item in row.get("items", [])],
        ) if _owner(row) == father else {}  # fmt: skip
        return row | {name: value for name, value in personal.items() if name in row} | (
            {"address": row["address"] | address} if "address" in row else {}
        )  # fmt: skip

    rows = few.servicetitan | {
        "payments": [row for row in paid if any(each["appliedTo"] == his["id"] for each in row["appliedTo"])],
        "locations": [row for row in few.servicetitan["locations"] if _owner(row) == father],
    }
    entities = (*BY_ID, *BY_DAY)
    return replace(few, servicetitan=rows | {name: [told(row) for row in rows[name]] for name in entities})


def _owner(row: Wire) -> int:
    owner: int = row["customer"]["id"] if "customer" in row else row.get("customerId", row["id"])
    return owner


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    whole = father_and_son(contractor(days=7, scale=0.05))
    with running_site(tmp_path_factory.mktemp("forget"), whole) as site:
        yield site


def read(site: Site, pipeline: Pipeline, *entities: str) -> None:
    """ServiceTitan: what was modified today, and what is asked for by id, though it was not."""
    titan = pipeline.extract("servicetitan")
    for entity in entities:
        if entity in BY_ID:
            titan.by_id(entity, [row["id"] for row in site.contractor.servicetitan[entity]])
        else:
            titan.day(entity, pipeline.today)


def read_erp(pipeline: Pipeline, *entities: str) -> None:
    erp = pipeline.extract("business_central")
    for entity in entities:
        erp.whole(entity) if entity in WHOLE else erp.day(entity, pipeline.today)


def build_and_post(pipeline: Pipeline) -> None:
    for flow in SALES_FLOWS:
        pipeline.build(flow)
        pipeline.post(flow)


def forget(site: Site, customer_id: int) -> Result:
    words = ["forget", CONNECTION, str(customer_id), "--yes"]
    result = CliRunner().invoke(app, words, env=dict(site.variables))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(site: Site) -> dict[str, set[str]]:
    """What tells of him, by where it stands: in all landing files, tables and bytes, and in the outbox."""
    texts: dict[str, str] = {}
    with in_memory() as con:
        for path in (site.home / "landing").rglob("*.parquet"):
            texts[path.relative_to(site.home).as_posix()] = repr(con.execute(f"from '{path}'").fetchall())
    for path in (*(site.home / "staging").iterdir(), *(site.home / "published").iterdir()):
        name = path.relative_to(site.home).as_posix()
        texts[name] = path.read_bytes().decode("latin-1")
        with duckdb.connect(str(path), read_only=True) as con:
            filled = "select schema_name, table_name from duckdb_tables() where estimated_size > 0"
            for schema, table in con.execute(filled).fetchall():
                texts[f"{name} {schema}.{table}"] = repr(con.execute(f"from {schema}.{table}").fetchall())
    with site.outbox().engine.connect() as sql:
        for each in (documents, attempts, events):
            texts[each.name] = repr([tuple(row) for row in sql.execute(sa.select(each))])
    for path in site.home.glob("*.sqlite*"):
        texts[path.name] = path.read_bytes().decode("latin-1")
    return {where: found for where, text in texts.items() if (found := {trace for trace in TRACES if trace in text})}


def facts(site: Site) -> dict[str, list[Any]]:
    """Amounts and states, which forgetting leaves alone."""
    outbox = {key: (row.state, row.flag, row.amount, row.source_hash) for key, row in site.documents().items()}
    queries = {
        "invoices": "select invoice_id, total, source_hash from staging.stg_servicetitan__invoices",
        "items": "select item_id, quantity, price, total from staging.stg_servicetitan__invoice_items",
        "erp": "select document_id, total_including_tax from staging.stg_business_central__sales_invoices",
        "differences": "from staging.reconciliation",
    }
    with site.pipeline() as pipeline, pipeline.staging() as con:
        staged = {name: sorted(con.execute(query).fetchall(), key=repr) for name, query in queries.items()}
    return staged | {"outbox": sorted(outbox.items())}


def test_who_is_forgotten_leaves_figures_and_nothing_else(site: Site) -> None:
    his, sons = site.contractor.servicetitan["invoices"]
    father, son = his["customer"]["id"], sons["customer"]["id"]
    with site.pipeline() as pipeline:
        read(site, pipeline, *BY_ID, *BY_DAY)
        read_erp(pipeline, *WHOLE)
        pipeline.stage_all()
    refused = forget(site, father)
    assert refused.exit_code == 1
    assert f"invoice {his['referenceNumber']}" in refused.stderr, "it is still to be posted"
    with site.pipeline() as pipeline:
        build_and_post(pipeline)
        read_erp(pipeline, *READ_BACK)
        pipeline.stage_all()
        pipeline.reconcile()
    (site.home / "published").mkdir()
    for file in (site.home / "staging").iterdir():  # as if it had been published
        shutil.copy(file, site.home / "published")
    assert {row.state for row in site.documents().values()} == {"posted"}, site.documents()
    assert len(site.documents("payments")) == 1
    before, written, places = facts(site), len(site.writes()), told(site)
    files = {f"{folder}/{CONNECTION}.duckdb" for folder in ("staging", "published")}
    assert places.keys() >= {*files, "documents", "attempts", site.database.name}
    assert any(where.startswith("landing") for where in places)
    assert set.union(*places.values()) == set(TRACES)

    done = forget(site, father)
    assert done.exit_code == 0, done.stderr
    assert "1 servicetitan invoices" in done.stdout
    assert NAME not in done.stdout
    assert told(site) == {}
    assert STREET in repr(published(site, "select street from staging.stg_servicetitan__customers")), "his son's, too"
    assert published(site, f"select is_forgotten from staging.stg_servicetitan__customers where customer_id = {father}")

    with site.pipeline() as pipeline:
        read(site, pipeline, *BY_ID, "customers", "customer_contacts")
        read_erp(pipeline, *READ_BACK)
        pipeline.stage_all()
        build_and_post(pipeline)
        pipeline.reconcile()
    assert len(site.writes()) == written, "nothing is sent because of it"
    assert told(site) == {}, "what is read again is cleared before it is loaded"
    assert facts(site) == before
    label = published(site, f"select label from audit.documents where business_key = 'STA-{son}'")
    assert label == [(sons["customer"]["name"],)]

    site.change(("customers", father, {"name": "Zeb Quill"}))  # he is a customer again
    with site.pipeline() as pipeline:
        read(site, pipeline, "customers")
        pipeline.stage("servicetitan", "customers")
        pipeline.build("customers")
        pipeline.post("customers")
    (there,) = (row for row in site.state()["customers"] if row["number"] == f"STA-{father}")
    assert (there["displayName"], there["phoneNumber"], there["email"]) == ("Zeb Quill", PHONE, MAIL), "not emptied"
    assert {row.flag for row in site.documents().values()} == {""}


def published(site: Site, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(site.home / "published" / f"{CONNECTION}.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def test_whom_nobody_knows_is_said(site: Site) -> None:
    unknown = forget(site, 7)
    assert unknown.exit_code == 2
    assert "has read no customer 7" in unknown.stderr


@pytest.fixture
def forgetting(site: Site, tmp_path: Path) -> Iterator[tuple[Site, dict[str, Any]]]:
    """Another home, and what the command is told that was done: all but what the test says."""
    person = Person(Forgotten(7, datetime.now(UTC)), (NAME,), (), (), ())
    done: dict[str, Any] = dict(records=Counter(), files=0, outbox=Counter(), is_gone=True)
    told = dict(look_up=lambda *_: person, forget=lambda *_: Cleared(**done))
    with mock.patch.multiple("st_erp_pipelines.commands.forget", **told):
        yield site.elsewhere(tmp_path), done


def test_bytes_that_somebody_still_reads_are_told_of(forgetting: tuple[Site, dict[str, Any]]) -> None:
    """See tests/outbox/test_forgotten.py for when that is."""
    site, done = forgetting
    assert forget(site, 7).exit_code == 0
    done["is_gone"] = False
    kept = forget(site, 7)
    assert kept.exit_code == 1
    assert "Run this again" in kept.stderr


def test_the_file_of_all_connections_is_made_anew(forgetting: tuple[Site, dict[str, Any]]) -> None:
    site, _ = forgetting
    (site.home / "published").mkdir()
    for name, said in ((CONNECTION, "(forgotten)"), ("all", NAME)):
        with duckdb.connect(str(site.home / "published" / f"{name}.duckdb")) as con:
            con.execute("create schema staging; create schema audit")
            con.execute(f"create table staging.people as select '{said}' as name")
    assert forget(site, 7).exit_code == 0
    with duckdb.connect(str(site.home / "published" / "all.duckdb"), read_only=True) as con:
        assert con.execute("select connection, name from staging.people").fetchall() == [(CONNECTION, "(forgotten)")]


class Later(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(days=500)


def test_landing_is_joined_once_it_is_old(site: Site) -> None:
    with site.pipeline() as pipeline:
        for _ in range(2):
            read(site, pipeline, "invoices")
        pipeline.stage("servicetitan", "invoices")
        pipeline.outbox.clock = Later()
        done = pipeline.retain()
        assert done.files_after < done.files_before
        assert done.bytes_after < done.bytes_before
        assert pipeline.stage("servicetitan", "invoices").files == 0, "nothing is loaded again"
