"""The command as people and scripts call it: a sandbox in a process of its own, a site, exit codes.

One story, in stages: read while paused, then resumed, then mended and replayed. Each stage runs once.
"""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from st_erp_pipelines.cli import app
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor import generate
from st_erp_pipelines.sandbox.demo_files import CONNECTION, demo_environment, write_demo
from st_erp_pipelines.sandbox.serve import RunningSandbox, running_process
from tests.world import write_forgetful_dagster

SEED, DAYS, SCALE, SPEED = 7, 7, 0.01, 60.0
WRITES = {"POST", "PATCH", "PUT", "DELETE"}
BLOCKED = "blocked_customer"

pytestmark = pytest.mark.slow(60)  # all of it together


@dataclass
class Place:
    """A site's folder, its variables, and the sandbox it works with."""

    folder: Path
    sandbox: RunningSandbox

    def environment(self, **changes: str) -> dict[str, str | None]:
        home = self.folder / changes.pop("home", "home")
        own = {"ST_ERP_CONFIG": str(self.folder / "connections.yaml"), "ST_ERP_HOME": str(home)}
        dagster = {"DAGSTER_HOME": str(self.folder / "dagster")}
        return dagster | {"ST_ERP_DATABASE_URL": None} | demo_environment() | own | changes

    def run(self, *words: str, **changes: str) -> Result:
        result = CliRunner().invoke(app, list(words), env=self.environment(**changes))
        assert "Traceback" not in result.output, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        for secret in (credentials.SERVICETITAN_CLIENT_SECRET, credentials.BUSINESS_CENTRAL_CLIENT_SECRET):
            assert secret not in result.output
        assert "--json" in words or "business_central|" not in result.output, "the id of a place is for machines"
        return result

    def facts(self, *words: str, **changes: str) -> Any:
        """Of the one connection, or of a whole answer that has none."""
        said = json.loads(self.run(*words, "--json", **changes).stdout)
        return said["connections"][0] if "connections" in said else said

    def rows(self) -> list[Any]:
        """All that the outbox says of its documents."""
        with closing(sqlite3.connect(self.folder / "home" / "st_erp.sqlite")) as con:
            return [con.execute(f"select * from {table}").fetchall() for table in ("documents", "events", "cursors")]

    def writes(self) -> int:
        log = httpx.get(f"{self.sandbox.business_central_url}/_control/log").json()
        return sum(entry["method"] in WRITES and "token" not in entry["path"] for entry in log)

    def configured(self, name: str, *changes: tuple[str, str]) -> str:
        text = (self.folder / "connections.yaml").read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / name).write_text(text, "utf-8")
        return str(self.folder / name)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    today = datetime.now(ZoneInfo("America/Chicago")).date() - timedelta(days=1)
    contractor = generate(seed=SEED, today=today, days=DAYS, scale=SCALE)
    folder = tmp_path_factory.mktemp("site")
    arguments = (f"--seed={SEED}", f"--days={DAYS}", f"--scale={SCALE}", f"--speed={SPEED}", f"--today={today}")
    with running_process(*arguments) as sandbox:
        write_demo(
            folder,
            contractor=contractor,
            servicetitan_url=sandbox.servicetitan_url,
            business_central_url=sandbox.business_central_url,
            speed=SPEED,
            go_live=contractor.start_date,
            start_date=contractor.start_date,
        )
        write_forgetful_dagster(folder / "dagster")
        yield Place(folder, sandbox)


@dataclass
class Stage:
    facts: dict[str, Any]  # of its sync
    code: int
    writes: int

    def states(self, flow: str) -> dict[str, int]:
        return {line["state"]: line["documents"] for line in self.facts["flows"] if line["flow"] == flow}


def synced(place: Place) -> Stage:
    before = place.writes()
    result = place.run("sync", "--json")
    return Stage(json.loads(result.stdout)["connections"][0], result.exit_code, place.writes() - before)


