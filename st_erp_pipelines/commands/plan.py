"""`st-erp plan`: what the next sync would send, from what was read last. Looks everything up and sends nothing.

Documents are built with today's mappings into a copy of the outbox, which itself stays as it is; only where it is
on a database server it is brought up to date, as the next sync would, and the plan says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import simplejson
from rich.padding import Padding

from st_erp_pipelines.commands.exceptions import Sorted, exception_facts, show_exceptions
from st_erp_pipelines.commands.output import AMISS, WELL, console, money, say, say_json, table
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.commands.status import (
    flows_of,
    local,
    mapping_facts,
    paused,
    places_of,
    say_paused,
    show_mapping_faults,
)
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import FLOWS, PURCHASING_FLOWS, WITHOUT_AMOUNT, sells, used_flows
from st_erp_pipelines.outbox import Document, report
from st_erp_pipelines.outbox.report import total_of
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.planning import Planned, followers, planned, scratch
from st_erp_pipelines.settings import Connection

Facts = dict[str, Any]
OUTCOMES = {
    "send": "would be sent",
    "adopted": "there already, entered by somebody else and equal: would be adopted",
    "posted": "there already, sent by us: would be recorded as posted",
    "conflict": "found there but different: would be left to a person",
    "out_of_scope": "exported by other software: would be left alone",
    "withdraw": "voided at its source: would be taken back",
    "withdrawn": "voided at its source: nothing of it is there",
    "skipped": "removed there by somebody: would be left alone",
    "ask_again": "not proven either way: would be asked again",
}


def run(names: Sequence[str], flow: str | None, limit: int, as_json: bool) -> int:
    if flow not in (None, *FLOWS):
        raise ConfigurationError(f"There is no flow {flow}: it is one of {', '.join(FLOWS)}.")
    with open_site(names) as site:
        found = [_plan(site, connection, flow) for connection in site.connections]
    if as_json:
        say_json({"connections": [_as_facts(each) for each in found], "faults": site.faults})
    else:
        for each in found:
            _show(each, limit)
    amiss = any(each.exceptions.amiss or each.exceptions.flagged for each in found)
    return max(site.exit_code, AMISS if amiss else WELL)


class Plan:
    """One connection's plan: what has a decision, by flow, and what needs a person, as `status` counts it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.documents: dict[str, list[Planned]] = {}
        self.exceptions = Sorted()
        self.modes = {flow: getattr(connection.flows, flow).mode for flow in used_flows(connection)}
        self.names: dict[str, str] = {}  # customers by number
        self.read_at: Any = None
        self.built_in_place = False
        self.about: Facts = {}  # pauses and mapping faults, as `status` shows them


def _plan(site: Site, connection: Connection, only: str | None) -> Plan:
    pipeline, plan = site.pipeline(connection), Plan(connection)
    plan.read_at = _last_read(pipeline)
    plan.about = {
        "name": connection.name,
        "paused": paused(site.outbox, connection.name, *places_of(site.outbox, connection.name)),
        "flows": flows_of(site.outbox, connection.name),
        **mapping_facts(pipeline),
    }
    if plan.read_at is not None:
        with scratch(pipeline.outbox) as outbox:
            _build(replace(pipeline, outbox=outbox), plan, only)
            plan.built_in_place = outbox is pipeline.outbox
    return plan


def _build(pipeline: Pipeline, plan: Plan, only: str | None) -> None:
    """Flows that come before the one asked for are gone through, too: they decide what may follow."""
    connection = plan.connection
    going: dict[str, str] = {}
    following: set[int] = set()
    for flow in used_flows(connection):
        pipeline.build(flow)
        ids = [row.id for row in report.due(pipeline.outbox, pipeline.place_of(flow), connection.name, flow)]
        due = report.still_due(pipeline.outbox, ids)
        first = _decided(pipeline, flow, [(row, "") for row in due])
        going |= {each.document.business_key: each.document.business_key for each in first if each.goes}
        after = followers(report.all_of(pipeline.outbox, connection.name, *_blocked_in(flow)), going)
        following |= {row.id for row, _ in after}
        then = _decided(pipeline, flow, after)
        for each in then:
            if not each.goes:
                del going[each.document.business_key]
        if only in (None, flow):
            plan.documents[flow] = [*first, *then]
        if flow == "customers":
            rows = report.all_of(pipeline.outbox, connection.name)
            plan.names = {row.business_key: row.label for row in rows if row.flow == "customers"}
        if flow == only:
            break
    rows = report.exceptions(pipeline.outbox, connection.name)
    plan.exceptions = Sorted.of(row for row in rows if row.id not in following and only in (None, row.flow))


