"""What the two systems tell differently of linked vendors, and vendors that no supplier is: two tables of staging.

Made by the build of the flow vendors (`sql/documents_vendor_changes.sql`, `sql/documents_vendors_unmatched.sql`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb


@dataclass(frozen=True)
class VendorDifference:
    """See the comments of the table `staging.vendor_differences`."""

    supplier: str
    vendor_id: int
    member: str
    owner: str
    in_servicetitan: str
    in_erp: str


@dataclass(frozen=True)
class UnmatchedVendor:
    """See the comments of the table `staging.vendors_unmatched`."""

    vendor_id: int
    name: str | None
    postal_code: str | None
    similar_suppliers: str | None


def differences(con: duckdb.DuckDBPyConnection) -> list[VendorDifference]:
    """As the last build found them; nothing before the first."""
    return [VendorDifference(*row) for row in _rows(con, "vendor_differences", VendorDifference)]


def unmatched(con: duckdb.DuckDBPyConnection) -> list[UnmatchedVendor]:
    return [UnmatchedVendor(*row) for row in _rows(con, "vendors_unmatched", UnmatchedVendor)]


def _rows(con: duckdb.DuckDBPyConnection, table: str, shape: type[Any]) -> list[tuple[Any, ...]]:
    columns = ", ".join(shape.__dataclass_fields__)
    try:
        return con.execute(f"select {columns} from staging.{table} order by all").fetchall()
    except duckdb.CatalogException:
        return []
