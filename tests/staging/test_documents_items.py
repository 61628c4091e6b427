"""What becomes of the ERP's items in the pricebook: created, changed, left alone, blocked."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, build_items
from st_erp_pipelines.staging.documents.known import install_documents
from st_erp_pipelines.staging.field_prices import read, rebuild
from tests.staging.documents_world import World, plain_world, settings

ERP = "staging.stg_business_central__items"
FUSE = "business_central/C/item/guid-1"


@pytest.fixture
def world() -> World:
    """A fuse, which becomes a material by the row for everything."""
    world = plain_world()
    item(world, "EL-1")
    rule(world, "*", becomes="material", category_id=5, vendor_id=8, account="Sales")
    return world


def item(world: World, number: str, at: int = 1, **values: Any) -> None:
    row = dict(
        item_id=f"guid-{at}", number=number, display_name="Fuse", is_blocked=False, unit_of_measure_code="EA",
        unit_price="12.50", is_price_with_tax=False, unit_cost="4.125", item_category_code="ELECTRIC",
        source_key=f"business_central/C/item/guid-{at}", extracted_at="2026-11-10T03:00:00Z",
    )  # fmt: skip
    world.put(ERP, **row | values)


def rule(world: World, number: str, **values: Any) -> None:
    world.put("mapping.items", item_number=number, **values)


def build(world: World, *known: KnownDocument, **changed: Any) -> list[BuiltDocument]:
    return build_items(world.con, settings(**changed), KnownDocuments(known))


def only(documents: list[BuiltDocument]) -> BuiltDocument:
    (document,) = documents
    return document


def reasons(document: BuiltDocument) -> list[str]:
    return [reason.code for reason in document.reasons]


def as_known(document: BuiltDocument, state: str, **values: Any) -> KnownDocument:
    facts = {name: getattr(document, name) for name in KnownDocument._fields if hasattr(document, name)}
    same = dict(state=state, remote_id="55", remote_number="EL-1", is_fixed=state == "posted")
    return KnownDocument(**facts | same | {"written": json.dumps(dict(document.payload))} | values)


def test_an_item_becomes_a_material(world: World) -> None:
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("items", "item", Verdict.DUE)
    assert (document.business_key, document.label, document.amount) == ("ST-A-ITEM-EL-1", "Fuse", 0)
    assert document.home_day == date(2026, 11, 9), "in the connection's zone"
    assert document.payload == {
        "number": "EL-1", "becomes": "material", "display_name": "Fuse", "price": "12.5", "cost": "4.125",
        "unit_of_measure": "EA", "active": True, "vendor_id": 8, "category_id": 5, "account": "Sales",
    }  # fmt: skip


def test_the_row_of_its_number_wins_over_its_category_and_that_over_any(world: World) -> None:
    item(world, "EL-2", 2)
    item(world, "PI-1", 3, item_category_code="PIPE")
    item(world, "XX-1", 4, item_category_code="")
    rule(world, "*", item_category="electric", becomes="service")
    rule(world, "el-2", becomes="none")
    assert [(each.payload["number"], each.payload["becomes"], each.verdict) for each in build(world)] == [
        ("EL-1", "service", Verdict.DUE),
        ("EL-2", "none", Verdict.SKIPPED),
        ("PI-1", "material", Verdict.DUE),
        ("XX-1", "material", Verdict.DUE),
    ]
    world.drop("mapping.items", "item_number = '*' and item_category is null")
    assert [each.payload["number"] for each in build(world) if "unmapped_item" in reasons(each)] == ["PI-1", "XX-1"]


def test_who_observes_without_a_table_is_told_of_nothing_and_who_posts_of_everything(world: World) -> None:
    world.drop("mapping.items")
    assert build(world) == []
    assert reasons(only(build(world, items={"mode": "post"}))) == ["unmapped_item"]
    world.put("mapping.faults", file="items.csv", row=2, key="EL-1", message="column becomes: 'part' is unknown")
    document = only(build(world))
    assert (document.verdict, reasons(document)) == (Verdict.BLOCKED, ["unmapped_item"])
    assert "'part' is unknown" in document.reasons[0].text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"is_price_with_tax": True}, ["price_includes_tax"]),
        ({"number": "1,5 MM"}, ["comma_in_number"]),
    ],
)
def test_what_an_item_may_not_be(world: World, changes: dict[str, Any], expected: list[str]) -> None:
    world.change(ERP, **changes)
    assert reasons(only(build(world))) == expected


def test_a_material_needs_a_vendor_and_a_service_none(world: World) -> None:
    world.change("mapping.items", vendor_id=None)
    assert reasons(only(build(world))) == ["no_vendor"]
    world.change("mapping.items", becomes="service")
    assert only(build(world)).verdict is Verdict.DUE


def test_a_blocked_item_is_not_made_and_an_unblocked_one_is(world: World) -> None:
    world.change(ERP, is_blocked=True)
    document = only(build(world))
    assert document.verdict is Verdict.SKIPPED
    world.change(ERP, is_blocked=False)
    assert only(build(world, as_known(document, "skipped"))).verdict is Verdict.DUE


@pytest.mark.parametrize(("table", "key"), [("materials", "material"), ("services", "service")])
def test_what_was_made_by_hand_is_named_and_never_taken_over(world: World, table: str, key: str) -> None:
    world.put(table, **{f"{key}_id": 71}, code="el-1 ", display_name="Fuse 15 A", is_active=True)
    document = only(build(world))
    assert reasons(document) == ["entered_by_hand"]
    assert f"{key} 71 'Fuse 15 A'" in document.reasons[0].text
    assert "st-erp accept ST-A-ITEM-EL-1 71" in document.reasons[0].text
    world.change("mapping.items", vendor_id=None)
    assert reasons(only(build(world))) == ["entered_by_hand"], "who accepts it needs no vendor"
    world.change("mapping.items", vendor_id=8)
    again = as_known(document, "ready", replayed=True)
    assert only(build(world, again)).verdict is Verdict.DUE, "a person says that it is another thing"
    world.con.execute(
        f"update staging.stg_servicetitan__{table} set external_data = [{{'key': 'erpId', 'value': 'EL-1'}}]"
    )
    assert only(build(world)).verdict is Verdict.DUE, "it is found by what we wrote"


def test_what_stands_there_has_no_document_until_it_changes(world: World) -> None:
    made = as_known(only(build(world)), "posted")
    assert build(world, made) == []
    world.change("mapping.items", vendor_id=9, account="Other", becomes="service")
    assert build(world, made) == [], "a changed mapping is no edit"
    world.change(ERP, unit_price="13")
    document = only(build(world, made))
    assert (document.business_key, document.revision, document.verdict) == ("ST-A-ITEM-EL-1/R1", 1, Verdict.DUE)
    assert document.payload == {
        "change": True, "number": "EL-1", "becomes": "material", "pricebook_id": 55, "display_name": "Fuse",
        "price": "13", "cost": "4.125", "unit_of_measure": "EA", "active": True, "vendor_id": 9,
        "was": {"display_name": "Fuse", "price": "12.5", "cost": "4.125", "unit_of_measure": "EA", "active": True},
    }  # fmt: skip


def test_what_was_linked_is_changed_from_what_the_erp_said_then(world: World) -> None:
    linked = as_known(only(build(world)), "adopted")
    world.put("materials", material_id=55, code="EL-1", display_name="Sicherung", is_active=False, price="15")
    world.change(ERP, unit_price="13")
    was = only(build(world, linked)).payload["was"]
    assert (was["display_name"], was["active"], was["price"]) == ("Fuse", True, "12.5")


def test_the_cost_of_a_service_is_not_written_and_no_change(world: World) -> None:
    world.change("mapping.items", becomes="service")
    made = as_known(only(build(world)), "posted")
    world.change(ERP, unit_cost="99", unit_of_measure_code="HR")
    assert build(world, made) == []
    world.change(ERP, is_blocked=True)
    payload = only(build(world, made)).payload
    assert (payload["active"], payload["was"]["active"]) == (False, True)


def test_a_change_not_sent_yet_takes_the_newest_values_along(world: World) -> None:
    made = as_known(only(build(world)), "posted")
    world.change(ERP, unit_price="13")
    first = as_known(only(build(world, made)), "unavailable", remote_id=None)
    world.change(ERP, unit_price="14")
    document = only(build(world, made, first))
    assert (document.revision, document.payload["price"]) == (1, "14")
    assert document.payload["was"]["price"] == "12.5", "what we wrote last stands there"
    sent = as_known(document, "posted")
    world.change(ERP, unit_price="15")
    document = only(build(world, made, sent))
    assert (document.revision, document.payload["was"]["price"]) == (2, "14")


def test_who_replays_a_change_has_the_price_of_the_field_overwritten(world: World) -> None:
    made = as_known(only(build(world)), "posted")
    world.change(ERP, unit_price="13")
    first = as_known(only(build(world, made)), "ready", replayed=True)
    assert "overwrites" not in only(build(world, made)).payload
    document = only(build(world, made, first))
    assert (document.payload["overwrites"], document.payload["was"]["price"]) == (True, "12.5")


def test_a_change_that_nobody_wants_waits_for_its_rule(world: World) -> None:
    made = as_known(only(build(world)), "posted")
    world.change(ERP, unit_price="13")
    world.change("mapping.items", becomes="none")
    left = only(build(world, made))
    assert (left.revision, left.verdict) == (1, Verdict.SKIPPED)
    world.change("mapping.items", becomes="material")
    document = only(build(world, made, as_known(left, "skipped", remote_id=None)))
    assert (document.revision, document.verdict) == (1, Verdict.DUE)


def test_an_item_that_was_deleted_before_it_was_sent_is_withdrawn(world: World) -> None:
    item(world, "EL-2", 2)
    due, _ = build(world)
    world.drop(ERP, "number = 'EL-1'")
    gone, _ = build(world, as_known(due, "ready"))
    assert (gone.source_key, gone.verdict) == (FUSE, Verdict.WITHDRAWN)
    world.drop(ERP)
    assert build(world, as_known(due, "ready")) == [], "nothing was read"


# Prices changed in the field

WRITTEN_AT = datetime(2026, 11, 10, 9, tzinfo=UTC)


def field_prices(world: World, *known: KnownDocument) -> list[tuple[str, Any, Any, Any]]:
    install_documents(world.con, known)
    rebuild(world.con)
    return [(each.figure, each.in_servicetitan, each.last_written, each.in_erp) for each in read(world.con)]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, []),
        ({"price": "15"}, [("price", 15, Decimal("12.5"), Decimal("12.5"))]),
        ({"unit_cost": "4.13"}, []),  # its cents were kept
        ({"unit_cost": "9"}, [("cost", 9, Decimal("4.125"), Decimal("4.125"))]),
    ],
)
def test_prices_changed_in_the_field_are_listed(world: World, there: dict[str, Any], expected: list[Any]) -> None:
    posted = as_known(only(build(world)), "posted", state_since=WRITTEN_AT)
    row = dict(material_id=55, code="EL-1", price="12.5", unit_cost="4.125", extracted_at="2026-11-10T09:30:00Z")
    world.put("materials", **row | there)
    assert field_prices(world, posted) == expected


def test_what_was_read_before_it_was_written_tells_nothing_but_of_what_was_adopted(world: World) -> None:
    document = only(build(world))
    world.put("materials", material_id=55, price="15", unit_cost="4.125", extracted_at="2026-11-10T08:30:00Z")
    assert field_prices(world, as_known(document, "posted", state_since=WRITTEN_AT)) == []
    adopted = as_known(document, "adopted", state_since=WRITTEN_AT)
    assert [each[0] for each in field_prices(world, adopted)] == ["price"]
    world.change(ERP, unit_price="13")
    assert field_prices(world, adopted) == [], "its change is in conflict instead"
