"""The query options of a request to Business Central: every name in them against the entity it is asked of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.specification import Request, shown
from tests.specification.odata_model import Entity, Model

PAGING = {"$skiptoken", "aid"}  # of the links that the server itself makes
OF_ONE = {"$select", "$expand"}
TOKEN = re.compile(r"\s*(\w*'(?:[^']|'')*'|[(),]|[^\s(),']+)")
COMPARISONS = {"eq", "ne", "gt", "ge", "lt", "le"}
CALLS = {"startswith", "endswith", "contains"}


def query_findings(metadata: Model, entity: Entity, is_one: bool, request: Request) -> Iterator[str]:
    asked = request.asked(plus_is_blank=False)  # in OData a plus is a plus
    names = [name for name, _ in asked]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is given {names.count(name)} times"
    if asked and request.method != "GET":
        yield "only what is read takes query options"
    for name, text in asked:
        if name not in PAGING:
            yield from _option(metadata, entity, is_one, name, text)


def _option(metadata: Model, entity: Entity, is_one: bool, name: str, text: str) -> Iterator[str]:
    if is_one and name not in OF_ONE:
        yield f"no query option {name!r} of one {entity.name}"
    elif name == "$filter":
        yield from Filter(entity, text).findings()
    elif name == "$select":
        yield from (_unknown(entity, each) for each in text.split(",") if each not in entity.properties)
    elif name == "$expand":
        for each in _split(text, ","):
            yield from _expansion(metadata, entity, each)
    elif name == "$orderby":
        yield from _order(entity, text)
    elif name in ("$top", "$skip"):
        if not text.isdecimal():
            yield f"{name} is {shown(text)}, which is no number"
    elif name == "$count":
        if text not in ("true", "false"):
            yield f"$count is {shown(text)}"
    else:
        yield f"no query option {name!r}"


def _expansion(metadata: Model, entity: Entity, text: str) -> Iterator[str]:
    """`salesInvoiceLines($expand=dimensionSetLines;$select=id)`"""
    name, _, options = text.partition("(")
    if name not in entity.navigation:
        yield f"{entity.name} has no {name!r} to expand"
        return
    target = entity.navigation[name]
    for option in _split(options.removesuffix(")"), ";"):
        word, _, value = option.partition("=")
        yield from _option(metadata, metadata.entities[target.entity], not target.is_list, word, value)


def _order(entity: Entity, text: str) -> Iterator[str]:
    if "Sortable" not in entity.allows:
        yield f"{entity.name} cannot be sorted"
    for each in text.split(","):
        name, _, direction = each.strip().partition(" ")
        if name not in entity.properties:
            yield _unknown(entity, name)
        if direction not in ("", "asc", "desc"):
            yield f"$orderby goes {shown(direction)}"


def _split(text: str, mark: str) -> list[str]:
    """At the marks that stand in no parenthesis."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _unknown(entity: Entity, name: str) -> str:
    return f"{entity.name} has no property {name!r}"


class Filter:
    """Conditions on properties, joined by `and` and `or`, in parentheses or not."""

    def __init__(self, entity: Entity, text: str) -> None:
        self.entity, self.text = entity, text
        self.tokens = TOKEN.findall(text)[::-1]  # the next one is the last

    def findings(self) -> Iterator[str]:
        if TOKEN.sub("", self.text).strip():
            yield f"$filter cannot be read: {shown(self.text)}"
            return
        try:
            yield from self.joined()
            if self.tokens:
                yield f"$filter goes on with {shown(self.tokens[-1])}"
        except IndexError:
            yield "$filter ends in mid condition"
        except ValueError as error:
            yield str(error)

    def joined(self) -> Iterator[str]:
        yield from self.condition()
        while self.tokens and self.tokens[-1] in ("and", "or"):
            self.tokens.pop()
            yield from self.condition()

    def condition(self) -> Iterator[str]:
        word = self.tokens.pop()
        if word == "not":
            yield from self.condition()
        elif word == "(":
            yield from self.joined()
            self.expect(")")
        elif word in CALLS:
            self.expect("(")
            name = self.tokens.pop()
            self.expect(",")
            yield from self.compared(name, self.tokens.pop())
            self.expect(")")
        else:
            comparison = self.tokens.pop()
            if comparison not in COMPARISONS:
                yield f"{comparison!r} compares nothing"
            yield from self.compared(word, self.tokens.pop())

    def compared(self, name: str, text: str) -> Iterator[str]:
        found = self.entity.properties.get(name)
        if found is None:
            yield _unknown(self.entity, name)
        elif not found.is_literal(text):
            yield f"{name} is compared with {shown(text)}, which is no {found.kind}"

    def expect(self, mark: str) -> None:
        word = self.tokens.pop()
        if word != mark:
            raise ValueError(f"$filter has {shown(word)} where {mark!r} should be")
