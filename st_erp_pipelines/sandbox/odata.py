"""OData v4 query options over rows held as dictionaries, as far as the ERP sandboxes offer them.

A `$filter` is parsed into a small tree (`Comparison`, `Call`, `Both`, `Either`, `Ignored`); `matches` runs
it on a row, `required` reads what it pins down (to refuse unbounded line lists) and `Table.select` in
business_central_company.py uses the tree to answer look-ups from an index.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

Row = dict[str, Any]


class ODataError(Exception):
    """A refusal on its way to the wire: HTTP status, vendor code, vendor text."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


def syntax_error(message: str) -> ODataError:
    return ODataError(400, "BadRequest_NotFound", message)


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Call:
    """startswith, endswith or contains."""

    name: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Both:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Either:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Ignored:
    """A lambda (any/all): Business Central answers as if it were not there."""


Node = Comparison | Call | Both | Either | Ignored

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
CALLS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<lambda>\w+/(?:any|all)(?=\())|(?P<punct>[(),])|(?P<word>[^\s(),']+))"
)

Literal = Callable[[str, str, bool], Any]
"""(field, text, was quoted) -> comparable value; refuses unknown fields and wrong types."""


class FilterParser:
    """Recursive descent over `$filter`; `literal` knows the fields of the entity at hand."""

    def __init__(self, text: str, literal: Literal, *, or_of_startswith: bool = True) -> None:
        self.literal = literal
        self.or_of_startswith = or_of_startswith
        self.tokens = list(self.tokenize(text))
        self.at = 0

    @staticmethod
    def tokenize(text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        text = text.rstrip()
        while position < len(text):
            found = TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                raise syntax_error(f"Syntax error at position {position} in '{text}'.")
            tokens.append((found.lastgroup, found.group(found.lastgroup)))
            position = found.end()
        return tokens

    def parse(self) -> Node:
        node = self.either()
        if self.at < len(self.tokens):
            raise syntax_error(f"Syntax error: unexpected '{self.tokens[self.at][1]}' in the filter.")
        return node

    def either(self) -> Node:
        node = self.both()
        while self.word("or"):
            node = Either(node, self.both())
            if len(fields_of(node)) > 1:
                raise ODataError(
                    400,
                    "BadRequest",
                    "The 'OR' operator is not supported on distinct fields on an OData filter.",
                )
            if not self.or_of_startswith and "startswith" in calls_of(node):
                raise syntax_error("The 'OR' operator is not supported on 'startswith'.")
        return node

    def both(self) -> Node:
        node = self.term()
        while self.word("and"):
            node = Both(node, self.term())
        return node

    def term(self) -> Node:
        kind, text = self.next()
        if kind == "lambda":
            self.skip_brackets()
            return Ignored()
        if text == "(":
            node = self.either()
            self.expect(")")
            return node
        if kind != "word":
            raise syntax_error(f"Syntax error: unexpected '{text}' in the filter.")
        return self.call(text) if self.peek() == "(" else self.comparison(text)

    def call(self, name: str) -> Node:
        if name not in CALLS:
            raise syntax_error(f"An unknown function with name '{name}' was found.")
        self.expect("(")
        field_name = self.next()[1]
        self.expect(",")
        kind, text = self.next()
        self.expect(")")
        return Call(name, field_name, str(self.typed(field_name, kind, text)))

    def comparison(self, field_name: str) -> Node:
        sign = self.next()[1]
        if sign not in COMPARE:
            raise syntax_error(f"Syntax error: operator '{sign}' is not supported.")
        kind, text = self.next()
        return Comparison(field_name, sign, self.typed(field_name, kind, text))

    def typed(self, field_name: str, kind: str, text: str) -> Any:
        if kind == "string":
            return self.literal(field_name, text[1:-1].replace("''", "'"), True)
        return self.literal(field_name, text, False)

    def skip_brackets(self) -> None:
        depth = 0
        while True:
            text = self.next()[1]
            depth += (text == "(") - (text == ")")
            if depth == 0:
                return

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise syntax_error("Syntax error: the filter ends too early.")
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, text: str) -> bool:
        if self.peek() != text:
            return False
        self.at += 1
        return True

    def expect(self, text: str) -> None:
        if self.next()[1] != text:
            raise syntax_error(f"Syntax error: '{text}' is missing in the filter.")


def fields_of(node: Node) -> set[str]:
    if isinstance(node, (Both, Either)):
        return fields_of(node.left) | fields_of(node.right)
    return set() if isinstance(node, Ignored) else {node.field}


def calls_of(node: Node) -> set[str]:
    if isinstance(node, (Both, Either)):
        return calls_of(node.left) | calls_of(node.right)
    return {node.name} if isinstance(node, Call) else set()


def required(node: Node | None, field_name: str) -> bool:
    """Whether every row that matches has one given value in this field."""
    if isinstance(node, Both):
        return required(node.left, field_name) or required(node.right, field_name)
    return isinstance(node, Comparison) and node.field == field_name and node.operator == "eq"


def matches(node: Node, read: Callable[[Row, str], Any]) -> Callable[[Row], bool]:
    """Compiled once, then run on each row; `read` gives a row's value in comparable form."""
    if isinstance(node, Ignored):
        return lambda row: True
    if isinstance(node, (Both, Either)):
        left, right = matches(node.left, read), matches(node.right, read)
        if isinstance(node, Both):
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    name, value = node.field, node.value
    if isinstance(node, Call):
        test = CALLS[node.name]
        return lambda row: test(str(read(row, name)), value)
    compare = COMPARE[node.operator]
    return lambda row: bool(compare(read(row, name), value))


@dataclass(slots=True)
class Query:
    """The options of one request, or of one `$expand` item; `expand` maps navigation to its own options."""

    filter: str = ""
    select: list[str] = field(default_factory=list)
    expand: dict[str, Query] = field(default_factory=dict)
    orderby: list[tuple[str, bool]] = field(default_factory=list)
    top: int | None = None
    skip: int = 0
    count: bool = False
    skiptoken: str = ""

    @staticmethod
    def of(query_string: str) -> Query:
        return Query.read(dict(parse_qsl(query_string, keep_blank_values=True)))

    @staticmethod
    def read(options: Mapping[str, str]) -> Query:
        query = Query()
        for name, value in options.items():
            if name.startswith("$"):
                query.set(name, value)
        return query

    def set(self, name: str, value: str) -> None:
        match name:
            case "$filter":
                self.filter = value
            case "$select":
                self.select = [part.strip() for part in value.split(",") if part.strip() not in ("", "*")]
            case "$expand":
                self.expand = dict(expand_item(part) for part in split_outside(value, ","))
            case "$orderby":
                self.orderby = [order_item(part) for part in value.split(",")]
            case "$top":
                self.top = whole_number(name, value)
            case "$skip":
                self.skip = whole_number(name, value)
            case "$count":
                self.count = value.lower() == "true"
            case "$skiptoken":
                self.skiptoken = value.strip("'")
            case "$schemaversion":
                pass
            case _:
                raise syntax_error(f"The query parameter '{name}' is not supported.")


def whole_number(name: str, value: str) -> int:
    if not value.isdigit():
        raise syntax_error(f"Invalid value '{value}' for {name} query option found.")
    return int(value)


def order_item(text: str) -> tuple[str, bool]:
    """(field, descending)"""
    name, _, direction = text.strip().partition(" ")
    return name, direction.strip().lower() == "desc"


def expand_item(text: str) -> tuple[str, Query]:
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return name, Query()
    if not rest.endswith(")"):
        raise syntax_error("Syntax error: a bracket is not closed in $expand.")
    pairs = (part.partition("=") for part in split_outside(rest[:-1], ";"))
    options = {name.strip(): value for name, _, value in pairs}
    return name, Query.read(options)


def split_outside(text: str, separator: str) -> list[str]:
    """Split at separators that are in no bracket and no string literal."""
    parts, depth, quoted, start = [], 0, False, 0
    for position, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif not quoted:
            depth += (sign == "(") - (sign == ")")
            if sign == separator and depth == 0:
                parts.append(text[start:position])
                start = position + 1
    return [*parts, text[start:]]


def exact(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent, so that JSON shows 12.5 and 1000."""
    value = value.normalize()
    return value.quantize(Decimal(1)) if value.as_tuple().exponent > 0 else value  # type: ignore[operator]
