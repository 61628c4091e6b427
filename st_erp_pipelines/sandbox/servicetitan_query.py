"""What ServiceTitan's lists make of their query parameters.

A parameter that no document names is ignored without a word, as the live service does; one that is documented
but not served here is answered with 501, since ignoring it would answer another question than was asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from st_erp_pipelines.sandbox.servicetitan_records import (
    MASTER_MODIFIED_ON,
    Active,
    Among,
    Amount,
    Bound,
    Condition,
    Contains,
    External,
    Path,
    Selection,
    parse_instant,
)

DEFAULT_PAGE_SIZE = 50
MOST_PAGE_SIZE = 5000
MOST_IDS = 50
WITHOUT_ACCOUNTING = "excludeAccountingChangesFromModifiedDateRange"
APPLICATION, EXTERNAL_KEY, EXTERNAL_VALUES = (
    "externalDataApplicationGuid",
    "externalDataKey",
    "externalDataValues",
)

Reader = Callable[[list[str]], Any]


class Invalid(Exception):
    """A value that the server refuses with 400; the text goes into `errors`."""


class Refused(Exception):
    """A whole request refused: status and, by parameter, the reasons."""

    def __init__(self, status: int, title: str, errors: Mapping[str, list[str]]) -> None:
        super().__init__(title)
        self.status, self.title, self.errors = status, title, errors


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Invalid(f"The value '{text}' is not valid.") from None


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Invalid(f"The value '{text}' is not valid.")
    return text.lower() == "true"


def since(name: str) -> Reader:
    return lambda values: _bound(name, values[0], upper=False)


def before(name: str) -> Reader:
    return lambda values: _bound(name, values[0], upper=True)


def until(name: str) -> Reader:
    """ "On or before"."""
    return lambda values: _bound(name, values[0], upper=True).inclusive()


def _bound(name: str, text: str, *, upper: bool) -> Bound:
    try:
        return Bound(name, parse_instant(text), upper)
    except ValueError:
        raise Invalid(f"The value '{text}' is not valid.") from None


def ids(dotted: str) -> Reader:
    """A comma list of at most 50 ids."""

    def read(values: list[str]) -> Condition:
        numbers = [_integer(part) for part in _few(values[0])]
        return Among(_path(dotted), frozenset(map(str, numbers)))

    return read


def texts(dotted: str) -> Reader:
    """A comma list of at most 50 texts."""
    return lambda values: Among(_path(dotted), frozenset(_few(values[0])))


def _few(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MOST_IDS:
        raise Invalid(f"Simple IDs lookup should not have more than {MOST_IDS} items.")
    return parts


def number(dotted: str) -> Reader:
    return lambda values: Among(_path(dotted), frozenset([str(_integer(values[0]))]))


def numbers(dotted: str) -> Reader:
    """The parameter repeated, once for each number."""
    return lambda values: Among(_path(dotted), frozenset(str(_integer(value)) for value in values))


def text(dotted: str) -> Reader:
    return lambda values: Among(_path(dotted), frozenset(values[:1]))


def flag(dotted: str) -> Reader:
    return lambda values: Among(_path(dotted), frozenset([str(_boolean(values[0]))]))


def switch() -> Reader:
    return lambda values: _boolean(values[0])


def contains(*dotted: str) -> Reader:
    return lambda values: Contains(tuple(map(_path, dotted)), values[0])


def search(*dotted: str) -> Reader:
    """From 2 to 200 characters, found in one of the members whatever their case."""

    def read(values: list[str]) -> Condition:
        if not 2 <= len(values[0]) <= 200:
            raise Invalid("The field SearchText must be a string with a length between 2 and 200.")
        return Contains(tuple(map(_path, dotted)), values[0])

    return read


def at_least(dotted: str) -> Reader:
    return lambda values: Amount(_path(dotted), _decimal(values[0]), upper=False)


def at_most(dotted: str) -> Reader:
    return lambda values: Amount(_path(dotted), _decimal(values[0]), upper=True)


def _decimal(value: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        raise Invalid(f"The value '{value}' is not valid.") from None


def each_of(dotted: str, allowed: str) -> Reader:
    """The parameter repeated, once for each word; a comma list in one value is no word."""
    return lambda values: _words(dotted, values, allowed)


def choice(dotted: str, allowed: str) -> Reader:
    """One word."""
    return lambda values: _words(dotted, values[:1], allowed)


def list_of(dotted: str, allowed: str) -> Reader:
    """A comma list of words in one value."""
    return lambda values: _words(dotted, [part.strip() for part in values[0].split(",")], allowed)


def _words(dotted: str, values: Iterable[str], allowed: str) -> Condition:
    for value in values:
        if value not in allowed.split():
            raise Invalid(f"The value '{value}' is not valid.")
    return Among(_path(dotted), frozenset(values))


def application() -> Reader:
    """The GUID whose external data is asked for."""
    return lambda values: guid(values[0])


def guid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Invalid(f"The value '{text}' is not valid.") from None


EXTERNAL_DATA: dict[str, Reader] = {
    APPLICATION: application(),
    EXTERNAL_KEY: lambda values: values[0],
    EXTERNAL_VALUES: lambda values: frozenset(_few(values[0])),
}


def activity(words: str) -> Reader:
    """The words for active, inactive and both, exactly so."""
    meaning = dict(zip(words.split(), (True, False, None), strict=True))

    def read(values: list[str]) -> Condition:
        if values[0] not in meaning:
            raise Invalid(f"The value '{values[0]}' is not valid.")
        return Active(meaning[values[0]])

    return read


@dataclass(frozen=True)
class Listing:
    """One list: its path below the tenant, what it lists, and the parameters it knows beside paging."""

    module: str
    path: str
    entity: str
    scope: str
    filters: Mapping[str, Reader]
    sort: str = ""
    sorts: bool = True  # false: `sort` is read and not obeyed, as it was seen on live tenants
    most_rows: int = MOST_PAGE_SIZE
    parent: tuple[str, str, str] | None = None  # of a list below one record: whose, the member naming it, left out
    defaults: Mapping[str, str] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    unserved: str = ""

    def known(self) -> dict[str, str]:
        """Parameter names by their lower case: ASP.NET does not mind case."""
        paging = ["page", "pageSize", "includeTotal", *(["sort"] if self.sort else [])]
        return {name.lower(): name for name in [*paging, *self.filters, *self.unserved.split()]}


@dataclass(frozen=True)
class Single:
    """A record by its id; `external`: it is sent with the external data of an application that is named."""

    module: str
    path: str
    entity: str
    scope: str
    external: bool = False

    def as_listing(self) -> Listing:
        filters = {APPLICATION: EXTERNAL_DATA[APPLICATION]} if self.external else {}
        return Listing(self.module, self.path, self.entity, self.scope, filters)


@dataclass(frozen=True)
class Query:
    selection: Selection
    page: int
    page_size: int
    include_total: bool
    application: str = ""


def read_query(listing: Listing, items: Iterable[tuple[str, str]], *, strict: bool) -> Query:
    """What a list request asks for; raises Refused. Empty values count as not given (ASP.NET's null)."""
    known = listing.known()
    given: dict[str, list[str]] = {}
    for name, value in items:
        if name.lower() in known and value:
            given.setdefault(known[name.lower()], []).append(value)
        elif strict and name.lower() not in known:
            raise Refused(400, "Strict sandbox", {name: ["The list has no such parameter."]})
    if unserved := [name for name in given if name in listing.unserved.split()]:
        raise Refused(501, "The sandbox does not serve this filter.", {n: ["Not served."] for n in unserved})
    if listing.one_of and not any(name in given for name in listing.one_of):
        message = f"Either {' or '.join(listing.one_of)} parameter must be specified"
        raise Refused(400, message, {_key(listing.one_of[0]): [message]})
    return _query(listing, given)


def _query(listing: Listing, given: Mapping[str, list[str]]) -> Query:
    readers: dict[str, Reader] = {**listing.filters, **_paging(listing)}
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, raw in {**{name: [value] for name, value in listing.defaults.items()}, **given}.items():
        try:
            values[name] = readers[name](raw)
        except Invalid as error:
            errors[_key(name)] = [str(error)]
    if errors:
        raise Refused(400, "One or more validation errors occurred.", errors)
    conditions = [value for value in values.values() if isinstance(value, Condition)]
    if values.get(WITHOUT_ACCOUNTING):
        conditions = [_master(condition) for condition in conditions]
    conditions += _external(values)
    sort_by, descending = values.get("sort", ("id", False)) if listing.sorts else ("id", False)
    return Query(
        Selection(tuple(conditions), sort_by, descending),
        values.get("page", 1),
        values.get("pageSize", DEFAULT_PAGE_SIZE),
        values.get("includeTotal", False),
        values.get(APPLICATION, ""),
    )


def _external(values: Mapping[str, Any]) -> list[Condition]:
    """Key and values come together (documented); that the application must be named too is chosen here: an
    application sees what it wrote itself."""
    given = [name for name in (EXTERNAL_KEY, EXTERNAL_VALUES) if name in values]
    if not given:
        return []
    missing = [name for name in (APPLICATION, EXTERNAL_KEY, EXTERNAL_VALUES) if name not in values]
    if missing:
        errors = {_key(name): [f"'{name}' must also be provided."] for name in missing}
        raise Refused(400, "One or more validation errors occurred.", errors)
    return [External(values[APPLICATION], values[EXTERNAL_KEY], values[EXTERNAL_VALUES])]


def _key(name: str) -> str:
    """As the probe of `ids` showed it: errors.Ids."""
    return name[:1].upper() + name[1:]


def _master(condition: Condition) -> Condition:
    if isinstance(condition, Bound) and condition.name == "modifiedOn":
        return replace(condition, name=MASTER_MODIFIED_ON)
    return condition


def _page(values: list[str]) -> int:
    """From 1; most lists take 0 for 1."""
    page = _integer(values[0])
    if page < 0:
        raise Invalid("The page must not be negative.")
    return max(page, 1)


def _page_size(most: int) -> Reader:
    def read(values: list[str]) -> int:
        size = _integer(values[0])
        if not 1 <= size <= most:
            raise Invalid(f"The page size must be between 1 and {most}.")
        return size

    return read


def _sort(fields: str) -> Reader:
    """`+Field` or `-Field`; a plus that was not encoded arrives as a space, and is refused."""
    names = {name.lower(): name for name in fields.split()}

    def read(values: list[str]) -> tuple[str, bool]:
        sign, name = values[0][:1], values[0][1:].lower()
        if sign not in ("+", "-") or name not in names:
            raise Invalid(f"The value '{values[0]}' is not valid.")
        return names[name], sign == "-"

    return read


def _paging(listing: Listing) -> dict[str, Reader]:
    return {
        "page": _page,
        "pageSize": _page_size(listing.most_rows),
        "includeTotal": switch(),
        "sort": _sort(listing.sort),
    }
