"""The job that reads what no flow needs (vendors, bills, pricebook, jobs, ...), and its schedule.

It shares nothing with a sync but the DuckDB file, for which the pool makes each wait; so both may run at once.
"""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from st_erp_pipelines.assets.references import reference_keys, references
from st_erp_pipelines.assets.servicetitan import REFERENCES_WHOLE
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.schedules.sync import range_tags, waiting
from st_erp_pipelines.settings import Connection

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def name_of(connection: Connection) -> str:
    return f"{connection.name}_references"


def jobs(connection: Connection) -> list["UnresolvedAssetJobDefinition"]:
    if not references(connection):
        return []
    return [
        dg.define_asset_job(
            name_of(connection),
            selection=dg.AssetSelection.assets(*reference_keys(connection)),
            description="Extract and stage what no flow needs: vendors, bills, purchase orders, pricebook, jobs, ...",
            tags={"connection": name_of(connection)},  # a limit of its own: a tick of the sync does not wait for it
        )
    ]


def schedules(connection: Connection) -> list[dg.ScheduleDefinition]:
    return [_schedule(connection)] if references(connection) else []


def _schedule(connection: Connection) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name_of(connection),
        job_name=name_of(connection),
        cron_schedule=connection.references.schedule,
        execution_timezone=connection.time_zone,
        description="One run: reads the days still open of what no flow needs.",
        required_resource_keys={"pipelines"},
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skipped := waiting(context, name_of(connection)):
            return skipped
        pipeline: Pipeline = context.resources.pipelines.of(connection, "tick")
        return dg.RunRequest(tags=range_tags(*days_to_read(pipeline)))

    return tick


def days_to_read(pipeline: Pipeline) -> tuple[date, date]:
    """Like `sync.days_to_sync`, but a list that the app may not read does not bring back every day there is.

    All its days are open. Those of a list that was never read count only where none was: its extract reads
    them on its own as soon as it can.
    """
    first, today = pipeline.connection.start_date, pipeline.today
    by_day = [each for each in references(pipeline.connection) if each[1] not in REFERENCES_WHOLE]
    still_open = [pipeline.open_days(system, entity) for system, entity in by_day]
    begun = [days for days in still_open if first not in days]
    return min([today, *(day for days in begun or still_open for day in days)]), today
