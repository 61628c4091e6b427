"""The real tables, holding one order of S/4HANA that stands in ServiceTitan; and supplier invoices that bill it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from st_erp_pipelines.mapping.duck import install
from st_erp_pipelines.mapping.load import load
from st_erp_pipelines.settings import Connection, Flows, Rules, SapS4hana, Secret, ServiceTitan
from st_erp_pipelines.staging.documents import KnownDocument
from st_erp_pipelines.staging.load import open_books, prepare

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORDER, ORDER_THERE = "4500000001", 7001
LINES = ((10, "Copper pipe", 10, 501), (20, "Valve", 4, 502))
SYSTEMS = {"servicetitan": "1003", "sap_s4hana": "1710"}


def source_key(kind: str, number: str) -> str:
    return f"sap_s4hana/1710/{kind}/{number}"


def settings(invoices: str = "receive", mode: str = "post") -> Connection:
    secrets = dict.fromkeys(("client_id", "client_secret"), Secret("x"))
    erp = SapS4hana(
        kind="sap_s4hana", api_url="http://127.0.0.1", company_code="1710", controlling_area="A000",
        purchasing_organization="1710", **secrets,
    )  # fmt: skip
    return Connection(
        name="harbor", key_prefix="C", time_zone="America/Chicago", start_date=date(2026, 10, 1), erp=erp,
        go_live=date(2026, 11, 1), mappings=Path(__file__).parent, rules=Rules(invoices=invoices),
        servicetitan=ServiceTitan(tenant_id=1003, app_key=Secret("x"), **secrets),
        flows=Flows(supplier_invoices={"mode": mode}),
    )  # fmt: skip


class World:
    """`put`, `change` and `drop` speak of tables without `stg_`: `sap_s4hana__purchase_orders`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def put(self, table: str, **values: Any) -> None:
        marks = ", ".join(f"${name}" for name in values)
        self.con.execute(f"insert into {_full(table)} ({', '.join(values)}) values ({marks})", values)

    def change(self, table: str, where: str = "true", **values: Any) -> None:
        marks = ", ".join(f"{name} = ${name}" for name in values)
        self.con.execute(f"update {_full(table)} set {marks} where {where}", values)

    def drop(self, table: str, where: str = "true") -> None:
        self.con.execute(f"delete from {_full(table)} where {where}")

    def order_of_s4(self, number: str = ORDER, **values: Any) -> None:
        row = dict(order_type="ZREC", supplier="100", order_date="2026-11-03", company_code="1710")
        key = source_key("purchase_order", number)
        self.put("sap_s4hana__purchase_orders", purchase_order=number, source_key=key, **row | values)
        for line, text, *_ in LINES:
            self.put("sap_s4hana__purchase_order_items", purchase_order=number, item=line, description=text)

    def order(self, number: str = ORDER, there: int = ORDER_THERE) -> None:
        """In both systems. Two lines: 10 pieces of copper pipe at 12.50, and 4 valves at 30."""
        self.order_of_s4(number)
        self.put("servicetitan__purchase_orders", purchase_order_id=there, number=f"PO{there}", job_id=55)
        for line, text, quantity, sku in LINES:
            self.put(
                "servicetitan__purchase_order_items", purchase_order_id=there, item_id=there * 100 + line, sku_id=sku,
                description=f"{line} {text}", quantity=quantity, quantity_received=0,
            )  # fmt: skip

    def invoice(self, number: str, *lines: tuple[Any, ...], tax: str = "0", **values: Any) -> None:
        """`lines`: order, line, quantity, amount, of freight its condition; by default all of the order, 245 net."""
        billed = lines or ((ORDER, 10, "10", "125"), (ORDER, 20, "4", "120"))
        whole = sum((float(line[3]) for line in billed), float(tax) + float(values.get("delivery_cost", 0)))
        row = dict(
            supplier_invoice=number, fiscal_year=2026, company_code="1710", status="5", is_credit_memo=False,
            is_reversal=False, is_reversed=False, supplier="100", vendor_invoice_number=f"V-{number}",
            document_date="2026-11-08", posting_date="2026-11-09", creation_date="2026-11-09", currency_code="USD",
            gross_amount=f"{whole:.2f}", delivery_cost="0", home_day="2026-11-09", source_hash=f"h{number}",
            source_key=source_key("supplier_invoice", f"{number}/2026"),
        )  # fmt: skip
        self.put("sap_s4hana__supplier_invoices", **row | values)
        self.put("sap_s4hana__supplier_invoice_taxes", supplier_invoice=number, fiscal_year=2026, tax_amount=tax)
        for at, (order, line, quantity, amount, *freight) in enumerate(billed, 1):
            self.put(
                "sap_s4hana__supplier_invoice_items", supplier_invoice=number, fiscal_year=2026, item=at,
                purchase_order=order, purchase_order_item=line, quantity=quantity, net_amount=amount,
                is_subsequent=False, delivery_condition=freight[0] if freight else None,
            )  # fmt: skip

    def receipt(self, number: int, *lines: tuple[int, str], **values: Any) -> None:
        """`lines`: line of the order and quantity; by default all that was ordered. With a bill of the same number."""
        row = dict(
            receipt_id=number, number=f"R{number}", purchase_order_id=ORDER_THERE, receipt_amount="245", is_active=True,
            ap_bill_id=number, memo="", vendor_invoice_number="", created_at="2026-11-10T09:00:00Z",
        )  # fmt: skip
        row |= values
        self.put("servicetitan__receipts", **row)
        for line, quantity in lines or ((10, "10"), (20, "4")):
            item = int(row["purchase_order_id"]) * 100 + line
            self.put("servicetitan__receipt_items", receipt_id=number, purchase_order_item_id=item, quantity=quantity)
            self.con.execute(
                "update staging.stg_servicetitan__purchase_order_items set quantity_received = quantity_received + ?"
                " where item_id = ?",
                [quantity, item],
            )

    def bill(self, number: int, amount: str, **values: Any) -> None:
        row = dict(ap_bill_id=number, bill_amount=amount, status="Unreconciled", purchase_order_id=ORDER_THERE)
        self.put("servicetitan__ap_bills", **row | values)


