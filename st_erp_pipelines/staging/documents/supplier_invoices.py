"""Supplier invoices of S/4HANA as receipts of ServiceTitan's purchase orders, from which it makes its bills itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run, without_gaps

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

STEPS = ("vendor_links", "purchases_there", "purchases_left_out", "supplier_invoice_shares")


def build_supplier_invoices(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """A document for each order that an invoice bills, part 0 where it bills none.

    `known` has the payloads of purchase orders (`written`), which say what their lines are in ServiceTitan.
    """
    prepare(con, connection, "supplier_invoices", known)
    for step in STEPS:
        run(con, step)
    return [without_gaps(built(row)) for row in run(con, "supplier_invoices")]
