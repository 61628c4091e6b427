"""Purchase orders of S/4HANA, and requisitions where these are delivered, as purchase orders of ServiceTitan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, Link, built, prepare, run, without_gaps

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

STEPS = (
    *("vendor_links", "purchases_there", "purchases_left_out", "purchase_sources", "purchase_orders"),
    "purchase_order_reasons",
)


def build_purchase_orders(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> tuple[list[BuiltDocument], list[Link]]:
    """What stands in ServiceTitan has no document until it changes; then the change is the next revision.

    An order made of a delivered requisition takes the place of its order there. One made of a request of
    ServiceTitan is linked to the order that the request became.
    """
    prepare(con, connection, "purchase_orders", known)
    for step in STEPS:
        run(con, step)
    links = [Link(**row) for row in run(con, "purchase_order_links")]
    return [without_gaps_in_lines(built(row)) for row in run(con, "purchase_order_changes")], links


def without_gaps_in_lines(document: BuiltDocument) -> BuiltDocument:
    document = without_gaps(document)
    lines = [
        {name: value for name, value in each.items() if value is not None} for each in document.payload.get("items", ())
    ]
    return replace(document, payload={**document.payload, "items": lines}) if lines else document
