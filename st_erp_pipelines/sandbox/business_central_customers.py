"""Customers through the API: numbers, templates, references."""

from __future__ import annotations

from typing import Any

from st_erp_pipelines.sandbox.business_central_company import Company, dialog
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_model import BLANK_ID
from st_erp_pipelines.sandbox.odata import ODataError, Row

# Two letters, so `USA` is refused.
COUNTRIES = frozenset(["AU", "CA", "DE", "DK", "ES", "FR", "GB", "IE", "IT", "MX", "NL", "NZ", "SE", "US"])
REFERENCES = {"paymentTermsId": "paymentTerms", "paymentMethodId": "paymentMethods", "taxAreaId": "taxAreas"}


def create(company: Company, body: Any) -> Row:
    accepted = ENTITIES["customers"].accept(body)
    if not accepted.get("displayName", "").strip():
        raise dialog('A "displayName" must be provided.')
    check(company, accepted)
    number = accepted.get("number") or company.next_number("C")
    if accepted.get("number"):
        check_manual_number(company, number)
    row = ENTITIES["customers"].blank() | accepted | {"id": company.new_id(), "number": number}
    # Posting groups are no part of the API: a template brings them, or nothing does.
    row["_missing_posting_group"] = not company.posting_setup["customer_template"]
    return company.save("customers", row)


def change(company: Company, row: Row, body: Any) -> Row:
    accepted = ENTITIES["customers"].accept(body)
    if "displayName" in accepted and not accepted["displayName"].strip():
        raise dialog('A "displayName" must be provided.')
    check(company, accepted)
    if accepted.get("number", row["number"]) != row["number"]:
        check_manual_number(company, accepted["number"])
    row |= accepted
    return company.save("customers", row)


def remove(company: Company, row: Row) -> None:
    for set_name in ("salesInvoices", "salesCreditMemos", "customerPayments"):
        if any(found["customerId"] == row["id"] for found in company[set_name].rows.values()):
            raise dialog(f"You cannot delete Customer {row['number']} because there are documents for it.")
    company.remove("customers", row)


def check_manual_number(company: Company, number: str) -> None:
    if not company.posting_setup["manual_numbers"]:
        raise dialog(
            "You may not enter numbers manually. If you want to enter numbers manually, please activate "
            "Manual Nos. in No. Series CUST."
        )
    if company.find("customers", "number", number):
        raise company.duplicate_key("Customer", f"No.='{number}'")


def check(company: Company, accepted: Row) -> None:
    """References must exist; the local currency code means blank."""
    for name, set_name in REFERENCES.items():
        if accepted.get(name, BLANK_ID) != BLANK_ID:
            found = company.match(set_name, "id", accepted[name], name)
            if set_name == "taxAreas":
                accepted["taxAreaDisplayName"] = found["displayName"]
    if accepted.get("country") and accepted["country"] not in COUNTRIES:
        raise ODataError(
            400,
            "Internal_InvalidTableRelation",
            f"The field Country/Region Code of table Customer contains a value ({accepted['country']}) "
            "that cannot be found in the related table (Country/Region).",
        )
    code = accepted.get("currencyCode", "")
    if code and code != company.setup()["localCurrencyCode"]:
        accepted["currencyId"] = company.match("currencies", "code", code, "currencyCode")["id"]
