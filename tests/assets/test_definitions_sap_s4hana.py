"""What Dagster is shown of a connection that buys in S/4HANA, and when it runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest

from st_erp_pipelines.assets import sap_s4hana, servicetitan
from st_erp_pipelines.flows import BACK, PURCHASING_FLOWS
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.sandbox.contractor_buying import buying
from st_erp_pipelines.sandbox.firms import HARBOR
from st_erp_pipelines.schedules.sync import days_to_sync
from tests.assets.test_definitions import days, definitions, retry, today
from tests.world import Site, buying_site, contractor

NAME = HARBOR.name
TITAN = (*servicetitan.PURCHASING_BY_DAY, *servicetitan.PURCHASING_WHOLE)
S4HANA = (*sap_s4hana.BY_DAY, *sap_s4hana.WHOLE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All days that decide what a tick reads were read."""
    with buying_site(tmp_path_factory.mktemp("site"), buying(contractor(days=3, scale=0.01), scale=0.01)) as site:
        with site.pipeline() as pipeline:
            lists = [("servicetitan", entity) for entity in ("purchase_orders", "receipts", "vendors")]
            for system, entity in (*lists, *(("sap_s4hana", entity) for entity in sap_s4hana.BY_DAY)):
                for day in pipeline.open_days(system, entity):
                    pipeline.extract(system).day(entity, day)
        yield site


def test_they_load_and_no_key_hangs_in_the_air(site: Site) -> None:
    """Dagster makes an asset of whatever somebody depends on."""
    loaded = definitions(site)
    dg.Definitions.validate_loadable(loaded)
    graph = loaded.resolve_asset_graph()
    read = {(system, name) for system, names in (("servicetitan", TITAN), ("sap_s4hana", S4HANA)) for name in names}
    staged = {("staging", f"{system}__{name}") for system, name in read}
    built = {("staging", f"documents_{flow}") for flow in PURCHASING_FLOWS}
    posts = {("servicetitan" if flow in BACK else "sap_s4hana", f"post_{flow}") for flow in PURCHASING_FLOWS}
    others = {("staging", "reconciliation"), ("published",), ("landing",)}
    assert {tuple(key.path[1:]) for key in graph.get_all_asset_keys()} == read | staged | built | posts | others
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {NAME}


def test_each_flow_waits_for_the_one_that_it_needs_and_a_backfill_finds_all(site: Site) -> None:
    graph = definitions(site).resolve_asset_graph()
    for before, flow in zip(PURCHASING_FLOWS, PURCHASING_FLOWS[1:], strict=False):
        (waits_for,) = graph.get(dg.AssetKey([NAME, "staging", f"documents_{flow}"])).parent_keys
        assert waits_for.path[-1] == f"post_{before}"
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}
    assert {key.path[-1] for key in partitioned} >= {f"post_{flow}" for flow in PURCHASING_FLOWS}
    found = {key for key in partitioned if not graph.get_ancestor_asset_keys(key) & partitioned}
    for key in partitioned - found:
        assert graph.get(key).parent_keys & partitioned, key


def test_it_has_a_sync_and_a_retry_and_no_references(site: Site) -> None:
    loaded = definitions(site)
    jobs, schedules = ({each.name for each in some or ()} for some in (loaded.jobs, loaded.schedules))
    assert {name for name in jobs if name.startswith(NAME)} == {f"{NAME}_{job}" for job in ("sync", "post", "landing")}
    assert {name for name in schedules if name.startswith(NAME)} == {f"{NAME}_{job}" for job in ("sync", "landing")}
    read, posted = (loaded.resolve_job_def(f"{NAME}_{job}").asset_layer.selected_asset_keys for job in ("sync", "post"))
    assert {key.path[-1] for key in read} >= {*TITAN, *S4HANA, "reconciliation"}
    steps = {f"{step}_{flow}" for flow in PURCHASING_FLOWS for step in ("documents", "post")}
    assert {key.path[-1] for key in posted} == steps | {"reconciliation", "published"}


def test_what_cannot_be_read_fails_a_check_whichever_system_it_comes_from(site: Site) -> None:
    checked = {key.asset_key.path[-1] for key in definitions(site).resolve_asset_graph().asset_check_keys}
    assert {"sap_s4hana__purchase_orders", "sap_s4hana__supplier_invoices", "servicetitan__receipts"} < checked


def test_a_day_that_one_system_was_not_read_to_the_end_of_is_read_again(site: Site) -> None:
    """Though the other one was."""
    yesterday = today() - timedelta(days=1)
    with site.pipeline() as pipeline:
        assert days_to_sync(pipeline) == (today(), today())
        shutil.rmtree(pipeline.landing / NAME / "sap_s4hana" / "purchase_orders" / yesterday.isoformat())
        assert days_to_sync(pipeline) == (yesterday, today())


def test_what_is_due_is_posted_between_ticks(site: Site) -> None:
    assert retry(site, NAME) == ([], "Nothing is due.")
    on = today() - timedelta(days=2)
    order = BuiltDocument(
        "purchase_orders", "purchase_order", "sap_s4hana/1710/purchase_order/1", "ST-C-PO-1", on, on, Decimal(1), "USD",
        "1", "h", {},
    )  # fmt: skip
    with site.pipeline() as pipeline:
        bring(pipeline.outbox, NAME, pipeline.place_of("purchase_orders"), "purchase_orders", [order])
    (request,), _ = retry(site, NAME)
    assert days(request) == (on, today())