@pytest.fixture(scope="module")
def paused(place: Place) -> Stage:
    assert place.run("pause", CONNECTION).exit_code == 0
    return synced(place)


@pytest.fixture(scope="module")
def planned(place: Place, paused: Stage) -> Stage:
    before = place.writes()
    result = place.run("plan", "--json")
    return Stage(json.loads(result.stdout)["connections"][0], result.exit_code, place.writes() - before)


@pytest.fixture(scope="module")
def posted(place: Place, planned: Stage) -> Stage:
    assert "ends it" in place.run("plan", "--flow", "customers").stdout
    assert "Resumed" in place.run("resume", CONNECTION).stdout
    assert "was not paused" in place.run("resume", CONNECTION).stdout
    return synced(place)


@pytest.fixture(scope="module")
def refused_again(place: Place, posted: Stage) -> str:
    """What a sync says after a replay of what nobody has mended."""
    assert place.run("replay", CONNECTION, "--cause", BLOCKED).exit_code == 0
    return place.run("sync").stdout


@pytest.fixture(scope="module")
def replayed(place: Place, posted: Stage, refused_again: str) -> Stage:
    refused = place.facts("status")["exceptions"]
    assert [each["documents"] for each in refused if each["reason"] == BLOCKED] == [2]
    customers = {document["party"]: {"blocked": "_x0020_"} for document in refused_for(place, BLOCKED)}
    url = f"{place.sandbox.business_central_url}/_control/business_central/set"
    httpx.post(url, json={"customers": customers}).raise_for_status()
    assert place.run("replay", CONNECTION, "--cause", BLOCKED).exit_code == 0
    return synced(place)


def refused_for(place: Place, cause: str) -> list[dict[str, Any]]:
    example = next(each["example"] for each in place.facts("status")["exceptions"] if each["reason"] == cause)
    key = place.facts("audit", example)["documents"][0]
    numbers = [
        key["business_key"],
        *(f"ST-A-INV-{int(key['business_key'].rpartition('-')[2]) + n}" for n in range(1, 9)),
    ]
    found = [place.run("audit", number, "--json") for number in numbers]
    documents = [json.loads(each.stdout)["documents"][0] for each in found if each.exit_code == 0]
    return [document for document in documents if document["cause"] == cause]


def test_pause_holds_what_is_due_while_reading_goes_on(paused: Stage) -> None:
    assert paused.writes == 0
    assert paused.facts["paused"].keys() == {CONNECTION}
    assert paused.states("customers")["ready"] > 20
    assert paused.facts["failures"] == []
    assert any("paused" in sentence for sentence in paused.facts["sentences"])


def test_plan_shows_every_payload_and_sends_nothing(planned: Stage) -> None:
    assert planned.writes == 0
    flows = planned.facts["flows"]
    assert flows["customers"]["outcomes"]["send"]["documents"] > 20
    sent = [each for each in flows["invoices"]["documents"] if each["outcome"] == "send"]
    assert {*sent[0]["moves"]} == {"enter", "post"}
    assert all(each["payload"]["key"] == each["business_key"] and each["payload"]["lines"] for each in sent)
    following = [each for each in sent if each["after"]]
    assert following, "an invoice goes after its customer, who is sent first"
    assert {each["after"] for each in following} <= {each["business_key"] for each in flows["customers"]["documents"]}
    assert flows["invoices"]["outcomes"]["conflict"]["documents"] == 3
    reasons = {each["reason"] for each in flows["invoices"]["blocked"]}
    assert {"unmapped_business_unit", "total_mismatch", "no_customer"} <= reasons
    assert "waits_for_customer" not in reasons


