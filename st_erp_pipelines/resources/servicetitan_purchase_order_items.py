"""The items of a purchase order in ServiceTitan, and which line of the ERP each of them is.

A PATCH replaces the set, and each item needs its id (OpenAPI inventory-v2): what is not listed goes, and none can be
added. The line of the ERP stands at the beginning of the description.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from st_erp_pipelines.resources.servicetitan_targets import Row, figure, is_same_figure, plain

Line = Mapping[str, Any]
T = TypeVar("T")

MARKER = re.compile(r"\[(ST-[A-Z]{1,3}-[^\]\s]+)\]")
STAYS = "Line {line} was received in ServiceTitan and stays there."
ADDED_THERE = "{code} was added in ServiceTitan and stays there."
NOT_ADDED = "Line {line} cannot be added to an order that is there: add it in ServiceTitan."
NOT_LOWERED = "Of line {line}, {received} were received in ServiceTitan: it is not lowered to {quantity}."
SKU_STAYS = "Line {line} was received in ServiceTitan and keeps its material there."


def marker_of(payload: Mapping[str, Any]) -> str:
    """The last one in its memo."""
    return str(MARKER.findall(payload["memo"])[-1])


def brought(payload: Mapping[str, Any], there: Row) -> tuple[list[Row] | None, list[str]]:
    """All that are to stay, ours as the payload has them; None where that is how they are."""
    lines, theirs = payload["items"], active_items(there)
    paired = pair(lines, there, _named(payload, there))
    listed, left = list[Row](), list[str]()
    for item in theirs:
        ours, line = paired.get(item["id"]), line_of(item, there)
        if ours is not None:
            listed.append(_as_ours(ours, item, left))
        elif received_of(item):
            listed.append(_as_it_is(item))
            left.append(STAYS.format(line=line or item["skuCode"]))
        elif line is None:
            listed.append(_as_it_is(item))
            left.append(ADDED_THERE.format(code=item["skuCode"]))
    found = {str(each["line"]) for each in paired.values()}
    left += [NOT_ADDED.format(line=each["line"]) for each in lines if str(each["line"]) not in found]
    return (None if listed == [_as_it_is(item) for item in theirs] else listed), left


def _named(payload: Mapping[str, Any], there: Row) -> str:
    """By which line the items are named there: since our own marker stands there by that of today."""
    ours = marker_of(payload).partition("/")[0]
    is_ours = ours in {each.partition("/")[0] for each in MARKER.findall(there.get("summary") or "")}
    return "line" if is_ours else "was_line"


def pair(lines: Sequence[Line], order: Mapping[str, Any], named: str = "line") -> dict[int, Line]:
    """By id of an item of the order, its line: by what is written there, else by what only one on either side has."""
    paired: dict[int, Line] = {}
    here, there = list(lines), active_items(order)
    rules: list[tuple[Callable[[Mapping[str, Any]], Any], Callable[[Row], Any]]] = [
        (lambda line: line.get(named) and str(line[named]), lambda item: line_of(item, order)),
        (lambda line: (line["sku_id"], *_counts(line)), lambda item: (item["skuId"], *_counts(item))),
        (lambda line: line["sku_id"], lambda item: None if line_of(item, order) else item["skuId"]),
    ]
    for of_line, of_item in rules:
        ours, theirs = _alone(here, of_line), _alone(there, of_item)
        both = {theirs[each]["id"]: ours[each] for each in ours.keys() & theirs.keys()}
        here = [line for line in here if all(line is not each for each in both.values())]
        there = [item for item in there if item["id"] not in both]
        paired |= both
    return paired


def _alone(rows: Sequence[T], key_of: Callable[[T], Any]) -> dict[Any, T]:
    """The rows whose key no other has."""
    keys = [key_of(row) for row in rows]
    return {key: row for key, row in zip(keys, rows, strict=True) if key and keys.count(key) == 1}


def _counts(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    return Decimal(row["quantity"]), round(Decimal(row["cost"]), 2)


def line_of(item: Row, order: Mapping[str, Any]) -> str | None:
    """The line of the ERP that its description begins with, on an order of ours. The name of what is ordered may begin
    with a figure, too (20 x 25 filter): where it is the whole description, it is none.
    """
    said = plain(item.get("description"))
    begun = re.match(r"(\d+) ", said)
    is_ours = MARKER.search(order.get("summary") or "") and said != plain(item.get("skuName"))
    return begun[1] if begun and is_ours else None


def active_items(order: Mapping[str, Any]) -> list[Row]:
    """The values of an item's status are not documented."""
    return [item for item in order["items"] if str(item.get("status")).lower() not in ("inactive", "canceled")]


def received_of(item: Row) -> Decimal:
    return Decimal(item.get("quantityReceived") or 0)


def _as_it_is(item: Row) -> Row:
    """As a request takes it."""
    names = ("id", "skuId", "description", "vendorPartNumber", "quantity", "cost", "budgetCodeId")
    kept = {name: item.get(name) for name in names if item.get(name) is not None}
    return {"description": "", "vendorPartNumber": ""} | kept


def _as_ours(line: Line, item: Row, left: list[str]) -> Row:
    """Never lower than what was received of it; what is the same stays as it reads."""
    ours, there, received = item_of(line), _as_it_is(item), received_of(item)
    if received and ours["skuId"] != item["skuId"]:
        left.append(SKU_STAYS.format(line=line["line"]))
        ours["skuId"] = item["skuId"]
    floor = min(received, Decimal(item["quantity"]))  # the field may have received more than was ordered
    if ours["quantity"] < floor:
        quantities = {"received": figure(received), "quantity": figure(ours["quantity"])}
        left.append(NOT_LOWERED.format(line=line["line"], **quantities))
        ours["quantity"] = floor
    return there | {name: value for name, value in ours.items() if not _is_same(value, there.get(name))}


def _is_same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Decimal):
        return is_same_figure(ours, theirs)
    return plain(ours) == plain(theirs) if isinstance(ours, str) else bool(ours == theirs)


def item_of(line: Line) -> Row:
    """The description is markup there."""
    return {
        "skuId": line["sku_id"], "description": html.escape(line["description"], quote=False),
        "vendorPartNumber": line.get("vendor_part_number") or "", "quantity": Decimal(line["quantity"]),
        "cost": Decimal(line["cost"]),
    }  # fmt: skip
