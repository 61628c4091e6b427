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
    """The values that mapping tables may name, as `mapping.check.Known` takes them."""

    def values(query: str) -> set[str]:
        return {row[0] for row in con.execute(query).fetchall()}

    dimensions: dict[str, set[str]] = {
        code: set() for code in values("select code from staging.stg_business_central__dimensions")
    }
    named = "select dimension_code, code from staging.stg_business_central__dimension_values"
    for dimension, code in con.execute(named).fetchall():
        dimensions.setdefault(dimension, set()).add(code)
    postable = "account_type = 'Posting' and is_direct_posting and not is_blocked"
    return {
        "accounts": values(f"select number from staging.stg_business_central__accounts where {postable}"),
        "items": values("select number from staging.stg_business_central__items where not is_blocked"),
        "dimensions": dimensions,
        "payment_terms": values("select code from staging.stg_business_central__payment_terms"),
        "tax_codes": values("select code from staging.stg_business_central__tax_groups"),
        "customers": values("select number from staging.stg_business_central__customers"),
    }
