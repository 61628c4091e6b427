"""What the two systems tell differently of linked customers: the table `staging.customer_differences`.

Made by the build of the flow customers_back (`sql/documents_customers_back.sql`), where both sides lie side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class CustomerDifference:
    """See the comments of the table."""

    customer_number: str
    customer_id: int
    member: str
    owner: str
    in_servicetitan: str
    in_erp: str


def read(con: duckdb.DuckDBPyConnection) -> list[CustomerDifference]:
    """As the last build found them; nothing before the first, or where no customer goes back."""
    columns = ", ".join(CustomerDifference.__dataclass_fields__)
    try:
        rows = con.execute(f"select {columns} from staging.customer_differences order by all").fetchall()
    except duckdb.CatalogException:
        return []
    return [CustomerDifference(*row) for row in rows]
