"""The demo's second part: what people do once everything is posted, and what the next syncs make of it.

People work through the sandbox's control endpoints, as its users would in the two systems; the product knows nothing
of it until it reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from st_erp_pipelines.commands import accept, audit, sync
from st_erp_pipelines.commands.dagster_run import execute, open_instance
from st_erp_pipelines.commands.exceptions import counted
from st_erp_pipelines.commands.field_prices import field_price_facts, show_field_prices
from st_erp_pipelines.commands.output import money, say, table
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.commands.to_do import show_to_do
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.outbox import report
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_office import Wire, wire_date
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.planted import invoice_key
from st_erp_pipelines.schedules.sync import range_tags
from st_erp_pipelines.settings import Settings

READS = {"GET", "HEAD"}
CHANGES_NOTHING = re.compile(r"(/token|/Log(in|out)|Service_Get\w+)$")  # though it is posted
MORE = Decimal(25)
PRICES_SHOWN = 5
Facts = dict[str, Any]


@dataclass(frozen=True)
class Cast:
    """Records of ServiceTitan, all posted with the first sync, that something happens to; `typed`: a business key."""

    edited: Wire
    voided: Wire
    deposit: Wire
    open_invoice: Wire
    typed: str

    @classmethod
    def of(cls, contractor: Contractor) -> Cast:
        planted = {each.key for each in contractor.exceptions}
        unpaid = [row for row in contractor.servicetitan["invoices"] if _is_unpaid(contractor, row, planted)]
        deposit, open_invoice = next(_deposits_and_invoices(contractor, unpaid))
        edited, voided = [row for row in unpaid if row["id"] != open_invoice["id"]][:2]
        typed = next(each.key for each in contractor.exceptions if each.kind == "blocked:entered_by_hand")
        return cls(edited, voided, deposit, open_invoice, typed)


def _is_unpaid(contractor: Contractor, row: Wire, planted: set[str]) -> bool:
    is_sale = row["syncStatus"] == "Posted" and Decimal(row["total"]) > 0 and not row["adjustmentToId"]
    is_open = row["balance"] == row["total"] and wire_date(row["invoiceDate"]) > contractor.start_date
    return bool(is_sale and is_open and row["customer"] and invoice_key(row) not in planted)


def _deposits_and_invoices(contractor: Contractor, unpaid: Sequence[Wire]) -> Iterator[tuple[Wire, Wire]]:
    by_customer = {row["customer"]["id"]: row for row in unpaid}
    for paid in contractor.servicetitan["payments"]:
        is_deposit = paid["syncStatus"] == "Posted" and not paid["appliedTo"] and Decimal(paid["total"]) > 0
        if is_deposit and paid["customer"] and paid["customer"]["id"] in by_customer:
            yield paid, by_customer[paid["customer"]["id"]]


@dataclass(frozen=True)
class People:
    """In ServiceTitan's office, and in the company that keeps the books."""

    servicetitan_url: str
    business_central_url: str

    def in_office(self, action: str, **asked: Any) -> None:
        httpx.post(f"{self.servicetitan_url}/_control/servicetitan/{action}", json=asked).raise_for_status()

    def in_company(self, **changes: Any) -> None:
        httpx.post(f"{self.business_central_url}/_control/business_central/set", json=changes).raise_for_status()


def run(connections: Path, contractor: Contractor, people: People) -> None:
    """After a first sync of all that the contractor has."""
    cast = Cast.of(contractor)
    _items_have_gone_back()
    _people_work(cast, people)
    _flagged(cast)
    _taken_back(connections, cast)
    _accepted(cast)
    _nothing_more(people)


def _items_have_gone_back() -> None:
    with open_site() as site:
        (connection,) = site.connections
        stands = report.totals(site.outbox, connection.name)
        prices = field_price_facts(site.pipeline(connection))[:PRICES_SHOWN]
    states = {state: stands[flow, state][0] for flow, state in stands if flow == "items"}
    heading("What has gone back into ServiceTitan")
    said = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in states.items())
    say(f"Items of the ERP as materials and services of the pricebook, as items.csv says: {said}.")
    show_field_prices({"field_prices": prices})


