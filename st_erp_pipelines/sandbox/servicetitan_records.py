"""ServiceTitan's records in memory, and the conditions that a list request puts on them."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Record = dict[str, Any]
Path = tuple[str, ...]

# Private member of customers: modifiedOn without the changes of balance; the server never sends `_` members.
MASTER_MODIFIED_ON = "_masterModifiedOn"
REMEMBERED_SELECTIONS = 64


def moment(record: Record, name: str) -> datetime | None:
    """A time of a record, aware; `_masterModifiedOn` falls back to modifiedOn."""
    text = record.get(name)
    if text is None and name == MASTER_MODIFIED_ON:
        text = record.get("modifiedOn")
    return None if text is None else parse_instant(text)


def parse_instant(text: str) -> datetime:
    """ISO 8601, read as UTC where it names no zone; ValueError for anything else."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def format_instant(value: datetime) -> str:
    """As ServiceTitan writes it: UTC, seven fractional digits."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def reach(value: Any, path: Path) -> Iterator[Any]:
    """What is at `path`, through nested objects and through every element of arrays; nulls are left out."""
    if isinstance(value, list):
        for element in value:
            yield from reach(element, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        yield from reach(value.get(path[0]), path[1:])


@dataclass(frozen=True)
class Bound:
    """`...OrAfter` is inclusive, `...Before` (upper) exclusive."""

    name: str
    instant: datetime
    upper: bool

    def holds(self, record: Record) -> bool:
        value = moment(record, self.name)
        return value is not None and (value < self.instant) == self.upper


@dataclass(frozen=True)
class Among:
    path: Path
    values: frozenset[str]

    def holds(self, record: Record) -> bool:
        return any(str(value) in self.values for value in reach(record, self.path))


@dataclass(frozen=True)
class Contains:
    path: Path
    text: str

    def holds(self, record: Record) -> bool:
        return any(self.text.casefold() in str(value).casefold() for value in reach(record, self.path))


@dataclass(frozen=True)
class Amount:
    """Both ends inclusive: "greater than or equal to the input value"."""

    path: Path
    limit: Decimal
    upper: bool

    def holds(self, record: Record) -> bool:
        values = (Decimal(str(value)) for value in reach(record, self.path))
        return any(value <= self.limit if self.upper else value >= self.limit for value in values)


@dataclass(frozen=True)
class Active:
    """None takes both; what has no `active` member is active."""

    wanted: bool | None

    def holds(self, record: Record) -> bool:
        return self.wanted is None or record.get("active", True) is self.wanted


Condition = Bound | Among | Contains | Amount | Active


@dataclass(frozen=True)
class Selection:
    """Which records, in which order."""

    conditions: tuple[Condition, ...] = ()
    sort_by: str = "id"
    descending: bool = False


@dataclass
class Table:
    """The records of one entity by id; times are indexed and texts kept, since lists are asked for in pages.

    Every change replaces the record, so that indexes can be kept up by comparing old and new.
    """

    records: dict[int, Record] = field(default_factory=dict)
    _texts: dict[int, bytes] = field(default_factory=dict)
    _indexes: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)
    _selected: dict[Selection, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Table:
        return cls({record["id"]: record for record in records})

    def put(self, record: Record) -> None:
        """Adds the record, or replaces the one of the same id."""
        key = record["id"]
        old = self.records.get(key)
        for name, index in self._indexes.items():
            if old is not None and (was := moment(old, name)) is not None:
                del index[bisect_left(index, (was, key))]
            if (now := moment(record, name)) is not None:
                insort(index, (now, key))
        self.records[key] = record
        self._texts.pop(key, None)
        self._selected.clear()

    def text(self, key: int) -> bytes:
        """The record as it is sent."""
        if key not in self._texts:
            self._texts[key] = encode(self.records[key])
        return self._texts[key]

    def select(self, selection: Selection) -> list[int]:
        """The ids of the records that meet every condition now; remembered until something changes."""
        if selection not in self._selected:
            if len(self._selected) >= REMEMBERED_SELECTIONS:
                self._selected.clear()
            self._selected[selection] = self._find(selection)
        return self._selected[selection]

    def _find(self, selection: Selection) -> list[int]:
        candidates = self._candidates(selection.conditions)
        found = sorted(key for key in candidates if all(c.holds(self.records[key]) for c in selection.conditions))
        if selection.sort_by != "id" or selection.descending:
            found.sort(key=lambda key: self._rank(key, selection.sort_by), reverse=selection.descending)
        return found

    def _candidates(self, conditions: Iterable[Condition]) -> Iterable[int]:
        for condition in conditions:
            if isinstance(condition, Among) and condition.path == ("id",):
                return [key for key in map(int, condition.values) if key in self.records]
        bounds = [condition for condition in conditions if isinstance(condition, Bound)]
        return self._within([bound for bound in bounds if bound.name == bounds[0].name] or None)

    def _within(self, bounds: list[Bound] | None) -> Iterable[int]:
        if bounds is None:
            return self.records
        index = self._index(bounds[0].name)
        lowest = max((bisect_left(index, (b.instant, 0)) for b in bounds if not b.upper), default=0)
        highest = min((bisect_left(index, (b.instant, 0)) for b in bounds if b.upper), default=len(index))
        return [key for _, key in index[lowest:highest]]

    def _index(self, name: str) -> list[tuple[datetime, int]]:
        if name not in self._indexes:
            timed = ((moment(record, name), key) for key, record in self.records.items())
            self._indexes[name] = sorted((value, key) for value, key in timed if value is not None)
        return self._indexes[name]

    def _rank(self, key: int, name: str) -> tuple[bool, Any]:
        """Nulls first; times as times, since their texts differ in length."""
        record = self.records[key]
        value = moment(record, name) if name.endswith("On") else record.get(name)
        return value is not None, value or ""


def encode(record: Record, *, without: str = "") -> bytes:
    """JSON as sent: members that begin with `_` are ours alone."""
    public = {name: value for name, value in record.items() if name[0] != "_" and name != without}
    return json.dumps(public, ensure_ascii=False, separators=(",", ":"), default=float).encode()
