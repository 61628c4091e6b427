"""Every night landing is thinned out, and so are old runs: Dagster keeps each with all its events for ever.

Of runs of schedules and sensors the last of each job and day stays: it holds the materialization of that day's
partition, which Dagster would else show as missing. What a person started stays, too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from st_erp_pipelines.assets.landing import landing_key
from st_erp_pipelines.settings import Connection

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

KEPT_WHOLE = timedelta(days=14)  # of ticks every quarter of an hour, 2.5 GB for a connection
LOOKED_AT = timedelta(days=120)  # what is older was thinned out by then
BY_ITSELF = ("dagster/schedule_name", "dagster/sensor_name")
NAME = "thin_old_runs"
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op(description=f"Deletes runs older than {KEPT_WHOLE.days} days, but for the last of each job and day.")
def thin_out(context: dg.OpExecutionContext) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    run_ids = list(superfluous(context.instance, today))
    for run_id in run_ids:
        context.instance.delete_run(run_id)
        context.instance.compute_log_manager.delete_logs(prefix=[run_id])
    context.log.info(f"Runs deleted: {len(run_ids)}.")


@dg.job(name=NAME, description="Keeps Dagster's storage from growing without end.")
def thin_old_runs() -> None:
    thin_out()


def retention_schedule() -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(name=NAME, job=thin_old_runs, cron_schedule="30 3 * * *", description="Every night.")


def landing_job(connection: Connection) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{connection.name}_landing",
        selection=dg.AssetSelection.assets(landing_key(connection)),
        description="Join what was read again and again, and let go of versions that were superseded long ago.",
        tags={"connection": connection.name},  # not beside a sync
    )


def landing_schedule(connection: Connection) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{connection.name}_landing",
        job_name=f"{connection.name}_landing",
        cron_schedule="45 3 * * *",
        execution_timezone=connection.time_zone,
        description="Every night.",
    )


def superfluous(instance: dg.DagsterInstance, today: datetime) -> Iterator[str]:
    """Of each day that is old, and of each job, all runs but the last."""
    for age in range(KEPT_WHOLE.days, LOOKED_AT.days):
        end = today - timedelta(days=age)
        of_day = dg.RunsFilter(statuses=ENDED, created_after=end - timedelta(days=1), created_before=end)
        runs = [run for run in instance.get_runs(of_day) if any(tag in run.tags for tag in BY_ITSELF)]
        newest = {run.job_name: run.run_id for run in reversed(runs)}  # they come the newest first
        yield from (run.run_id for run in runs if run.run_id != newest[run.job_name])
