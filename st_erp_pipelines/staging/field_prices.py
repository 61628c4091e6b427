"""Prices that people changed in ServiceTitan's pricebook since we wrote them: the table `staging.field_prices`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files

import duckdb


@dataclass(frozen=True)
class FieldPrice:
    """See the comments of the table."""

    item_number: str
    name: str
    becomes: str
    pricebook_id: int
    figure: str
    in_servicetitan: Decimal
    last_written: Decimal
    in_erp: Decimal
    changed_at: datetime | None
    business_key: str


def rebuild(con: duckdb.DuckDBPyConnection) -> None:
    """From staging and what `install_documents` brought there."""
    con.execute(files(__package__).joinpath("sql/field_prices.sql").read_text("utf-8"))


def read(con: duckdb.DuckDBPyConnection) -> list[FieldPrice]:
    """As the last reconciliation found them; nothing before the first."""
    try:
        rows = con.execute(f"select {', '.join(FieldPrice.__dataclass_fields__)} from staging.field_prices")
    except duckdb.CatalogException:
        return []
    return [FieldPrice(*row) for row in rows.fetchall()]
