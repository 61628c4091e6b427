"""Vendors: no number of their own, so those that the ERP knows carry its number as external data."""

from __future__ import annotations

from datetime import timedelta

from st_erp_pipelines.sandbox.contractor_customers import CITIES, STREETS
from st_erp_pipelines.sandbox.contractor_office import Office, Wire
from st_erp_pipelines.sandbox.contractor_pricebook import ERP_ID
from st_erp_pipelines.sandbox.credentials import SERVICETITAN_APPLICATION_GUID

NAMES = (
    "Ferguson Supply", "Gemaire of Illinois", "Großhandel Weiß", "Łódź Pipes Sp. z o.o.", "株式会社山田製作所",
    "ООО «Теплосеть»", "شركة الخليج للتبريد", "חשמל תל אביב", "서울 공조", "O’Hare Tool & Die", "Škoda Pumps",
    "Søren & Sønner", "ΑΦΟΙ ΠΑΠΑΔΟΠΟΥΛΟΙ", "Midwest Electric, Inc.", 'The "Valve" Shop', "Grainger Branch 0042",
    "Nguyễn Refrigeration", "Permits – Cook County", "Fuel & Fleet 100%", "ქართული სპილენძი",
)  # fmt: skip


def vendors(office: Office) -> list[Wire]:
    """Two of each name; six of ten linked to the ERP, one of ten inactive."""
    return [_vendor(office, at) for at in range(2 * len(NAMES))]


def _vendor(office: Office, at: int) -> Wire:
    made = office.day_between(office.oldest, office.start - timedelta(days=1))
    recent = office.chance(0.2)
    changed = office.day_between(office.start, office.today) if recent else made
    city, postal_code, _ = office.rng.choice(CITIES)
    name = NAMES[at % len(NAMES)] + (" II" if at >= len(NAMES) else "")
    created = office.stamp(made, 6, 7)
    linked = {SERVICETITAN_APPLICATION_GUID: {ERP_ID: f"V{10_000 + at * 10}"}} if office.chance(0.6) else {}
    return {
        "id": office.next_id("vendor"),
        "name": name,
        "active": at < 2 or office.chance(0.9),
        "isTruckReplenishment": office.chance(0.1),
        "isMobileCreationRestricted": False,
        "memo": office.rng.choice(["", "Net 30", "Rechnung per Post"]),
        "deliveryOption": office.rng.choice(["Manual", "EmailAsPdf", "Electronic"]),
        "defaultTaxRate": office.rng.choice([0.0, 0.1025]),
        "contactInfo": {
            "firstName": office.rng.choice(["Zoë", "Jürgen", ""]),
            "lastName": office.rng.choice(["Núñez", "Weiß", ""]),
            "phone": f"312555{office.rng.randint(0, 9999):04d}",
            "email": office.rng.choice(["", f"orders{at}@vendor.example"]),
            "fax": "",
        },
        "address": {
            "street": f"{office.rng.randint(1, 9899)} {office.rng.choice(STREETS)}",
            "unit": office.rng.choice([None, "", "Dock 4"]),
            "city": city,
            "state": "IL",
            "zip": postal_code,
            "country": office.rng.choice(["USA", None]),
        },
        "createdOn": created,
        "modifiedOn": max(created, office.stamp(changed, 7, 23.9)),
        "externalData": [],
        "_externalData": linked,
        "customFields": office.rng.choice([None, []]),
    }
