"""Customers that documents need, as ERP customers: created, found under a link, or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, Link, built, prepare, run, without_gaps

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_customers(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> tuple[list[BuiltDocument], list[Link]]:
    """Documents, and the links to record. A linked customer has no document until it changes.

    No cursor narrows it: an invoice of today may need a customer of last year, and a contact changes
    without its customer.
    """
    prepare(con, connection, "customers", known)
    for step in ("sales_sources", "customer_facts", "customers", "customer_sides"):
        run(con, step)
    # A term that nobody mapped is left as it is over there, not emptied.
    documents = [without_gaps(built(row)) for row in run(con, "customer_changes")]
    return documents, [Link(**row) for row in run(con, "customer_links")]


def build_customers_back(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """What the ERP owns of linked customers and has changed; and the table of what differs, whoever owns it."""
    prepare(con, connection, "customers_back", known)
    for step in ("customer_facts", "customer_sides"):
        run(con, step)
    return [without_gaps(built(row)) for row in run(con, "customers_back")]
