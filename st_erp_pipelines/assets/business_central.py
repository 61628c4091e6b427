"""What is extracted from Business Central, and what is posted to it."""

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.assets.posting import post, post_key
from st_erp_pipelines.pipeline import ERP_FLOWS
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
    posted = [post_key(connection, flow) for flow in ERP_FLOWS]
    return [
        *(extract_whole(connection, SYSTEM, entity) for entity in WHOLE),
        *(extract_by_day(connection, SYSTEM, entity) for entity in BY_DAY),
        *(post(connection, flow, [flow]) for flow in ERP_FLOWS),
        *(extract_by_day(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_BY_DAY),
        *(extract_whole(connection, SYSTEM, entity, after=posted) for entity in READ_BACK_WHOLE),
    ]
