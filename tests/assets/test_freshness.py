"""How late an asset may be, as its schedule has it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from st_erp_pipelines import settings
from st_erp_pipelines.assets.freshness import longest_pause
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from tests.world import contractor, write_site

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("cron", "pause"),
    [
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0 6 * * *", timedelta(hours=25)),  # when the clocks go back
        ("*/15 6-20 * * 1-5", timedelta(days=2, hours=9, minutes=15)),
        ("0 6 1 * *", timedelta(days=31, hours=1)),
        ("0 0 1 1 *", timedelta(days=366)),
    ],
)
def test_the_longest_pause_of_a_schedule(cron: str, pause: timedelta) -> None:
    assert longest_pause(cron, "America/Chicago") == pause


def test_an_asset_warns_an_hour_late_and_fails_three_hours_late(tmp_path: Path) -> None:
    site = write_site(tmp_path, contractor(scale=0.02), *["http://127.0.0.1:9"] * 2, speed=60)
    path = site.folder / "connections.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("payments: {mode: ", 'payments: {schedule: "0 * * * *", mode: '), "utf-8")
    graph = build_definitions(settings.load(path)).resolve_asset_graph()

    def pause(*name: str) -> timedelta:
        policy = graph.get(dg.AssetKey([CONNECTION, *name])).freshness_policy
        assert policy.fail_window.to_timedelta() - policy.warn_window.to_timedelta() == 2 * HOUR
        found: timedelta = policy.warn_window.to_timedelta() - HOUR
        return found

    quarter = timedelta(minutes=15)
    assert pause("servicetitan", "payments") == pause("staging", "reconciliation") == quarter
    assert pause("business_central", "post_invoices") == quarter
    assert pause("business_central", "post_payments") == pause("staging", "documents_payments") == HOUR
    assert pause("servicetitan", "vendors") == pause("staging", "servicetitan__vendors") == HOUR
    assert graph.get(dg.AssetKey([CONNECTION, "published"])).freshness_policy is None
