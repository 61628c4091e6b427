"""`st-erp status`: what the outbox says of each connection. Nothing else is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from st_erp_pipelines.commands.output import AMISS, WELL, money, say, say_json, table
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.pipeline import FLOWS
from st_erp_pipelines.posting import report
from st_erp_pipelines.posting.outbox import Document, Outbox, total_of
from st_erp_pipelines.posting.plan import WAITS
from st_erp_pipelines.posting.schema import documents, fences, pauses
from st_erp_pipelines.posting.states import RULES, State
from st_erp_pipelines.settings import Connection

Facts = dict[str, Any]


def run(names: Sequence[str], as_json: bool) -> int:
    with open_site(names) as site:
        found = [facts_of(site.outbox, connection) for connection in site.connections]
    if as_json:
        say_json({"connections": found, "faults": site.faults})
    else:
        for facts, connection in zip(found, site.connections, strict=True):
            show(facts, connection.time_zone)
    return max([site.exit_code, *(code_of(facts) for facts in found)])


def code_of(facts: Facts) -> int:
    return AMISS if facts["exceptions"] else WELL


def facts_of(outbox: Outbox, connection: Connection) -> Facts:
    places = places_of(outbox, connection.name)
    exceptions = report.exceptions(outbox, connection.name)
    return {
        "name": connection.name,
        "places": places,
        "paused": _paused(outbox, connection.name, *places),
        "fences": _fences(outbox, places),
        "modes": {flow: getattr(connection.flows, flow).mode for flow in FLOWS},
        "flows": flows_of(outbox, connection.name),
        "exceptions": grouped(exceptions),
    }


def flows_of(outbox: Outbox, connection: str) -> list[Facts]:
    """By flow and state, in the order of a document's life; `next_at` is when the first of them is tried."""
    totals, first = report.totals(outbox, connection), _next_times(outbox, connection)
    return [
        {"flow": flow, "state": str(state), "documents": totals[flow, state][0], "amount": totals[flow, state][1],
         "next_at": first.get((flow, state))}
        for flow in FLOWS for state in State if (flow, state) in totals
    ]  # fmt: skip


def grouped(rows: Sequence[Document]) -> list[Facts]:
    """Exceptions by flow, state and reason, the dearest first, each with the sentence of one of them."""
    groups: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for row in rows:
        groups[row.flow, row.state, reason_of(row)].append(row)
    found = [
        {"flow": flow, "state": state, "reason": reason, "documents": len(group), "amount": total_of(group),
         "example": group[0].business_key, "sentence": _sentence(group[0])}
        for (flow, state, reason), group in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (FLOWS.index(each["flow"]), -abs(each["amount"]), each["reason"]))


def reason_of(row: Document) -> str:
    if row.state == State.BLOCKED:
        return " + ".join(sorted({reason["code"] for reason in _to_mend(row)}))
    return row.cause or ("changed_after_posting" if row.flag else row.state)


def _sentence(row: Document) -> str:
    blocked = " ".join(reason["text"] for reason in _to_mend(row)) if row.state == State.BLOCKED else ""
    return row.flag or blocked or row.sentence


def _to_mend(row: Document) -> list[dict[str, str]]:
    """Waiting for another document is worth telling only where nothing else is wrong."""
    return [reason for reason in row.reasons if reason["code"] not in WAITS] or list(row.reasons)


def places_of(outbox: Outbox, connection: str) -> list[str]:
    """Where its documents go; nothing before the first build."""
    query = sa.select(documents.c.place).where(documents.c.connection == connection).distinct()
    with outbox.engine.begin() as con:
        return sorted(con.execute(query).scalars())


def _next_times(outbox: Outbox, connection: str) -> dict[tuple[str, str], datetime]:
    found: dict[tuple[str, str], datetime] = {}
    with outbox.engine.begin() as con:
        for state, rule in RULES.items():
            if rule.due in ("next_try_at", "settle_at"):
                at = sa.func.min(documents.c[rule.due])
                mine = (documents.c.connection == connection) & (documents.c.state == state)
                query = sa.select(documents.c.flow, at).where(mine).group_by(documents.c.flow)
                found |= {(flow, state): when for flow, when in con.execute(query) if when}
    return found


def _paused(outbox: Outbox, *scopes: str) -> dict[str, datetime]:
    with outbox.engine.begin() as con:
        rows = con.execute(sa.select(pauses.c.scope, pauses.c.since).where(pauses.c.scope.in_(scopes)))
        return {row.scope: row.since for row in rows}


def _fences(outbox: Outbox, places: Sequence[str]) -> list[Facts]:
    with outbox.begin() as (con, now):
        rows = con.execute(sa.select(fences).where(fences.c.place.in_(places))).all()
        return [
            {"place": row.place, "epoch": row.epoch, "until": row.until, "held": bool(row.owner) and row.until > now}
            for row in rows
        ]


def show(facts: Facts, zone: str) -> None:
    say(f"\n{facts['name']}", style="bold underline")
    for scope, since in facts["paused"].items():
        others = "" if scope == facts["name"] else ", with all that post into its company"
        say(f"Paused since {local(since, zone)}{others}: nothing is sent. `st-erp resume` ends it.", style="yellow")
    for fence in facts["fences"]:
        if fence["held"]:
            say(f"A run is writing to {fence['place']} until {local(fence['until'], zone)} (epoch {fence['epoch']}).")
    if not facts["flows"]:
        say("No document is known yet: run `st-erp sync`. In mode observe it sends nothing.")
        return
    say(flow_table(facts, zone))
    show_exceptions(facts["exceptions"])


def flow_table(facts: Facts, zone: str) -> Any:
    rows, before = [], ""
    for line in facts["flows"]:
        flow = line["flow"] if line["flow"] != before else ""
        mode = facts["modes"][line["flow"]] if flow else ""
        before = line["flow"]
        shown = "" if before == "customers" else money(line["amount"])
        when = local(line["next_at"], zone) if line["next_at"] else ""
        rows.append((flow, mode, line["state"].replace("_", " "), f"{line['documents']:,}", shown, when))
    columns = ("flow", "mode", "state", "documents", "amount", "next try")
    return table("Documents", columns, rows, right=("documents", "amount"))


def show_exceptions(exceptions: Sequence[Facts]) -> None:
    if not exceptions:
        say("\nNothing needs a person.", style="green")
        return
    say(f"\n{sum(each['documents'] for each in exceptions)} documents need a person:", style="bold")
    for each in exceptions:
        what = f"{each['documents']} {each['flow']}" if each["documents"] > 1 else f"1 {each['flow'].removesuffix('s')}"
        worth = "" if each["flow"] == "customers" else f", {money(each['amount'])}"
        cause = "" if each["reason"] == each["state"] else f": {each['reason']}"
        say(f"  {what}{worth}  {each['state'].replace('_', ' ')}{cause}", style="yellow")
        say(f"      {each['example']}: {each['sentence']}")


def local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"
