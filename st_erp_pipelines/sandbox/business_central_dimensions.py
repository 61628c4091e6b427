"""Dimension sets: what hangs on a document, a line, a payment or a ledger entry as `dimensionSetLines`.

A row keeps its set as `_dimensions`: {dimension code: (value code, version)}; the version makes the ETag.
"""

from __future__ import annotations

from st_erp_pipelines.sandbox.business_central_company import Company, dialog, etag
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.odata import ODataError, Row

DimensionSet = dict[str, tuple[str, int]]

PARENT_TYPES = {
    "salesInvoices": "Sales_x0020_Invoice",
    "salesInvoiceLines": "Sales_x0020_Invoice_x0020_Line",
    "salesCreditMemos": "Sales_x0020_Credit_x0020_Memo",
    "salesCreditMemoLines": "Sales_x0020_Credit_x0020_Memo_x0020_Line",
    "customerPayments": "Journal_x0020_Line",
    "journalLines": "Journal_x0020_Line",
    "generalLedgerEntries": "General_x0020_Ledger_x0020_Entry",
}


def dimension_set_lines(company: Company, parent_set: str, parent: Row) -> list[Row]:
    return [
        line(company, parent_set, parent, code, value, version)
        for code, (value, version) in sorted(parent["_dimensions"].items())
    ]


def line(company: Company, parent_set: str, parent: Row, code: str, value: str, version: int) -> Row:
    dimension = company.match("dimensions", "code", code, "code")
    entry = value_of(company, dimension, value)
    return ENTITIES["dimensionSetLines"].blank() | {
        "@odata.etag": etag(version),
        "id": dimension["id"],
        "code": code,
        "parentId": parent["id"],
        "parentType": PARENT_TYPES[parent_set],
        "displayName": dimension["displayName"],
        "valueId": entry["id"],
        "valueCode": value,
        "valueDisplayName": entry["displayName"],
    }


def value_of(company: Company, dimension: Row, value: str, *, by: str = "code", label: str = "valueCode") -> Row:
    for row in company["dimensionValues"].by("dimensionId", dimension["id"]):
        if row[by] == value:
            return row
    raise dialog(f'The "{label}" does not match to a Dimension Value.')


def insert(company: Company, parent: Row, accepted: Row) -> str:
    """Add one dimension to the set; answers its code. Present already, also by a default: refused."""
    dimension = named_dimension(company, accepted)
    value = named_value(company, dimension, accepted)
    if dimension["code"] in parent["_dimensions"]:
        raise dialog(
            "The dimension set line already exists. Check existing dimension set lines and the default "
            "dimension set lines on the parent."
        )
    parent["_dimensions"][dimension["code"]] = (value["code"], company.next_version())
    return str(dimension["code"])


def change(company: Company, parent: Row, code: str, accepted: Row) -> None:
    dimension = company.match("dimensions", "code", code, "code")
    value = named_value(company, dimension, accepted)
    parent["_dimensions"][code] = (value["code"], company.next_version())


def named_dimension(company: Company, accepted: Row) -> Row:
    for label, field in (("id", "id"), ("code", "code")):
        if accepted.get(label):
            return company.match("dimensions", field, accepted[label], label)
    raise dialog('The "id" or "code" field must be filled in.')


def named_value(company: Company, dimension: Row, accepted: Row) -> Row:
    for label, field in (("valueId", "id"), ("valueCode", "code")):
        if accepted.get(label):
            return value_of(company, dimension, accepted[label], by=field, label=label)
    raise dialog('The "valueId" or "valueCode" field must be filled in.')


def defaults(company: Company, *parents: tuple[str, str]) -> DimensionSet:
    """Default dimensions of (table, number) pairs, e.g. ("Customer", "10000"); the first to name one wins."""
    found: DimensionSet = {}
    for parent in parents:
        for code, (value, _) in company.default_dimensions.get(parent, {}).items():
            if value:
                found.setdefault(code, (value, company.next_version()))
    return found


def check_mandatory(company: Company, table: str, number: str, dimensions: DimensionSet) -> None:
    for code, (_, mandatory) in company.default_dimensions.get((table, number), {}).items():
        if mandatory and code not in dimensions:
            raise dialog(f"Select a Dimension Value Code for the Dimension Code {code} for {table} {number}.")


def set_shortcuts(company: Company, row: Row, accepted: Row) -> None:
    """`shortcutDimension1Code`/`2Code` on a header are the company's global dimensions under another name."""
    for name in ("shortcutDimension1Code", "shortcutDimension2Code"):
        if name not in accepted:
            continue
        code = company.setup()[name]
        row["_dimensions"].pop(code, None)
        if accepted[name]:
            check_shortcut(company, code, name, accepted[name])
            row["_dimensions"][code] = (accepted[name], company.next_version())


def check_shortcut(company: Company, code: str, name: str, value: str) -> None:
    dimension = company.find("dimensions", "code", code)
    values = company["dimensionValues"].by("dimensionId", dimension["id"]) if dimension else []
    if not any(row["code"] == value for row in values):
        raise ODataError(
            400,
            "Internal_InvalidTableRelation",
            f"The field Shortcut Dimension {name[17]} Code of table Sales Header contains a value "
            f"({value}) that cannot be found in the related table (Dimension Value).",
        )


def show_shortcuts(company: Company, row: Row) -> None:
    for name in ("shortcutDimension1Code", "shortcutDimension2Code"):
        code = company.setup()[name]
        row[name] = row["_dimensions"].get(code, ("", 0))[0]
