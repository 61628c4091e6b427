"""A believable contractor, made from a seed: two years of ServiceTitan, the ERP beside it, what is wrong.

`generate` is deterministic for its arguments. What it planted is in `Contractor.exceptions`; the product
never reads that list, tests compare it with what the product reports.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_articles import Article, articles, items
from st_erp_pipelines.sandbox.contractor_bills import ledger_accounts
from st_erp_pipelines.sandbox.contractor_company import company
from st_erp_pipelines.sandbox.contractor_customers import contacts, customers
from st_erp_pipelines.sandbox.contractor_deposits import bank_deposits
from st_erp_pipelines.sandbox.contractor_invoices import (
    adjustments,
    history,
    invoice,
    lines_of,
    window_invoices,
)
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, money, wire_date
from st_erp_pipelines.sandbox.contractor_payments import (
    credit_memos,
    deposits,
    history_payments,
    window_payments,
)
from st_erp_pipelines.sandbox.contractor_pricebook import pricebook
from st_erp_pipelines.sandbox.contractor_purchasing import Buyer
from st_erp_pipelines.sandbox.contractor_stock import order_types, purchase_requests, trucks, warehouses
from st_erp_pipelines.sandbox.contractor_vendors import vendors
from st_erp_pipelines.sandbox.contractor_work import jobs, locations, projects
from st_erp_pipelines.sandbox.planted import PlantedException, Planting, invoice_key

SPARE_CUSTOMERS = 60  # for what is planted, so that no ordinary document is drawn into it
Edit = tuple[str, int, Wire]


@dataclass(frozen=True)
class Contractor:
    """`servicetitan` holds wire-shaped records by entity, sorted by id (JSON numbers are int and float),
    `business_central` the seed of a company (amounts are Decimal); go-live is `start_date`."""

    start_date: date
    today: date
    servicetitan: dict[str, list[Wire]]
    business_central: Wire
    exceptions: list[PlantedException]

    def write_exceptions(self, path: Path) -> None:
        rows = [asdict(planted) | {"amount": str(planted.amount)} for planted in self.exceptions]
        path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def generate(
    *,
    seed: int = 7,
    today: date,
    days: int = 30,
    history_days: int = 730,
    invoices_per_day: int = 75,
    zone: str = "America/Chicago",
    scale: float = 1.0,
) -> Contractor:
    """`today` is the date in `zone`; today's records lie in its first ten minutes. `scale` multiplies
    customers and documents, never what is planted (which needs `days` of a week or more)."""
    office = Office(seed=seed, today=today, days=days, history_days=history_days, zone=zone)
    people = customers(office, max(300, round(6000 * scale)))
    by_id = {customer["id"]: customer for customer in people}
    spare, ordinary = _divided(office, people)
    people_contacts = [contact for customer in people for contact in contacts(office, customer)]
    old = history(office, round(1200 * scale), ordinary)
    old_payments = list(history_payments(office, old, by_id))
    invoices = list(window_invoices(office, invoices_per_day * scale, ordinary))
    invoices += _of_merged_customers(office, people)
    payments = list(window_payments(office, invoices, by_id))
    payments += deposits(office, ordinary, round(24 * scale) + 2)
    posted = [found for found in invoices if found["syncStatus"] == "Posted"]
    unpaid = [found for found in posted if Decimal(found["balance"]) > 50]
    memos, memo_items = credit_memos(office, ordinary, unpaid, by_id, round(36 * scale) + 2)
    invoices += adjustments(office, posted, by_id, round(30 * scale) + 2)
    planting = Planting(
        office, iter(spare), _by_customer(people_contacts), company(office, ordinary[:30]), invoices, payments
    )
    planting.plant(old, by_id)
    records = {
        "invoices": old + invoices,
        "payments": old_payments + payments,
        "customers": people,
        "customer_contacts": people_contacts,
        "credit_memos": memos,
        "credit_memo_items": memo_items,
        "business_units": lists.business_units(office),
        "payment_types": lists.payment_types(office),
        "payment_terms": lists.payment_terms(office),
        "gl_accounts": lists.gl_accounts(office),
        "tax_zones": lists.tax_zones(office),
    }
    stock = articles(office.aside("articles"))
    planting.company["items"] += items(stock)
    _add_the_rest(office, records, stock, scale)
    for rows in records.values():
        rows.sort(key=lambda row: int(row["id"]))
    return Contractor(office.start, today, records, planting.company, planting.exceptions)


def _add_the_rest(office: Office, records: dict[str, list[Wire]], stock: list[Article], scale: float) -> None:
    """What is around the documents, each from a random source of its own: nothing above depends on it."""
    invoices = records["invoices"]
    sellers = vendors(office.aside("vendors"))
    book = pricebook(office.aside("pricebook"), stock, sellers)
    places = locations(office.aside("locations"), invoices)
    work = jobs(office.aside("jobs"), invoices, records["customers"], places)
    records |= book | {"vendors": sellers, "locations": places, "jobs": work}
    records["projects"] = projects(office.aside("projects"), work)
    bought = [row for row in (*book["materials"], *book["equipment"]) if row["active"]]
    buyer = Buyer(office.aside("purchasing"), sellers, bought, work)
    records |= buyer.buy(round(400 * scale) + 12, round(250 * scale) + 12)
    places_of_stock = office.aside("stock")
    records["purchase_order_types"] = order_types(places_of_stock)
    records |= {"warehouses": warehouses(places_of_stock), "trucks": trucks(places_of_stock)}
    records["purchase_order_requests"] = purchase_requests(
        office.aside("requests"), records["purchase_orders"], round(24 * scale) + 8
    )
    records["bank_deposits"] = bank_deposits(office.aside("deposits"), records["payments"])
    records["gl_accounts"] += ledger_accounts(office.aside("accounts"))


def _divided(office: Office, people: list[Wire]) -> tuple[list[Wire], list[Wire]]:
    """Some plain customers to plant with, and the others (not those merged into another)."""
    targets = {row["mergedToId"] for row in people}
    plain = [
        row
        for row in people[len(people) // 3 :]
        if row["active"]
        and row["id"] not in targets
        and not row["paymentTermId"]
        and not row["taxExempt"]
        and row["name"] == row["name"].strip()
        and row["address"]["country"]
    ]
    spare = office.rng.sample(plain, SPARE_CUSTOMERS)
    taken = {row["id"] for row in spare}
    return spare, [row for row in people if row["id"] not in taken and not row["mergedToId"]]


def _of_merged_customers(office: Office, people: list[Wire]) -> list[Wire]:
    """Invoices made before their customer was merged still name the old one."""
    merged = [customer for customer in people if customer["mergedToId"]]
    unit = lists.UNITS[0]
    days = [office.day_between(office.books_open_from, office.today) for _ in range(6)]
    return [
        invoice(office, customer, unit, on, lines_of(office, unit))
        for customer, on in zip(merged[-2:] + merged[:4], days, strict=False)
    ]


def _by_customer(rows: list[Wire]) -> dict[int, list[Wire]]:
    found: dict[int, list[Wire]] = defaultdict(list)
    for row in rows:
        found[row["customerId"]].append(row)
    return found


def later_edits(contractor: Contractor) -> list[Edit]:
    """(entity, id, changed members) to apply after a first sync; `modifiedOn` is the server's to set.

    Three totals edited, two unpaid invoices voided, three exported and paid, two old invoices touched, a
    customer renamed and one moved. Only the edits and the voids change what was posted. A contractor of
    fewer than a hundred invoices may not have enough unpaid ones for all of them.
    """
    everything = contractor.servicetitan["invoices"]
    planted = {exception.key for exception in contractor.exceptions}
    posted = [row for row in everything if _in_scope(contractor, row) and invoice_key(row) not in planted]
    unpaid = iter([row for row in posted if row["balance"] == row["total"]])
    paid = iter([row for row in posted if row["balance"] == "0.00"])
    old = [row for row in everything if wire_date(row["invoiceDate"]) < contractor.start_date]
    edits: list[Edit] = [("invoices", row["id"], _dearer(row)) for row in (next(unpaid), next(paid), next(paid))]
    edits += [("invoices", next(unpaid)["id"], {"active": False}) for _ in range(2)]
    edits += [("invoices", row["id"], _exported_and_paid(row, contractor.today)) for row in islice(unpaid, 3)]
    edits += [("invoices", row["id"], {"summary": "Reviewed by audit"}) for row in old[:2]]
    renamed, moved = (row["customer"]["id"] for row in islice(paid, 2))
    address = next(row["address"] for row in contractor.servicetitan["customers"] if row["id"] == moved)
    edits.append(("customers", renamed, {"name": "Renamed After Posting"}))
    edits.append(("customers", moved, {"address": address | {"street": "1 New Home Rd", "unit": None}}))
    return edits


def _in_scope(contractor: Contractor, row: Wire) -> bool:
    """Dated when the books are open, posted by the office, a sale and not for nothing."""
    on = wire_date(row["invoiceDate"])
    return on > contractor.start_date and row["syncStatus"] == "Posted" and Decimal(row["total"]) > 0


def _dearer(row: Wire) -> Wire:
    """The first item costs 25.00 more; everything still adds up."""
    more = Decimal(25)
    first = row["items"][0]
    total = money(Decimal(first["total"]) + more)
    item = first | {"quantity": "1", "price": total, "total": total}
    changed = {name: money(Decimal(row[name]) + more) for name in ("subTotal", "total", "balance")}
    return {"items": [item, *row["items"][1:]]} | changed


def _exported_and_paid(row: Wire, on: date) -> Wire:
    return {
        "syncStatus": "Exported",
        "exportId": f"BC-{row['id']}",
        "balance": "0.00",
        "paidOn": midnight(on),
    }
