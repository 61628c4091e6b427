"""Which customers are created, matched, linked and changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from st_erp_pipelines.flows import FLOWS
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import BUILDS, KnownDocument, KnownDocuments, Link, build_customers
from tests.staging.documents_world import World, key, known, plain_world, settings

ERP = "staging.stg_business_central__customers"
MATCHING = {"match_existing": "name_and_address"}


@pytest.fixture
def world() -> World:
    """Ann Lee (7), whom an invoice names."""
    world = plain_world()
    world.invoice(1)
    return world


def build(
    world: World, *documents: KnownDocument, links: Sequence[Link] = (), **changed: Any
) -> tuple[list[BuiltDocument], list[Link]]:
    return build_customers(world.con, settings(**changed), KnownDocuments(documents, links))


def keys(built: tuple[list[BuiltDocument], list[Link]]) -> list[str]:
    return [document.business_key for document in built[0]]


def today(world: World, number: int = 7) -> str:
    """The hash of what is carried over, as a build just now would give it."""
    documents, _ = build(world, customers={"create": "all"})
    return next(document.source_hash for document in documents if document.source_key == key("customer", number))


def erp_ann(world: World, number: str = "C1", **values: Any) -> None:
    row = {"display_name": "ANN  LEE", "address_line1": "1 Oak St.", "city": "Austin", "postal_code": "78701"}
    world.put(ERP, customer_id=f"guid-{number}", number=number, **row | values)


# Creation


def test_a_customer_that_a_document_names_is_created(world: World) -> None:
    world.put("payment_terms", payment_term_id=4, name="Net 30")
    world.put("mapping.payment_terms", term_name="Net 30", erp_code="30 DAYS")
    world.change("customers", unit=" Apt 2 ", payment_term_id=4)
    (document,), links = build(world)
    assert links == []
    assert (document.flow, document.kind, document.verdict) == ("customers", "customer", Verdict.DUE)
    assert (document.business_key, document.party, document.label) == ("STA-7", "Ann Lee", "Ann Lee")
    assert (document.amount, document.currency, document.home_day) == (0, "USD", date(2026, 11, 6))
    assert document.payload == {
        "number": "STA-7",
        "display_name": "Ann Lee",
        "type": "Person",
        "address_line1": "1 Oak St",
        "address_line2": "Apt 2",
        "city": "Austin",
        "state": "TX",
        "country": "US",
        "postal_code": "78701",
        "phone_number": "",
        "email": "",
        "payment_terms_code": "30 DAYS",
    }


@pytest.mark.parametrize(
    ("change", "is_named"),
    [
        ({}, True),
        ({"invoice_date": "2026-10-31"}, False),
        ({"is_active": False}, False),
        ({"sync_status": "Pending"}, False),
        ({"total": "0"}, False),
        ({"first_sync_status": "Exported"}, False),  # never sent, so it needs no customer
        ({"first_sync_status": "Pending", "sync_status": "Exported"}, False),
    ],
)
def test_only_documents_in_scope_name_customers(world: World, change: dict[str, Any], is_named: bool) -> None:
    if change:
        world.change("invoices", **change)
    assert bool(keys(build(world))) is is_named


@pytest.mark.parametrize("kind", ["credit_memo", "payment"])
def test_credit_memos_and_payments_name_customers_too(world: World, kind: str) -> None:
    world.customer(8)
    getattr(world, kind)(5, customer_id=8, home_day="2026-11-20")
    assert keys(build(world)) == ["STA-7", "STA-8"]


def test_an_old_document_that_a_person_took_in_names_its_customer(world: World) -> None:
    world.change("invoices", invoice_date="2026-10-31")
    assert keys(build(world, known("invoice", 1, "out_of_scope"))) == []
    assert keys(build(world, known("invoice", 1, "blocked"))) == ["STA-7"]


def test_a_zero_total_that_a_person_replayed_names_its_customer(world: World) -> None:
    world.change("invoices", total="0")
    assert keys(build(world, known("invoice", 1, "ready"))) == []
    assert keys(build(world, known("invoice", 1, "ready", replayed=True))) == ["STA-7"]


def test_the_earliest_document_gives_the_home_day(world: World) -> None:
    world.invoice(2, home_day="2026-11-03")
    world.payment(3, home_day="2026-11-09")
    assert build(world)[0][0].home_day == date(2026, 11, 3)


def test_all_active_customers_where_asked(world: World) -> None:
    world.customer(8)
    world.customer(9, is_active=False)
    world.customer(10, merged_to_id=7, is_active=False)
    documents, _ = build(world, customers={"create": "all"})
    assert [document.business_key for document in documents] == ["STA-7", "STA-8"]
    assert documents[1].home_day == date(2026, 10, 20)


def test_a_merged_customer_is_never_created_but_its_heir(world: World) -> None:
    world.customer(8)
    world.change("customers", "customer_id = 7", merged_to_id=8, is_active=False)
    assert keys(build(world)) == ["STA-8"]


@pytest.mark.parametrize("state", ["posted", "adopted"])
def test_what_is_there_is_not_created_again(world: World, state: str) -> None:
    assert keys(build(world, known("customer", 7, state, today(world)))) == []


def test_observing_changes_nobody_who_is_not_there(world: World) -> None:
    (document,), _ = build(world, known("customer", 7, "ready"), customers={"mode": "observe"})
    assert (document.business_key, document.payload["number"]) == ("STA-7", "STA-7")


@pytest.mark.parametrize(("state", "is_built"), [("blocked", True), ("rejected", True), ("skipped", False)])
def test_what_is_not_final_is_built_again_even_if_nothing_names_it(world: World, state: str, is_built: bool) -> None:
    world.drop("invoices")
    assert bool(keys(build(world, known("customer", 7, state)))) is is_built


@pytest.mark.parametrize(
    ("contacts", "phone", "email"),
    [
        ([(2, "Phone", "555-2"), (1, "MobilePhone", "555-1"), (3, "Email", "a@b.c")], "555-1", "a@b.c"),
        ([(1, "Phone", " "), (2, "Fax", "555-9"), (3, "Phone", " 555-3 ")], "555-3", ""),
        ([(1, "Email", "x" * 81), (2, "Email", "b@b.c")], "", ""),
    ],
)
def test_contacts(world: World, contacts: list[tuple[int, str, str]], phone: str, email: str) -> None:
    for contact_id, kind, value in contacts:
        world.put("customer_contacts", contact_id=contact_id, customer_id=7, type=kind, value=value)
    payload = build(world)[0][0].payload
    assert (payload["phone_number"], payload["email"]) == (phone, email)


@pytest.mark.parametrize(
    ("written", "code"),
    [("US", "US"), ("usa", "US"), ("U.S.A.", "US"), ("United States", "US"), ("Canada", "CA"), ("mx", "MX"),
     ("Elsewhere", ""), (None, "")],
)  # fmt: skip
def test_country_codes(world: World, written: str | None, code: str) -> None:
    world.change("customers", country=written)
    assert build(world)[0][0].payload["country"] == code


def test_what_does_not_fit_is_cut(world: World) -> None:
    world.change("customers", name="株" * 120, city="y" * 40, type="Commercial")
    payload = build(world)[0][0].payload
    assert (payload["display_name"], payload["city"], payload["type"]) == ("株" * 100, "y" * 30, "Company")


def test_an_unmapped_term_never_blocks(world: World) -> None:
    world.change("customers", payment_term_id=4)
    (document,), _ = build(world)
    assert (document.verdict, document.payload["payment_terms_code"]) == (Verdict.DUE, "")


# Links from customers.csv


def test_a_row_of_the_link_table_becomes_a_link(world: World) -> None:
    expected = Link(key("customer", 7), "C1", "guid-C1", "table", today(world))
    erp_ann(world)
    world.put("mapping.customers", customer_id=7, erp_number="C1")
    assert build(world) == ([], [expected])
    assert build(world, links=[expected]) == ([], [])


def test_a_changed_row_is_linked_anew(world: World) -> None:
    link = Link(key("customer", 7), "C1", None, "table", today(world))
    erp_ann(world, "C2")
    world.put("mapping.customers", customer_id=7, erp_number="C2")
    _, links = build(world, links=[link])
    assert [(new.erp_number, new.linked_by) for new in links] == [("C2", "table")]


def test_a_row_with_a_number_that_the_erp_lacks_blocks(world: World) -> None:
    world.put("mapping.customers", customer_id=7, erp_number="C404")
    erp_ann(world)
    (document,), links = build(world, customers=MATCHING)
    assert (document.verdict, links) == (Verdict.BLOCKED, [])
    assert [reason.code for reason in document.reasons] == ["unknown_customer"]
    assert "customers.csv links 'Ann Lee' to C404" in document.reasons[0].text


def test_a_row_at_fault_blocks_its_customer(world: World) -> None:
    """Created, it would be there twice: the row meant to link it."""
    world.put("mapping.customers", customer_id=7, erp_number="")
    world.put("mapping.faults", file="customers.csv", row=3, key="7", message="is filled twice")
    (document,), _ = build(world)
    assert document.verdict is Verdict.BLOCKED
    assert document.reasons[0].text.endswith("to nothing (at fault: row 3, is filled twice): mend or remove the row.")


@pytest.mark.parametrize("state", ["blocked", "ready", "rejected"])
def test_a_creation_is_taken_back_once_the_customer_is_linked(world: World, state: str) -> None:
    erp_ann(world)
    world.put("mapping.customers", customer_id=7, erp_number="C1")
    (document,), links = build(world, known("customer", 7, state))
    assert (document.verdict, document.business_key, len(links)) == (Verdict.WITHDRAWN, "STA-7", 1)


def test_a_creation_is_taken_back_once_the_customer_is_merged(world: World) -> None:
    world.customer(8)
    world.change("customers", "customer_id = 7", merged_to_id=8, is_active=False)
    documents, _ = build(world, known("customer", 7, "ready"))
    assert [(document.business_key, document.verdict) for document in documents] == [
        ("STA-7", Verdict.WITHDRAWN),
        ("STA-8", Verdict.DUE),
    ]


# Matches


def test_one_of_that_name_and_address_on_both_sides_is_the_same(world: World) -> None:
    expected = Link(key("customer", 7), "C1", "guid-C1", "match", today(world))
    erp_ann(world)
    assert build(world, customers=MATCHING) == ([], [expected])
    assert keys(build(world)) == ["STA-7"]  # never, unless asked


@pytest.mark.parametrize("change", [{"address_line1": "2 Oak St"}, {"display_name": "Ann Leeds"}, {"city": "Waco"}])
def test_another_name_or_address_is_another_customer(world: World, change: dict[str, Any]) -> None:
    erp_ann(world, **change)
    assert keys(build(world, customers=MATCHING)) == ["STA-7"]


def test_accents_and_case_do_not_tell_people_apart(world: World) -> None:
    world.change("customers", name="Łukasz Núñez-O'Neil")
    erp_ann(world, display_name="łukasz nunez O NEIL")
    assert len(build(world, customers=MATCHING)[1]) == 1


def test_two_over_there_are_not_told_apart(world: World) -> None:
    erp_ann(world)
    erp_ann(world, "C2")
    assert keys(build(world, customers=MATCHING)) == ["STA-7"]


@pytest.mark.parametrize("is_active", [True, False])
def test_father_and_son_at_one_address_are_never_merged(world: World, is_active: bool) -> None:
    world.customer(8, is_active=is_active)
    world.invoice(2, customer_id=8)
    erp_ann(world)
    assert keys(build(world, customers=MATCHING)) == ["STA-7", "STA-8"]


def test_who_is_linked_already_is_taken(world: World) -> None:
    erp_ann(world)
    taken = Link(key("customer", 8), "C1", None, "table")
    assert keys(build(world, links=[taken], customers=MATCHING)) == ["STA-7"]


@pytest.mark.parametrize(("theirs", "street"), [("", ""), (None, None)])
def test_without_an_address_nobody_is_matched(world: World, theirs: str | None, street: str | None) -> None:
    world.change("customers", street=street)
    erp_ann(world, address_line1=theirs)
    assert keys(build(world, customers=MATCHING)) == ["STA-7"]


def test_a_waiting_creation_is_taken_back_for_a_match_but_a_sent_one_stays(world: World) -> None:
    erp_ann(world)
    (document,), links = build(world, known("customer", 7, "ready"), customers=MATCHING)
    assert (document.verdict, len(links)) == (Verdict.WITHDRAWN, 1)
    (document,), links = build(world, known("customer", 7, "in_doubt"), customers=MATCHING)
    assert (document.verdict, len(links)) == (Verdict.DUE, 0)


# Changes


def test_a_posted_customer_that_changed_gets_the_next_revision(world: World) -> None:
    posted = known("customer", 7, "posted", today(world))
    world.put("customer_contacts", contact_id=1, customer_id=7, type="Email", value="ann@lee.example")
    (document,), _ = build(world, posted)
    assert (document.revision, document.business_key, document.party) == (1, "STA-7/R1", "Ann Lee")
    assert document.payload == {
        "change": True,
        "erp_number": "STA-7",
        "display_name": "Ann Lee",
        "address_line1": "1 Oak St",
        "address_line2": "",
        "city": "Austin",
        "state": "TX",
        "country": "US",
        "postal_code": "78701",
        "phone_number": "",
        "email": "ann@lee.example",
    }
    done = known("customer", 7, "posted", document.source_hash, revision=1)
    assert build(world, posted, done) == ([], [])


@pytest.mark.parametrize("change", [{"name": "Ann Dahl"}, {"street": "2 Elm St"}, {"zip": "1"}, {"payment_term_id": 4}])
def test_what_counts_as_a_change(world: World, change: dict[str, Any]) -> None:
    posted = known("customer", 7, "adopted", today(world))
    world.change("customers", **change)
    assert keys(build(world, posted)) == ["STA-7/R1"]


@pytest.mark.parametrize("change", [{"home_day": "2026-11-09"}, {"source_hash": "x"}, {"is_active": False}])
def test_what_does_not(world: World, change: dict[str, Any]) -> None:
    posted = known("customer", 7, "posted", today(world))
    world.change("customers", **change)
    assert keys(build(world, posted)) == []


def test_a_changed_mapping_is_no_change_of_the_customer(world: World) -> None:
    world.put("payment_terms", payment_term_id=4, name="Net 30")
    world.change("customers", payment_term_id=4)
    posted = known("customer", 7, "posted", today(world))
    world.put("mapping.payment_terms", term_name="Net 30", erp_code="30 DAYS")
    assert keys(build(world, posted)) == []
    world.change("customers", name="Ann Dahl")
    assert build(world, posted)[0][0].payload["payment_terms_code"] == "30 DAYS"


def test_a_change_that_was_not_sent_takes_the_newest_values_along(world: World) -> None:
    documents = [known("customer", 7, "posted", "a"), known("customer", 7, "rejected", "b", revision=1)]
    world.change("customers", name="Ann Dahl")
    (document,), _ = build(world, *documents)
    assert (document.revision, document.payload["display_name"]) == (1, "Ann Dahl")
    done = known("customer", 7, "posted", "b", revision=1)
    assert keys(build(world, documents[0], done)) == ["STA-7/R2"]


@pytest.mark.parametrize(
    ("linked_by", "update_linked", "expected"),
    [
        ("table", False, []),
        ("match", False, []),
        ("table", True, ["C1/R1"]),
        ("match", True, ["C1/R1"]),
    ],
)
def test_linked_customers_change_only_where_asked(
    world: World, linked_by: str, update_linked: bool, expected: list[str]
) -> None:
    link = Link(key("customer", 7), "C1", "guid-C1", linked_by, today(world))
    changed = {"customers": {"update_linked": update_linked}}
    assert build(world, links=[link], **changed) == ([], [])
    world.change("customers", name="Ann Dahl")
    assert keys(build(world, links=[link], **changed)) == expected


def test_the_first_hash_of_a_link_is_remembered(world: World) -> None:
    link = Link(key("customer", 7), "C1", "guid-C1", "table")
    expected = link._replace(source_hash=today(world))
    assert build(world, links=[link], customers={"update_linked": True}) == ([], [expected])


def test_a_withdrawn_creation_does_not_hide_a_change(world: World) -> None:
    link = Link(key("customer", 7), "C1", "guid-C1", "table", "old")
    withdrawn = known("customer", 7, "withdrawn")
    (document,), _ = build(world, withdrawn, links=[link], customers={"update_linked": True})
    assert (document.business_key, document.revision) == ("C1/R1", 1)


def test_who_is_forgotten_is_neither_created_nor_changed(world: World) -> None:
    posted = known("customer", 7, "posted", today(world))
    world.change("customers", name=None, street=None, is_forgotten=True)
    assert keys(build(world)) == keys(build(world, posted)) == []
    assert keys(build(world, links=[Link(key("customer", 7), "C1", None, "post", "x")])) == []


def test_who_comes_back_keeps_the_contacts_that_are_over_there(world: World) -> None:
    posted = known("customer", 7, "posted", today(world))
    world.put("customer_contacts", contact_id=1, customer_id=7, type="Email", is_forgotten=True)
    world.put("customer_contacts", contact_id=2, customer_id=7, type="Phone", value="5551", is_forgotten=False)
    world.change("customers", name="Ann Dahl")
    (change,), _ = build(world, posted)
    assert ("email" in change.payload, change.payload["phone_number"]) == (False, "5551")
    (created,), _ = build(world)
    assert created.payload["email"] == ""


def test_every_flow_has_a_build(world: World) -> None:
    """Those of buying are built in worlds of their own."""
    assert tuple(BUILDS) == FLOWS
    for flow in settings().erp.flows:
        documents, links = BUILDS[flow](world.con, settings(), KnownDocuments())
        assert isinstance(documents, list)
        assert links == []
