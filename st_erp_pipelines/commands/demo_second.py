"""The demo's last part: a second company joins, with another tenant and its books in SAP Business One."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from st_erp_pipelines.commands.demo_later import heading, synced, synced_for_nothing
from st_erp_pipelines.commands.demo_planted import say_compared
from st_erp_pipelines.commands.demo_sandbox import Party
from st_erp_pipelines.commands.exceptions import counted, headline
from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.commands.reconciled import show_reconciliation
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.sap_business_one_contractor import planted_there

COLUMNS = ("state", "reason", "example")
Facts = dict[str, Any]


def run(connections: Path, added: str, party: Party, contractor: Contractor) -> bool:
    """`added`: its connection. Returns whether its exceptions are those that were planted."""
    firm = party.firm
    heading(f"A second company: {firm.company}, whose books are in SAP Business One")
    with connections.open("a", encoding="utf-8") as file:
        file.write(added)
    say(f"{party.days} days of its work, and one more connection in connections.yaml: {firm.name}.")
    facts = synced("for the first time", firm.name)
    show_reconciliation(facts)
    if facts["exceptions"]:
        say(f"\n{headline(facts['exceptions'])}", style="bold")
        say(in_short(facts["exceptions"]))
    as_planted = say_compared(firm.name, planted_there(contractor, firm.key_prefix))
    synced_for_nothing(firm.name, *party.urls)
    return as_planted


def in_short(groups: Sequence[Facts]) -> Table:
    columns = ("what", "amount", "state", "why", "such as")
    rows = [
        (counted(each["documents"], each["flow"]), money(each["amount"]), *(each[name] for name in COLUMNS))
        for each in groups
    ]
    return table("In short (st-erp status tells more)", columns, rows, right=("amount",))
