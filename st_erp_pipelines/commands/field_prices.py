"""Prices changed in ServiceTitan, as the last reconciliation found them: `status` tells of them, and needs nobody."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.pipeline import Pipeline

Facts = dict[str, Any]
LISTED = 10


def field_price_facts(pipeline: Pipeline) -> list[Facts]:
    return [vars(each) for each in pipeline.field_prices()]


def show_field_prices(facts: Facts, everything: bool = False) -> None:
    rows = facts["field_prices"] if everything else facts["field_prices"][:LISTED]
    if not rows:
        return
    say()
    columns = ("item", "name", "figure", "ServiceTitan", "written last", "ERP")
    said = [_line(row) for row in rows]
    say(table("Changed in ServiceTitan's pricebook, and left as it is there", columns, said, right=columns[3:]))
    if more := len(facts["field_prices"]) - len(rows):
        say(f"  and {more:,} more: st-erp status --all")


def _line(row: Facts) -> tuple[str, ...]:
    figures = (_plain(row[name]) for name in ("in_servicetitan", "last_written", "in_erp"))
    return row["item_number"], row["name"], row["figure"], *figures


def _plain(figure: Decimal) -> str:
    """Fractions of a cent are told where there are any."""
    return money(figure) if figure == round(figure, 2) else f"{figure.normalize():,f}"
