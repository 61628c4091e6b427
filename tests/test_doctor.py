"""What doctor finds, each by breaking it in a sandbox; and that it only ever reads."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from st_erp_pipelines.cli import app
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.doctor import reach
from st_erp_pipelines.doctor.findings import Check, asked, ok
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan import SCOPES, servicetitan_app
from tests.erps import READS
from tests.world import Site, contractor, running_site, write_site

FLOWS = ("customers", "invoices", "payments")
SECRETS = (
    credentials.SERVICETITAN_CLIENT_SECRET,
    credentials.BUSINESS_CENTRAL_CLIENT_SECRET,
    credentials.SAP_S4HANA_CLIENT_SECRET,
)
Line = dict[str, Any]


@dataclass
class Report:
    """The lines of one run, by what they check."""

    code: int
    lines: list[Line]
    text: str

    def of(self, check: str) -> list[Line]:
        return [line for line in self.lines if line["check"] == check]

    def only(self, check: str) -> Line:
        (line,) = self.of(check)
        return line

    def wrong(self) -> set[str]:
        return {line["check"] for line in self.lines if line["level"] == "wrong"}


def doctor(site: Site, *words: str, **changes: str | None) -> Report:
    environment = {"DAGSTER_HOME": None} | site.variables | changes
    result = CliRunner().invoke(app, ["doctor", *words, "--json"], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for secret in SECRETS:
        assert secret not in result.output
    said = json.loads(result.stdout)
    areas = [area for each in said["connections"] for area in each["areas"]]
    lines = said["site"] + [line for area in areas for line in area["checks"]]
    assert result.exit_code == said["exit_code"]
    assert all(line["fix"] for line in lines if line["level"] in ("warning", "wrong"))
    return Report(result.exit_code, lines, result.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("world"), contractor(days=7, scale=0.01)) as site:
        yield site


@pytest.fixture
def site(world: Site, tmp_path: Path) -> Site:
    """A folder of its own on the same two systems."""
    return write_site(tmp_path, world.contractor, world.servicetitan_url, world.erp.url, speed=60)


def edited(site: Site, *changes: tuple[str, str]) -> Site:
    path = site.folder / "connections.yaml"
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return site


@pytest.fixture
def administer(site: Site) -> Iterator[Callable[..., None]]:
    """Changes the company's setup; as it was, after."""
    url = f"{site.erp.url}/_control/business_central"
    before = site.state()["generalLedgerSetup"][0]
    yield lambda **values: httpx.post(f"{url}/set", json=values).raise_for_status()
    dates = {name: before[name] for name in ("allowPostingFrom", "allowPostingTo")}
    httpx.post(f"{url}/set", json={"setup": dates}).raise_for_status()


def test_a_sound_site_would_work_and_nothing_was_written_anywhere(site: Site) -> None:
    seen = len(site.log())
    found = doctor(site)
    assert found.wrong() == set(), found.text
    assert found.code == 1, "the accountant's tables have gaps"
    assert {found.only(flow)["found"] for flow in FLOWS} == {"mode post works"}
    asked = [entry for entry in site.log(seen) if not entry["path"].endswith("/token")]
    asked += httpx.get(f"{site.servicetitan_url}/_control/log").json()
    written = [entry for entry in asked if entry["method"] not in READS and "/connect/token" not in entry["path"]]
    assert len(asked) > 40
    assert written == []
    assert not site.home.exists()


def test_it_speaks_to_people(site: Site) -> None:
    result = CliRunner().invoke(app, ["doctor"], env={"DAGSTER_HOME": None} | site.variables)
    assert "  ok       read invoices                   tn.acc.invoices:r\n" in result.stdout
    assert "not in business_units.csv. Add a row to business_units.csv." in result.stdout
    assert ".." not in result.stdout


