"""Business partners: created deep, as supplier as well, and changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from st_erp_pipelines.sandbox import sap_s4hana_rules as rules
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, completed
from st_erp_pipelines.sandbox.sap_s4hana_refusals import rule

PARTNERS = "A_BusinessPartner"
FIRST_NUMBER, FIRST_ADDRESS = 17_400_000, 24_000
PERSON, ORGANIZATION = "1", "2"
FINANCE, PURCHASING = "FLVN00", "FLVN01"  # roles of a supplier
STANDARD = "XXDEFAULT"
ALWAYS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
US_POSTAL_CODE = re.compile(r"\d{5}(-\d{4})?")


def create(company: Company, sent: Row) -> Row:
    if sent.get("BusinessPartner"):
        raise rule("R1/108", f"Grouping {sent.get('BusinessPartnerGrouping')}: internal number assignment")
    number = company.draw(PARTNERS, FIRST_NUMBER)
    created = {"CreationDate": company.today(), "CreationTime": company.time_of_day()}
    partner = filled(company, completed(PARTNERS, sent | created | {"BusinessPartner": number}))
    check(company, partner)
    return company.put(PARTNERS, partner)


def filled(company: Company, partner: Row) -> Row:
    """What nobody types. Works on the row it is given."""
    partner["BusinessPartnerCategory"] = partner["BusinessPartnerCategory"] or ORGANIZATION
    partner["CreationDate"] = partner["CreationDate"] or company.today()
    partner["ETag"] = partner["ETag"] or f"{company.now():%Y%m%d%H%M%S%f}"
    names = ("FirstName", "LastName")
    if partner["BusinessPartnerCategory"] != PERSON:
        names = ("OrganizationBPName1", "OrganizationBPName2")
    full = " ".join(partner[name] for name in names if partner[name])
    partner |= {"BusinessPartnerName": full, "BusinessPartnerFullName": full}
    for at, address in enumerate(partner["to_BusinessPartnerAddress"]):
        _fill_address(company, address, is_first=at == 0)
    if partner["to_Supplier"] is not None:
        partner["Supplier"] = partner["Supplier"] or partner["BusinessPartner"]
        supplier = completed("A_Supplier", partner["to_Supplier"] | {"Supplier": partner["Supplier"]})
        supplier["CreationDate"] = supplier["CreationDate"] or partner["CreationDate"]
        partner["to_Supplier"] = supplier | {"SupplierName": full[:80], "SupplierFullName": full}
    return partner


def _fill_address(company: Company, address: Row, *, is_first: bool) -> None:
    if not address["AddressID"]:
        address["AddressID"] = company.draw("addresses", FIRST_ADDRESS)
    if is_first and not address["to_AddressUsage"]:
        address["to_AddressUsage"] = [{"AddressUsage": STANDARD, "StandardUsage": True}]
    for row in address["to_AddressUsage"]:
        row["ValidityEndDate"] = row.get("ValidityEndDate") or ALWAYS
    address["ValidityEndDate"] = address["ValidityEndDate"] or ALWAYS
    address |= completed("A_BusinessPartnerAddress", address)


def change(company: Company, partner: Row, row: Row, values: Row) -> None:
    """Works on the partner, of which `row` is a part, or the whole."""
    row |= values
    filled(company, partner)
    check(company, partner)


def check(company: Company, partner: Row) -> None:
    person = partner["BusinessPartnerCategory"] == PERSON
    rules.enter(partner["LastName" if person else "OrganizationBPName1"], "the name")
    rules.enter(partner["BusinessPartnerGrouping"], "the grouping")
    rules.check_known(partner["BusinessPartnerGrouping"], company.setup["groupings"], "Grouping")
    for address in partner["to_BusinessPartnerAddress"]:
        _check_address(company, address)
    if partner["to_Supplier"] is not None:
        _check_supplier(company, partner)


def _check_address(company: Company, address: Row) -> None:
    country, region, code = address["Country"], address["Region"], address["PostalCode"]
    rules.enter(country, "the country/region")
    if country in company.setup["regions"]:
        rules.check_known(region, company.setup["regions"][country], f"In country {country} region")
    if country == "US" and code and not US_POSTAL_CODE.fullmatch(code):
        raise rule("AM/081", f"Postal code {code} must have the length 5 or the form 12345-1234")


def _check_supplier(company: Company, partner: Row) -> None:
    setup, supplier = company.setup, partner["to_Supplier"]
    roles = {row["BusinessPartnerRole"] for row in partner["to_BusinessPartnerRole"]}
    if not roles & {FINANCE, PURCHASING}:
        raise rule("CVI_API/012", "A supplier needs a business partner role of a supplier")
    for row in supplier["to_SupplierCompany"]:
        _check_role(roles, FINANCE, "company code")
        rules.check_known(row["CompanyCode"], setup["company_codes"], "Company Code")
        rules.enter(row["ReconciliationAccount"], "Reconciliation Account")
        rules.check_known(row["ReconciliationAccount"], setup["reconciliation_accounts"], "Reconciliation account")
        rules.check_known(row["PaymentTerms"], setup["payment_terms"], "Terms of payment")
    for row in supplier["to_SupplierPurchasingOrg"]:
        _check_role(roles, PURCHASING, "purchasing")
        rules.check_known(row["PurchasingOrganization"], setup["purchasing_organizations"], "Purch. Organization")
        rules.enter(row["PurchaseOrderCurrency"], "Order Currency")
        rules.check_known(row["PurchaseOrderCurrency"], setup["currencies"], "Currency")
        rules.check_known(row["PaymentTerms"], setup["payment_terms"], "Terms of payment")


def _check_role(roles: set[str], wanted: str, what: str) -> None:
    if wanted not in roles:
        raise rule("CVI_API/013", f"The {what} data of a supplier need the role {wanted}")