def _blocked_in(flow: str) -> tuple[Any, Any]:
    from st_erp_pipelines.outbox.schema import documents

    return documents.c.flow == flow, documents.c.state == State.BLOCKED


def _decided(pipeline: Pipeline, flow: str, rows: Sequence[tuple[Document, str]]) -> list[Planned]:
    if not rows:
        return []
    mode = getattr(pipeline.connection.flows, flow).mode
    with console(stderr=True).status(f"looking up {len(rows):,} {flow}") as status:
        return list(
            planned(
                pipeline.outbox, pipeline.target(flow), rows, "post" if mode == "observe" else mode,
                lambda done: status.update(f"looked up {done:,} of {len(rows):,} {flow}"),
            )
        )  # fmt: skip


def _last_read(pipeline: Pipeline) -> Any:
    table = "invoices" if sells(pipeline.connection) else "business_units"
    query = f"select max(loaded_at) from staging.stg_servicetitan__{table}"
    with pipeline.staging() as con:
        found = con.execute(query).fetchone()
    return found[0] if found else None


# As facts


def _as_facts(plan: Plan) -> Facts:
    exceptions = exception_facts(plan.exceptions)
    blocked = [each for each in exceptions["exceptions"] if each["state"] == State.BLOCKED]
    return {
        "name": plan.connection.name,
        "read_at": plan.read_at,
        "flows": {
            flow: {
                "mode": plan.modes[flow],
                "outcomes": _outcomes(documents),
                "documents": [_document_facts(each) for each in documents],
                "blocked": [each for each in blocked if each["flow"] == flow],
            }
            for flow, documents in plan.documents.items()
        },
        **exceptions,
        **{name: plan.about[name] for name in ("paused", "mapping_faults", "mapping_gaps")},
    }


def _outcomes(documents: Sequence[Planned]) -> Facts:
    rows: dict[str, list[Document]] = defaultdict(list)
    for each in documents:
        rows[each.outcome].append(each.document)
    return {name: {"documents": len(rows[name]), "amount": total_of(rows[name])} for name in OUTCOMES if name in rows}


def _document_facts(each: Planned) -> Facts:
    row = each.document
    names = ("kind", "business_key", "label", "source_key", "business_date", "amount", "currency", "party", "state")
    return {name: getattr(row, name) for name in names} | {
        "outcome": each.outcome,
        "moves": [str(move) for move in each.moves],
        "sentence": each.sentence,
        "after": each.after,
        "payload": simplejson.loads(row.payload),
    }


# As people read it


def _show(plan: Plan, limit: int) -> None:
    name = plan.connection.name
    say(f"\n{name}", style="bold underline")
    if plan.read_at is None:
        say("Nothing has been read yet: run `st-erp sync` first. With its flows in mode observe it sends nothing.")
        return
    say(f"From what was read until {local(plan.read_at, plan.connection.time_zone)}. Nothing was sent.")
    if plan.built_in_place:
        say("The outbox was brought up to date: on a database server a plan builds into it, as a sync does.")
    say_paused(plan.about, plan.connection.time_zone)
    for flow, documents in plan.documents.items():
        mode = plan.modes[flow]
        note = ": a sync sends none of these; this is what mode post would send" if mode == "observe" else ""
        say(f"\n{flow.replace('_', ' ').capitalize()}  (mode {mode}{note})", style="bold")
        for outcome, figures in _outcomes(documents).items():
            worth = "" if flow in WITHOUT_AMOUNT else f", {money(figures['amount'])}"
            say(f"  {figures['documents']:,} {OUTCOMES[outcome]}{worth}")
        if not documents:
            say("  Nothing is due.")
        shown = _shown(documents, limit)
        for each in shown:
            _show_document(each, plan.names)
        if len(documents) > len(shown):
            left = len(documents) - len(shown)
            say(f"\n  … and {left:,} more: `st-erp plan {name} --flow {flow} --limit 0` shows all.")
    show_mapping_faults(plan.about)
    show_exceptions(plan.about | exception_facts(plan.exceptions))


def _shown(documents: Sequence[Planned], limit: int) -> Sequence[Planned]:
    """The first of each outcome, in the order of OUTCOMES."""
    by_outcome = ([each for each in documents if each.outcome == outcome] for outcome in OUTCOMES)
    return [each for group in by_outcome for each in group[: limit or None]]


