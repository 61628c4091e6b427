"""`st-erp status`: what the outbox says of each connection, and what is wrong with its mapping tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import sqlalchemy as sa

from st_erp_pipelines.commands.customer_differences import customer_difference_facts, show_customer_differences
from st_erp_pipelines.commands.exceptions import (
    Sorted,
    counted,
    exception_facts,
    show_every_exception,
    show_exceptions,
)
from st_erp_pipelines.commands.field_prices import field_price_facts, show_field_prices
from st_erp_pipelines.commands.output import AMISS, WELL, money, say, say_json, table
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.commands.supplier_invoices import show_supplier_invoices, supplier_invoice_facts
from st_erp_pipelines.commands.to_do import show_to_do, to_do_facts
from st_erp_pipelines.commands.vendor_differences import show_vendors, vendor_facts
from st_erp_pipelines.database import reading
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import FLOWS, WITHOUT_AMOUNT, sells, used_flows
from st_erp_pipelines.outbox import Outbox, report
from st_erp_pipelines.outbox.schema import documents, fences, pauses
from st_erp_pipelines.outbox.states import RULES, State
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.settings_systems import SYSTEMS

Facts = dict[str, Any]
BLOCKS_NOTHING = {"unmapped_payment_terms"}
FAULTS_LISTED = 8


def run(names: Sequence[str], as_json: bool, everything: bool = False) -> int:
    with open_site(names) as site:
        found = [facts_of(site.pipeline(connection)) for connection in site.connections]
    if as_json:
        say_json({"connections": found, "faults": site.faults})
    else:
        for facts, connection in zip(found, site.connections, strict=True):
            show(facts, connection.time_zone, everything)
    return max([site.exit_code, *(code_of(facts) for facts in found)])


def code_of(facts: Facts) -> int:
    left_to_people = ("exceptions", "flagged", "to_do", "supplier_invoices")
    return AMISS if any(facts[name] for name in left_to_people) else WELL


def facts_of(pipeline: Pipeline) -> Facts:
    outbox, connection = pipeline.outbox, pipeline.connection
    places = places_of(outbox, connection.name)
    rows, was_read = report.exceptions(outbox, connection.name), _erp_was_read(pipeline)
    return {
        "name": connection.name,
        "company": company_of(connection),
        "places": places,
        "paused": paused(outbox, connection.name, *places),
        "fences": _fences(outbox, connection, places),
        "modes": {flow: getattr(connection.flows, flow).mode for flow in used_flows(connection)},
        "flows": flows_of(outbox, connection.name),
        **exception_facts(Sorted.of(rows)),
        "to_do": to_do_facts(pipeline) if was_read else [],
        "field_prices": field_price_facts(pipeline) if was_read else [],
        "customer_differences": customer_difference_facts(pipeline) if was_read else [],
        **(supplier_invoice_facts(pipeline) if was_read else {"supplier_invoice_days": [], "supplier_invoices": []}),
        **(vendor_facts(pipeline) if was_read and not sells(connection) else {}),
        **mapping_facts(pipeline),
    }


def company_of(connection: Connection, place: str = "") -> str:
    """As people call it; the id of a place is for machines."""
    if place.startswith("servicetitan|"):
        return f"ServiceTitan, tenant {connection.servicetitan.tenant_id}"
    return f"{SYSTEMS[connection.erp.kind]}, company {connection.erp.company}"


def mapping_facts(pipeline: Pipeline) -> Facts:
    """Nothing is compared with staging before the first sync, or while a run has its file."""
    if not _erp_was_read(pipeline):
        return {"mapping_faults": [str(fault) for fault in pipeline.mappings().faults], "mapping_gaps": []}
    faults = [str(fault) for fault in pipeline.mapping_faults()]
    try:
        gaps = [vars(gap) for gap in pipeline.coverage() if gap.kind in BLOCKS_NOTHING]
    except ConfigurationError:  # a table in which nothing can be told apart: it is among the faults
        gaps = []
    return {"mapping_faults": faults, "mapping_gaps": gaps}


def _erp_was_read(pipeline: Pipeline) -> bool:
    """Looked up without waiting; False also where somebody else has the file."""
    path = pipeline.home / "staging" / f"{pipeline.connection.name}.duckdb"
    table = f"stg_{pipeline.connection.erp.kind}__{'accounts' if sells(pipeline.connection) else 'suppliers'}"
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            found = con.execute(f"select count(*) from staging.{table}").fetchone()
    except (duckdb.IOException, duckdb.CatalogException):
        return False
    return bool(found and found[0])


def flows_of(outbox: Outbox, connection: str) -> list[Facts]:
    """By flow and state, in the order of a document's life; `next_at` is when the first of them is tried."""
    totals, first = report.totals(outbox, connection), _next_times(outbox, connection)
    return [
        {"flow": flow, "state": str(state), "documents": totals[flow, state][0], "amount": totals[flow, state][1],
         "next_at": first.get((flow, state))}
        for flow in FLOWS for state in State if (flow, state) in totals
    ]  # fmt: skip


