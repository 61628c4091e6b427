"""What Business Central holds of a payment: open lines of our batches, and entries in the ledger.

A ledger entry carries neither customer nor external number, so a payment's parts are told apart by document
number (`AP123-1`, `AP123-2`) and judged together: how a payment was split may have changed since, and its
money must not go over twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.business_central.client import BusinessCentral, Row, decoded
from st_erp_pipelines.resources.business_central.payment_batches import Batch
from st_erp_pipelines.resources.odata import in_chunks, quoted
from st_erp_pipelines.target import Finding, Found, Likeness, Wanted

PAYMENTS_PER_URL = 25


@dataclass(frozen=True)
class OpenLine:
    batch: Batch
    row: Row

    @property
    def amount(self) -> Decimal:
        return -Decimal(self.row["amount"])  # a payment is a credit to the customer

    @property
    def remote_id(self) -> str:
        return f"{self.batch.journal_id}/{self.row['id']}"


@dataclass
class Posted:
    on: date
    amount: Decimal = Decimal(0)


@dataclass
class Evidence:
    """By document number."""

    open: dict[str, list[OpenLine]] = field(default_factory=lambda: defaultdict(list))
    posted: dict[str, Posted] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)  # seen open, then neither open nor in the ledger
    strangers: int = 0  # rows that nobody asked for


def gather(client: BusinessCentral, batches: Sequence[Batch], payments: Iterable[str]) -> Evidence:
    """Open lines, ledger, open lines again: posting moves a row from the first to the second."""
    evidence = Evidence()
    asked = sorted(set(payments))
    for chunk in in_chunks(asked, PAYMENTS_PER_URL):
        before = _open_lines(client, batches, chunk)
        entries = _starting_with(client, "generalLedgerEntries", chunk, "look up payments")
        after = _open_lines(client, batches, chunk)
        for line in after:
            evidence.open[line.row["documentNumber"]].append(line)
        _add_posted(evidence, entries)
        there = evidence.posted.keys() | evidence.open.keys()
        evidence.moving |= {line.row["documentNumber"] for line in before} - there
        numbers = [row["documentNumber"] for row in [*entries, *(line.row for line in before + after)]]
        evidence.strangers += sum(not number.startswith(tuple(chunk)) for number in numbers)
    return evidence


def judge(wanted: Wanted, evidence: Evidence) -> Finding:
    payment, total = wanted.payload["payment_key"], Decimal(wanted.payload["payment_total"])
    open_lines = {number: lines for number, lines in evidence.open.items() if number.startswith(payment)}
    posted = {number: entry for number, entry in evidence.posted.items() if number.startswith(payment)}
    if evidence.strangers:
        return Finding(Found.UNKNOWN, detail=f"the filter was not honoured: {evidence.strangers} rows too many")
    if any(number.startswith(payment) for number in evidence.moving):
        return Finding(Found.UNKNOWN, detail=f"lines of payment {payment} changed while we looked")
    found = sum((line.amount for lines in open_lines.values() for line in lines), Decimal(0))
    found += sum((entry.amount for entry in posted.values()), Decimal(0))
    mine = open_lines.get(wanted.key, [])
    if len(mine) + (wanted.key in posted) > 1:
        return Finding(Found.SEVERAL, detail=f"{wanted.key} is there several times")
    if found != total and not (found < total and _are_ours(wanted, open_lines, posted)):
        return _conflict(wanted, found, total, [*open_lines, *posted])
    if mine:
        return _unfinished(wanted, mine[0])
    if wanted.key in posted:
        return _complete(wanted, posted[wanted.key].on, wanted.key)
    if found == total:
        numbers = ", ".join(sorted([*open_lines, *posted]))
        return _complete(wanted, wanted.on, numbers, f"The payment is there, split otherwise: {numbers}.")
    return Finding(Found.ABSENT)


def renumbered(wanted: Wanted, batch: Batch | None, line: Row) -> Finding:
    """Ours by its id only, so it is neither posted nor removed, and no second one is entered beside it."""
    number = line["documentNumber"]
    detail = f"Our line in batch {_name(batch)} has the number {number!r} by now instead of {wanted.key}."
    return Finding(Found.UNFINISHED, wanted.remote_id, number, likeness=Likeness.DIFFERENT, detail=detail)


def lost(wanted: Wanted, batch: Batch | None) -> Finding:
    """A posting that may have gone through, and nothing under our number: a person must look for the money."""
    detail = (
        f"Our line left batch {_name(batch)} while it was posted, and the ledger has no {wanted.key}: look for it "
        "under another number. A batch with a posting number series replaces the numbers of its lines."
    )
    return Finding(Found.COMPLETE, wanted.remote_id, wanted.key, total=Decimal(0), detail=detail)


def _name(batch: Batch | None) -> str:
    return batch.code if batch else "that is gone"


def _open_lines(client: BusinessCentral, batches: Sequence[Batch], payments: Sequence[str]) -> list[OpenLine]:
    return [
        OpenLine(batch, row)
        for batch in batches
        for row in _starting_with(client, batch.path, payments, f"look up lines in batch {batch.code}")
    ]


def _starting_with(client: BusinessCentral, path: str, prefixes: Sequence[str], operation: str) -> list[Row]:
    """One question for all; one for each where the server does not join them (undocumented)."""
    conditions = [f"startswith(documentNumber,{quoted(prefix)})" for prefix in prefixes]
    try:
        return client.rows(path, operation=operation, filter=" or ".join(conditions))
    except Rejected as error:
        if error.status != 400 or len(conditions) == 1:
            raise
    return [row for one in conditions for row in client.rows(path, operation=operation, filter=one)]


def _add_posted(evidence: Evidence, entries: Iterable[Row]) -> None:
    """What was credited under a number is what its payment came to: the receivable's side."""
    for entry in entries:
        if decoded(entry["documentType"]) == "Payment":
            on = date.fromisoformat(entry["postingDate"])
            posted = evidence.posted.setdefault(entry["documentNumber"], Posted(on))
            posted.amount += Decimal(entry["creditAmount"])


