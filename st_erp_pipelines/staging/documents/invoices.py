"""Invoices and credit memos of ServiceTitan as sales documents; the rules are SQL, one CTE for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.reversal import Payload
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def reversed_sale(sent: Payload, row: Document, key: str, today: Payload) -> Payload:
    """A credit memo over the same lines, applied to the invoice; of a credit memo, an invoice over its lines.

    Dated as the books allow it now; its own date is that day, too.
    """
    turned = {"invoice": "credit_memo", "credit_memo": "invoice"}[sent["type"]]
    dates = dict.fromkeys(("document_date", "posting_date", "due_date"), today["posting_date"])
    applies = {"applies_to": row.remote_id} if turned == "credit_memo" else {}
    return {**sent, **dates, **applies, "type": turned, "key": key, "reference": ""}


def build_invoices(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """Everything that is no document yet, not final yet, or edited since it was final.

    No cursor narrows it: what was left out once (by a rule, or by a clock set back) would stay out for ever.

    A ServiceTitan invoice stays of kind `invoice` when its total is negative (its payload's type says
    credit memo), so that a sign that turns is an edit of one document and never a second one.
    """
    prepare(con, connection, "invoices", known)
    for step in ("sales_sources", "sales", "sales_lines", "sales_reasons"):
        run(con, step)
    return [built(row) for row in run(con, "invoices")]
