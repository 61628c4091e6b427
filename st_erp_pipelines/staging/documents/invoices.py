"""Invoices and credit memos of ServiceTitan as sales documents; the rules are SQL, one CTE for each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.posting.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_invoices(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments, since: datetime | None
) -> list[BuiltDocument]:
    """Everything loaded after `since` (None: ever), not final yet, or edited since it was final.

    A ServiceTitan invoice stays of kind `invoice` when its total is negative (its payload's type says
    credit memo), so that a sign that turns is an edit of one document and never a second one.
    """
    prepare(con, connection, "invoices", known, since)
    for step in ("sales_sources", "sales", "sales_lines", "sales_reasons"):
        run(con, step)
    return [built(row) for row in run(con, "invoices")]
