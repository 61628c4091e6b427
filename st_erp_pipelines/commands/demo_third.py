"""The demo's end: a third company joins, which buys in SAP S/4HANA; what it buys arrives in ServiceTitan."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from st_erp_pipelines.commands.demo_later import heading, synced, synced_for_nothing
from st_erp_pipelines.commands.demo_planted import say_compared
from st_erp_pipelines.commands.demo_sandbox import Party
from st_erp_pipelines.commands.demo_second import in_short
from st_erp_pipelines.commands.exceptions import headline
from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.commands.reconciled import show_reconciliation
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.outbox import report
from st_erp_pipelines.sandbox.contractor_buying import Buying
from st_erp_pipelines.sandbox.contractor_supplier_invoices import FieldReceipt
from st_erp_pipelines.staging.supplier_invoice_results import RESULTS

BILLED_WITHIN = 60.0  # seconds
Facts = dict[str, Any]


def run(connections: Path, added: str, party: Party, bought: Buying) -> bool:
    """`added`: its connection. Returns whether its exceptions are those that were planted."""
    name = party.firm.name
    heading(f"A third company: {party.firm.company}, which buys in SAP S/4HANA")
    with connections.open("a", encoding="utf-8") as file:
        file.write(added)
    say(f"{party.days} days of its purchasing, and one more connection in connections.yaml: {name}.")
    facts = synced("for the first time", name)
    show_reconciliation(facts)
    if facts["exceptions"]:
        say(f"\n{headline(facts['exceptions'])}", style="bold")
        say(in_short(facts["exceptions"]))
    as_planted = say_compared(name, bought.exceptions)
    _people_work(name, party, bought)
    synced("with what people did meanwhile", name)
    _show_results(name)
    as_planted &= say_compared(name, [*bought.exceptions, *bought.later])
    synced_for_nothing(name, *party.urls)
    return as_planted


def _people_work(name: str, party: Party, bought: Buying) -> None:
    heading("The next days")
    titan, s4hana = party.urls
    with open_site([name]) as site:
        orders = {row.business_key: row.remote_id for row in report.all_of(site.outbox, name)}
    for receipt in bought.receipts:
        _receive(titan, receipt, int(orders[receipt.order_key] or 0))
    for requisition in bought.open_requisitions:
        _does(s4hana, "sap_s4hana/order", requisition=requisition)
    say(
        f"In the field {len(bought.receipts)} orders are received, one of which is billed with another amount. "
        f"In S/4HANA {len(bought.open_requisitions)} requisitions, which ServiceTitan has as orders already, become "
        "orders."
    )


def _receive(titan: str, receipt: FieldReceipt, order: int) -> None:
    """And write into the bill that ServiceTitan makes of it what the supplier's says."""
    _does(titan, "servicetitan/receive", order=order, number=receipt.number)
    until = time.monotonic() + BILLED_WITHIN
    while not (bills := [row for row in _records(titan, "ap_bills") if row["purchaseOrderId"] == order]):
        if time.monotonic() > until:
            raise TimeoutError(f"order {order} was not billed")
        time.sleep(0.1)
    _does(titan, "servicetitan/bill_amount", id=bills[0]["id"], amount=str(receipt.bill_amount))


def _does(url: str, action: str, **asked: Any) -> None:
    httpx.post(f"{url}/_control/{action}", json=asked).raise_for_status()


def _records(url: str, entity: str) -> list[Facts]:
    rows: list[Facts] = httpx.get(f"{url}/_control/servicetitan/records/{entity}").json()
    return rows


def _show_results(name: str) -> None:
    with open_site([name]) as site:
        found = site.pipeline(site.connections[0]).supplier_invoice_results()
    amounts: dict[str, Decimal] = {result: Decimal(0) for result in RESULTS}
    counts = Counter(each.result for each in found)
    for each in found:
        amounts[each.result] = amounts.get(each.result, Decimal(0)) + each.amount
    rows: Sequence[tuple[str, str, str]] = [
        (result.replace("_", " "), f"{counts[result]:,}", money(amounts[result]))
        for result in RESULTS
        if counts[result]
    ]
    say(
        table(
            "What became of the suppliers' invoices",
            ("result", "invoices", "amount"),
            rows,
            right=("invoices", "amount"),
        )
    )
