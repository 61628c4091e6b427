"""The reconciliation block of `sync`: both sides' totals, and every difference by the state that explains it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.database import reading
from st_erp_pipelines.flows import sells
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.outbox.states import STANDING
from st_erp_pipelines.pipeline import Pipeline

Facts = dict[str, Any]
NO_SOURCE = "no source"
LISTED = 20


def reconciled(pipeline: Pipeline) -> Facts:
    result = pipeline.reconciled()
    numbers = _numbers_without_source(pipeline) if sells(pipeline.connection) else {}
    return {
        "reconciliation": [vars(totals) for totals in result.totals],
        "differences": [vars(each) | {"erp_number": numbers.get(each.business_key, "")} for each in result.differences],
        "payment_lines": _payment_lines(pipeline),
    }


def _numbers_without_source(pipeline: Pipeline) -> dict[str, str]:
    query = "select business_key, any_value(erp_number) from staging.reconciliation_documents where status = $status"
    with pipeline.staging() as con:
        return dict(con.execute(f"{query} group by business_key", {"status": NO_SOURCE}).fetchall())


def _payment_lines(pipeline: Pipeline) -> Facts:
    """A payment stands in the ERP as one line for each invoice that it is applied to."""
    columns = (sa.func.count(sa.distinct(documents.c.source_key)), sa.func.count())
    mine = documents.c.connection == pipeline.connection.name, documents.c.flow == "payments"
    query = sa.select(*columns).where(*mine, documents.c.state.in_(list(STANDING)))
    with reading(pipeline.outbox.engine) as con:
        payments, lines = con.execute(query).one()
    return {"payments": payments, "lines": lines}


# As people read it


def show_reconciliation(facts: Facts) -> None:
    if not facts["reconciliation"]:
        return
    rows = []
    for each in facts["reconciliation"]:
        figures = (money(each[name]) for name in ("source", "erp", "difference"))
        rows.append((each["flow"], f"{each['documents']:,}", f"{each['matched']:,}", *figures))
    columns = ("flow", "documents", "matched", "ServiceTitan", "ERP", "difference")
    say()
    say(table("Reconciliation", columns, rows, right=columns[1:]))
    lines = facts["payment_lines"]
    if lines["payments"] != lines["lines"]:
        say(f"{lines['payments']:,} payments, sent as {lines['lines']:,} lines: one per invoice they are applied to.")
    if facts["differences"]:
        say()
        say(_explained(facts["reconciliation"], facts["differences"]))
    _show_unexplained([each for each in facts["differences"] if not each["explained"]])


def _explained(totals: Sequence[Facts], differences: Sequence[Facts]) -> Any:
    """By flow, a line per state that explains differences; they add up to the flow's difference."""
    rows = []
    for flow in (each["flow"] for each in totals):
        parts: dict[str, list[Decimal]] = defaultdict(list)
        for each in differences:
            if each["flow"] == flow:
                parts[each["explained"].replace("_", " ") or "nothing"].append(each["difference"])
        lines = sorted(parts.items(), key=lambda part: (part[0] == "nothing", -len(part[1])))
        rows += [(flow, state, f"{len(amounts):,}", money(sum(amounts, Decimal(0)))) for state, amounts in lines]
        if len(parts) > 1:
            amounts = [amount for part in parts.values() for amount in part]
            rows.append((flow, "together", f"{len(amounts):,}", money(sum(amounts, Decimal(0)))))
    columns = ("flow", "explained by", "documents", "difference")
    return table("What the differences come from", columns, rows, right=columns[2:])


def _show_unexplained(unexplained: Sequence[Facts]) -> None:
    if not unexplained:
        return
    say(f"\n{len(unexplained):,} that nothing explains:", style="yellow")
    for each in unexplained[:LISTED]:
        say(f"  {each['business_date']}  {_in_words(each)}")
    if len(unexplained) > LISTED:
        listed = "supplier_invoice_results" if unexplained[0]["sentence"] else "reconciliation_documents"
        say(f"  … and {len(unexplained) - LISTED:,} more, in staging.{listed} and with --json.")


def _in_words(each: Facts) -> str:
    key, amount = each["business_key"], each["difference"]
    if each["sentence"]:
        return f"{key}: {each['sentence']}"
    if each["status"] == NO_SOURCE:
        there = f"{money(-amount)} stands in the ERP as {each['erp_number'] or 'a document'} under our key {key}"
        return f"{there}, and ServiceTitan has no such document."
    if each["status"] == "not in the ERP":
        return f"{key}: {money(amount)} in ServiceTitan is not in the ERP, and the outbox does not say why."
    return f"{key}: ServiceTitan says {money(amount)} more than the ERP."