def test_plan_leaves_the_outbox_as_it_is(place: Place, planned: Stage) -> None:
    """Even with tables that block everything."""
    shutil.copytree(place.folder / "mappings" / CONNECTION, place.folder / "emptied")
    for path in (place.folder / "emptied").glob("*.csv"):
        path.write_text(path.read_text("utf-8").partition("\n")[0] + "\n", "utf-8")
    config = place.configured("emptied.yaml", (f"mappings: mappings/{CONNECTION}", "mappings: emptied"))
    before = place.rows()
    plan = place.facts("plan", ST_ERP_CONFIG=config)
    assert plan["flows"]["invoices"]["outcomes"].get("send") is None
    assert any("unmapped_business_unit" in each["reason"] for each in plan["flows"]["invoices"]["blocked"])
    assert place.rows() == before


def test_plan_comes_true(place: Place, planned: Stage, posted: Stage) -> None:
    for flow in planned.facts["flows"].values():
        for each in flow["documents"]:
            document = place.facts("audit", each["business_key"])["documents"][0]
            if each["outcome"] == "send":
                refused_here_or_before = document["state"] == "rejected" or document["reasons"]
                assert document["state"] == "posted" or refused_here_or_before, each
                assert not document["reasons"] or each["after"], each
            else:
                assert document["state"] == each["outcome"], each


def test_sync_posts_and_reconciles(posted: Stage) -> None:
    assert posted.code == 1  # exceptions were planted
    assert posted.facts["failures"] == []
    assert posted.facts["posted"]["invoices"]["documents"] == posted.states("invoices")["posted"] > 10
    assert [line["flow"] for line in posted.facts["reconciliation"]] == ["invoices", "payments"]
    unexplained = [each["business_key"] for each in posted.facts["differences"] if not each["explained"]]
    assert unexplained == ["ST-A-INV-999999901"]


def test_differences_of_a_flow_add_up_and_name_the_stranger(posted: Stage) -> None:
    for totals in posted.facts["reconciliation"]:
        mine = [Decimal(each["difference"]) for each in posted.facts["differences"] if each["flow"] == totals["flow"]]
        assert sum(mine) == Decimal(totals["difference"])
    stranger = next(each for each in posted.facts["differences"] if each["status"] == "no source")
    assert stranger["erp_number"].startswith("PS-INV")


def test_every_different_sentence_is_said_with_its_money(place: Place, posted: Stage) -> None:
    facts = place.facts("status")
    for group in facts["exceptions"]:
        assert sum(each["documents"] for each in group["sentences"]) == group["documents"]
        assert sum(Decimal(each["amount"]) for each in group["sentences"]) == Decimal(group["amount"])
        assert "waits_for" not in group["reason"], "what only waits for another document needs nobody"
    unmapped = next(each for each in facts["exceptions"] if each["reason"] == "unmapped_business_unit")
    assert len({each["sentence"] for each in unmapped["sentences"]}) == 2
    said, shown = place.run("status").stdout, place.run("status", "--all").stdout
    assert all(each["sentence"] in said for each in unmapped["sentences"])
    assert all(each["key"] in shown for each in facts["exception_documents"])
    conflict = next(each for each in facts["exception_documents"] if each["state"] == "conflict")
    assert f"then `st-erp replay {conflict['key']}`" in shown


def test_plan_counts_what_needs_a_person_as_status_does(place: Place, posted: Stage) -> None:
    def counts(text: str) -> list[str]:
        return [line for line in text.splitlines() if "need a person" in line or "wait for documents" in line]

    said = counts(place.run("status").stdout)
    assert "blocked" in said[0]
    assert "refused or in conflict" in said[0]
    assert counts(place.run("plan").stdout) == said


