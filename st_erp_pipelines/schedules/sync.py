"""The sync job of a connection, its schedule, and the retry sensor between ticks."""

from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from st_erp_pipelines.assets.erp import erp_of, period_keys, sales_before_key
from st_erp_pipelines.assets.landing import landing_key
from st_erp_pipelines.assets.partitions import OPEN_DAYS_ONLY
from st_erp_pipelines.assets.posting import flow_keys
from st_erp_pipelines.assets.references import reference_keys
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.flows import sells, used_flows
from st_erp_pipelines.outbox import report
from st_erp_pipelines.pipeline import Pipeline, is_braked
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SALES = ("invoices", "payments", "credit_memos", "customers")
PURCHASES = ("purchase_orders", "receipts", "vendors")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def sync_job(connection: Connection) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{connection.name}_sync",
        selection=_synced(connection),
        description="Extract, stage, build, post and reconcile the days still open.",
        tags={"connection": connection.name},
    )


def _synced(connection: Connection) -> dg.AssetSelection:
    """All but what has a job of its own: what no flow needs (`references.py`), and landing (`retention.py`)."""
    others = dg.AssetSelection.assets(*reference_keys(connection), landing_key(connection))
    return dg.AssetSelection.groups(connection.name) - others


def post_job(connection: Connection) -> "UnresolvedAssetJobDefinition":
    """Building needs no extract: a mapping mended today reaches every document not yet posted.

    But the open period is read again, since it decides what may be posted, and so is what somebody entered by hand.
    """
    flows = used_flows(connection)
    builds = dg.AssetSelection.assets(*([connection.name, "staging", f"documents_{flow}"] for flow in flows))
    period = dg.AssetSelection.assets(
        *period_keys(connection),
        *_before(connection, "invoices"),
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
    """From the first day that either system was not yet read to the end of, to today; today is always read again."""
    connection = pipeline.connection
    lists = [("servicetitan", entity) for entity in (SALES if sells(connection) else PURCHASES)]
    lists += [(connection.erp.kind, entity) for entity in erp_of(connection).BY_DAY]
    open_days = {day for system, entity in lists for day in pipeline.open_days(system, entity)}
    return min(open_days | {pipeline.today}), pipeline.today


def sending_flows(connection: Connection) -> list[str]:
    """What is ready in a flow that only observes is not due."""
    return [flow for flow in used_flows(connection) if getattr(connection.flows, flow).mode != "observe"]


def flows_of_their_own(connection: Connection) -> list[str]:
    """Flows with a schedule of their own; the connection's leaves them out."""
    return [flow for flow in used_flows(connection) if getattr(connection.flows, flow).schedule]


def due_before(pipeline: Pipeline, day: date) -> date | None:
    """The oldest home day in which something is due, where that is before `day`."""
    oldest = report.oldest_due_day(pipeline.outbox, pipeline.connection.name, sending_flows(pipeline.connection))
    return oldest if oldest is not None and oldest < day else None


def waiting(context: dg.ScheduleEvaluationContext, schedule: str) -> dg.SkipReason | None:
    """While a backfill runs for hours, one tick waits for its turn: a second would only do the same once more."""
    statuses = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
    waits = dg.RunsFilter(tags={"dagster/schedule_name": schedule}, statuses=statuses)
    return (
        dg.SkipReason("The tick before still waits for its turn.")
        if context.instance.get_runs(waits, limit=1)
        else None
    )


def schedules(connection: Connection) -> list[dg.ScheduleDefinition]:
    return [_schedule(connection), *(_flow_schedule(connection, flow) for flow in flows_of_their_own(connection))]


def _schedule(connection: Connection) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{connection.name}_sync",
        job_name=f"{connection.name}_sync",
        cron_schedule=connection.schedule,
        execution_timezone=connection.time_zone,
        description="One run: reads the days still open, posts what is due in these and in older ones.",
        required_resource_keys={"pipelines"},
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skipped := waiting(context, f"{connection.name}_sync"):
            return skipped
        pipeline: Pipeline = context.resources.pipelines.of(connection, "tick")
        first, last = days_to_sync(pipeline)
        return dg.RunRequest(
            tags=range_tags(due_before(pipeline, first) or first, last),
            asset_selection=_all_but(context, connection, flows_of_their_own(connection)),
        )

    return tick


def _flow_schedule(connection: Connection, flow: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{connection.name}_{flow}",
        job_name=f"{connection.name}_sync",
        cron_schedule=getattr(connection.flows, flow).schedule,
        execution_timezone=connection.time_zone,
        description=f"Builds and posts {flow}, which have a schedule of their own.",
        required_resource_keys={"pipelines"},
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skipped := waiting(context, f"{connection.name}_{flow}"):
            return skipped
        pipeline: Pipeline = context.resources.pipelines.of(connection, "tick")
        first, last = days_to_sync(pipeline)
        return dg.RunRequest(
            tags=range_tags(due_before(pipeline, first) or first, last),
            asset_selection=[*flow_keys(connection, flow), *_before(connection, flow)],
        )

    return tick


def _before(connection: Connection, flow: str) -> list[dg.AssetKey]:
    """What a flow needs to know of this very moment: invoices, what somebody entered by hand."""
    return [sales_before_key(connection)] if flow == "invoices" and sells(connection) else []


def _all_but(
    context: dg.ScheduleEvaluationContext, connection: Connection, flows: list[str]
) -> list[dg.AssetKey] | None:
    if not flows:
        return None
    left_out = {key for flow in flows for key in flow_keys(connection, flow)}
    graph = context.repository_def.asset_graph
    mine = _synced(connection).resolve(graph)
    return sorted(mine - left_out)


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
        flows = set(sending_flows(connection)) - set(flows_of_their_own(connection))
        flows = {flow for flow in flows if not is_braked(outbox, connection.name, flow)}
        oldest = report.oldest_due_day(outbox, connection.name, sorted(flows), with_drafts=False)
        if oldest is None:
            return dg.SkipReason("Nothing is due.")
        if _is_under_way(context.instance, connection):
            return dg.SkipReason("A run of this connection is queued or under way.")
        today = SystemClock().now().astimezone(ZoneInfo(connection.time_zone)).date()
        return dg.SensorResult([dg.RunRequest(tags=range_tags(oldest, today))])

    return retry


def _is_under_way(instance: dg.DagsterInstance, connection: Connection) -> bool:
    unfinished = [
        *(dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING),
        *(dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING),
    ]
    return bool(instance.get_runs(dg.RunsFilter(tags={"connection": connection.name}, statuses=unfinished), limit=1))
