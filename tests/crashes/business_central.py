"""Business Central, as `erps.py` says what an ERP is here: drafts that are posted, payments as lines of batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.resources.business_central import BusinessCentral, Payments, SalesDocuments, connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Target, Timing
from tests.crashes.orders import Orders
from tests.resources.wire import AnyPace

if TYPE_CHECKING:
    from tests.crashes.world import World

MOVES = ("enter", "post")
HAS = ("drafts", "waiting payments")
TARGETS = (SalesDocuments, Payments)
REQUESTS = ((BusinessCentral, "write"), (BusinessCentral, "row"))
INVOICE_LISTS = ("/salesInvoices", "/salesCreditMemos")
FILTERS = ("$filter",)
POSTED = {"invoices": "/salesInvoices", "payments": "/generalLedgerEntries"}

SPEED = 5.0  # 6 ms for a draft, 12 ms to post it
COMPANY, PARTY, ANOTHER = "Northwind HVAC", "STA-1", "STA-2"
BATCHES = ("STPAYA", "STPAYB")


def app(faults: Faults) -> ASGIApp:
    from tests.resources.business_central.conftest import SEED  # and pytest, which only the server has time for

    return business_central_app(SEED, speed=SPEED, faults=faults)


def client_of(url: str, settle_after: float, clock: SystemClock | None = None) -> BusinessCentral:
    timing = Timing(timedelta(seconds=settle_after))
    settings: Any = SimpleNamespace(
        api_root=f"{url}/v2.0/demo-tenant/production/api/v2.0",
        token_url=f"{url}/token",
        company=COMPANY,
        client_id=SimpleNamespace(resolve=lambda: credentials.BUSINESS_CENTRAL_CLIENT_ID),
        client_secret=SimpleNamespace(resolve=lambda: credentials.BUSINESS_CENTRAL_CLIENT_SECRET),
        timing=SimpleNamespace(token_margin=timedelta(seconds=60), posting=lambda: timing),
    )
    return connect(settings, pace=AnyPace(), clock=clock or SystemClock())


def target_of(client: BusinessCentral, orders: Orders) -> Target:
    if orders.flow == "invoices":
        return SalesDocuments(client)
    return Payments(client, batches=BATCHES, draft_batch="STDRAFT")


def path_of(move: str, orders: Orders) -> str:
    if move == "post":
        return "/Microsoft.NAV.post"
    return "/salesInvoices" if orders.flow == "invoices" else "/customerPayments"


# What is posted


def invoice(key: str, number: int, day: date, total: Decimal) -> dict[str, Any]:
    """Of two lines, each with a dimension that has to be set after it was entered."""
    return {
        "type": "invoice", "key": key, "customer_number": PARTY, "document_date": day.isoformat(),
        "posting_date": day.isoformat(), "due_date": "2026-12-03", "reference": f"{number}", "currency": "USD",
        "dimension_code": "UNIT", "dimension_value": "HVAC", "tax": "liability_line", "total": str(total),
        "lines": [_line(10_000, "4000", total - 8), _line(9_990_000, "2200", Decimal(8))],
    }  # fmt: skip


def _line(sequence: int, account: str, amount: Decimal) -> dict[str, Any]:
    return {
        "sequence": sequence, "type": "account", "number": account, "description": "Tune-up", "quantity": "1",
        "unit_price": str(amount), "amount": str(amount), "tax_code": "NONTAXABLE", "dimension_code": "CREW",
        "dimension_value": "RED",
    }  # fmt: skip


def payment(number: int, day: date, amounts: Sequence[str]) -> list[BuiltDocument]:
    """A document for each invoice that it pays."""
    prefix, source = f"AP{number}-", f"servicetitan/1001/payment/{number}"
    parts = [{"key": f"{prefix}{part}", "amount": amount} for part, amount in enumerate(amounts)]
    same = {
        "payment_key": prefix, "parts": parts, "payment_total": str(sum(map(Decimal, amounts))),
        "customer_number": PARTY, "posting_date": day.isoformat(), "invoice_key": "", "invoice_id": "",
        "description": "Check 4711", "comment": "paid at the door", "batches": list(BATCHES),
        "balancing_account": "1010",
    }  # fmt: skip
    return [
        BuiltDocument(
            "payments", "payment", source, each["key"], day, day, Decimal(each["amount"]), "USD", PARTY, "h1",
            same | each, part=part,
        )
        for part, each in enumerate(parts)
    ]  # fmt: skip


# What people do there


def person_enters_an_invoice(world: World, key: str) -> None:
    line = {"accountNumber": "4000", "quantity": 1, "unitPrice": 50, "dimensions": {"UNIT": "HVAC"}}
    document = dict(customerNumber=ANOTHER, externalDocumentNumber=key, postingDate="2026-11-02", lines=[line])
    world.person_does("enter", type="invoice", **document)


@contextmanager
def payments_wait_for_a_person(world: World) -> Iterator[None]:
    yield  # between the two moves each does


def person_posts_payments(world: World) -> None:
    for journal in world.state()["customerPaymentJournals"]:
        if any(line["journalId"] == journal["id"] for line in world.state()["customerPayments"]):
            path = f"journals({journal['id']})/Microsoft.NAV.post"
            world.client.write("POST", path, operation="post by hand", document="")
            world.posted_by_person += 1


# What is there


def posted(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Of payments the ledger entries of the receivable."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in state["salesInvoices"]:
        if row["status"] != "Draft":
            known = {"id": row["id"], "number": row["number"], "total": row["totalAmountIncludingTax"]}
            found[row["externalDocumentNumber"]].append(known)
    for row in state["generalLedgerEntries"]:
        if row["documentType"] == "Payment" and row["creditAmount"]:
            number = row["documentNumber"]
            found[number].append({"id": number, "number": number, "total": row["creditAmount"]})
    return found


def amiss(state: dict[str, Any]) -> Iterator[str]:
    for row in (*state["salesInvoices"], *state["salesCreditMemos"]):
        if row["status"] == "Draft":
            yield f"a draft of {row['externalDocumentNumber']} is left"
    for row in (*state["customerPayments"], *(row for row in state["journalLines"] if row["amount"])):
        yield f"a line of {row['documentNumber']} is left"


def names(path: str, remote_id: str) -> bool:
    """What is done for a document names it, but where it is made."""
    return f"({remote_id})" in path