def test_one_broken_thing_hides_no_other(site: Site) -> None:
    """Of both systems, the tables and the site, in one go."""
    table = site.folder / "mappings" / "northwind_hvac" / "accounts.csv"
    table.write_text("gl_account_number;target_typ;target_number\n", "utf-8")
    found = doctor(
        site,
        NORTHWIND_ST_CLIENT_ID="",
        NORTHWIND_ST_APP_KEY="",
        NORTHWIND_BC_CLIENT_SECRET="wrong",
        ST_ERP_DATABASE_URL="mysql://nobody@nowhere/nothing",
        DAGSTER_HOME=str(site.folder / "nowhere"),
    )
    assert found.code == 2
    assert {"credentials", "token", "accounts.csv", "outbox database", "Dagster instance"} <= found.wrong()
    unset = [line["found"] for line in found.of("credentials") if line["level"] == "wrong"]
    assert [name for name in ("NORTHWIND_ST_APP_KEY", "NORTHWIND_ST_CLIENT_ID") if name in " ".join(unset)] != []
    assert len(unset) == 2
    assert "refused the credentials" in found.of("token")[-1]["found"]
    assert "but a column 'target_typ': rename it" in str(found.of("accounts.csv"))
    assert "does not work: credentials, token" in found.only("customers")["found"]


def test_a_check_that_breaks_breaks_itself() -> None:
    (found,) = asked(Check("division", lambda: iter([ok(str(1 / 0))])))
    assert (found.said.level, found.said.found) == ("wrong", "the check itself failed: ZeroDivisionError")


def test_a_faulty_connection_is_told_by_line_and_field(site: Site) -> None:
    found = doctor(edited(site, ("key_prefix: A", "key_prefix: TOOLONG")))
    assert found.code == 2
    assert ":3: northwind_hvac: key_prefix" in found.only("settings")["found"]


def test_an_unknown_connection_is_a_usage_error(site: Site) -> None:
    result = CliRunner().invoke(app, ["doctor", "northwind"], env={"DAGSTER_HOME": None} | site.variables)
    assert result.exit_code == 2
    assert "Did you mean northwind_hvac?" in result.stderr


