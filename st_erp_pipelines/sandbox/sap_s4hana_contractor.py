"""The contractor's company code in SAP S/4HANA: what he buys from, where, for whom, as his ServiceTitan knows it.

A supplier for each active vendor, a cost center for each business unit, a plant for each warehouse, materials as in the
pricebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from st_erp_pipelines.sandbox.contractor_office import Wire

COMPANY_CODE = CONTROLLING_AREA = "1710"
GL_ACCOUNT, PAYABLES, TAX_CODE, TERMS, GROUPING = "61010000", "21100000", "I1", "NT30", "BP02"
MATERIAL_GROUP = "L001"
FIRST_SUPPLIER, FIRST_COST_CENTER, FIRST_PLANT = 17_300_001, 17_101_001, 1_710
OPENED = date(2020, 1, 1)


def sap_s4hana_company(tenant: Mapping[str, Sequence[Wire]]) -> dict[str, Any]:
    """A seed as sap_s4hana_seed.py describes it; `tenant` is `Contractor.servicetitan`."""
    vendors = [vendor for vendor in tenant["vendors"] if vendor["active"]]
    plant = {"company_code": COMPANY_CODE, "storage_locations": ["171A"]}
    return {
        "company_codes": {COMPANY_CODE: {"currency": "USD", "controlling_area": CONTROLLING_AREA}},
        "purchasing_organizations": [COMPANY_CODE],
        "order_types": ["NB", "ZREC"],
        "plants": {str(FIRST_PLANT + at): plant for at, _ in enumerate(tenant["warehouses"])},
        "material_groups": [MATERIAL_GROUP],
        "materials": {row["code"]: material(row) for row in tenant["materials"] if row["active"]},
        "gl_accounts": [GL_ACCOUNT],
        "reconciliation_accounts": [PAYABLES],
        "tax_codes": [TAX_CODE],
        "payment_terms": [TERMS],
        "groupings": [GROUPING],
        "A_BusinessPartner": [_partner(str(FIRST_SUPPLIER + at), vendor) for at, vendor in enumerate(vendors)],
        "A_CostCenter": [
            _cost_center(str(FIRST_COST_CENTER + at), unit) for at, unit in enumerate(tenant["business_units"])
        ],
    }


def material(row: Wire) -> dict[str, str]:
    return {"text": (row["displayName"] or row["code"])[:40], "unit": "EA", "group": MATERIAL_GROUP}


def _partner(number: str, vendor: Wire) -> dict[str, Any]:
    name, address, contact = vendor["name"], vendor["address"], vendor["contactInfo"]
    mail, phone = contact["email"], contact["phone"]
    place = {
        "StreetName": address["street"],
        "CityName": address["city"],
        "Region": address["state"],
        "PostalCode": address["zip"],
        "Country": "US",
        "to_EmailAddress": [{"EmailAddress": mail}] if mail else [],
        "to_PhoneNumber": [{"PhoneNumber": phone}] if phone else [],
    }
    terms = {"PaymentTerms": TERMS}
    return {
        "BusinessPartner": number,
        "BusinessPartnerGrouping": GROUPING,
        "OrganizationBPName1": name[:40],
        "OrganizationBPName2": name[40:80],
        "CreationDate": OPENED,
        "to_BusinessPartnerAddress": [place],
        "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLVN00"}, {"BusinessPartnerRole": "FLVN01"}],
        "to_Supplier": {
            "to_SupplierCompany": [{"CompanyCode": COMPANY_CODE, "ReconciliationAccount": PAYABLES} | terms],
            "to_SupplierPurchasingOrg": [
                {"PurchasingOrganization": COMPANY_CODE, "PurchaseOrderCurrency": "USD"} | terms,
            ],
        },
    }


def _cost_center(number: str, unit: Wire) -> dict[str, Any]:
    return {
        "ControllingArea": CONTROLLING_AREA,
        "CostCenter": number,
        "CompanyCode": COMPANY_CODE,
        "ValidityStartDate": OPENED,
        "to_Text": [{"Language": "EN", "CostCenterName": unit["name"][:20]}],
    }
