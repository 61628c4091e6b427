"""Does the ERP say what ServiceTitan says? And is anything left hanging?"""

from datetime import timedelta

import dagster as dg

from st_erp_pipelines.assets.business_central import READ_BACK_BY_DAY, READ_BACK_WHOLE, SYSTEM
from st_erp_pipelines.posting import report
from st_erp_pipelines.posting.states import State
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection


def reconciliation(connection: Connection) -> dg.AssetsDefinition:
    read_back = (*READ_BACK_BY_DAY, *READ_BACK_WHOLE)

    @dg.asset(
        key=[connection.name, "staging", "reconciliation"],
        deps=[[connection.name, "staging", f"{SYSTEM}__{entity}"] for entity in read_back],
        group_name=connection.name,
        kinds={"duckdb", "sql"},
        owners=["team:finance"],
        pool=f"{connection.name}_staging",
        description="Per day and business unit: what ServiceTitan says and what the ERP has posted.",
    )
    def reconcile(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            result = pipeline.reconcile()
        lines = [
            f"| {t.flow} | {t.documents} | {t.matched} | {t.source} | {t.erp} | {t.difference} |" for t in result.totals
        ]
        table = "\n".join(
            ["| flow | documents | matched | ServiceTitan | ERP | difference |", "|---|---|---|---|---|---|", *lines]
        )
        metadata: dict[str, dg.MarkdownMetadataValue | int] = {
            "totals": dg.MetadataValue.md(table),
            "differences": len(result.differences),
        }
        return dg.MaterializeResult(metadata=metadata)

    return reconcile


def totals_check(connection: Connection) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[connection.name, "staging", "reconciliation"],
        name="totals_reconcile",
        description="Every difference between the two sides is explained by the state of its document.",
    )
    def check(context: dg.AssetCheckExecutionContext, pipelines: PipelineResource) -> dg.AssetCheckResult:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            unexplained = pipeline.reconciled().unexplained
        listed = "\n".join(f"- {each.business_key}: {each.status}, {each.difference}" for each in unexplained)
        return dg.AssetCheckResult(
            passed=not unexplained,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"unexplained": dg.MetadataValue.md(listed or "none")},
        )

    return check


def nothing_hangs(connection: Connection) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[connection.name, "staging", "reconciliation"],
        name="nothing_hangs_for_a_day",
        description="No document is in doubt or in conflict for longer than a day.",
    )
    def check(context: dg.AssetCheckExecutionContext, pipelines: PipelineResource) -> dg.AssetCheckResult:
        outbox = pipelines.state.outbox()
        since = outbox.now() - timedelta(days=1)
        rows = report.in_state_since(outbox, connection.name, (State.IN_DOUBT, State.CONFLICT), since)
        listed = "\n".join(f"- {row.business_key}: {row.state}. {row.sentence}" for row in rows)
        return dg.AssetCheckResult(passed=not rows, metadata={"documents": dg.MetadataValue.md(listed or "none")})

    return check
