"""Requests that were approved in ServiceTitan as purchase orders, or requisitions, of S/4HANA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run
from st_erp_pipelines.staging.documents.purchase_orders import without_gaps_in_lines

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_requests(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """Posted once: a request that changes after that is flagged. What comes of it comes back by purchase_orders."""
    prepare(con, connection, "requests", known)
    run(con, "vendor_links")
    return [without_gaps_in_lines(built(row)) for row in run(con, "requests")]
