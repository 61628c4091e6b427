"""What people have to do in the ERP, as the last reconciliation left it: in `sync`, `status` and `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.staging.to_do import ToDo, read

Facts = dict[str, Any]
LISTED = 20


def to_do_facts(pipeline: Pipeline) -> list[Facts]:
    return [vars(each) for each in pipeline.to_do()]


def to_do_in(home: Path, connection: str) -> list[ToDo]:
    """The same without a pipeline, and without waiting for the file of staging: nothing while a run has it."""
    path = home / "staging" / f"{connection}.duckdb"
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            return read(con)
    except duckdb.IOException:
        return []


def show_to_do(facts: Facts, everything: bool = False) -> None:
    rows = facts["to_do"] if everything else facts["to_do"][:LISTED]
    if not rows:
        return
    say()
    columns = ("what", "customer", "payment", "amount", "invoice", "since")
    said = [_line(ToDo(**row)) for row in rows]
    title = f"To do in {facts['company'].partition(',')[0]}; what is done there leaves this list by itself"
    say(table(title, columns, said, right=("amount",)))
    if len(facts["to_do"]) > len(rows):
        say(f"  and {len(facts['to_do']) - len(rows):,} more: st-erp status --all")


def _line(row: ToDo) -> tuple[object, ...]:
    invoice = f"{row.invoice_number} ({row.invoice_key})" if row.invoice_number else ""
    customer = f"{row.customer_number} {row.customer_name}"
    return row.what, customer, row.document_number, money(row.amount), invoice, row.since or ""
