"""What the two systems tell differently of customers, as the last build found it: `status` tells of it."""

from __future__ import annotations

from typing import Any

from st_erp_pipelines.commands.output import say, table
from st_erp_pipelines.pipeline import Pipeline

Facts = dict[str, Any]
LISTED = 10


def customer_difference_facts(pipeline: Pipeline) -> list[Facts]:
    return [vars(each) for each in pipeline.customer_differences()]


def show_customer_differences(facts: Facts, everything: bool = False) -> None:
    rows = facts["customer_differences"] if everything else facts["customer_differences"][:LISTED]
    if not rows:
        return
    say()
    columns = ("customer", "what", "owner", "ServiceTitan", "ERP")
    said = [_line(row) for row in rows]
    say(table("Customers that the two systems tell differently, until their owner changes them", columns, said))
    if more := len(facts["customer_differences"]) - len(rows):
        say(f"  and {more:,} more: st-erp status --all")


def _line(row: Facts) -> tuple[str, ...]:
    owner = "ServiceTitan" if row["owner"] == "servicetitan" else "ERP"
    return row["customer_number"], row["member"].replace("_", " "), owner, row["in_servicetitan"], row["in_erp"]
