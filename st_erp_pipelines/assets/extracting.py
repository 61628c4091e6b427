"""Extract assets, alike for every system: they land what was read, and say how much."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

import dagster as dg

from st_erp_pipelines.assets.partitions import (
    A_MONTH_IN_ONE_RUN,
    EVERY_RANGE_IN_ONE_RUN,
    OPEN_DAYS_ONLY,
    daily,
    days_of,
)
from st_erp_pipelines.assets.wording import title
from st_erp_pipelines.errors import ConfigurationError, Rejected, StErpError
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.settings_systems import SYSTEMS
from st_erp_pipelines.staging import questions
from st_erp_pipelines.staging.extract import Extract, keys_in

READ_BY_PARENT = {"credit_memo_items": "credit_memos"}
MAY_BE_READ = "may_be_read"
WITHHELD = {"403", "404", "240005"}  # status or code: Business One may say it with another status
NOT_SERVED = "Unrecognized resource path"  # and that with a 400

Checks = Sequence[dg.AssetCheckResult]


def extract_by_day(
    connection: Connection,
    system: str,
    entity: str,
    behind: Sequence[str] = (),
    after: Iterable[dg.AssetKey] = (),
    *,
    is_reference: bool = False,
    is_optional: bool = False,
) -> dg.AssetsDefinition:
    """`behind`: staging tables that name records of this entity; `after`: other assets to wait for.

    It depends on their extracts, too: a backfill of the whole graph finds partitioned assets only behind partitioned
    ones, and leaves out in silence what it does not find.
    `is_reference`: no flow needs it. It is optional, as others may be: a missing scope fails its check, not the run.
    """
    is_optional = is_optional or is_reference
    parent = READ_BY_PARENT.get(entity)
    deps = [[connection.name, "staging", f"{system}__{table}"] for table in behind]
    deps += [[connection.name, system, before] for before in (*behind, *([parent] if parent else []))]

    @dg.asset(
        key=[connection.name, system, entity],
        deps=[*deps, *after],
        group_name=connection.name,
        kinds={system, "parquet"},
        description=f"{title(entity)} of {SYSTEMS[system]} as they came, one landing file for each day and read.",
        partitions_def=daily(connection),
        backfill_policy=A_MONTH_IN_ONE_RUN if is_reference else EVERY_RANGE_IN_ONE_RUN,
        check_specs=_check_specs(connection, system, entity) if is_optional else None,
    )
    def extract(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            reader = pipeline.extract(system)
            days = days_of(context)
            if OPEN_DAYS_ONLY in context.run.tags:
                open_days = pipeline.open_days(system, entity)
                # Once its scope is granted, it reads all the days that it may not read until then.
                days = open_days if is_optional else sorted(set(days) & set(open_days))

            def read() -> None:
                _read_days(pipeline, reader, system, entity, days)
                _read_named(pipeline, reader, system, entity)

            return _landed(reader, _checked(context, is_optional, read), days=len(days))

    return extract


def _check_specs(connection: Connection, system: str, entity: str) -> list[dg.AssetCheckSpec]:
    key = dg.AssetKey([connection.name, system, entity])
    description = "The application was granted the scope of this list, which no flow to the ERP needs."
    return [dg.AssetCheckSpec(MAY_BE_READ, asset=key, description=description)]


def _checked(context: dg.AssetExecutionContext, is_optional: bool, read: Callable[[], None]) -> Checks:
    """What the check of something optional found; of anything else, nothing."""
    try:
        read()
    except (ConfigurationError, Rejected) as error:
        if not is_optional or not is_withheld(error):
            raise
        said = error.sentence()
        context.log.warning(said)
        return [dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=said)]
    return [dg.AssetCheckResult(passed=True, description="It may be read")] if is_optional else []


def is_withheld(error: StErpError) -> bool:
    """The list may not be read, or the server has none."""
    return bool({str(error.status), error.code} & WITHHELD) or NOT_SERVED in error.text


def _read_days(pipeline: Pipeline, reader: Extract, system: str, entity: str, days: Iterable[date]) -> None:
    parent = READ_BY_PARENT.get(entity)
    for day in days:
        if parent:
            reader.of_parents(entity, day, pipeline.landed_ids(system, parent, day))
        else:
            reader.day(entity, day)


def _read_named(pipeline: Pipeline, reader: Extract, system: str, entity: str) -> None:
    if entity in questions.of(system):
        just_read = set(keys_in([landed.path for landed in reader.landed]))
        reader.by_id(entity, [key for key in pipeline.ids_to_ask_for(system, entity) if str(key) not in just_read])


def extract_whole(
    connection: Connection,
    system: str,
    entity: str,
    after: Iterable[dg.AssetKey] = (),
    *,
    is_reference: bool = False,
) -> dg.AssetsDefinition:
    @dg.asset(
        key=[connection.name, system, entity],
        deps=list(after),
        group_name=connection.name,
        kinds={system, "parquet"},
        description=f"{title(entity)} of {SYSTEMS[system]}, the whole list at each read.",
        check_specs=_check_specs(connection, system, entity) if is_reference else None,
    )
    def extract(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            reader = pipeline.extract(system)

            def read() -> None:
                reader.whole(entity)

            return _landed(reader, _checked(context, is_reference, read))

    return extract


def _landed(reader: Extract, checks: Checks, **more: int) -> dg.MaterializeResult[None]:
    rows = sum(landed.rows for landed in reader.landed)
    figures: dict[str, int | str] = {"dagster/row_count": rows, "reads": len(reader.landed), **more}
    figures |= {"not_read": each.description or "" for each in checks if not each.passed}  # noqa: B035 (at most one)
    return dg.MaterializeResult(metadata=figures, check_results=checks)
