"""What becomes of ServiceTitan's requests in S/4HANA: ordered, left alone, blocked, flagged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, build_requests
from tests.staging.purchase_orders_world import UNIT, VENDOR, WAREHOUSE, as_known, only, reasons, rolled_back, settings
from tests.staging.supplier_invoices_world import World

REQUESTS, LINES = "servicetitan__purchase_requests", "servicetitan__purchase_request_items"


@pytest.fixture
def world() -> Iterator[World]:
    """Request 123: three pieces of pipe, a mapped material, and a text."""
    with rolled_back() as world:
        request(world, 123)
        yield world


def request(world: World, number: int, **values: Any) -> None:
    row = dict(
        purchase_request_id=number, number=f"R-{number}", status="Approved", vendor_id=VENDOR,
        request_date="2026-11-06", required_date="2026-11-12", business_unit_id=UNIT, inventory_location_id=WAREHOUSE,
        source_key=f"servicetitan/1003/purchase_request/{number}", source_hash=f"h{number}", home_day="2026-11-07",
    )  # fmt: skip
    world.put(REQUESTS, **row | values)
    line(world, number, 1, sku_id=501, description="Pipe", quantity="3", unit_cost="4.125")
    line(world, number, 2, sku_id=777, sku_name="Fittings", quantity="1.5", unit_cost="10")


def line(world: World, number: int, position: int, **values: Any) -> None:
    world.put(LINES, purchase_request_id=number, position=position, **values)


def build(world: World, *known: KnownDocument, **changed: Any) -> list[BuiltDocument]:
    return build_requests(world.con, settings(**changed), KnownDocuments(known))


def text_of(document: BuiltDocument) -> str:
    return " ".join(reason.text for reason in document.reasons)


def test_an_approved_request_becomes_an_order(world: World) -> None:
    world.change("mapping.materials", "material = 'MAT-1'", unit="PC")
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("requests", "request", Verdict.DUE)
    assert (document.business_key, document.label, document.party) == ("AR123", "R-123", "17")
    assert (document.business_date, document.amount) == (date(2026, 11, 6), Decimal("27.38"))
    same = {
        "plant": "1710", "storage_location": "171A", "delivery_date": "2026-11-12", "cost_center": "C1",
        "account_assignment_category": "K", "gl_account": "51100000",
    }  # fmt: skip
    assert document.payload == {
        "key": "AR123", "as": "order", "supplier": "17", "order_type": "NB", "company_code": "1710",
        "purchasing_organization": "1710", "purchasing_group": "001", "currency": "USD", "date": "2026-11-06",
        "language": "EN", "request_number": "R-123", "external_system": "servicetitan/1003",
        "items": [
            {
                "line": "10", "text": "Pipe", "material": "MAT-1", "quantity": "3", "unit": "PC", "price": "41.25",
                "price_quantity": "10",
            }
            | same,
            {
                "line": "20", "text": "Fittings", "material_group": "L001", "quantity": "1.5", "unit": "EA",
                "price": "10.00", "price_quantity": "1",
            }
            | same,
        ],
    }  # fmt: skip
    document = only(build(world, rules={"requests": "requisition"}))
    assert (document.payload["as"], document.verdict) == ("requisition", Verdict.DUE)


def test_only_what_is_approved_and_not_older_is_posted_and_a_later_edit_is_flagged(world: World) -> None:
    request(world, 124, status="PendingApproval")
    request(world, 125, status="Rejected")
    request(world, 126, request_date="2026-10-30")
    made = {each.label: each for each in build(world)}
    assert {label: each.verdict for label, each in made.items()} == {
        "R-123": Verdict.DUE, "R-126": Verdict.OUT_OF_SCOPE
    }  # fmt: skip
    posted = as_known(made["R-123"], remote_id="4500000009")
    outside = as_known(made["R-126"], "out_of_scope")
    assert build(world, posted, outside) == []
    world.change(REQUESTS, "purchase_request_id = 123", source_hash="edited")
    assert only(build(world, posted, outside)).source_hash == "edited"
    world.change(REQUESTS, "purchase_request_id = 123", status="Rejected")
    unsent = as_known(made["R-123"], "ready")
    assert only(build(world, unsent, outside)).verdict is Verdict.WITHDRAWN


def test_what_keeps_a_request_back(world: World) -> None:
    world.put("servicetitan__vendors", vendor_id=72, name="Somebody")
    world.put("mapping.cost_centers", cost_center="OLD", business_unit_id=33, valid_to="2026-11-05")
    world.put("mapping.cost_centers", cost_center="C8", business_unit_id=34, valid_from="2026-11-06")
    world.put("mapping.cost_centers", cost_center="C9", business_unit_id=34)
    world.put("mapping.plants", plant="1720", inventory_location_id=82)
    world.put("mapping.plants", plant="1730", inventory_location_id=82)
    cases: dict[int, tuple[dict[str, Any], str, str]] = {
        1: ({"vendor_id": 72}, "waits_for_supplier", "vendor 'Somebody' (id 72)"),
        2: ({"vendor_id": None}, "waits_for_supplier", "No vendor is named"),
        3: ({"business_unit_id": 33}, "unmapped_business_unit", "that is valid on 2026-11-06"),
        4: ({"business_unit_id": 34}, "unmapped_business_unit", "C8 and C9"),
        5: ({"inventory_location_id": 99}, "unmapped_location", "location 99 has no plant"),
        6: ({"inventory_location_id": 82}, "unmapped_location", "plants 1720 and 1730"),
        12345678901: ({}, "key_too_long", "AR12345678901"),
    }
    for number, (values, _, _) in cases.items():
        request(world, number, **values)
    line(world, 123, 3, sku_id=501, quantity="0")
    line(world, 123, 4, sku_id=501, quantity="1.2345")
    found = {each.label: each for each in build(world)}
    for number, (_, code, said) in cases.items():
        document = found[f"R-{number}"]
        assert (document.verdict, reasons(document)) == (Verdict.BLOCKED, [code])
        assert said in text_of(document)
    assert reasons(found["R-123"]) == ["no_quantity", "fine_quantity"]
    world.drop(LINES, "purchase_request_id = 1")
    found = {
        each.label: each
        for each in build(world, material_group="", purchasing_group="", rules={"requests": "requisition"})
    }
    assert reasons(found["R-1"]) == ["waits_for_supplier", "no_purchasing_group", "no_items"]
    assert reasons(found["R-12345678901"]) == ["no_purchasing_group", "no_material_group"], "a requisition keeps 35"


def test_a_request_that_was_asked_for_again_is_measured_by_its_new_key(world: World) -> None:
    world.change(REQUESTS, purchase_request_id=12345678, source_key="servicetitan/1003/purchase_request/12345678")
    world.change(LINES, purchase_request_id=12345678)
    first = only(build(world))
    assert (first.business_key, first.verdict) == ("AR12345678", Verdict.DUE)
    again = as_known(first, "ready", revision=1, business_key="AR12345678-R1", replayed=True)
    document = only(build(world, as_known(first, "skipped"), again))
    assert (document.business_key, document.payload["key"], reasons(document)) == (
        "AR12345678-R1", "AR12345678-R1", ["key_too_long"]
    )  # fmt: skip
    assert "AR12345678-R1 is longer" in text_of(document)
