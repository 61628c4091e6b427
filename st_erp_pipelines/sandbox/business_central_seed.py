"""From a seed to a company in memory, and the hand of a person in it.

"company": {"id", "name"}             "setup": wire row of generalLedgerSetup
"accounts", "customers", "items", "paymentTerms", "paymentMethods", "taxAreas", "taxGroups", "currencies":
    wire rows; private keys are `_missing_posting_group` of a customer, `_percent` of a tax group,
    `_revenue_account` of an item, `_tax_group` of an account
"dimensions": [{"code", "displayName", "values": [{"code", "displayName"}]}]
"dimension_defaults": [{"table": "Customer" | "G/L Account" | "Item", "number", "dimension", "value",
    "mandatory"}]
"journals": [{"code", "displayName", "balancingAccountNumber"}]
"posted": documents that people entered, see `enter_document`
"other_lines": payment lines of people, see `enter_line`
and any of SETTINGS. An id that is missing is derived from the code or number.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import business_central_customers as customers
from st_erp_pipelines.sandbox import business_central_dimensions as dimensions
from st_erp_pipelines.sandbox import business_central_journals as journals
from st_erp_pipelines.sandbox import business_central_posting as posting
from st_erp_pipelines.sandbox import business_central_sales as sales
from st_erp_pipelines.sandbox.business_central_company import Company, seeded_id
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_model import BLANK_ID, Entity
from st_erp_pipelines.sandbox.odata import Row, exact

# What the API does not show, with the state of a newly set up company.
SETTINGS: dict[str, Any] = {
    "receivables_account": "",
    "sales_account": "",
    "tax_account": "",
    "user_period": None,
    "external_document_mandatory": False,
    "increment_batch_name": False,
    "customer_template": True,
    "manual_numbers": True,
}
MASTERS = (
    "accounts",
    "paymentTerms",
    "paymentMethods",
    "taxAreas",
    "taxGroups",
    "currencies",
    "customers",
    "items",
)
# A released document shows as Open although it is not posted.
UNPOSTED = {"draft": "Draft", "released": "Open", "in_review": "In_x0020_Review"}
KINDS = {"invoice": sales.INVOICE, "credit_memo": sales.CREDIT_MEMO}


def build(seed: Row, *, duplicate_key_status: int = 400) -> Company:
    company = Company(seed["company"].get("id") or seeded_id(seed["company"]["name"]), seed["company"]["name"])
    company.posting_setup = {name: seed.get(name, default) for name, default in SETTINGS.items()}
    company.posting_setup["duplicate_key_status"] = duplicate_key_status
    for set_name in ("companies", "companyInformation", "generalLedgerSetup"):
        company.save(set_name, seeded_row(company, set_name, single_row(company, seed, set_name)))
    for set_name in MASTERS:
        for values in seed.get(set_name, []):
            company.save(set_name, seeded_row(company, set_name, values), modified_at=modified(values))
    choose_accounts(company)
    company.tax_percents = {row["code"]: row.get("_percent", Decimal(0)) for row in rows(company, "taxGroups")}
    add_dimensions(company, seed.get("dimensions", []))
    set_default_dimensions(company, seed.get("dimension_defaults", []))
    add_batches(company, seed.get("journals", []))
    for document in seed.get("posted", []):
        enter_document(company, document)
    for line in seed.get("other_lines", []):
        enter_line(company, line)
    company.forget_the_seed()
    return company


def rows(company: Company, set_name: str) -> list[Row]:
    return list(company[set_name].rows.values())


def modified(values: Row) -> str:
    return str(values.get("lastModifiedDateTime", ""))


def single_row(company: Company, seed: Row, set_name: str) -> Row:
    if set_name == "generalLedgerSetup":
        return {"localCurrencyCode": "USD", **seed.get("setup", {})}
    if set_name == "companyInformation":
        return {
            "displayName": company.name,
            "currencyCode": seed.get("setup", {}).get("localCurrencyCode", "USD"),
        }
    return {"id": company.id, "name": company.name, "systemVersion": "26.0.30643.32481", "timestamp": 4006}


def seeded_row(company: Company, set_name: str, values: Row) -> Row:
    """A wire row completed with blanks; codes as the server stores them, numbers as exact decimals."""
    entity = ENTITIES[set_name]
    key = str(values.get("number") or values.get("code") or "")
    row = entity.blank() | {"id": seeded_id(company.id, set_name, key)}
    for name, value in values.items():
        known = entity.properties.get(name)
        if known is None:
            row[name] = value
        elif known.kind == "decimal":
            row[name] = exact(Decimal(str(value)))
        else:
            row[name] = known.accept(value)
    return row


def choose_accounts(company: Company) -> None:
    """Where the seed names no account: the first one of the right category."""
    for setting, category in (
        ("receivables_account", "Assets"),
        ("sales_account", "Income"),
        ("tax_account", "Liabilities"),
    ):
        fitting = [row["number"] for row in rows(company, "accounts") if row["category"] == category]
        company.posting_setup[setting] = company.posting_setup[setting] or next(iter(fitting), "")


def add_dimensions(company: Company, seeds: list[Row]) -> None:
    for seed in seeds:
        values = {name: value for name, value in seed.items() if name != "values"}
        dimension = company.save("dimensions", seeded_row(company, "dimensions", values))
        for value in seed.get("values", []):
            row = seeded_row(company, "dimensionValues", {"dimensionId": dimension["id"], **value})
            row["id"] = value.get("id") or seeded_id(company.id, dimension["code"], row["code"])
            company.save("dimensionValues", row)


def set_default_dimensions(company: Company, seeds: list[Row]) -> None:
    for seed in seeds:
        parent = company.default_dimensions.setdefault((seed["table"], seed["number"]), {})
        parent[seed["dimension"]] = (seed.get("value", ""), seed.get("mandatory", False))


def add_batches(company: Company, seeds: list[Row]) -> None:
    for seed in seeds:
        row = seeded_row(company, "journals", {"templateDisplayName": journals.TEMPLATE, **seed})
        account = company.find("accounts", "number", row["balancingAccountNumber"])
        row |= {"balancingAccountId": account["id"] if account else BLANK_ID, "_has_blank_line": False}
        company.save("customerPaymentJournals", row)


def enter_document(company: Company, values: Row) -> Row:
    """What a person typed: {"type": "invoice" | "credit_memo", "status": "posted" or one of UNPOSTED, wire
    properties, "dimensions": {code: value}, "lines": [{"accountNumber" | "itemNumber", "dimensions", wire
    properties}]}."""
    kind = KINDS[values["type"]]
    header = writable(ENTITIES[kind.set_name], values)
    header["dimensionSetLines"] = typed_dimensions(values)
    header[kind.lines] = [typed_line(line) for line in values.get("lines", [])]
    row = sales.create(company, kind, header, by_person=True, row_id=values.get("id", ""))
    status = values.get("status", "posted")
    if status == "posted":
        posting.post(company, kind, row, by_person=True)
    else:
        row["status"] = UNPOSTED[status]
    return company.save(kind.set_name, row, modified_at=modified(values))


def typed_line(line: Row) -> Row:
    """The object first: naming it later would reset what stands before it."""
    number = line.get("accountNumber", line.get("itemNumber", line.get("lineObjectNumber", "")))
    kind = "Account" if "accountNumber" in line else "Item" if "itemNumber" in line else "Comment"
    named = {"lineType": line.get("lineType", kind), "lineObjectNumber": number}
    values = writable(ENTITIES["salesInvoiceLines"], line)
    return named | values | {"dimensionSetLines": typed_dimensions(line)}


def writable(entity: Entity, values: Row) -> Row:
    """What is in `values` of the properties that can be written."""
    return {
        name: value
        for name, value in values.items()
        if name in entity.properties and not entity.properties[name].read_only
    }


def typed_dimensions(values: Row) -> list[Row]:
    return [{"code": code, "valueCode": value} for code, value in values.get("dimensions", {}).items()]


def enter_line(company: Company, values: Row) -> Row:
    """A person's line in the batch named by `journal`: a customer payment, or with `accountNumber` a G/L line."""
    batch = company.match("customerPaymentJournals", "code", values["journal"], "journal")
    known = ENTITIES["journalLines" if "accountNumber" in values else "customerPayments"]
    line = writable(known, values)
    if "accountNumber" in values:
        return journals.enter_journal_line(company, batch, known.accept(line))
    line["dimensionSetLines"] = typed_dimensions(values)
    return journals.create_payment(company, line, batch_id=batch["id"])


