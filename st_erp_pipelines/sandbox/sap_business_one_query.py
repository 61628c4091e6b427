"""Query options of Service Layer: less than OData, and with words of its own.

`$filter` knows comparisons, and, or, not, brackets, startswith, endswith and contains (substringof in OData V3), on
properties of any kind; no `in`, no arithmetic, no other function. Dates are quoted. Pages are offsets: 20 rows, unless
the request says otherwise; the next link is relative.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import CALLS, COMPARE, Row
from st_erp_pipelines.sandbox.sap_business_one_model import Property, Type

TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<punct>[(),])|(?P<word>[^\s(),']+))")
Test = Callable[[Row], bool]
PAGE_SIZE = 20
UNQUOTED = "(),'/:$"
MAX_PAGE = re.compile(r"odata\.maxpagesize=(\d+)")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A property equals one of these: a look-up of many keys is asked of every row."""

    name: str
    values: frozenset[Any]

    def __call__(self, row: Row) -> bool:
        return row[self.name] in self.values


class Filter:
    """Recursive descent over `$filter`, straight into a test of rows."""

    def __init__(self, text: str, known: Type, *, v1: bool, ignore_case: bool) -> None:
        self.type, self.v1, self.ignore_case = known, v1, ignore_case
        self.tokens = [found.group().strip() for found in TOKEN.finditer(text)]
        self.at = 0
        if TOKEN.sub("", text).strip():  # a quote that nothing closes
            raise self._error()

    def parse(self) -> Test:
        test = self._either()
        if self.at < len(self.tokens):
            raise self._error()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("or"):
            tests.append(self._both())
        keys = [test for test in tests if isinstance(test, OneOf)]
        if len(keys) == len(tests) and len({test.name for test in keys}) == 1:
            return OneOf(keys[0].name, frozenset().union(*(test.values for test in keys)))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._term()]
        while self._word("and"):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _term(self) -> Test:
        token = self._next()
        if token == "not":
            test = self._term()
            return lambda row: not test(row)
        if token == "(":
            test = self._either()
            self._expect(")")
            return test
        return self._call(token) if self._peek() == "(" else self._comparison(token)

    def _call(self, name: str) -> Test:
        wanted = "substringof" if self.v1 else "contains"
        if name not in ("startswith", "endswith", wanted):
            raise refusals.unknown_property(name, self.type.name)  # what live systems call a function they lack
        self._expect("(")
        first = self._next()
        self._expect(",")
        second = self._next()
        self._expect(")")
        field_name, literal = (second, first) if name == "substringof" else (first, second)
        known, value = self._property(field_name), self._folded(self._string(literal))
        test = CALLS["contains" if name == "substringof" else name]
        return lambda row: test(self._folded(str(row[known.name] or "")), value)

    def _comparison(self, name: str) -> Test:
        known, sign = self._property(name), self._next()
        if sign not in COMPARE:
            raise self._error()
        compare, value = COMPARE[sign], self._value(known, self._next())
        if value is None:
            if sign not in ("eq", "ne"):
                raise self._error()
            return lambda row: (row[known.name] is None) == (sign == "eq")
        if sign == "eq" and not self.ignore_case:
            return OneOf(known.name, frozenset([value]))
        if sign == "ne":
            return lambda row: self._folded(row[known.name]) != value
        return lambda row: row[known.name] is not None and bool(compare(self._folded(row[known.name]), value))

    def _value(self, known: Property, token: str) -> Any:
        if token == "null":
            return None
        if known.kind in ("int", "double"):
            if token.startswith("'"):
                raise self._error()
            return known.held(token, self.type.name)
        return self._folded(known.held(self._string(token), self.type.name))

    def _property(self, name: str) -> Property:
        known = self.type.properties.get(name)
        if known is None or known.is_collection:
            raise refusals.bad_query(f"Property '{name}' is invalid")
        return known

    def _string(self, token: str) -> str:
        if len(token) < 2 or not token.startswith("'"):
            raise self._error()
        return token[1:-1].replace("''", "'")

    def _folded(self, value: Any) -> Any:
        return value.casefold() if self.ignore_case and isinstance(value, str) else value

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise self._error()
        self.at += 1
        return self.tokens[self.at - 1]

    def _word(self, text: str) -> bool:
        found = self._peek() == text
        self.at += found
        return found

    def _expect(self, text: str) -> None:
        if self._next() != text:
            raise self._error()

    def _error(self) -> Exception:
        return refusals.bad_query("Invalid query string: $filter")


@dataclass(slots=True)
class Options:
    """The query of one GET, read and checked against the type it asks for."""

    test: Test | None = None
    select: list[str] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    top: int | None = None
    skip: int = 0
    count: bool = False
    sent: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(query: str, known: Type, *, v1: bool, ignore_case: bool = False) -> Options:
        """Options whose name does not begin with `$` are nobody's."""
        options = Options(sent={name: value for name, value in parse_qsl(query) if name.startswith("$")})
        for name, value in options.sent.items():
            match name:
                case "$filter":
                    options.test = Filter(value, known, v1=v1, ignore_case=ignore_case).parse()
                case "$select":
                    options.select = [_named(part.strip(), known) for part in value.split(",") if part.strip() != "*"]
                case "$orderby":
                    options.order = [_order(part, known) for part in value.split(",")]
                case "$top":
                    options.top = _whole(value)
                case "$skip":
                    options.skip = _whole(value)
                case "$count" if not v1 and value in ("true", "false"):
                    options.count = value == "true"
                case "$inlinecount" if value in ("allpages", "none"):
                    options.count = value == "allpages"
                case _:
                    raise refusals.bad_query(f"Invalid query option '{name}'")
        return options

    def matching(self, rows: list[Row]) -> list[Row]:
        """All that fit, in order; `$top` and `$skip` are the page's."""
        found = [row for row in rows if self.test is None or self.test(row)]
        for name, descending in reversed(self.order):
            found.sort(key=lambda row: (row[name] is not None, row[name]), reverse=descending)
        return found

    def page(self, rows: list[Row], size: int) -> tuple[list[Row], str]:
        """One page, and the query of the next one; `size` 0 turns paging off."""
        left = len(rows) - self.skip if self.top is None else min(self.top, len(rows) - self.skip)
        taken = min(size, left) if size else left
        page = rows[self.skip : self.skip + max(0, taken)]
        if taken >= left:
            return page, ""
        following = self.sent | {"$skip": str(self.skip + taken)}
        if self.top is not None:
            following["$top"] = str(self.top - taken)
        return page, "&".join(f"{name}={quote(value, safe=UNQUOTED)}" for name, value in following.items())


def _named(name: str, known: Type) -> str:
    if name not in known.properties:
        raise refusals.unknown_property(name, known.name)
    return name


def _order(text: str, known: Type) -> tuple[str, bool]:
    name, _, direction = text.strip().partition(" ")
    if name not in known.properties or direction.strip() not in ("", "asc", "desc"):
        raise refusals.bad_query(f"Property '{name}' is invalid")
    return name, direction.strip() == "desc"


def _whole(text: str) -> int:
    if not text.isdigit():
        raise refusals.bad_query("Invalid query string: a whole number is wanted")
    return int(text)


def page_size(headers: Mapping[str, str]) -> tuple[int, str]:
    """The rows of a page, and what of the client's preference was taken."""
    preferred = MAX_PAGE.search(headers.get("prefer", ""))
    if preferred:
        return int(preferred[1]), preferred[0]
    wanted = headers.get("b1s-pagesize", "")
    return int(wanted) if wanted.isdigit() else PAGE_SIZE, ""
