"""OData V2 types: values as they come in, are held, are compared, and go out.

A row is a dictionary of held values: text, Decimal, date, aware datetime, time, bool; what nobody set is "", 0, False
or None. Parts of a record stand in it under the names of their navigations, as lists of rows, one row or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INITIAL: dict[str, Any] = {"string": "", "decimal": Decimal(0), "bool": False}
EDM = {
    "string": "Edm.String", "decimal": "Edm.Decimal", "date": "Edm.DateTime", "stamp": "Edm.DateTimeOffset",
    "time": "Edm.Time", "bool": "Edm.Boolean",
}  # fmt: skip
LITERALS = {
    "string": re.compile(r"'((?:[^']|'')*)'"),
    "decimal": re.compile(r"(-?\d+(?:\.\d+)?)[mM]?"),
    "date": re.compile(r"datetime'(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?'"),
    "stamp": re.compile(r"datetimeoffset'(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d))'"),
    "time": re.compile(r"time'(PT(?:\d+H)?(?:\d+M)?(?:\d+S)?)'"),
    "bool": re.compile(r"(true|false)"),
}
TICKS = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
DAY = re.compile(r"(\d{4}-\d\d-\d\d)T00:00:00(?:\.0+)?")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)?")
SPAN = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kind: str
    length: int = 0  # of a decimal: all its digits
    scale: int = 0
    read_only: bool = False
    hidden: bool = False  # from $filter and $orderby
    zeros: bool = False  # kept with leading zeros

    # --- in ----------------------------------------------------------------------------------------------

    def literal(self, text: str) -> Any:
        """What a literal of a query or a key means, to be compared; None if it is not one of this type."""
        found = LITERALS[self.kind].fullmatch(text)
        if found is None:
            return None
        try:
            return self.comparable(READ[self.kind](found[1]))
        except ValueError:
            return None

    def sent(self, value: Any) -> Any:
        """A value of a body; null is what nobody set."""
        if value is None:
            return INITIAL.get(self.kind)
        if isinstance(value, bool) != (self.kind == "bool") or not isinstance(value, (str, bool)):
            raise refusals.bad_value(self.name, value)
        try:
            held = SENT.get(self.kind, lambda value: value)(value)
        except (ValueError, InvalidOperation):
            raise refusals.bad_value(self.name, value) from None
        if self._is_too_long(held):
            raise refusals.bad_value(self.name, value)
        return self.shortened(held)

    def planted(self, value: Any) -> Any:
        """A value of a seed, or of a control's JSON, where dates are ISO texts and decimals may be numbers."""
        if value is None:
            return INITIAL.get(self.kind)
        if self.kind == "decimal":
            return Decimal(str(value))
        if isinstance(value, str) and self.kind in ("date", "stamp", "time"):
            kind: Any = {"date": date, "stamp": datetime, "time": time}[self.kind]
            return kind.fromisoformat(value)
        return self.shortened(value)

    def _is_too_long(self, value: Any) -> bool:
        if self.kind == "decimal":
            _, digits, exponent = value.normalize().as_tuple()
            behind = max(0, -int(exponent))
            return bool(behind > self.scale or len(digits) + max(0, int(exponent)) - behind > self.length - self.scale)
        return self.kind == "string" and len(value) > self.length

    def shortened(self, value: Any) -> Any:
        if self.zeros and isinstance(value, str) and value.isdigit():
            return value.lstrip("0")
        return value

    # --- out ---------------------------------------------------------------------------------------------

    def padded(self, value: Any) -> Any:
        return value.zfill(self.length) if self.zeros and isinstance(value, str) and value.isdigit() else value

    def comparable(self, value: Any) -> Any:
        """As the database compares it."""
        return self.padded(value) if self.zeros else value

    def shown(self, value: Any, *, with_zeros: bool = False) -> Any:
        if value is None or isinstance(value, bool):
            return value
        match self.kind:
            case "decimal":
                return self._figures(value)
            case "date":
                return f"/Date({(value - EPOCH.date()).days * 86_400_000})/"
            case "stamp":
                return f"/Date({(value - EPOCH) // timedelta(milliseconds=1)}+0000)/"
            case "time":
                return f"PT{value:%HH%MM%SS}"
        return self.padded(value) if with_zeros else value

    def _figures(self, value: Decimal) -> str:
        """Money with two figures behind the point, quantities with as many as they have."""
        places = Decimal("0.01") if self.scale == 3 and self.length != 13 else Decimal(1)
        fits = value == value.quantize(places)
        return f"{value.quantize(places) if fits else value.normalize():f}"

    def quoted(self, value: Any) -> str:
        """A literal of a key in a URI."""
        match self.kind:
            case "date":
                return f"datetime'{value.isoformat()}T00%3A00%3A00'"
            case "stamp":
                return f"datetimeoffset'{quote(f'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}')}'"
        return f"'{quote(str(value).replace(chr(39), chr(39) * 2))}'"