def _people_work(cast: Cast, people: People) -> None:
    heading("The next day")
    people.in_office("edit", id=cast.edited["id"], amount=str(MORE))
    people.in_office("void", id=cast.voided["id"])
    people.in_office("apply", payment=cast.deposit["id"], invoice=cast.open_invoice["id"])
    item, price = _dearer_item(people)
    say(
        f"The office makes invoice {cast.edited['referenceNumber']} dearer by {money(MORE)}, voids "
        f"{cast.voided['referenceNumber']}, and applies the deposit {cast.deposit['referenceNumber']} of "
        f"{cast.deposit['customer']['name']} to invoice {cast.open_invoice['referenceNumber']}. "
        f"In the ERP item {item} costs {money(price)} from now on."
    )


def _dearer_item(people: People) -> tuple[str, Decimal]:
    """One that went back as it is."""
    with open_site() as site:
        (connection,) = site.connections
        posted = (documents.c.flow == "items") & (documents.c.state == "posted")
        row = report.all_of(site.outbox, connection.name, posted)[0]
    number, price = row.business_key.rpartition("ITEM-")[2], Decimal("99.50")
    people.in_company(items={number: {"unitPrice": float(price)}})
    return number, price


def _flagged(cast: Cast) -> None:
    facts = synced("with `on_change: flag`, the default")
    _show_documents(cast)
    show_to_do(facts)
    say("Business Central's API cannot apply a payment: a person does, and then the line leaves the list by itself.")


def _taken_back(connections: Path, cast: Cast) -> None:
    text = connections.read_text("utf-8")
    changed = text.replace("invoices: {mode: post", "invoices: {mode: post, on_change: reverse_and_repost")
    connections.write_text(changed, "utf-8")
    synced("with `on_change: reverse_and_repost`, which touches nothing that was paid")
    _retried("A revision waits until what it replaces was taken back: the job that the retry sensor starts")
    _show_documents(cast)


def _accepted(cast: Cast) -> None:
    heading("Somebody had entered an invoice by hand, under another number")
    with open_site() as site:
        (row,) = report.all_of(site.outbox, site.connections[0].name, documents.c.business_key == cast.typed)
    say(row.sentence)
    command = row.sentence.partition("st-erp accept ")[2].partition(";")[0].split()
    say(f"$ st-erp accept {' '.join(command)}", style="bold")
    accept.run(*command)
    say(f"\n$ st-erp audit {cast.typed}", style="bold")
    audit.run(cast.typed, as_json=False)


def _nothing_more(people: People) -> None:
    synced_for_nothing(CONNECTION, people.servicetitan_url, people.business_central_url)


# What all of it needs


def synced(how: str, name: str = CONNECTION) -> Facts:
    heading(f"Synced {how}")
    with open_site([name]) as site, open_instance() as instance:
        (connection,) = site.connections
        # or a window would end before what was edited just now
        time.sleep(connection.servicetitan.timing.read_lag.total_seconds())
        facts = sync.synced(site, connection, instance)
    say(sync.in_words(facts))
    return facts


def _retried(how: str) -> None:
    heading(how)
    with open_site([CONNECTION]) as site, open_instance() as instance:
        (connection,) = site.connections
        definitions = build_definitions(Settings([connection], [], []))
        tags = range_tags(connection.start_date, site.pipeline(connection).today)
        execute(definitions, instance, CONNECTION, "post", tags)


def synced_for_nothing(name: str, *urls: str) -> None:
    """`urls`: of both systems."""
    before = _writes(urls)
    synced("again, with nothing new", name)
    say(f"Both systems together were asked to change {_writes(urls) - before} records.")


def _writes(urls: Sequence[str]) -> int:
    """What they were asked to change, ever."""
    return sum(
        entry["method"] not in READS and not CHANGES_NOTHING.search(entry["path"])
        for url in urls
        for entry in httpx.get(f"{url}/_control/log", timeout=30).json()
    )


def _show_documents(cast: Cast) -> None:
    keys = tuple(invoice_key(row) for row in (cast.edited, cast.voided))
    with open_site() as site:
        rows = report.all_of(site.outbox, site.connections[0].name, documents.c.flow == "invoices")
    mine = sorted((row for row in rows if row.business_key.startswith(keys)), key=lambda row: row.business_key)
    lines = [
        (row.business_key, row.kind.replace("_", " "), row.state, money(row.amount), row.flag or row.sentence)
        for row in mine
    ]
    say(
        table(
            counted(len(mine), "documents"),
            ("key", "kind", "state", "amount", "what is said"),
            lines,
            right=("amount",),
        )
    )


def heading(text: str) -> None:
    say(f"\n{text}", style="bold underline")