def places_of(outbox: Outbox, connection: str) -> list[str]:
    """Where its documents go; nothing before the first build."""
    query = sa.select(documents.c.place).where(documents.c.connection == connection).distinct()
    with reading(outbox.engine) as con:
        return sorted(con.execute(query).scalars())


def _next_times(outbox: Outbox, connection: str) -> dict[tuple[str, str], datetime]:
    found: dict[tuple[str, str], datetime] = {}
    with reading(outbox.engine) as con:
        for state, rule in RULES.items():
            if rule.due in ("next_try_at", "settle_at"):
                at = sa.func.min(documents.c[rule.due])
                mine = (documents.c.connection == connection) & (documents.c.state == state)
                query = sa.select(documents.c.flow, at).where(mine).group_by(documents.c.flow)
                found |= {(flow, state): when for flow, when in con.execute(query) if when}
    return found


def paused(outbox: Outbox, *scopes: str) -> dict[str, datetime]:
    with reading(outbox.engine) as con:
        rows = con.execute(sa.select(pauses.c.scope, pauses.c.since).where(pauses.c.scope.in_(scopes)))
        return {row.scope: row.since for row in rows}


def _fences(outbox: Outbox, connection: Connection, places: Sequence[str]) -> list[Facts]:
    with outbox.begin() as (con, now):
        rows = con.execute(sa.select(fences).where(fences.c.place.in_(places))).all()
        return [
            {
                "place": row.place,
                "called": company_of(connection, row.place),
                "epoch": row.epoch,
                "until": row.until,
                "held": bool(row.owner) and row.until > now,
            }
            for row in rows
        ]


def show(facts: Facts, zone: str, everything: bool = False) -> None:
    say(f"\n{facts['name']}", style="bold underline")
    say_paused(facts, zone)
    for fence in facts["fences"]:
        if fence["held"]:
            say(f"A run is writing to {fence['called']}, until {local(fence['until'], zone)} at the latest.")
    if facts["flows"]:
        say(flow_table(facts, zone))
    else:
        say("No document is known yet: run `st-erp sync`. In mode observe it sends nothing.")
    show_mapping_faults(facts, everything)
    if facts["flows"]:
        show_every_exception(facts) if everything else show_exceptions(facts)
        show_to_do(facts, everything)
        show_field_prices(facts, everything)
        show_customer_differences(facts, everything)
        show_vendors(facts, everything)
        show_supplier_invoices(facts, everything)


def say_paused(facts: Facts, zone: str) -> None:
    due = due_in_words(facts["flows"]) or "nothing is due"
    for scope, since in facts["paused"].items():
        target = "" if scope == facts["name"] else " --target"
        others = ", with all that post into its company" if target else ""
        say(
            f"Paused since {local(since, zone)}{others}: {due}. `st-erp resume {facts['name']}{target}` ends it.",
            style="yellow",
        )


def due_in_words(flows: Sequence[Facts]) -> str:
    """`3 customers and 5 invoices stay due`, or nothing."""
    due = {line["flow"]: line["documents"] for line in flows if line["state"] == State.READY}
    verb = "stay" if sum(due.values()) > 1 else "stays"
    return f"{' and '.join(counted(count, flow) for flow, count in due.items())} {verb} due" if due else ""


def show_mapping_faults(facts: Facts, everything: bool = False) -> None:
    faults = facts["mapping_faults"]
    if not faults:
        return
    say(f"\nMapping tables: {len(faults)} {'rows' if len(faults) > 1 else 'row'} at fault", style="bold")
    shown = faults if everything else faults[:FAULTS_LISTED]
    for fault in shown:
        say(f"  {fault}", style="yellow")
    if len(faults) > len(shown):
        say(f"  and {len(faults) - len(shown)} more: st-erp status --all")


def flow_table(facts: Facts, zone: str) -> Any:
    rows, before = [], ""
    for line in facts["flows"]:
        flow = line["flow"] if line["flow"] != before else ""
        mode = facts["modes"].get(line["flow"], "observe") if flow else ""
        before = line["flow"]
        shown = "" if before in WITHOUT_AMOUNT else money(line["amount"])
        when = local(line["next_at"], zone) if line["next_at"] else ""
        rows.append((flow, mode, line["state"].replace("_", " "), f"{line['documents']:,}", shown, when))
    columns = ("flow", "mode", "state", "documents", "amount", "next try")
    return table("Documents", columns, rows, right=("documents", "amount"))


def local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"
