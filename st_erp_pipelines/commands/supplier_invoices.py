"""Supplier invoices against ServiceTitan's bills, as the last reconciliation found them."""

from __future__ import annotations

from typing import Any

from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.staging.supplier_invoice_results import RESULTS, by_day, needs_person

Facts = dict[str, Any]
DAYS, LISTED = 14, 20


def supplier_invoice_facts(pipeline: Pipeline) -> Facts:
    """`supplier_invoice_days`, the newest first, and of `supplier_invoices` those that only a person settles."""
    results = pipeline.supplier_invoice_results()
    return {
        "supplier_invoice_days": by_day(results),
        "supplier_invoices": [vars(each) for each in results if needs_person(each)],
    }


def show_supplier_invoices(facts: Facts, everything: bool = False) -> None:
    days, rows = facts["supplier_invoice_days"], facts["supplier_invoices"]
    if not days:
        return
    say()
    columns = ("day", *(result.replace("_", " ") for result in RESULTS), "S/4HANA", "ServiceTitan", "difference")
    lines = [
        (day["business_date"], *(day[result] or "" for result in RESULTS),
         *(money(day[name]) for name in ("amount", "bill_amount", "difference")))
        for day in days[: None if everything else DAYS]
    ]  # fmt: skip
    say(table("Supplier invoices, and the bills that ServiceTitan has of them", columns, lines, right=columns[1:]))
    if rows:
        say(f"\n{len(rows):,} of them {'need' if len(rows) > 1 else 'needs'} a person:", style="bold")
    for row in rows[: None if everything else LISTED]:
        number = f" ({row['vendor_invoice_number']})" if row["vendor_invoice_number"] else ""
        result = row["result"].replace("_", " ")
        say(f"  {row['business_date']}  {row['business_key']}{number}  {result}", style="yellow")
        say(f"      {row['sentence']}")
    if not everything and len(rows) > LISTED:
        say(f"  and {len(rows) - LISTED:,} more: st-erp status --all")
