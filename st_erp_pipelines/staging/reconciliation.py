"""Reconciliation: what ServiceTitan says against what the ERP has posted, read from its own documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb

from st_erp_pipelines.staging import to_do

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

TO_DO = "to_do"  # a person has to do something about it there
# States of a document that is not in the ERP, or not as its source says, and why: all but posted and adopted.
EXPLAINED = (
    *("blocked", "ready", "sending", "in_doubt", "unavailable", "rejected", "conflict", "entered"),
    *("skipped", "withdrawn", "out_of_scope", TO_DO),
)


@dataclass(frozen=True)
class Difference:
    """A document whose two sides differ. `explained` is the state that says why, or empty."""

    flow: str
    business_key: str
    business_date: date
    status: str
    difference: Decimal
    explained: str
    sentence: str = ""  # where more is known than the status


@dataclass(frozen=True)
class FlowTotals:
    flow: str
    documents: int
    matched: int
    source: Decimal
    erp: Decimal
    difference: Decimal


@dataclass(frozen=True)
class Result:
    totals: list[FlowTotals]
    differences: list[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        return [difference for difference in self.differences if not difference.explained]


def reconcile(
    con: duckdb.DuckDBPyConnection, connection: Connection, adopted: Sequence[tuple[str, str, str]] = ()
) -> None:
    """Rebuild `staging.reconciliation` and its documents. `adopted`: invoice or credit_memo, its id, our key."""
    con.execute("create or replace temp table adopted (type varchar, document_id varchar, business_key varchar)")
    if adopted:
        con.executemany("insert into adopted values (?, ?, ?)", adopted)
    text = files(__package__).joinpath("sql/reconciliation.sql").read_text("utf-8")
    parameters = {
        "prefix": connection.key_prefix,
        "go_live": connection.go_live,
        "only_posted": connection.rules.only_posted,
    }
    for statement in text.split(";\n"):
        if statement.strip():
            used = {name: value for name, value in parameters.items() if f"${name}" in statement}
            con.execute(statement, used)


def result(con: duckdb.DuckDBPyConnection, states: Mapping[str, str]) -> Result:
    """What the last rebuild found; `states` is the outbox's word, by business key."""
    by_source = _by_source(states)
    by_source |= {each.business_key: TO_DO for each in to_do.read(con) if each.what in ("refund", "reverse")}
    return Result(_totals(con), [_difference(row, by_source) for row in _differing(con)])


def _by_source(states: Mapping[str, str]) -> dict[str, str]:
    """Parts of a payment (`AP12-1`) answer for the whole (`AP12`); the least finished one speaks."""
    found: dict[str, str] = dict(states)
    for key, state in states.items():
        whole = key.rpartition("-")[0]
        if state in EXPLAINED or whole not in found:
            found[whole] = state
    return found


def _difference(row: tuple[str, str, date, str, Decimal], states: Mapping[str, str]) -> Difference:
    flow, key, on, status, amount = row
    state = states.get(key, "")
    return Difference(flow, key, on, status, amount, state if state in EXPLAINED else "")


def _differing(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, date, str, Decimal]]:
    query = """
        select flow, business_key, min(business_date), min(status), sum(difference)
        from staging.reconciliation_documents where status <> 'matched'
        group by flow, business_key order by 1, 3, 2
    """
    return con.execute(query).fetchall()


def _totals(con: duckdb.DuckDBPyConnection) -> list[FlowTotals]:
    query = """
        select flow, count(distinct business_key),
            count(distinct business_key) - count(distinct case when status <> 'matched' then business_key end),
            sum(source_net + source_tax), sum(erp_net + erp_tax), sum(difference)
        from staging.reconciliation_documents group by flow order by flow
    """
    return [FlowTotals(*row) for row in con.execute(query).fetchall()]
