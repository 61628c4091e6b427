"""What became of each supplier invoice of S/4HANA in ServiceTitan: the table `staging.supplier_invoice_results`.

It is what reconciliation is for a connection that buys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

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
RESULTS = ("matched", "discrepancy", "bill_missing", "exception", "waiting")
NOT_COMPARED = "out_of_scope"


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


def needs_person(each: SupplierInvoiceResult) -> bool:
    """Of an exception, the outbox tells."""
    return each.result in ("discrepancy", "bill_missing") or (each.result, each.cause) == ("exception", "reversed")


def rebuild(con: duckdb.DuckDBPyConnection, connection: Connection, known: KnownDocuments, now: datetime) -> list[int]:
    """From both sides' staging; `known` as for the build of the flow.

    Returns the ids of receipts to read again: made or billed meanwhile.
    """
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
    causes = "('not_read_back', 'no_bill')"
    query = f"select distinct receipt_id from staging.supplier_invoice_results where cause in {causes} order by 1"
    return [row[0] for row in con.execute(query).fetchall() if row[0] is not None]


def bills_to_read(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Ids of bills that receipts name, and that were not read yet."""
    query = """
        select distinct ap_bill_id from staging.stg_servicetitan__receipts
        where ap_bill_id not in (select ap_bill_id from staging.stg_servicetitan__ap_bills) order by 1
    """
    return [row[0] for row in con.execute(query).fetchall()]


def read(con: duckdb.DuckDBPyConnection) -> list[SupplierInvoiceResult]:
    """As the last reconciliation found them, the oldest first; nothing before the first."""
    columns = ", ".join(SupplierInvoiceResult.__dataclass_fields__)
    query = f"select {columns} from staging.supplier_invoice_results order by business_date, business_key"
    try:
        rows = con.execute(query).fetchall()
    except duckdb.CatalogException:
        return []
    return [SupplierInvoiceResult(*row) for row in rows]


def by_day(results: Sequence[SupplierInvoiceResult]) -> list[dict[str, Any]]:
    """How many there are of each result, and the amounts of both sides; the newest day first."""
    days: dict[date, list[SupplierInvoiceResult]] = defaultdict(list)
    for each in _compared(results):
        days[each.business_date].append(each)
    return [
        {
            "business_date": day,
            **{name: sum(each.result == name for each in rows) for name in RESULTS},
            **_amounts(rows),
        }
        for day, rows in sorted(days.items(), reverse=True)
    ]


def reconciled(results: Sequence[SupplierInvoiceResult]) -> Result:
    """As totals and differences. What waits, or is an exception of the outbox, is explained by that."""
    compared = _compared(results)
    if not compared:
        return Result([], [])
    amounts = _amounts(compared)
    matched = sum(each.result == "matched" for each in compared)
    totals = (len(compared), matched, amounts["bill_amount"], amounts["amount"], amounts["difference"])
    return Result([FlowTotals(FLOW, *totals)], [_difference(each) for each in compared if each.result != "matched"])


def _compared(results: Sequence[SupplierInvoiceResult]) -> list[SupplierInvoiceResult]:
    return [each for each in results if each.result != NOT_COMPARED]


def _amounts(rows: Sequence[SupplierInvoiceResult]) -> dict[str, Decimal]:
    there = sum((each.bill_amount or Decimal(0) for each in rows), Decimal(0))
    amount = sum((each.amount for each in rows), Decimal(0))
    return {"amount": amount, "bill_amount": there, "difference": there - amount}


def _difference(each: SupplierInvoiceResult) -> Difference:
    explained = "" if needs_person(each) else each.result
    difference = (each.bill_amount or Decimal(0)) - each.amount
    return Difference(FLOW, each.business_key, each.business_date, each.result, difference, explained, each.sentence)
