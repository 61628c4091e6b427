"""What was read, joined and thinned out every night by `schedules/retention.py`."""

import dagster as dg

from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection


def landing_key(connection: Connection) -> dg.AssetKey:
    return dg.AssetKey([connection.name, "landing"])


def landing(connection: Connection) -> dg.AssetsDefinition:
    @dg.asset(
        key=landing_key(connection),
        group_name=connection.name,
        kinds={"parquet"},
        pool=f"{connection.name}_staging",
        description="All that was read, as it came. What was read again and again is joined, a file for each day; "
        f"versions that were superseded go after {connection.retain_days} days. Staging can always be made from it.",
    )
    def retain(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            return dg.MaterializeResult(metadata=vars(pipeline.retain()))

    return retain
