"""What the next steps ask of staging: ids to read again, and what exists in the ERP."""

from __future__ import annotations

from typing import Any

import duckdb

OF_OURS = r"\[ST-[A-Z]{1,3}-P[OR]-"  # the marker in the memo of an order that we wrote

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
    "ap_bills": """
        select ap_bill_id from staging.stg_servicetitan__ap_bills where sync_status = 'Pending' and canceled_at is null
        union
        select ap_bill_id from staging.stg_servicetitan__receipts
        where ap_bill_id not in (select ap_bill_id from staging.stg_servicetitan__ap_bills)
    """,
    # That a receipt was billed, or something received of an order, need not move its modifiedOn: ours are read again.
    "receipts": f"""
        select receipt_id from staging.stg_servicetitan__receipts where sync_status = 'Pending' and is_active
        union
        select receipt_id
        from staging.stg_servicetitan__receipts as receipt
        join staging.stg_servicetitan__purchase_orders as the_order using (purchase_order_id)
        where receipt.ap_bill_id is null and receipt.is_active and regexp_matches(the_order.summary, '{OF_OURS}')
    """,
    "purchase_orders": f"""
        select purchase_order_id from (
            select purchase_order_id from staging.stg_servicetitan__ap_bills
            union select purchase_order_id from staging.stg_servicetitan__receipts
        ) as named
        where purchase_order_id not in (select purchase_order_id from staging.stg_servicetitan__purchase_orders)
        union
        select purchase_order_id from staging.stg_servicetitan__purchase_orders
        where status not in ('Received', 'Exported', 'Canceled') and regexp_matches(summary, '{OF_OURS}')
    """,
    "purchase_requests": """
        select purchase_request_id from staging.stg_servicetitan__purchase_requests where status = 'PendingApproval'
    """,
    # A payment put into an open deposit need not move the deposit's modifiedOn.
    "bank_deposits": """
        select bank_deposit_id from staging.stg_servicetitan__bank_deposits
        where deposit_status = 'Open' and is_active
        union
        select bank_deposit_id from staging.stg_servicetitan__payments
        where bank_deposit_id not in (select bank_deposit_id from staging.stg_servicetitan__bank_deposits)
    """,
    "vendors": """
        select vendor_id from (
            select vendor_id from staging.stg_servicetitan__ap_bills
            union select vendor_id from staging.stg_servicetitan__purchase_orders
            union select vendor_id from staging.stg_servicetitan__receipts
            union select vendor_id from staging.stg_servicetitan__purchase_requests
            union select primary_vendor_id from staging.stg_servicetitan__materials
            union select primary_vendor_id from staging.stg_servicetitan__equipment
        ) as named
        where vendor_id not in (select vendor_id from staging.stg_servicetitan__vendors)
    """,
    "jobs": """
        select job_id from (
            select job_id from staging.stg_servicetitan__invoices
            union select job_id from staging.stg_servicetitan__ap_bills
            union select job_id from staging.stg_servicetitan__purchase_orders
            union select job_id from staging.stg_servicetitan__receipts
            union select job_id from staging.stg_servicetitan__purchase_requests
        ) as named
        where job_id not in (select job_id from staging.stg_servicetitan__jobs)
    """,
    "projects": """
        select project_id from (
            select project_id from staging.stg_servicetitan__jobs
            union select project_id from staging.stg_servicetitan__purchase_orders
        ) as named
        where project_id not in (select project_id from staging.stg_servicetitan__projects)
    """,
    "locations": """
        select location_id from (
            select location_id from staging.stg_servicetitan__invoices
            union select location_id from staging.stg_servicetitan__jobs
            union select location_id from staging.stg_servicetitan__projects
            union select merged_to_id from staging.stg_servicetitan__locations
        ) as named
        where location_id not in (select location_id from staging.stg_servicetitan__locations)
    """,
}
# The same of what the ERP has, where its lists do not tell all that changed. Its keys are texts.
ERP_QUESTIONS = {
    # Invoices that are not final, and in releases that do not tell when one was changed those that may yet be reversed.
    "supplier_invoices": """
        select supplier_invoice || '/' || fiscal_year from staging.stg_sap_s4hana__supplier_invoices
        where status not in ('', '2', '5')
            or changed_at is null and not is_reversed and reverse_document is null
                and creation_date > (select max(creation_date) - 30 from staging.stg_sap_s4hana__supplier_invoices)
    """,
    "purchase_orders": """
        select purchase_order from (
            select purchase_order from staging.stg_sap_s4hana__supplier_invoice_items
            union select purchase_order from staging.stg_sap_s4hana__purchase_requisition_items
        ) as named
        where purchase_order not in (select purchase_order from staging.stg_sap_s4hana__purchase_orders)
    """,
    "purchase_requisition_items": """
        select purchase_requisition || '/' || purchase_requisition_item
        from staging.stg_sap_s4hana__purchase_order_items
        where (purchase_requisition, purchase_requisition_item) not in (
            select (purchase_requisition, item) from staging.stg_sap_s4hana__purchase_requisition_items
        )
    """,
    "suppliers": """
        select supplier from (
            select supplier from staging.stg_sap_s4hana__supplier_invoices
            union select supplier from staging.stg_sap_s4hana__purchase_orders
            union select supplier from staging.stg_sap_s4hana__purchase_requisition_items
        ) as named
        where supplier not in (select supplier from staging.stg_sap_s4hana__suppliers)
    """,
}


