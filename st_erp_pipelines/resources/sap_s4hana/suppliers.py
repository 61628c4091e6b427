"""Suppliers: business partners with the roles of one, made with address, company code and purchasing organisation.

Our key is the number that the partner has in an external system; it is not unique there either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.sap_s4hana.created import Kind
from st_erp_pipelines.resources.sap_s4hana.entities import Entity
from st_erp_pipelines.resources.sap_s4hana.replies import PARTNERS
from st_erp_pipelines.resources.sap_s4hana.wire import Row, bare, given
from st_erp_pipelines.target import Finding, Found

KEY = "BusinessPartnerIDByExtSystem"
NAME = 40  # characters of each of two names
ORGANISATION = "2"
ROLES = ("FLVN00", "FLVN01")  # of the ledger, of purchasing
STANDARD = "XXDEFAULT"  # the usage of the one address


def _judged(rows: Sequence[Row]) -> Finding:
    """A vendor is a name and what people here know of it: nothing to compare."""
    (row,) = rows
    number = bare(row["Supplier"] or row["BusinessPartner"])
    stranger = None if row["Supplier"] else f"{row['BusinessPartnerName']}, which is no supplier"
    return Finding(Found.COMPLETE, remote_id=number, number=number, party=stranger, etag=row.get("etag"))


def _body(payload: Mapping[str, Any]) -> Row:
    first, second = _names(payload["name"])
    terms, company = payload.get("payment_terms"), payload["company_code"]
    company_terms = {"ReconciliationAccount": payload.get("reconciliation_account"), "PaymentTerms": terms}
    purchasing = {"PurchaseOrderCurrency": payload.get("order_currency"), "PaymentTerms": terms}
    organisation = payload["purchasing_organization"]
    return given(
        {
            "BusinessPartnerCategory": ORGANISATION,
            "BusinessPartnerGrouping": payload.get("grouping"),
            "OrganizationBPName1": first,
            "OrganizationBPName2": second,
            KEY: payload["key"],
            "to_BusinessPartnerAddress": [_address(payload)],
            "to_BusinessPartnerRole": [{"BusinessPartnerRole": role} for role in ROLES],
            "to_Supplier": {
                "to_SupplierCompany": [given({"CompanyCode": company, **company_terms})],
                "to_SupplierPurchasingOrg": [given({"PurchasingOrganization": organisation, **purchasing})],
            },
        }
    )


def _address(payload: Mapping[str, Any]) -> Row:
    phone, email = payload.get("phone"), payload.get("email")
    return given(
        {
            "StreetName": trimmed(payload.get("street") or "", 60),
            "HouseNumber": trimmed(payload.get("house_number") or "", 10),
            "CityName": trimmed(payload.get("city") or "", 40),
            "PostalCode": payload.get("postal_code"),
            "Region": payload.get("region"),
            "Country": payload.get("country"),
            "to_AddressUsage": [{"AddressUsage": STANDARD}],
            "to_PhoneNumber": [{"PhoneNumber": phone, "IsDefaultPhoneNumber": True}] if phone else [],
            "to_EmailAddress": [{"EmailAddress": email, "IsDefaultEmailAddress": True}] if email else [],
        }
    )


def _names(name: str) -> tuple[str, str]:
    """At a blank, if it does not fit into one."""
    name = " ".join(name.split())
    if len(name) <= NAME:
        return name, ""
    at = name.rfind(" ", 1, NAME + 1)
    first, second = (name[:at], name[at + 1 :]) if at > 0 else (name[:NAME], name[NAME:])
    return first, trimmed(second, NAME)


SUPPLIER = Kind(
    label="a supplier",
    entity=Entity(
        PARTNERS,
        "A_BusinessPartner",
        ("BusinessPartner",),
        select=("BusinessPartner", "Supplier", "BusinessPartnerName", KEY),
    ),
    field=KEY,
    key_length=20,
    path="A_BusinessPartner",
    number="BusinessPartner",
    judge=_judged,
    body=_body,
)
