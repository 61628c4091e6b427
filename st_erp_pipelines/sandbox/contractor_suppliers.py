"""Who a contractor with S/4HANA buys from: his vendors in ServiceTitan, the suppliers over there, and what is wrong
between the two.

Most are there on both sides, made by hand, before anything was synced; their names are written a little otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from st_erp_pipelines.sandbox.contractor_customers import CITIES, STREETS
from st_erp_pipelines.sandbox.contractor_office import Office, Wire
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.sandbox.sap_s4hana_contractor import COMPANY_CODE, FIRST_SUPPLIER, GROUPING, PAYABLES, TERMS

TAX_FIELD = "Tax ID"  # a custom field of vendors in ServiceTitan
TAX_NUMBER = "36-4410022"

BOTH = (
    "Ferguson Plumbing Supply", "Hajoca Chicago", "Gemaire Distributors", "Moore Supply Depot", "Harbor Freight Lines",
    "Windy City Fasteners", "Kohler Rental Power", "Great Lakes Pipe & Valve", "Nowak Backflow Testing",
    "Großmann Armaturen", "Łódź Pipes", "O’Hare Tool & Die", "Prairie State Excavation", "Søren & Sønner",
    "Lakeshore Water Heaters", "Crawford Sewer Cameras", "Calumet Steel Products", "Rodríguez Concrete Cutting",
    "Fox River Chemicals", "Midwest Hydro Jetting", "Elgin Pump Works", "株式会社山田製作所",
)  # fmt: skip
ALIKE = (("Bayou Valve", "Bayou Valve Specialties, Inc."), ("Kankakee Drain Tile Company", "Kankakee Drain Tiles"))
DELETED_THERE = "Joliet Boiler Parts"
BY_TAX_NUMBER = ("Aurora Trenching", "Trenching Services of Aurora LLC")
WITHOUT_COUNTRY = "Fuel Stop 51"
ONLY_HERE = (
    WITHOUT_COUNTRY, "Permit Runner Express", "Zenith Uniforms", "Quincy Crane Rental", "Tinley Tire Center",
    "Vernon Hills Catering", "Bolingbrook Signs", "Dekalb Safety Shoes",
)  # fmt: skip
INACTIVE = ("Old Town Brass", "Pullman Iron", "Skokie Solder", "Cicero Gaskets", "Berwyn Tubs", "Lisle Copper")
ONLY_THERE = (
    "Northbrook Radiant Heating", "Uponor Direct", "Viega Press Systems", "Schaumburg Tile & Grout",
    "Peoria Septic Tanks", "Rockford Compressors", "Decatur Gas Fittings", "Mueller Streamline",
    "Naperville Filtration", "Waukegan Marine Plumbing", "Evanston Fire Sprinkler", "Carol Stream Insulation",
)  # fmt: skip
# Nothing is ordered there any more: what is said of each, and where.
CLOSED: dict[str, dict[str, Wire]] = {
    "Mokena Tubing": {"supplier": {"PurchasingIsBlocked": True}},
    "Darien Ducts": {"organization": {"DeletionIndicator": True}},
    "Westmont Welding": {"company": {"SupplierIsBlockedForPosting": True}},
    "Romeoville Rentals": {"partner": {"IsMarkedForArchiving": True}},
}
ALWAYS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True)
class Supplier:
    """`vendor` is the one that it is in ServiceTitan, where there is one before anything was synced."""

    number: str
    name: str
    vendor: Wire | None = None


@dataclass
class Suppliers:
    """Renames the vendors as it goes; `rows` are business partners as sap_s4hana_seed.py takes them."""

    office: Office
    prefix: str
    rows: list[Wire] = field(default_factory=list)
    linked: list[Supplier] = field(default_factory=list)
    only_there: list[Supplier] = field(default_factory=list)
    asked: list[Supplier] = field(default_factory=list)
    exceptions: list[PlantedException] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(FIRST_SUPPLIER))

    def pair(self, vendors: Sequence[Wire]) -> None:
        left = iter(vendors)
        for name in BOTH:
            vendor = _named(next(left), name)
            self.linked.append(self.supplier(self._spelled(name), vendor, **self._places(vendor)))
        for here, there in ALIKE:
            vendor = _named(next(left), here)
            self.asked.append(self.supplier(there, None, **self._places(vendor)))
            self.plant("entered_by_hand", f"VEND-{self.asked[-1].number}", f"looks like vendor {here}")
            self.plant("entered_by_hand", f"V-{vendor['id']}", f"looks like supplier {there}")
        vendor = _named(next(left), DELETED_THERE)
        self.supplier(DELETED_THERE, None, **self._places(vendor), supplier={"DeletionIndicator": True})
        self.plant("entered_by_hand", f"V-{vendor['id']}", "its supplier is to be deleted")
        self._by_tax_number(_named(next(left), BY_TAX_NUMBER[0]))
        for name in ONLY_HERE:
            vendor = _named(next(left), name)
            if name == WITHOUT_COUNTRY:
                vendor["address"]["country"] = None
                self.plant("no_country", f"V-{vendor['id']}", "S/4HANA demands a country")
        for vendor, name in zip(left, INACTIVE, strict=True):
            _named(vendor, name)["active"] = False
        self.only_there += [self.supplier(name, None) for name in ONLY_THERE]
        for name, marks in CLOSED.items():
            self.supplier(name, None, **marks)

    def plant(self, code: str, key: str, note: str) -> None:
        self.exceptions.append(PlantedException(f"blocked:{code}", f"ST-{self.prefix}-{key}", Decimal(0), note))

    def supplier(self, name: str, vendor: Wire | None, **marks: Any) -> Supplier:
        number = str(next(self.numbers))
        self.rows.append(self._row(number, name, marks))
        return Supplier(number, name, vendor)

    def _by_tax_number(self, vendor: Wire) -> None:
        vendor["customFields"] = [{"typeId": 77, "name": TAX_FIELD, "value": TAX_NUMBER}]
        tax = {"to_BusinessPartnerTax": [{"BPTaxType": "US1", "BPTaxNumber": TAX_NUMBER.replace("-", "")}]}
        self.linked.append(self.supplier(BY_TAX_NUMBER[1], vendor, partner=tax))

    def _spelled(self, name: str) -> str:
        """As another clerk wrote it."""
        return self.office.rng.choice([name, name.upper(), f"{name}, Inc.", f"{name} LLC"])

    def _places(self, vendor: Wire) -> Wire:
        address = vendor["address"]
        number, _, street = address["street"].partition(" ")
        more = "-1234" if self.office.chance(0.3) else ""
        return {"address": {"HouseNumber": number, "StreetName": street, "CityName": address["city"],
                            "PostalCode": address["zip"] + more}}  # fmt: skip

    def _row(self, number: str, name: str, marks: dict[str, Wire]) -> Wire:
        """Most were never changed since they were made."""
        office = self.office
        made = office.day_between(office.oldest, office.start - timedelta(days=30))
        changed = {"LastChangeDate": office.day_between(office.start, office.today)} if office.chance(0.2) else {}
        return {
            "BusinessPartner": number,
            "BusinessPartnerGrouping": GROUPING,
            "OrganizationBPName1": name[:40],
            "SearchTerm1": name.upper()[:20],
            "CreationDate": made,
            **changed,
            "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLVN00"}, {"BusinessPartnerRole": "FLVN01"}],
            "to_BusinessPartnerAddress": self._addresses(marks.get("address") or self._anywhere(), made),
            "to_Supplier": {
                "SupplierAccountGroup": "SUPL",
                "to_SupplierCompany": [
                    {"CompanyCode": COMPANY_CODE, "PaymentTerms": TERMS,
                     "ReconciliationAccount": PAYABLES} | marks.get("company", {})
                ],
                "to_SupplierPurchasingOrg": [
                    {"PurchasingOrganization": COMPANY_CODE, "PurchaseOrderCurrency": "USD", "PaymentTerms": TERMS}
                    | marks.get("organization", {})
                ],
            } | marks.get("supplier", {}),
        } | marks.get("partner", {})  # fmt: skip

    def _anywhere(self) -> Wire:
        city, postal_code, _ = self.office.rng.choice(CITIES)
        street = {"HouseNumber": str(self.office.rng.randint(1, 9899)), "StreetName": self.office.rng.choice(STREETS)}
        return street | {"CityName": city, "PostalCode": postal_code}

    def _addresses(self, address: Wire, made: date) -> list[Wire]:
        """One in two has a second one: where it delivers from, or where it was before."""
        since = datetime.combine(made, time(), UTC)
        standard = address | {
            "Region": "IL",
            "Country": "US",
            "ValidityStartDate": since,
            "to_AddressUsage": [{"AddressUsage": "XXDEFAULT", "ValidityStartDate": since, "ValidityEndDate": ALWAYS}],
            "to_PhoneNumber": [{"PhoneNumber": f"312555{self.office.rng.randint(0, 9999):04d}",
                                "IsDefaultPhoneNumber": True}],
            "to_EmailAddress": [{"EmailAddress": f"orders{len(self.rows)}@supplier.example",
                                 "IsDefaultEmailAddress": True}],
        }  # fmt: skip
        if self.office.chance(0.5):
            return [standard]
        other = self._anywhere() | {"Region": "IL", "Country": "US", "ValidityStartDate": since}
        until = datetime.combine(self.office.start - timedelta(days=90), time(), UTC)
        moved = {"ValidityEndDate": until} if self.office.chance(0.5) else {}
        depot = {"AddressUsage": "SHIP_FROM", "ValidityStartDate": since, "ValidityEndDate": ALWAYS}
        return [other | moved | {"to_AddressUsage": [depot]}, standard]


def _named(vendor: Wire, name: str) -> Wire:
    vendor |= {"name": name, "active": True, "_externalData": {}}
    vendor["address"] = vendor["address"] | {"country": "USA", "unit": None}
    return vendor
