"""Materials and services written to the price book.

Documented or seen: required members, full objects in the answers, unknown members dropped without a word, the
primary vendor of a material, both budget codes or none, external data by patch mode. Chosen: a code may occur
twice; vendors and categories must exist; null in an update is of the wrong type (the document makes those
members not nullable); every PATCH moves modifiedOn; a locked price or cost does not change and nobody says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_bodies import (
    EXTERNAL_DATA,
    Member,
    boolean,
    integer,
    members_sent,
    number,
    row_of,
    rows_of,
    text,
    with_external_data,
)
from st_erp_pipelines.sandbox.servicetitan_books import Books, check
from st_erp_pipelines.sandbox.servicetitan_query import Refused
from st_erp_pipelines.sandbox.servicetitan_records import EXTERNAL, Record, shown_to
from st_erp_pipelines.sandbox.servicetitan_skus import MATERIAL, ONLY_READ, SERVICE

NO_PRIMARY_VENDOR = "There must be exactly one vendor selected as Primary"
LOCKS = {
    "isPriceLocked": ("price", "memberPrice", "addOnPrice", "addOnMemberPrice"),
    "isCostLocked": ("cost",),
}

SUB_ACCOUNT = row_of({"cost": number, "accountName": text}, {})
VENDOR = row_of(
    {"vendorId": integer, "cost": number, "active": boolean},
    {"memo": text, "vendorPart": text, "primarySubAccount": SUB_ACCOUNT, "otherSubAccounts": rows_of(SUB_ACCOUNT)},
)
ASSET = row_of({"type": text, "url": text}, {"alias": text, "isDefault": boolean})
LINKS = rows_of(row_of({"skuId": integer, "quantity": number}, {}))
_BOTH: dict[str, Member] = {
    **dict.fromkeys(("code", "displayName", "description", "account", "budgetCostCode", "budgetCostType"), text),
    **dict.fromkeys(("price", "memberPrice", "addOnPrice", "addOnMemberPrice", "hours"), number),
    **dict.fromkeys(("bonus", "commissionBonus"), number),
    **dict.fromkeys(("active", "taxable", "paysCommission", "isPriceLocked"), boolean),
    "intacctGlGroupAccount": text,
    "categories": rows_of(integer),
    "assets": rows_of(ASSET),
    "externalData": EXTERNAL_DATA,
}


@dataclass(frozen=True, eq=False)
class SkuKind:
    """One of the lists that can be written: `members` of a request, of which `created` only in a POST."""

    path: str
    entity: str
    scope: str
    blank: Mapping[str, Any]
    members: Mapping[str, Member]
    created: frozenset[str] = frozenset()


MATERIALS = SkuKind(
    "/materials",
    "materials",
    "tn.pb.materials:w",
    MATERIAL,
    {
        **_BOTH,
        **dict.fromkeys(("unitOfMeasure", "costOfSaleAccount", "assetAccount", "epaNumber", "activeIngredients"), text),
        **dict.fromkeys(("deductAsJobCost", "isInventory", "isConfigurableMaterial", "chargeableByDefault"), boolean),
        **dict.fromkeys(("isOtherDirectCost", "isCostLocked", "isChemical"), boolean),
        "cost": number,
        "costTypeId": integer,
        "primaryVendor": VENDOR,
        "otherVendors": rows_of(VENDOR),
        "variationMaterials": rows_of(integer),
    },
    frozenset({"isOtherDirectCost"}),
)
SERVICES = SkuKind(
    "/services",
    "services",
    "tn.pb.services:w",
    SERVICE,
    {
        **_BOTH,
        "isLabor": boolean,
        "crossSaleGroup": text,
        "warranty": row_of({"duration": integer}, {"description": text}),
        "recommendations": rows_of(integer),
        "upgrades": rows_of(integer),
        "serviceMaterials": LINKS,
        "serviceEquipment": LINKS,
    },
)
SKU_KINDS = (MATERIALS, SERVICES)


class Pricebook:
    """Writes one kind of SKU into the books."""

    def __init__(self, books: Books, kind: SkuKind) -> None:
        self._books = books
        self._kind = kind
        self.dropped: set[str] = set()

    async def create(self, request: Request) -> Response:
        sent = await self._sent(request, creating=True)
        for name in ("code", "description"):
            check(bool(str(sent.get(name) or "").strip()), name, f"The {name} field is required.")
        now = self._books.now()
        record = {**self._kind.blank, "id": self._next_id(), "createdOn": now, "modifiedOn": now, EXTERNAL: {}}
        return self._store(record, sent, 201)

    async def update(self, request: Request) -> Response:
        record = self._books.record(self._kind.entity, request.path_params["id"])
        sent = await self._sent(request, creating=False)
        for lock, locked in LOCKS.items():
            if record.get(lock) and sent.get(lock) is not False:
                sent = {name: value for name, value in sent.items() if name not in locked}
        return self._store(record | {"modifiedOn": self._books.now()}, sent, 200)

    async def _sent(self, request: Request, *, creating: bool) -> Record:
        """The members that the request changes, each of the right type; null means nothing in a POST."""
        created = set() if creating else self._kind.created
        known = {name: member for name, member in self._kind.members.items() if name not in created}
        nullable = known if creating else ("externalData", "costTypeId")
        sent = await members_sent(self._books, request, known, nullable=nullable)
        return {name: value for name, value in sent.items() if name not in self.dropped}

    def _store(self, record: Record, sent: Record, status: int) -> Response:
        external = sent.pop("externalData", None)
        if external is not None:
            record = with_external_data(record, external)
        record = record | self._shown(sent)
        one = record["budgetCostCode"] is None, record["budgetCostType"] is None
        check(one[0] == one[1], "budgetCostCode", "BudgetCostCode and BudgetCostType must be provided together.")
        if "primaryVendor" in record and record["primaryVendor"] is None:
            raise Refused(400, NO_PRIMARY_VENDOR, {"primaryVendor": [NO_PRIMARY_VENDOR]})
        self._books.tables[self._kind.entity].put(record)
        shown = shown_to(record, external["applicationGuid"]) if external else record
        public = {name: value for name, value in shown.items() if name[0] != "_" and name not in ONLY_READ}
        return JSONResponse(public, status_code=status)

    def _shown(self, sent: Record) -> Record:
        """What was sent, in the shape in which it is read."""
        shown = {name: value for name, value in sent.items() if name in self._kind.blank}
        if "variationMaterials" in sent:
            shown["variationsOrConfigurableMaterials"] = sent["variationMaterials"]
        if "primaryVendor" in sent:
            shown["primaryVendor"] = self._vendor(sent["primaryVendor"])
        if "otherVendors" in sent:
            shown["otherVendors"] = [self._vendor(row) for row in sent["otherVendors"]]
        if "categories" in sent:
            shown["categories"] = [self._category(key) for key in sent["categories"]]
        if "assets" in sent:
            shown["assets"] = [{"fileName": None, **row, "isDefault": bool(row["isDefault"])} for row in sent["assets"]]
        return shown

    def _vendor(self, row: Record) -> Record:
        vendor = self._books.tables["vendors"].records.get(row["vendorId"])
        check(vendor is not None, "vendorId", f"Vendor with ID {row['vendorId']} is not found.")
        assert vendor is not None
        return {"id": 9_000_000 + row["vendorId"], "vendorName": vendor["name"], **row}

    def _category(self, key: int) -> Any:
        """An object in services, an id in materials."""
        category = self._books.tables["categories"].records.get(key)
        check(category is not None, "categories", f"Category with ID {key} is not found.")
        assert category is not None
        named = {name: category[name] for name in ("id", "name", "active")}
        return named if self._kind is SERVICES else key

    def _next_id(self) -> int:
        """Materials, services and equipment share their ids."""
        tables = (self._books.tables[entity].records for entity in ("materials", "services", "equipment"))
        return max((key for records in tables for key in records), default=1) + 1
