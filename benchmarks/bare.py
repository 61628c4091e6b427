"""The yardstick: as little as gets the same columns into DuckDB. No landing, no versions, no quarantine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import httpx

URL = "/accounting/v2/tenant/1001/invoices?page={}&pageSize=1000"
STRUCTURE = """{
  "id": "BIGINT", "referenceNumber": "VARCHAR", "syncStatus": "VARCHAR", "invoiceDate": "DATE", "dueDate": "DATE",
  "subTotal": "DECIMAL(18,4)", "salesTax": "DECIMAL(18,4)", "total": "DECIMAL(18,4)", "balance": "DECIMAL(18,4)",
  "discountTotal": "DECIMAL(18,4)", "taxZoneId": "BIGINT", "termName": "VARCHAR", "adjustmentToId": "BIGINT",
  "summary": "VARCHAR", "active": "BOOLEAN", "exportId": "VARCHAR", "createdOn": "TIMESTAMPTZ",
  "modifiedOn": "TIMESTAMPTZ",
  "customer": {"id": "BIGINT", "name": "VARCHAR"}, "location": {"id": "BIGINT", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}, "job": {"id": "BIGINT", "number": "VARCHAR"},
  "items": [{"id": "BIGINT", "type": "VARCHAR", "skuName": "VARCHAR", "description": "VARCHAR",
    "quantity": "DECIMAL(28,7)",
    "price": "DECIMAL(28,7)", "total": "DECIMAL(18,4)", "taxable": "BOOLEAN",
    "generalLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}}]
}"""


RAW = """create or replace temp table typed as
    select from_json(unnest(from_json($body, '{"data": ["JSON"]}').data), $structure) as r"""
INVOICES = """select r.id, r.referenceNumber, r.syncStatus, r.invoiceDate, r.dueDate, r.subTotal, r.salesTax, r.total,
    r.balance, r.discountTotal, r.taxZoneId, r.termName, r.adjustmentToId, r.summary, r.active, r.exportId, r.createdOn,
    r.modifiedOn, r.customer, r.location, r.businessUnit, r.job from typed"""
ITEMS = "select r.id as invoice_id, unnest(r.items, recursive := true) from typed"


def fetch(base_url: str, pages: int, in_flight: int, keep) -> None:  # type: ignore[no-untyped-def]
    with httpx.Client(base_url=base_url, timeout=100) as client, ThreadPoolExecutor(in_flight) as pool:
        for body in pool.map(lambda page: client.get(URL.format(page)).raise_for_status().content, range(1, pages + 1)):
            keep(body)


def load(base_url: str, pages: int, in_flight: int, database: Path) -> None:
    with duckdb.connect(str(database), config={"memory_limit": "400MB", "threads": 2}) as con:
        con.execute("set preserve_insertion_order = false")

        def keep(body: bytes) -> None:
            con.execute(RAW, {"body": body.decode(), "structure": STRUCTURE})
            for table, rows in (("invoices", INVOICES), ("items", ITEMS)):
                con.execute(f"create table if not exists {table} as {rows} limit 0")
                con.execute(f"insert into {table} {rows}")

        fetch(base_url, pages, in_flight, keep)
