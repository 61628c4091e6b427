"""What becomes of S/4HANA's orders and requisitions in ServiceTitan: made, changed, canceled, linked, blocked.

A build takes a tenth of a second: so tests put many orders into one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.planning import followers
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, Link, build_purchase_orders
from tests.staging.purchase_orders_world import (
    ACCOUNTS,
    ITEMS,
    ORDER,
    ORDERS,
    REQUISITIONS,
    UNIT,
    VENDOR,
    WAREHOUSE,
    as_known,
    item,
    key,
    only,
    order,
    reasons,
    requisition_item,
    rolled_back,
    settings,
)
from tests.staging.supplier_invoices_world import World

DELIVER = {"requisitions": "deliver"}


@pytest.fixture
def world() -> Iterator[World]:
    with rolled_back() as world:
        yield world


def build(world: World, *known: KnownDocument, **changed: Any) -> list[BuiltDocument]:
    return build_purchase_orders(world.con, settings(**changed), KnownDocuments(known))[0]


def by_label(documents: list[BuiltDocument]) -> dict[str, BuiltDocument]:
    assert len({each.label for each in documents}) == len(documents)
    return {each.label: each for each in documents}


def lines(document: BuiltDocument) -> list[str]:
    return [each["line"] for each in document.payload["items"]]


def text_of(document: BuiltDocument) -> str:
    return " ".join(reason.text for reason in document.reasons)


def copies(world: World, *numbers: str) -> None:
    """Of the order of this world, under other numbers."""
    for number in numbers:
        order(world, number)
        item(world, 10, number)
        item(world, 20, number, description="Valve", material=None, quantity="3", net_price_amount="25")


# Orders


def test_an_order_becomes_an_order(world: World) -> None:
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("purchase_orders", "purchase_order", Verdict.DUE)
    assert (document.business_key, document.label, document.party) == (f"ST-A-PO-{ORDER}", ORDER, "17")
    assert (document.amount, document.currency, document.home_day) == (Decimal(325), "USD", date(2026, 11, 6))
    assert document.payload == {
        "key": f"ST-A-PO-{ORDER}", "memo": f"SAP S/4HANA order {ORDER} [ST-A-PO-{ORDER}]", "vendor_id": VENDOR,
        "type_id": 41, "business_unit_id": UNIT, "inventory_location_id": WAREHOUSE, "date": "2026-11-05",
        "required_on": "2026-11-20",
        "ship_to": {
            "description": "Main", "street": "1 Dock Rd", "unit": "", "city": "Austin", "state": "TX", "zip": "78701",
            "country": "USA",
        },
        "items": [
            {
                "line": "10", "sku_id": 501, "description": "10 Copper pipe", "vendor_part_number": "",
                "quantity": "20", "cost": "12.5",
            },
            {
                "line": "20", "sku_id": 599, "description": "20 Valve", "vendor_part_number": "", "quantity": "3",
                "cost": "25",
            },
        ],
    }  # fmt: skip


def test_what_is_no_order_yet_or_any_more_is_none_and_what_is_older_stays_outside(world: World) -> None:
    heads: dict[str, dict[str, Any]] = {
        "1": {"processing_status": "03"},
        "2": {"processing_status": "08"},
        "3": {"is_release_incomplete": True},
        "4": {"deletion_code": "L"},
        "5": {"company_code": "2000"},
        "6": {"order_date": "2026-10-31"},
        "7": {"processing_status": "05"},
        "8": {},
        "9": {},
        "10": {"is_on_hold": True},
        "11": {"is_on_hold": True, "processing_status": "01"},
        "12": {"processing_status": "26"},
        "13": {"processing_status": None},
    }
    for number, values in heads.items():
        order(world, number, **values)
        item(world, 10, number, deletion_code="L" if number in ("8", "9") else None)
    item(world, 20, "9")
    found = by_label(build(world))
    assert {label: each.verdict for label, each in found.items()} == {
        ORDER: Verdict.DUE, "6": Verdict.OUT_OF_SCOPE, "7": Verdict.DUE, "9": Verdict.DUE,
        "12": Verdict.BLOCKED, "13": Verdict.BLOCKED,
    }  # fmt: skip
    assert (reasons(found["12"]), reasons(found["13"])) == (["unknown_status"], ["unknown_status"])
    assert "status in S/4HANA is '26'" in text_of(found["12"])
    assert lines(found["9"]) == ["20"]
    again = by_label(build(world, as_known(found["6"], "ready", replayed=True)))
    assert again["6"].verdict is Verdict.DUE, "a person asked for it"


def test_what_keeps_an_order_back(world: World) -> None:
    world.put("servicetitan__services", service_id=701, is_active=True)
    world.put("servicetitan__warehouses", warehouse_id=82, name="Old", is_active=False)
    for material, sku in (("SERVICE", 701), ("GONE", 502)):
        world.put("mapping.materials", material=material, sku_id=sku)
    world.put("servicetitan__equipment", equipment_id=502, is_active=False)
    world.put("mapping.plants", plant="1720", inventory_location_id=82, business_unit_id=32)
    world.put("mapping.plants", plant="1730", inventory_location_id=83)
    world.put("mapping.cost_centers", cost_center="LATE", business_unit_id=UNIT, valid_from="2026-12-01")
    world.put("sap_s4hana__suppliers", supplier="18", name="Pipes & More", source_key=key("supplier", "18"))
    cases: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
        "waits_for_vendor": ({"supplier": "18"}, {}, "supplier 18 ('Pipes & More')"),
        "foreign_currency": ({"currency_code": "EUR"}, {}, "EUR"),
        "unmapped_order_type": ({"order_type": "FO"}, {}, "Order type FO"),
        "unmapped_plant": ({}, {"plant": "9999"}, "Plant 9999"),
        "inactive_location": ({}, {"plant": "1720"}, "'Old' (id 82)"),
        "unmapped_cost_center": ({}, {"account": "LATE"}, "Cost center LATE has no row in cost_centers.csv"),
        "no_business_unit": ({}, {"account": None, "plant": "1730"}, "plants.csv"),
        "blocked_in_s4": ({}, {"deletion_code": "S"}, "Item 10 is blocked"),
        "return": ({}, {"is_return": True}, "item 10 goes back"),
        "no_quantity": ({}, {"quantity": "0"}, "limit"),
        "price_unit": ({}, {"price_unit": "KG", "price_unit_numerator": "2"}, "per EA and priced per KG"),
        "order_unit": ({}, {"unit": "BX", "price_unit": "BX"}, "in BX, and materials.csv counts MAT-1 in EA"),
        "unusable_sku": ({}, {"material": "SERVICE"}, "is a service"),
    }
    for number, (head, line, _) in enumerate(cases.values(), 1):
        order(world, str(number), **head)
        item(world, 10, str(number), **line)
    order(world, "91")
    item(world, 10, "91", material="GONE")
    order(world, "92", deletion_code="S")
    item(world, 10, "92")
    item(world, 20, "92", plant="1720")
    found = by_label(build(world))
    for number, (code, (_, _, said)) in enumerate(cases.items(), 1):
        document = found[str(number)]
        assert (document.verdict, reasons(document)) == (Verdict.BLOCKED, [code])
        assert said in text_of(document)
    assert "is not active" in text_of(found["91"])
    assert reasons(found["92"]) == ["several_locations", "blocked_in_s4"]
    world.drop("mapping.materials", "material = '*'")
    world.put("mapping.faults", file="materials.csv", row=3, key="MAT-2", message="sku_id: 'x' is no id")
    world.change(ITEMS, "item = 10", material="MAT-2")
    document = by_label(build(world))[ORDER]
    assert reasons(document) == ["unmapped_material", "unmapped_material"]
    assert "material MAT-2 has no row in materials.csv (at fault: row 3, sku_id: 'x' is no id)" in text_of(document)


def test_what_is_none_of_this_tenant_is_left_out_until_somebody_says_otherwise(world: World) -> None:
    world.put("mapping.order_types", order_type="FO")
    world.put("mapping.order_types", order_type="*", type_id=49)
    world.put("mapping.plants", plant="1720")
    world.put("mapping.plants", plant="*", inventory_location_id=WAREHOUSE, business_unit_id=32)
    heads: dict[str, tuple[dict[str, Any], str, str]] = {
        "1": ({"order_type": "FO"}, "1710", "order_types.csv skips order type FO"),
        "2": ({}, "1720", "plants.csv skips plant 1720"),
        "3": ({"purchasing_organization": "1720"}, "1710", "purchasing organization 1720"),
        "4": ({"external_reference": "BR12"}, "1710", "request BR12 of another connection"),
        "5": ({"external_reference": "PR12", "purchasing_organization": "1710"}, "1730", ""),
    }
    for number, (head, plant, _) in heads.items():
        order(world, number, **head)
        item(world, 10, number, plant=plant)
    item(world, 20, plant="1720")
    requisition_item(world, 10, external_reference="CR9", external_system="servicetitan/1004", purchase_order="6")
    requisition_item(world, 10, "101", external_reference="CR10", external_system="servicetitan/1004")
    order(world, "6")
    item(world, 10, "6", purchase_requisition="100", purchase_requisition_item=10)
    connection = settings(DELIVER)
    connection._other_prefixes = ["B"]

    def built(*known: KnownDocument) -> dict[str, BuiltDocument]:
        return by_label(build_purchase_orders(world.con, connection, KnownDocuments(known))[0])

    found = built()
    for number, (*_, said) in heads.items():
        assert (found[number].verdict is Verdict.SKIPPED, said in text_of(found[number])) == (bool(said), True), number
    assert [found[number].verdict for number in ("6", "101", "5")] == [Verdict.SKIPPED, Verdict.SKIPPED, Verdict.DUE]
    assert "partly_left_out" in reasons(found[ORDER])
    left = as_known(found["2"], "skipped")
    assert "2" not in built(left)
    world.change("mapping.plants", "plant = '1720'", inventory_location_id=WAREHOUSE, business_unit_id=32)
    assert built(left)["2"].verdict is Verdict.DUE, "it is not left out any more"
    asked = as_known(found["4"], "ready", replayed=True)
    assert built(asked)["4"].verdict is Verdict.DUE


def test_the_cost_of_one(world: World) -> None:
    """Beside item 20, whose price of 250.00 is for ten."""
    other = dict(price_unit="KG", price_unit_numerator="2", price_unit_denominator="3")
    world.change(ITEMS, "item = 10", net_price_amount="100", net_price_quantity="7", quantity="7")
    item(world, 30, net_price_amount="6", quantity="1", **other)
    item(world, 40, net_price_amount="6", quantity="1", **other | {"price_unit": "EA"})
    item(world, 50, net_price_amount="0", quantity="1")
    document = only(build(world, convert_price_units=True))
    assert [each["cost"] for each in document.payload["items"]] == ["14.2857143", "25", "4", "6", "0"]
    assert (document.verdict, document.amount) == (Verdict.DUE, Decimal(185))


def test_business_unit_job_address_and_day(world: World) -> None:
    for job, number in ((11, "J-1"), (12, "9000"), (13, "P-1")):
        world.put("servicetitan__jobs", job_id=job, number=number)
    for cost_center, unit, since, until in (("C2", 33, None, "2026-11-04"), ("C2", 34, "2026-11-05", "9999-12-31")):
        world.put(
            "mapping.cost_centers", cost_center=cost_center, business_unit_id=unit, valid_from=since, valid_to=until
        )
    world.change(ORDERS, internal_reference="J-1")
    for at, (cost_center, amount) in enumerate((("C2", "400"), ("C3", "450")), 2):
        world.put(
            ACCOUNTS, purchase_order=ORDER, item=10, assignment=at, is_deleted=cost_center == "C3", net_amount=amount,
            cost_center=cost_center, wbs_element="P-1", internal_order="9000",
        )  # fmt: skip
    world.change(
        ITEMS, "item = 20", delivery_street="5 Site Rd", delivery_city="Waco", delivery_state="TX",
        delivery_country="US", delivery_date="2026-11-18",
    )  # fmt: skip
    order(world, "1", internal_reference="no job")
    item(world, 10, "1", account=None, delivery_date=None)
    found = by_label(build(world))
    assert (found[ORDER].payload["business_unit_id"], found[ORDER].payload["job_id"]) == (34, 11)
    assert (found[ORDER].payload["required_on"], found["1"].payload["required_on"]) == ("2026-11-18", "2026-11-05")
    assert found[ORDER].payload["ship_to"]["street"] == "5 Site Rd"
    assert (found["1"].payload["business_unit_id"], "job_id" in found["1"].payload) == (32, False)
    assert by_label(build(world, job_field="OrderID"))[ORDER].payload["job_id"] == 12
    world.put("servicetitan__jobs", job_id=14, number="no job")
    document = only(build(world, *map(as_known, found.values())))
    assert (document.business_key, document.payload["job_id"]) == ("ST-A-PO-1/R1", 14), "it was read later"
    world.change(ITEMS, "item = 10", delivery_city="Austin")
    found = by_label(build(world, job_field="WBSElement"))
    assert found[ORDER].payload["job_id"] == 13
    assert reasons(found[ORDER]) == ["several_addresses"]


def test_who_observes_waits_for_no_vendor_that_is_fit_to_be_made(world: World) -> None:
    world.drop("servicetitan__vendors")
    vendor = KnownDocument(
        "vendors", "vendor", key("supplier", "17"), 0, 0, "ready", "", None, None, "ST-A-VEND-17", False
    )
    assert only(build(world, vendor, mode="observe")).verdict is Verdict.DUE
    blocked = only(build(world, vendor))
    assert reasons(blocked) == ["waits_for_vendor"]
    facts = dict(state="blocked", reasons=[{"code": "waits_for_vendor"}], business_key=blocked.business_key, party="17")
    row: Any = SimpleNamespace(**facts)
    assert followers([row], {"ST-A-VEND-17": "ST-A-VEND-17"}) == [(row, "ST-A-VEND-17")], "a plan knows that it follows"
    posted = vendor._replace(state="posted", remote_id="72")
    assert only(build(world, posted)).payload["vendor_id"] == 72


def test_what_was_not_sent_goes_with_its_order(world: World) -> None:
    copies(world, "1", "2")
    made = by_label(build(world))
    world.change(ORDERS, "purchase_order in ('1', '2')", deletion_code="L")
    states = {"1": "ready", "2": "withdrawn", ORDER: "withdrawn"}
    found = by_label(build(world, *(as_known(made[label], state) for label, state in states.items())))
    assert {label: each.verdict for label, each in found.items()} == {"1": Verdict.WITHDRAWN, ORDER: Verdict.DUE}


# Orders that came from ServiceTitan


def test_an_order_of_a_request_is_never_made_again_and_linked_to_its_order(world: World) -> None:
    for number, name in ((123, "R-123"), (124, "R-124"), (125, "R-125")):
        world.put("servicetitan__purchase_requests", purchase_request_id=number, number=name, status="Approved")
    for titans, name in ((901, "R-123"), (902, "R-124")):
        world.put("servicetitan__purchase_orders", purchase_order_id=titans, number=name, status="Pending")
    world.change(ORDERS, external_reference="AR123")
    requisition_item(world, 10, external_reference="AR124-R1", purchase_order="2")
    order(world, "2")
    item(world, 10, "2", purchase_requisition="100", purchase_requisition_item=10)
    order(world, "3", external_reference="AR125")
    item(world, 10, "3")
    order(world, "4", external_reference="AR999")
    item(world, 10, "4")
    documents, links = build_purchase_orders(world.con, settings(DELIVER), KnownDocuments())
    found = by_label(documents)
    verdicts = {ORDER: Verdict.SKIPPED, "2": Verdict.SKIPPED, "3": Verdict.SKIPPED, "4": Verdict.DUE}
    assert {label: each.verdict for label, each in found.items()} == verdicts
    assert "request 123 of ServiceTitan" in text_of(found[ORDER])
    assert links == [
        Link(key("purchase_order", number), name, titans, "match", kind="purchase_order")
        for number, name, titans in ((ORDER, "R-123", "901"), ("2", "R-124", "902"))
    ]
    replayed = as_known(found[ORDER], "ready", replayed=True)
    again = build_purchase_orders(world.con, settings(DELIVER), KnownDocuments([replayed], links))
    assert (reasons(by_label(again[0])[ORDER]), again[1]) == (["of_request"], []), "nor where somebody asks for it"
    world.drop("servicetitan__purchase_requests")
    sent = KnownDocument(
        "requests", "request", "servicetitan/1003/purchase_request/123", 0, 0, "posted", "", None, None, "AR123", True
    )
    assert by_label(build(world, sent))[ORDER].verdict is Verdict.SKIPPED


def test_an_order_that_is_not_of_one_request_alone_is_asked_about(world: World) -> None:
    world.drop(ORDERS)
    for at, line in ((12, 10), (13, 10), (12, 20)):
        world.put("servicetitan__purchase_requests", purchase_request_id=at, number=f"R-{at}", status="Approved")
        requisition_item(world, line, str(100 + at), external_reference=f"AR{at}-R1")
    requisition_item(world, 30, "112")
    for number, *sources in (("1", "112/10", "112/20"), ("2", "112/10", "113/10"), ("3", "112/10", "999/10")):
        order(world, number)
        for line, (requisition, of) in enumerate((each.split("/") for each in sources), 1):
            item(world, line, number, purchase_requisition=requisition, purchase_requisition_item=int(of))
    for number, reference in (("4", "AR13-R1"), ("5", "AR13"), ("6", "AR13")):
        order(world, number, external_reference=reference)
        item(world, 10, number)
    posted = KnownDocument(
        "requests", "request", "servicetitan/1003/purchase_request/13", 0, 1, "posted", "", "5", None, "AR13-R1", True
    )
    found = by_label(build(world, posted, rules=DELIVER))
    skipped, beside, copy = ["of_request"], ["beside_request"], ["copy_of_request"]
    assert {label: reasons(each) for label, each in found.items()} == {
        "1": skipped, "2": beside, "3": beside, "4": copy, "5": skipped, "6": copy, "112": []
    }  # fmt: skip
    assert "requests 12 and 13 at once" in text_of(found["2"])
    assert "request 12 beside others" in text_of(found["3"])
    assert "request 13 of ServiceTitan, whose order is 5" in text_of(found["4"])
    assert lines(found["112"]) == ["30"], "nobody asked for it in ServiceTitan"
    world.change(ORDERS, "purchase_order = '5'", deletion_code="L")
    world.change(ORDERS, "purchase_order = '6'", external_reference=None)
    found = by_label(build(world, posted, rules=DELIVER))
    assert (reasons(found["4"]), found["6"].verdict) == (skipped, Verdict.DUE), "the first of those that stand"


# Changes


def test_what_stands_there_has_no_document_until_its_order_changes(world: World) -> None:
    copies(world, "1", "2", "3", "4", "5")
    made = by_label(build(world))
    known = [as_known(each) for each in made.values()]
    world.change("mapping.order_types", type_id=42)
    assert build(world, *known) == [], "a changed mapping is no edit"
    world.change("mapping.order_types", type_id=41)
    world.change(ITEMS, "item = 20", quantity="5")
    world.change(ITEMS, delivery_date="2026-11-22")
    world.change(ORDERS, "purchase_order = '4'", is_on_hold=True)
    for number, status in (("1", "03"), ("2", "03"), ("3", "08"), ("5", "26")):
        world.change(ORDERS, f"purchase_order = '{number}'", processing_status=status)
    change = as_known(made["2"], "ready", revision=1, business_key="ST-A-PO-2/R1")
    found = by_label(build(world, *known, change))
    assert found.keys() == {ORDER, "3", "5"}, "what is in release or on hold waits, and what was released before may go"
    assert (reasons(found["3"]), reasons(found["5"])) == (["refused_in_s4"], ["unknown_status"])
    document = found[ORDER]
    assert (document.business_key, document.revision, document.amount) == (f"ST-A-PO-{ORDER}/R1", 1, Decimal(375))
    assert {name: value for name, value in document.payload.items() if name != "items"} == {
        "key": f"ST-A-PO-{ORDER}/R1", "memo": f"SAP S/4HANA order {ORDER} [ST-A-PO-{ORDER}]", "purchase_order_id": 900,
        "change": True, "required_on": "2026-11-22",
    }  # fmt: skip
    assert [(each["line"], each["quantity"]) for each in document.payload["items"]] == [("10", "20"), ("20", "5")]


def test_a_change_not_sent_yet_takes_the_newest_values_along_and_is_withdrawn_when_taken_back(world: World) -> None:
    copies(world, "1", "2")
    first = {label: as_known(each) for label, each in by_label(build(world)).items()}
    world.change(ITEMS, "item = 20", quantity="5")
    second = by_label(build(world, *first.values()))
    states = {ORDER: "unavailable", "1": "withdrawn", "2": "posted"}
    known = [*first.values(), *(as_known(second[label], state) for label, state in states.items())]
    found = by_label(build(world, *known))
    assert {label: each.revision for label, each in found.items()} == {ORDER: 1, "1": 1}, "the same change"
    world.change(ITEMS, "item = 20", quantity="6")
    found = by_label(build(world, *known))
    assert {label: (each.revision, each.verdict) for label, each in found.items()} == {
        ORDER: (1, Verdict.DUE), "1": (1, Verdict.DUE), "2": (2, Verdict.DUE)
    }  # fmt: skip
    assert {each.payload["items"][1]["quantity"] for each in found.values()} == {"6"}
    world.change(ITEMS, "item = 20", quantity="3")
    found = by_label(build(world, *known))
    assert {label: (each.revision, each.verdict) for label, each in found.items()} == {
        ORDER: (1, Verdict.WITHDRAWN), "2": (2, Verdict.DUE)
    }, "measured by what was written last"  # fmt: skip


def test_a_deleted_order_is_canceled_and_one_that_comes_back_asked_about(world: World) -> None:
    copies(world, "1", "2")
    made = [as_known(each) for each in build(world)]
    world.change(ITEMS, f"item = 10 or purchase_order <> '{ORDER}'", deletion_code="L")
    found = by_label(build(world, *made))
    assert (lines(found[ORDER]), "cancel" in found[ORDER].payload) == (["20"], False)
    assert found["1"].payload == {"key": "ST-A-PO-1/R1", "purchase_order_id": 900, "change": True, "cancel": True}
    assert (found["1"].verdict, found["1"].amount) == (Verdict.DUE, 0)
    world.change(ITEMS, "purchase_order = '2'", deletion_code=None)
    document = only(build(world, *made, *map(as_known, found.values())))
    assert (document.label, document.revision, reasons(document)) == ("2", 2, ["canceled_before"])


# Requisitions


def test_an_order_canceled_by_the_office_is_told_and_made_anew_once_a_person_asks(world: World) -> None:
    made = only(build(world))
    known = as_known(made)
    world.put("servicetitan__purchase_orders", purchase_order_id=900, number="P9", status="Canceled")
    document = only(build(world, known))
    assert (document.business_key, reasons(document)) == (f"ST-A-PO-{ORDER}/R1", ["canceled_there"])
    assert f"st-erp replay {document.business_key}" in text_of(document)
    change = as_known(document, "blocked")
    world.change(ORDERS, processing_status="03")
    assert only(build(world, known, change)).verdict is Verdict.WITHDRAWN, "S/4HANA asks for nothing at present"
    world.change(ORDERS, processing_status="05")
    other = as_known(document, "adopted", "901")
    assert build(world, known, other) == [], "a person said which order there it is"
    world.change(ITEMS, quantity="7")
    assert only(build(world, known, other)).payload["purchase_order_id"] == 901
    again = as_known(made, "ready", revision=2, business_key=f"ST-A-PO-{ORDER}-R2", replayed=True)
    skipped = change._replace(state="skipped")
    document = only(build(world, known, skipped, again))
    assert (document.business_key, document.revision, document.verdict) == (again.business_key, 2, Verdict.DUE)
    assert document.payload["memo"].endswith(f"[ST-A-PO-{ORDER}] [ST-A-PO-{ORDER}-R2]")
    assert "purchase_order_id" not in document.payload
    new = as_known(document, remote_id="902")
    assert build(world, known, skipped, new) == []
    world.change(ORDERS, deletion_code="L")
    assert only(build(world, known, skipped, again)).verdict is Verdict.WITHDRAWN
    document = only(build(world, known, skipped, new))
    assert (document.business_key, document.payload["purchase_order_id"]) == (f"ST-A-PO-{ORDER}-R2/R3", 902)
    assert document.payload["cancel"] is True
    assert only(build(world, known)).verdict is Verdict.DUE, "canceled on both sides: it is found so"


def test_an_order_of_a_request_whose_own_order_was_canceled_is_told(world: World) -> None:
    world.change(ORDERS, external_reference="AR12")
    world.put("servicetitan__purchase_requests", purchase_request_id=12, number="Q12")
    world.put("servicetitan__purchase_orders", purchase_order_id=77, number="Q12", status="Sent")
    document = only(build(world))
    assert document.verdict is Verdict.SKIPPED
    skipped = as_known(document, "skipped")
    assert build(world, skipped) == []
    world.change("servicetitan__purchase_orders", status="Canceled")
    document = only(build(world, skipped))
    assert (document.verdict, reasons(document)) == (Verdict.BLOCKED, ["request_canceled"])
    assert f"st-erp accept ST-A-PO-{ORDER} NUMBER" in text_of(document)
    assert build(world, as_known(document, "adopted", "78")) == [], "a person said which order there it is"
    world.change(ORDERS, deletion_code="L")
    assert only(build(world, as_known(document, "blocked"))).verdict is Verdict.WITHDRAWN


def test_requisitions_are_delivered_where_they_are_asked_for_one_order_for_each_supplier(world: World) -> None:
    world.drop(ORDERS)
    world.put("sap_s4hana__suppliers", supplier="18", name="Pipes", source_key=key("supplier", "18"))
    for line, supplier in ((10, "17"), (20, "18"), (30, "17"), (40, None)):
        requisition_item(world, line, supplier=supplier)
    requisition_item(world, 10, "101", creation_date="2026-10-20")
    requisition_item(world, 10, "102", release_status="03")
    requisition_item(world, 10, "103", is_closed=True)
    requisition_item(world, 10, "104", is_deleted=True)
    requisition_item(world, 20, "104")
    assert build(world) == []
    found = {each.business_key: each for each in build(world, rules=DELIVER)}
    assert {name: (each.part, each.verdict, reasons(each)) for name, each in found.items()} == {
        "ST-A-PR-100-10": (10, Verdict.DUE, []),
        "ST-A-PR-100-20": (20, Verdict.BLOCKED, ["waits_for_vendor"]),
        "ST-A-PR-100-40": (40, Verdict.BLOCKED, ["no_supplier"]),
        "ST-A-PR-101-10": (10, Verdict.OUT_OF_SCOPE, []),
        "ST-A-PR-104-10": (10, Verdict.DUE, []),
    }
    document = found["ST-A-PR-100-10"]
    assert (document.kind, document.source_key) == ("requisition", key("purchase_requisition", "100"))
    assert (lines(document), document.amount, document.party) == (["10", "30"], Decimal(120), "17")
    assert document.payload["memo"] == "SAP S/4HANA requisition 100 [ST-A-PR-100-10]"
    assert (document.payload["business_unit_id"], document.payload["required_on"]) == (UNIT, "2026-11-25")
    assert lines(found["ST-A-PR-104-10"]) == ["20"]
    unsent = as_known(document, "ready")
    assert only([each for each in build(world, unsent) if each.label == "100"]).verdict is Verdict.WITHDRAWN


def test_a_delivered_requisition_is_changed_and_canceled_with_its_items(world: World) -> None:
    world.drop(ORDERS)
    for number in ("100", "200", "300", "400"):
        requisition_item(world, 10, number)
        requisition_item(world, 20, number)
    made = [as_known(each) for each in build(world, rules=DELIVER)]
    world.change(REQUISITIONS, "item = 10 and purchase_requisition in ('100', '200')", is_deleted=True)
    world.change(REQUISITIONS, "item = 20 and purchase_requisition = '200'", purchase_order="77")
    world.change(REQUISITIONS, "purchase_requisition = '300'", is_closed=True)
    found = by_label(build(world, *made, rules=DELIVER))
    assert found.keys() == {"100", "300"}, "the order of 200 has not been read yet"
    assert (found["100"].business_key, found["100"].payload["purchase_order_id"]) == ("ST-A-PR-100-10/R1", 900)
    assert lines(found["100"]) == ["20"]
    assert found["300"].payload["cancel"] is True


def test_a_delivered_item_stays_in_its_order_whatever_else_its_supplier_gets(world: World) -> None:
    world.drop(ORDERS)
    for number, first in (("100", None), ("200", "17"), ("300", "17")):
        requisition_item(world, 10, number, supplier=first)
        requisition_item(world, 20, number)
    delivered = [as_known(each) for each in build(world, rules=DELIVER) if each.verdict is Verdict.DUE]
    world.change(REQUISITIONS, "purchase_requisition = '100'", supplier="17")
    requisition_item(world, 5, "200")
    world.change(REQUISITIONS, "item = 10 and purchase_requisition = '300'", is_deleted=True)
    changed = as_known(by_label(build(world, *delivered, rules=DELIVER))["300"])
    world.change(REQUISITIONS, "item = 10 and purchase_requisition = '300'", is_deleted=False)
    found = build(world, *delivered, changed, rules=DELIVER)
    assert {each.business_key: lines(each) for each in found} == {
        "ST-A-PR-100-10": ["10"], "ST-A-PR-200-5": ["5"], "ST-A-PR-300-10-2": ["10"]
    }, "what comes later is an order of its own"  # fmt: skip
    assert build(world, *delivered, changed, *map(as_known, found), rules=DELIVER) == []


def ordered(world: World, number: str, *pairs: tuple[int, int], requisition: str = "100") -> None:
    """An order whose item, the first of a pair, was made of an item of the requisition."""
    order(world, number)
    for line, of in pairs:
        item(world, line, number, purchase_requisition=requisition, purchase_requisition_item=of)
        world.change(REQUISITIONS, f"item = {of} and purchase_requisition = '{requisition}'", purchase_order=number)


def test_an_order_takes_the_place_of_its_delivered_requisition(world: World) -> None:
    world.drop(ORDERS)
    requisition_item(world, 10)
    requisition_item(world, 20)
    made = as_known(only(build(world, rules=DELIVER)))
    ordered(world, "2", (10, 20), (20, 10))
    document = only(build(world, made, rules=DELIVER))
    assert (document.business_key, document.verdict) == ("ST-A-PO-2", Verdict.DUE)
    assert (document.payload["purchase_order_id"], "change" in document.payload) == (900, False)
    assert [(each["line"], each["was_line"]) for each in document.payload["items"]] == [("10", "20"), ("20", "10")]
    assert document.payload["memo"] == "SAP S/4HANA order 2 [ST-A-PO-2]"
    linked = as_known(document)
    assert build(world, made, linked, rules=DELIVER) == []
    world.change(ITEMS, "purchase_order = '2'", deletion_code="L")
    document = only(build(world, made, linked, rules=DELIVER))
    assert (document.business_key, document.payload["cancel"]) == ("ST-A-PO-2/R1", True)


def test_after_the_state_was_lost_the_marker_says_which_requisition_stands_there(world: World) -> None:
    world.drop(ORDERS)
    for number in ("100", "200", "300"):
        requisition_item(world, 10, number)
    for at, (marker, status) in enumerate(
        (("[ST-A-PR-100-10]", "Pending"), ("[ST-A-PR-200-10] [ST-A-PO-3]", "Sent"), ("[ST-A-PR-300-10]", "Canceled"))
    ):
        world.put("servicetitan__purchase_orders", purchase_order_id=901 + at, summary=f"Order {marker}", status=status)
        world.put("servicetitan__purchase_order_items", purchase_order_id=901 + at, description="10 Valve")
    for number, requisition in (("2", "100"), ("3", "200"), ("4", "300")):
        ordered(world, number, (10, 10), requisition=requisition)
    found = by_label(build(world, rules=DELIVER))
    assert {label: each.payload.get("purchase_order_id") for label, each in found.items()} == {
        "2": 901, "3": None, "4": None
    }  # fmt: skip


def test_of_two_orders_of_one_requisition_the_first_takes_it_and_what_is_left_begins_anew(world: World) -> None:
    world.drop(ORDERS)
    for line in (10, 20, 30):
        requisition_item(world, line)
        requisition_item(world, line, "200")
    made = [as_known(each, remote_id=each.label) for each in build(world, rules=DELIVER)]
    ordered(world, "2", (10, 20))
    ordered(world, "3", (10, 30))
    ordered(world, "4", (10, 10), requisition="200")
    found = {each.business_key: each for each in build(world, *made, rules=DELIVER)}
    assert {name: each.payload.get("purchase_order_id") for name, each in found.items()} == {
        "ST-A-PO-2": 100, "ST-A-PO-3": None, "ST-A-PO-4": 200, "ST-A-PR-100-10-2": None, "ST-A-PR-200-20": None
    }, "a key of its own: the first stands for the order now"  # fmt: skip
    assert (lines(found["ST-A-PR-100-10-2"]), lines(found["ST-A-PR-200-20"])) == (["10"], ["20", "30"])
    taken = {"ST-A-PO-2": "100", "ST-A-PO-4": "200"}
    known = [as_known(each, remote_id=taken.get(name, f"9{at}")) for at, (name, each) in enumerate(found.items())]
    assert build(world, *made, *known, rules=DELIVER) == []
    world.change(REQUISITIONS, "item = 20 and purchase_requisition = '200'", is_deleted=True)
    document = only(build(world, *made, *known, rules=DELIVER))
    assert (document.business_key, lines(document)) == ("ST-A-PR-200-20/R1", ["30"])


def test_an_order_waits_for_a_requisition_under_way_and_takes_no_unsent_one(world: World) -> None:
    world.drop(ORDERS)
    requisition_item(world, 10)
    requisition_item(world, 10, "200")
    made = {each.label: each for each in build(world, rules=DELIVER)}
    ordered(world, "2", (10, 10))
    doubtful = as_known(made["100"], "in_doubt")
    found = by_label(build(world, doubtful, as_known(made["200"]), rules=DELIVER))
    assert reasons(found["2"]) == ["waits_for_requisition"]
    assert found[""].verdict is Verdict.WITHDRAWN, "so that it is not sent again, where it proves absent"
    found = by_label(build(world, as_known(made["100"], "rejected"), as_known(made["200"]), rules=DELIVER))
    assert (found["2"].verdict, "purchase_order_id" in found["2"].payload) == (Verdict.DUE, False)
    assert found["100"].verdict is Verdict.WITHDRAWN
    item(world, 20, "2", purchase_requisition="200", purchase_requisition_item=10)
    both = (as_known(made["100"], remote_id="901"), as_known(made["200"], remote_id="902"))
    document = only(build(world, *both, rules=DELIVER))
    assert reasons(document) == ["several_requisitions"]
    assert "901 and 902 (ST-A-PR-100-10 and ST-A-PR-200-10)" in text_of(document)
    world.put("servicetitan__purchase_orders", purchase_order_id=902, status="Canceled")
    assert only(build(world, *both, rules=DELIVER)).payload["purchase_order_id"] == 901
