"""Rules of purchasing that orders and requisitions share: what they name has to be there, and to be usable."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company
from st_erp_pipelines.sandbox.sap_s4hana_refusals import Refusal, rule

COST_CENTER = "K"
COMPANY_CODE = "company_code"


@dataclass(frozen=True, slots=True)
class Line:
    """An item of an order or a requisition. `day` is the one on which its cost centres have to be valid."""

    number: str
    text: str
    material: str
    group: str
    plant: str
    storage_location: str
    quantity: Decimal
    unit: str
    price: Decimal
    price_quantity: Decimal
    currency: str
    tax_code: str
    category: str
    assignments: list[Row]
    company_code: str
    day: date


def enter(value: Any, what: str) -> None:
    if not value:
        raise rule("ME/083", f"Enter {what}")


def check_known(value: str, known: Container[str], what: str) -> None:
    """Of a code; whether it has to be given at all is asked before."""
    if value and value not in known:
        raise rule("ME/045", f"{what} {value} does not exist")


def check_head(company: Company, company_code: str, organization: str, group: str) -> None:
    setup = company.setup
    for value, known, what in (
        (company_code, setup["company_codes"], "Company Code"),
        (organization, setup["purchasing_organizations"], "Purch. Organization"),
        (group, setup["purchasing_groups"], "Purchasing Group"),
    ):
        enter(value, what)
        check_known(value, known, what)


def check_supplier(company: Company, number: str, organization: str) -> Row:
    """The purchasing data of a supplier that may be ordered from."""
    partner = company.supplier(number)
    if partner is None:
        raise rule("06/321", f"Supplier {number} does not exist")
    supplier = partner["to_Supplier"]
    here = [row for row in supplier["to_SupplierPurchasingOrg"] if row["PurchasingOrganization"] == organization]
    if not here:
        raise rule("06/322", f"Supplier {number} not yet created by purchasing organization {organization}")
    if supplier["DeletionIndicator"] or here[0]["DeletionIndicator"]:
        raise rule("06/328", f"Supplier {number} is flagged for deletion")
    blocked = partner["BusinessPartnerIsBlocked"] or supplier["PurchasingIsBlocked"]
    if blocked or here[0]["PurchasingIsBlockedForSupplier"] or supplier["SupplierProcurementBlock"]:
        raise rule("06/024", f"Supplier {number} is blocked")
    terms: Row = here[0]
    return terms


def check_line(company: Company, line: Line) -> None:
    try:
        _check_goods(company, line)
        _check_figures(company, line)
        _check_assignments(company, line)
    except Refusal as refusal:
        refusal.text = f"Item {line.number}: {refusal.text}"
        raise


def _check_goods(company: Company, line: Line) -> None:
    setup = company.setup
    if not line.material:
        enter(line.text, "Short Text")
        enter(line.group, "Material Group")
    enter(line.plant, "Plant")
    check_known(line.material, setup["materials"], "Material")
    check_known(line.group, setup["material_groups"], "Material Group")
    check_known(line.plant, setup["plants"], "Plant")
    plant = setup["plants"][line.plant]
    check_known(line.storage_location, plant.get("storage_locations", ()), f"In plant {line.plant} storage location")
    if plant[COMPANY_CODE] != line.company_code:
        raise rule("ME/082", f"Plant {line.plant} does not belong to company code {line.company_code}")


def _check_figures(company: Company, line: Line) -> None:
    setup = company.setup
    if line.quantity <= 0:
        raise rule("ME/084", "Enter a quantity greater than 0")
    enter(line.unit, "Order Unit")
    check_known(line.unit, setup["units"], "Unit of measure")
    check_known(line.currency, setup["currencies"], "Currency")
    check_known(line.tax_code, setup["tax_codes"], "Tax code")
    if line.price != line.price.quantize(Decimal("0.01")):
        raise rule("ME/211", f"Amount {line.price} has too many decimal places for currency {line.currency}")
    if line.price < 0 or line.price_quantity <= 0:
        raise rule("ME/212", "Net price and price unit must not be negative")


def _check_assignments(company: Company, line: Line) -> None:
    """What is no material in stock is bought for somebody. Other categories than K are taken as they are."""
    if not line.category:
        if not line.material:
            raise rule("ME/062", "Account assignment mandatory for an item without material")
        if line.assignments:
            raise rule("ME/064", "Account assignment without an account assignment category")
        return
    if not line.assignments:
        raise rule("ME/063", f"Enter the account assignment of category {line.category}")
    for row in line.assignments:
        enter(row["GLAccount"], "G/L Account")
        if row["GLAccount"] in company.setup["reconciliation_accounts"]:
            raise rule("F5/351", f"Account {row['GLAccount']} is a reconciliation account")
        check_known(row["GLAccount"], company.setup["gl_accounts"], "G/L account")
        if line.category == COST_CENTER:
            _check_cost_center(company, line, row)


def _check_cost_center(company: Company, line: Line, assignment: Row) -> None:
    number = assignment["CostCenter"]
    enter(number, "Cost Center")
    area = company.setup["company_codes"][line.company_code]["controlling_area"]
    wanted = (area, number)
    rows = [row for row in company.records["A_CostCenter"].values() if wanted == _place(row)]
    if not rows:
        raise rule("KI/265", f"Cost center {area}/{number} does not exist")
    valid = [row for row in rows if (row["ValidityStartDate"] or date.min) <= line.day <= row["ValidityEndDate"]]
    if not valid:
        raise rule("KI/235", f"Cost center {area}/{number} does not exist on {line.day:%m/%d/%Y}")
    if valid[0]["CompanyCode"] not in ("", line.company_code):
        raise rule("KI/101", f"Cost center {area}/{number} belongs to company code {valid[0]['CompanyCode']}")
    if "X" in (valid[0]["IsBlkdForPrimaryCostsPosting"], valid[0]["IsBlockedForCommitmentPosting"]):
        raise rule("KI/131", f"Cost center {area}/{number} is blocked against direct postings on {line.day:%m/%d/%Y}")


def _place(row: Row) -> tuple[str, str]:
    return row["ControllingArea"], row["CostCenter"]


def material_defaults(company: Company, number: str) -> Row:
    """{"text", "unit", "group"}, as the master record of a material has them."""
    found: Row = company.setup["materials"].get(number, {})
    return found