def _are_ours(wanted: Wanted, open_lines: dict[str, list[OpenLine]], posted: dict[str, Posted]) -> bool:
    """Every part found is one of those this payment has today, with its amount."""
    parts = {part["key"]: Decimal(part["amount"]) for part in wanted.payload["parts"]}
    amounts = {number: sum((line.amount for line in lines), Decimal(0)) for number, lines in open_lines.items()}
    amounts |= {number: entry.amount + amounts.get(number, 0) for number, entry in posted.items()}
    return all(parts.get(number) == amount for number, amount in amounts.items())


def _conflict(wanted: Wanted, found: Decimal, total: Decimal, numbers: Sequence[str]) -> Finding:
    """Complete with a total that cannot be equal: off by as much as the payment is."""
    there = ", ".join(sorted(set(numbers)))
    off = found - total or Decimal("0.01")
    detail = f"Of payment {wanted.payload['payment_key']} {found} is there ({there}), it comes to {total}."
    return Finding(Found.COMPLETE, there, there, total=wanted.total + off, detail=detail)


def _complete(wanted: Wanted, on: date, numbers: str, detail: str = "") -> Finding:
    """As it stands. Its date is compared with the date it was to be posted on."""
    same_day = on.isoformat() == wanted.payload["posting_date"]
    return Finding(
        Found.COMPLETE,
        numbers,
        numbers,
        total=wanted.total,
        on=wanted.on if same_day else on,
        detail=detail,
    )


def _unfinished(wanted: Wanted, line: OpenLine) -> Finding:
    differs = _differences(wanted, line)
    return Finding(
        Found.UNFINISHED,
        line.remote_id,
        wanted.key,
        likeness=Likeness.DIFFERENT if differs else Likeness.EQUAL,
        etag=line.row["@odata.etag"],
        detail=f"Line in batch {line.batch.code}: {differs}" if differs else "",
    )


def _differences(wanted: Wanted, line: OpenLine) -> str:
    """What keeps an open line from being posted as this document; empty where nothing does."""
    payload = wanted.payload
    pairs: list[tuple[str, Any, Any]] = [
        ("amount", line.amount, Decimal(payload["amount"])),
        ("customer", line.row["customerNumber"], payload["customer_number"]),
        ("posting date", line.row["postingDate"], payload["posting_date"]),
    ]
    if payload["invoice_id"]:
        pairs.append(("invoice", line.row["appliesToInvoiceId"].lower(), payload["invoice_id"].lower()))
    said = [f"{name} is {theirs}, ours is {ours}" for name, theirs, ours in pairs if theirs != ours]
    if line.batch.code not in payload["batches"]:
        said.append("it belongs into another batch")
    return "; ".join(said)
