"""What becomes of S/4HANA's suppliers in ServiceTitan: linked, created, changed, asked about; and the other way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest

from st_erp_pipelines.accept import in_vendors
from st_erp_pipelines.commands.vendor_differences import show_vendors, vendor_facts
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.settings import Connection, Flows, SapS4hana, Secret, ServiceTitan
from st_erp_pipelines.settings_systems import NewSuppliers
from st_erp_pipelines.staging import vendor_differences
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments
from st_erp_pipelines.staging.documents.known import prepare, run
from st_erp_pipelines.staging.documents.purchasing_masters import build_suppliers, build_vendors
from tests.staging.supplier_invoices_world import World, rolled_back

TITAN = "servicetitan__vendors"
S4 = "sap_s4hana__suppliers"
NEW = NewSuppliers(grouping="BP02", reconciliation_account="21100000", payment_terms="0004")


@pytest.fixture
def world() -> Iterator[World]:
    """Supplier 17, Acme Supply in Austin, and no vendor."""
    with rolled_back() as world:
        supplier(world, "17")
        yield world


def settings(mode: str = "post", create: bool = False, **vendors: Any) -> Connection:
    """`mode` is that of vendors and of orders, `vendors` what else is set of these."""
    secrets = dict.fromkeys(("client_id", "client_secret"), Secret("x"))
    erp = SapS4hana(
        kind="sap_s4hana", api_url="http://127.0.0.1", company_code="1710", controlling_area="A000",
        purchasing_organization="1710", tax_number_field="Tax ID", create_in_s4=NEW if create else None, **secrets,
    )  # fmt: skip
    return Connection(
        name="harbor", key_prefix="A", time_zone="America/Chicago", start_date=date(2026, 10, 1), erp=erp,
        go_live=date(2026, 11, 1), mappings=Path(__file__).parent,
        flows=Flows(vendors={"mode": mode, **vendors}, purchase_orders={"mode": mode}),
        servicetitan=ServiceTitan(tenant_id=1003, app_key=Secret("x"), application_guid=UUID(int=1), **secrets),
    )  # fmt: skip


def supplier(world: World, number: str, *, company: str = "1710", **values: Any) -> None:
    row = dict(
        supplier=number, name="Acme Supply, Inc.", category="2", street="100 Main St", city="Austin", state="TX",
        postal_code="78701", country="US", phone="512-555-0100", email="orders@acme.example", is_blocked=False,
        is_deleted=False, change_date=None, creation_date="2020-01-02",
        source_key=f"sap_s4hana/1710/supplier/{number}", extracted_at="2026-11-10T03:00:00Z",
    )  # fmt: skip
    world.put(S4, **row | values)
    world.put(
        "sap_s4hana__supplier_companies", supplier=number, company_code=company, is_blocked=False, is_deleted=False
    )
    world.put(
        "sap_s4hana__supplier_purchasing_organizations", supplier=number, purchasing_organization="1710",
        is_blocked=False, is_deleted=False,
    )  # fmt: skip


def vendor(world: World, number: int, supplier: str = "", tax: str = "", **values: Any) -> None:
    row = dict(
        vendor_id=number, name="ACME Supply LLC", street="100 Main St", city="Austin", state="Texas", zip="78701-1234",
        country="USA", phone="(512) 555-0100", email="orders@acme.example", is_active=True,
        custom_fields=[{"typeId": 1, "name": "tax id", "value": tax}] if tax else [],
        source_key=f"servicetitan/1003/vendor/{number}", extracted_at="2026-11-10T03:00:00Z",
        created_at="2025-05-06T12:00:00Z",
    )  # fmt: skip
    world.put(TITAN, **row | values)
    if supplier:
        mark(world, number, supplier)


def mark(world: World, number: int, supplier: str) -> None:
    query = f"update staging.stg_{TITAN} set external_data = [{{key: 'S4Supplier', value: ?}}] where vendor_id = ?"
    world.con.execute(query, [supplier, number])


def build(world: World, *known: KnownDocument, **changed: Any) -> list[BuiltDocument]:
    return build_vendors(world.con, settings(**changed), KnownDocuments(known))


def only(documents: list[BuiltDocument]) -> BuiltDocument:
    (document,) = documents
    return document


def as_known(document: BuiltDocument, state: str = "posted", **values: Any) -> KnownDocument:
    facts = {name: getattr(document, name) for name in KnownDocument._fields if hasattr(document, name)}
    remote = "55" if state in ("posted", "adopted") else None
    same = dict(state=state, remote_id=remote, remote_number="17", is_fixed=state == "posted")
    return KnownDocument(**facts | same | {"written": json.dumps(dict(document.payload))} | values)


def text(document: BuiltDocument) -> str:
    return " ".join(reason.text for reason in document.reasons)


def test_a_supplier_becomes_a_vendor(world: World) -> None:
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("vendors", "vendor", Verdict.DUE)
    assert (document.business_key, document.label, document.amount) == ("ST-A-VEND-17", "Acme Supply, Inc.", 0)
    assert document.home_day == date(2026, 11, 9), "in the connection's zone"
    assert document.payload == {
        "key": "ST-A-VEND-17", "supplier": "17", "name": "Acme Supply, Inc.", "active": True, "phone": "512-555-0100",
        "email": "orders@acme.example", "street": "100 Main St", "unit": "", "city": "Austin", "state": "TX",
        "zip": "78701", "country": "US", "tax_rate": "0",
    }  # fmt: skip


@pytest.mark.parametrize("known_by", ["name and postal code", "tax number", "number", "key of what came from there"])
def test_one_made_on_both_sides_becomes_one_linked_pair(world: World, known_by: str) -> None:
    tax, number = ("74-123 4567" if known_by == "tax number" else ""), "0000000017" if known_by == "number" else ""
    name = {"name and postal code": "Acme Supply Co.", "tax number": "ACME West"}.get(known_by, "Quite Another")
    vendor(world, 55, supplier=number, tax=tax, name=name)
    if known_by == "tax number":
        world.put("sap_s4hana__supplier_tax_numbers", supplier="17", tax_number="741234567")
    if known_by == "key of what came from there":
        world.change(S4, external_id="ST-A-V-55")
    document = only(build(world))
    assert (document.verdict, document.payload["vendor_id"]) == (Verdict.DUE, 55)
    assert "change" not in document.payload
    assert "tax_rate" not in document.payload
    assert build(world, as_known(document, "adopted")) == []


def test_a_tax_number_alone_links_nobody(world: World) -> None:
    for at, (ours, theirs) in enumerate(
        (("N/A", "n/a"), ("000000000", "000-000-000"), ("APPLIED FOR", "Applied for"), ("123456", "123456"))
    ):
        world.put("sap_s4hana__supplier_tax_numbers", supplier="17", tax_number=ours)
        vendor(world, 60 + at, tax=theirs, name=f"Zed {at}")
    document = only(build(world))
    assert (document.verdict, "vendor_id" in document.payload) == (Verdict.DUE, False)
    world.put("sap_s4hana__supplier_tax_numbers", supplier="17", tax_number="12-3456789")
    vendor(world, 55, tax="123456789", name="Zed Trucking")
    asked = only(build(world))
    assert asked.verdict is Verdict.BLOCKED
    assert "vendor 'Zed Trucking' (id 55) (same tax number, another name)" in text(asked)


def test_which_names_are_one(world: World) -> None:
    matched(world)
    for one, other, are_same in (
        ("Müller & Söhne GmbH & Co. KG", "Muller and Sohne", True),
        ("Müller & Söhne GmbH & Co. KG", "Mueller und Söhne", False),
        ("Lowe’s Companies, L.L.C.", "lowes companies", True),
        ("A.O. Smith Corp", "A. O. SMITH Corporation", True),
        ("Acme Co of Texas", "Acme of Texas", False),
        ("Coleman", "leman", False),
        ("日本電気 Co., Ltd.", "日本電気", True),
        ("Company Co", "Company", True),
    ):
        names = [replaced.replace(" ", "") for replaced in plain(world, one, other)]
        assert (names[0] == names[1]) is are_same, names
        assert all(names)


def matched(world: World) -> None:
    prepare(world.con, settings(), "vendors", KnownDocuments())
    run(world.con, "vendor_links")
    run(world.con, "vendor_matches")


def plain(world: World, *names: str) -> tuple[str, ...]:
    return world.con.execute("select plain_name(?), plain_name(?)", names).fetchall()[0]


ALIKE = {
    60: ("Acme Supply", {"zip": "77002"}, "same name, postal code 77002"),
    61: ("Acme Supply", {"zip": None}, "same name, postal code none"),
    62: ("Acme Supply", {"is_active": False}, "inactive (same name and postal code)"),
    63: ("Supplies Acme", {}, "alike, 99 of 100"),
    64: ("Akme Supply", {}, "alike, 91 of 100"),
    65: ("Acme Supply Houston", {}, "alike, 90 of 100"),
    66: ("Acme", {}, "alike, 90 of 100"),
}
OTHERS = {
    70: ("Ahme Simply", {}),
    71: ("Akme Supply", {"is_active": False}),
    72: ("Pacific Supply", {}),
    73: (None, {}),
}


def test_what_looks_alike_waits_for_a_person(world: World) -> None:
    for number, (name, changes, _) in ALIKE.items():
        vendor(world, number, name=name, **changes)
    document = only(build(world))
    assert (document.verdict, [each.code for each in document.reasons]) == (Verdict.BLOCKED, ["entered_by_hand"])
    for number, (name, _, likewise) in ALIKE.items():
        assert f"vendor '{name}' (id {number})" in text(document)
        assert likewise in text(document)
    assert "st-erp accept ST-A-VEND-17 60; if not: st-erp replay ST-A-VEND-17" in text(document)
    replayed = only(build(world, as_known(document, "ready", replayed=True)))
    assert (replayed.verdict, "vendor_id" in replayed.payload) == (Verdict.DUE, False)


@pytest.mark.parametrize("number", [60, 62, 64])
def test_one_that_looks_alike_is_not_linked(world: World, number: int) -> None:
    name, changes, _ = ALIKE[number]
    vendor(world, number, name=name, **changes)
    assert only(build(world)).verdict is Verdict.BLOCKED


def test_what_is_another_is_in_nobodys_way(world: World) -> None:
    for number, (name, changes) in OTHERS.items():
        vendor(world, number, name=name, **changes)
    document = only(build(world))
    assert (document.verdict, "vendor_id" in document.payload) == (Verdict.DUE, False)


def test_of_several_none_is_linked(world: World) -> None:
    vendor(world, 55)
    vendor(world, 56)
    document = only(build(world))
    assert document.verdict is Verdict.BLOCKED
    assert "(id 55)" in text(document)
    assert "(id 56)" in text(document)
    world.change(TITAN, "vendor_id = 56", is_active=False)
    assert only(build(world)).payload["vendor_id"] == 55, "who is not used any more is not meant"


def test_two_suppliers_of_one_name_are_asked_about_and_a_closed_one_is_not(world: World) -> None:
    supplier(world, "18")
    vendor(world, 55)
    documents = build(world)
    assert [each.verdict for each in documents] == [Verdict.BLOCKED, Verdict.BLOCKED]
    assert "(same name and postal code; so is supplier 18)" in text(documents[0])
    world.change(S4, "supplier = '18'", is_deleted=True)
    assert [(each.verdict, each.payload.get("vendor_id")) for each in build(world)] == [
        (Verdict.DUE, 55), (Verdict.SKIPPED, None),
    ]  # fmt: skip


def test_two_of_nearly_one_name_stay_two(world: World) -> None:
    supplier(world, "18", name="Acme Supplies Inc", postal_code="77002")
    vendor(world, 55)
    documents = build(world)
    assert [(each.verdict, each.payload.get("vendor_id")) for each in documents] == [
        (Verdict.DUE, 55), (Verdict.DUE, None),
    ], "the one that looks alike is taken"  # fmt: skip
    linked = as_known(documents[0])
    world.change(S4, "supplier = '17'", name="Acme Global")
    assert build(world, linked)[-1].verdict is Verdict.DUE, "by what was posted, whatever it is called now"


CLOSED = (
    (S4, {"is_blocked": True}), (S4, {"is_deleted": True}), ("sap_s4hana__supplier_companies", {"is_blocked": True}),
    ("sap_s4hana__supplier_purchasing_organizations", {"is_deleted": True}),
)  # fmt: skip


def test_who_is_closed_is_not_created(world: World) -> None:
    for table, values in CLOSED:
        world.change(table, **values)
        left = only(build(world))
        assert left.verdict is Verdict.SKIPPED, (table, values)
        world.change(table, **dict.fromkeys(values, False))
    assert only(build(world, as_known(left, "skipped"))).verdict is Verdict.DUE


def test_whose_link_stands_becomes_inactive_when_it_is_closed(world: World) -> None:
    made = as_known(only(build(world)))
    world.change(S4, is_blocked=True)
    change = only(build(world, made))
    assert change.payload == {
        "key": "ST-A-VEND-17/R1", "supplier": "17", "vendor_id": 55, "change": True, "active": False,
    }  # fmt: skip
    sent = as_known(change)
    assert build(world, made, sent) == []
    world.change(S4, is_blocked=False)
    again = only(build(world, made, sent))
    assert (again.revision, again.payload["active"]) == (2, True)


def test_suppliers_of_other_companies_are_none_of_ours(world: World) -> None:
    known = as_known(only(build(world)), "ready")
    world.change("sap_s4hana__supplier_companies", company_code="2000")
    assert build(world) == []
    assert only(build(world, known)).verdict is Verdict.WITHDRAWN
    world.drop(S4)
    assert build(world, known) == [], "nothing was read"


def test_a_change_carries_what_the_erp_owns_and_nothing_is_emptied(world: World) -> None:
    made = as_known(only(build(world)))
    world.change(S4, name="Acme Group", street="2 Elm St", phone=None, email="new@acme.example")
    change = only(build(world, made))
    assert change.payload == {
        "key": "ST-A-VEND-17/R1", "supplier": "17", "vendor_id": 55, "change": True, "name": "Acme Group",
        "email": "new@acme.example", "street": "2 Elm St", "unit": "", "city": "Austin", "state": "TX", "zip": "78701",
        "country": "US",
    }  # fmt: skip
    owned = only(build(world, made, owners={"address": "servicetitan", "email": "servicetitan"}))
    assert {"name"} == owned.payload.keys() - {"key", "supplier", "vendor_id", "change"}
    assert build(world, made, owners=dict.fromkeys(("name", "address", "phone", "email"), "servicetitan")) == []
    world.change(S4, name="Acme Supply, Inc.", street="100 Main St", email="")
    assert build(world, made) == []


def test_changes_are_measured_from_what_was_written_last_of_each_member(world: World) -> None:
    made = as_known(only(build(world)))
    world.change(S4, name="Acme Group")
    first = as_known(only(build(world, made)))
    world.change(S4, phone="512-555-0199")
    second = only(build(world, made, first))
    assert second.payload.keys() - {"key", "supplier", "vendor_id", "change"} == {"phone"}
    pending = as_known(second, "unavailable")
    world.change(S4, phone="512-555-0200")
    again = only(build(world, made, first, pending))
    assert (again.revision, again.payload["phone"]) == (2, "512-555-0200")
    world.change(S4, phone="512-555-0100")
    back = only(build(world, made, first, pending))
    assert (back.revision, back.verdict) == (2, Verdict.SKIPPED), "taken back before it was sent"


def test_what_was_said_in_servicetitan_meanwhile_is_told(world: World) -> None:
    made = as_known(only(build(world)))
    vendor(world, 55, name="Acme West", phone="(512) 555-0100", email="new@acme.example")
    world.change(S4, name="Acme Group", phone="512-555-0199", email="new@acme.example")
    assert only(build(world, made)).payload["overwritten"] == (
        "name: ServiceTitan said 'Acme West', the ERP 'Acme Group'"
    ), "the phone was as we wrote it, and the address is as it is to be"


def test_who_was_linked_keeps_what_was_different_then_and_it_is_listed(world: World) -> None:
    vendor(world, 55, phone="555-9999", unit="", street="100 Main  St")
    linked = only(build(world))
    for known in (
        [],
        [as_known(linked, "adopted", state_since=datetime(2026, 11, 11, tzinfo=UTC))],
        [as_known(linked, "posted", state_since=datetime(2026, 11, 9, tzinfo=UTC))],
    ):
        build(world, *known)
        assert differences(world) == [
            ("name", "erp", "ACME Supply LLC", "Acme Supply, Inc."), ("phone", "erp", "555-9999", "512-555-0100"),
        ], known  # fmt: skip
    build(world, as_known(linked, state_since=datetime(2026, 11, 11, tzinfo=UTC)))
    assert differences(world) == [], "not read again since"


def differences(world: World) -> list[tuple[Any, ...]]:
    found = vendor_differences.differences(world.con)
    assert {(each.supplier, each.vendor_id) for each in found} <= {("17", 55)}
    return [(each.member, each.owner, each.in_servicetitan, each.in_erp) for each in found]


def test_status_tells_of_differences_and_of_vendors_that_only_servicetitan_has(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor(world, 55, phone="555-9999")
    vendor(world, 60, name="Brass & Co", zip=None)
    build(world)
    compared = vendor_differences.differences(world.con), vendor_differences.unmatched(world.con)
    facts = vendor_facts(Mock(vendors_compared=lambda: compared))
    show_vendors(facts)
    said = capsys.readouterr().out
    assert re.search(r"17 +55 +phone +ERP +555-9999 +512-555-0100", said)
    assert re.search(r"60 +Brass & Co +none", said)
    facts["vendors_unmatched"] *= 12
    show_vendors(facts)
    assert "and 2 more: st-erp status --all" in capsys.readouterr().out


def test_whom_a_person_accepted_is_marked_and_then_changed_as_any(world: World) -> None:
    vendor(world, 55, name="Akme Supply")
    accepted = as_known(only(build(world)), "adopted")
    world.change(S4, phone="512-555-0199")
    linked = only(build(world, accepted))
    assert (linked.verdict, linked.payload) == (
        Verdict.DUE, {"key": "ST-A-VEND-17/R1", "supplier": "17", "vendor_id": 55},
    )  # fmt: skip
    mark(world, 55, "17")
    for marked in (as_known(linked), as_known(linked, "adopted")):
        change = only(build(world, accepted, marked))
        assert (change.revision, change.payload["phone"], "name" in change.payload) == (2, "512-555-0199", False)


def test_a_vendor_is_named_by_its_id_or_its_name(world: World) -> None:
    vendor(world, 55, name="Akme Supply")
    vendor(world, 56, name="55")
    found = [[each.remote_id for each in in_vendors(world.con, said)] for said in ("id=55", "Akme Supply", "Akme")]
    assert found == [["55"], ["55"], []]
    assert sorted(each.words for each in in_vendors(world.con, "55")) == ["55 (56)", "Akme Supply (55)"], "either"


def there(world: World, *known: KnownDocument, mode: str = "post") -> list[tuple[Any, ...]]:
    prepare(world.con, settings(mode), "purchase_orders", KnownDocuments(known))
    run(world.con, "vendor_links")
    return world.con.execute("select supplier, vendor_id, is_there from vendors_there order by supplier").fetchall()


def test_which_vendor_an_order_goes_to(world: World) -> None:
    document = only(build(world))
    assert there(world) == [("17", None, False)]
    assert there(world, as_known(document, "ready")) == [("17", None, False)]
    assert there(world, as_known(document, "ready"), mode="observe") == [("17", None, True)]
    assert there(world, as_known(document)) == [("17", 55, True)]
    vendor(world, 60, supplier="17")
    assert there(world) == [("17", 60, True)], "after the state was lost"
    assert there(world, as_known(document)) == [("17", 55, True)]
    vendor(world, 61, supplier="17")
    assert there(world) == [("17", None, False)], "two of one number"


# Vendors that S/4HANA does not have


def build_back(world: World, *known: KnownDocument, create: bool = True) -> list[BuiltDocument]:
    return build_suppliers(world.con, settings(create=create), KnownDocuments(known))


def unmatched(world: World) -> list[tuple[Any, ...]]:
    return [(each.vendor_id, each.similar_suppliers) for each in vendor_differences.unmatched(world.con)]


def test_a_vendor_that_no_supplier_is_becomes_one_where_that_is_wanted(world: World) -> None:
    vendor(world, 55)
    vendor(world, 60, name="Brass & Co", state="texas", unit="Suite 5", zip="78702")
    vendor(world, 61, name="Old Pipes", is_active=False)
    document = only(build_back(world))
    assert (document.flow, document.kind, document.verdict) == ("suppliers", "supplier", Verdict.DUE)
    assert (document.business_key, document.source_key) == ("ST-A-V-60", "servicetitan/1003/vendor/60")
    assert document.payload == {
        "key": "ST-A-V-60", "name": "Brass & Co", "street": "Main St Suite 5", "house_number": "100", "city": "Austin",
        "postal_code": "78702", "region": "TX", "country": "US", "phone": "(512) 555-0100",
        "email": "orders@acme.example", "grouping": "BP02", "company_code": "1710",
        "reconciliation_account": "21100000", "payment_terms": "0004",
        "purchasing_organization": "1710", "order_currency": "USD",
    }  # fmt: skip
    assert build_back(world, create=False) == []
    build(world)
    assert unmatched(world) == [(60, None)], "listed all the same"
    posted = as_known(document, remote_id="900")
    assert build_back(world, posted) == []
    assert only(build_back(world, as_known(document, "ready"), create=False)).verdict is Verdict.WITHDRAWN


def test_a_vendor_like_a_supplier_waits_for_a_person(world: World) -> None:
    vendor(world, 55, name="Akme Supply")
    document = only(build_back(world))
    assert [each.code for each in document.reasons] == ["entered_by_hand"]
    assert "supplier 'Acme Supply, Inc.' (id 17) (alike, 91 of 100)" in text(document)
    assert "st-erp accept ST-A-VEND-17 55; if not: st-erp replay ST-A-V-55" in text(document)
    assert only(build_back(world, as_known(document, "ready", replayed=True))).verdict is Verdict.DUE
    world.change(S4, is_blocked=True)
    closed = only(build_back(world))
    assert "(id 17), it is blocked" in text(closed)
    assert "accept" not in text(closed)
    linked = as_known(document, "blocked")
    mark(world, 55, "17")
    assert only(build_back(world, linked)).verdict is Verdict.WITHDRAWN, "it was linked"


def test_a_supplier_needs_a_country(world: World) -> None:
    vendor(world, 60, name="Brass & Co", country="Texas")
    document = only(build_back(world))
    assert [each.code for each in document.reasons] == ["no_country"]
    world.change(TITAN, country="mx")
    assert only(build_back(world)).payload["country"] == "MX"
