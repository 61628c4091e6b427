"""Payments (most invoices within days, some split, some only in part applied, deposits) and credit memos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_invoices import any_unit
from st_erp_pipelines.sandbox.contractor_office import (
    Office,
    Wire,
    midnight,
    money,
    named,
    number,
    rounded,
    wire_date,
)

Applied = Sequence[tuple[Wire, Decimal]]  # an invoice and how much of it


def payment(
    office: Office,
    customer: Wire | None,
    on: date,
    applied: Applied,
    *,
    unapplied: Decimal = Decimal(),
    kind: str = "Check",
    status: str = "Posted",
    refunded: int | None = None,
) -> Wire:
    """One payment; it takes the balance, and with it the modification time, of the invoices it pays."""
    latest = max([on, *(wire_date(found["invoiceDate"]) for found, _ in applied)])
    made = office.stamp(on, 7, 16)
    posted = min(latest + timedelta(days=office.rng.randint(0, 1)), office.today)
    changed = max(made, office.stamp(posted, 8, 23.9))
    payment_id = office.next_id("payment")
    unit = applied[0][0]["businessUnit"] if applied else None
    return {
        "active": True,
        "appliedTo": [_application(office, found, amount, latest, changed) for found, amount in applied],
        "authCode": str(office.rng.randint(10_000, 99_999)) if kind == "Credit Card" else None,
        "batch": None,
        "businessUnit": unit or {"id": lists.UNITS[0].id, "name": lists.UNITS[0].name},
        "checkNumber": str(office.rng.randint(1000, 9999)) if kind == "Check" else None,
        "createdBy": "office",
        "createdOn": made,
        "customer": named(customer),
        "customFields": [],
        "date": midnight(on),
        "deposit": None,
        "generalLedgerAccount": None,
        "id": payment_id,
        "memo": office.rng.choice([None, None, "Paid at the door", "Zahlung – merci", "Thank you!"]),
        "modifiedOn": changed,
        "referenceNumber": str(payment_id),
        "refundedPaymentId": refunded,
        "syncStatus": status,
        "total": money(sum((amount for _, amount in applied), unapplied)),
        "type": kind,
        "typeId": str(lists.PAYMENT_TYPE_IDS[kind]),
        "unappliedAmount": money(unapplied),
    }


def _application(office: Office, found: Wire, amount: Decimal, on: date, changed: str) -> Wire:
    balance = Decimal(found["balance"]) - amount
    found["balance"] = money(balance)
    found["modifiedOn"] = max(found["modifiedOn"], changed)
    if balance == 0:
        found["paidOn"] = midnight(on)
    return {
        "appliedAmount": money(amount),
        "appliedBy": "office",
        "appliedId": office.next_id("application"),
        "appliedOn": midnight(on),
        "appliedTo": found["id"],
        "appliedToReferenceNumber": found["referenceNumber"],
    }


def window_payments(office: Office, invoices: Sequence[Wire], by_id: dict[int, Wire]) -> Iterator[Wire]:
    """About seven of ten invoices are paid within days; nothing is paid before the ERP's books are open."""
    for group in _groups(office, invoices):
        dates = [wire_date(found["invoiceDate"]) for found in group]
        on = max(dates) + timedelta(days=office.rng.choices([0, 1, 3, 8], [60, 15, 15, 10])[0])
        if office.chance(0.05):  # collected before the work was invoiced
            on = min(dates) - timedelta(days=office.rng.randint(1, 4))
        if office.chance(0.78) and office.books_open_from <= on <= office.today:
            yield _settling(office, by_id[group[0]["customer"]["id"]], on, group)


def _groups(office: Office, invoices: Sequence[Wire]) -> Iterator[list[Wire]]:
    """Invoices that are paid together: mostly one, two or three where a customer has several."""
    by_customer: dict[int, list[Wire]] = defaultdict(list)
    for found in invoices:
        if found["syncStatus"] == "Posted" and Decimal(found["balance"]) > 0:
            by_customer[found["customer"]["id"]].append(found)
    for open_invoices in by_customer.values():
        while open_invoices:
            size = office.rng.randint(2, 3) if office.chance(0.4) else 1
            yield open_invoices[:size]
            del open_invoices[:size]


def _settling(office: Office, customer: Wire, on: date, group: list[Wire]) -> Wire:
    applied = [(found, Decimal(found["balance"])) for found in group]
    if len(group) == 1 and office.chance(0.04):  # half now
        applied = [(group[0], max(Decimal("0.01"), rounded(applied[0][1] / 2)))]
    return payment(
        office,
        customer,
        on,
        applied,
        unapplied=office.cents(10, 200) if office.chance(0.03) else Decimal(),
        kind=office.rng.choices(list(lists.PAYMENT_TYPES), [50, 22, 6, 14, 8])[0],
        status="Pending" if office.chance(0.01) else "Posted",
    )


