"""The sync job of a connection, its schedule, and the retry sensor between ticks."""

from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from st_erp_pipelines.assets.partitions import OPEN_DAYS_ONLY
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.pipeline import FLOWS, Pipeline
from st_erp_pipelines.posting import report
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def sync_job(connection: Connection) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{connection.name}_sync",
        selection=dg.AssetSelection.groups(connection.name),
        description="Extract, stage, build, post and reconcile the days still open.",
        tags={"connection": connection.name},
    )


def post_job(connection: Connection) -> "UnresolvedAssetJobDefinition":
    """Building needs no extract: a mapping mended today reaches every document not yet posted.

    But the open period is read again, since it decides what may be posted.
    """
    builds = dg.AssetSelection.assets(*([connection.name, "staging", f"documents_{flow}"] for flow in FLOWS))
    period = dg.AssetSelection.assets(
        [connection.name, "business_central", "general_ledger_setup"],
        [connection.name, "staging", "business_central__general_ledger_setup"],
    )
    return dg.define_asset_job(
        f"{connection.name}_post",
        selection=builds.downstream() | period,
        description="Build, post and reconcile what is due, without reading ServiceTitan again.",
        tags={"connection": connection.name},
    )


def range_tags(first: date, last: date) -> dict[str, str]:
    return dict(zip(RANGE, (first.isoformat(), last.isoformat()), strict=True)) | {OPEN_DAYS_ONLY: "true"}


def days_to_sync(pipeline: Pipeline) -> tuple[date, date]:
    """From the first day not yet read to its end, to today; today is always read again."""
    entities = ("invoices", "payments", "credit_memos", "customers")
    open_days = {day for entity in entities for day in pipeline.open_days("servicetitan", entity)}
    return min(open_days | {pipeline.today}), pipeline.today


def sending_flows(connection: Connection) -> list[str]:
    """What is ready in a flow that only observes is not due."""
    return [flow for flow in FLOWS if getattr(connection.flows, flow).mode != "observe"]


def due_before(pipeline: Pipeline, day: date) -> tuple[date, date] | None:
    """Home days before `day` in which something is due."""
    oldest = report.oldest_due_day(pipeline.outbox, pipeline.connection.name, sending_flows(pipeline.connection))
    return (oldest, day - timedelta(days=1)) if oldest is not None and oldest < day else None


def schedule(connection: Connection) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{connection.name}_sync",
        job_name=f"{connection.name}_sync",
        cron_schedule=connection.schedule,
        execution_timezone=connection.time_zone,
        description="At most two runs: the days still open, and older days in which something is due.",
        required_resource_keys={"pipelines"},
    )
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        pipelines: PipelineResource = context.resources.pipelines
        pipeline = pipelines.of(connection, "tick")
        first, last = days_to_sync(pipeline)
        ranges = [(first, last), due_before(pipeline, first)]
        at = context.scheduled_execution_time.isoformat()  # Dagster wants run keys where a tick asks for two runs
        return [dg.RunRequest(f"{at} {days[0]}", tags=range_tags(*days)) for days in ranges if days]

    return tick


def retry_sensor(connection: Connection) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{connection.name}_retry",
        job_name=f"{connection.name}_post",
        minimum_interval_seconds=60,
        description="Posts what has become due between ticks: doubts to settle, and what was refused for now.",
        required_resource_keys={"pipelines"},
    )
    def retry(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        pipelines: PipelineResource = context.resources.pipelines
        outbox = pipelines.state.outbox()
        oldest = report.oldest_due_day(outbox, connection.name, sending_flows(connection))
        if oldest is None:
            return dg.SkipReason("Nothing is due.")
        today = SystemClock().now().astimezone(ZoneInfo(connection.time_zone)).date()
        return dg.SensorResult([dg.RunRequest(tags=range_tags(oldest, today))])

    return retry