def test_status_groups_exceptions_with_a_sentence_each(place: Place, posted: Stage) -> None:
    result = place.run("status", "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)["connections"][0]
    assert facts["paused"] == {}
    unmapped = next(each for each in facts["exceptions"] if each["reason"] == "unmapped_business_unit")
    assert unmapped["documents"] == 4
    assert "business_units.csv" in unmapped["sentence"]
    assert place.run("status").exit_code == 1


def test_mappings_check_names_what_is_unmapped_its_money_and_the_file(place: Place, posted: Stage) -> None:
    said = place.run("mappings", "check")
    assert said.exit_code == 1
    gap = next(each for each in place.facts("mappings", "check")["gaps"] if each["kind"] == "unmapped_business_unit")
    assert Decimal(gap["amount"]) > 0
    assert f"{gap['value']} is unmapped: {gap['documents']} document" in said.output
    assert "Add a row to business_units.csv." in said.output


def test_audit_tells_why_a_document_is_blocked(place: Place, posted: Stage) -> None:
    key = next(each["example"] for each in posted.facts["exceptions"] if each["reason"] == "no_customer")
    result = place.run("audit", key)
    assert result.exit_code == 0
    assert "give it one in ServiceTitan. [no_customer]" in result.stdout
    assert "What would be sent" in result.stdout


def test_audit_tells_how_a_document_was_posted(place: Place, planned: Stage, posted: Stage) -> None:
    sent = next(each for each in planned.facts["flows"]["invoices"]["documents"] if each["outcome"] == "send")
    document = place.facts("audit", sent["source_key"])["documents"][0]
    assert document["state"] == "posted"
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["entered", "posted"]
    assert document["attempts"][0]["payload"] == sent["payload"]
    said = place.run("audit", sent["label"]).stdout
    assert f"{document['remote_number']} (id {document['remote_id']})" in said
    assert "intent to enter" in said
    assert " CST" in said or " CDT" in said


def test_audit_takes_numbers_of_both_systems(place: Place, planned: Stage, posted: Stage) -> None:
    sent = next(each for each in planned.facts["flows"]["invoices"]["documents"] if each["outcome"] == "send")
    document = place.facts("audit", sent["business_key"])["documents"][0]
    by_number = place.facts("audit", document["remote_number"])["documents"]
    assert [each["business_key"] for each in by_number] == [sent["business_key"]]
    customer = planned.facts["flows"]["customers"]["documents"][0]
    by_id = place.facts("audit", customer["source_key"].rpartition("/")[2])["documents"]
    assert customer["business_key"] in {each["business_key"] for each in by_id}
    payment = planned.facts["flows"]["payments"]["documents"][0]
    parts = place.facts("audit", payment["business_key"].rpartition("-")[0])["documents"]
    assert payment["business_key"] in {each["business_key"] for each in parts}
    assert "intent to enter (attempt 1," in place.run("audit", sent["business_key"]).stdout


def test_replay_says_how_it_is_used_and_which_causes_there_are(place: Place, posted: Stage) -> None:
    cause = next(each["reason"] for each in posted.facts["exceptions"] if each["state"] == "rejected")
    for words in (("replay",), ("replay", "--cause", "no_such_cause")):
        result = place.run(*words)
        assert result.exit_code == 2
        assert f"{cause} (" in result.stderr or BLOCKED in result.stderr or "No document is refused" in result.stderr


def test_audit_of_an_unknown_key_names_the_nearest(place: Place, posted: Stage) -> None:
    key = posted.facts["exceptions"][0]["example"]
    result = place.run("audit", key[:-1])
    assert result.exit_code == 2
    assert key in result.stderr


def test_what_is_posted_cannot_be_replayed(place: Place, planned: Stage, posted: Stage) -> None:
    sent = next(each for each in planned.facts["flows"]["customers"]["documents"] if each["outcome"] == "send")
    result = place.run("replay", sent["business_key"])
    assert result.exit_code == 1
    assert "never sent twice" in result.stderr


def test_what_is_refused_again_is_told(refused_again: str) -> None:
    assert "Nothing was posted in" in refused_again
    assert "; 2 invoices were refused again." in refused_again
    assert "under our key ST-A-INV-999999901, and ServiceTitan has no such document." in refused_again


def test_replay_of_a_refusal_that_was_mended(place: Place, posted: Stage, replayed: Stage) -> None:
    assert replayed.states("invoices")["posted"] == posted.states("invoices")["posted"] + 2
    assert not [each for each in replayed.facts["exceptions"] if each["reason"] == BLOCKED]
    assert replayed.facts["posted"]["customers"]["documents"] == 0


def test_a_faulty_connection_is_said_by_line_and_field(place: Place) -> None:
    config = place.configured("faulty.yaml", ("key_prefix: A", "key_prefix: TOOLONG"))
    result = place.run("status", ST_ERP_CONFIG=config)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{config}:3: {CONNECTION}: key_prefix")
    assert place.run("sync", ST_ERP_CONFIG=config).exit_code == 2


def test_a_mappings_folder_that_is_not_there_is_a_fault_before_anything_is_built(place: Place, posted: Stage) -> None:
    config = place.configured("nowhere.yaml", (f"mappings: mappings/{CONNECTION}", "mappings: nowhere"))
    before = place.rows()
    for command in ("status", "plan", "sync"):
        result = place.run(command, ST_ERP_CONFIG=config)
        assert result.exit_code == 2
        assert "mappings names a folder that does not exist" in result.stderr
    assert place.rows() == before


def test_a_file_without_connections_is_a_configuration_error(place: Place) -> None:
    (place.folder / "none.yaml").write_text("connections: []\n")
    result = place.run("status", ST_ERP_CONFIG=str(place.folder / "none.yaml"))
    assert result.exit_code == 2
    assert "connections is empty" in result.stderr


def test_an_unknown_connection_is_a_usage_error(place: Place) -> None:
    result = place.run("status", "northwind")
    assert result.exit_code == 2
    assert f"Did you mean {CONNECTION}?" in result.stderr


def test_a_missing_file_is_a_configuration_error(place: Place) -> None:
    assert place.run("status", ST_ERP_CONFIG=str(place.folder / "nothing.yaml")).exit_code == 2


def test_an_unset_secret_names_its_variable(place: Place) -> None:
    result = place.run("sync", NORTHWIND_ST_CLIENT_SECRET="", home="unset")
    assert result.exit_code == 2
    assert "NORTHWIND_ST_CLIENT_SECRET" in result.stderr


def test_a_wrong_secret_is_a_configuration_error(place: Place) -> None:
    result = place.run("sync", NORTHWIND_ST_CLIENT_SECRET="not-this-one", home="wrong")
    assert result.exit_code == 2
    assert "refused the credentials" in result.stderr
    assert result.stderr.startswith(f"{CONNECTION}: "), "it was reached"
    assert "not-this-one" not in result.output


def test_a_step_that_fails_says_why_and_what_follows_is_not_run(place: Place) -> None:
    shutil.copytree(place.folder / "mappings" / CONNECTION, place.folder / "bad")
    (place.folder / "bad" / "customers.csv").write_text("customer_id,erp_number\nnine,C1\n")
    config = place.configured("bad.yaml", (f"mappings: mappings/{CONNECTION}", "mappings: bad"))
    before = place.writes()
    result = place.run("sync", ST_ERP_CONFIG=config, home="bad_home")
    assert result.exit_code == 2
    assert result.stderr.startswith("Could not build customers: customers.csv")
    assert place.writes() == before


def test_an_unreachable_host_ends_at_once(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    config = place.configured("away.yaml", (place.sandbox.business_central_url, f"http://127.0.0.1:{port}"))
    result = place.run("sync", ST_ERP_CONFIG=config, home="away")
    assert result.exit_code == 3
    assert f"127.0.0.1:{port} cannot be reached" in result.stderr


def test_a_site_keeps_its_own_dagster_instance(place: Place, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    place.run("sync", DAGSTER_HOME=str(tmp_path), NORTHWIND_ST_CLIENT_SECRET="", home="own")
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert not (place.folder / "own" / "dagster").exists()
