"""What the ERP owns of a linked customer goes back to ServiceTitan, once, and what differs is listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import simplejson

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import BUILDS, KnownDocument, KnownDocuments, Link
from tests.staging.documents_world import World, key, plain_world, settings

ERP = "staging.stg_business_central__customers"
SOURCE = "business_central/C/customer/C7"
OWNERS = dict.fromkeys(("address", "phone_number", "email", "payment_terms"), "erp")
BACK: dict[str, Any] = {"customers": {"owners": OWNERS}, "customers_back": {"mode": "post"}}
ANN = {
    "display_name": "Ann Lee", "address_line1": "1 Oak St", "address_line2": "", "city": "Austin", "state": "TX",
    "country": "US", "postal_code": "78701", "phone_number": "(512) 555-0101", "email": "ann@example.com",
    "payment_terms_code": "",
}  # fmt: skip
CREATED_AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
READ_AT = "2026-11-10T09:30:00Z"


@pytest.fixture
def world() -> World:
    """Ann Lee (7) was created in the ERP as C7, with what ServiceTitan said of her."""
    world = plain_world()
    world.change("customers", "customer_id = 7", extracted_at=READ_AT)
    world.put(
        "customer_contacts",
        contact_id=1,
        customer_id=7,
        type="MobilePhone",
        value="(512) 555-0101",
        extracted_at=READ_AT,
    )
    world.put(
        "customer_contacts", contact_id=2, customer_id=7, type="Email", value="ann@example.com", extracted_at=READ_AT
    )
    there = {name: value for name, value in ANN.items() if name != "payment_terms_code"}
    world.put(ERP, customer_id="guid-7", number="C7", source_key=SOURCE, extracted_at=READ_AT, **there)
    return world


def created(**sent: str) -> KnownDocument:
    return KnownDocument(
        "customers", "customer", key("customer", 7), 0, 0, "posted", "", "guid-7", "C7", "STA-7", True,
        written=simplejson.dumps(ANN | sent), state_since=CREATED_AT,
    )  # fmt: skip


def build(world: World, *known: KnownDocument, links: Any = (), **changed: Any) -> list[BuiltDocument]:
    built, none = BUILDS["customers_back"](world.con, settings(**BACK | changed), KnownDocuments(known, links))
    assert none == []
    return built


def only(built: list[BuiltDocument]) -> BuiltDocument:
    (document,) = built
    return document


def as_known(document: BuiltDocument, state: str, **values: Any) -> KnownDocument:
    return KnownDocument(
        document.flow, document.kind, document.source_key, 0, document.revision, state, document.source_hash, "7", "7",
        document.business_key, state == "posted", written=simplejson.dumps(document.payload), state_since=CREATED_AT,
        **values,
    )  # fmt: skip


def carried(document: BuiltDocument) -> dict[str, Any]:
    return {name: value for name, value in document.payload.items() if name not in ("was", "there", "customer_id")}


def differences(world: World) -> list[tuple[str, ...]]:
    query = "select member, owner, in_servicetitan, in_erp from staging.customer_differences order by member"
    return world.con.execute(query).fetchall()


def test_who_is_as_sent_has_no_document(world: World) -> None:
    assert build(world, created()) == []
    assert differences(world) == []


def test_what_the_erp_owns_goes_back_and_comes_no_second_time(world: World) -> None:
    world.change(ERP, phone_number="512 555 0199")
    document = only(build(world, created()))
    assert (document.flow, document.kind, document.verdict) == ("customers_back", "customer_back", Verdict.DUE)
    assert (document.business_key, document.source_key, document.party) == ("ST-A-CUST-7", SOURCE, "C7")
    assert carried(document) == {"phone_number": "512 555 0199"}
    assert build(world, created(), as_known(document, "posted")) == []
    world.change("customer_contacts", "contact_id = 1", value="5125550199")
    assert build(world, created(), as_known(document, "posted")) == []


def test_the_next_change_is_the_next_revision(world: World) -> None:
    world.change(ERP, phone_number="512 555 0199")
    first = as_known(only(build(world, created())), "posted")
    world.change("customer_contacts", "contact_id = 1", value="512 555 0199")
    world.change(ERP, email="lee@example.com")
    document = only(build(world, created(), first))
    assert (document.revision, document.business_key) == (1, "ST-A-CUST-7/R1")
    assert carried(document) == {"email": "lee@example.com"}


def test_what_servicetitan_owns_stays_and_is_listed(world: World) -> None:
    world.change(ERP, display_name="Ann Smith")
    assert build(world, created()) == []
    assert differences(world) == [("display_name", "servicetitan", "Ann Lee", "Ann Smith")]


def test_what_the_erp_owns_and_servicetitan_changed_stays_and_is_listed(world: World) -> None:
    world.change("customer_contacts", "contact_id = 2", value="other@example.com")
    assert build(world, created()) == []
    assert differences(world) == [("email", "erp", "other@example.com", "ann@example.com")]


def test_changed_on_both_sides_the_owner_wins_and_a_person_is_told(world: World) -> None:
    world.change(ERP, email="lee@example.com")
    world.change("customer_contacts", "contact_id = 2", value="other@example.com")
    document = only(build(world, created()))
    assert carried(document) == {
        "email": "lee@example.com",
        "overwritten": "email: ServiceTitan said 'other@example.com', the ERP 'lee@example.com'",
    }
    assert differences(world) == [], "it is under way"


def test_changed_on_both_sides_to_the_same_needs_nothing(world: World) -> None:
    world.change(ERP, email="lee@example.com")
    world.change("customer_contacts", "contact_id = 2", value="Lee@example.com ")
    assert [each.verdict for each in build(world, created())] == [Verdict.SKIPPED]


@pytest.mark.parametrize(
    ("sent", "there"),
    [
        ({"phone_number": "(512) 555-0101 ext. 77 at the gate"}, {"phone_number": "(512) 555-0101"}),
        ({"address_line1": "1 Oak St of the Mill"}, {"address_line1": "1 Oak St of…"}),
        ({"email": "a-very-long-address@example.com"}, {"email": ""}),
        ({"state": "Texas"}, {"state": ""}),
        ({"state": "Texas"}, {"state": "TX"}),
    ],
)
def test_what_the_erp_could_not_keep_is_no_change(world: World, sent: dict[str, str], there: dict[str, str]) -> None:
    world.change(ERP, **there)
    assert build(world, created(**sent)) == []


@pytest.mark.parametrize(
    ("member", "was", "now"),
    [
        ("email", "ann_lee@example.com", "ann.lee@example.com"),
        ("email", "ann@example.comm", "ann@example.com"),
        ("display_name", "Jose Munoz", "José Muñoz"),
        ("display_name", "Acme Heating and Cooling LLC", "Acme Heating and Cooling"),
    ],
)
def test_a_small_edit_is_one(world: World, member: str, was: str, now: str) -> None:
    if member == "email":
        world.change("customer_contacts", "contact_id = 2", value=was)
    else:
        world.change("customers", "customer_id = 7", name=was)
    world.change(ERP, **{member: now})
    owners = {"owners": OWNERS | {"display_name": "erp"}}
    assert carried(only(build(world, created(**{member: was}), customers=owners))) == {member: now}


def test_a_line_of_an_address_that_the_erp_took_away_is_taken_away(world: World) -> None:
    world.change("customers", "customer_id = 7", unit="Apt 2")
    world.change(ERP, address_line1="9 Erp Road", address_line2="")
    address = carried(only(build(world, created(address_line2="Apt 2"))))["address"]
    assert (address["address_line1"], address["address_line2"]) == ("9 Erp Road", "")


def test_an_address_is_the_owners_as_a_whole_where_both_moved(world: World) -> None:
    world.change("customers", "customer_id = 7", street="5 Pine St", city="Houston", zip="77001")
    world.change(ERP, address_line1="7 New Road")
    payload = carried(only(build(world, created())))
    assert [payload["address"][name] for name in ("address_line1", "city", "postal_code")] == [
        "7 New Road", "Austin", "78701"
    ]  # fmt: skip
    assert all(f"ServiceTitan said '{said}'" in payload["overwritten"] for said in ("5 Pine St", "Houston", "77001"))


def test_what_was_written_is_a_difference_once_it_was_read_again(world: World) -> None:
    """A contact's edit does not touch its customer."""
    world.change(ERP, phone_number="512 555 0199")
    posted = as_known(only(build(world, created())), "posted")._replace(
        state_since=datetime(2026, 11, 10, 10, tzinfo=UTC)
    )
    assert (build(world, created(), posted), differences(world)) == ([], [])
    world.change("customer_contacts", "contact_id = 1", value="512 555 0333", extracted_at="2026-11-10T10:30:00Z")
    assert build(world, created(), posted) == []
    assert differences(world) == [("phone_number", "erp", "512 555 0333", "512 555 0199")]


