"""Does the ERP say what ServiceTitan says? And is anything left hanging?"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import dagster as dg

from st_erp_pipelines.assets.erp import read_back
from st_erp_pipelines.assets.posting import post_key
from st_erp_pipelines.assets.wording import counted, money
from st_erp_pipelines.flows import sells, used_flows
from st_erp_pipelines.outbox import report
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.staging.reconciliation import FlowTotals
from st_erp_pipelines.staging.supplier_invoice_results import RESULTS, by_day
from st_erp_pipelines.staging.to_do import ToDo

NOTHING_TO_DO = "nothing_to_do_in_the_erp"
DAYS = 31  # of supplier invoices, that a materialization shows


def reconciliation(connection: Connection) -> dg.AssetsDefinition:
    key = dg.AssetKey([connection.name, "staging", "reconciliation"])
    behind = [
        dg.AssetKey([connection.name, "staging", f"{connection.erp.kind}__{each}"]) for each in read_back(connection)
    ]
    nothing_to_do = "Nothing is left to people of what ServiceTitan did with payments after they were posted."
    said = (
        "Per day and business unit: what ServiceTitan says and what the ERP has posted. "
        "And what people have to do there about payments."
        if sells(connection)
        else "Whether ServiceTitan has a bill of each supplier invoice, over the same amount; and what to do where not."
    )
    spec = dg.AssetCheckSpec(NOTHING_TO_DO, asset=key, description=nothing_to_do)

    @dg.asset(
        key=key,
        deps=behind or [post_key(connection, used_flows(connection)[-1])],
        group_name=connection.name,
        kinds={"duckdb", "sql"},
        owners=["team:finance"],
        pool=f"{connection.name}_staging",
        description=said,
        check_specs=[spec] if sells(connection) else [],
    )
    def reconcile(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            result = pipeline.reconcile()
            to_do, days = pipeline.to_do(), by_day(pipeline.supplier_invoice_results())
        metadata: dict[str, dg.MarkdownMetadataValue | int] = {
            "totals": dg.MetadataValue.md(_table(result.totals)),
            "differences": len(result.differences),
        }
        if not sells(connection):
            return dg.MaterializeResult(metadata=metadata | {"days": dg.MetadataValue.md(_days(days))})
        metadata["to_do"] = len(to_do)
        return dg.MaterializeResult(metadata=metadata, check_results=[_nothing_to_do(to_do)])

    return reconcile


def _nothing_to_do(to_do: Sequence[ToDo]) -> dg.AssetCheckResult:
    # Without names, which are not to stay in Dagster's log.
    listed = "\n".join(f"- {each.customer_number}: {each.sentence}" for each in to_do)
    return dg.AssetCheckResult(
        check_name=NOTHING_TO_DO,
        passed=not to_do,
        description=f"{counted(len(to_do), 'thing')} to do in the ERP" if to_do else "Nothing to do in the ERP",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"to_do": dg.MetadataValue.md(listed or "nothing")},
    )


def _table(totals: Sequence[FlowTotals]) -> str:
    head = "| flow | documents | matched | ServiceTitan | ERP | difference |\n|---|---:|---:|---:|---:|---:|"
    rows = []
    for each in totals:
        amounts = " | ".join(money(amount) for amount in (each.source, each.erp, each.difference))
        rows.append(f"| {each.flow} | {each.documents:,} | {each.matched:,} | {amounts} |")
    return "\n".join([head, *rows])


def _days(days: Sequence[dict[str, Any]]) -> str:
    """Supplier invoices, the newest day first."""
    names = ("business_date", *RESULTS, "amount", "bill_amount", "difference")
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
    return "\n".join([head, *(f"| {' | '.join(str(day[name]) for name in names)} |" for day in days[:DAYS])])


def totals_check(connection: Connection) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[connection.name, "staging", "reconciliation"],
        name="totals_reconcile",
        description="Every difference between the two sides is explained by the state of its document.",
    )
    def check(context: dg.AssetCheckExecutionContext, pipelines: PipelineResource) -> dg.AssetCheckResult:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            unexplained = pipeline.reconciled().unexplained
        listed = "\n".join(f"- {each.business_key}: {each.status}, {money(each.difference)}" for each in unexplained)
        amount = money(sum((abs(each.difference) for each in unexplained), Decimal(0)))
        said = f"{counted(len(unexplained), 'difference')} that nothing explains: {amount}"
        return dg.AssetCheckResult(
            passed=not unexplained,
            description=said if unexplained else "Every difference is explained",
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
        # Without sentences, which may quote names: `st-erp status` has them.
        listed = "\n".join(f"- {row.business_key}: {row.state}" for row in rows)
        return dg.AssetCheckResult(
            passed=not rows,
            description=f"{counted(len(rows), 'document')} in doubt or in conflict for more than a day",
            metadata={"documents": dg.MetadataValue.md(listed or "none")},
        )

    return check