def edit_draft(company: Company, edit: Row) -> Row:
    """A person changes what lies there unposted; no ETag is asked for. {"id", "changes": {...},
    "lines": [{"sequence", ...}], "add_lines": [...], "remove_lines": [sequence], "dimensions": {code: value},
    "delete": bool}"""
    kind = next(kind for kind in KINDS.values() if edit["id"] in company[kind.set_name].rows)
    row = company.get(kind.set_name, edit["id"])
    if edit.get("delete"):
        sales.remove(company, kind, row)
        return row
    by_sequence = {line["sequence"]: line for line in company[kind.lines].by("documentId", row["id"])}
    for change in edit.get("lines", []):
        sales.change_line(company, kind, row, by_sequence[change["sequence"]], change)
    for sequence in edit.get("remove_lines", []):
        sales.remove_line(company, kind, row, by_sequence[sequence])
    for line in edit.get("add_lines", []):
        sales.add_line(company, kind, row, typed_line(line))
    for code, value in edit.get("dimensions", {}).items():
        dimensions.change(company, row, code, {"valueCode": value})
    return sales.change(company, kind, row, edit.get("changes", {}))


def edit_customer(company: Company, edit: Row) -> Row:
    """A person changes a customer's card: {"number", "changes": {...}}, checked as a client's PATCH; no ETag."""
    row = company.match("customers", "number", edit["number"], "number")
    return customers.change(company, row, edit["changes"])


