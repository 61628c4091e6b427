"""What is extracted from Business Central, and what is posted to it."""

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.assets.posting import post, post_key
from st_erp_pipelines.pipeline import ERP_FLOWS
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection

SYSTEM = "business_central"

WHOLE = (
    *("companies", "accounts", "dimensions", "dimension_values", "payment_methods", "payment_terms"),
    *("tax_areas", "tax_groups", "items", "customer_payment_journals", "general_ledger_setup"),
)
BY_DAY = ("customers",)
SALES = ("sales_invoices", "sales_credit_memos")
# Read back after posting, for reconciliation.
READ_BACK_BY_DAY = (*SALES, "general_ledger_entries")
READ_BACK_WHOLE = ("customer_payments",)


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    posted = [post_key(connection, flow) for flow in ERP_FLOWS]
    return [
        *(extract_whole(connection, SYSTEM, entity) for entity in WHOLE),
        *(extract_by_day(connection, SYSTEM, entity) for entity in BY_DAY),
        sales_before_posting(connection),
        *(post(connection, flow, [flow]) for flow in ERP_FLOWS),
        *(extract_by_day(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_BY_DAY),
        *(extract_whole(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_WHOLE),
    ]


def sales_before_key(connection: Connection) -> dg.AssetKey:
    return dg.AssetKey([connection.name, SYSTEM, "sales_before_posting"])


def sales_before_posting(connection: Connection) -> dg.AssetsDefinition:
    """An asset of its own: the extracts of these lists run after posting, and no asset runs twice in a run."""

    @dg.asset(
        key=sales_before_key(connection),
        group_name=connection.name,
        kinds={SYSTEM, "duckdb"},
        pool=f"{connection.name}_staging",
        description="Invoices and credit memos that stand there before anything is posted: one that somebody entered "
        "by hand is not entered again.",
    )
    def read(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        rows: dict[str, int | str] = {}
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            for entity in SALES:
                for day in pipeline.open_days(SYSTEM, entity):
                    pipeline.extract(SYSTEM).day(entity, day)
                rows[entity] = pipeline.stage(SYSTEM, entity).rows
        return dg.MaterializeResult(metadata=rows)

    return read
