"""A company that buys, with its mapping tables: one released order of two items over 325.00, fit for ServiceTitan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.settings import Connection, Flows, Rules, SapS4hana, Secret, ServiceTitan
from st_erp_pipelines.staging.documents import KnownDocument
from tests.staging.supplier_invoices_world import World
from tests.staging.supplier_invoices_world import rolled_back as empty_world

ORDER = "4500000001"
VENDOR, WAREHOUSE, UNIT = 71, 81, 31
ORDERS, ITEMS = "sap_s4hana__purchase_orders", "sap_s4hana__purchase_order_items"
ACCOUNTS = "sap_s4hana__purchase_order_account_assignments"
REQUISITIONS = "sap_s4hana__purchase_requisition_items"


def settings(rules: dict[str, Any] | None = None, mode: str = "post", **erp: Any) -> Connection:
    secrets: dict[str, Any] = dict.fromkeys(("client_id", "client_secret"), Secret("x"))
    s4 = dict(
        kind="sap_s4hana", api_url="http://127.0.0.1", company_code="1710", controlling_area="A000",
        purchasing_organization="1710", purchasing_group="001", material_group="L001", gl_account="51100000",
    )  # fmt: skip
    return Connection(
        name="harbor", key_prefix="A", time_zone="America/Chicago", start_date=date(2026, 10, 1),
        erp=SapS4hana(**secrets | s4 | erp),
        go_live=date(2026, 11, 1), mappings=Path(__file__).parent, rules=Rules(**rules or {}),
        servicetitan=ServiceTitan(tenant_id=1003, app_key=Secret("x"), **secrets),
        flows=Flows(purchase_orders={"mode": mode}, requests={"mode": mode}),
    )  # fmt: skip


def key(kind: str, number: str) -> str:
    return f"sap_s4hana/1710/{kind}/{number}"


def supplier(world: World, number: str, vendor: int) -> None:
    world.put("sap_s4hana__suppliers", supplier=number, name="Acme Supply", source_key=key("supplier", number))
    world.con.execute(
        "insert into staging.stg_servicetitan__vendors (vendor_id, name, external_data)"
        " values (?, 'Acme Supply', [{'key': 'S4Supplier', 'value': ?}])",
        [vendor, number],
    )


def order(world: World, number: str = ORDER, **values: Any) -> None:
    row = dict(
        purchase_order=number, company_code="1710", order_type="NB", processing_status="02",
        is_release_incomplete=False, is_on_hold=False,
        supplier="17", order_date="2026-11-05", currency_code="USD", home_day="2026-11-06",
        source_key=key("purchase_order", number),
    )  # fmt: skip
    world.put(ORDERS, **row | values)


def item(world: World, line: int, number: str = ORDER, account: str | None = "C1", **values: Any) -> None:
    """20 pieces of pipe at 12.50, unless said otherwise; to the cost center `account`."""
    row = dict(
        purchase_order=number, item=line, description="Copper pipe", material="MAT-1", plant="1710", quantity="20",
        unit="EA", price_unit="EA", net_price_amount="12.50", net_price_quantity="1", price_unit_numerator="1",
        price_unit_denominator="1", is_return=False, delivery_date="2026-11-20",
    )  # fmt: skip
    world.put(ITEMS, **row | values)
    if account is not None:
        world.put(
            ACCOUNTS, purchase_order=number, item=line, assignment=1, is_deleted=False, cost_center=account,
            net_amount=row["quantity"],
        )  # fmt: skip


def requisition_item(world: World, line: int, number: str = "100", account: str | None = "C1", **values: Any) -> None:
    row = dict(
        purchase_requisition=number, item=line, requisition_type="NB", release_status="05", is_release_incomplete=False,
        is_blocked=False, is_deleted=False, is_closed=False, description="Valve", material="MAT-1", quantity="2",
        unit="EA", price_amount="30", price_quantity="1", currency_code="USD", plant="1710", company_code="1710",
        supplier="17", creation_date="2026-11-04", delivery_date="2026-11-25", home_day="2026-11-04",
        source_key=key("purchase_requisition_item", f"{number}/{line}"),
    )  # fmt: skip
    world.put(REQUISITIONS, **row | values)
    if account is not None:
        world.put(
            "sap_s4hana__purchase_requisition_account_assignments", purchase_requisition=number, item=line,
            assignment=1,
            is_deleted=False, cost_center=account,
        )  # fmt: skip


@contextmanager
def rolled_back() -> Iterator[World]:
    """Of a few rows, to plan a query well takes longer than to run it."""
    with empty_world() as world:
        for table in (ORDERS, ITEMS):
            world.drop(table)
        fill(world)
        world.con.execute("pragma disable_optimizer")
        yield world
        world.con.execute("pragma enable_optimizer")


def fill(world: World) -> None:
    supplier(world, "17", VENDOR)
    world.put("mapping.order_types", order_type="NB", type_id=41)
    world.put(
        "mapping.plants", plant="1710", inventory_location_id=WAREHOUSE, business_unit_id=32, storage_location="171A"
    )
    world.put("mapping.cost_centers", cost_center="C1", business_unit_id=UNIT)
    world.put("mapping.materials", material="MAT-1", sku_id=501, unit="EA")
    world.put("mapping.materials", material="*", sku_id=599)
    for sku in (501, 599):
        world.put("servicetitan__materials", material_id=sku, is_active=True)
    world.put(
        "servicetitan__warehouses", warehouse_id=WAREHOUSE, name="Main", street="1 Dock Rd", city="Austin", state="TX",
        zip="78701", country="USA", is_active=True,
    )  # fmt: skip
    order(world)
    item(world, 10)
    item(world, 20, description="Valve", material=None, quantity="3", net_price_amount="250", net_price_quantity="10")


def as_known(
    document: BuiltDocument, state: str = "posted", remote_id: str | None = "900", **values: Any
) -> KnownDocument:
    facts = {name: getattr(document, name) for name in KnownDocument._fields if hasattr(document, name)}
    stands = state in ("posted", "adopted", "sending", "in_doubt", "conflict")
    same = dict(state=state, remote_id=remote_id if stands else None, remote_number=None, is_fixed=stands)
    return KnownDocument(**facts | same | {"written": json.dumps(dict(document.payload))} | values)


def only(documents: list[BuiltDocument]) -> BuiltDocument:
    (document,) = documents
    return document


def reasons(document: BuiltDocument) -> list[str]:
    return [reason.code for reason in document.reasons]