def test_what_both_came_to_say_is_what_the_next_change_is_measured_by(world: World) -> None:
    world.change(ERP, email="lee@example.com")
    world.change("customer_contacts", "contact_id = 2", value="lee@example.com")
    agreed = only(build(world, created()))
    assert (agreed.verdict, carried(agreed)) == (Verdict.SKIPPED, {})
    world.change("customer_contacts", "contact_id = 2", value="office@example.com")
    assert build(world, created(), as_known(agreed, "skipped")) == []
    assert differences(world) == [("email", "erp", "office@example.com", "lee@example.com")]


def test_an_adopted_customer_is_measured_from_when_it_was_first_seen(world: World) -> None:
    world.change(ERP, phone_number="512 555 7777")
    adopted = created()._replace(state="adopted")
    assert only(build(world, adopted)).verdict is Verdict.SKIPPED


def test_an_address_goes_as_a_whole_with_what_the_erp_does_not_keep(world: World) -> None:
    world.change("customers", "customer_id = 7", state="Texas", unit="Apt 2")
    world.change(ERP, address_line1="2 Elm St", state="", address_line2="Apt 2")
    address = carried(only(build(world, created(state="Texas", address_line2="Apt 2"))))["address"]
    assert address == {
        "address_line1": "2 Elm St", "address_line2": "Apt 2", "city": "Austin", "state": "Texas", "country": "USA",
        "postal_code": "78701",
    }  # fmt: skip


