"""What S/4HANA uses and no table maps, and cost centers from either side, over the real staging tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.flows import PURCHASING_FLOWS
from st_erp_pipelines.mapping.check import Known, check
from st_erp_pipelines.mapping.coverage import WORDS, coverage_of_purchasing
from st_erp_pipelines.mapping.load import load
from st_erp_pipelines.staging.questions import known_to_buy
from tests.staging.supplier_invoices_world import World, rolled_back, settings

TODAY, GO_LIVE = date(2026, 11, 20), date(2026, 11, 1)
CENTERS = "sap_s4hana__cost_centers"


@pytest.fixture
def world() -> Iterator[World]:
    """One business unit, with cost center 10101, and an order of copper pipe for it; all of it mapped."""
    with rolled_back() as world:
        world.drop("sap_s4hana__purchase_orders")
        world.put("servicetitan__business_units", business_unit_id=1, name="HVAC", is_active=True)
        center(world, "10101")
        row(world, "10101", 1)
        world.put("mapping.order_types", order_type="NB", type_id=3)
        world.put("mapping.plants", plant="1710", inventory_location_id=4)
        world.put("mapping.materials", material="100", sku_id=501)
        order(world, "4500000005")
        yield world


def center(world: World, number: str, starts: str = "2020-01-01", ends: str = "9999-12-31", **values: Any) -> None:
    same = dict(is_blocked=False, is_blocked_for_commitments=False, controlling_area="A000")
    world.put(CENTERS, cost_center=number, valid_from_date=starts, valid_to_date=ends, **same | values)


def row(world: World, number: str, unit: int, starts: str | None = None, ends: str | None = None) -> None:
    world.put("mapping.cost_centers", cost_center=number, business_unit_id=unit, valid_from=starts, valid_to=ends)


def order(world: World, number: str, center: str = "10101", *, day: str = "2026-11-03", **values: Any) -> None:
    world.put(
        "sap_s4hana__purchase_orders", purchase_order=number, company_code="1710", order_type="NB", order_date=day
    )
    item = dict(
        purchase_order=number, item=10, plant="1710", material="100", quantity="10", net_price_amount="25",
        net_price_quantity="2", is_completely_delivered=False, is_finally_invoiced=False,
    )  # fmt: skip
    world.put("sap_s4hana__purchase_order_items", **item | values)
    world.put(
        "sap_s4hana__purchase_order_account_assignments", purchase_order=number, item=10, is_deleted=False,
        cost_center=center,
    )  # fmt: skip


def gaps(world: World, on: date = TODAY) -> list[tuple[Any, ...]]:
    found = coverage_of_purchasing(world.con, settings().erp, go_live=GO_LIVE, on=on)  # type: ignore[arg-type]
    assert {gap.kind for gap in found} <= WORDS.keys()
    return [(gap.kind, gap.value, gap.documents, gap.amount) for gap in found]


def none_of(*found: tuple[str, str]) -> list[tuple[str, str, int, Decimal]]:
    return [(kind, value, 0, Decimal(0)) for kind, value in found]


def test_what_is_mapped_and_what_is_no_business_of_ours_is_no_gap(world: World) -> None:
    order(world, "4500000002", "777", day="2026-10-31")
    order(world, "4500000003", "777", deletion_code="L")
    order(world, "4500000004", "777", is_completely_delivered=True, is_finally_invoiced=True)
    world.put("servicetitan__business_units", business_unit_id=2, name="Gone", is_active=False)
    assert gaps(world) == []


def test_what_open_orders_use_is_told_with_its_money(world: World) -> None:
    order(world, "4500000002", "777", material="200", plant="1720")
    order(world, "4500000003", "777", material=None, quantity="4")
    world.change("mapping.order_types", order_type="ZREC")
    assert gaps(world) == [
        ("unmapped_order_type", "NB", 3, Decimal(300)),
        ("unmapped_cost_center", "777", 2, Decimal(175)),
        ("unmapped_material", "200", 1, Decimal(125)),
        ("unmapped_plant", "1720", 1, Decimal(125)),
        ("unmapped_material", "(a text)", 1, Decimal(50)),
    ]
    for table, key, name in (
        ("order_types", "order_type", "type_id"), ("plants", "plant", "inventory_location_id"),
        ("materials", "material", "sku_id"),
    ):  # fmt: skip
        world.put(f"mapping.{table}", **{key: "*", name: 9})
    assert [kind for kind, *_ in gaps(world)] == ["unmapped_cost_center"]


def test_what_is_left_out_is_no_gap(world: World) -> None:
    order(world, "4500000002", "777", material="200", plant="1720")
    order(world, "4500000003", "777", material="200")
    world.put("mapping.plants", plant="1720")
    world.change("sap_s4hana__purchase_orders", "purchase_order = '4500000003'", purchasing_organization="1720")
    assert gaps(world) == []
    world.change("mapping.plants", "plant = '1720'", plant="*")
    assert gaps(world) == [], "nor where every other plant is"
    world.change("mapping.plants", "plant = '*'", inventory_location_id=5)
    assert [kind for kind, *_ in gaps(world)] == ["unmapped_cost_center", "unmapped_material"]
    world.put("mapping.order_types", order_type="*")
    assert len(gaps(world)) == 2
    world.drop("mapping.order_types", "order_type = 'NB'")
    assert gaps(world) == []


def test_what_invoices_use_counts_on_their_day(world: World) -> None:
    same = dict(supplier_invoice="51", fiscal_year=2026)
    world.put("sap_s4hana__supplier_invoices", company_code="1710", status="5", posting_date="2026-11-09", **same)
    world.put("sap_s4hana__supplier_invoice_accounts", item=1, cost_center="10101", net_amount="40", **same)
    world.put("sap_s4hana__supplier_invoice_account_assignments", item=1, cost_center="10101", amount="2", **same)
    assert gaps(world) == []
    world.change("mapping.cost_centers", valid_from="2026-11-10")
    assert gaps(world) == [("unmapped_cost_center", "10101", 2, Decimal(167))]
    world.change("mapping.cost_centers", valid_from="2026-11-03", valid_to="2026-11-08")
    world.put("mapping.cost_centers", cost_center="10101", business_unit_id=1, valid_from="2026-11-10")
    assert gaps(world) == [("unmapped_cost_center", "10101", 1, Decimal(42))]


def test_cost_centers_are_compared_on_the_day(world: World) -> None:
    for number, unit in (("10201", 2), ("10301", 3), ("10401", 4)):
        world.put("servicetitan__business_units", business_unit_id=unit, name=f"Unit {unit}", is_active=True)
        row(world, number, unit)
    world.put("servicetitan__business_units", business_unit_id=5, name="Pilot", is_active=True)
    center(world, "10201", ends="2026-06-30")
    center(world, "10201", starts="2027-01-01")
    center(world, "10301", is_blocked=True)
    center(world, "10401", controlling_area="B000")
    assert gaps(world) == none_of(
        ("blocked_cost_center", "10301"), ("invalid_cost_center", "10201"), ("no_cost_center", "Pilot (5)"),
        ("unknown_cost_center", "10401"),
    )  # fmt: skip
    assert ("invalid_cost_center", "10201", 0, Decimal(0)) not in gaps(world, date(2027, 1, 1))
    world.drop(CENTERS)
    assert gaps(world) == none_of(("no_cost_center", "Pilot (5)")), "where they were not read, nothing is known of them"


def test_two_rows_at_once_are_told_and_one_after_the_other_are_not(world: World) -> None:
    center(world, "10201")
    world.change("mapping.cost_centers", valid_to="2026-12-31")
    row(world, "10201", 1, "2027-01-01")
    assert gaps(world) == []
    row(world, "10201", 2, "2027-06-01")
    world.change("mapping.cost_centers", "valid_to is not null", valid_to="2027-01-01")
    assert gaps(world) == none_of(
        ("several_business_units", "10201: 1 and 2"),
        ("several_cost_centers", "HVAC (1): 10101 and 10201"),
    )


def test_ids_that_are_not_in_servicetitan_are_faults(world: World, tmp_path: Any) -> None:
    for name, text in {
        "order_types": "order_type,type_id\nNB,3\n*,9\nFO,Skip\n",
        "plants": "plant,inventory_location_id,business_unit_id\n1710,4,1\n1720,99,98\n1730,skip,skip\n",
        "cost_centers": "cost_center,business_unit_id,valid_from,valid_to\n10101,1,,\n10201,97,,\n",
        "materials": "material,sku_id\n100,501\n*,96\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    mappings = load(tmp_path, PURCHASING_FLOWS)
    assert mappings.faults == []
    assert check(mappings, Known(**known_to_buy(world.con)))[0].message.startswith("column business_unit_id: '98'")
    world.put("servicetitan__purchase_order_types", purchase_order_type_id=3, name="Standard")
    world.put("servicetitan__trucks", truck_id=4, name="Truck 4")
    world.put("servicetitan__equipment", equipment_id=501, display_name="Pump")
    found = check(mappings, Known(**known_to_buy(world.con)))
    assert [(fault.file, fault.row, fault.column) for fault in found] == [
        ("order_types.csv", 3, "type_id"), ("plants.csv", 3, "inventory_location_id"),
        ("plants.csv", 3, "business_unit_id"), ("cost_centers.csv", 3, "business_unit_id"),
        ("materials.csv", 3, "sku_id"),
    ]  # fmt: skip
    assert "(it has 501 Pump)" in found[-1].message
