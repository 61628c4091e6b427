"""From staging and mapping to the documents of the flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.reversal import Reverse
from st_erp_pipelines.staging.documents.customers import build_customers, build_customers_back
from st_erp_pipelines.staging.documents.invoices import build_invoices, reversed_sale
from st_erp_pipelines.staging.documents.items import build_items
from st_erp_pipelines.staging.documents.known import KnownDocument, KnownDocuments, Link
from st_erp_pipelines.staging.documents.payments import build_payments
from st_erp_pipelines.staging.documents.purchase_orders import build_purchase_orders
from st_erp_pipelines.staging.documents.purchasing_masters import build_cost_centers, build_suppliers, build_vendors
from st_erp_pipelines.staging.documents.requests import build_requests
from st_erp_pipelines.staging.documents.supplier_invoices import build_supplier_invoices

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

Build = Callable[
    [duckdb.DuckDBPyConnection, "Connection", KnownDocuments],
    tuple[list[BuiltDocument], list[Link]],
]


def _without_links(
    build: Callable[[duckdb.DuckDBPyConnection, Connection, KnownDocuments], list[BuiltDocument]],
) -> Build:
    return lambda con, connection, known: (build(con, connection, known), [])


BUILDS: Mapping[str, Build] = {
    "customers": build_customers,
    "invoices": _without_links(build_invoices),
    "payments": _without_links(build_payments),
    "customers_back": _without_links(build_customers_back),
    "items": _without_links(build_items),
    "cost_centers": _without_links(build_cost_centers),
    "vendors": _without_links(build_vendors),
    "suppliers": _without_links(build_suppliers),
    "purchase_orders": build_purchase_orders,
    "requests": _without_links(build_requests),
    "supplier_invoices": _without_links(build_supplier_invoices),
}

REVERSES: Mapping[str, Reverse] = {"invoices": reversed_sale}

__all__ = [
    "REVERSES",
    "BUILDS",
    "KnownDocument",
    "KnownDocuments",
    "Link",
    "build_customers",
    "build_invoices",
    "build_items",
    "build_payments",
    "build_purchase_orders",
    "build_requests",
]
