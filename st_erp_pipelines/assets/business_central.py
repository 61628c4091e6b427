"""What is extracted from Business Central, and what is posted to it."""

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.assets.partitions import EVERY_RANGE_IN_ONE_RUN, daily, days_of
from st_erp_pipelines.outbox.report import totals
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.pipeline import FLOWS
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.run_report import RunReport
from st_erp_pipelines.settings import Connection

SYSTEM = "business_central"

WHOLE = (
    *("companies", "accounts", "dimensions", "dimension_values", "payment_methods", "payment_terms"),
    *("tax_areas", "tax_groups", "items", "customer_payment_journals", "general_ledger_setup"),
)
BY_DAY = ("customers",)
# Read back after posting, for reconciliation.
READ_BACK_BY_DAY = ("sales_invoices", "sales_credit_memos", "general_ledger_entries")
READ_BACK_WHOLE = ("customer_payments",)


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    posted = [dg.AssetKey([connection.name, SYSTEM, f"post_{flow}"]) for flow in FLOWS]
    return [
        *(extract_whole(connection, SYSTEM, entity) for entity in WHOLE),
        *(extract_by_day(connection, SYSTEM, entity) for entity in BY_DAY),
        *(post(connection, flow) for flow in FLOWS),
        *(extract_by_day(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_BY_DAY),
        *(extract_whole(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_WHOLE),
    ]


def post(connection: Connection, flow: str) -> dg.AssetsDefinition:
    mode = getattr(connection.flows, flow).mode

    @dg.asset(
        key=[connection.name, SYSTEM, f"post_{flow}"],
        deps=[[connection.name, "staging", f"documents_{flow}"], [connection.name, "servicetitan", flow]],
        group_name=connection.name,
        kinds={SYSTEM},
        owners=["team:finance"],
        pool=f"{connection.name}_posting",
        description=f"Posts what is due of {flow} with a home day among the partitions, exactly once. Mode: {mode}. "
        "Figures: what the run did; *blocked*, *refused* and those that end in *now*: how the flow stands after it.",
        metadata={"mode": mode},
        partitions_def=daily(connection),
        backfill_policy=EVERY_RANGE_IN_ONE_RUN,
    )
    def post_due(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            report = pipeline.post(flow, days_of(context))
            states = totals(pipeline.outbox, connection.name)
        now = {State(state): documents for (of, state), (documents, _) in states.items() if of == flow}
        for sentence in report.sentences:
            context.log.warning(sentence)
        return dg.MaterializeResult(metadata=_metadata(report, now))

    return post_due


def _metadata(report: RunReport, now: dict[State, int]) -> dict[str, int | str]:
    """The states of DESIGN section 2, and the money. Every partition of a range carries the whole run's figures.

    `now`: how many documents of the flow are in each state after the run, whichever run brought them there. Those
    that need a person are told of even where there is none.
    """
    did: dict[str, int | str] = {str(state): count for state, count in report.states.items()}
    exceptions = {"blocked": now.pop(State.BLOCKED, 0), "refused": now.pop(State.REJECTED, 0)}
    stopped = {"stopped": " ".join(report.sentences)} if report.stopped or report.braked else {}
    amount = {"amount_posted": f"{report.amount_posted:.2f}"}  # `st-erp sync` adds it up
    return did | {f"{state}_now": count for state, count in sorted(now.items())} | exceptions | amount | stopped
