"""Sales invoices and credit memos as drafts: headers, lines, totals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from st_erp_pipelines.sandbox import business_central_dimensions as dimensions
from st_erp_pipelines.sandbox.business_central_company import Company, add_days, dialog
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_model import BLANK_ID
from st_erp_pipelines.sandbox.odata import Row, exact

NESTED_SET = frozenset({"dimensionSetLines"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the two sales documents; `sign` is that of the receivable."""

    set_name: str
    lines: str
    noun: str
    document: str
    date: str
    sign: int
    draft_series: str
    posted_series: str


INVOICE = Kind("salesInvoices", "salesInvoiceLines", "invoice", "Invoice", "invoiceDate", 1, "S-INV", "PS-INV")
CREDIT_MEMO = Kind(
    "salesCreditMemos",
    "salesCreditMemoLines",
    "credit memo",
    "Credit Memo",
    "creditMemoDate",
    -1,
    "S-CR",
    "PS-CR",
)
KINDS = {kind.set_name: kind for kind in (INVOICE, CREDIT_MEMO)}
LINE_KINDS = {kind.lines: kind for kind in (INVOICE, CREDIT_MEMO)}

ALLOWED_WHEN_POSTED = {"dueDate", "promisedPayDate", "disputeStatus", "disputeStatusId"}
SELL_TO = {
    "AddressLine1": "addressLine1",
    "AddressLine2": "addressLine2",
    "City": "city",
    "Country": "country",
    "State": "state",
    "PostCode": "postalCode",
}
# Naming the object of a line resets these, so what was sent before it is lost.
RESET_BY_OBJECT = {"description", "unitPrice", "taxCode", "unitOfMeasureCode", "discountAmount"}
OBJECT_FIELDS = ("itemId", "accountId", "lineType", "lineObjectNumber")


