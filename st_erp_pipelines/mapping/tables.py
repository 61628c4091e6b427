"""The accountants' tables: one CSV file each, in the connection's mapping folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ANY = "*"
"""In a key: the row for everything that has no row of its own."""


class Kind(StrEnum):
    TEXT = "text"
    ID = "id"  # a ServiceTitan number
    TARGET_TYPE = "target_type"  # account or item
    BATCHES = "batches"  # payment journal codes; letters only, since posting renames a batch with digits


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT
    required: bool = False  # a value in every row; the column itself is always required
    wildcard: bool = False


@dataclass(frozen=True)
class Table:
    name: str
    key: str
    columns: tuple[Column, ...]
    optional: bool = False  # neither the file nor a row must be there: what is not listed is let through

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


TABLES = (
    Table(
        "business_units",
        key="business_unit_id",
        columns=(
            Column("business_unit_id", Kind.ID, required=True),
            Column("business_unit_name"),
            Column("dimension_code", required=True),
            Column("dimension_value", required=True),
            Column("account"),  # of lines whose own account has no row
        ),
    ),
    Table(
        "accounts",
        key="gl_account_number",
        columns=(
            Column("gl_account_number", required=True, wildcard=True),
            Column("target_type", Kind.TARGET_TYPE, required=True),
            Column("target_number", required=True),
        ),
    ),
    Table(
        "payment_types",
        key="payment_type_name",
        columns=(
            Column("payment_type_name", required=True, wildcard=True),
            Column("balancing_account"),  # empty: what an administrator set on the batch
            Column("batches", Kind.BATCHES, required=True),
        ),
    ),
    Table(
        "tax_zones",
        key="tax_zone_id",
        columns=(
            Column("tax_zone_id", Kind.ID, required=True, wildcard=True),
            Column("tax_zone_name"),
            Column("liability_account"),
            Column("tax_code"),  # of taxable lines, where the ERP computes
        ),
    ),
    Table(
        "payment_terms",
        key="term_name",
        columns=(Column("term_name", required=True), Column("erp_code", required=True)),
    ),
    Table(
        "customers",
        key="customer_id",
        columns=(Column("customer_id", Kind.ID, required=True), Column("erp_number", required=True)),
        optional=True,
    ),
)
