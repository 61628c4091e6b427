"""ServiceTitan's records in memory, and the conditions that a list request puts on them."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Record = dict[str, Any]
Path = tuple[str, ...]
Key = Any  # int; of a journal entry a GUID

# Private member of customers: modifiedOn without the changes of balance; the server never sends `_` members.
MASTER_MODIFIED_ON = "_masterModifiedOn"
# Private member of what carries external data: {application guid: {key: value}}.
EXTERNAL = "_externalData"
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

    def inclusive(self) -> Bound:
        """Also what lies exactly on it; times are kept to the microsecond."""
        return Bound(self.name, self.instant + timedelta(microseconds=1), self.upper)

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
    """In one of the members."""

    paths: tuple[Path, ...]
    text: str

    def holds(self, record: Record) -> bool:
        values = (value for path in self.paths for value in reach(record, path))
        return any(self.text.casefold() in str(value).casefold() for value in values)


@dataclass(frozen=True)
class External:
    """One of the values stands under this key of this application."""

    application: str
    key: str
    values: frozenset[str]

    def holds(self, record: Record) -> bool:
        return record.get(EXTERNAL, {}).get(self.application, {}).get(self.key) in self.values


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


Condition = Bound | Among | Contains | External | Amount | Active


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

    records: dict[Key, Record] = field(default_factory=dict)
    _texts: dict[Key, bytes] = field(default_factory=dict)
    _indexes: dict[str, list[tuple[datetime, Key]]] = field(default_factory=dict)
    _selected: dict[Selection, list[Key]] = field(default_factory=dict)

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

    def text(self, key: Key, application: str = "") -> bytes:
        """The record as it is sent: with its external data only to who names the application."""
        if application:
            return encode(shown_to(self.records[key], application))
        if key not in self._texts:
            self._texts[key] = encode(self.records[key])
        return self._texts[key]

    def select(self, selection: Selection) -> list[Key]:
        """The ids of the records that meet every condition now; remembered until something changes."""
        if selection not in self._selected:
            if len(self._selected) >= REMEMBERED_SELECTIONS:
                self._selected.clear()
            self._selected[selection] = self._find(selection)
        return self._selected[selection]

    def _find(self, selection: Selection) -> list[Key]:
        candidates = self._candidates(selection.conditions)
        found = sorted(key for key in candidates if all(c.holds(self.records[key]) for c in selection.conditions))
        if selection.sort_by != "id" or selection.descending:
            found.sort(key=lambda key: self._rank(key, selection.sort_by), reverse=selection.descending)
        return found

    def _candidates(self, conditions: Iterable[Condition]) -> Iterable[Key]:
        for condition in conditions:
            if isinstance(condition, Among) and condition.path == ("id",):
                keys = (int(value) if value.isdecimal() else value for value in condition.values)
                return [key for key in keys if key in self.records]
        bounds = [condition for condition in conditions if isinstance(condition, Bound)]
        return self._within([bound for bound in bounds if bound.name == bounds[0].name] or None)

    def _within(self, bounds: list[Bound] | None) -> Iterable[Key]:
        if bounds is None:
            return self.records
        index = self._index(bounds[0].name)
        ends = [(b.upper, bisect_left(index, b.instant, key=lambda entry: entry[0])) for b in bounds]
        lowest = max((at for upper, at in ends if not upper), default=0)
        highest = min((at for upper, at in ends if upper), default=len(index))
        return [key for _, key in index[lowest:highest]]

    def _index(self, name: str) -> list[tuple[datetime, Key]]:
        if name not in self._indexes:
            timed = ((moment(record, name), key) for key, record in self.records.items())
            self._indexes[name] = sorted((value, key) for value, key in timed if value is not None)
        return self._indexes[name]

    def _rank(self, key: Key, name: str) -> tuple[bool, Any]:
        """Nulls first; times as times, since their texts differ in length."""
        record = self.records[key]
        value = moment(record, name) if name.endswith("On") else record.get(name)
        return value is not None, value or ""


def shown_to(record: Record, application: str) -> Record:
    """The record with the external data of one application, and of no other."""
    own = record.get(EXTERNAL, {}).get(application, {})
    return {**record, "externalData": [{"key": key, "value": value} for key, value in own.items()]}


def encode(record: Record, *, without: str = "") -> bytes:
    """JSON as sent: members that begin with `_` are ours alone."""
    public = {name: value for name, value in record.items() if name[0] != "_" and name != without}
    return json.dumps(public, ensure_ascii=False, separators=(",", ":"), default=float).encode()
