"""Customers and their contacts: names in every alphabet, father and son, merged ones, country as typed."""

from __future__ import annotations

from datetime import date, timedelta

from st_erp_pipelines.sandbox.contractor_lists import PAYMENT_TERM_IDS, ZONES, Zone
from st_erp_pipelines.sandbox.contractor_office import Office, Wire

# city, zip, tax zone
CITIES = (
    ("Chicago", "60614", ZONES[0]),
    ("Chicago", "60640", ZONES[0]),
    ("Evanston", "60201", ZONES[0]),
    ("Oak Park", "60302", ZONES[0]),
    ("Naperville", "60540", ZONES[1]),
    ("Wheaton", "60187", ZONES[1]),
    ("Waukegan", "60085", ZONES[2]),
    ("Lake Forest", "60045", ZONES[2]),
)
ZONE_BY_CITY: dict[str, Zone] = {city: zone for city, _, zone in CITIES}
STREETS = ("N Clark St", "W Belmont Ave", "Maple Ave", "S Oak Park Ave", "Lincoln Hwy", "Elm Ct")
COUNTRIES = ("US", "USA", "United States", "usa", "U.S.A.", None)
FIRST_NAMES = (
    "James", "Mary", "Robert", "Patricia", "John", "Jennifer", "Michael", "Linda", "David",
    "Elizabeth", "William", "Barbara", "Richard", "Susan", "Joseph", "Thomas", "Sarah", "Carlos",
    "María", "José", "Ana", "Luis", "Zoë", "Noël", "Siobhán", "Łukasz", "Małgorzata", "Jürgen",
    "Søren", "Åsa",
)  # fmt: skip
LAST_NAMES = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodríguez",
    "Hernández", "Núñez", "Nowak", "Wiśniewski", "Żółkiewski", "O'Brien", "O’Connor", "D'Angelo",
    "Müller", "Groß", "Sørensen", "Ødegård", "Nguyễn", "Đặng", "Çelik", "Šimić", "Saint-Pierre",
    "Van der Berg",
)  # fmt: skip
OTHER_ALPHABETS = (
    "王小明", "李娜", "山田太郎", "佐藤 花子", "김민수", "이서연", "Иван Петров", "Олена Шевченко",
    "Γιώργος Παπαδόπουλος", "محمد الأحمد", "דוד כהן", "राजेश कुमार", "สมชาย ใจดี",
    "გიორგი ბერიძე", "Արամ Պետրոսյան", "தமிழ்ச்செல்வி",
)  # fmt: skip
COMPANY_HEADS = (
    "Lakeview", "Northshore", "Fox Valley", "Prairie State", "Müller & Söhne", "O'Hare",
    "Smith, Jones & Partners", 'The "Blue Door"', "Pilsen Panadería", "Grüne Linde",
    "Wicker Park", "Św. Jacek Parish", "100% Clean",
)  # fmt: skip
COMPANY_TAILS = (
    "Property Management LLC", "Dental Group", "Condominium Association", "Restaurant Inc.",
    "Logistics Co.", "School District 203", "Church", "Hotel & Suites",
)  # fmt: skip
OVERLONG = (
    "The Board of Managers of the Historic Edgewater Beach Cooperative Apartments and Garden Residences "
    "Condominium Association, Not-for-Profit"
)
TECHNICIANS = range(900_001, 900_151)


