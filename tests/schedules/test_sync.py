"""When a connection to SAP Business One is synced: daily, unless the connection or one of its flows says another time.

No server runs: a tick asks none.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.demo_files import CONNECTION, write_demo
from tests.world import Site

NOBODY = "http://127.0.0.1:9"
PAYMENTS = f"{CONNECTION}_payments"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    whole = mock.create_autospec(Contractor)
    since = {"go_live": date(2026, 11, 1), "start_date": date(2026, 11, 1)}
    path = write_demo(
        tmp_path, contractor=whole, servicetitan_url=NOBODY, sap_business_one_url=NOBODY, speed=1, **since
    )
    text = path.read_text("utf-8").replace("payments: {mode: ", 'payments: {schedule: "0 6 * * MON", mode: ')
    path.write_text(text, "utf-8")
    return Site(whole, tmp_path, tmp_path / "home", NOBODY, NOBODY)


def test_business_one_is_synced_daily_and_its_payments_weekly(site: Site) -> None:
    with site.environment():
        loaded = build_definitions(settings.load(site.folder / "connections.yaml"))
        repository = loaded.get_repository_def()
        crons = {each.name: each.cron_schedule for each in repository.schedule_defs}
        assert (crons[f"{CONNECTION}_sync"], crons[PAYMENTS]) == ("0 5 * * *", "0 6 * * MON")
        assert {each.execution_timezone for each in repository.schedule_defs if CONNECTION in each.name} == {
            "America/Chicago"
        }
        asked = {name: tick(loaded, name) for name in (f"{CONNECTION}_sync", PAYMENTS)}
    assert asked[PAYMENTS] == {"staging/documents_payments", "sap_business_one/post_payments"}
    assert {"sap_business_one/post_invoices", "sap_business_one/payments"} < asked[f"{CONNECTION}_sync"]
    assert not asked[PAYMENTS] & asked[f"{CONNECTION}_sync"]


def tick(loaded: dg.Definitions, name: str) -> set[str]:
    """The assets that it asks for, below the connection's name."""
    pipelines = (loaded.resources or {})["pipelines"]
    with dg.instance_for_test() as instance, closing(pipelines):
        context = dg.build_schedule_context(
            instance=instance,
            resources={"pipelines": pipelines},
            scheduled_execution_time=datetime.now(UTC),
            repository_def=loaded.get_repository_def(),
        )
        with context:
            (request,) = loaded.resolve_schedule_def(name).evaluate_tick(context).run_requests or ()
    return {"/".join(key.path[1:]) for key in request.asset_selection or ()}
