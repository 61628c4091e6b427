"""What purchasing stands on: vendors of ServiceTitan and suppliers of S/4HANA, cost centers of business units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run, without_gaps

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_vendors(con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments) -> list[BuiltDocument]:
    """A supplier that is a vendor already is linked; what only looks like one is blocked until a person says which.

    One that is linked has no document until what the ERP owns of it changes; then the change is the next revision.
    And the tables `staging.vendor_differences` and `staging.vendors_unmatched`.
    """
    prepare(con, connection, "vendors", known)
    for step in ("vendor_links", "vendor_matches", "vendors_unmatched", "vendors"):
        run(con, step)
    return [without_gaps(built(row)) for row in run(con, "vendor_changes")]


def build_suppliers(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """Vendors that no supplier is, where the settings say how to create one."""
    prepare(con, connection, "suppliers", known)
    for step in ("vendor_links", "vendor_matches", "vendors_unmatched"):
        run(con, step)
    return [without_gaps(built(row)) for row in run(con, "suppliers")]


def build_cost_centers(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """The cost center of each business unit, told to ServiceTitan; nothing without an application to tell it by."""
    if connection.servicetitan.application_guid is None:
        return []
    prepare(con, connection, "cost_centers", known)
    return [built(row) for row in run(con, "cost_centers")]
