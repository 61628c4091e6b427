"""How late an asset may be: what a schedule keeps fresh is amiss when a tick's work stays out.

Dagster looks at the newest materialization of an asset, whatever its partition: a backfill of old days makes it
fresh, too. Which days were read, and what is due, is known to landing and outbox.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator  # nothing public tells when a cron is due

from st_erp_pipelines.assets.posting import flow_keys
from st_erp_pipelines.assets.references import reference_keys
from st_erp_pipelines.flows import used_flows
from st_erp_pipelines.settings import Connection

LATE = timedelta(hours=1)  # warns: a sync may take that long
MISSED = timedelta(hours=3)  # fails: nobody is at work any more
SOMEWHEN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday; not today, lest the policy change from load to load
SPANS = (timedelta(days=8), timedelta(days=400))  # a weekend; and a month's or a year's tick twice
MANY = 100  # ticks within a span show its longest pause


def kept_fresh(connection: Connection, assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets, each with the policy that its schedule makes."""
    crons = _crons(connection)
    given = {key: cron for cron, keys in crons.items() for key in keys}
    policies = {cron: policy(cron, connection.time_zone) for cron in {*crons, connection.schedule}}

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key.path[1:] == ["published"]:  # made only where something has changed
            return spec
        fresh: dg.AssetSpec = dg.apply_freshness_policy(spec, policies[given.get(spec.key, connection.schedule)])
        return fresh

    return [each.map_asset_specs(with_policy) for each in assets]


def _crons(connection: Connection) -> dict[str, list[dg.AssetKey]]:
    """Schedules other than the connection's, and what they keep fresh."""
    found = {connection.references.schedule: reference_keys(connection)}
    for flow in used_flows(connection):
        cron = getattr(connection.flows, flow).schedule
        if cron:
            found.setdefault(cron, []).extend(flow_keys(connection, flow))
    return found


def policy(cron: str, zone: str) -> dg.FreshnessPolicy:
    pause = longest_pause(cron, zone)
    return dg.FreshnessPolicy.time_window(fail_window=pause + MISSED, warn_window=pause + LATE)


@lru_cache
def longest_pause(cron: str, zone: str) -> timedelta:
    """Between two ticks: of `*/15 6-20 * * 1-5` that over the weekend."""
    seconds: list[float] = []
    for end in (SOMEWHEN + span for span in SPANS):
        ticks = schedule_execution_time_iterator(SOMEWHEN.timestamp(), cron, zone)
        seconds = [tick.timestamp() for tick in takewhile(lambda tick, end=end: tick < end, ticks)]  # type: ignore[misc]
        if len(seconds) > MANY:
            break
    return timedelta(seconds=max((later - earlier for earlier, later in pairwise(seconds)), default=366 * 86400))