def _full(table: str) -> str:
    return table if "." in table else f"staging.stg_{table}"


@cache
def _shared() -> World:
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    prepare(con, SYSTEMS, zone="America/Chicago", first_day=date(2026, 10, 1), last_day=NOW.date(), now=NOW)
    install(con, load(Path(__file__).parent / "nowhere", ()))
    con.execute("set variable erp_settings = $settings", {"settings": settings().erp.for_payloads})
    open_books(con, "sap_s4hana")
    world = World(con)
    world.order()
    return world


@contextmanager
def rolled_back() -> Iterator[World]:
    """One world for all tests of a process: to make its tables takes longer than a test."""
    world = _shared()
    world.con.begin()
    yield world
    world.con.rollback()


def known_order(number: str = ORDER, there: int = ORDER_THERE, state: str = "posted") -> KnownDocument:
    items = [
        {"line": "10", "sku_id": 501, "description": "10 Copper pipe", "quantity": "10"},
        {"line": "20", "sku_id": 502, "description": "20 Valve", "quantity": "4"},
    ]
    return KnownDocument(
        "purchase_orders", "purchase_order", source_key("purchase_order", number), 0, 0, state, "h", str(there), None,
        f"ST-C-PO-{number}", True, written=json.dumps({"items": items, "job_id": 55}),
    )  # fmt: skip


def known_invoice(number: str, state: str, **values: Any) -> KnownDocument:
    """Of the invoice's share in the one order."""
    plain = KnownDocument(
        "supplier_invoices", "supplier_invoice", source_key("supplier_invoice", f"{number}/2026"), 1, 0, state,
        f"h{number}", "901" if state in ("posted", "adopted") else None, None, f"ST-C-SI-{number}-2026-{ORDER}",
        state == "posted",
    )  # fmt: skip
    return plain._replace(**values)
