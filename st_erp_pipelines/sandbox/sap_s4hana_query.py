"""Query options of OData V2, as SAP Gateway takes them.

`$filter` knows comparisons of a property with a literal of its type, and, or, not, brackets, substringof, startswith
and endswith. Spaces are %20: a plus sign is a plus sign. Pages are offsets, and the next link has the odd form that SAP
shows: the options once more with an encoded dollar, the old $skiptoken among them, then the new one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox.odata import COMPARE, Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Found
from st_erp_pipelines.sandbox.sap_s4hana_model import LITERALS, READ, Property, Type

TOKEN = re.compile(
    r"\s*(?:([(),])|((?:datetimeoffset|datetime|time|guid)?'(?:[^']|'')*'|-?\d[\w.]*|\w+(?:/\w+)*)(?=[\s(),]|$))"
)
CALLS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "substringof": operator.contains,
}
Test = Callable[[Row], bool]
Tree = dict[str, Any]
"""What $select or $expand name: member to what is named below it."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A property equals one of these: a look-up of many keys is asked of every row."""

    known: Property
    values: frozenset[Any]

    def __call__(self, row: Row) -> bool:
        return self.known.comparable(row[self.known.name]) in self.values


class Filter:
    """Recursive descent over `$filter`, straight into a test of rows."""

    def __init__(self, text: str, known: Type) -> None:
        self.type = known
        self.tokens: list[tuple[str, int]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if found is None:
                raise refusals.bad_query(f"Syntax error at position {at} of the filter")
            self.tokens.append((found[found.lastindex or 0], found.start(found.lastindex or 0)))
            at = found.end()
        self.at = 0

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
        if len(keys) == len(tests) and len({test.known.name for test in keys}) == 1:
            return OneOf(keys[0].known, frozenset().union(*(test.values for test in keys)))
        return lambda row: any(test(row) for test in tests)

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
        if name not in CALLS:
            raise refusals.bad_query(f"Function '{name}' is not supported")
        self._expect("(")
        first = self._next()
        self._expect(",")
        second = self._next()
        self._expect(")")
        known = self._property(second if name == "substringof" else first)
        literal = LITERALS["string"].fullmatch(first if name == "substringof" else second)
        if known.kind != "string" or literal is None:
            raise refusals.bad_literal(name, self._position())
        if self._word("eq"):
            self._expect("true")
        test, value = CALLS[name], READ["string"](literal[1])
        return lambda row: test(row[known.name], value)

    def _comparison(self, name: str) -> Test:
        known, sign = self._property(name), self._next()
        if sign not in COMPARE:
            raise self._error()
        compare, literal = COMPARE[sign], self._next()
        if literal == "null" and sign in ("eq", "ne"):
            return lambda row: (row[known.name] is None) == (sign == "eq")
        value = known.literal(literal)
        if value is None:
            raise refusals.bad_literal(sign, self._position())
        if sign == "eq":
            return OneOf(known, frozenset([value]))
        if sign == "ne":
            return lambda row: known.comparable(row[known.name]) != value
        return lambda row: row[known.name] is not None and bool(compare(known.comparable(row[known.name]), value))

    def _property(self, name: str) -> Property:
        known = self.type.property(name)
        if known.hidden:
            raise refusals.not_filterable(name)
        return known

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise self._error()
        self.at += 1
        return self.tokens[self.at - 1][0]

    def _position(self) -> int:
        return self.tokens[min(self.at, len(self.tokens)) - 1][1] if self.tokens else 0

    def _word(self, text: str) -> bool:
        found = self._peek() == text
        self.at += found
        return found

    def _expect(self, text: str) -> None:
        if self._next() != text:
            raise self._error()

    def _error(self) -> Exception:
        return refusals.bad_query(f"Syntax error at position {self._position()} of the filter")


@dataclass(slots=True)
class Options:
    """The query of one request, checked against the type it asks for."""

    test: Test | None = None
    select: Tree = field(default_factory=dict)
    expand: Tree = field(default_factory=dict)
    order: list[tuple[Property, bool]] = field(default_factory=list)
    top: int | None = None
    skip: int = 0
    token: int = 0
    count: bool = False
    json: bool = False  # $format=json
    sent: list[tuple[str, str]] = field(default_factory=list)  # as they came, save $skiptoken

    @staticmethod
    def of(query: str, known: Type, types: dict[str, Type]) -> Options:
        """Options that do not begin with `$` are the system's (sap-client, sap-language) or nobody's."""
        options = Options()
        for pair in filter(None, query.split("&")):
            raw_name, _, raw = pair.partition("=")
            name, value = unquote(raw_name), unquote(raw)
            if name != "$skiptoken":
                options.sent.append((name, raw))
            if name.startswith("$"):
                options.set(name, value, known, types)
        return options

    def set(self, name: str, value: str, known: Type, types: dict[str, Type]) -> None:
        match name:
            case "$filter":
                self.test = Filter(value, known).parse()
            case "$select":
                self.select = _tree(value)
                _check(self.select, known, types, properties=True)
            case "$expand":
                self.expand = _tree(value)
                _check(self.expand, known, types, properties=False)
            case "$orderby":
                self.order = [_order(part, known) for part in value.split(",")]
            case "$top":
                self.top = _whole(name, value)
            case "$skip":
                self.skip = _whole(name, value)
            case "$skiptoken":
                self.token = _whole(name, value)  # the last one counts
            case "$inlinecount" if value in ("allpages", "none"):
                self.count = value == "allpages"
            case "$format" if value in ("json", "atom", "xml"):
                self.json = value == "json"
            case _:
                raise refusals.bad_query(f"The query option '{name}' has the wrong value or is not supported")

    def matching(self, rows: Iterable[Found]) -> list[Found]:
        """All that fit, in order."""
        found = [each for each in rows if self.test is None or self.test(each.row)]
        for known, descending in reversed(self.order):
            found.sort(key=partial(_sorted_by, known), reverse=descending)
        return found

    def page(self, rows: list[Found], page_size: int, max_page: int) -> tuple[list[Found], str]:
        """One page, and the query of the next one."""
        size = page_size if self.top is None else max_page
        end = len(rows) if self.top is None else min(len(rows), self.skip + self.top)
        start = self.skip + self.token
        page = rows[start : min(end, start + size)]
        if start + size >= end:
            return page, ""
        again = [f"{name.replace('$', '%24')}={raw}" for name, raw in self.sent]
        if self.token:
            again.append(f"%24skiptoken={self.token}")
        return page, "&".join([*again, f"$skiptoken={self.token + size}"])


def _tree(text: str) -> Tree:
    tree: Tree = {}
    for path in text.split(","):
        branch = tree
        for name in path.strip().split("/"):
            branch = branch.setdefault(name, {})
    tree.pop("*", None)
    return tree


def _check(tree: Tree, known: Type, types: dict[str, Type], *, properties: bool) -> None:
    for name, below in tree.items():
        navigation = known.navigations.get(name)
        if navigation is not None:
            _check(below, types[navigation.target], types, properties=properties)
        elif not properties:
            raise refusals.unknown_property(name, f"{known.name}Type")
        else:
            known.property(name)


def _order(text: str, known: Type) -> tuple[Property, bool]:
    name, _, direction = text.strip().partition(" ")
    found = known.property(name)
    if found.hidden:
        raise refusals.not_filterable(name)
    if direction.strip() not in ("", "asc", "desc"):
        raise refusals.bad_query(f"Syntax error in $orderby: '{direction}'")
    return found, direction.strip() == "desc"


def _sorted_by(known: Property, found: Found) -> tuple[bool, Any]:
    value = known.comparable(found.row[known.name])
    return value is not None, value


def _whole(name: str, text: str) -> int:
    if not text.isdigit():
        raise refusals.bad_query(f"Invalid value '{text}' of '{name}': a whole number is wanted")
    return int(text)
