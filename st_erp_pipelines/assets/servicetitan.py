"""What is extracted from ServiceTitan: documents by day, customers full once and then by day, lists whole."""

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.settings import Connection

SYSTEM = "servicetitan"

# By day, each behind the staging tables that name records of it: those are read by id.
BY_DAY = {
    "payments": (),
    "invoices": ("payments",),
    "credit_memos": (),
    "credit_memo_items": (),
    "customers": ("invoices", "payments", "credit_memos"),
    "customer_contacts": (),
}
WHOLE = ("business_units", "payment_types", "payment_terms", "gl_accounts", "tax_zones")


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    by_day = [extract_by_day(connection, SYSTEM, entity, behind) for entity, behind in BY_DAY.items()]
    return by_day + [extract_whole(connection, SYSTEM, entity) for entity in WHOLE]
