"""Business partners: addresses and contacts below them, and how a change treats these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company
from st_erp_pipelines.sandbox.sap_business_one_model import given

COLLECTIONS = {"BPAddresses": "RowNum", "ContactEmployees": "InternalCode"}


def create(company: Company, body: Any) -> Row:
    sent = given(company.types.accept("BusinessPartner", body))
    code = sent.get("CardCode") or _from_series(company, sent)
    if company.find("BusinessPartners", code):
        raise refusals.duplicate_partner(code)
    row = company.types["BusinessPartner"].blank() | {
        "CardType": "cCustomer",
        "GroupCode": company.setup["partner_group"],
        "Currency": company.setup["currency"],
        "PayTermsGrpCode": company.setup["payment_terms"],
        "PriceListNum": 1,
        "SalesPersonCode": -1,
        "DebitorAccount": company.setup["receivables_account"],
        "VatLiable": "vLiable",
        "Valid": "tYES",
        "Frozen": "tNO",
    }
    row |= sent | {"CardCode": code, "BPAddresses": [], "ContactEmployees": []}
    return company.insert("BusinessPartners", code, _completed(company, row, sent, replace=False))


def _from_series(company: Company, sent: Row) -> str:
    """A number series gives the code; without one it has to be given."""
    if sent.get("Series") is None:
        raise refusals.assumed("Enter a business partner code  [OCRD.CardCode]")
    return f"C{company.next('BusinessPartners'):05d}"


def change(company: Company, code: str, body: Any, *, replace: bool = False) -> None:
    """`replace`: B1S-ReplaceCollectionsOnPatch, which removes the rows that were not sent."""
    row = company.get("BusinessPartners", code)
    sent = company.types.accept("BusinessPartner", body)
    sent.pop("CardCode", None)
    company.change("BusinessPartners", code, _completed(company, row | sent | _kept(row), sent, replace=replace))


def _kept(row: Row) -> Row:
    return {name: row[name] for name in COLLECTIONS}


def _completed(company: Company, row: Row, sent: Row, *, replace: bool) -> Row:
    _check(company, row)
    for name, key in COLLECTIONS.items():
        if name in sent:
            row[name] = _merged(row[name], sent[name], key, replace, _blank_row(company, name, row))
    for address in row["BPAddresses"]:
        _check_address(company, address)
    _check_unique(row["BPAddresses"], lambda each: (each["AddressType"], each["AddressName"]))
    _check_unique(row["ContactEmployees"], lambda each: each["Name"])
    for default, kind in (("BilltoDefault", "bo_BillTo"), ("ShipToDefault", "bo_ShipTo")):
        names = [each["AddressName"] for each in row["BPAddresses"] if each["AddressType"] == kind]
        row[default] = row[default] if row[default] in names else next(iter(names), None)
    row["ContactPerson"] = row["ContactPerson"] or next((each["Name"] for each in row["ContactEmployees"]), None)
    return row


def _check(company: Company, row: Row) -> None:
    company.get("BusinessPartnerGroups", row["GroupCode"])
    company.get("PaymentTermsTypes", row["PayTermsGrpCode"])
    company.get("ChartOfAccounts", row["DebitorAccount"])
    if row["Currency"] != "##":
        company.get("Currencies", row["Currency"])


def _blank_row(company: Company, name: str, partner: Row) -> Callable[[], Row]:
    """A new address or contact; the numbers of contacts are of the whole company."""

    def address() -> Row:
        return company.types["BPAddress"].blank() | {"AddressType": "bo_BillTo", "BPCode": partner["CardCode"]}

    def contact() -> Row:
        number = company.next("ContactEmployees")
        own = {"CardCode": partner["CardCode"], "InternalCode": number, "Active": "tYES"}
        return company.types["ContactEmployee"].blank() | own

    return address if name == "BPAddresses" else contact


def _merged(old: list[Row], sent: list[Row], key: str, replace: bool, blank: Callable[[], Row]) -> list[Row]:
    """A row with an existing key is changed, one without is added; the others stay unless all are replaced."""
    rows = {row[key]: row for row in old}
    named = []
    for each in sent:
        known = rows.get(each.get(key))
        row = (known or blank()) | {name: value for name, value in each.items() if name != key}
        if known is None and key == "RowNum":
            row[key] = max(rows, default=-1) + 1
        rows[row[key]] = row
        named.append(row[key])
    return [row for number, row in rows.items() if not replace or number in named]


def _check_address(company: Company, row: Row) -> None:
    """Countries and states are codes of the company's own lists."""
    if not row["AddressName"]:
        raise refusals.assumed("Enter an address name  [CRD1.Address]")
    states = company.setup["countries"].get(row["Country"]) if row["Country"] else []
    if states is None or (row["State"] and states and row["State"] not in states):
        raise refusals.not_found()


def _check_unique(rows: list[Row], name: Callable[[Row], object]) -> None:
    names = [name(row) for row in rows]
    if None in names or len(set(names)) < len(names):
        raise refusals.already_exists()


def remove(company: Company, code: str) -> None:
    company.get("BusinessPartners", code)
    used = (
        row["CardCode"] == code
        for name in ("Invoices", "CreditNotes", "IncomingPayments", "VendorPayments")
        for row in company.rows(name)
    )
    if any(used):
        raise refusals.assumed("You cannot remove a business partner that has transactions  [OCRD.CardCode]")
    company.drop("BusinessPartners", code)
