"""Invoices as ServiceTitan shows them: the random mix of the window, the history before it, adjustments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_customers import TECHNICIANS, ZONE_BY_CITY
from st_erp_pipelines.sandbox.contractor_lists import Sku, Unit, Zone
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

LONG_TEXT = "<p>Customer reported <b>no cooling</b>. " + "Checked charge, airflow and board. " * 10 + "</p>"


@dataclass(frozen=True)
class Line:
    """What becomes one invoice item; `account` is a ServiceTitan ledger number or None."""

    sku: Sku
    quantity: Decimal
    price: Decimal
    account: str | None

    @property
    def total(self) -> Decimal:
        return rounded(self.quantity * self.price)

    @property
    def taxable(self) -> bool:
        return self.sku.type in {"Material", "Equipment"}


def invoice(
    office: Office,
    customer: Wire | None,
    unit: Unit,
    on: date,
    lines: Sequence[Line] | None,
    *,
    status: str = "Posted",
    modified: date | None = None,
    zone: Zone | None = None,
    adjustment_to: int | None = None,
    counter_sale: bool = False,
) -> Wire:
    """One invoice whose figures add up: total = sum of the items + sales tax; None for lines: items null."""
    zone = zone or (ZONE_BY_CITY[customer["address"]["city"]] if customer else lists.ZONES[0])
    taxable = sum((line.total for line in lines or () if line.taxable), Decimal())
    tax = Decimal() if customer and customer["taxExempt"] else rounded(taxable * zone.rate)
    subtotal = sum((line.total for line in lines or ()), Decimal())
    made = office.stamp(on, 7, 16)
    changed = max(made, office.stamp(modified or on, 8, 23.9))
    term = _term(office, customer)
    job = None if counter_sale else office.next_id("job")
    address = _document_address(customer)
    location = {"id": office.next_id("location"), "name": customer["name"]} if customer and job else None
    discount = -sum((line.total for line in lines or () if line.total < 0), Decimal())
    items = [_item(office, line, at, unit, made) for at, line in enumerate(lines or ())]
    invoice_id = office.next_id("invoice")
    return {
        "id": invoice_id,
        "syncStatus": status,
        "budgetCodeId": None,
        "referenceNumber": str(job or invoice_id),
        "invoiceDate": midnight(on),
        "dueDate": midnight(on + timedelta(days=lists.PAYMENT_TERMS[term][0] if term else 0)),
        "subTotal": money(subtotal),
        "salesTax": money(tax),
        "salesTaxCode": {"id": zone.id * 10, "name": zone.name, "taxRate": number(zone.rate)},
        "taxZoneId": zone.id,
        "total": money(subtotal + tax),
        "balance": money(subtotal + tax),
        "invoiceType": None,
        "customer": named(customer),
        "customerAddress": address,
        "location": location,
        "locationAddress": address if location else None,
        "businessUnit": {"id": unit.id, "name": unit.name},
        "termName": term,
        "createdBy": "dispatch",
        "batch": None if status == "Pending" else _batch(wire_date(changed)),
        "depositedOn": None,
        "createdOn": made,
        "modifiedOn": changed,
        "adjustmentToId": adjustment_to,
        "job": {"id": job, "number": str(job), "type": unit.trade} if job else None,
        "projectId": None,
        "royalty": {"status": "Pending", "date": None, "sentOn": None, "memo": None},
        "employeeInfo": {"id": office.rng.choice(TECHNICIANS), "name": "Dispatch", "modifiedOn": made},
        "commissionEligibilityDate": None,
        "sentStatus": office.rng.choice(["NotSent", "Sent", "Opened"]),
        "reviewStatus": "NeedsReview" if status == "Pending" else "Reviewed",
        "assignedTo": None,
        "summary": LONG_TEXT if office.chance(0.1) else "<p>Work completed &amp; area cleaned</p>",
        "items": None if lines is None else items,
        "customFields": None,
        "active": True,
        "discountTotal": money(discount),
        "importId": None,
        "exportId": f"LEGACY-{invoice_id}" if status == "Exported" else None,
        "materialSkuId": None,
        "membershipId": None,
        "paidOn": None,
        "invoiceConfiguration": "JobInvoice" if job else "CounterSales",
    }


def _term(office: Office, customer: Wire | None) -> str | None:
    wanted = customer["paymentTermId"] if customer else None
    if wanted is not None:
        return next(name for name, term_id in lists.PAYMENT_TERM_IDS.items() if term_id == wanted)
    return None if office.chance(0.1) else "Due Upon Receipt"


def _document_address(customer: Wire | None) -> Wire | None:
    kept = ("street", "unit", "city", "state", "zip", "country")
    return {key: customer["address"][key] for key in kept} if customer else None


def _batch(day: date) -> Wire:
    return {"id": 8_000_000 + day.toordinal(), "number": f"{day:%y%m%d}", "name": f"Night run {day}"}


def _item(office: Office, line: Line, at: int, unit: Unit, made: str) -> Wire:
    cost = rounded(line.price * Decimal("0.4")) if line.taxable else Decimal()
    return {
        "id": office.next_id("item"),
        "description": LONG_TEXT if office.chance(0.02) else line.sku.text,
        "quantity": f"{line.quantity:f}",
        "cost": money(cost),
        "totalCost": money(rounded(cost * line.quantity)),
        "budgetCodeId": None,
        "inventoryLocationId": None,
        "inventoryLocation": None,
        "price": f"{line.price:f}",
        "type": line.sku.type,
        "skuName": line.sku.name,
        "skuId": 10_000 + sum(line.sku.name.encode()),
        "total": money(line.total),
        "inventory": line.sku.type == "Material",
        "taxable": line.taxable,
        "isChargeable": line.total != 0,
        "generalLedgerAccount": lists.ledger_account(line.account),
        "costOfSaleAccount": lists.ledger_account("5000") if line.taxable else None,
        "assetAccount": lists.ledger_account("1400") if line.sku.type == "Material" else None,
        "membershipTypeId": 0,
        "itemGroup": None,
        "displayName": line.sku.display,
        "soldHours": 1.5 if line.sku.type == "Service" else None,
        "createdOn": made,
        "modifiedOn": made,
        "serviceDate": None,
        "order": at,
        "businessUnit": None if office.chance(0.05) else {"id": unit.id, "name": unit.name},
        "createdById": None,
        "displayInAmount": None,
        "importId": None,
        "exportId": None,
        "inventoryStatus": None,
        "addOn": at > 3,
        "memberPrice": money(line.price),
        "technicianId": office.rng.choice(TECHNICIANS) if line.sku.type == "Service" else None,
        "installedEquipmentId": None,
        "estimateItemId": None,
    }


def lines_of(office: Office, unit: Unit) -> list[Line]:
    """One to six lines with a positive sum, each with an account that the accountant mapped somehow."""
    count = office.rng.choices([1, 2, 3, 4, 5, 6], [30, 28, 20, 12, 6, 4])[0]
    skus = [office.rng.choice(lists.SKUS[unit.trade])]
    skus += [
        office.rng.choice(lists.MATERIALS if office.chance(0.5) else lists.SKUS[unit.trade]) for _ in range(count - 1)
    ]
    made = [_line(office, sku, unit) for sku in skus]
    if count > 1 and office.chance(0.3):
        off = -rounded(made[0].total * Decimal(office.rng.choice(["0.05", "0.10", "0.15"])))
        made[-1] = Line(lists.DISCOUNT, Decimal(1), off, lists.DISCOUNT.account)
    return made


def _line(office: Office, sku: Sku, unit: Unit) -> Line:
    return Line(sku, _quantity(office, sku), _price(office, sku), _account(office, sku, unit))


def _quantity(office: Office, sku: Sku) -> Decimal:
    if sku.type == "Material" and office.chance(0.4):
        return Decimal(office.rng.randint(2_000_000, 300_000_000)).scaleb(-7)
    if sku.type == "Service" and office.chance(0.1):
        return Decimal(office.rng.choice(["1.25", "0.5", "1.3333333", "2.750"]))
    return Decimal(office.rng.choice(["1", "1.0000000", "1.00", "2"]))


def _price(office: Office, sku: Sku) -> Decimal:
    if sku.type == "Material" and office.chance(0.2):
        return office.cents(sku.low, sku.high) + Decimal(office.rng.randint(1, 99)).scaleb(-4)
    return office.cents(sku.low, sku.high)


def _account(office: Office, sku: Sku, unit: Unit) -> str | None:
    """Now and then no account, or one nobody mapped, where the business unit has a default for it."""
    if unit.account and office.chance(0.06):
        return None if office.chance(0.7) else lists.UNMAPPED_ACCOUNT
    return sku.account


def _free_lines(office: Office, unit: Unit) -> list[Line] | None:
    """The three ways in which an invoice comes to nothing."""
    way = office.rng.randrange(3)
    if way == 0:
        return None
    if way == 1:
        return [Line(lists.NO_CHARGE, Decimal(1), Decimal("0.00"), lists.NO_CHARGE.account)]
    sku = lists.SKUS[unit.trade][0]
    price = office.cents(sku.low, sku.high)
    return [
        Line(sku, Decimal(1), price, sku.account),
        Line(lists.DISCOUNT, Decimal(1), -price, lists.DISCOUNT.account),
    ]


def any_unit(office: Office) -> Unit:
    return office.rng.choices(lists.UNITS, [unit.weight for unit in lists.UNITS])[0]


def window_invoices(office: Office, per_day: float, customers: Sequence[Wire]) -> Iterator[Wire]:
    """The ordinary invoices of the window; its first day, before the books open, stays empty."""
    regulars = office.rng.sample(customers, max(3, len(customers) // 60))
    day = office.books_open_from
    while day <= office.today:
        share = 0.25 if day == office.today else 1.27 if day.weekday() < 5 else 0.6
        for _ in range(round(per_day * share)):
            yield _ordinary(office, office.rng.choice(regulars if office.chance(0.15) else customers), day)
        day += timedelta(days=1)


def _ordinary(office: Office, customer: Wire, on: date) -> Wire:
    unit = any_unit(office)
    lines = _free_lines(office, unit) if office.chance(0.05) else lines_of(office, unit)
    lag = office.rng.choices([0, 1, 2, 4], [40, 40, 15, 5])[0]
    return invoice(
        office,
        customer,
        unit,
        on,
        lines,
        status="Pending" if office.chance(0.015) else "Posted",
        modified=min(on + timedelta(days=lag), office.today),
        counter_sale=office.chance(0.03),
    )


def adjustments(office: Office, posted: Sequence[Wire], by_id: dict[int, Wire], count: int) -> list[Wire]:
    """Credits: negative invoices that point at the one they correct."""
    corrected = [found for found in posted if Decimal(found["total"]) > 0]
    units = {unit.id: unit for unit in lists.UNITS}
    made = []
    for original in office.rng.sample(corrected, min(count, len(corrected))):
        on = office.day_between(wire_date(original["invoiceDate"]), office.today)
        unit = units[original["businessUnit"]["id"]]
        sku = office.rng.choice((lists.SKUS[unit.trade][0], lists.MATERIALS[0]))
        line = Line(sku, Decimal(-1), office.cents(5, 60), sku.account)
        customer = by_id[original["customer"]["id"]]
        made.append(invoice(office, customer, unit, on, [line], adjustment_to=original["id"]))
    return made


def history(office: Office, count: int, customers: Sequence[Wire]) -> list[Wire]:
    """Exported long ago; a quarter was touched again inside the window, by a mass edit or a reposting."""
    made = []
    for _ in range(count):
        on = office.day_between(office.oldest, office.start - timedelta(days=1))
        touched = office.chance(0.25)
        quiet = min(on + timedelta(days=office.rng.randint(0, 20)), office.start - timedelta(days=1))
        modified = office.day_between(office.start, office.today) if touched else quiet
        unit = any_unit(office)
        status = "Posted" if touched and office.chance(0.3) else "Exported"
        customer, lines = office.rng.choice(customers), lines_of(office, unit)
        made.append(invoice(office, customer, unit, on, lines, status=status, modified=modified))
    return made
