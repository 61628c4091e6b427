"""What an analyst has of a synced site: the file, the README's queries, and peace while syncs run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from st_erp_pipelines import settings
from st_erp_pipelines.cli import app
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.planted import invoice_key
from tests.world import QUIET, Site, contractor, failures, plain_invoices, running_site, unmapped_invoice, with_only

pytestmark = pytest.mark.slow(30)  # all of it together
ASSET = dg.AssetKey([CONNECTION, "published"])
README = Path(__file__).parents[1] / "README.md"
POSTED = "from audit.documents where flow = 'invoices' and state = 'posted'"

# Queries until its standard input ends, through one connection or each time through a new one; says what it saw.
READER = """
import duckdb, select, sys
path, query, how = sys.argv[1:]
con = duckdb.connect(path, read_only=True)
seen, times = [], 0
while times == 0 or not select.select([sys.stdin], [], [], 0.1)[0]:
    if how == "anew":
        con.close()
        con = duckdb.connect(path, read_only=True)
    found = con.execute(query).fetchall()[0][0]
    if found not in seen:
        seen.append(found)
    times += 1
    if times == 1:
        print("reads", flush=True)
print(times, *seen)
"""


@dataclass
class Synced:
    site: Site
    first: dg.ExecuteInProcessResult
    unmapped: str  # the key of an invoice that waits for a mapping
    mapping: dict[str, str]  # the row that it waits for

    @property
    def path(self) -> Path:
        return self.site.home / "published" / f"{CONNECTION}.duckdb"

    def rows(self, query: str, path: Path | None = None) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path or self.path), read_only=True) as con:
            return con.execute(query).fetchall()

    def run(self, *words: str) -> Result:
        result = CliRunner().invoke(app, ["publish", *words], env=dict(self.site.variables))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    @contextmanager
    def reader(self, how: str) -> Iterator[list[int]]:
        """Its list has, at the end, how often it asked, and each number of posted invoices that it saw."""
        words = [sys.executable, "-c", READER, str(self.path), f"select count(*) {POSTED}", how]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "reads\n"
        found: list[int] = []
        try:
            yield found
        finally:
            said, _ = process.communicate("enough\n")
        assert process.returncode == 0
        found += map(int, said.split())


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    whole = contractor()
    unmapped = unmapped_invoice(whole)
    row = {"business_unit_id": str(unmapped["businessUnit"]["id"]), "business_unit_name": "Pilot", "account": "40100"}
    few = with_only(whole, [*plain_invoices(whole)[:3], unmapped])
    with running_site(tmp_path_factory.mktemp("site"), few) as site:
        first = site.sync()
        assert failures(first) == []
        dimension = {"dimension_code": "DEPARTMENT", "dimension_value": "HVAC"}
        yield Synced(site, first, invoice_key(unmapped), row | dimension)


def materialized(result: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    """What each materialization of the file says."""
    found = [
        event.step_materialization_data.materialization for event in result.all_events if event.is_step_materialization
    ]
    mine = [each for each in found if each.asset_key == ASSET]
    return [{name: value.value for name, value in each.metadata.items()} for each in mine]


def test_a_sync_publishes_what_it_did(synced: Synced) -> None:
    (said,) = materialized(synced.first)
    assert (said["path"], said["bytes"]) == (str(synced.path), synced.path.stat().st_size)
    assert said["dagster/row_count"] == said["rows_staging"] + said["rows_audit"] > said["rows_audit"] > 20
    assert 0 < said["seconds"] < 60
    assert synced.rows(f"select count(*) {POSTED}") == [(3,)]
    matched = "select business_key from staging.reconciliation_documents where status = 'matched' order by 1"
    assert synced.rows(matched) == synced.rows(f"select business_key {POSTED} order by 1")
    columns = synced.rows("select column_name from duckdb_columns() where schema_name = 'audit'")
    assert ("payload_hash",) in columns
    assert ("payload",) not in columns


def test_the_asset_skips_where_it_was_published_lately_or_nothing_changed(synced: Synced) -> None:
    site, before = synced.site, synced.path.stat()
    with site.pipeline() as pipeline:
        assert pipeline.was_published_lately()
        assert (failures(alone := only_published(site)), materialized(alone)) == ([], [])
        os.utime(synced.path, (before.st_atime, before.st_mtime - 900))
        assert not pipeline.was_published_lately()
    assert (failures(alone := only_published(site)), materialized(alone)) == ([], [])
    assert synced.path.stat().st_ino == before.st_ino
    synced.path.unlink()
    assert len(materialized(only_published(site))) == 1


def only_published(site: Site) -> dg.ExecuteInProcessResult:
    with site.environment(), dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(settings.load(site.folder / "connections.yaml")).resolve_job_def(f"{CONNECTION}_sync")
        return job.execute_in_process(
            instance=instance, asset_selection=[ASSET], run_config=QUIET, raise_on_error=False
        )


# The queries of the README


def queries() -> dict[str, str]:
    """By the sentence above each."""
    section = README.read_text("utf-8").partition("## For analysts")[2].partition("\n## ")[0]
    return dict(re.findall(r"^([A-Z][^\n]+):\n\n```sql\n(.+?)```", section, re.MULTILINE | re.DOTALL))


def test_what_was_posted_on_a_day_and_what_is_not_and_why(synced: Synced) -> None:
    query = queries()["What was posted yesterday, what is not posted, and why"]
    assert "current_date - 1" in query
    found = {row[:2]: row[2:] for row in synced.rows(query.replace("current_date - 1", "current_date"))}
    documents = synced.site.documents("invoices")
    blocked = documents[synced.unmapped]
    assert found["invoices", "blocked"] == (blocked.sentence, 1, blocked.amount)
    posted = sum((row.amount for row in documents.values() if row.state == "posted"), Decimal(0))
    assert found["invoices", "posted"] == (None, 3, posted)
    assert {flow for flow, _ in found} == {"customers", "invoices"}
    assert [row[:2] for row in synced.rows(query)] == [("invoices", "blocked")], "nothing was posted yesterday"


def test_days_on_which_the_two_sides_differ(synced: Synced) -> None:
    blocked = synced.site.documents()[synced.unmapped]
    found = synced.rows(queries()["Days on which ServiceTitan and the ERP differ"])
    assert found == [(blocked.business_date, "invoices", blocked.amount, [synced.unmapped])]


def test_the_story_of_one_invoice(synced: Synced) -> None:
    query, (key,) = queries()["The story of one invoice"], synced.rows(f"select min(business_key) {POSTED}")[0]
    assert "'ST-A-INV-12345'" in query
    story = [(what, text) for _, what, text in synced.rows(query.replace("ST-A-INV-12345", key))]
    number = synced.site.documents()[key].remote_number
    assert [what for what, _ in story if what.startswith("intent")] == ["intent to enter", "intent to post"]
    assert story[-1][0] == "posted"
    assert f"posted {number}" in [text for _, text in story]


# Beside syncs


def test_readers_and_syncs_do_not_disturb_each_other(synced: Synced) -> None:
    """One keeps the file open, the other opens it again and again; meanwhile a mapping is mended and posted."""
    site = synced.site
    file = site.folder / "connections.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("    key_prefix", "    publish_every: 0s\n    key_prefix", 1), "utf-8")
    try:
        with synced.reader("once") as kept, synced.reader("anew") as anew:
            with site.mapping("business_units", **synced.mapping):
                posted = site.post()
            for _ in range(3):
                assert synced.run(CONNECTION).exit_code == 0
    finally:
        file.write_text(text, "utf-8")
    assert failures(posted) == []
    assert len(materialized(posted)) == 1
    assert kept[1:] == [3], "it goes on seeing what it opened"
    assert anew[1:] == [3, 4]
    assert min(kept[0], anew[0]) > 10
    assert list(synced.path.parent.iterdir()) == [synced.path]


# The command


def test_publish_makes_it_now_and_elsewhere_if_asked(synced: Synced, tmp_path: Path) -> None:
    before = synced.rows("select published_at from audit.publication")
    result = synced.run(CONNECTION)
    assert result.exit_code == 0, result.output
    assert str(synced.path) in result.stdout
    assert synced.rows("select published_at from audit.publication") > before
    elsewhere = tmp_path / "new" / "copy.duckdb"
    (said,) = json.loads(synced.run("--to", str(elsewhere), "--json").stdout)["published"]
    assert (said["name"], said["path"], said["bytes"]) == (CONNECTION, str(elsewhere), elsewhere.stat().st_size)
    assert synced.rows("select count(*) from audit.documents", elsewhere)[0][0] > 3


def test_publish_all_unites_all_connections(synced: Synced, tmp_path: Path) -> None:
    result = synced.run("--all", "--json")
    assert [each["name"] for each in json.loads(result.stdout)["published"]] == [CONNECTION, "all"]
    united = synced.path.with_name("all.duckdb")
    query = "select connection, count(*) from audit.documents group by all"
    assert synced.rows(query, united) == [(CONNECTION, synced.rows("select count(*) from audit.documents")[0][0])]
    united.unlink()
    assert synced.run("--all", "--to", str(tmp_path / "group.duckdb")).exit_code == 0
    assert (tmp_path / "group.duckdb").exists()
    assert not united.exists()
