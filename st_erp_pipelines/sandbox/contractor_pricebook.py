"""ServiceTitan's price book: what the invoices sold, what the ERP's articles became, and what nobody tidied."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_articles import ABSENT, BY_HAND, LINKED, Article
from st_erp_pipelines.sandbox.contractor_lists import Sku
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, number, rounded
from st_erp_pipelines.sandbox.credentials import SERVICETITAN_APPLICATION_GUID
from st_erp_pipelines.sandbox.servicetitan_skus import EQUIPMENT, MATERIAL, SERVICE

ERP_ID = "erpId"
OTHER_APPLICATION = "0b1d7a52-2f6e-4d7c-8a55-9c1f3e6b7d08"
CATEGORIES = {
    "Services": ("Repairs", "Installations", "Maintenance", "Électricité"),
    "Materials": ("Pipes", "Electrical parts", "Filters", "Chemicals", "配管"),
}
OBSOLETE = 20  # made by hand years ago, mostly inactive now


def pricebook(office: Office, stock: Sequence[Article], vendors: Sequence[Wire]) -> dict[str, list[Wire]]:
    """services, materials, equipment and categories; every material has a primary vendor."""
    categories = _categories(office)
    shelf = _Shelf(office, [row for row in vendors if row["active"]], categories)
    skus = [lists.NO_CHARGE, *lists.MATERIALS, *(sku for skus in lists.SKUS.values() for sku in skus)]
    made: dict[str, list[Wire]] = {"services": [], "materials": [], "equipment": [], "categories": categories}
    for sku in skus:
        made[_entity(sku.type)].append(shelf.sold(sku))
    for article in stock:
        if article.in_servicetitan != ABSENT:
            made[_entity("Service" if article.type == "Service" else "Material")].append(shelf.article(article))
    made["materials"] += [shelf.obsolete(at) for at in range(OBSOLETE)]
    return made


def _entity(kind: str) -> str:
    return {"Service": "services", "Material": "materials", "Equipment": "equipment"}[kind]


def _categories(office: Office) -> list[Wire]:
    """Two levels; `modifiedOn` is missing on some, as it was seen on a live tenant."""
    made = []
    for kind, names in CATEGORIES.items():
        top = _category(office, kind, kind, None, 0)
        top["subcategories"] = [_category(office, name, kind, top["id"], at) for at, name in enumerate(names)]
        made += [top, *top["subcategories"]]
    del made[-1]["modifiedOn"]
    return made


def _category(office: Office, name: str, kind: str, parent: int | None, position: int) -> Wire:
    made = office.stamp(office.oldest)
    return {
        "id": office.next_id("category"),
        "name": name,
        "active": position < 4,
        "description": office.rng.choice([None, f"<p>{name}</p>"]),
        "image": None,
        "parentId": parent,
        "position": position,
        "categoryType": kind,
        "subcategories": None,
        "businessUnitIds": office.rng.choice([None, []]),
        "skuImages": None,
        "skuVideos": None,
        "source": None,
        "externalId": None,
        "hideInMobile": False,
        "createdOn": made,
        "modifiedOn": made,
    }


class _Shelf:
    """Makes the records; draws vendors and categories for them."""

    def __init__(self, office: Office, vendors: Sequence[Wire], categories: Sequence[Wire]) -> None:
        self._office = office
        self._vendors = vendors
        self._categories = categories

    def sold(self, sku: Sku) -> Wire:
        """What the invoices name: under the id that their items have; entered by hand, no item of the ERP."""
        price = Decimal(sku.low + sku.high) / 2
        cost = rounded(price * Decimal("0.4"))
        record = self._record(sku.type, sku.name, sku.display, sku.text, cost, price)
        return record | {"id": 10_000 + sum(sku.name.encode()), "account": _account_name(sku.account)}

    def article(self, article: Article) -> Wire:
        price = article.field_price or article.price
        kind = "Service" if article.type == "Service" else "Material"
        record = self._record(kind, article.number, article.name, article.name, article.cost, price)
        if article.field_price:
            day = self._office.day_between(self._office.start, self._office.today)
            record["modifiedOn"] = max(record["modifiedOn"], self._office.stamp(day))
        linked = {SERVICETITAN_APPLICATION_GUID: {ERP_ID: article.number}} if article.in_servicetitan == LINKED else {}
        other = {OTHER_APPLICATION: {ERP_ID: f"X{article.number}"}} if self._office.chance(0.2) else {}
        if article.in_servicetitan == BY_HAND and self._office.chance(0.5):
            record["displayName"] = None
        if kind == "Material":
            record["isInventory"] = article.type == "Inventory"
        return record | {"_externalData": linked | other}

    def obsolete(self, at: int) -> Wire:
        cost = self._office.cents(1, 90)
        name = self._office.rng.choice(["Gasket", "Dichtung", "مسمار", "ねじ", "Old part"])
        record = self._record("Material", f"OLD-{at:03}", f"{name} {at}", f"<b>{name}</b>", cost, cost * 2)
        return record | {"active": self._office.chance(0.3)}

    def _record(self, kind: str, code: str, name: str, text: str, cost: Decimal, price: Decimal) -> Wire:
        office = self._office
        made = office.stamp(office.day_between(office.oldest, office.start))
        record: Wire = {
            "id": office.next_id("sku"),
            "code": code,
            "displayName": name,
            "description": text,
            **{member: number(price) for member in ("price", "memberPrice", "addOnPrice", "addOnMemberPrice")},
            "taxable": kind != "Service",
            "createdOn": made,
            "modifiedOn": max(made, office.stamp(office.day_between(office.oldest, office.start))),
        }
        if kind == "Service":
            return (
                SERVICE | record | {"hours": 1.5, "isLabor": office.chance(0.2), "categories": self._named("Services")}
            )
        own = {
            "cost": number(cost),
            "primaryVendor": self._vendor(cost),
            "otherVendors": office.rng.choice([None, [], [self._vendor(cost + 1)]]),
            "unitOfMeasure": office.rng.choice([None, "Each", "Foot"]),
            "costOfSaleAccount": _account_name("5000"),
            "assetAccount": _account_name("1400") if kind == "Material" else None,
            "categories": [category["id"] for category in self._named("Materials")],
        }
        if kind == "Equipment":
            return EQUIPMENT | record | own | {"manufacturer": "Northwind", "model": office.rng.choice([None, code])}
        return MATERIAL | record | own | {"createdById": 900_001}

    def _named(self, kind: str) -> list[Wire]:
        """As services show them: objects."""
        fitting = [row for row in self._categories if row["categoryType"] == kind and row["parentId"]]
        chosen = self._office.rng.sample(fitting, self._office.rng.randint(0, 2))
        return [{key: row[key] for key in ("id", "name", "active")} for row in chosen]

    def _vendor(self, cost: Decimal) -> Wire:
        vendor = self._office.rng.choice(self._vendors)
        return {
            "id": self._office.next_id("sku_vendor"),
            "vendorName": vendor["name"],
            "vendorId": vendor["id"],
            "memo": None,
            "vendorPart": self._office.rng.choice([None, f"VP-{self._office.rng.randint(100, 999)}"]),
            "cost": number(cost),
            "active": True,
            "primarySubAccount": None,
            "otherSubAccounts": None,
        }


def _account_name(account: str) -> str:
    """Accounts stand in the price book by name."""
    return lists.ACCOUNT_BY_NUMBER[account].name
