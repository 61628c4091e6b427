"""The contractor's settings and price book, and how its accountant would map them to the ERP.

The holes in these mappings are planted: two business units and one tax zone nobody mapped, a payment type
without a batch, one business unit without a default account and one ledger account without a mapping.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from st_erp_pipelines.sandbox.contractor_office import Office, Wire, number


class Unit(NamedTuple):
    """A business unit; an empty `dimension_value` is one that the accountant never mapped."""

    id: int
    name: str
    trade: str
    weight: int
    dimension_value: str
    account: str
    currency: str = "USD"


class Zone(NamedTuple):
    id: int
    name: str
    rate: Decimal
    liability_account: str


class Account(NamedTuple):
    """A ServiceTitan ledger account and where the accountant sends it; an empty target is a hole."""

    id: int
    number: str
    name: str
    type: str
    target_type: str
    target_number: str


class Sku(NamedTuple):
    type: str
    name: str
    display: str
    text: str
    low: int
    high: int
    account: str


UNITS = (
    Unit(301, "HVAC Service", "HVAC", 34, "HVAC", "40100"),
    Unit(302, "HVAC Install", "HVAC", 12, "INSTALL", "40150"),
    Unit(303, "Plumbing", "Plumbing", 24, "PLUMB", "40200"),
    Unit(304, "Electrical", "Electrical", 14, "ELEC", "40300"),
    Unit(305, "Drain & Sewer", "Plumbing", 10, "DRAIN", "40250"),
    Unit(306, "Commercial Projects", "HVAC", 6, "COMM", ""),
    Unit(307, "Windsor Service", "HVAC", 0, "WINDSOR", "40100", "CAD"),
    Unit(308, "Duct Cleaning Pilot", "HVAC", 0, "", ""),
    Unit(309, "Home Show Sales", "HVAC", 0, "", ""),
)
NO_DEFAULT_ACCOUNT = UNITS[5]
FOREIGN = UNITS[6]
UNMAPPED_UNITS = UNITS[7:]

ZONES = (
    Zone(71, "Cook County - Chicago", Decimal("0.1025"), "23110"),
    Zone(72, "DuPage County", Decimal("0.0800"), "23120"),
    Zone(73, "Lake County", Decimal("0.0725"), "23130"),
    Zone(74, "Will County (new)", Decimal("0.0825"), ""),
)
UNMAPPED_ZONE = ZONES[3]

ACCOUNTS = (
    Account(501, "4000", "Service Revenue", "Income", "account", "40100"),
    Account(502, "4010", "Installation Revenue", "Income", "account", "40150"),
    Account(503, "4020", "Plumbing Revenue", "Income", "account", "40200"),
    Account(504, "4030", "Electrical Revenue", "Income", "account", "40300"),
    Account(505, "4050", "Equipment Sales", "Income", "account", "40400"),
    Account(506, "4060", "Material Sales", "Income", "account", "40500"),
    Account(507, "4080", "Warranty Parts", "Income", "item", "WARRANTY"),
    Account(508, "4090", "Discounts Given", "Income", "account", "40900"),
    Account(509, "4999", "Uncategorized Income", "Income", "", ""),
    Account(510, "1200", "Accounts Receivable", "Accounts Receivable", "", ""),
    Account(511, "2200", "Sales Tax Payable", "Other Current Liability", "", ""),
    Account(512, "5000", "Cost of Goods Sold", "Cost of Goods Sold", "", ""),
    Account(513, "1400", "Inventory", "Other Current Asset", "", ""),
)
UNMAPPED_ACCOUNT = "4999"
ACCOUNT_BY_NUMBER = {account.number: account for account in ACCOUNTS}

CARD_BATCHES, OTHER_BATCHES = "STCARDA STCARDB", "STPAYA STPAYB"
# name: (balancing account, batches); types that share a batch share its balancing account
PAYMENT_TYPES = {
    "Credit Card": ("10110", CARD_BATCHES),
    "Check": ("10100", OTHER_BATCHES),
    "Cash": ("", OTHER_BATCHES),
    "ACH": ("10100", OTHER_BATCHES),
    "Financing": ("", OTHER_BATCHES),
}
UNMAPPED_PAYMENT_TYPE = "Gift Certificate"
PAYMENT_TYPE_IDS = {name: 201 + at for at, name in enumerate([*PAYMENT_TYPES, UNMAPPED_PAYMENT_TYPE])}

# name: (days until due, ERP code; empty: the accountant forgot it, which never blocks a document)
PAYMENT_TERMS = {
    "Due Upon Receipt": (0, "COD"),
    "Net 15": (15, "15 DAYS"),
    "Net 30": (30, "30 DAYS"),
    "Net 45": (45, ""),
}
PAYMENT_TERM_IDS = {name: 401 + at for at, name in enumerate(PAYMENT_TERMS)}

DISCOUNT = Sku("PriceModifier", "DISC", "Discount", "Loyal customer discount", 0, 0, "4090")
NO_CHARGE = Sku("Service", "NC-CALL", "No charge visit", "Warranty call, nothing to pay", 0, 0, "4000")
MATERIALS = (
    Sku("Material", "CAP-45", "Dual run capacitor", "<p>45/5 MFD capacitor</p>", 14, 90, "4060"),
    Sku("Material", "CU-LINE", "Copper line set", 'Copper line set, 3/8" &amp; 3/4", per ft', 4, 19, "4060"),
    Sku("Material", "PVC-2", "PVC pipe 2 in", "Schedule 40 PVC<br/>per ft", 2, 8, "4060"),
    Sku("Material", "WTY-PART", "Warranty part", "Part under manufacturer warranty, handling", 5, 40, "4080"),
)
SKUS = {
    "HVAC": (
        Sku("Service", "DIAG", "Diagnostic", "<p>Full <b>system diagnostic</b></p>", 79, 189, "4000"),
        Sku("Service", "TUNE", "Precision tune-up", "21-point tune-up &amp; safety check", 119, 259, "4000"),
        Sku("Equipment", "AC-3T", "3 ton condenser", "<ul><li>16 SEER2</li></ul>", 1900, 4800, "4050"),
        Sku("Service", "INST", "System installation", "Removal and installation", 900, 5200, "4010"),
    ),
    "Plumbing": (
        Sku("Service", "LEAK", "Leak repair", "Locate and repair <i>leak</i>", 145, 640, "4020"),
        Sku("Service", "DRAIN", "Drain cleaning", "Cabled main line, 75 ft", 185, 420, "4020"),
        Sku("Equipment", "WH-50", "50 gal water heater", "Atmospheric, 6 yr warranty", 980, 2100, "4050"),
    ),
    "Electrical": (
        Sku("Service", "PANEL", "Panel service", "Panel inspection &amp; torque", 160, 690, "4030"),
        Sku("Service", "EV", "EV charger circuit", "60 A circuit, 25 ft", 650, 1500, "4030"),
        Sku("Equipment", "SURGE", "Whole house surge protector", "Type 2 SPD", 240, 420, "4050"),
    ),
}


def ledger_account(account_number: str | None) -> Wire | None:
    if account_number is None:
        return None
    account = ACCOUNT_BY_NUMBER[account_number]
    return {
        "id": account.id,
        "name": account.name,
        "number": account.number,
        "type": account.type,
        "detailType": None,
    }


def business_units(office: Office) -> list[Wire]:
    return [_business_unit(office, unit) for unit in UNITS]


def _business_unit(office: Office, unit: Unit) -> Wire:
    made = office.stamp(office.oldest)
    codes = {"accountCode": None, "franchiseId": None, "conceptCode": None}
    return {
        "id": unit.id,
        "active": True,
        "name": unit.name,
        "officialName": f"Northwind {unit.name}",
        "email": "office@northwind.example",
        "currency": unit.currency,
        "phoneNumber": "3125550100",
        "invoiceHeader": "<b>Northwind HVAC</b>",
        "invoiceMessage": "<p>Thank you for your business</p>",
        "defaultTaxRate": None,
        "authorizationParagraph": None,
        "acknowledgementParagraph": None,
        "address": {
            "street": "200 W Lake St",
            "unit": None,
            "city": "Chicago",
            "state": "IL",
            "zip": "60606",
            "country": "USA",
            "latitude": None,
            "longitude": None,
            "isManualCoordinates": False,
            "isMilitary": False,
        },
        "materialSku": None,
        "quickbooksClass": unit.dimension_value or None,
        "accountCode": None,
        "franchiseId": None,
        "conceptCode": None,
        "corporateContractNumber": None,
        "trade": {"id": 11, "name": unit.trade},
        "division": None,
        "tagTypeIds": [],
        "tenant": {"id": 1001, "name": "Northwind HVAC"} | codes | {"modifiedOn": made},
        "createdOn": made,
        "modifiedOn": made,
        "externalData": None,
        "certifiedSentriconSpecialistCode": None,
    }


def payment_types(office: Office) -> list[Wire]:
    made = office.stamp(office.oldest)
    return [
        {"id": type_id, "name": name, "modifiedOn": made, "createdOn": made}
        for name, type_id in PAYMENT_TYPE_IDS.items()
    ]


def payment_terms(office: Office) -> list[Wire]:
    return [_payment_term(office, name, days) for name, (days, _) in PAYMENT_TERMS.items()]


def _payment_term(office: Office, name: str, days: int) -> Wire:
    made = office.stamp(office.oldest)
    discount = dict.fromkeys(("id", "discountApplyTo", "discount", "discountType", "account", "applyBy"))
    interest: Wire = {
        "id": None,
        "rateType": "Flat",
        "flatRateValue": None,
        "percentageRateValue": None,
        "chargeMethod": None,
        "frequency": "Monthly",
        "gracePeriod": None,
        "targetInvoices": [],
        "taskId": 0,
        "taskDisplayName": "",
    }
    return {
        "id": PAYMENT_TERM_IDS[name],
        "name": name,
        "dueDayType": "NumberOfDays",
        "dueDay": days,
        "isCustomerDefault": days == 0,
        "isVendorDefault": False,
        "active": True,
        "inUse": True,
        "modifiedOn": made,
        "createdOn": made,
        "paymentTermDiscountModel": discount | {"applyByValue": None},
        "interestSettings": interest,
    }


def gl_accounts(office: Office) -> list[Wire]:
    made = office.stamp(office.oldest)
    defaults = {"1200": "AccountsReceivable", "2200": "SalesTaxPayable", "1400": "Inventory"}
    return [
        {
            "id": account.id,
            "name": account.name,
            "number": account.number,
            "description": None,
            "type": account.type,
            "subtype": account.type,
            "active": True,
            "isIntacctGroup": False,
            "isIntacctBankAccount": False,
            "source": "ManuallyCreated",
            "defaultAccountType": defaults.get(account.number),
            "createdOn": made,
            "modifiedOn": made,
        }
        for account in ACCOUNTS
    ]


def tax_zones(office: Office) -> list[Wire]:
    made = office.stamp(office.oldest)
    return [
        {
            "id": zone.id,
            "name": zone.name,
            "color": 255,
            "isTaxRateSeparated": False,
            "isMultipleTaxZone": False,
            "rates": [
                {
                    "id": zone.id * 10,
                    "taxName": zone.name,
                    "taxBaseType": ["Subtotal"],
                    "taxRate": number(zone.rate),
                    "salesTaxItem": None,
                }
            ],
            "createdOn": made,
            "modifiedOn": made,
            "active": True,
        }
        for zone in ZONES
    ]
