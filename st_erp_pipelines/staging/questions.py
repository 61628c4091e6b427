"""What the next steps ask of staging: ids to read again, and what exists in the ERP."""

from __future__ import annotations

from typing import Any

import duckdb

# Not yet posted: a status may change without moving modifiedOn, so these are read again by id.
# Referenced: a document that names a record which staging lacks asks for it before it is blocked.
QUESTIONS = {
    "invoices": """
        select invoice_id from staging.stg_servicetitan__invoices where sync_status = 'Pending' and is_active
        union
        select invoice_id from staging.stg_servicetitan__payment_applications
        where invoice_id not in (select invoice_id from staging.stg_servicetitan__invoices)
    """,
    "payments": "select payment_id from staging.stg_servicetitan__payments where sync_status = 'Pending' and is_active",
    "customers": """
        select customer_id from (
            select customer_id from staging.stg_servicetitan__invoices
            union select customer_id from staging.stg_servicetitan__payments
            union select customer_id from staging.stg_servicetitan__credit_memos
            union select merged_to_id from staging.stg_servicetitan__customers
        ) as named
        where customer_id not in (select customer_id from staging.stg_servicetitan__customers)
    """,
}


def ids(con: duckdb.DuckDBPyConnection, entity: str) -> list[int]:
    return [row[0] for row in con.execute(QUESTIONS[entity]).fetchall() if row[0] is not None]


def known_in_erp(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The values that mapping tables may name with what they are called, as `mapping.check.Known` takes them."""

    def names(query: str) -> dict[str, str]:
        return {value: name or "" for value, name in con.execute(query).fetchall()}

    def listed(table: str, key: str = "code", where: str = "true") -> dict[str, str]:
        return names(f"select {key}, display_name from staging.stg_business_central__{table} where {where}")

    def in_servicetitan(table: str, key: str) -> dict[str, str] | None:
        """None where the list was never read: that says nothing about an id."""
        return names(f"select {key}::varchar, name from staging.stg_servicetitan__{table}") or None

    dimensions: dict[str, dict[str, str]] = {code: {} for code in listed("dimensions")}
    values = "select dimension_code, code, display_name from staging.stg_business_central__dimension_values"
    for dimension, code, name in con.execute(values).fetchall():
        dimensions.setdefault(dimension, {})[code] = name or ""
    return {
        "accounts": listed("accounts", "number", "account_type = 'Posting' and is_direct_posting and not is_blocked"),
        "items": listed("items", "number", "not is_blocked"),
        "dimensions": dimensions,
        "payment_terms": listed("payment_terms"),
        "tax_codes": listed("tax_groups"),
        "customers": listed("customers", "number"),
        "business_units": in_servicetitan("business_units", "business_unit_id"),
        "tax_zones": in_servicetitan("tax_zones", "tax_zone_id"),
    }
