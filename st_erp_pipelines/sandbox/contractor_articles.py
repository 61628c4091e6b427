"""What the contractor sells and keeps on the shelf, before either system has it: articles of the ERP.

Each is an item in Business Central; some are linked in ServiceTitan's price book by external data, some were
made there by hand under the same code, some are only in the ERP yet. `items` makes the ERP's side.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from st_erp_pipelines.sandbox.contractor_office import Office, Wire, rounded, wire_date

LINKED, BY_HAND, ABSENT = "linked", "by hand", "absent"
# category: (head of the numbers, BC item type, unit, names)
RANGES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "ELECTRIC": ("EL", "Inventory", "EA", ("Contactor 2-pole 40 A", "Breaker 20 A", "Fuse 15 A", "Relay 24 V")),
    "PIPE": ("PI", "Inventory", "FT", ("Copper pipe ¾″", "PEX pipe ½″", "PVC elbow 2″", "Rohrschelle verzinkt")),
    "FILTER": ("FI", "Inventory", "EA", ("Filter 16×25×1", "Filter 20×20×4", "フィルター 活性炭", "Фильтр HEPA")),
    "MOTOR": ("MO", "Inventory", "EA", ("Blower motor ½ HP", "Condenser fan motor", "موتور مروحة", "Moteur ECM")),
    "CHEMICAL": ("CH", "Inventory", "EA", ("Coil cleaner, 1 gal", "R-410A, 25 lb", "Drain gel", "PVC cement")),
    "LABOR": ("LA", "Service", "HR", ("Labor, journeyman", "Labor, apprentice", "Crane, per hour", "作業費")),
    "PERMIT": ("PE", "Service", "EA", ("Permit, Cook County", "Inspection fee", "Disposal fee", "Разрешение")),
    "SUNDRY": (
        "SU",
        "Non_x002D_Inventory",
        "EA",
        ("Shop supplies", "Rags & tape", "Truck stock 100%", "Ölbindemittel"),
    ),
}
PER_NAME = 3


class Article(NamedTuple):
    """`in_servicetitan` is LINKED, BY_HAND or ABSENT; `field_price` is what the field made of its price there,
    None where both agree. `changed_on`: when the ERP's item was last changed."""

    number: str
    name: str
    category: str
    type: str
    unit: str
    cost: Decimal
    price: Decimal
    blocked: bool
    in_servicetitan: str
    field_price: Decimal | None
    changed_on: str


def articles(office: Office) -> list[Article]:
    """The same number for every size of contractor: a price book does not grow with the customers."""
    made = []
    for category, (head, kind, unit, names) in RANGES.items():
        for at in range(PER_NAME * len(names)):
            number = f"{head}-{1010 + at * 10}"
            name = f"{names[at % len(names)]}, size {at // len(names) + 1}"
            made.append(_article(office, number, name, category, kind, unit))
    return made


def _article(office: Office, number: str, name: str, category: str, kind: str, unit: str) -> Article:
    cost = office.cents(40, 160) if kind == "Service" else office.cents(1, 400)
    price = rounded(cost * Decimal(office.rng.choice(["1.6", "1.85", "2.4"])))
    where = office.rng.choices([LINKED, BY_HAND, ABSENT], [60, 4, 36])[0]
    edited = where == LINKED and office.chance(0.15)
    recent = office.chance(0.2)
    first, last = (office.start, office.today) if recent else (office.oldest, office.start - timedelta(days=1))
    return Article(
        number,
        name,
        category,
        kind,
        unit,
        cost,
        price,
        blocked=office.chance(0.08),
        in_servicetitan=where,
        field_price=rounded(price * Decimal("1.1")) if edited else None,
        changed_on=office.stamp(office.day_between(first, last)),
    )


def items(stock: list[Article]) -> list[Wire]:
    """The rows of the seed of a Business Central company; API v2.0 shows no vendor of an item."""
    return [_item(article) for article in stock]


def _item(article: Article) -> Wire:
    """Items without a tax group would be taxed by whatever the customer's area says."""
    inventory = article.type == "Inventory"
    return {
        "number": article.number,
        "displayName": article.name,
        "type": article.type,
        "itemCategoryCode": article.category,
        "blocked": article.blocked,
        "inventory": Decimal(wire_date(article.changed_on).day) if inventory else Decimal(0),
        "unitPrice": article.price,
        "unitCost": article.cost,
        "taxGroupCode": "NONTAXABLE" if article.type == "Service" else "TAXABLE",
        "baseUnitOfMeasureCode": article.unit,
        "generalProductPostingGroupCode": "SERVICES" if article.type == "Service" else "RETAIL",
        "inventoryPostingGroupCode": "RESALE" if inventory else "",
        "lastModifiedDateTime": article.changed_on[:23] + "Z",
    }
