"""Extract assets, alike for every system: they land what was read, and say how much."""

from collections.abc import Iterable, Sequence

import dagster as dg

from st_erp_pipelines.assets.partitions import EVERY_RANGE_IN_ONE_RUN, OPEN_DAYS_ONLY, daily, days_of
from st_erp_pipelines.assets.wording import SYSTEMS, title
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.staging.extract import Extract, keys_in
from st_erp_pipelines.staging.questions import QUESTIONS

READ_BY_PARENT = {"credit_memo_items": "credit_memos"}


def extract_by_day(
    connection: Connection, system: str, entity: str, behind: Sequence[str] = (), after: Iterable[dg.AssetKey] = ()
) -> dg.AssetsDefinition:
    """`behind`: staging tables that name records of this entity; `after`: other assets to wait for."""
    parent = READ_BY_PARENT.get(entity)
    deps = [[connection.name, "staging", f"{system}__{table}"] for table in behind]
    deps += [[connection.name, system, parent]] if parent else []

    @dg.asset(
        key=[connection.name, system, entity],
        deps=[*deps, *after],
        group_name=connection.name,
        kinds={system, "parquet"},
        description=f"{title(entity)} of {SYSTEMS[system]} as they came, one landing file for each day and read.",
        partitions_def=daily(connection),
        backfill_policy=EVERY_RANGE_IN_ONE_RUN,
    )
    def extract(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            reader = pipeline.extract(system)
            days = days_of(context)
            if OPEN_DAYS_ONLY in context.run.tags:
                days = sorted(set(days) & set(pipeline.open_days(system, entity)))
            for day in days:
                if parent:
                    reader.of_parents(entity, day, pipeline.landed_ids(system, parent, day))
                else:
                    reader.day(entity, day)
            _read_named(pipeline, reader, system, entity)
            return _landed(reader, days=len(days))

    return extract


def _read_named(pipeline: Pipeline, reader: Extract, system: str, entity: str) -> None:
    if system == "servicetitan" and entity in QUESTIONS:
        just_read = {int(key) for key in keys_in([landed.path for landed in reader.landed])}
        reader.by_id(entity, set(pipeline.ids_to_ask_for(entity)) - just_read)


def extract_whole(
    connection: Connection, system: str, entity: str, after: Iterable[dg.AssetKey] = ()
) -> dg.AssetsDefinition:
    @dg.asset(
        key=[connection.name, system, entity],
        deps=list(after),
        group_name=connection.name,
        kinds={system, "parquet"},
        description=f"{title(entity)} of {SYSTEMS[system]}, the whole list at each read.",
    )
    def extract(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            reader = pipeline.extract(system)
            reader.whole(entity)
            return _landed(reader)

    return extract


def _landed(reader: Extract, **more: int) -> dg.MaterializeResult[None]:
    rows = sum(landed.rows for landed in reader.landed)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "reads": len(reader.landed), **more})
