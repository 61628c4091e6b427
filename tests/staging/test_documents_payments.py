"""Every rule by which a payment becomes the lines of a payment journal, one for each part."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments, build_payments
from tests.staging.documents_world import ANN, World, key, known, plain_world, settings

POSTED = [known("invoice", number, "posted") for number in (1, 2)]


@pytest.fixture
def world() -> World:
    world = plain_world()
    world.invoice(1)
    world.invoice(2)
    return world


def build(world: World, *documents: KnownDocument, **changed: Any) -> list[BuiltDocument]:
    return build_payments(world.con, settings(**changed), KnownDocuments([ANN, *documents]))


def only(built: list[BuiltDocument]) -> BuiltDocument:
    (document,) = built
    return document


def codes(document: BuiltDocument) -> list[str]:
    assert (document.verdict is Verdict.BLOCKED) == bool(document.reasons)
    return [reason.code for reason in document.reasons]


def amounts(built: list[BuiltDocument]) -> dict[int, str]:
    return {document.part: str(document.amount) for document in built}


def part(number: int, state: str, amount: str, applies_to: str = "", **values: Any) -> KnownDocument:
    return known("payment", 9, state, part=number, amount=Decimal(amount), applies_to=applies_to, **values)


def test_a_payment_of_one_invoice(world: World) -> None:
    world.payment(9, (1, "100"), memo="thanks", check_number="4711")
    document = only(build(world, *POSTED))
    assert (document.flow, document.kind, document.part) == ("payments", "payment", 1)
    assert (document.verdict, document.amount, document.party) == (Verdict.DUE, Decimal(100), "STA-7")
    assert (document.home_day, document.business_date) == (date(2026, 11, 8), date(2026, 11, 8))
    assert (document.source_key, document.business_key, document.label) == (key("payment", 9), "AP9-1", "P9")
    assert document.payload == {
        "payment_key": "AP9-",
        "key": "AP9-1",
        "payment_total": "100.00",
        "parts": [{"key": "AP9-1", "amount": "100.00"}],
        "amount": "100.00",
        "customer_number": "STA-7",
        "posting_date": "2026-11-08",
        "invoice_key": "ST-A-INV-1",
        "invoice_id": "guid-1",
        "description": "ServiceTitan payment P9",
        "comment": "Check: thanks",
        "batches": ["STPAYA", "STPAYB"],
        "balancing_account": "10100",
    }


@pytest.mark.parametrize(("reference", "check", "shown"), [("P1", "47", "P1"), (None, "47", "47"), (" ", None, "9")])
def test_what_a_payment_is_called(world: World, reference: str | None, check: str | None, shown: str) -> None:
    world.payment(9, reference_number=reference, check_number=check)
    assert only(build(world)).payload["description"] == f"ServiceTitan payment {shown}"


# Parts


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ([(1, "60"), (2, "40")], {1: "60.00", 2: "40.00"}),
        ([(1, "60"), (2, "30")], {0: "10.00", 1: "60.00", 2: "30.00"}),
        ([(1, "0"), (2, "100")], {1: "100.00"}),
        ([], {0: "100.00"}),
    ],
)
def test_parts(world: World, applied: list[tuple[int, str]], expected: dict[int, str]) -> None:
    world.payment(9, *applied)
    built = build(world, *POSTED)
    assert amounts(built) == expected
    assert {document.verdict for document in built} == {Verdict.DUE}
    for document in built:
        assert document.payload["parts"] == [
            {"key": f"AP9-{number}", "amount": amount} for number, amount in expected.items()
        ]
        assert document.payload["payment_total"] == "100.00"


def test_parts_are_numbered_by_application_not_by_row(world: World) -> None:
    world.payment(9)
    for applied_id, invoice_id, amount in ((20, 2, "30"), (10, 1, "70")):
        world.put("payment_applications", payment_id=9, applied_id=applied_id, invoice_id=invoice_id, amount=amount)
    assert amounts(build(world, *POSTED)) == {1: "70.00", 2: "30.00"}


def test_what_is_on_account_names_no_invoice(world: World) -> None:
    world.payment(9)
    payload = only(build(world)).payload
    assert (payload["invoice_key"], payload["invoice_id"]) == ("", "")


def test_parts_over_the_total_block_all(world: World) -> None:
    world.payment(9, (1, "60"), (2, "60"))
    built = build(world, *POSTED)
    assert [codes(document) for document in built] == [["total_mismatch"]] * 2
    assert "total 100, its parts make 120" in built[0].reasons[0].text


def test_fractions_of_a_cent_block(world: World) -> None:
    world.payment(9, (1, "33.335"), (2, "66.665"))
    assert [codes(document) for document in build(world, *POSTED)] == [["total_mismatch"]] * 2


@pytest.mark.parametrize(("values", "amount"), [({"total": "-30"}, "-30.00"), ({"refunded_payment_id": 3}, "100.00")])
def test_a_refund_is_one_blocked_document(world: World, values: dict[str, Any], amount: str) -> None:
    world.payment(9, (1, "-30"), **values)
    document = only(build(world, *POSTED))
    assert (document.part, codes(document), str(document.amount)) == (0, ["refund"], amount)


def test_a_refund_of_what_we_posted_is_left_to_the_list_of_things_to_do(world: World) -> None:
    """`staging.to_do`: it stays blocked where what it refunds is none of ours, or where somebody asks for it."""
    world.payment(9, total="-30", refunded_payment_id=8)
    refunded = known("payment", 8, "posted")
    (document,) = build(world, *POSTED, refunded)
    assert (document.verdict, [reason.code for reason in document.reasons]) == (Verdict.SKIPPED, ["refund"])
    assert document.reasons[0].text.endswith("enter the refund by hand under the number AP9-0.")
    assert only(build(world, *POSTED)).verdict is Verdict.BLOCKED
    assert only(build(world, *POSTED, refunded._replace(state="out_of_scope"))).verdict is Verdict.BLOCKED
    asked = known("payment", 9, "skipped", "before", replayed=True)
    assert only(build(world, *POSTED, refunded, asked)).verdict is Verdict.BLOCKED
    world.put("staging.stg_business_central__general_ledger_entries", document_number="AP9-0")
    assert only(build(world, *POSTED)).verdict is Verdict.SKIPPED, "it was entered by hand"


@pytest.mark.parametrize(("paid", "verdict"), [("2026-11-08", "skipped"), ("2026-10-08", "blocked")])
def test_a_refund_and_what_it_refunds_may_come_together(world: World, paid: str, verdict: str) -> None:
    world.payment(8, payment_date=paid)
    world.payment(9, total="-30", refunded_payment_id=8)
    assert {row.business_key: row.verdict for row in build(world)}["AP9-0"] == verdict


def test_a_negative_application_is_no_payment(world: World) -> None:
    world.payment(9, (1, "120"), (2, "-20"))
    built = build(world, *POSTED)
    assert [codes(document) for document in built] == [[], ["refund"]]


def test_a_payment_of_nothing_is_skipped(world: World) -> None:
    world.payment(9, total="0")
    assert only(build(world)).verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("values", "applied", "expected"),
    [
        ({"total": None}, [], {0: ["total_mismatch"]}),
        ({"total": None}, [(1, "100")], {1: ["total_mismatch"]}),
        ({}, [(1, None), (2, "60")], {0: ["total_mismatch"], 1: ["total_mismatch"], 2: ["total_mismatch"]}),
        ({"payment_date": None}, [(1, "100")], {1: ["no_date"]}),
    ],
)
def test_what_servicetitan_may_leave_out(
    world: World, values: dict[str, Any], applied: list[tuple[int, Any]], expected: dict[int, list[str]]
) -> None:
    world.payment(9, *applied, **values)
    assert {document.part: codes(document) for document in build(world, *POSTED)} == expected


# Once one part was intended


def test_the_split_stays_once_a_part_was_intended(world: World) -> None:
    """A deposit was sent on account; the office applies it later: nothing more is to be sent."""
    world.payment(9, (1, "100"))
    assert build(world, part(0, "posted", "100"), *POSTED) == []


def test_unfixed_siblings_keep_number_amount_and_invoice(world: World) -> None:
    world.payment(9, (2, "100"))
    parts = [part(1, "posted", "60", "ST-A-INV-1"), part(2, "blocked", "40", "ST-A-INV-2-R1")]
    document = only(build(world, *parts, *POSTED))
    assert (document.part, str(document.amount), document.verdict) == (2, "40.00", Verdict.DUE)
    assert document.payload["invoice_id"] == "guid-2"
    assert document.payload["payment_total"] == "100.00"
    assert document.payload["parts"] == [
        {"key": "AP9-1", "amount": "60.00"},
        {"key": "AP9-2", "amount": "40.00"},
    ]


def test_an_edited_payment_shows_its_fixed_parts_with_their_amounts(world: World) -> None:
    world.payment(9, (1, "150"), total="150")
    document = only(build(world, part(1, "posted", "100", "ST-A-INV-1", source_hash="old"), *POSTED))
    assert (str(document.amount), document.source_hash, document.verdict) == ("100.00", "p9", Verdict.DUE)


def test_a_refused_part_gets_a_better_payload(world: World) -> None:
    world.payment(9, (1, "100"))
    world.change("payments", total="150")
    document = only(build(world, part(1, "rejected", "100", "ST-A-INV-1", is_fixed=True), *POSTED))
    assert document.amount == 100
    assert document.payload["balancing_account"] == "10100"


def test_a_split_of_which_nothing_stands_over_there_follows_its_source(world: World) -> None:
    world.payment(9, (1, "60"), (2, "40"))
    assert amounts(build(world, part(0, "rejected", "100", is_fixed=False), *POSTED)) == {1: "60.00", 2: "40.00"}


def test_an_unsent_split_follows_its_source(world: World) -> None:
    world.payment(9, (1, "60"), (2, "40"))
    assert amounts(build(world, part(0, "ready", "100"), *POSTED)) == {1: "60.00", 2: "40.00"}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], []),
        ([part(1, "ready", "60", "ST-A-INV-1"), part(2, "blocked", "40")], [(1, "withdrawn"), (2, "withdrawn")]),
        ([part(0, "ready", "100")], [(0, "withdrawn")]),
        ([part(1, "posted", "60"), part(2, "withdrawn", "40")], [(1, "withdrawn")]),
    ],
)
def test_a_voided_payment_takes_back_the_parts_it_had(
    world: World, parts: list[KnownDocument], expected: list[tuple[int, str]]
) -> None:
    world.payment(9, (1, "60"), (2, "40"), is_active=False)
    assert [(document.part, document.verdict) for document in build(world, *parts, *POSTED)] == expected


@pytest.mark.parametrize("amount", ["40", "50"])  # edited meanwhile: what was sent is settled first
def test_a_payment_voided_and_restored_gets_back_the_parts_of_its_fixed_split(world: World, amount: str) -> None:
    world.payment(9, (1, "60"), (2, amount), total=str(60 + int(amount)))
    split = '[{"amount":"60.00","key":"AP9-1-R1"},{"amount":"40.00","key":"AP9-2"}]'
    gone = [part(0, "withdrawn", "100", split='[{"amount":"100.00","key":"AP9-0"}]'), part(3, "withdrawn", "40")]
    parts = [part(1, "posted", "60", "ST-A-INV-1", split=split), part(2, "withdrawn", "40", "ST-A-INV-2")]
    document = only(build(world, *gone, *parts, *POSTED))
    assert (document.part, document.verdict, str(document.amount)) == (2, "due", "40.00")
    assert document.payload["invoice_key"] == "ST-A-INV-2"
    assert [each["key"] for each in document.payload["parts"]] == ["AP9-1", "AP9-2"]


# What a person replayed


def test_a_payment_that_a_person_replayed_stays_in_scope_when_it_is_split(world: World) -> None:
    world.change("staging.stg_business_central__general_ledger_setup", allow_posting_from=None)
    world.payment(9, (1, "60"), (2, "40"), payment_date="2026-10-31")
    replayed = part(0, "withdrawn", "100", replayed=True)
    parts = [part(1, "ready", "60", "ST-A-INV-1"), part(2, "out_of_scope", "40", "ST-A-INV-2")]
    assert [document.verdict for document in build(world, replayed, *POSTED)] == ["due", "due"]
    assert [(document.part, document.verdict) for document in build(world, replayed, *parts, *POSTED)] == [(1, "due")]


def test_a_payment_of_nothing_that_a_person_replayed_is_sent(world: World) -> None:
    world.payment(9, total="0")
    assert only(build(world, part(0, "ready", "0", replayed=True))).verdict is Verdict.DUE


@pytest.mark.parametrize("policy", ["block", "on_account"])
def test_an_old_invoice_that_a_person_replayed_is_waited_for(world: World, policy: str) -> None:
    world.change("invoices", "invoice_id = 1", invoice_date="2026-10-31")
    world.payment(9, (1, "100"))
    replayed = known("invoice", 1, "blocked", replayed=True)
    document = only(build(world, replayed, payments={"payments_on_old_invoices": policy}))
    assert codes(document) == ["waits_for_invoice"]


# The invoice


@pytest.mark.parametrize(
    ("invoice", "text"),
    [
        (None, "invoice R1 (ST-A-INV-1), which is not built yet"),
        (known("invoice", 1, "blocked"), "which is blocked"),
        (known("invoice", 1, "in_doubt"), "which is in doubt"),
        (known("invoice", 1, "entered"), "which is entered"),
        (known("invoice", 1, "skipped"), "which is skipped"),
    ],
)
def test_a_part_waits_for_its_invoice(world: World, invoice: KnownDocument | None, text: str) -> None:
    world.payment(9, (1, "100"))
    document = only(build(world, *([invoice] if invoice else [])))
    assert codes(document) == ["waits_for_invoice"]
    assert text in document.reasons[0].text
    assert (document.payload["invoice_key"], document.payload["invoice_id"]) == ("ST-A-INV-1", "")


@pytest.mark.parametrize("mode", ["observe", "draft", "post"])
@pytest.mark.parametrize("state", ["ready", "blocked", "in_doubt"])
def test_observing_does_not_wait_for_an_invoice_fit_to_be_sent(world: World, mode: str, state: str) -> None:
    world.payment(9, (1, "100"))
    document = only(build(world, known("invoice", 1, state), payments={"mode": mode}, invoices={"mode": "post"}))
    assert codes(document) == ([] if (mode, state) == ("observe", "ready") else ["waits_for_invoice"])
    assert (document.payload["invoice_key"], document.payload["invoice_id"]) == ("ST-A-INV-1", "")


@pytest.mark.parametrize("mode", ["observe", "draft", "post"])
def test_observing_does_not_wait_for_a_customer_fit_to_be_sent(world: World, mode: str) -> None:
    world.customer(8)
    world.payment(9, customer_id=8)
    document = only(build(world, known("customer", 8, "ready"), payments={"mode": mode}))
    assert codes(document) == ([] if mode == "observe" else ["waits_for_customer"])


@pytest.mark.parametrize(
    ("values", "text"),
    [({"sync_status": "Pending"}, "which the office has not posted"), ({"is_active": False}, "which is voided")],
)
def test_why_an_invoice_is_not_there(world: World, values: dict[str, Any], text: str) -> None:
    world.change("invoices", "invoice_id = 1", **values)
    world.payment(9, (1, "100"))
    assert text in only(build(world)).reasons[0].text


def test_an_invoice_that_is_not_staged(world: World) -> None:
    world.payment(9, (77, "100"))
    document = only(build(world))
    assert codes(document) == ["waits_for_invoice"]
    assert "invoice 77 (ST-A-INV-77), which is not staged" in document.reasons[0].text
    assert only(build(world, known("invoice", 77, "posted"))).verdict is Verdict.DUE


def test_siblings_of_a_blocked_part_go_on(world: World) -> None:
    world.payment(9, (1, "60"), (2, "30"))
    built = build(world, POSTED[0])
    assert [(document.part, document.verdict) for document in built] == [(0, "due"), (1, "due"), (2, "blocked")]


@pytest.mark.parametrize("by", ["date", "state"])
@pytest.mark.parametrize(
    ("policy", "expected", "invoice_key"), [("block", ["old_invoice"], "ST-A-INV-1"), ("on_account", [], "")]
)
def test_old_invoices(world: World, by: str, policy: str, expected: list[str], invoice_key: str) -> None:
    if by == "date":
        world.change("invoices", "invoice_id = 1", invoice_date="2026-10-31")
    world.payment(9, (1, "100"))
    documents = [known("invoice", 1, "out_of_scope")] if by == "state" else []
    document = only(build(world, *documents, payments={"payments_on_old_invoices": policy}))
    assert codes(document) == expected
    assert (document.payload["invoice_key"], document.payload["posting_date"]) == (invoice_key, "2026-11-08")


def test_an_old_invoice_that_was_adopted_is_there(world: World) -> None:
    world.change("invoices", "invoice_id = 1", invoice_date="2026-10-31")
    world.payment(9, (1, "100"))
    assert only(build(world, known("invoice", 1, "adopted"))).verdict is Verdict.DUE


def test_a_payment_cannot_settle_a_credit(world: World) -> None:
    world.change("invoices", "invoice_id = 1", total="-100")
    world.payment(9, (1, "100"))
    document = only(build(world, *POSTED))
    assert codes(document) == ["waits_for_invoice"]
    assert "which is a credit" in document.reasons[0].text


# Dates


@pytest.mark.parametrize(
    ("payment_date", "invoice_date", "erp_date", "policy", "posting_date", "expected"),
    [
        ("2026-11-20", "2026-11-15", None, "hold", "2026-11-20", []),
        ("2026-11-12", "2026-11-15", None, "hold", "2026-11-15", []),  # a deposit for a later invoice
        ("2026-11-12", "2026-11-11", "2026-11-18", "hold", "2026-11-18", []),  # as the ERP posted it
        ("2026-11-05", "2026-11-03", None, "hold", "2026-11-05", ["closed_period"]),
        ("2026-11-05", "2026-11-03", None, "first_open_day", "2026-11-10", []),
        ("2026-12-05", "2026-11-15", None, "first_open_day", "2026-12-05", ["closed_period"]),
    ],
)
def test_posting_date(
    world: World,
    payment_date: str,
    invoice_date: str,
    erp_date: str | None,
    policy: str,
    posting_date: str,
    expected: list[str],
) -> None:
    world.change(
        "staging.stg_business_central__general_ledger_setup",
        allow_posting_from="2026-11-10",
        allow_posting_to="2026-11-30",
    )
    world.change("invoices", "invoice_id = 1", invoice_date=invoice_date)
    if erp_date:
        table = "staging.stg_business_central__sales_invoices"
        world.put(table, document_id="GUID-1", posting_date=erp_date, is_posted=True)
    world.payment(9, (1, "100"), payment_date=payment_date)
    document = only(build(world, *POSTED, rules={"closed_period": policy}))
    assert (document.payload["posting_date"], codes(document)) == (posting_date, expected)


def test_nothing_from_before_go_live(world: World) -> None:
    world.payment(9, (1, "60"), payment_date="2026-10-31")
    assert {document.verdict for document in build(world)} == {Verdict.OUT_OF_SCOPE}


# Customer, type, currency, key


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"customer_id": None}, "no_customer"),
        ({"customer_id": 99}, "unknown_customer"),
        ({"customer_id": 8}, "waits_for_customer"),
    ],
)
def test_customers(world: World, values: dict[str, Any], code: str) -> None:
    world.customer(8)
    world.payment(9, **values)
    assert codes(only(build(world))) == [code]


def test_merges_are_followed(world: World) -> None:
    world.customer(8, merged_to_id=7)
    world.payment(9, customer_id=8)
    assert only(build(world)).party == "STA-7"


@pytest.mark.parametrize("customer_id", [8, 99, None])  # merged since; merged into one not staged; taken off
def test_a_part_is_paid_by_whom_its_invoice_was_posted_to(world: World, customer_id: int | None) -> None:
    world.customer(8)
    world.payment(9, (1, "60"), (2, "30"), customer_id=customer_id)
    posted = [known("invoice", 1, "posted", party="STA-7"), known("invoice", 2, "adopted", party="STA-6")]
    on_account, *applied = build(world, *posted)
    assert [codes(document) for document in applied] == [[], []]
    assert [document.party for document in applied] == ["STA-7", "STA-6"]
    assert [document.payload["customer_number"] for document in applied] == ["STA-7", "STA-6"]
    assert len(codes(on_account)) == 1


def test_the_erp_knows_best_whom_an_invoice_was_posted_to(world: World) -> None:
    """Its number was changed there, or a person accepted a document of another customer as ours."""
    table = "staging.stg_business_central__sales_invoices"
    world.put(table, document_id="GUID-1", posting_date="2026-11-05", customer_number="C42", is_posted=True)
    world.payment(9, (1, "100"))
    assert only(build(world, known("invoice", 1, "posted", party="STA-7"))).party == "C42"


@pytest.mark.parametrize("state", ["ready", "out_of_scope"])
def test_an_invoice_that_is_not_posted_names_nobody(world: World, state: str) -> None:
    world.payment(9, (1, "100"))
    assert only(build(world, known("invoice", 1, state, party="STA-6"))).party == "STA-7"


@pytest.mark.parametrize(
    ("payment_type", "row", "expected"),
    [
        ("check ", None, ("10100", ["STPAYA", "STPAYB"])),
        ("Cash", {"payment_type_name": "*", "batches": " STANY"}, ("", ["STANY"])),
        ("Check", {"payment_type_name": "*", "batches": "STANY"}, ("10100", ["STPAYA", "STPAYB"])),
        ("Cash", None, "'Cash' has no row"),
        (None, None, "'' has no row"),
        ("Cash", {"payment_type_name": "Cash", "batches": None}, "'Cash' has no batches"),
    ],
)
def test_payment_types(world: World, payment_type: str | None, row: dict[str, Any] | None, expected: Any) -> None:
    if row:
        world.put("mapping.payment_types", **row)
    world.payment(9, payment_type_name=payment_type)
    document = only(build(world))
    if isinstance(expected, str):
        assert codes(document) == ["unmapped_payment_type"]
        assert expected in document.reasons[0].text
        assert document.payload["batches"] == []
    else:
        assert (document.payload["balancing_account"], document.payload["batches"]) == expected


def test_why_the_payment_type_for_anything_is_not_used(world: World) -> None:
    world.put("mapping.faults", file="payment_types.csv", row=2, key="Visa", message="the batches are missing")
    world.payment(9, payment_type_name="Cash")
    text = only(build(world)).reasons[0].text
    assert text.endswith("add it, or a row for * (the row * is not used while row 2 is at fault).")


def test_drafts_go_to_the_draft_batch(world: World) -> None:
    world.payment(9)
    payload = only(build(world, payments={"mode": "draft"})).payload
    assert (payload["batches"], payload["balancing_account"]) == (["STDRAFT"], "10100")


def test_foreign_currency(world: World) -> None:
    world.change("business_units", currency="CAD")
    world.payment(9)
    assert codes(only(build(world))) == ["foreign_currency"]


def test_keys_longer_than_a_document_number(world: World) -> None:
    world.payment(12_345_678_901_234_567)
    document = only(build(world))
    assert (document.business_key, codes(document)) == ("AP12345678901234567-0", ["overlong_key"])


# What is built again


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], [1, 2]),
        ([part(1, "blocked", "60"), part(2, "blocked", "40")], [1, 2]),
        ([part(1, "out_of_scope", "60"), part(2, "out_of_scope", "40")], []),
        ([part(1, "blocked", "60"), part(2, "out_of_scope", "40")], [1]),
    ],
)
def test_what_is_built_again(world: World, parts: list[KnownDocument], expected: list[int]) -> None:
    world.payment(9, (1, "60"), (2, "40"))
    assert [document.part for document in build(world, *parts, *POSTED)] == expected


@pytest.mark.parametrize("first", ["Exported", "Pending"])
def test_what_is_only_adopted_is_never_blocked(world: World, first: str) -> None:
    world.payment(9, (1, "100"), sync_status="Exported", first_sync_status=first, customer_id=99)
    document = only(build(world))
    assert (document.verdict, document.adopt_only, document.reasons) == (Verdict.DUE, True, ())


def test_a_payment_only_adopted_stays_so_when_it_is_split(world: World) -> None:
    world.payment(9, (1, "60"), (2, "40"), sync_status="Exported")
    built = build(world, part(0, "ready", "100", adopt_only=True), *POSTED)
    assert [document.adopt_only for document in built] == [True, True]


def test_a_part_that_a_person_replayed_is_sent_and_no_other(world: World) -> None:
    world.payment(9, (1, "60"), (2, "40"), sync_status="Exported")
    parts = [part(1, "ready", "60", adopt_only=False), part(2, "ready", "40", adopt_only=True)]
    assert [document.adopt_only for document in build(world, *parts, *POSTED)] == [False, True]


@pytest.mark.parametrize(("status", "is_built"), [("Pending", False), ("Exported", True)])
def test_only_what_the_office_posted(world: World, status: str, is_built: bool) -> None:
    world.payment(9, sync_status=status, first_sync_status=status)
    built = build(world)
    assert [document.adopt_only for document in built] == ([True] if is_built else [])


def test_what_the_office_took_back_before_it_was_sent_waits(world: World) -> None:
    world.payment(9, (1, "60"), (2, "40"), sync_status="Pending")
    parts = [part(1, "posted", "60", "ST-A-INV-1"), part(2, "ready", "40", "ST-A-INV-2")]
    document = only(build(world, *parts, *POSTED))
    assert (document.part, codes(document)) == (2, ["not_posted"])
    assert "(status Pending): it waits until the office posts it again" in document.reasons[0].text
    assert build(world, parts[0], *POSTED) == []


@pytest.mark.parametrize("state", ["ready", "posted"])
def test_a_void_is_seen_whatever_the_office_posted(world: World, state: str) -> None:
    world.payment(9, (1, "100"), sync_status="Pending", is_active=False)
    assert only(build(world, part(1, state, "100"))).verdict is Verdict.WITHDRAWN


def test_an_older_version_is_not_sent_while_a_newer_one_cannot_be_read(world: World) -> None:
    world.payment(9)
    row = "insert into staging.quarantine by name select 'servicetitan' as system, 'payments' as entity"
    world.con.execute(f"{row}, '9' as key, 'total: ''12a'' is no decimal number' as reason")
    (document,) = build(world)
    assert [reason.code for reason in document.reasons] == ["unreadable"]