def of(system: str) -> dict[str, str]:
    return {"servicetitan": QUESTIONS, "sap_s4hana": ERP_QUESTIONS}.get(system, {})


def ids(con: duckdb.DuckDBPyConnection, system: str, entity: str) -> list[Any]:
    return [row[0] for row in con.execute(of(system)[entity]).fetchall() if row[0] is not None]


def known_in_erp(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The values that mapping tables may name with what they are called, as `mapping.check.Known` takes them."""

    def listed(table: str, key: str = "code", where: str = "true") -> dict[str, str]:
        return _names(con, f"select {key}, display_name from erp_{table} where {where}")

    categories = _in_servicetitan(con, "categories", "category_id")
    dimensions: dict[str, dict[str, str]] = {code: {} for code in listed("dimensions")}
    values = "select dimension_code, code, display_name from erp_dimension_values"
    for dimension, code, name in con.execute(values).fetchall():
        dimensions.setdefault(dimension, {})[code] = name or ""
    return {
        "accounts": listed("accounts", "number"),
        "items": listed("items", "number", "not is_blocked"),
        "all_items": listed("items", "number"),
        "item_categories": _names(
            con, "select distinct item_category_code, '' from erp_items where item_category_code <> ''"
        ),
        "dimensions": dimensions,
        "projects": listed("projects"),
        "payment_terms": listed("payment_terms"),
        "tax_codes": listed("tax_codes"),
        "means": listed("means") or None,
        "customers": listed("customers", "number"),
        "business_units": _in_servicetitan(con, "business_units", "business_unit_id"),
        "tax_zones": _in_servicetitan(con, "tax_zones", "tax_zone_id"),
        "vendors": _in_servicetitan(con, "vendors", "vendor_id"),
        "pricebook_categories": categories
        and categories | (_in_servicetitan(con, "subcategories", "subcategory_id") or {}),
    }


def known_to_buy(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The same of the tables of a connection that buys: these name what ServiceTitan has."""

    def either(*lists: dict[str, str] | None) -> dict[str, str] | None:
        return {key: name for each in lists for key, name in (each or {}).items()} or None

    warehouses, trucks = (_in_servicetitan(con, f"{each}s", f"{each}_id") for each in ("warehouse", "truck"))
    materials = _in_servicetitan(con, "materials", "material_id", "display_name")
    equipment = _in_servicetitan(con, "equipment", "equipment_id", "display_name")
    return {
        "business_units": _in_servicetitan(con, "business_units", "business_unit_id"),
        "order_types": _in_servicetitan(con, "purchase_order_types", "purchase_order_type_id"),
        "locations": either(warehouses, trucks),
        "skus": either(materials, equipment),
    }


def _names(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    return {value: name or "" for value, name in con.execute(query).fetchall()}


def _in_servicetitan(con: duckdb.DuckDBPyConnection, table: str, key: str, name: str = "name") -> dict[str, str] | None:
    """None where the list was never read: that says nothing about an id."""
    return _names(con, f"select {key}::varchar, {name} from staging.stg_servicetitan__{table}") or None


def as_they_are(con: duckdb.DuckDBPyConnection, entity: str, keys: list[str]) -> dict[str, tuple[str, str]]:
    """Of these records, by source key: source hash and sync status, as they were read last."""
    query = (
        f"select source_key, source_hash, sync_status from staging.stg_servicetitan__{entity} where source_key in $keys"
    )
    return {key: (hash_, status) for key, hash_, status in con.execute(query, {"keys": keys}).fetchall()}