def deposits(office: Office, customers: Sequence[Wire], count: int) -> list[Wire]:
    """Money on account: no invoice yet."""
    return [
        payment(
            office,
            office.rng.choice(customers),
            office.day_between(office.books_open_from, office.today),
            [],
            unapplied=office.cents(100, 2000),
            kind=office.rng.choice(list(lists.PAYMENT_TYPES)),
        )
        for _ in range(count)
    ]


def history_payments(office: Office, invoices: Sequence[Wire], by_id: dict[int, Wire]) -> Iterator[Wire]:
    """What was paid before the window; of these too some were touched later, with their invoice."""
    for found in invoices:
        on = wire_date(found["invoiceDate"]) + timedelta(days=office.rng.choice([0, 0, 2, 14]))
        if on >= office.start or office.chance(0.1):
            continue
        touched, modified = office.chance(0.03), found["modifiedOn"]
        customer, applied = by_id[found["customer"]["id"]], [(found, Decimal(found["balance"]))]
        made = payment(office, customer, on, applied, status="Exported")
        found["modifiedOn"] = max(made["createdOn"], modified)
        made["modifiedOn"] = found["modifiedOn"] if touched else made["createdOn"]
        yield made


def credit_memos(
    office: Office, customers: Sequence[Wire], unpaid: Sequence[Wire], by_id: dict[int, Wire], count: int
) -> tuple[list[Wire], list[Wire]]:
    """Goodwill, without tax; half of them applied to an unpaid invoice. Memos, and their items."""
    memos, items = [], []
    targets = office.rng.sample(unpaid, min(len(unpaid), count // 2))
    for at in range(count):
        target = targets[at] if at < len(targets) else None
        customer = by_id[target["customer"]["id"]] if target else office.rng.choice(customers)
        made = _memo_items(office, target)
        memos.append(_memo(office, customer, target, made))
        items += [item | {"creditMemoId": memos[-1]["id"]} for item in made]
    return memos, items


def _memo(office: Office, customer: Wire, target: Wire | None, items: list[Wire]) -> Wire:
    total = sum((Decimal(str(item["total"])) for item in items), Decimal())
    earliest = wire_date(target["invoiceDate"]) if target else office.books_open_from
    on = office.day_between(earliest, office.today)
    made, changed = office.stamp(on, 7, 16), office.stamp(on, 17, 23.9)
    memo_id = office.next_id("credit_memo")
    applied = _memo_application(office, target, total, on) if target else []
    return {
        "id": memo_id,
        "date": on.isoformat(),
        "referenceNumber": f"CM-{memo_id}",
        "subTotal": number(total),
        "salesTax": 0.0,
        "salesTaxCode": None,
        "total": number(total),
        "balance": 0.0 if applied else number(total),
        "appliedTo": applied,
        "customer": named(customer),
        "customerAddress": None,
        "location": None,
        "locationAddress": None,
        "businessUnit": items[0]["businessUnit"],
        "syncStatus": "Pending" if office.chance(0.05) else "Posted",
        "batch": None,
        "customFields": None,
        "createdOn": made,
        "createdBy": "office",
        "modifiedOn": changed,
        "modifiedBy": "office",
        "description": office.rng.choice([None, "Goodwill", "Late arrival – sorry!"]),
        "active": True,
        "importId": None,
        "exportId": None,
    }


def _memo_application(office: Office, target: Wire, total: Decimal, on: date) -> list[Wire]:
    target["balance"] = money(Decimal(target["balance"]) - total)
    application = {
        "appliedId": office.next_id("application"),
        "appliedTo": target["id"],
        "appliedAmount": number(total),
        "appliedOn": on.isoformat(),
        "appliedBy": "office",
        "appliedToReferenceNumber": target["referenceNumber"],
    }
    return [application]


def _memo_items(office: Office, target: Wire | None) -> list[Wire]:
    unit = any_unit(office)
    most = Decimal(target["balance"]) / 4 if target else Decimal(150)
    amounts = [rounded(most / office.rng.randint(1, 5)) for _ in range(office.rng.randint(1, 3))]
    return [_memo_item(office, unit, amount) for amount in amounts]


def _memo_item(office: Office, unit: lists.Unit, amount: Decimal) -> Wire:
    account = lists.ledger_account("4090") or {}
    sku = lists.DISCOUNT
    return {
        "id": office.next_id("item"),
        "active": True,
        "description": sku.text,
        "quantity": 1.0,
        "cost": 0.0,
        "price": number(amount),
        "type": "Service",
        "skuName": sku.name,
        "skuId": 10_000,
        "total": number(amount),
        "taxable": False,
        "revenueGeneralLedgerAccount": {key: account[key] for key in ("id", "name", "number", "type")},
        "expensesGeneralLedgerAccount": None,
        "createdOn": office.stamp(office.start, 7, 16),
        "createdBy": "office",
        "businessUnit": {"id": unit.id, "name": unit.name},
    }
