"""Payments of ServiceTitan as lines of an ERP payment journal, one document for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.staging.documents.known import KnownDocuments, built, prepare, run

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection


def build_payments(
    con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments
) -> list[BuiltDocument]:
    """Part n is the nth application of the payment, part 0 what is on account.

    Once one part may stand over there the split is fixed: another one would pay the same money twice. The parts
    are then those in `known`, with their amounts; a posted part comes again only when its source was edited.
    """
    prepare(con, connection, "payments", known)
    run(con, "payments")
    return [built(row) for row in run(con, "payment_parts")]
