"""What the mapping tables name and the ERP, or ServiceTitan, does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from os.path import commonprefix
from typing import TypeAlias

import pandas as pd

from st_erp_pipelines.mapping.load import MappingFault, Mappings
from st_erp_pipelines.mapping.tables import ANY, SKIP

Names: TypeAlias = Mapping[str, str]
"""What exists, as its system spells it, and what it is called there; "" where it has no name."""

LISTED = 8


@dataclass(frozen=True)
class Known:
    """What is None is not checked against."""

    accounts: Names = field(default_factory=dict)  # posting, direct, not blocked: what a line may name
    items: Names = field(default_factory=dict)
    dimensions: Mapping[str, Names] = field(default_factory=dict)  # values by dimension code
    payment_terms: Names = field(default_factory=dict)
    tax_codes: Names = field(default_factory=dict)
    customers: Names = field(default_factory=dict)
    projects: Names = field(default_factory=dict)
    business_units: Names | None = None  # by id
    tax_zones: Names | None = None
    vendors: Names | None = None
    pricebook_categories: Names | None = None
    all_items: Names | None = None  # blocked ones, too
    item_categories: Names | None = None
    means: Names | None = None  # of payment
    order_types: Names | None = None  # of purchase orders
    locations: Names | None = None  # of inventory
    skus: Names | None = None  # of materials and equipment


def check(mappings: Mappings, known: Known) -> list[MappingFault]:
    units, accounts = mappings.tables["business_units"], mappings.tables["accounts"]
    payment_types, tax_zones = mappings.tables["payment_types"], mappings.tables["tax_zones"]
    terms, customers = mappings.tables["payment_terms"], mappings.tables["customers"]
    items, titan = mappings.tables["items"], "ServiceTitan"
    to_account, to_item = (accounts[accounts["target_type"] == kind] for kind in ("account", "item"))
    account = "account that may be posted to"
    return [
        *_absent("business_units", units["dimension_code"], dict.fromkeys(known.dimensions, ""), "dimension"),
        *_absent_dimension_values(units, known.dimensions),
        *_absent("business_units", units["account"], known.accounts, account),
        *_absent("business_units", units["project"], known.projects, "project"),
        *_absent("accounts", to_account["target_number"], known.accounts, account),
        *_absent("accounts", to_item["target_number"], known.items, "item"),
        *_absent("payment_types", payment_types["balancing_account"], known.accounts, account),
        *_absent("payment_types", payment_types["batches"], known.means, "means of payment"),
        *_absent("tax_zones", tax_zones["liability_account"], known.accounts, account),
        *_absent("tax_zones", tax_zones["tax_code"], known.tax_codes, "tax code"),
        *_absent("payment_terms", terms["erp_code"], known.payment_terms, "payment terms code"),
        # No near number here: a neighbour's number is another customer, not a slip of the pen.
        *_absent("customers", customers["erp_number"], known.customers, "customer", listed=False),
        *_absent("items", items["vendor_id"], known.vendors, "vendor", of=titan),
        *_absent("items", items["category_id"], known.pricebook_categories, "category of the pricebook", of=titan),
        *_unused("business_units", units["business_unit_id"], known.business_units, "business unit", of=titan),
        *_unused("tax_zones", tax_zones["tax_zone_id"], known.tax_zones, "tax zone", of=titan),
        *_unused("items", items["item_number"].str.upper(), known.all_items, "item"),
        *_unused("items", items["item_category"].str.upper(), known.item_categories, "item category"),
        *_of_purchasing(mappings, known),
    ]


def _of_purchasing(mappings: Mappings, known: Known) -> Iterator[MappingFault]:
    """Ids of ServiceTitan. Cost centers come and go: `coverage.py` compares them by day."""
    unit = "business unit"
    for table, name, existing, what in (
        ("order_types", "type_id", known.order_types, "type of purchase orders"),
        ("plants", "inventory_location_id", known.locations, "warehouse or truck"),
        ("plants", "business_unit_id", known.business_units, unit),
        ("cost_centers", "business_unit_id", known.business_units, unit),
        ("materials", "sku_id", known.skus, "material or equipment"),
    ):
        column = mappings.tables[table][name]
        yield from _absent(table, column[column != SKIP], existing, what, of="ServiceTitan")


def _absent_dimension_values(units: pd.DataFrame, dimensions: Mapping[str, Names]) -> Iterator[MappingFault]:
    for code, values in dimensions.items():
        named = units.loc[units["dimension_code"] == code, "dimension_value"]
        yield from _absent("business_units", named, values, f"value of dimension {code}")


def _absent(
    table: str, column: pd.Series[str], existing: Names | None, what: str, *, listed: bool = True, of: str = "the ERP"
) -> Iterator[MappingFault]:
    missing = set() if existing is None else set(column) - existing.keys() - {""}
    hints = {value: f" (it has {_listed(value, existing or {})})" if listed else "" for value in missing}
    for row, value in zip(column.index, column, strict=True):
        if value in missing:
            message = f"column {column.name}: {value!r} is no {what} in {of}{hints[value]}"
            yield MappingFault(f"{table}.csv", row, str(column.name), message)


def _unused(
    table: str, column: pd.Series[str], existing: Names | None, what: str, *, of: str = "the ERP"
) -> Iterator[MappingFault]:
    """Rows for what is not there: they do no harm, but another row may have been meant."""
    missing = set() if existing is None else set(column) - existing.keys() - {"", ANY}
    for row, value in zip(column.index, column, strict=True):
        if value in missing:
            message = f"column {column.name}: {value} is no {what} of {of} (it has {_listed(value, existing or {})})"
            yield MappingFault(f"{table}.csv", row, str(column.name), message, withholds=False)


def _listed(value: str, existing: Names) -> str:
    """The nearest of what there is, with names."""
    if not existing:
        return "none"
    nearest = _nearest(value, existing)[:LISTED]
    named = (f"{each} {existing[each]}" if existing[each] not in ("", each) else each for each in nearest)
    return ", ".join(named) + (", ..." if len(existing) > LISTED else "")


def _nearest(value: str, existing: Names) -> list[str]:
    """Of numbers those first that begin with the same digits: they are of the same group of accounts."""

    def distance(other: str) -> tuple[int, int, str]:
        apart = abs(int(other) - int(value)) if value.isdecimal() and other.isdecimal() else 0
        return -len(commonprefix([value.casefold(), other.casefold()])), apart, other

    spelled = {} if value.isdecimal() else {other.casefold(): other for other in sorted(existing)}
    close = [spelled[near] for near in get_close_matches(value.casefold(), spelled, LISTED)]
    return list(dict.fromkeys([*close, *sorted(existing, key=distance)]))
