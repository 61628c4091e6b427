"""What people have to do in the ERP about posted payments: the table `staging.to_do`, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files

import duckdb

from st_erp_pipelines.staging.documents.known import KnownDocument, install_documents


@dataclass(frozen=True)
class ToDo:
    """See the comments of the table."""

    what: str
    customer_number: str
    customer_name: str
    document_number: str
    amount: Decimal
    invoice_number: str
    invoice_key: str
    since: date | None
    sentence: str
    business_key: str


def rebuild(con: duckdb.DuckDBPyConnection, known: Sequence[KnownDocument]) -> list[str]:
    """Make the table anew. Returns the ids of the invoices that something is to be applied to, or unapplied from."""
    install_documents(con, known)
    con.execute(files(__package__).joinpath("sql/to_do.sql").read_text("utf-8"))
    return [row[0] for row in con.execute("select distinct document_id from to_do_open order by 1").fetchall()]


def read(con: duckdb.DuckDBPyConnection) -> list[ToDo]:
    """What the last reconciliation left to do, the oldest first; nothing before the first."""
    columns = ", ".join(ToDo.__dataclass_fields__)
    try:
        rows = con.execute(f"select {columns} from staging.to_do order by since, what, document_number, invoice_number")
    except duckdb.CatalogException:
        return []
    return [ToDo(*row) for row in rows.fetchall()]
