"""What staging uses and no mapping covers, and how much money that holds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb


@dataclass(frozen=True)
class Gap:
    """`kind` is the reason code of the documents it blocks; `amount` the sum of their totals, unsigned.

    A document with two gaps counts in both. Payment terms block nothing: their amount is 0.
    """

    kind: str
    value: str
    documents: int
    amount: Decimal


def coverage(
    con: duckdb.DuckDBPyConnection,
    *,
    go_live: date | None = None,
    tax: Literal["liability_line", "erp_computes"] = "liability_line",
) -> list[Gap]:
    """Of documents dated `go_live` or later, what blocks the most money first."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    return [Gap(*row) for row in con.execute(sql, {"go_live": go_live, "tax": tax}).fetchall()]