def customers(office: Office, count: int) -> list[Wire]:
    made = [_customer(office) for _ in range(count)]
    for at in range(0, min(count, 480), 40):  # father and son: one name, one address, two customers
        made[at + 1] |= {key: made[at][key] for key in ("name", "type", "address")}
    made[2] |= {"name": OVERLONG, "type": "Commercial"}
    for customer in office.rng.sample(made[count // 2 :], count // 60):
        customer["active"] = False
    _merge(office, made, max(4, count // 150))
    return made


def _customer(office: Office) -> Wire:
    rng = office.rng
    commercial = office.chance(0.15)
    made = office.day_between(office.oldest, office.start - timedelta(days=1))
    recent = office.chance(0.2)
    modified = office.day_between(office.start, office.today) if recent else _long_ago(office, made)
    term = rng.choice([*PAYMENT_TERM_IDS.values()]) if commercial and office.chance(0.6) else None
    return {
        "id": office.next_id("customer"),
        "active": True,
        "name": _company_name(office) if commercial else _person_name(office),
        "type": "Commercial" if commercial else "Residential",
        "address": _address(office),
        "customFields": [],
        "balance": 0.0,
        "taxExempt": commercial and office.chance(0.15),
        "tagTypeIds": rng.sample([12, 18, 23, 31], rng.randint(0, 2)),
        "doNotMail": office.chance(0.05),
        "doNotService": False,
        "nationalAccount": commercial and office.chance(0.05),
        "createdOn": office.stamp(made, 6, 7),
        "createdById": rng.choice(TECHNICIANS),
        "modifiedOn": office.stamp(modified, 7, 23.9),
        "mergedToId": None,
        "paymentTermId": term,
        "creditLimit": None,
        "creditLimitBalance": None,
        "externalData": [],
    }


def _long_ago(office: Office, made: date) -> date:
    return office.day_between(made, office.start - timedelta(days=1))


def _person_name(office: Office) -> str:
    if office.chance(0.08):
        return office.rng.choice(OTHER_ALPHABETS)
    name = f"{office.rng.choice(FIRST_NAMES)} {office.rng.choice(LAST_NAMES)}"
    return f" {name}  " if office.chance(0.01) else name


def _company_name(office: Office) -> str:
    return f"{office.rng.choice(COMPANY_HEADS)} {office.rng.choice(COMPANY_TAILS)}"


def _address(office: Office) -> Wire:
    city, postal_code, _ = office.rng.choice(CITIES)
    return {
        "street": f"{office.rng.randint(1, 9899)} {office.rng.choice(STREETS)}",
        "unit": f"Apt {office.rng.randint(1, 48)}{office.rng.choice('ABCD')}" if office.chance(0.2) else None,
        "city": city,
        "state": "IL",
        "zip": postal_code,
        "country": office.rng.choice(COUNTRIES),
        "latitude": round(41.5 + office.rng.random(), 6),
        "longitude": round(-88.3 + office.rng.random(), 6),
    }


def _merge(office: Office, made: list[Wire], count: int) -> None:
    """Some were merged into another; of these the last was merged into one that was merged itself."""
    chosen = office.rng.sample(made[len(made) // 2 :], count)
    kept = [customer for customer in made[: len(made) // 2] if customer["active"]]
    for customer in chosen:
        customer |= {"active": False, "mergedToId": office.rng.choice(kept)["id"]}
    chosen[-1]["mergedToId"] = chosen[0]["id"]


def contacts(office: Office, customer: Wire) -> list[Wire]:
    """One telephone number, and for most an e-mail address."""
    kinds = ["MobilePhone" if office.chance(0.6) else "Phone"]
    kinds += ["Email"] if office.chance(0.8) else []
    return [_contact(office, customer, kind) for kind in kinds]


def _contact(office: Office, customer: Wire, kind: str) -> Wire:
    phone = f"{office.rng.choice(['312', '773', '847'])}555{office.rng.randint(0, 9999):04d}"
    return {
        "modifiedOn": customer["modifiedOn"],
        "phoneSettings": None if kind == "Email" else {"phoneNumber": phone, "doNotText": False},
        "createdOn": customer["createdOn"],
        "preferences": {
            "jobRemindersEnabled": True,
            "marketingUpdatesEnabled": False,
            "invoiceStatementNotification": True,
            "invoiceNotification": True,
            "statementNotification": True,
        },
        "id": office.next_id("contact"),
        "type": kind,
        "value": f"customer{customer['id']}@mail.example" if kind == "Email" else phone,
        "memo": None,
        "customerId": customer["id"],
    }
