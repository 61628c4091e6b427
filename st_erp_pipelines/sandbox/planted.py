"""What goes wrong on purpose, and the list of it. Tests compare the list with what the product found.

A kind is `<state>:<reason or cause>`: the state in which the document ends, in the words of DESIGN section 2,
and why. A difference is an ERP document that no ServiceTitan record explains; `to_do` is what people do in the ERP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_company import copy_of, document, own_customer
from st_erp_pipelines.sandbox.contractor_invoices import Line, invoice, lines_of
from st_erp_pipelines.sandbox.contractor_lists import Unit
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, money, wire_date
from st_erp_pipelines.sandbox.contractor_payments import payment

PREFIX = "A"
NO_SOURCE = "ST-A-INV-999999901"
HVAC = lists.UNITS[0]


@dataclass(frozen=True)
class PlantedException:
    """`key` is the business key of the document, `amount` its total as ServiceTitan shows it (the ERP's total
    for a difference)."""

    kind: str
    key: str
    amount: Decimal
    note: str


def invoice_key(found: Wire) -> str:
    return f"ST-{PREFIX}-INV-{found['id']}"


def customer_number(customer: Wire) -> str:
    return f"ST{PREFIX}-{customer['id']}"


@dataclass
class Planting:
    """Adds to the lists of a contractor; `spare` are customers that nothing else uses."""

    office: Office
    spare: Iterator[Wire]
    contacts: dict[int, list[Wire]]
    company: Wire
    invoices: list[Wire]
    payments: list[Wire]
    exceptions: list[PlantedException] = field(default_factory=list)

    def plant(self, history: Sequence[Wire], customers: dict[int, Wire]) -> None:
        self.unmapped()
        self.unfit()
        self.payments_that_fail()
        self.old(history, customers)
        self.closed_period()
        self.refused_customers()
        self.conflicts()
        self.entered_by_hand()
        self.entered_under_another_number()
        self.to_be_applied_later()
        self.difference()

    # --- how one is made ---------------------------------------------------------------------------------

    def day(self) -> date:
        """A day on which the books are open and after which a payment still fits."""
        return self.office.day_between(self.office.books_open_from, self.office.today - timedelta(days=3))

    def make(self, customer: Wire | None, *, unit: Unit = HVAC, on: date | None = None, **extra: Any) -> Wire:
        lines = extra.pop("lines", None) or lines_of(self.office, unit)
        made = invoice(self.office, customer, unit, on or self.day(), lines, **extra)
        self.invoices.append(made)
        return made

    def note(self, kind: str, found: Wire, note: str) -> None:
        self.exceptions.append(PlantedException(kind, invoice_key(found), Decimal(found["total"]), note))

    def pay(self, kind: str, made: Wire, note: str) -> None:
        part = 1 if made["appliedTo"] else 0  # part 0 is what no invoice takes
        key = f"{PREFIX}P{made['id']}-{part}"
        self.payments.append(made)
        self.exceptions.append(PlantedException(kind, key, Decimal(made["total"]), note))

    def waits(self, found: Wire, customer: Wire) -> None:
        """A payment, itself in order, of an invoice that will not be posted."""
        on = max(wire_date(found["invoiceDate"]), self.office.books_open_from) + timedelta(days=1)
        made = payment(self.office, customer, on, [(found, Decimal(found["balance"]))])
        self.pay("blocked:waits_for_invoice", made, f"waits for {invoice_key(found)}")

    # --- blocked by the mappings -------------------------------------------------------------------------

    def unmapped(self) -> None:
        for unit in lists.UNMAPPED_UNITS:
            for on in (self.day(), self.office.today):
                made = self.make(next(self.spare), unit=unit, on=on)
                self.note("blocked:unmapped_business_unit", made, f"nobody mapped {unit.name}")
        for account in (lists.UNMAPPED_ACCOUNT, None):
            customer = next(self.spare)
            lines = [Line(lists.SKUS["HVAC"][0], Decimal(1), self.office.cents(90, 190), account)]
            made = self.make(customer, unit=lists.NO_DEFAULT_ACCOUNT, lines=lines)
            self.note("blocked:unmapped_account", made, f"account {account}, no default account")
            self.waits(made, customer)
        for _ in range(3):
            lines = [Line(lists.SKUS["HVAC"][2], Decimal(1), self.office.cents(1900, 4800), "4050")]
            made = self.make(next(self.spare), lines=lines, zone=lists.UNMAPPED_ZONE)
            self.note("blocked:unmapped_tax_zone", made, f"nobody mapped {lists.UNMAPPED_ZONE.name}")

    # --- blocked by what they are ------------------------------------------------------------------------

    def unfit(self) -> None:
        for _ in range(2):
            self.note("blocked:no_customer", self.make(None), "the invoice names no customer")
        for at in range(2):
            customer = next(self.spare)
            made = self.make(customer)
            off = money(Decimal(made["total"]) + self.office.cents(5, 50))
            made |= {"total": off, "balance": off}
            self.note("blocked:total_mismatch", made, "items and tax do not add up to the total")
            if at:
                self.waits(made, customer)
        for _ in range(2):
            made = self.make(next(self.spare), unit=lists.FOREIGN)
            self.note("blocked:foreign_currency", made, "the business unit works in CAD")

    def payments_that_fail(self) -> None:
        for _ in range(3):
            customer = next(self.spare)
            paid = self.make(customer)
            on = wire_date(paid["invoiceDate"])
            applied = [(paid, Decimal(paid["balance"]))]
            made = payment(self.office, customer, on, applied, kind=lists.UNMAPPED_PAYMENT_TYPE)
            self.pay("blocked:unmapped_payment_type", made, f"nobody mapped {lists.UNMAPPED_PAYMENT_TYPE}")
        for on in (self.day(), self.day(), self.office.today):
            customer, amount = next(self.spare), self.office.cents(50, 400)
            deposit = payment(self.office, customer, min(on, self.day()), [], unapplied=amount)
            self.payments.append(deposit)
            made = payment(self.office, customer, on, [], unapplied=-amount, refunded=deposit["id"])
            self.pay("to_do:refund", made, f"refund of payment {deposit['id']}")

    def old(self, history: Sequence[Wire], customers: dict[int, Wire]) -> None:
        """Invoices from before go-live: seen in the window, never posted, some of them paid now."""
        dated_before = []
        for days in (1, 2, 3):
            customer = next(self.spare)
            on = self.office.start - timedelta(days=days)
            dated_before.append((self.make(customer, on=on, modified=self.day()), customer))
        unpaid = [found for found in history if Decimal(found["balance"]) > 0][-2:]
        paid_now = dated_before[:1] + [(found, customers[found["customer"]["id"]]) for found in unpaid]
        for at, (found, customer) in enumerate(paid_now):
            untouched = found["modifiedOn"]
            made = payment(self.office, customer, self.day(), [(found, Decimal(found["balance"]))])
            if at == 1:
                found["modifiedOn"] = untouched  # no window brings this one: it has to be asked for by id
            self.pay("blocked:old_invoice", made, f"{invoice_key(found)} is from before go-live")

    def closed_period(self) -> None:
        for at in range(3):
            customer = next(self.spare)
            made = self.make(customer, on=self.office.start)
            self.note("blocked:closed_period", made, "dated on the last day of a closed period")
            if at == 0:
                self.waits(made, customer)

    # --- refused or found different by the ERP -----------------------------------------------------------

    def in_company(self, **marks: Any) -> Wire:
        """A spare customer that the company has already, under our number, with all we would send."""
        customer = next(self.spare)
        values = {contact["type"]: contact["value"] for contact in self.contacts[customer["id"]]}
        phone = values.get("Phone") or values.get("MobilePhone") or ""
        known = own_customer(customer_number(customer), customer)
        known |= {"phoneNumber": phone, "email": values.get("Email", "")} | marks
        self.company["customers"].append(known)
        return customer

    def refused_customers(self) -> None:
        for at in range(2):
            customer = self.in_company(blocked="All")
            made = self.make(customer)
            self.note("rejected:blocked_customer", made, f"{customer_number(customer)} is blocked in the ERP")
            if at == 0:
                self.waits(made, customer)
        for _ in range(2):
            customer = self.in_company(_missing_posting_group=True)
            made = self.make(customer)
            note = f"{customer_number(customer)} has no customer posting group"
            self.note("rejected:missing_posting_group", made, note)

    def conflicts(self) -> None:
        for at in range(2):
            customer = self.in_company()
            made = self.make(customer)
            typed = copy_of(made, invoice_key(made), customer_number(customer))
            typed["lines"][0]["unitPrice"] += Decimal("9.00")
            self.company["posted"].append(typed)
            self.note("conflict:different", made, "entered by hand with another total")
            if at == 0:
                self.waits(made, customer)
        customer = self.in_company()
        made = self.make(customer)
        for _ in range(2):
            draft = copy_of(made, invoice_key(made), customer_number(customer), status="draft")
            self.company["posted"].append(draft)
        self.note("conflict:several", made, "two drafts entered by hand carry its key")

    def entered_by_hand(self) -> None:
        """No exceptions: found in the ERP and equal (`adopted`), or exported to somewhere else
        (`out_of_scope`)."""
        for at in range(6):
            customer = self.in_company()
            labour = [Line(lists.SKUS["HVAC"][1], Decimal(1), self.office.cents(119, 259), "4000")]
            status = "Exported" if at < 4 else "Posted"
            made = self.make(customer, status=status, lines=labour)  # no tax: one line says it all
            self.company["posted"].append(copy_of(made, invoice_key(made), customer_number(customer)))
        for _ in range(4):
            self.make(next(self.spare), status="Exported")
        for _ in range(2):
            on, amount = self.day(), Decimal(75)
            made = payment(self.office, next(self.spare), on, [], unapplied=amount, status="Exported")
            self.payments.append(made)

    def entered_under_another_number(self) -> None:
        """A person took ServiceTitan's own number: only a person can say that it is that invoice."""
        customer = self.in_company()
        labour = [Line(lists.SKUS["HVAC"][1], Decimal(1), self.office.cents(119, 259), "4000")]
        made = self.make(customer, lines=labour)
        self.company["posted"].append(copy_of(made, made["referenceNumber"], customer_number(customer)))
        self.note("blocked:entered_by_hand", made, "entered by hand without our key")

    def to_be_applied_later(self) -> None:
        """No exception yet: a deposit, and an open invoice of its customer that the office may apply it to."""
        customer, on = next(self.spare), self.day()
        self.payments.append(payment(self.office, customer, on, [], unapplied=Decimal(150)))
        self.make(customer, on=on)

    def difference(self) -> None:
        on, total = self.day(), Decimal("512.40")
        typed = document(NO_SOURCE, self.company["customers"][0]["number"], on, total)
        self.company["posted"].append(typed)
        note = f"posted by hand on {on} under our prefix, without any source"
        self.exceptions.append(PlantedException("difference:no_source", NO_SOURCE, total, note))