def test_a_linked_customer_is_measured_from_when_it_was_first_seen(world: World) -> None:
    """Nobody knows what they agreed on, so nothing is written until the ERP changes something."""
    links = [Link(key("customer", 7), "C7", "guid-7", "table")]
    world.change(ERP, phone_number="512 555 7777")
    first = only(build(world, links=links))
    assert (first.verdict, carried(first)) == (Verdict.SKIPPED, {})
    assert differences(world) == [("phone_number", "erp", "(512) 555-0101", "512 555 7777")]
    assert build(world, as_known(first, "skipped"), links=links) == []
    world.change(ERP, email="lee@example.com")
    document = only(build(world, as_known(first, "skipped"), links=links))
    assert (document.revision, document.verdict) == (0, Verdict.DUE)
    assert carried(document) == {"email": "lee@example.com"}
    world.change(ERP, email="ann@example.com")
    assert only(build(world, as_known(document, "ready"), links=links)).verdict is Verdict.SKIPPED, "taken back"


def test_a_term_goes_back_by_the_name_that_maps_to_it(world: World) -> None:
    for number, code in enumerate(("15 DAYS", "30 DAYS"), 1):
        world.put("staging.stg_business_central__payment_terms", id=f"t{number}", code=code)
    world.put("payment_terms", payment_term_id=4, name="Net 30")
    world.change(ERP, payment_terms_id="t1")
    first = only(build(world, created()))
    assert first.verdict is Verdict.SKIPPED, "a template gave it"
    world.change(ERP, payment_terms_id="t2")
    blocked = only(build(world, created(), as_known(first, "skipped")))
    assert (blocked.verdict, blocked.reasons[0].code) == (Verdict.BLOCKED, "unmapped_payment_term")
    world.put("mapping.payment_terms", term_name="Net 30", erp_code="30 days")
    document = only(build(world, created(), as_known(blocked, "blocked")))
    assert (document.verdict, carried(document)) == (Verdict.DUE, {"payment_term_id": 4})


@pytest.mark.parametrize("change", [{"is_forgotten": True}, {"merged_to_id": 8}])
def test_who_is_forgotten_or_merged_is_left_alone(world: World, change: dict[str, Any]) -> None:
    world.customer(8)
    world.change(ERP, phone_number="512 555 0199")
    due = only(build(world, created()))
    world.change("customers", "customer_id = 7", **change)
    assert [each.verdict for each in build(world, created(), as_known(due, "ready"))] == [Verdict.WITHDRAWN]


def test_who_was_forgotten_and_came_back_is_measured_from_then(world: World) -> None:
    world.change(ERP, phone_number="512 555 0199")
    posted = only(build(world, created()))
    blank = dict.fromkeys(ANN, "")
    again = as_known(posted, "posted")._replace(written=simplejson.dumps({"was": blank, "there": blank}))
    (first,) = build(world, created(**blank), again)
    assert (first.verdict, first.revision, carried(first)) == (Verdict.SKIPPED, 1, {})


def test_of_two_that_are_one_over_there_neither_is_meant(world: World) -> None:
    world.customer(8)
    world.change(ERP, phone_number="512 555 0199")
    assert build(world, created(), links=[Link(key("customer", 8), "C7", "guid-7", "table")]) == []


def changes(world: World, *known: KnownDocument) -> list[Mapping[str, Any]]:
    built, _ = BUILDS["customers"](world.con, settings(**BACK), KnownDocuments(known))
    return [document.payload for document in built]


def test_the_other_way_takes_what_servicetitan_owns(world: World) -> None:
    """What came back from the ERP makes no change of the customer: nothing bounces."""
    before = created()._replace(source_hash=hash_now(world))
    world.change("customer_contacts", "contact_id = 1", value="512 555 0199")
    assert changes(world, before) == []
    world.change("customers", "customer_id = 7", name="Ann Smith")
    assert changes(world, before) == [{"change": True, "erp_number": "C7", "display_name": "Ann Smith"}]
    world.change(ERP, display_name="A. Lee")
    (payload,) = changes(world, before)
    assert payload["overwritten"] == "display name: the ERP said 'A. Lee', ServiceTitan 'Ann Smith'"


def hash_now(world: World) -> str:
    every = {**BACK, "customers": BACK["customers"] | {"create": "all"}}
    built, _ = BUILDS["customers"](world.con, settings(**every), KnownDocuments())
    return built[0].source_hash
