"""The records of one S/4HANA company in memory: whole documents, each with its parts in it.

A stored record is never changed in place: what changes it works on a copy and stores that when all is well. So a
refused request leaves nothing behind, save a gap in the numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_entities import CHANGE_STAMP, INVOICE_RELEASES, SETS, TYPES
from st_erp_pipelines.sandbox.sap_s4hana_model import Type

FOREVER = date(9999, 12, 31)
# Numbers that parts get which come without one: their step.
NUMBERED = {
    "PurchaseOrderItem": 10, "AccountAssignmentNumber": 1, "ScheduleLine": 1, "PurchaseRequisitionItem": 10,
    "PurchaseReqnAcctAssgmtNumber": 1, "SupplierInvoiceItem": 1, "SupplierInvoiceTaxCounter": 1, "OrdinalNumber": 1,
}  # fmt: skip
# Keys that a part inherits under another name.
INHERITED = {"PurchasingDocument": "PurchaseOrder", "PurchasingDocumentItem": "PurchaseOrderItem"}


@dataclass(frozen=True, slots=True)
class Found:
    """A row, and the record that it is part of."""

    row: Row
    root: Row


class Company:
    """`setup` holds what no service shows: SETTINGS of sap_s4hana_seed.py."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.records: dict[str, dict[tuple[Any, ...], Row]] = {known.root: {} for known in SETS.values()}
        self.counters: dict[str, int] = {}
        self.setup: Row = {}

    @property
    def types(self) -> dict[str, Type]:
        """As the releases of the services have them."""
        if self.setup["invoice_change_stamp"]:
            return TYPES
        return INVOICE_RELEASES["older" if self.setup["invoice_creation_date"] else "oldest"]

    # --- reading -----------------------------------------------------------------------------------------

    def walk(self, set_name: str) -> Iterator[Found]:
        for root in self.records[SETS[set_name].root].values():
            yield from _found(set_name, root)

    def find(self, set_name: str, key: tuple[Any, ...]) -> Found | None:
        root_set, key_of = SETS[set_name].root, TYPES[set_name].key_of
        of_root = TYPES[root_set].key
        if TYPES[set_name].key[: len(of_root)] == of_root:
            root = self.records[root_set].get(key[: len(of_root)])
            candidates = _found(set_name, root) if root else iter(())
        else:
            candidates = self.walk(set_name)
        return next((found for found in candidates if key_of(found.row) == key), None)

    def get(self, set_name: str, key: tuple[Any, ...]) -> Found:
        found = self.find(set_name, key)
        if found is None:
            raise refusals.not_found(f"{set_name}Type")
        return found

    def record(self, set_name: str, *key: str) -> Row | None:
        """A whole record by the texts of its key."""
        names = TYPES[set_name].key
        found = self.find(set_name, TYPES[set_name].key_of(dict(zip(names, key, strict=True))))
        return found.row if found else None

    def supplier(self, number: str) -> Row | None:
        """The business partner that is this supplier."""
        partners = self.records["A_BusinessPartner"].values()
        return next((row for row in partners if number and row["Supplier"] == number and row["to_Supplier"]), None)

    # --- writing -----------------------------------------------------------------------------------------

    def working_copy(self, found: Found) -> Found:
        """The record and the row in it, to be changed and then stored."""
        memo: dict[int, Any] = {}
        root = copy.deepcopy(found.root, memo)
        return Found(memo[id(found.row)], root)

    def put(self, set_name: str, record: Row) -> Row:
        self.records[set_name][TYPES[set_name].key_of(record)] = record
        return record

    def drop(self, set_name: str, record: Row) -> None:
        self.records[set_name].pop(TYPES[set_name].key_of(record))

    def draw(self, counter: str, first: int) -> str:
        self.counters[counter] = self.counters.get(counter, first - 1) + 1
        return str(self.counters[counter])

    # --- time --------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        """The system's own, as its times of day."""
        return datetime.now(self.zone).date()

    def time_of_day(self) -> time:
        return datetime.now(self.zone).time().replace(microsecond=0)

    def stamp_text(self, moment: datetime) -> str:
        """The long form of a UTC time stamp; whether a point stands in it is not known."""
        point = "." if self.setup["stamp_with_point"] else ""
        return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}{point}{moment.microsecond:06d}0"

    def touch(self, set_name: str, found: Found) -> None:
        """The change stamp of a record whose row in this set was changed, as far as that has one."""
        root, now = found.root, self.now()
        match SETS[set_name].root:
            case "A_PurchaseOrder":
                root["LastChangeDateTime"] = now
            case "A_PurchaseRequisitionHeader":
                for item in root["to_PurchaseReqnItem"]:
                    if set_name == "A_PurchaseRequisitionHeader" or holds(item, found.row):
                        item["LastChangeDateTime"] = now
            case "A_SupplierInvoice":
                root[CHANGE_STAMP] = self.stamp_text(now)
            case "A_BusinessPartner":
                root["ETag"] = f"{now:%Y%m%d%H%M%S%f}"
                if set_name == "A_BusinessPartner":  # what is below does not move the date
                    root |= {"LastChangeDate": self.today(), "LastChangeTime": self.time_of_day()}


def _found(set_name: str, root: Row) -> Iterator[Found]:
    for path in SETS[set_name].paths:
        yield from (Found(row, root) for row in _below(root, path))


def _below(row: Row, path: tuple[str, ...]) -> Iterator[Row]:
    if not path:
        yield row
        return
    part = row[path[0]]
    for each in part if isinstance(part, list) else [part] if part else []:
        yield from _below(each, path[1:])


def holds(item: Row, row: Row) -> bool:
    """Whether it is this very row, or has it below."""
    return item is row or any(holds(each, row) for part in item.values() if isinstance(part, list) for each in part)


def completed(set_name: str, values: Row) -> Row:
    """Every member that its type has, the parts below as well: keys are inherited, and numbered where missing."""
    known = TYPES[set_name]
    row = known.blank() | values
    for part in known.parts:
        keys = {
            name: row[source] for name in TYPES[part.target].key if (source := INHERITED.get(name, name)) in known.key
        }
        below = row[part.name]
        if part.is_many:
            row[part.name] = _numbered(part.target, [completed(part.target, each | keys) for each in below])
        elif below is not None:
            row[part.name] = completed(part.target, below | keys)
    return row


def _numbered(set_name: str, rows: list[Row]) -> list[Row]:
    """With the numbers that are missing; the parts of a row are numbered with it, so their keys follow."""
    name = TYPES[set_name].key[-1]
    if name not in NUMBERED:
        return rows
    taken = max((int(row[name]) for row in rows if row[name]), default=0)
    for row in rows:
        if not row[name]:
            taken += NUMBERED[name]
            row |= completed(set_name, row | {name: str(taken)})
    return rows
