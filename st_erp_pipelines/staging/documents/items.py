"""Items of the ERP as materials and services of ServiceTitan's pricebook: the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run, without_gaps

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_items(con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments) -> list[BuiltDocument]:
    """An item that stands in the pricebook has no document until it changes; then the change is the next revision.

    Who only observes and has no items.csv is told of nothing.
    """
    if connection.flows.items.mode == "observe" and not _is_asked_for(con):
        return []
    prepare(con, connection, "items", known)
    run(con, "items")
    return [without_gaps(built(row)) for row in run(con, "item_changes")]


def _is_asked_for(con: duckdb.DuckDBPyConnection) -> bool:
    query = "select exists (from mapping.items) or exists (from mapping.faults where file = 'items.csv')"
    return bool(con.execute(query).fetchall()[0][0])
