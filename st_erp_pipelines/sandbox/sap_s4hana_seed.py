"""From a seed to an S/4HANA company in memory.

    {"company_codes": {"1710": {"currency": "USD", "controlling_area": "A000"}}, and any of SETTINGS,
     "A_PurchaseOrder": [{"PurchaseOrder": "4500000001", ..., "to_PurchaseOrderItem": [{"PurchaseOrderItem": "10", ...,
         "to_AccountAssignment": [{...}], "to_ScheduleLine": [{...}]}]}],
     "A_PurchaseRequisitionHeader": [{"PurchaseRequisition": "10000001", ..., "to_PurchaseReqnItem": [{...,
         "to_PurchaseReqnAcctAssgmt": [{...}]}]}],
     "A_SupplierInvoice": [{"SupplierInvoice": "5105600001", "FiscalYear": "2026", ...,
         "to_SuplrInvcItemPurOrdRef": [{..., "to_SupplierInvoiceItmAcctAssgmt": [{...}]}],
         "to_SupplierInvoiceItemGLAcct": [{...}], "to_SupplierInvoiceTax": [{...}]}],
     "A_BusinessPartner": [{"BusinessPartner": "17300001", ..., "to_BusinessPartnerAddress": [{...,
         "to_EmailAddress": [{...}], "to_PhoneNumber": [{...}], "to_AddressUsage": [{...}]}],
         "to_BusinessPartnerRole": [{...}], "to_BusinessPartnerTax": [{...}],
         "to_Supplier": {..., "to_SupplierCompany": [{...}], "to_SupplierPurchasingOrg": [{...}]}}],
     "A_CostCenter": [{"ControllingArea": "A000", "CostCenter": "17101101", "ValidityEndDate": date(9999, 12, 31), ...,
         "to_Text": [{"Language": "EN", "CostCenterName": "Service"}]}]}

Values are plain: text, Decimal, bool, `date` for Edm.DateTime, aware `datetime` for Edm.DateTimeOffset, `time`. Nothing
of a seed is checked against the rules of purchasing, and each member may be left out. What a person would not type is
filled in where it is missing: keys of parts (inherited from what they stand in, else counted: items 10, 20, ...; the
AddressID is the partner's), change stamps (from CreationDate, or PurchaseOrderDate, or today), the currency of items,
price quantity and unit, a schedule line, InvoicingParty, the names of partner and supplier, the standard address
usage of the first address, Supplier = BusinessPartner where there is a `to_Supplier`, SupplierInvoiceStatus "5",
PurchasingProcessingStatus and PurReqnReleaseStatus "02". A partner without LastChangeDate was never changed.
"""

from __future__ import annotations

from collections.abc import Callable

from st_erp_pipelines.sandbox import sap_s4hana_invoices as invoices
from st_erp_pipelines.sandbox import sap_s4hana_orders as orders
from st_erp_pipelines.sandbox import sap_s4hana_partners as partners
from st_erp_pipelines.sandbox import sap_s4hana_requisitions as requisitions
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import FOREVER, Company, completed
from st_erp_pipelines.sandbox.sap_s4hana_entities import TYPES
from st_erp_pipelines.sandbox.sap_s4hana_model import Property, accepted

US_REGIONS = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS",
    "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC",
    "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY",
]  # fmt: skip
# What no service shows, or an administrator decides.
SETTINGS: Row = {
    "time_zone": "UTC",
    "company_codes": {"1710": {"currency": "USD", "controlling_area": "A000"}},
    "purchasing_organizations": ["1710"],
    "purchasing_groups": ["001"],
    "order_types": ["NB"],
    "requisition_types": ["NB"],
    "plants": {"1710": {"company_code": "1710", "storage_locations": ["171A"]}},
    "material_groups": ["L001"],
    "materials": {},  # by number: {"text", "unit", "group"}
    "units": ["EA", "PC", "FT", "HR", "BX", "GAL", "LB", "RO"],
    "currencies": ["USD", "EUR", "CAD"],
    "gl_accounts": [],
    "reconciliation_accounts": [],  # of suppliers: nothing is assigned to them directly
    "tax_codes": [],
    "payment_terms": [],
    "groupings": [],  # of business partners, all with internal numbers
    "regions": {"US": US_REGIONS},  # of a country that is not here any region is taken
    "orders_need_release": False,  # a new order is first in release: status 03, then a person releases it
    "requisitions_need_release": False,
    "arrangement": {},  # false by service: it is no part of the communication arrangement
    "forbidden": [],  # to the communication user, as "POST A_PurchaseOrder"
    "upgrading": False,  # the tenant is not to be talked to
    "invoice_change_stamp": True,  # whether the release of the invoice service has SuplrInvcLstChgDteTmeTxt
    "invoice_creation_date": True,  # and where it has not, whether it has CreationDate at least
    "stamp_with_point": False,  # in the text of that stamp
    "page_size": 1000,  # rows of an answer to a request without $top
    "max_page": 5000,  # and with it
    "next_link": "absolute",  # or relative, foreign (to another host), repeating
    "unordered": False,  # without $orderby each page has an order of its own, as a database may
    "leading_zeros": False,  # shown where other systems showed them
    "locked": {},  # by number of a document or partner: the status, 423 or 400, of who wants to change it
}


def _cost_center(_: Company, row: Row) -> Row:
    return completed("A_CostCenter", row | {"ValidityEndDate": row["ValidityEndDate"] or FOREVER})


FILLED: dict[str, Callable[[Company, Row], Row]] = {
    orders.ORDERS: orders.filled,
    requisitions.REQUISITIONS: requisitions.filled,
    invoices.INVOICES: invoices.filled,
    partners.PARTNERS: partners.filled,
    "A_CostCenter": _cost_center,
}
DEFAULTS: dict[str, Row] = {invoices.INVOICES: {"SupplierInvoiceStatus": invoices.POSTED}}
FIRST_NUMBERS = {
    orders.ORDERS: orders.FIRST_NUMBER,
    requisitions.REQUISITIONS: requisitions.FIRST_NUMBER,
    invoices.INVOICES: invoices.FIRST_NUMBER,
    partners.PARTNERS: partners.FIRST_NUMBER,
}


def build(seed: Row) -> Company:
    company = Company(seed.get("time_zone", "UTC"))
    company.setup = {name: seed.get(name, default) for name, default in SETTINGS.items()}
    for name in company.records:
        for values in seed.get(name, []):
            plant(company, name, values)
    return company


def plant(company: Company, set_name: str, values: Row) -> Row:
    """Stores a record as it is, whatever the rules say, with what a person would not type."""
    row = DEFAULTS.get(set_name, {}) | accepted(TYPES, set_name, values, Property.planted, all_of_it=True)
    name = TYPES[set_name].key[0]
    if set_name in FIRST_NUMBERS and not row.get(name):
        row[name] = company.draw(set_name, FIRST_NUMBERS[set_name])
    return company.put(set_name, FILLED[set_name](company, completed(set_name, row)))
