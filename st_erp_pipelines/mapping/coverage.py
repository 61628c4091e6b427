"""What staging uses and no mapping covers, and how much money that holds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb

from st_erp_pipelines.settings_systems import SapS4hana

ADD = "Add a row to {}."
CENTERS = "cost_centers.csv"
WORDS = {  # what is wrong with the value of a gap, and what to do
    **{
        f"unmapped_{thing}": ("is unmapped", ADD.format(f"{thing}s.csv"))
        for thing in ("business_unit", "account", "tax_zone", "payment_type", "order_type", "plant", "material")
    },
    "unmapped_payment_terms": ("is unmapped", ADD.format("payment_terms.csv")),
    "unmapped_cost_center": ("is used, and no row was valid on that day", f"Add a row to {CENTERS}, or extend one."),
    "no_cost_center": ("is an active business unit without a cost center today", ADD.format(CENTERS)),
    "unknown_cost_center": ("is no cost center of the controlling area", f"Correct its row of {CENTERS}."),
    "invalid_cost_center": ("is not valid in the ERP today", f"Extend it there, or end its row of {CENTERS}."),
    "blocked_cost_center": ("is blocked in the ERP", f"Unblock it there, or end its row of {CENTERS}."),
    "several_cost_centers": ("at once are the cost centers of one business unit", f"Let one row of {CENTERS} end."),
    "several_business_units": ("at once are the business units of one cost center", f"Let one row of {CENTERS} end."),
}


@dataclass(frozen=True)
class Gap:
    """`kind` is the reason code of the documents it blocks; `amount` the sum of their totals, unsigned.

    A document with two gaps counts in both. Payment terms block nothing: their amount is 0. What is wrong with the
    cost centers themselves is a gap, too, of no documents.
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


def coverage_of_purchasing(
    con: duckdb.DuckDBPyConnection, erp: SapS4hana, *, go_live: date | None = None, on: date | None = None
) -> list[Gap]:
    """The same of what the ERP buys, and of cost centers from either side, valid `on` that day (else today)."""
    sql = Path(__file__).with_name("coverage_purchasing.sql").read_text(encoding="utf-8")
    names = ("company_code", "controlling_area", "purchasing_organization")
    settings = {name: getattr(erp, name) for name in names}
    return [Gap(*row) for row in con.execute(sql, {"go_live": go_live, "on": on, **settings}).fetchall()]
