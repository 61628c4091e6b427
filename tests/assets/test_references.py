"""What no flow needs, over real sockets: its job, its schedule, and what becomes of a list that may not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.assets.extracting import MAY_BE_READ
from st_erp_pipelines.assets.servicetitan import REFERENCES_BY_DAY, REFERENCES_WHOLE, references
from st_erp_pipelines.commands import sync
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan import SCOPES, servicetitan_app
from st_erp_pipelines.schedules.references import days_to_read
from st_erp_pipelines.schedules.sync import range_tags
from st_erp_pipelines.staging.extract import FULL_FIRST, day_window, keys_in
from st_erp_pipelines.staging.landing import landing_files
from tests.world import (
    QUIET,
    SPEED,
    Site,
    contractor,
    failures,
    running_site,
    with_only,
    write_forgetful_dagster,
    write_site,
)

pytestmark = pytest.mark.slow(50)  # all of it together
NOWHERE = "http://127.0.0.1:9"
ENTITIES = (*REFERENCES_BY_DAY, *REFERENCES_WHOLE)
JOB = f"{CONNECTION}_references"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """After the first run of the job."""
    with running_site(tmp_path_factory.mktemp("references"), contractor()) as site:
        assert failures(site._run(JOB)) == []
        yield site


def records(site: Site, entity: str) -> dict[int, Wire]:
    url = f"{site.servicetitan_url}/_control/servicetitan/records/{entity}"
    return {record["id"]: record for record in httpx.get(url, timeout=30).json()}


def staged(site: Site, query: str) -> list[tuple[Any, ...]]:
    with site.pipeline() as pipeline, pipeline.staging() as con:
        return con.execute(query.replace("stg_", "staging.stg_servicetitan__")).fetchall()


def ids(site: Site, entity: str) -> set[int]:
    return {int(key.rpartition("/")[2]) for (key,) in staged(site, f"select source_key from stg_{entity}")}


def run_of(site: Site, day: date, entity: str) -> dg.ExecuteInProcessResult:
    """The part of the job that is about one entity, for one partition."""
    names = (("servicetitan", entity), ("staging", f"servicetitan__{entity}"))
    keys = [dg.AssetKey([CONNECTION, *name]) for name in names]
    with site.environment(), dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(settings.load(site.folder / "connections.yaml")).resolve_job_def(JOB)
        return job.execute_in_process(
            instance=instance, tags=range_tags(day, day), asset_selection=keys, raise_on_error=False, run_config=QUIET
        )


def test_the_settings_offer_just_what_there_is(site: Site) -> None:
    assert set(references(site.connection)) == set(ENTITIES)


@pytest.mark.parametrize("entity", ENTITIES)
def test_whatever_is_to_be_read_is_staged_and_nothing_else(site: Site, entity: str) -> None:
    there = records(site, entity)
    since, _ = day_window(site.connection.start_date, site.connection.time_zone)
    whole = entity in REFERENCES_WHOLE or ("servicetitan", entity) in FULL_FIRST
    wanted = {key for key, each in there.items() if whole or datetime.fromisoformat(each["modifiedOn"]) >= since}
    found = ids(site, entity)
    assert wanted
    assert wanted <= found <= set(there)


@pytest.mark.parametrize("entity", ENTITIES)
def test_nothing_is_lost_between_landing_and_staging(site: Site, entity: str) -> None:
    files = landing_files(site.home / "landing", CONNECTION, "servicetitan", entity)
    assert {int(key) for key in keys_in(files)} == ids(site, entity)
    assert staged(site, f"select key from staging.quarantine where entity = '{entity}'") == []


def test_bills_of_both_types_come_with_all_their_lines(site: Site) -> None:
    there = records(site, "ap_bills")
    rows = staged(site, "select ap_bill_id, bill_type, bill_amount from stg_ap_bills")
    assert {kind for _, kind, _ in rows} == {"Procurement", "ApBill"}
    assert all(Decimal(there[key]["billAmount"]) == amount for key, _, amount in rows)
    for name, member in (("ap_bill_items", "items"), ("ap_bill_expense_items", "expenseItems")):
        lines = [(key, line["id"]) for key, *_ in rows for line in there[key][member] or []]
        found = staged(
            site, f"select ap_bill_id, {'item_id' if name == 'ap_bill_items' else 'expense_item_id'} from stg_{name}"
        )
        assert sorted(found) == sorted(lines)
        assert lines


def test_records_that_others_name_are_read_by_id(site: Site) -> None:
    """An order from before the first day, to which a bill of today belongs; vendors and projects of such orders."""
    for query in (
        "select purchase_order_id from stg_ap_bills union select purchase_order_id from stg_receipts"
        " except select purchase_order_id from stg_purchase_orders",
        "select vendor_id from stg_purchase_orders except select vendor_id from stg_vendors",
        "select job_id from stg_ap_bills union select job_id from stg_receipts except select job_id from stg_jobs",
        "select project_id from stg_jobs except select project_id from stg_projects",
        "select location_id from stg_jobs except select location_id from stg_locations",
    ):
        assert [row for row in staged(site, query) if row[0] is not None] == [], query
    assert (site.home / "landing" / CONNECTION / "servicetitan" / "purchase_orders" / "by_id").is_dir()


def test_deposits_group_the_very_payments(site: Site) -> None:
    payments = records(site, "payments")
    rows = staged(site, "select bank_deposit_id, gross_amount, transaction_total from stg_bank_deposits")
    assert rows
    for key, gross, total in rows:
        own = [Decimal(paid["total"]) for paid in payments.values() if (paid["deposit"] or {}).get("id") == key]
        assert gross == total == sum(own), key
    with site.pipeline() as pipeline:
        for day in pipeline.open_days("servicetitan", "payments"):
            pipeline.extract("servicetitan").day("payments", day)
        pipeline.stage("servicetitan", "payments")
    joined = staged(
        site,
        "select count(*), count(*) filter (where t.total = p.total and t.bank_deposit_id = p.bank_deposit_id)"
        " from stg_bank_deposit_transactions as t join stg_payments as p using (payment_id)",
    )
    ((both, equal),) = joined
    assert both == equal > 0


def test_an_edit_wins_and_what_cannot_be_read_is_set_aside_and_comes_back(site: Site) -> None:
    first, second = sorted(ids(site, "materials"))[:2]
    site.change(("materials", first, {"price": 77.5}), ("materials", second, {"price": "dear"}))
    with site.pipeline() as pipeline:
        today = pipeline.today
    result = run_of(site, today, "materials")
    assert failures(result) == []
    query = f"select material_id, price from stg_materials where material_id in ({first}, {second}) order by 1"
    before = records(site, "materials")
    assert staged(site, query)[0] == (first, Decimal("77.5"))
    assert staged(site, "select key, reason from staging.quarantine where entity = 'materials'") == [
        (str(second), "price: 'dear' is no decimal number")
    ]
    checks = {each.asset_key.path[-1]: each for each in result.get_asset_check_evaluations() if not each.passed}
    assert list(checks) == ["servicetitan__materials"]
    assert before[second]["price"] == "dear"
    site.change(("materials", second, {"price": 78.5}))
    assert failures(run_of(site, today, "materials")) == []
    assert staged(site, query) == [(first, Decimal("77.5")), (second, Decimal("78.5"))]
    assert staged(site, "from staging.quarantine") == []


def test_the_next_tick_is_one_run_of_today(site: Site) -> None:
    loaded = build_definitions(settings.load(site.folder / "connections.yaml"))
    given = dict(resources={"pipelines": loaded.resources["pipelines"]}, scheduled_execution_time=datetime.now(UTC))
    with (
        site.environment(),
        dg.instance_for_test() as instance,
        dg.build_schedule_context(**given, instance=instance) as context,
    ):
        (request,) = loaded.resolve_schedule_def(JOB).evaluate_tick(context).run_requests
    with site.pipeline() as pipeline:
        days = {request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")}
        assert days == {pipeline.today.isoformat()}


def test_a_sync_reads_none_of_it(site: Site) -> None:
    loaded = build_definitions(settings.load(site.folder / "connections.yaml"))
    graph = loaded.resolve_asset_graph()
    synced, own = (
        {"/".join(key.path[1:]) for key in loaded.resolve_job_def(job).asset_layer.executable_asset_keys}
        for job in (f"{CONNECTION}_sync", JOB)
    )
    assert own == {f"{part}{entity}" for entity in ENTITIES for part in ("servicetitan/", "staging/servicetitan__")}
    assert not synced & own
    assert {"servicetitan/invoices", "business_central/post_invoices"} <= synced
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {CONNECTION}
    assert loaded.resolve_job_def(JOB).tags["connection"] == JOB, "or a tick of the sync would wait for it"


def test_the_command_line_reads_it_where_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_forgetful_dagster(tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with running_site(tmp_path, with_only(contractor(days=7, scale=0.02), [])) as site, site.environment():
        with_references(site, "{entities: [vendors]}")
        assert sync.run([CONNECTION], as_json=True, references=True) == 0
        (facts,) = json.loads(capsys.readouterr().out)["connections"]
        assert len(facts["runs"]) == 2
        assert ids(site, "vendors") == set(records(site, "vendors")) != set()


# Settings


def with_references(site: Site, text: str) -> settings.Settings:
    path = site.folder / "connections.yaml"
    path.write_text(path.read_text("utf-8") + f"    references: {text}\n", "utf-8")
    return settings.load(path)


def test_a_connection_may_read_some_of_it_or_none(tmp_path: Path) -> None:
    whole = contractor(scale=0.02)
    (tmp_path / "some").mkdir()
    (tmp_path / "none").mkdir()
    site = write_site(tmp_path / "some", whole, NOWHERE, NOWHERE, speed=SPEED)
    loaded = build_definitions(with_references(site, "{entities: [vendors, jobs], schedule: '0 5 * * *'}"))
    keys = {"/".join(key.path[1:]) for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {"servicetitan/vendors", "staging/servicetitan__jobs"} <= keys
    assert not any(entity in key for key in keys for entity in ("ap_bills", "purchase_orders", "materials"))
    assert loaded.resolve_schedule_def(JOB).cron_schedule == "0 5 * * *"
    site = write_site(tmp_path / "none", whole, NOWHERE, NOWHERE, speed=SPEED)
    without = build_definitions(with_references(site, "{entities: []}"))
    assert JOB not in {job.name for job in without.get_repository_def().get_all_jobs()}


def test_an_unknown_one_is_a_fault_that_names_it(tmp_path: Path) -> None:
    site = write_site(tmp_path, contractor(scale=0.02), NOWHERE, NOWHERE, speed=SPEED)
    (fault,) = with_references(site, "{entities: [vendors, pets]}").faults
    assert (fault.field, fault.connections) == ("references.entities.1", (CONNECTION,))
    assert fault.message.startswith("is 'pets'; expected 'vendors', ")


# A scope that was not granted


@pytest.fixture(scope="module")
def forbidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dg.ExecuteInProcessResult]]:
    """After a first run without the scopes of bills and categories."""
    whole = contractor(days=4, scale=0.05)
    granted = [scope for scope in SCOPES if "apbills" not in scope and "pb.categories" not in scope]
    app = servicetitan_app(
        whole.servicetitan,
        tenant_id=credentials.SERVICETITAN_TENANT,
        client_id=credentials.SERVICETITAN_CLIENT_ID,
        client_secret=credentials.SERVICETITAN_CLIENT_SECRET,
        app_key=credentials.SERVICETITAN_APP_KEY,
        speed=SPEED,
        scopes=granted,
    )
    with running(app) as url:
        site = write_site(tmp_path_factory.mktemp("forbidden"), whole, url, NOWHERE, speed=SPEED)
        yield site, site._run(JOB)


def test_it_fails_a_check_and_no_run(forbidden: tuple[Site, dg.ExecuteInProcessResult]) -> None:
    site, result = forbidden
    assert failures(result) == []
    said = {
        each.asset_key.path[-1]: each.description
        for each in result.get_asset_check_evaluations()
        if each.check_name == MAY_BE_READ and not each.passed
    }
    assert sorted(said) == ["ap_bills", "categories"]
    assert "tn.acc.apbills:r" in said["ap_bills"]
    made = result.asset_materializations_for_node(f"{CONNECTION}__servicetitan__ap_bills")[0]
    assert made.metadata["not_read"].value == said["ap_bills"]
    assert ids(site, "vendors")
    with site.pipeline() as pipeline:
        assert len(pipeline.open_days("servicetitan", "ap_bills")) > 1
        assert days_to_read(pipeline) == (pipeline.today, pipeline.today)


def test_once_granted_the_days_missed_are_read(
    forbidden: tuple[Site, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    """By a run whose only partition is today."""
    before, _ = forbidden
    with running_site(tmp_path, before.contractor) as granted:
        site = write_site(before.folder, before.contractor, granted.servicetitan_url, NOWHERE, speed=SPEED)
        with site.pipeline() as pipeline:
            today = pipeline.today
        assert failures(run_of(site, today, "ap_bills")) == []
        since, _ = day_window(site.connection.start_date, site.connection.time_zone)
        bills = records(granted, "ap_bills").items()
        missed = {key for key, each in bills if datetime.fromisoformat(each["modifiedOn"]) >= since}
        assert missed
        assert missed <= ids(site, "ap_bills")
        with site.pipeline() as pipeline:
            assert pipeline.open_days("servicetitan", "ap_bills") == [today]
