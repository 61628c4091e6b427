"""What is extracted from ServiceTitan: documents by day, customers full once and then by day, lists whole; and what
goes back to it.
"""

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.assets.posting import post
from st_erp_pipelines.flows import BACK, sells, used_flows
from st_erp_pipelines.outbox.export_marks import MARKED
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection, Reference

SYSTEM = "servicetitan"
MARKED_KINDS = ("invoice", "credit_memo", "payment")

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

# The same where the ERP buys. Receipts and bills are read again, by id, after posting (see `Pipeline.reconcile`).
PURCHASING_BY_DAY = {
    "receipts": (),
    "ap_bills": ("receipts",),
    "purchase_requests": (),
    "purchase_orders": ("ap_bills", "receipts"),
    "materials": (),
    "equipment": (),
    "vendors": ("ap_bills", "receipts", "purchase_orders", "materials", "equipment"),
    "jobs": ("ap_bills", "receipts", "purchase_orders"),
}
PURCHASING_WHOLE = ("business_units", "purchase_order_types", "warehouses", "trucks")

# What no flow to the ERP needs, read by a job of its own.
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
PRICEBOOK: tuple[Reference, ...] = ("materials", "services", "equipment")  # read in each sync where items are written


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    by_day = [extract_by_day(connection, SYSTEM, entity, behind) for entity, behind in _by_day(connection).items()]
    whole = [extract_whole(connection, SYSTEM, entity) for entity in needed_whole(connection)]
    marks = [mark_exported(connection)] if connection.servicetitan.mark_exported and sells(connection) else []
    more = [_further(connection, entity) for entity in further(connection)]
    return by_day + whole + marks + more + posts_back(connection)


def _by_day(connection: Connection) -> dict[str, tuple[str, ...]]:
    return BY_DAY if sells(connection) else PURCHASING_BY_DAY


def needed_whole(connection: Connection) -> tuple[str, ...]:
    return WHOLE if sells(connection) else PURCHASING_WHOLE


def needed_by_day(connection: Connection) -> tuple[str, ...]:
    return tuple(_by_day(connection))


def needed(connection: Connection) -> tuple[str, ...]:
    """What flows need: read in each sync."""
    return (*_by_day(connection), *needed_whole(connection))


def posts_back(connection: Connection) -> list[dg.AssetsDefinition]:
    pricebook_read = [entity for entity in PRICEBOOK if entity in read_of(connection)]
    behind: dict[str, Sequence[str]] = {
        "customers_back": ["customers"],
        "items": pricebook_read,
        "cost_centers": ["purchase_orders"],  # of business units themselves there are no days
        "vendors": ["vendors"],
        "purchase_orders": ["purchase_orders"],
        "supplier_invoices": ["receipts"],
    }
    return [post(connection, flow, behind.get(flow, [])) for flow in used_flows(connection) if flow in BACK]


def mark_exported(connection: Connection) -> dg.AssetsDefinition:
    posts = [[connection.name, connection.erp.kind, f"post_{flow}"] for flow in ("invoices", "payments")]

    @dg.asset(
        key=[connection.name, SYSTEM, "export_marks"],
        deps=[dg.AssetKey(key) for key in posts],
        group_name=connection.name,
        kinds={SYSTEM},
        owners=["team:finance"],
        description="Marks as exported in ServiceTitan what stands in the ERP and, read again, is unchanged.",
    )
    def export_marks(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            counts = {kind: pipeline.mark_exported(kind) for kind in MARKED_KINDS}
        return dg.MaterializeResult(metadata=_marks(counts))

    return export_marks


def _marks(counts: dict[str, Counter[str]]) -> dict[str, int | str]:
    """How many were marked, by kind; and what was said of the others."""
    others = Counter(text for count in counts.values() for text in count.elements() if text != MARKED)
    told = {"not_marked": "; ".join(f"{count} {text}" for text, count in others.most_common(10))} if others else {}
    return {f"{kind}s_marked": count[MARKED] for kind, count in counts.items()} | told


def pricebook(connection: Connection) -> list[Reference]:
    """What must have been read before items are written: it tells what was made there by hand."""
    return list(PRICEBOOK) if connection.flows.items.mode != "observe" else []


def references(connection: Connection) -> list[Reference]:
    """Those that the connection reads by the job of its own."""
    if not sells(connection):
        return []
    wanted = set(connection.references.entities) - set(pricebook(connection))
    return [each for each in (*REFERENCES_BY_DAY, *REFERENCES_WHOLE) if each in wanted]


def further(connection: Connection) -> list[Reference]:
    return [*pricebook(connection), *references(connection)]


def read_of(connection: Connection) -> list[str]:
    """All that is read of ServiceTitan."""
    return [*needed(connection), *further(connection)]


def before_items(connection: Connection) -> list[dg.AssetKey]:
    """What the documents of items are built from."""
    read = (each for each in ("vendors", "categories", *PRICEBOOK) if each in read_of(connection))
    names = [f"{connection.erp.kind}__items", *(f"{SYSTEM}__{entity}" for entity in read)]
    return [dg.AssetKey([connection.name, "staging", name]) for name in names]


def _further(connection: Connection, entity: Reference) -> dg.AssetsDefinition:
    if entity in REFERENCES_WHOLE:
        return extract_whole(connection, SYSTEM, entity, is_reference=True)
    behind = [table for table in REFERENCES_BY_DAY[entity] if table in read_of(connection)]
    return extract_by_day(connection, SYSTEM, entity, behind, is_reference=entity not in pricebook(connection))