def _show_document(each: Planned, names: dict[str, str]) -> None:
    row, payload = each.document, simplejson.loads(each.document.payload)
    worth = "" if row.flow in WITHOUT_AMOUNT else f"  {money(row.amount)} {row.currency}"
    say(f"\n  {row.business_key}  {row.label}  {row.business_date}{worth}", style="cyan")
    say(f"      {each.sentence}{f' After {each.after}.' if each.after and each.outcome == 'send' else ''}")
    for line in payload_lines(row.flow, payload, names):
        say(f"      {line}")
    if payload.get("lines"):
        say(Padding(_lines(payload["lines"]), (0, 0, 0, 6)))


def payload_lines(flow: str, payload: Facts, names: dict[str, str]) -> list[str]:
    """The head of a payload as people read it, without what is empty."""
    if flow == "customers":
        return _customer(payload)
    if flow == "customers_back":
        return _customer_back(payload)
    if flow == "items":
        return _item(payload)
    if flow in PURCHASING_FLOWS:
        return _bought(payload)
    party = payload.get("customer_number", "")
    who = f"customer {party} {names.get(party, '')}".rstrip()
    if flow == "payments":
        return _payment(payload, who)
    dates = (f"{name} {payload[f'{name}_date']}" for name in ("document", "posting", "due") if payload[f"{name}_date"])
    return [f"{payload['type'].replace('_', ' ')} for {who}", ", ".join(dates)]


def _payment(payload: Facts, who: str) -> list[str]:
    """Where there are journals, the batch that it lies in; else by which means it came."""
    pays = f"applied to {payload['invoice_key']}" if payload.get("invoice_key") else "on account"
    total = sum(Decimal(part["amount"]) for part in payload["parts"])
    part = "" if len(payload["parts"]) < 2 else f", a part of {total:.2f}"
    if "batches" in payload:
        how = f"journal {' or '.join(payload['batches'])}"
        account = payload["balancing_account"] or "the account set on the batch"
    else:
        how, account = f"by {payload['means']}", payload["account"] or "no account"
    return [
        f"{who}, {pays}{part}",
        f"posting date {payload['posting_date']}, {how}, against {account}",
        _joined(payload, ("description", "comment")),
    ]


def _customer(payload: Facts) -> list[str]:
    address = ("address_line1", "address_line2", "city", "state", "postal_code", "country")
    contact = ("phone_number", "email", "payment_terms_code")
    what = f"change of {payload['erp_number']}" if payload.get("change") else payload.get("type", "")
    return [line for line in (what, _joined(payload, address), _joined(payload, contact)) if line]


def _customer_back(payload: Facts) -> list[str]:
    address = _joined(payload.get("address", {}), ("address_line1", "address_line2", "city", "state", "postal_code"))
    members = ("display_name", "phone_number", "email", "payment_term_id")
    said = [f"{name.replace('_', ' ')} {payload[name]}" for name in members if payload.get(name)]
    return [f"change of customer {payload['customer_id']} in ServiceTitan", ", ".join(filter(None, [*said, address]))]


def _item(payload: Facts) -> list[str]:
    what = (
        f"change of {payload.get('becomes')} {payload['pricebook_id']}"
        if payload.get("change")
        else payload.get("becomes")
    )
    names = ("price", "cost", "unit_of_measure", "vendor_id", "category_id", "account")
    figures = ", ".join(f"{name.replace('_', ' ')} {payload[name]}" for name in names if payload.get(name))
    return [f"{what} {payload['number']}{'' if payload['active'] else ', inactive'}", figures]


def _bought(payload: Facts) -> list[str]:
    """What it says, and a line for each item."""
    plain = {name: value for name, value in payload.items() if not isinstance(value, dict | list)}
    figures = [_plain(each) for each in payload.get("items", ())]
    return [_plain({name: value for name, value in plain.items() if name not in ("key", "memo")}), *figures]


def _plain(members: Facts) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in members.items() if value not in ("", None))


def _joined(payload: Facts, names: Sequence[str]) -> str:
    return ", ".join(str(payload[name]) for name in names if payload.get(name))


def _lines(lines: Sequence[Facts]) -> Any:
    rows = []
    for line in lines:
        figures = (line["quantity"], line["unit_price"], money(Decimal(line["amount"])))
        unit = " ".join(line[name] for name in ("dimension_code", "dimension_value", "project_code") if line.get(name))
        rows.append((f"{line['type']} {line['number'] or '?'}", line["description"], *figures, unit, line["tax_code"]))
    columns = ("line", "description", "quantity", "price", "amount", "dimension", "tax")
    return table("", columns, rows, right=("quantity", "price", "amount"))