def cents(amount: Decimal) -> Decimal:
    return exact(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


def create(company: Company, kind: Kind, body: Any, *, by_person: bool = False, row_id: str = "") -> Row:
    """A draft with its lines, all or nothing. A person is not stopped by the customer's state."""
    entity = ENTITIES[kind.set_name]
    accepted = entity.accept(body, nested=frozenset({kind.lines}) | NESTED_SET)
    line_bodies, set_bodies = accepted.pop(kind.lines, []), accepted.pop("dimensionSetLines", [])
    row = entity.blank() | {"id": row_id or company.new_id(), "status": "Draft"}
    row |= {"_posted": False, "_dimensions": {}}
    set_customer(company, kind, row, accepted, new=True, by_person=by_person)
    overlay(company, kind, row, accepted, new=True)
    insert_sets(company, row, set_bodies)
    lines: list[Row] = []
    for line_body in line_bodies:
        lines.append(new_line(company, kind, row, lines, line_body))
    total(company, kind, row, lines)
    row["number"] = company.next_number(kind.draft_series)
    for line in lines:
        company.save(kind.lines, line)
    return company.save(kind.set_name, row)


def insert_sets(company: Company, row: Row, bodies: list[Any]) -> None:
    for body in bodies:
        dimensions.insert(company, row, ENTITIES["dimensionSetLines"].accept(body))


def change(company: Company, kind: Kind, row: Row, body: Any) -> Row:
    accepted = ENTITIES[kind.set_name].accept(body)
    if row["_posted"] and accepted.keys() - ALLOWED_WHEN_POSTED:
        raise dialog(f"The {kind.noun} has been posted and can no longer be modified.")
    changed = row | {"_dimensions": dict(row["_dimensions"])}
    if not row["_posted"]:
        set_customer(company, kind, changed, accepted, new=False)
    overlay(company, kind, changed, accepted, new=False)
    row |= changed
    return recount(company, kind, row)


def recount(company: Company, kind: Kind, row: Row) -> Row:
    """After any change of header or lines: totals, and a new ETag on the header."""
    lines = company[kind.lines].by("documentId", row["id"])
    if not row["_posted"]:
        total(company, kind, row, lines)
    return company.save(kind.set_name, row)


def set_customer(company: Company, kind: Kind, row: Row, accepted: Row, *, new: bool, by_person: bool = False) -> None:
    customer = named_customer(company, accepted)
    if customer is None:
        if new:
            raise dialog('A "customerNumber" or a "customerId" must be provided.')
        return
    if customer["id"] == row["customerId"]:
        return
    if not by_person:
        company.check_customer(customer, "create", kind.document)
        company.check_posting_group(customer)
    row |= {"customerId": customer["id"], "customerNumber": customer["number"]}
    row |= {"customerName": customer["displayName"], "billToName": customer["displayName"]}
    row |= {"billToCustomerId": customer["id"], "billToCustomerNumber": customer["number"]}
    row |= {name: customer[name] for name in ("paymentTermsId", "currencyId", "phoneNumber", "email")}
    for ours, theirs in SELL_TO.items():
        row[f"sellTo{ours}"] = row[f"billTo{ours}"] = customer[theirs]
    row["_dimensions"] = dimensions.defaults(company, ("Customer", customer["number"]))


def named_customer(company: Company, accepted: Row) -> Row | None:
    for label, field in (("customerNumber", "number"), ("customerId", "id")):
        if accepted.get(label, BLANK_ID) not in ("", BLANK_ID):
            return company.match("customers", field, accepted[label], label)
    return None


def overlay(company: Company, kind: Kind, row: Row, accepted: Row, *, new: bool) -> None:
    """What the client sent, over what the customer brought."""
    check_references(company, accepted)
    row |= {name: value for name, value in accepted.items() if name not in ("customerId", "customerNumber")}
    set_currency(company, row, accepted)
    set_dates(company, kind, row, accepted, new=new)
    dimensions.set_shortcuts(company, row, accepted)
    if kind is CREDIT_MEMO:
        set_applied_invoice(company, row, accepted)


def check_references(company: Company, accepted: Row) -> None:
    """What is named must exist; a bill-to number brings its id."""
    if accepted.get("paymentTermsId", BLANK_ID) != BLANK_ID:
        company.match("paymentTerms", "id", accepted["paymentTermsId"], "paymentTermsId")
    if accepted.get("billToCustomerNumber"):
        number = accepted["billToCustomerNumber"]
        payer = company.match("customers", "number", number, "billToCustomerNumber")
        accepted |= {"billToCustomerId": payer["id"]}


def set_currency(company: Company, row: Row, accepted: Row) -> None:
    """Blank and the local code both mean local currency, whose code is shown, without an id."""
    local = company.setup()["localCurrencyCode"]
    code = str(accepted.get("currencyCode", row["currencyCode"]))
    currency = company.find("currencies", "code", code)
    if accepted.get("currencyId", BLANK_ID) != BLANK_ID:
        currency = company.match("currencies", "id", accepted["currencyId"], "currencyId")
        code = currency["code"]
    if code in ("", local):
        row |= {"currencyCode": local, "currencyId": BLANK_ID}
    elif currency is None:
        raise dialog('The "currencyCode" does not match to a Currency.')
    else:
        row |= {"currencyCode": code, "currencyId": currency["id"]}


def set_dates(company: Company, kind: Kind, row: Row, accepted: Row, *, new: bool) -> None:
    """A posting date alone moves the document date, and that the due date; what was sent is applied last."""
    if new and "postingDate" not in accepted:
        row["postingDate"] = company.today()
    if kind.date not in accepted and (new or "postingDate" in accepted):
        row[kind.date] = row["postingDate"]
    moved = new or not accepted.keys().isdisjoint({"postingDate", kind.date, "paymentTermsId"})
    if moved and "dueDate" not in accepted:
        row["dueDate"] = add_days(row[kind.date], days_of_terms(company, row["paymentTermsId"]))


def days_of_terms(company: Company, terms_id: str) -> int:
    terms = company.find("paymentTerms", "id", terms_id)
    found = re.fullmatch(r"(\d+)D", terms["dueDateCalculation"]) if terms else None
    return int(found.group(1)) if found else 0


def set_applied_invoice(company: Company, row: Row, accepted: Row) -> None:
    if accepted.get("invoiceId", BLANK_ID) != BLANK_ID:
        row["invoiceNumber"] = company.match("salesInvoices", "id", accepted["invoiceId"], "invoiceId")["number"]
    elif accepted.get("invoiceNumber"):
        invoice = company.match("salesInvoices", "number", accepted["invoiceNumber"], "invoiceNumber")
        row["invoiceId"] = invoice["id"]


def new_line(company: Company, kind: Kind, header: Row, lines: list[Row], body: Any) -> Row:
    """One line, not yet stored; it inherits the header's dimension set as it is now."""
    accepted = ENTITIES[kind.lines].accept(body, nested=NESTED_SET)
    set_bodies = accepted.pop("dimensionSetLines", [])
    row = ENTITIES[kind.lines].blank() | {
        "id": company.new_id(),
        "documentId": header["id"],
        "sequence": free_sequence(company, lines, accepted),
        "shipmentDate": header["postingDate"],
        "_dimensions": dict(header["_dimensions"]),
    }
    describe(company, row, accepted, new=True)
    insert_sets(company, row, set_bodies)
    return row


def free_sequence(company: Company, lines: list[Row], accepted: Row) -> int:
    taken = [line["sequence"] for line in lines]
    sequence = accepted.get("sequence") or max(taken, default=0) + 10000
    if sequence in taken:
        raise company.duplicate_key("Sales Line", f"Line No.='{sequence}'")
    return int(sequence)


def describe(company: Company, row: Row, accepted: Row, *, new: bool) -> None:
    """Apply what was sent, in the order it was sent: the object of the line resets what stood before it."""
    names = list(accepted)
    objects = [name for name in names if name in OBJECT_FIELDS]
    if objects or new:
        set_object(company, row, {name: accepted[name] for name in objects})
    last = names.index(objects[-1]) if objects else -1
    for place, name in enumerate(names):
        if name not in (*OBJECT_FIELDS, "sequence", "documentId") and not (place < last and name in RESET_BY_OBJECT):
            row[name] = accepted[name]
    if "discountPercent" in accepted and "discountAmount" not in accepted:
        row["discountAmount"] = cents(row["quantity"] * row["unitPrice"] * row["discountPercent"] / 100)


def set_object(company: Company, row: Row, named: Row) -> None:
    item, account = named_object(company, named)
    if item is not None:
        row |= {"lineType": "Item", "itemId": item["id"], "lineObjectNumber": item["number"]}
        row |= {"unitPrice": item["unitPrice"], "taxCode": item["taxGroupCode"]}
        row |= {"unitOfMeasureCode": item["baseUnitOfMeasureCode"], "description": item["displayName"]}
        inherit(company, row, ("Item", item["number"]))
    elif account is not None:
        row |= {"lineType": "Account", "accountId": account["id"], "lineObjectNumber": account["number"]}
        row |= {"description": account["displayName"], "taxCode": account.get("_tax_group", "")}
        inherit(company, row, ("G/L Account", account["number"]))
    else:
        row["lineType"] = "Comment"


def named_object(company: Company, named: Row) -> tuple[Row | None, Row | None]:
    """(item, account); neither means a comment line."""
    item_id, account_id = named.get("itemId", BLANK_ID), named.get("accountId", BLANK_ID)
    kind, number = named.get("lineType", "Comment"), named.get("lineObjectNumber", "")
    if item_id != BLANK_ID and account_id != BLANK_ID:
        raise dialog('Both "itemId" and "accountId" are specified. Specify only one of them.')
    if item_id != BLANK_ID or kind == "Item":
        by_id = item_id != BLANK_ID
        item = company.find("items", "id" if by_id else "number", item_id if by_id else number)
        if item is None or item["blocked"]:
            raise dialog("Item does not exist.")
        return item, None
    if account_id != BLANK_ID or kind == "Account":
        by_id = account_id != BLANK_ID
        account = company.find("accounts", "id" if by_id else "number", account_id if by_id else number)
        if account is None or account["accountType"] != "Posting" or not account["directPosting"]:
            raise dialog("Account does not exist.")
        company.check_account(account)
        return None, account
    if kind != "Comment":
        raise dialog(f"The sandbox has no lines of type {kind}.")
    return None, None


def inherit(company: Company, row: Row, parent: tuple[str, str]) -> None:
    for code, entry in dimensions.defaults(company, parent).items():
        row["_dimensions"].setdefault(code, entry)


def change_line(company: Company, kind: Kind, header: Row, line: Row, body: Any) -> Row:
    accepted = ENTITIES[kind.lines].accept(body)
    check_draft(kind, header)
    for name in ("sequence", "lineObjectNumber"):
        if name in accepted and accepted[name] != line[name]:
            raise dialog(f'The value for "{name}" cannot be modified. Delete and insert the line again.')
        accepted.pop(name, None)
    changed = line | {"_dimensions": dict(line["_dimensions"])}
    describe(company, changed, accepted, new=False)
    line |= changed
    recount(company, kind, header)
    return company.save(kind.lines, line)


def add_line(company: Company, kind: Kind, header: Row, body: Any) -> Row:
    check_draft(kind, header)
    lines = company[kind.lines].by("documentId", header["id"])
    line = company.save(kind.lines, new_line(company, kind, header, lines, body))
    recount(company, kind, header)
    return company.save(kind.lines, line)


def remove_line(company: Company, kind: Kind, header: Row, line: Row) -> None:
    check_draft(kind, header)
    company.remove(kind.lines, line)
    recount(company, kind, header)


def remove(company: Company, kind: Kind, row: Row) -> None:
    if row["_posted"]:
        raise dialog(f"You cannot delete posted sales {kind.noun} {row['number']}.")
    for line in company[kind.lines].by("documentId", row["id"]):
        company.remove(kind.lines, line)
    company.remove(kind.set_name, row)


def check_draft(kind: Kind, header: Row) -> None:
    if header["_posted"]:
        raise dialog(f"The {kind.noun} has been posted and can no longer be modified.")


def total(company: Company, kind: Kind, header: Row, lines: list[Row]) -> None:
    """Amounts of lines and header; tax by the line's tax group, only for customers liable to it."""
    customer = company.get("customers", header["customerId"])
    for line in lines:
        percent = company.tax_percents.get(line["taxCode"], Decimal(0)) if customer["taxLiable"] else Decimal(0)
        line["taxPercent"] = percent
        line["amountExcludingTax"] = cents(line["quantity"] * line["unitPrice"] - line["discountAmount"])
    allocate_discount(header["discountAmount"], lines)
    for line in lines:
        excluding, net = (
            line["amountExcludingTax"],
            line["amountExcludingTax"] - line["invoiceDiscountAllocation"],
        )
        tax, net_tax = (cents(amount * line["taxPercent"] / 100) for amount in (excluding, net))
        line |= {"totalTaxAmount": tax, "amountIncludingTax": exact(excluding + tax)}
        line |= {
            "netAmount": exact(net),
            "netTaxAmount": net_tax,
            "netAmountIncludingTax": exact(net + net_tax),
        }
    header["totalAmountExcludingTax"] = exact(sum((line["netAmount"] for line in lines), Decimal(0)))
    header["totalTaxAmount"] = exact(sum((line["netTaxAmount"] for line in lines), Decimal(0)))
    header["totalAmountIncludingTax"] = exact(header["totalAmountExcludingTax"] + header["totalTaxAmount"])
    if kind is INVOICE:
        header["remainingAmount"] = header["totalAmountIncludingTax"]
    dimensions.show_shortcuts(company, header)


def allocate_discount(discount: Decimal, lines: list[Row]) -> None:
    """The header's discount over the lines by amount; the last line takes what rounding leaves."""
    whole = sum((line["amountExcludingTax"] for line in lines), Decimal(0))
    left = discount
    for line in lines:
        share = cents(discount * line["amountExcludingTax"] / whole) if whole else Decimal(0)
        share = left if line is lines[-1] and whole else share
        line["invoiceDiscountAllocation"] = exact(share)
        left -= share
