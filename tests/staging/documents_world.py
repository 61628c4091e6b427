"""Staging and mapping tables as the contract has them, holding one plain invoice that is fit to be sent."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from st_erp_pipelines.settings import BusinessCentral, Connection, Flows, Rules, Secret, ServiceTitan
from st_erp_pipelines.staging.documents import KnownDocument
from st_erp_pipelines.staging.load import open_books

LOADED = "2026-11-10T08:00:00Z"


def key(kind: str, number: int) -> str:
    return f"servicetitan/1001/{kind}/{number}"


def settings(**changed: Any) -> Connection:
    """`invoices=` and the names of other flows change a flow, `rules=` the rules."""
    secrets = dict.fromkeys(("client_id", "client_secret"), Secret("x"))
    flows = {name: changed.pop(name) for name in Flows.model_fields if name in changed}
    return Connection(
        **{
            "name": "northwind",
            "key_prefix": "A",
            "time_zone": "America/Chicago",
            "start_date": "2026-10-01",
            "go_live": "2026-11-01",
            "mappings": Path(__file__).parent,  # it must be there
            "flows": Flows(**flows),
            "servicetitan": ServiceTitan(tenant_id=1001, app_key=Secret("x"), application_guid=UUID(int=1), **secrets),
            "erp": BusinessCentral(kind="business_central", company="C", token_url="http://127.0.0.1/token", **secrets),
            "rules": Rules(**changed.pop("rules", {})),
        }
        | changed
    )


class World:
    """Rows go in by `put(table, **columns)`; `change` and `drop` speak of the rows that are there."""

    def __init__(self) -> None:
        self.is_used = False
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute(Path(__file__).with_name("documents_schema.sql").read_text("utf-8"))
        open_books(self.con, "business_central")

    def put(self, table: str, **values: Any) -> None:
        marks = ", ".join(f"${name}" for name in values)
        self.con.execute(f"insert into {self._full(table)} ({', '.join(values)}) values ({marks})", values)

    def change(self, table: str, where: str = "true", **values: Any) -> None:
        marks = ", ".join(f"{name} = ${name}" for name in values)
        self.con.execute(f"update {self._full(table)} set {marks} where {where}", values)

    def drop(self, table: str, where: str = "true") -> None:
        self.con.execute(f"delete from {self._full(table)} where {where}")

    def invoice(self, number: int, *items: dict[str, Any], **values: Any) -> None:
        """With the items given, or one over the whole total."""
        row = (
            dict(
                invoice_id=number,
                reference_number=f"R{number}",
                sync_status="Posted",
                invoice_date="2026-11-05",
                due_date="2026-12-05",
                sales_tax="0",
                total="100",
                customer_id=7,
                customer_name="Ann Lee",
                business_unit_id=1,
                business_unit_name="HVAC",
                is_active=True,
                has_null_items=False,
                first_sync_status="Posted",
                source_key=key("invoice", number),
                source_hash=f"h{number}",
                home_day="2026-11-06",
                loaded_at=LOADED,
            )
            | values
        )
        self.put("invoices", **row)
        for position, item in enumerate(items or ({"price": row["total"], "total": row["total"]},), 1):
            self.item("invoice_items", position, invoice_id=number, **item)

    def item(self, table: str, position: int, **values: Any) -> None:
        row = dict(position=position, type="Service", sku_name="Tune-up", quantity="1", is_taxable=False)
        self.put(table, **row | {"gl_account_number": "4000"} | values)

    def credit_memo(self, number: int, **values: Any) -> None:
        row = (
            dict(
                credit_memo_id=number,
                reference_number=f"M{number}",
                sync_status="Posted",
                credit_memo_date="2026-11-05",
                sales_tax="0",
                total="40",
                customer_id=7,
                customer_name="Ann Lee",
                business_unit_id=1,
                business_unit_name="HVAC",
                is_active=True,
                first_sync_status="Posted",
                source_key=key("credit_memo", number),
                source_hash=f"c{number}",
                home_day="2026-11-06",
                loaded_at=LOADED,
            )
            | values
        )
        self.put("credit_memos", **row)
        self.item(
            "credit_memo_items",
            1,
            credit_memo_id=number,
            price=row["total"],
            total=row["total"],
            is_active=True,
        )

    def payment(self, number: int, *applied: tuple[int, str], **values: Any) -> None:
        """`applied`: invoice id and amount, in the order of their applications."""
        row = (
            dict(
                payment_id=number,
                sync_status="Posted",
                reference_number=f"P{number}",
                payment_date="2026-11-08",
                payment_type_name="Check",
                total="100",
                customer_id=7,
                customer_name="Ann Lee",
                business_unit_id=1,
                business_unit_name="HVAC",
                is_active=True,
                first_sync_status="Posted",
                source_key=key("payment", number),
                source_hash=f"p{number}",
                home_day="2026-11-08",
                loaded_at=LOADED,
            )
            | values
        )
        self.put("payments", **row)
        for order, (invoice_id, amount) in enumerate(applied, 1):
            self.put(
                "payment_applications",
                payment_id=number,
                applied_id=order * 10,
                invoice_id=invoice_id,
                amount=amount,
            )

    def customer(self, number: int, **values: Any) -> None:
        row = dict(
            customer_id=number,
            name="Ann Lee",
            type="Residential",
            street="1 Oak St",
            city="Austin",
            state="TX",
            zip="78701",
            country="USA",
            is_active=True,
            source_key=key("customer", number),
            source_hash=f"s{number}",
            home_day="2026-10-20",
            loaded_at=LOADED,
        )
        self.put("customers", **row | values)

    @staticmethod
    def _full(table: str) -> str:
        if "." in table:
            return table
        return f"staging.stg_servicetitan__{table}"


def plain_world() -> World:
    """One for all tests of a process, set back to how it was: to make it takes longer than a test."""
    world = _shared_world()
    if world.is_used:
        world.con.rollback()
    world.con.begin()
    world.is_used = True
    return world


@cache
def _shared_world() -> World:
    return new_world()


def new_world() -> World:
    world = World()
    world.customer(7)
    world.put("business_units", business_unit_id=1, name="HVAC")
    world.put("tax_zones", tax_zone_id=3, name="Travis")
    world.put(
        "staging.stg_business_central__general_ledger_setup",
        allow_posting_from="2026-11-01",
        allow_posting_to="2026-12-31",
        local_currency_code="USD",
    )
    world.put(
        "mapping.business_units",
        business_unit_id=1,
        dimension_code="DEPT",
        dimension_value="HV",
        account="4100",
    )
    world.put("mapping.accounts", gl_account_number="4000", target_type="account", target_number="40000")
    world.put("mapping.tax_zones", tax_zone_id=3, tax_zone_name="Travis", liability_account="22000", tax_code="TX")
    world.put("mapping.payment_types", payment_type_name="Check", balancing_account="10100", batches="STPAYA STPAYB")
    return world


def known(kind: str, number: int, state: str, source_hash: str = "", **values: Any) -> KnownDocument:
    flow, stem = {
        "invoice": ("invoices", f"ST-A-INV-{number}"),
        "credit_memo": ("invoices", f"ST-A-CM-{number}"),
        "customer": ("customers", f"STA-{number}"),
        "payment": ("payments", f"AP{number}-{values.get('part', 0)}"),
    }[kind]
    prefix = {"invoice": "h", "credit_memo": "c", "customer": "s", "payment": "p"}[kind]
    row = dict(
        flow=flow,
        kind=kind,
        source_key=key(kind, number),
        part=0,
        revision=0,
        state=state,
        source_hash=source_hash or f"{prefix}{number}",
        remote_id=f"guid-{number}",
        remote_number=None,
        business_key=stem,
        is_fixed=state in ("sending", "in_doubt", "conflict", "entered", "posted", "adopted"),
    )
    return KnownDocument(**row | values)


ANN = known("customer", 7, "posted")