def _span(text: str) -> time:
    found = SPAN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


def _sent_decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


def _sent_moment(text: str) -> datetime:
    if ticks := TICKS.fullmatch(text):
        return EPOCH + timedelta(milliseconds=int(ticks[1]))
    if not MOMENT.fullmatch(text):
        raise ValueError(text)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _sent_day(text: str) -> date:
    if ticks := TICKS.fullmatch(text):
        return (EPOCH + timedelta(milliseconds=int(ticks[1]))).date()
    if not DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text[:10])


SENT: dict[str, Callable[[Any], Any]] = {
    "decimal": _sent_decimal, "date": _sent_day, "stamp": _sent_moment, "time": _span,
}  # fmt: skip
READ: dict[str, Callable[[str], Any]] = {
    "string": lambda text: text.replace("''", "'"),
    "decimal": Decimal,
    "date": date.fromisoformat,
    "stamp": lambda text: datetime.fromisoformat(text).astimezone(UTC),
    "time": _span,
    "bool": lambda text: text == "true",
}


@dataclass(frozen=True, slots=True)
class Navigation:
    name: str
    target: str
    form: str  # many, one, up

    @property
    def is_many(self) -> bool:
        return self.form == "many"


@dataclass(frozen=True, slots=True)
class Type:
    name: str  # that of its set
    key: tuple[str, ...]
    properties: dict[str, Property]
    navigations: dict[str, Navigation]

    @staticmethod
    def declared(name: str, text: str) -> Type:
        keys, _, rest = text.partition("|")
        properties: dict[str, Property] = {}
        navigations: dict[str, Navigation] = {}
        for word in [*keys.split(), *rest.split()]:
            member, _, kind = word.partition(":")
            if kind[0] in FORMS:
                navigations[member] = Navigation(member, kind.strip("[]()^"), FORMS[kind[0]])
            else:
                properties[member] = _declared(member, kind)
        return Type(name, tuple(word.partition(":")[0] for word in keys.split()), properties, navigations)

    def without(self, *names: str) -> Type:
        left = {name: known for name, known in self.properties.items() if name not in names}
        return replace(self, properties=left)

    @property
    def parts(self) -> list[Navigation]:
        """The navigations to what is below."""
        return [known for known in self.navigations.values() if known.form != "up"]

    def property(self, name: str) -> Property:
        if name not in self.properties:
            raise refusals.unknown_property(name, f"{self.name}Type")
        return self.properties[name]

    def key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(self.properties[name].comparable(row[name]) for name in self.key)

    def written_key(self, row: Row) -> str:
        parts = [f"{name}={self.properties[name].quoted(row[name])}" for name in self.key]
        return parts[0].partition("=")[2] if len(parts) == 1 else ",".join(parts)

    def blank(self) -> Row:
        values: Row = {name: INITIAL.get(known.kind) for name, known in self.properties.items()}
        return values | {part.name: [] if part.is_many else None for part in self.parts}


FORMS = {"[": "many", "(": "one", "^": "up"}


def _declared(name: str, text: str) -> Property:
    kind = text.rstrip("*!#")
    marks = text[len(kind) :]
    flags = {"read_only": "*" in marks, "hidden": "!" in marks, "zeros": "#" in marks}
    length, comma, scale = kind.partition(",")
    if comma:
        return Property(name, "decimal", int(length), int(scale), **flags)
    return Property(name, "string", int(length), **flags) if kind.isdigit() else Property(name, kind, **flags)


Accept = Callable[[Property, Any], Any]


def accepted(types: dict[str, Type], name: str, body: Any, take: Accept, *, all_of_it: bool = False) -> Row:
    """What a body sets, held, with its parts. Unknown members are refused; read-only ones ignored unless
    `all_of_it`."""
    if not isinstance(body, dict):
        raise refusals.bad_body("Error while parsing the request: an object is wanted")
    known = types[name]
    row: Row = {}
    for member, value in body.items():
        if member == "__metadata":
            continue
        if navigation := known.navigations.get(member):
            if navigation.form != "up":
                row[member] = _accepted_parts(types, navigation, value, take, all_of_it)
        elif member not in known.properties:
            raise refusals.bad_body(f"Property '{member}' is invalid for type '{name}Type'")
        elif all_of_it or not known.properties[member].read_only:
            row[member] = take(known.properties[member], value)
    return row


def _accepted_parts(types: dict[str, Type], navigation: Navigation, value: Any, take: Accept, all_of_it: bool) -> Any:
    if not navigation.is_many:
        if value is None:
            return None
        return accepted(types, navigation.target, value, take, all_of_it=all_of_it)
    rows: Iterable[Any] = value.get("results", ()) if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise refusals.bad_body(f"Error while parsing '{navigation.name}': a list is wanted")
    return [accepted(types, navigation.target, row, take, all_of_it=all_of_it) for row in rows]
