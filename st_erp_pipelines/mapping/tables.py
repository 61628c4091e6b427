"""The accountants' tables: one CSV file each, in the connection's mapping folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ANY = "*"
"""In a key: the row for everything that has no row of its own."""

SKIP = "skip"
"""Instead of an id: what the row is about is none of this connection's."""


class Kind(StrEnum):
    TEXT = "text"
    ID = "id"  # a ServiceTitan number
    PADDED = "padded"  # a number that S/4HANA fills up with zeros, and staging does not; plants and types have theirs
    TARGET_TYPE = "target_type"  # account or item
    BECOMES = "becomes"  # material, service or none
    BATCHES = "batches"  # payment journal codes; letters only, since posting renames a batch with digits
    DAY = "day"  # 2026-10-01
    INVOICES = "invoices"  # match_only or receive


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT
    expected: str = ""  # what stands in every row; "": a cell may be empty
    wildcard: bool = False
    optional: bool = False  # the column need not be there
    skips: bool = False  # `skip` may stand in it

    @property
    def required(self) -> bool:
        return bool(self.expected)


@dataclass(frozen=True)
class Table:
    name: str
    key: str
    columns: tuple[Column, ...]
    flows: tuple[str, ...]  # that need it
    optional: bool = False  # the file need not be there
    lets_through: bool = False  # nor a row: what is not listed is let through
    within: str = ""  # a row with * in its key may speak for one value of this column only
    repeats: bool = False  # a key may stand in several rows: what tells them apart is another's to check

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


SALES_TABLES = (
    Table(
        "business_units",
        key="business_unit_id",
        columns=(
            Column("business_unit_id", Kind.ID, "the id of a business unit of ServiceTitan"),
            Column("business_unit_name"),
            Column("dimension_code", expected="the code of a dimension such as DEPARTMENT"),
            Column("dimension_value", expected="the code of a value of that dimension"),
            Column("account"),  # of lines whose own account has no row
            Column("project", optional=True),  # beside the dimension, where the ERP has projects
        ),
        flows=("invoices",),
    ),
    Table(
        "accounts",
        key="gl_account_number",
        columns=(
            Column("gl_account_number", expected="a general ledger account of ServiceTitan, or *", wildcard=True),
            Column("target_type", Kind.TARGET_TYPE, "account or item"),
            Column("target_number", expected="the number of an account or item of the ERP"),
        ),
        flows=("invoices",),
    ),
    Table(
        "payment_types",
        key="payment_type_name",
        columns=(
            Column("payment_type_name", expected="a payment type of ServiceTitan, or *", wildcard=True),
            Column("balancing_account"),  # empty: what an administrator set on the batch
            Column("batches", Kind.BATCHES, "journal codes such as STPAYA STPAYB"),
        ),
        flows=("payments",),
    ),
    Table(
        "tax_zones",
        key="tax_zone_id",
        columns=(
            Column("tax_zone_id", Kind.ID, "the id of a tax zone of ServiceTitan, or *", wildcard=True),
            Column("tax_zone_name"),
            Column("liability_account"),
            Column("tax_code"),  # of taxable lines, where the ERP computes
        ),
        flows=("invoices",),
    ),
    Table(
        "payment_terms",
        key="term_name",
        columns=(
            Column("term_name", expected="payment terms of ServiceTitan"),
            Column("erp_code", expected="the code of payment terms of the ERP"),
        ),
        flows=("customers",),
    ),
    Table(
        "customers",
        key="customer_id",
        columns=(
            Column("customer_id", Kind.ID, "the id of a customer of ServiceTitan"),
            Column("erp_number", expected="the number of a customer of the ERP"),
        ),
        flows=("customers", "invoices", "payments"),
        optional=True,
        lets_through=True,
    ),
    Table(
        "items",
        key="item_number",
        columns=(
            Column("item_number", expected="the number of an item of the ERP, or *", wildcard=True),
            Column("item_category"),  # of a row for *: for items of this category only
            Column("becomes", Kind.BECOMES, "material, service or none"),
            Column("category_id", Kind.ID),  # of the pricebook
            Column("vendor_id", Kind.ID),  # the primary vendor, which ServiceTitan demands of a material
            Column("account"),  # by name, as the pricebook has it
        ),
        flows=("items",),
        optional=True,
        within="item_category",
    ),
)
PURCHASING_TABLES = (
    Table(
        "order_types",
        key="order_type",
        columns=(
            Column("order_type", expected="a type of purchase orders of the ERP, or *", wildcard=True),
            Column("type_id", Kind.ID, "the id of a purchase order type of ServiceTitan, or skip", skips=True),
            Column("invoices", Kind.INVOICES, optional=True),  # empty: as the connection's rule says
        ),
        flows=("purchase_orders", "supplier_invoices"),
    ),
    Table(
        "plants",
        key="plant",
        columns=(
            Column("plant", expected="a plant of the ERP, or *", wildcard=True),
            Column("storage_location", optional=True),  # of requests that become orders there
            Column("inventory_location_id", Kind.ID, "the id of a warehouse or truck, or skip", skips=True),
            # Of orders without a cost center
            Column("business_unit_id", Kind.ID, "the id of a business unit of ServiceTitan, or skip", skips=True),
        ),
        flows=("purchase_orders", "requests"),
    ),
    Table(
        "cost_centers",
        key="cost_center",
        columns=(
            Column("cost_center", Kind.PADDED, "a cost center of the ERP"),
            Column("business_unit_id", Kind.ID, "the id of a business unit of ServiceTitan"),
            Column("valid_from", Kind.DAY),
            Column("valid_to", Kind.DAY),
        ),
        flows=("cost_centers", "purchase_orders", "requests"),
        repeats=True,  # one row after the other
    ),
    Table(
        "materials",
        key="material",
        columns=(
            Column("material", Kind.PADDED, "a material of the ERP, or *", wildcard=True),
            Column("sku_id", Kind.ID, "the id of a material or equipment of ServiceTitan's pricebook"),
            Column("unit", optional=True),  # of requests that become orders there
        ),
        flows=("purchase_orders", "requests"),
    ),
)
TABLES = (*SALES_TABLES, *PURCHASING_TABLES)
