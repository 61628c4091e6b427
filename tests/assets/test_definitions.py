"""What Dagster is shown of a connection, without a secret and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.assets import business_central, servicetitan, staging
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.mapping.coverage import Gap
from st_erp_pipelines.mapping.load import MappingFault
from st_erp_pipelines.sandbox.demo_files import CONNECTION, demo_environment
from tests.world import (
    QUIET,
    Site,
    contractor,
    failures,
    plain_invoices,
    running_site,
    with_only,
    write_site,
    yesterday,
)

NOWHERE = ("http://127.0.0.1:9", "http://127.0.0.1:9")  # nobody listens there


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in demo_environment():
        monkeypatch.delenv(name, raising=False)
    return write_site(tmp_path, contractor(scale=0.02), *NOWHERE, speed=60)


def definitions(site: Site) -> dg.Definitions:
    return build_definitions(settings.load(site.folder / "connections.yaml"))


def test_they_load_with_every_key_that_the_design_names(site: Site) -> None:
    loaded = definitions(site)
    dg.Definitions.validate_loadable(loaded)
    keys = {tuple(key.path) for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    titan = (*servicetitan.BY_DAY, *servicetitan.WHOLE)
    titan += (*servicetitan.REFERENCES_BY_DAY, *servicetitan.REFERENCES_WHOLE)
    erp = (*business_central.WHOLE, *business_central.BY_DAY)
    erp += (*business_central.READ_BACK_BY_DAY, *business_central.READ_BACK_WHOLE)
    extracts = {
        (CONNECTION, system, name)
        for system, names in (("servicetitan", titan), ("business_central", erp))
        for name in names
    }
    staged = {(CONNECTION, "staging", f"{system}__{name}") for _, system, name in extracts}
    flows = ("customers", "invoices", "payments")
    documents = {(CONNECTION, "staging", f"documents_{flow}") for flow in flows}
    posts = {(CONNECTION, "business_central", f"post_{flow}") for flow in flows}
    others = {(CONNECTION, "staging", "reconciliation"), (CONNECTION, "published"), (CONNECTION, "landing")}
    others |= {(CONNECTION, "business_central", "sales_before_posting")}
    assert keys == extracts | staged | documents | posts | others
    assert not site.home.exists()


def test_items_are_there_where_they_are_asked_for_and_what_they_need_is_read_by_the_sync(site: Site) -> None:
    path = site.folder / "connections.yaml"
    text = path.read_text("utf-8").replace("    flows:\n", "    flows:\n      items: {mode: post}\n")
    guid = "application_guid: 5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"
    path.write_text(text.replace("tenant_id:", f"{guid}\n      tenant_id:", 1), "utf-8")
    loaded = definitions(site)
    graph, pricebook = loaded.resolve_asset_graph(), {"materials", "services", "equipment"}
    posting, documents = (
        [CONNECTION, *name] for name in (("servicetitan", "post_items"), ("staging", "documents_items"))
    )
    assert {"/".join(key.path[1:]) for key in graph.get(dg.AssetKey(documents)).parent_keys} >= {
        "staging/business_central__items", "staging/servicetitan__materials", "staging/servicetitan__vendors"
    }  # fmt: skip
    assert graph.get(dg.AssetKey(posting)).is_partitioned
    read_by = {}
    for job in ("sync", "references", "post"):
        keys = loaded.resolve_job_def(f"{CONNECTION}_{job}").asset_layer.selected_asset_keys
        read_by[job] = {key.path[-1] for key in keys}
    assert pricebook | {"post_items"} < read_by["sync"]
    assert not pricebook & read_by["references"]
    assert {"post_items", "documents_items"} < read_by["post"]


def test_a_connection_has_its_jobs_schedule_and_sensor(site: Site) -> None:
    loaded = definitions(site)
    for job in ("sync", "post"):
        assert loaded.resolve_job_def(f"{CONNECTION}_{job}").tags["connection"] == CONNECTION
    schedule = loaded.resolve_schedule_def(f"{CONNECTION}_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("*/15 * * * *", "America/Chicago")
    assert loaded.resolve_sensor_def(f"{CONNECTION}_retry").job_name == f"{CONNECTION}_post"


def test_a_faulty_connection_is_one_failing_asset_and_the_others_run(site: Site) -> None:
    path = site.folder / "connections.yaml"
    text = path.read_text("utf-8")
    second = text.removeprefix("connections:\n").replace(f"name: {CONNECTION}", "name: second")
    second = second.replace("key_prefix: A", "key_prefix: B").replace("time_zone: America/Chicago", "time_zone: Mars")
    path.write_text(text + second.replace("tenant_id: ", "tenant_id: 9"), "utf-8")
    loaded = definitions(site)
    keys = {tuple(key.path) for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {key for key in keys if key[0] == "second"} == {("second", "configuration")}
    assert (CONNECTION, "business_central", "post_invoices") in keys
    configuration = loaded.resolve_assets_def(dg.AssetKey(["second", "configuration"]))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([configuration], instance=instance, raise_on_error=False)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    said = event.step_failure_data.user_failure_data.description
    assert "connections.yaml" in said
    assert "time_zone" in said


def test_a_range_of_days_is_one_run_that_materialises_each(tmp_path: Path) -> None:
    """Of one asset, as a person starts it: closed days too."""
    whole = contractor(scale=0.02)
    first, last = whole.start_date, whole.start_date + timedelta(days=2)
    key = dg.AssetKey([CONNECTION, "servicetitan", "invoices"])
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    with running_site(tmp_path, with_only(whole, plain_invoices(whole))) as site, site.environment():
        job = definitions(site).resolve_job_def(f"{CONNECTION}_sync")
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(
                instance=instance, tags=tags, asset_selection=[key], run_config=QUIET, raise_on_error=False
            )
            assert failures(result) == []
            materialised = instance.get_materialized_partitions(key)
    days = [(first + timedelta(days=n)).isoformat() for n in range(3)]
    assert sorted(materialised) == days
    landed = site.home / "landing" / CONNECTION / "servicetitan" / "invoices"
    assert sorted(path.name for path in landed.iterdir() if path.name != "by_id") == days


def test_whatever_has_partitions_is_found_by_a_backfill_of_the_whole_graph(site: Site) -> None:
    """Dagster walks from partitioned assets to partitioned ones only, and says nothing of what it does not reach."""
    graph = definitions(site).resolve_asset_graph()
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}
    with_nothing_before = {key for key in partitioned if not graph.get_ancestor_asset_keys(key) & partitioned}
    assert {key.path[-1] for key in with_nothing_before} > {"payments", "credit_memos"}
    for key in partitioned - with_nothing_before:
        assert graph.get(key).parent_keys & partitioned, key


def test_a_range_is_one_run_for_the_flows_and_a_run_a_month_for_references(site: Site) -> None:
    graph = definitions(site).resolve_asset_graph()
    policies = {key.path[-1]: graph.get(key).backfill_policy for key in graph.get_all_asset_keys()}
    assert policies["invoices"] == policies["post_invoices"] == dg.BackfillPolicy.single_run()
    assert policies["purchase_orders"] == dg.BackfillPolicy.multi_run(31)


# Ticks


@pytest.fixture(scope="module")
def first_sync(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dg.ExecuteInProcessResult]]:
    """Four invoices, ready but not posted: the flow only observes. One payment type is mapped twice."""
    whole = contractor(scale=0.02)
    with running_site(tmp_path_factory.mktemp("synced"), with_only(whole, plain_invoices(whole)[:4])) as site:
        site.set_mode("observe", "invoices")
        with (site.folder / "mappings" / CONNECTION / "payment_types.csv").open("a", encoding="utf-8") as table:
            table.write("Imported twice,,STPAYA\nImported Twice,,STPAYB\n")
        result = site.sync()
        assert failures(result) == []
        yield site, result


@pytest.fixture(scope="module")
def synced(first_sync: tuple[Site, dg.ExecuteInProcessResult]) -> Site:
    return first_sync[0]


def test_every_check_says_in_a_sentence_what_it_found(first_sync: tuple[Site, dg.ExecuteInProcessResult]) -> None:
    found = {each.check_name: each for each in first_sync[1].get_asset_check_evaluations()}
    said = {name: each.description for name, each in found.items()}
    assert said == {
        "totals_reconcile": "Every difference is explained",  # by documents that are ready: the flow only observes
        "nothing_in_quarantine": "Every record could be read",
        "mappings_cover_everything": "1 fault in the mapping files",
        "nothing_hangs_for_a_day": "0 documents in doubt or in conflict for more than a day",
        "nothing_to_do_in_the_erp": "Nothing to do in the ERP",
    }
    findings = found["mappings_cover_everything"].metadata["findings"].value
    assert findings.startswith("- payment_types.csv row ")
    assert "column payment_type_name: Imported twice stands in rows" in findings


def test_posting_says_what_it_did_and_how_the_flow_stands(first_sync: tuple[Site, dg.ExecuteInProcessResult]) -> None:
    events = first_sync[1].asset_materializations_for_node(f"{CONNECTION}__business_central__post_invoices")
    figures = {name: value.value for name, value in events[0].metadata.items() if not name.startswith("dagster")}
    assert figures == {"ready_now": 4, "blocked": 0, "refused": 0, "amount_posted": "0.00"}


@pytest.mark.parametrize(
    ("faults", "amounts", "said"),
    [
        (0, (), "Everything is mapped"),
        (2, ("1234.5",), "2 faults in the mapping files; 1 name unmapped, 1,234.50 held up"),
        (0, ("25000", "788.5"), "2 names unmapped, up to 25,788.50 held up"),
    ],
)
def test_what_is_unmapped_is_summed_up(faults: int, amounts: tuple[str, ...], said: str) -> None:
    gaps = [Gap("unmapped_account", "4711", 1, Decimal(amount)) for amount in amounts]
    assert staging.summary([MappingFault("accounts.csv", 2, "", "")] * faults, gaps) == said


def test_assets_say_plainly_what_they_hold(site: Site) -> None:
    graph = definitions(site).resolve_asset_graph()
    said = {key.path[-1]: graph.get(key).description for key in graph.get_all_asset_keys() if key.path[1] != "staging"}
    assert said["customer_payment_journals"] == (
        "Customer payment journals of Business Central, the whole list at each read."
    )
    assert said["gl_accounts"].startswith("General ledger accounts of ServiceTitan, ")
    assert all(each and each[0].isupper() and "_" not in each for each in said.values())


def tick(site: Site, name: str = "sync", waiting: str = "") -> list[dg.RunRequest]:
    """`waiting`: the schedule whose last run has not begun yet."""
    loaded = definitions(site)
    with site.environment(), dg.instance_for_test() as instance:
        if waiting:
            job = loaded.resolve_job_def(f"{CONNECTION}_sync")
            tags = {"dagster/schedule_name": f"{CONNECTION}_{waiting}"}
            instance.create_run_for_job(job, tags=tags)
        given = dict(
            instance=instance,
            resources={"pipelines": loaded.resources["pipelines"]},
            scheduled_execution_time=datetime.now(UTC),
            repository_def=loaded.get_repository_def(),
        )
        with dg.build_schedule_context(**given) as context:
            return list(loaded.resolve_schedule_def(f"{CONNECTION}_{name}").evaluate_tick(context).run_requests or ())


def retry(site: Site, connection: str = CONNECTION) -> tuple[list[dg.RunRequest], str]:
    loaded = definitions(site)
    with site.environment(), dg.DagsterInstance.ephemeral() as instance:
        given = dict(resources={"pipelines": loaded.resources["pipelines"]}, instance=instance)
        with dg.build_sensor_context(**given) as context:
            found = loaded.resolve_sensor_def(f"{connection}_retry").evaluate_tick(context)
    return list(found.run_requests), found.skip_message or ""


def days(request: dg.RunRequest) -> tuple[date, date]:
    first, last = (request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    return date.fromisoformat(first), date.fromisoformat(last)


def test_a_tick_is_one_run_of_the_open_days_where_nothing_older_is_due(synced: Site) -> None:
    (request,) = tick(synced)
    assert days(request) == (today(), today())
    assert retry(synced) == ([], "Nothing is due.")


@pytest.mark.parametrize("name", ["sync", "references"])
def test_one_tick_waits_for_its_turn_and_no_second(synced: Site, name: str) -> None:
    assert tick(synced, name, waiting=name) == []
    assert len(tick(synced, name, waiting="customers")) == 1


def test_older_days_in_which_something_is_due_are_in_the_same_run(synced: Site) -> None:
    ready = [row.home_day for row in synced.documents("invoices").values() if row.state == "ready"]
    synced.set_mode("post", "invoices")
    try:
        (request,) = tick(synced)
        assert days(request) == (min(ready), today())
        (request,), _ = retry(synced)
        assert days(request) == (min(ready), today())
    finally:
        synced.set_mode("observe", "invoices")


def test_a_flow_with_a_schedule_of_its_own_is_left_out_of_the_connections(synced: Site) -> None:
    path = synced.folder / "connections.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("payments: {mode: ", 'payments: {schedule: "0 6 * * *", mode: '), "utf-8")
    try:
        (all_the_others,) = tick(synced)
        (payments,) = tick(synced, "payments")
    finally:
        path.write_text(text, "utf-8")
    assert [key.path[1:] for key in payments.asset_selection or []] == [
        ["staging", "documents_payments"],
        ["business_central", "post_payments"],
    ]
    others = {"/".join(key.path[1:]) for key in all_the_others.asset_selection or []}
    assert "business_central/post_invoices" in others
    assert "business_central/post_payments" not in others


def today() -> date:
    return yesterday() + timedelta(days=1)
