"""Staging assets: typed tables, the newest version of each record, bad records set aside; and documents."""

from collections.abc import Sequence
from decimal import Decimal

import dagster as dg

from st_erp_pipelines.assets.wording import counted, money
from st_erp_pipelines.flows import sells
from st_erp_pipelines.mapping.coverage import Gap
from st_erp_pipelines.mapping.load import MappingFault
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.staging.entities import entity_of


def staged(connection: Connection, system: str, entities: Sequence[str]) -> list[dg.AssetsDefinition]:
    return [_staged(connection, system, entity) for entity in entities]


def _staged(connection: Connection, system: str, entity: str) -> dg.AssetsDefinition:
    tables = entity_of(system, entity).tables

    @dg.asset(
        key=[connection.name, "staging", f"{system}__{entity}"],
        deps=[[connection.name, system, entity]],
        group_name=connection.name,
        kinds={"duckdb"},
        pool=f"{connection.name}_staging",
        description=tables[0].comment,
        metadata={"dagster/column_schema": _columns(tables[0].column_comments)},
    )
    def stage(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            loaded = pipeline.stage(system, entity)
        counts = {name: getattr(loaded, name) for name in ("new", "changed", "unchanged", "older", "quarantined")}
        return dg.MaterializeResult(metadata={"dagster/row_count": loaded.rows, "files": loaded.files, **counts})

    return stage


def _columns(comments: dict[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, description=comment) for name, comment in comments.items()])


def documents(connection: Connection, flow: str, deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=[connection.name, "staging", f"documents_{flow}"],
        deps=list(deps),
        group_name=connection.name,
        kinds={"duckdb", "sql"},
        pool=f"{connection.name}_staging",
        owners=["team:finance"],
        description=f"What the {flow} flow would post, and why not where it would not; written to the outbox.",
    )
    def build(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            entered = pipeline.build(flow)
        new = {f"new_{state}": count for state, count in entered.items()}
        return dg.MaterializeResult(metadata={"dagster/row_count": sum(entered.values()), **new})

    return build


def quarantine_check(connection: Connection, system: str, entity: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[connection.name, "staging", f"{system}__{entity}"],
        name="nothing_in_quarantine",
        description="Every record could be read; what could not stands in staging.quarantine with its reason.",
    )
    def check(context: dg.AssetCheckExecutionContext, pipelines: PipelineResource) -> dg.AssetCheckResult:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            reasons = pipeline.quarantined(system, entity)
        first = "\n".join(f"- {key}: {reason}" for key, reason in reasons[:50]) or "none"
        return dg.AssetCheckResult(
            passed=not reasons,
            description=f"{counted(len(reasons), 'record')} could not be read"
            if reasons
            else "Every record could be read",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"records": len(reasons), "first": dg.MetadataValue.md(first)},
        )

    return check


def mapping_check(connection: Connection) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[connection.name, "staging", f"documents_{'invoices' if sells(connection) else 'purchase_orders'}"],
        name="mappings_cover_everything",
        description="Mapping tables are sound, name only what exists in the ERP, and leave no money unmapped.",
    )
    def check(context: dg.AssetCheckExecutionContext, pipelines: PipelineResource) -> dg.AssetCheckResult:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            faults, gaps = pipeline.mapping_faults(), pipeline.coverage()
        lines = [
            *map(str, faults),
            *(f"{gap.kind}: {gap.value} ({counted(gap.documents, 'document')}, {money(gap.amount)})" for gap in gaps),
        ]
        return dg.AssetCheckResult(
            passed=not lines,
            description=summary(faults, gaps),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "faults": len(faults),
                "unmapped": len(gaps),
                "findings": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines) or "none"),
            },
        )

    return check


def summary(faults: Sequence[MappingFault], gaps: Sequence[Gap]) -> str:
    """A document with two gaps counts in both, so several of them hold up at most their sum."""
    at_most = "up to " if len(gaps) > 1 else ""
    held_up = money(sum((gap.amount for gap in gaps), Decimal(0)))
    parts = [counted(len(faults), "fault") + " in the mapping files"] if faults else []
    parts += [f"{counted(len(gaps), 'name')} unmapped, {at_most}{held_up} held up"] if gaps else []
    return "; ".join(parts) or "Everything is mapped"
