"""What became of each supplier invoice of S/4HANA in ServiceTitan: the table `staging.supplier_invoice_results`.

It is what reconciliation is for a connection that buys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.staging.documents.known import KnownDocuments, prepare, run
from st_erp_pipelines.staging.documents.supplier_invoices import STEPS
from st_erp_pipelines.staging.reconciliation import Difference, FlowTotals, Result

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

FLOW = "supplier_invoices"
TOLERANCE = Decimal("0.05")
WAIT_DAYS = 7  # an invoice may come before the goods
BILLED_WITHIN = 3  # times the time after which ServiceTitan has done what it was asked for: a quarter of an hour
PERSON = ("discrepancy", "bill_missing")  # results that nothing but a person settles; exceptions, the outbox tells of


@dataclass(frozen=True)
class SupplierInvoiceResult:
    """See the comments of the table."""

    business_date: date
    business_key: str
    supplier_invoice: str
    fiscal_year: int
    purchase_order: str | None
    supplier: str
    vendor_invoice_number: str | None
    result: str
    cause: str
    amount: Decimal
    bill_amount: Decimal | None
    difference: Decimal | None
    receipt_id: int | None
    ap_bill_id: int | None
    sentence: str


def rebuild(con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments, now: datetime) -> None:
    """From both sides' staging; `known` as for the build of the flow."""
    prepare(con, connection, FLOW, known)
    for step in (*STEPS, FLOW):
        run(con, step)
    parameters = {
        "now": now,
        "settle": connection.servicetitan.timing.settle_after * BILLED_WITHIN,
        "wait_days": WAIT_DAYS,
        "tolerance": TOLERANCE,
    }
    text = files(__package__).joinpath("sql/supplier_invoice_results.sql").read_text("utf-8")
    for statement in duckdb.extract_statements(text):
        con.execute(statement, {name: parameters[name] for name in statement.named_parameters})


def read(con: duckdb.DuckDBPyConnection) -> list[SupplierInvoiceResult]:
    """As the last reconciliation found them, the oldest first; nothing before the first."""
    columns = ", ".join(SupplierInvoiceResult.__dataclass_fields__)
    query = f"select {columns} from staging.supplier_invoice_results order by business_date, business_key"
    try:
        rows = con.execute(query).fetchall()
    except duckdb.CatalogException:
        return []
    return [SupplierInvoiceResult(*row) for row in rows]


def reconciled(results: Sequence[SupplierInvoiceResult]) -> Result:
    """As totals and differences. What waits, or is an exception of the outbox, is explained by that."""
    compared = [each for each in results if each.result != "out_of_scope"]
    if not compared:
        return Result([], [])
    there = sum((each.bill_amount or Decimal(0) for each in compared), Decimal(0))
    ours = sum((each.amount for each in compared), Decimal(0))
    matched = sum(each.result == "matched" for each in compared)
    differences = [_difference(each) for each in compared if each.result != "matched"]
    return Result([FlowTotals(FLOW, len(compared), matched, there, ours, there - ours)], differences)


def _difference(each: SupplierInvoiceResult) -> Difference:
    explained = "" if each.result in PERSON else each.result
    difference = (each.bill_amount or Decimal(0)) - each.amount
    return Difference(FLOW, each.business_key, each.business_date, each.result, difference, explained, each.sentence)