def configure(company: Company, values: Row) -> None:
    """An administrator at work: {"setup": {...}, "customers" | "accounts" | "items": {number: {...}},
    "dimension_defaults": [...], and any of SETTINGS}."""
    setup = company.setup()
    setup |= ENTITIES["generalLedgerSetup"].accept(values.get("setup", {}))
    company.save("generalLedgerSetup", setup)
    for set_name in ("customers", "accounts", "items"):
        for number, changes in values.get(set_name, {}).items():
            row = company.match(set_name, "number", number, "number")
            company.save(set_name, row | changes)
    set_default_dimensions(company, values.get("dimension_defaults", []))
    company.posting_setup |= {name: values[name] for name in SETTINGS if name in values}


def state(company: Company) -> Row:
    """Every document with its lines, and all that tests count; `dimensions` is {code: value}."""
    shown = {
        set_name: [shown_row(company, set_name, row) for row in rows(company, set_name)]
        for set_name in (
            "customers",
            "salesInvoices",
            "salesCreditMemos",
            "customerPaymentJournals",
            "customerPayments",
            "journalLines",
            "generalLedgerEntries",
            "generalLedgerSetup",
        )
    }
    return shown | {"posting_setup": company.posting_setup}


def shown_row(company: Company, set_name: str, row: Row) -> Row:
    shown = {name: row[name] for name in ENTITIES[set_name].properties}
    shown |= {"@odata.etag": row["@odata.etag"]}
    if "_dimensions" in row:
        shown["dimensions"] = {code: value for code, (value, _) in row["_dimensions"].items()}
    if set_name in sales.KINDS:
        lines = sales.KINDS[set_name].lines
        shown["lines"] = [shown_row(company, lines, line) for line in company[lines].by("documentId", row["id"])]
    return shown
