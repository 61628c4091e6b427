"""What analysts open, made anew where something has changed."""

from collections.abc import Iterator

import dagster as dg

from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.staging.publication import Published


def published(connection: Connection) -> dg.AssetsDefinition:
    @dg.asset(
        key=[connection.name, "published"],
        deps=[[connection.name, "staging", "reconciliation"]],
        group_name=connection.name,
        kinds={"duckdb"},
        pool=f"{connection.name}_staging",
        output_required=False,
        description="Staging, reconciliation and audit trail in a DuckDB file that may be open while syncs run. "
        f"Made where something has changed, every {connection.publish_every} at most.",
    )
    def publish(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> Iterator[dg.MaterializeResult[None]]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            if pipeline.was_published_lately():
                context.log.info(f"Published less than {connection.publish_every} ago.")
                return
            done = pipeline.publish()
        if done is None:
            context.log.info("Nothing has changed since it was published.")
        else:
            yield dg.MaterializeResult(metadata=_metadata(done))

    return publish


def _metadata(done: Published) -> dict[str, dg.PathMetadataValue | int | float]:
    return {
        "path": dg.MetadataValue.path(str(done.path)),
        "bytes": done.bytes,
        "seconds": round(done.seconds, 2),
        "dagster/row_count": sum(done.rows.values()),
        **{f"rows_{schema}": rows for schema, rows in done.rows.items()},
    }
