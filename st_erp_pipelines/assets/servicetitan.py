"""What is extracted from ServiceTitan: documents by day, customers full once and then by day, lists whole."""

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.settings import Connection, Reference

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


# What no flow needs, read by a job of its own.
REFERENCES_BY_DAY: dict[Reference, tuple[str, ...]] = {
    "ap_bills": ("receipts",),
    "receipts": (),
    "purchase_orders": ("ap_bills", "receipts"),
    "bank_deposits": ("payments",),
    "services": (),
    "materials": (),
    "equipment": (),
    "vendors": ("ap_bills", "receipts", "purchase_orders", "materials", "equipment"),
    "jobs": ("invoices", "ap_bills", "receipts", "purchase_orders"),
    "projects": ("jobs", "purchase_orders"),
    "locations": ("invoices", "jobs", "projects"),
}
REFERENCES_WHOLE: tuple[Reference, ...] = ("categories",)


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    by_day = [extract_by_day(connection, SYSTEM, entity, behind) for entity, behind in BY_DAY.items()]
    whole = [extract_whole(connection, SYSTEM, entity) for entity in WHOLE]
    return by_day + whole + [_reference(connection, entity) for entity in references(connection)]


def references(connection: Connection) -> list[Reference]:
    """Those that the connection reads."""
    return [each for each in (*REFERENCES_BY_DAY, *REFERENCES_WHOLE) if each in connection.references.entities]


def reference_keys(connection: Connection) -> list[dg.AssetKey]:
    """Their extracts and staging tables."""
    names = [name for each in references(connection) for name in ((SYSTEM, each), ("staging", f"{SYSTEM}__{each}"))]
    return [dg.AssetKey([connection.name, *name]) for name in names]


def _reference(connection: Connection, entity: Reference) -> dg.AssetsDefinition:
    if entity in REFERENCES_WHOLE:
        return extract_whole(connection, SYSTEM, entity, is_reference=True)
    staged = {*BY_DAY, *references(connection)}
    behind = [table for table in REFERENCES_BY_DAY[entity] if table in staged]
    return extract_by_day(connection, SYSTEM, entity, behind, is_reference=True)
