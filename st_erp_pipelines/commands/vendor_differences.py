"""What the two systems tell differently of vendors, and vendors that only ServiceTitan has: `status` tells of both."""

from __future__ import annotations

from typing import Any

from st_erp_pipelines.commands.output import say, table
from st_erp_pipelines.pipeline import Pipeline

Facts = dict[str, Any]
LISTED = 10
DIFFERENCES = "Vendors that the two systems tell differently, until their owner changes them"
UNMATCHED = "Vendors that only ServiceTitan has"


def vendor_facts(pipeline: Pipeline) -> Facts:
    differences, unmatched = pipeline.vendors_compared()
    return {"vendor_differences": list(map(vars, differences)), "vendors_unmatched": list(map(vars, unmatched))}


def show_vendors(facts: Facts, everything: bool = False) -> None:
    different = [
        (row["supplier"], row["vendor_id"], row["member"], _named(row["owner"]), row["in_servicetitan"], row["in_erp"])
        for row in facts.get("vendor_differences", [])
    ]
    _show(DIFFERENCES, ("supplier", "vendor", "what", "owner", "ServiceTitan", "ERP"), different, everything)
    only_there = [
        (row["vendor_id"], row["name"] or "", row["postal_code"] or "", row["similar_suppliers"] or "none")
        for row in facts.get("vendors_unmatched", [])
    ]
    _show(UNMATCHED, ("vendor", "name", "postal code", "suppliers like it"), only_there, everything)


def _show(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]], everything: bool) -> None:
    if not rows:
        return
    shown = rows if everything else rows[:LISTED]
    say()
    say(table(title, columns, shown))
    if more := len(rows) - len(shown):
        say(f"  and {more:,} more: st-erp status --all")


def _named(owner: str) -> str:
    return "ServiceTitan" if owner == "servicetitan" else "ERP"