def test_a_host_that_does_not_answer_hides_nothing_of_the_other_system(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = doctor(edited(site, (site.erp.url, f"http://127.0.0.1:{port}")))
    assert found.code == 3
    assert found.of("host")[1]["found"].startswith(f"127.0.0.1:{port} does not answer (")
    assert found.only("read invoices")["level"] == "ok"
    assert found.only("everything else")["level"] == "note"


def test_a_list_that_cannot_be_read_hides_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of that system, nor of the tables that are compared with it."""
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: time.sleep(min(seconds, 0.01)))
    with site.fault(site.erp.url, kind="html", path_contains="dimensionValues", times=None):
        found = doctor(site)
    assert found.code == 3
    assert found.wrong() == {"read dimension_values", "tables", *FLOWS}
    assert found.only("business_units.csv")["level"] == "ok"
    assert found.only("read accounts")["level"] == "ok"


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ("tenant_id: 1001", "tenant_id: 1002", "app key and tenant", "The tenant is not connected"),
        ("company: Northwind HVAC", "company: Elsewhere", "environment and company", "no company 'Elsewhere'"),
        ("environment: production", "environment: test", "environment and company", "Environment does not exist"),
        ("    flows:", "    rules: {non_taxable_code: FREE}\n    flows:", "tax code", "no tax group FREE"),
    ],
)  # fmt: skip
def test_a_setting_that_names_what_is_not_there(site: Site, old: str, new: str, check: str, said: str) -> None:
    found = doctor(edited(site, (old, new)))
    assert (found.code, found.wrong() & {check}) == (2, {check})
    assert said in found.only(check)["found"]


def test_an_app_key_that_is_not_taken(site: Site) -> None:
    line = doctor(site, NORTHWIND_ST_APP_KEY="another").only("app key and tenant")
    assert (line["level"], "servicetitan.app_key" in line["fix"]) == ("wrong", True)


def beside(world: Site, folder: Path, url: str) -> Site:
    """Another ServiceTitan beside the same ERP."""
    return write_site(folder, world.contractor, url, world.erp.url, speed=60)


def servicetitan(records: dict[str, list[Any]], **settings: Any) -> Any:
    return running(
        servicetitan_app(
            records,
            tenant_id=credentials.SERVICETITAN_TENANT,
            client_id=credentials.SERVICETITAN_CLIENT_ID,
            client_secret=credentials.SERVICETITAN_CLIENT_SECRET,
            app_key=credentials.SERVICETITAN_APP_KEY,
            speed=60,
            **settings,
        )
    )


def test_a_scope_that_was_not_granted_is_named(world: Site, tmp_path: Path) -> None:
    """What no flow needs is a warning; writing is known by the scopes that the token names."""
    without = ("tn.acc.taxzones:r", "tn.inv.vendors:r", "tn.acc.invoices:w")
    with servicetitan(world.contractor.servicetitan, scopes=[scope for scope in SCOPES if scope not in without]) as url:
        site = beside(world, tmp_path, url)
        found = doctor(site)
        assert doctor(edited(site, ("tenant_id: 1001", MARKS))).wrong() == found.wrong() | {"marking as exported"}
    assert found.wrong() == {"read tax_zones", *FLOWS}
    assert "the scope tn.acc.taxzones:r" in found.only("read tax_zones")["fix"]
    assert (found.only("read vendors")["level"], found.only("marking as exported")["level"]) == ("warning", "ok")


MARKS = "tenant_id: 1001\n      mark_exported: true"


def unposted(world: Site) -> dict[str, list[Any]]:
    pending = [row | {"syncStatus": "Pending"} for row in world.contractor.servicetitan["invoices"]]
    return world.contractor.servicetitan | {"invoices": pending}


def test_a_tenant_of_the_journal_entry_integration_is_told_what_to_do(world: Site, tmp_path: Path) -> None:
    with servicetitan(world.contractor.servicetitan, journal_entries=True) as url:
        site = beside(world, tmp_path, url)
        found = doctor(site)
        assert found.wrong() == {"posted documents", "invoices", "payments"}
        assert "journal-entry integration" in found.only("posted documents")["found"]
        assert "rules.only_posted: false" in found.only("posted documents")["fix"]
        assert doctor(edited(site, ("    flows:", "    rules: {only_posted: false}\n    flows:"))).wrong() == set()
        marking = doctor(edited(site, ("tenant_id: 1001", MARKS)))
    assert "mark_exported: false" in marking.only("posted documents")["fix"]


def test_an_office_that_never_posted_is_asked_about_it(world: Site, tmp_path: Path) -> None:
    without_entries = [scope for scope in SCOPES if scope != "tn.acc.journalentries:r"]
    with servicetitan(unposted(world), scopes=without_entries) as url:
        found = doctor(beside(world, tmp_path, url))
    assert [line["level"] for line in found.of("posted documents")] == ["warning", "note"]


def test_a_closed_period(site: Site, administer: Callable[..., None]) -> None:
    administer(setup={"allowPostingFrom": "2020-01-01", "allowPostingTo": "2020-12-31"})
    found = doctor(site)
    assert "from 2020-01-01 to 2020-12-31, and today is" in found.only("period")["found"]
    assert found.wrong() == {"period", "invoices", "payments"}


def test_what_only_posting_needs_is_a_warning_while_flows_observe(site: Site, administer: Callable[..., None]) -> None:
    administer(setup={"allowPostingFrom": "2020-01-01", "allowPostingTo": "2020-12-31"})
    site.set_mode("observe", *FLOWS)
    found = doctor(site)
    assert (found.code, found.wrong(), found.only("period")["level"]) == (1, set(), "warning")
    assert found.only("invoices")["found"] == "mode observe works; `mode: post` would not: period"
    assert found.only("customers")["found"] == "mode observe works; `mode: post` would, too"


def test_payment_batches_that_cannot_be_used(site: Site) -> None:
    url = f"{site.erp.url}/_control/business_central/enter"
    customer = site.state()["customers"][0]["number"]
    line = {"journal": "STPAYB", "customerNumber": customer, "documentNumber": "BYHAND", "amount": -5}
    httpx.post(url, json=line).raise_for_status()
    path = site.folder / "mappings" / "northwind_hvac" / "payment_types.csv"
    header = "payment_type_name,balancing_account,batches\n"
    path.write_text(f"{header}*,10110,STPAYA STPAYB NEWONE STDRAFT\n", "utf-8")
    said = {line["found"]: line["level"] for line in doctor(site).of("payment batches")}
    assert said == {
        "NEWONE is not there yet, and will be created with the balancing account 10110": "ok",
        "STDRAFT balances to 10100, and payment_types.csv says 10110": "wrong",
        "STDRAFT is the batch of drafts, and a batch to post with": "wrong",
        "STPAYA balances to 10100, and payment_types.csv says 10110": "wrong",
        "STPAYB balances to 10100, and payment_types.csv says 10110": "wrong",
    }
    path.write_text(f"{header}*,,STPAYB NEWONE\n", "utf-8")
    said = {line["found"]: line["level"] for line in doctor(site).of("payment batches")}
    assert said == {
        "STPAYB holds lines that are not ours: BYHAND": "warning",
        "batch NEWONE is not there, and payment_types.csv names no account for it": "wrong",
    }


def test_tables_are_compared_with_what_the_erp_has(site: Site) -> None:
    with site.mapping("business_units", business_unit_id="308", business_unit_name="Pilot", dimension_code="DEPARTMENT",
                      dimension_value="NOWHERE", account="99999"):  # fmt: skip
        found = doctor(site)
    said = [line["found"] for line in found.of("business_units.csv")]
    assert any("'NOWHERE' is no value of dimension DEPARTMENT in the ERP (it has " in each for each in said)
    assert any("'99999' is no account that may be posted to" in each for each in said)


def test_what_no_table_maps(site: Site) -> None:
    """Before the first sync by what ServiceTitan lists."""
    said = [line["found"] for line in doctor(site).of("gaps")]
    assert "Home Show Sales (309) is in ServiceTitan and not in business_units.csv" in said
    assert len(said) == 5


def test_what_no_table_maps_has_its_money_once_staging_was_read(site: Site) -> None:
    """By a reader that changes nothing and holds nobody up."""
    with site.pipeline() as pipeline, pipeline.staging() as con:
        columns = "invoice_id, business_unit_id, business_unit_name, invoice_date, sales_tax, total"
        day = site.contractor.today.isoformat()
        con.execute(
            f"insert into staging.stg_servicetitan__invoices ({columns}) values (1, 77, 'Sheds', '{day}', 0, 9)"
        )
    path = site.home / "staging" / "northwind_hvac.duckdb"
    before = path.stat().st_mtime_ns
    with duckdb.connect(str(path), read_only=True):
        assert doctor(site).only("gaps")["found"] == "Sheds (77) is unmapped: 1 document, 9.00"
    assert path.stat().st_mtime_ns == before


def test_a_staging_file_that_a_run_holds_is_said(site: Site) -> None:
    with site.pipeline() as pipeline, pipeline.staging():
        pass
    path = site.home / "staging" / "northwind_hvac.duckdb"
    code = f"import duckdb; con = duckdb.connect('{path}'); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        run.stdout.readline()
        said = doctor(site).of("gaps")
        run.communicate(b"\n")
    assert said[0]["found"] == "a run has the staging file open"
    assert len(said) == 6, "then by what ServiceTitan lists"


class ClockOff(SystemClock):
    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.mark.parametrize(
    ("by", "level", "said"),
    [(0, "ok", "differ by"), (50, "ok", "differ by"), (120, "wrong", "ahead of"), (-120, "warning", "behind")],
)
def test_clocks_that_differ(world: Site, by: int, level: str, said: str) -> None:
    clock = ClockOff(timedelta(seconds=by))
    (found,) = reach.server_time(world.servicetitan_url, timedelta(minutes=1), clock)
    assert found.level == level
    assert said in found.found


def test_an_outbox_of_a_newer_version(site: Site, database_url: str) -> None:
    """Looked at, not opened: it is left as it is."""
    outbox = Outbox(open_engine(database_url))
    well = doctor(site, ST_ERP_DATABASE_URL=database_url).only("outbox database")
    assert (well["level"], well["found"].split(",")[0]) == ("ok", "PostgreSQL" if outbox.is_on_server else "SQLite")
    with outbox.engine.begin() as con:
        con.execute(sa.text("update st_erp_version set version_num = '9999'"))
    outbox.engine.dispose()
    newer = doctor(site, ST_ERP_DATABASE_URL=database_url).only("outbox database")
    assert (newer["level"], newer["found"].endswith("was written by a newer version of this package")) == (
        "wrong",
        True,
    )


def test_a_database_server_that_does_not_answer(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = doctor(site, ST_ERP_DATABASE_URL=f"postgresql://erp:hidden-password@127.0.0.1:{port}/outbox")
    assert found.code == 3
    assert found.only("outbox database")["found"].startswith("PostgreSQL, database outbox on 127.0.0.1 cannot be used")
    assert "hidden-password" not in found.text
    assert found.only("read invoices")["level"] == "ok"


def test_a_secrets_file(site: Site, tmp_path: Path) -> None:
    key = tmp_path / "key"
    environment = site.variables | {"ST_ERP_SECRET_KEY_FILE": str(key), "NORTHWIND_BC_CLIENT_SECRET": ""}
    secret = credentials.BUSINESS_CENTRAL_CLIENT_SECRET
    for words, given in ((["new-key"], ""), (["set", "NORTHWIND_BC_CLIENT_SECRET"], secret)):
        assert CliRunner().invoke(app, ["secrets", *words], env=environment, input=given).exit_code == 0
    found = doctor(site, ST_ERP_SECRET_KEY_FILE=str(key), NORTHWIND_BC_CLIENT_SECRET="")
    assert (found.wrong(), found.only("secrets file")["level"]) == (set(), "ok")
    os.chmod(key, 0o644)
    found = doctor(site, ST_ERP_SECRET_KEY_FILE=str(key))
    assert [line["level"] for line in found.of("secrets file")] == ["warning", "ok"]
    found = doctor(site, ST_ERP_SECRET_KEY_FILE=None)
    assert found.only("secrets file")["level"] == "wrong"


def test_a_home_that_is_a_file(site: Site) -> None:
    site.home.write_text("")
    assert doctor(site).only("home")["level"] == "wrong"


ITEMS = "item_number,item_category,becomes,category_id,vendor_id,account\n"


def test_the_way_back_needs_its_own_scopes_and_table_and_nothing_else(world: Site, tmp_path: Path) -> None:
    """And no other flow needs what it lacks."""
    without = ("tn.pb.services:w", "tn.pb.materials:r", "tn.acc.invoices:w")
    with servicetitan(world.contractor.servicetitan, scopes=[each for each in SCOPES if each not in without]) as url:
        site = beside(world, tmp_path, url)
        table = site.folder / "mappings" / "northwind_hvac" / "items.csv"
        table.write_text(f"{ITEMS}*,,service,,,\nNONE-1,,none,,,\n", "utf-8")
        observing = doctor(site)
        assert observing.wrong() == set(), observing.text
        assert {line["level"] for line in observing.of("pricebook")} == {"warning"}
        missing = "read materials, pricebook"
        assert observing.of("items")[-1]["found"] == f"mode observe works; `mode: post` would not: {missing}"
        guid = f"tenant_id: 1001\n      application_guid: {credentials.SERVICETITAN_APPLICATION_GUID}"
        table.write_text(ITEMS, "utf-8")
        posting = doctor(
            edited(site, ("tenant_id: 1001", guid), ("    flows:\n", "    flows:\n      items: {mode: post}\n"))
        )
    assert posting.wrong() == {"read materials", "pricebook", "items.csv", "items"}
    assert "tn.pb.services:w" in posting.only("pricebook")["found"]
