"""What the mapping tables name and the ERP does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from st_erp_pipelines.mapping.load import MappingFault, Mappings


@dataclass(frozen=True)
class Known:
    """What exists in the ERP, as it spells it."""

    accounts: AbstractSet[str]  # posting, direct, not blocked: what a line may name
    items: AbstractSet[str]
    dimensions: Mapping[str, AbstractSet[str]]  # values by dimension code
    payment_terms: AbstractSet[str]
    tax_codes: AbstractSet[str]
    customers: AbstractSet[str]


def check(mappings: Mappings, known: Known) -> list[MappingFault]:
    units, accounts = mappings.tables["business_units"], mappings.tables["accounts"]
    payment_types, tax_zones = mappings.tables["payment_types"], mappings.tables["tax_zones"]
    terms, customers = mappings.tables["payment_terms"], mappings.tables["customers"]
    to_account, to_item = (accounts[accounts["target_type"] == kind] for kind in ("account", "item"))
    account = "account that may be posted to"
    return [
        *_absent("business_units", units["dimension_code"], known.dimensions.keys(), "dimension"),
        *_absent_dimension_values(units, known.dimensions),
        *_absent("business_units", units["account"], known.accounts, account),
        *_absent("accounts", to_account["target_number"], known.accounts, account),
        *_absent("accounts", to_item["target_number"], known.items, "item"),
        *_absent("payment_types", payment_types["balancing_account"], known.accounts, account),
        *_absent("tax_zones", tax_zones["liability_account"], known.accounts, account),
        *_absent("tax_zones", tax_zones["tax_code"], known.tax_codes, "tax code"),
        *_absent("payment_terms", terms["erp_code"], known.payment_terms, "payment terms code"),
        # No nearest number here: a neighbour's number is another customer, not a slip of the pen.
        *_absent("customers", customers["erp_number"], known.customers, "customer", suggest=False),
    ]


def _absent_dimension_values(units: pd.DataFrame, dimensions: Mapping[str, AbstractSet[str]]) -> Iterator[MappingFault]:
    for code, values in dimensions.items():
        named = units.loc[units["dimension_code"] == code, "dimension_value"]
        yield from _absent("business_units", named, values, f"value of dimension {code}")


def _absent(
    table: str, column: pd.Series[str], existing: AbstractSet[str], what: str, *, suggest: bool = True
) -> Iterator[MappingFault]:
    missing = set(column) - existing - {""}
    nearest = _nearest(missing, existing) if suggest else {}
    for row, value in zip(column.index, column, strict=True):
        if value in missing:
            hint = f"; did you mean {nearest[value]}?" if value in nearest else ""
            yield MappingFault(f"{table}.csv", row, str(column.name), f"{value!r} is no {what} in the ERP{hint}")


def _nearest(missing: AbstractSet[str], existing: AbstractSet[str]) -> dict[str, str]:
    spelled = {name.casefold(): name for name in sorted(existing)} if missing else {}
    near = {value: get_close_matches(value.casefold(), spelled, 1) for value in missing}
    return {value: spelled[found[0]] for value, found in near.items() if found}
