"""What people have to do in the ERP about posted payments, and when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.staging import to_do
from st_erp_pipelines.staging.documents import KnownDocument
from tests.staging.documents_world import World, known, new_world

Line = tuple[str, str, str, str]  # what, number of the payment, amount, number of the invoice


def posted(payment: int, part: int, amount: str, invoice: int = 0, state: str = "posted", **more: Any) -> KnownDocument:
    applies_to = f"ST-A-INV-{invoice}" if invoice else ""
    values = dict(part=part, amount=Decimal(amount), applies_to=applies_to, party="STA-7")
    return known("payment", payment, state, **values | more)


class Books(World):
    """Invoices over 100, posted; `paid` is what Business Central shows of one."""

    def __init__(self) -> None:
        self.con = new_world().con
        self.documents = [known("invoice", number, "posted") for number in (1, 2)]
        for number in (1, 2):
            self.put(
                "staging.stg_business_central__sales_invoices", document_id=f"GUID-{number}", number=f"PS{number}",
                total_including_tax=100, remaining_amount=100, status="Open", is_posted=True,
            )  # fmt: skip

    def paid(self, number: int, amount: str, total: str = "100") -> None:
        values = dict(total_including_tax=total, remaining_amount=Decimal(total) - Decimal(amount))
        self.change("staging.stg_business_central__sales_invoices", f"number = 'PS{number}'", **values)

    def ledger(self, number: str, amount: str, kind: str = "Payment") -> None:
        for account, value in (("10300", -Decimal(amount)), ("10100", Decimal(amount))):
            row = dict(document_number=number, document_type=kind, account_number=account)
            # Where money is taken back, the side stays and the sign turns.
            side = "debit_amount" if (value > 0) == (Decimal(amount) > 0) else "credit_amount"
            values = {"debit_amount": 0, "credit_amount": 0, side: value if side == "debit_amount" else -value}
            self.put("staging.stg_business_central__general_ledger_entries", **row, **values)

    def listed(self, *documents: KnownDocument) -> list[Line]:
        to_do.rebuild(self.con, [*self.documents, *documents])
        self.rows = to_do.read(self.con)
        return [(row.what, row.document_number, str(row.amount), row.invoice_number) for row in self.rows]


@pytest.fixture(scope="module")
def made() -> Books:
    return Books()


@pytest.fixture
def books(made: Books) -> Iterator[Books]:
    """Rolled back after each test: to make its tables takes longer than the test."""
    made.con.begin()
    yield made
    made.con.rollback()


def test_a_payment_that_stays_where_it_was_applied_is_nothing_to_do(books: Books) -> None:
    books.payment(9, (1, "60"), (2, "40"))
    books.paid(1, "60")
    books.paid(2, "40")
    assert books.listed(posted(9, 1, "60", 1), posted(9, 2, "40", 2)) == []


def test_a_deposit_applied_later_until_the_invoice_shows_it(books: Books) -> None:
    books.payment(9)
    deposit = posted(9, 0, "100")
    assert books.listed(deposit) == []
    books.put(
        "payment_applications", payment_id=9, applied_id=1, invoice_id=1, amount=60, applied_at="2026-11-09 00:00Z"
    )
    assert books.listed(deposit) == [("apply", "AP9-0", "60.00", "PS1")]
    (row,) = books.rows
    assert (row.customer_number, row.customer_name, row.invoice_key) == ("STA-7", "Ann Lee", "ST-A-INV-1")
    assert (row.business_key, row.since) == ("AP9", date(2026, 11, 9))
    assert row.sentence == "Apply 60.00 of payment AP9-0 to invoice PS1: in ServiceTitan it is applied there."
    books.paid(1, "60")
    assert books.listed(deposit) == []


def test_a_payment_that_was_moved_is_unapplied_and_applied(books: Books) -> None:
    books.payment(9, (2, "100"))
    moved = posted(9, 1, "100", 1)
    books.paid(1, "100")
    unapply, apply = ("unapply", "AP9-1", "100.00", "PS1"), ("apply", "AP9-1", "100.00", "PS2")
    assert sorted(books.listed(moved)) == [apply, unapply]
    books.paid(1, "0")
    assert books.listed(moved) == [apply]
    books.paid(2, "100")
    assert books.listed(moved) == []


def test_a_payment_put_back_on_account(books: Books) -> None:
    books.payment(9)
    books.paid(1, "100")
    assert books.listed(posted(9, 1, "100", 1)) == [("unapply", "AP9-1", "100.00", "PS1")]
    assert "100.00 of it is not applied there in ServiceTitan any more" in books.rows[0].sentence


def test_a_part_of_an_application_is_moved(books: Books) -> None:
    books.payment(9, (1, "60"), (2, "40"))
    books.paid(1, "100")
    then = posted(9, 1, "100", 1)
    unapply, apply = ("unapply", "AP9-1", "40.00", "PS1"), ("apply", "AP9-1", "40.00", "PS2")
    assert sorted(books.listed(then)) == [apply, unapply]
    books.paid(1, "0")  # unapplied as a whole, which is how it is done there
    assert ("apply", "AP9-1", "60.00", "PS1") in books.listed(then)
    books.paid(1, "60")
    assert books.listed(then) == [apply]


def test_several_deposits_on_one_invoice_are_told_apart_by_their_amounts(books: Books) -> None:
    books.payment(8, (1, "70"), total="70")
    books.payment(9, (1, "30"), total="30")
    deposits = posted(8, 0, "70"), posted(9, 0, "30")
    assert len(books.listed(*deposits)) == 2
    books.paid(1, "30")
    assert books.listed(*deposits) == [("apply", "AP8-0", "70.00", "PS1")]
    books.paid(1, "70")
    assert books.listed(*deposits) == [("apply", "AP9-0", "30.00", "PS1")]
    books.paid(1, "100")
    assert books.listed(*deposits) == []


def test_of_two_equal_amounts_the_one_that_was_posted_so_is_applied_there(books: Books) -> None:
    books.payment(8, (1, "50"), total="50")  # a deposit, applied before the rest came
    books.payment(9, (1, "50"), total="50")
    books.paid(1, "50")
    assert books.listed(posted(8, 0, "50"), posted(9, 1, "50", 1)) == [("apply", "AP8-0", "50.00", "PS1")]


def test_what_others_paid_there_hides_nothing_and_asks_for_nothing(books: Books) -> None:
    books.payment(9, (1, "60"), total="60")
    deposit = posted(9, 0, "60")
    books.paid(1, "50", total="200")
    assert books.listed(deposit) == [("apply", "AP9-0", "60.00", "PS1")]
    books.paid(1, "110", total="200")
    assert books.listed(deposit) == []
    books.paid(1, "55")  # 45 are left to apply it to
    assert books.listed(deposit) == [("apply", "AP9-0", "45.00", "PS1")]
    books.paid(1, "100")
    assert books.listed(deposit) == []


def test_what_others_paid_there_does_not_keep_an_unapplied_payment_on_the_list(books: Books) -> None:
    books.payment(9, total="60")
    taken = posted(9, 1, "60", 1)
    books.paid(1, "100")
    assert books.listed(taken) == [("unapply", "AP9-1", "60.00", "PS1")]
    books.paid(1, "40")
    assert books.listed(taken) == []


def test_one_payment_goes_and_a_larger_one_comes(books: Books) -> None:
    books.payment(8, (2, "50"), total="50")
    books.payment(9, (1, "90"), total="90")
    documents = posted(8, 1, "50", 1), posted(9, 0, "90")
    books.paid(1, "50")
    books.paid(2, "50")
    assert sorted(books.listed(*documents)) == [
        ("apply", "AP9-0", "50.00", "PS1"),
        ("unapply", "AP8-1", "50.00", "PS1"),
    ]
    books.paid(1, "90")
    assert books.listed(*documents) == []


def test_payments_that_change_places_are_nothing_to_do(books: Books) -> None:
    """Both invoices show the same before and after; nobody could see that it was done."""
    books.payment(8, (2, "100"))
    books.payment(9, (1, "100"))
    books.paid(1, "100")
    books.paid(2, "100")
    assert books.listed(posted(8, 1, "100", 1), posted(9, 1, "100", 2)) == []


def test_to_an_invoice_that_is_paid_nothing_can_be_applied(books: Books) -> None:
    books.payment(8, (1, "60"), total="60")
    books.payment(9, (1, "60"), total="60")
    books.paid(1, "90")
    assert [line[2] for line in books.listed(posted(8, 1, "60", 1), posted(9, 0, "60"))] == ["10.00"]
    books.paid(1, "100")
    assert books.listed(posted(8, 1, "60", 1), posted(9, 0, "60")) == []


@pytest.mark.parametrize("shown", ["0", "100"])
def test_an_adopted_payment_may_be_applied_there_or_not(books: Books, shown: str) -> None:
    """We did not send it: what would have been sent says nothing of how it stands there."""
    books.payment(9, (1, "100"))
    books.paid(1, shown)
    adopted = posted(9, 1, "100", 1, "adopted", remote_number="AP9-0")
    assert books.listed(adopted) == ([("apply", "AP9-0", "100.00", "PS1")] if shown == "0" else [])


@pytest.mark.parametrize(
    "change",
    [
        {"status": "Canceled", "remaining_amount": 0},
        {"is_posted": False, "status": "Draft"},
        {"document_id": "other"},
    ],
)
def test_only_an_invoice_that_stands_there_can_be_applied_to(books: Books, change: dict[str, Any]) -> None:
    books.payment(9, (1, "100"))
    assert len(books.listed(posted(9, 0, "100"))) == 1
    books.change("staging.stg_business_central__sales_invoices", "number = 'PS1'", **change)
    assert books.listed(posted(9, 0, "100")) == []


@pytest.mark.parametrize("state", ["blocked", "ready", "in_doubt", "rejected", "entered"])
def test_a_part_that_is_still_to_be_posted_will_be_applied_by_that(books: Books, state: str) -> None:
    books.payment(9, (1, "60"), (2, "40"))
    books.paid(1, "60")
    assert books.listed(posted(9, 1, "60", 1), posted(9, 2, "40", 2, state)) == []


@pytest.mark.parametrize("state", ["ready", "out_of_scope", "withdrawn", "skipped"])
def test_a_payment_that_is_not_posted_is_nothing_to_do(books: Books, state: str) -> None:
    books.payment(9, (1, "100"), is_active=False)
    assert books.listed(posted(9, 0, "100", 0, state)) == []


def test_a_payment_over_another_amount_is_flagged_not_listed(books: Books) -> None:
    books.payment(9, (1, "90"), total="90")
    books.paid(1, "100")
    assert books.listed(posted(9, 1, "100", 1)) == []


def test_a_voided_payment_until_the_ledger_shows_it_reversed(books: Books) -> None:
    books.payment(9, (1, "60"), (2, "40"), is_active=False)
    parts = posted(9, 1, "60", 1), posted(9, 2, "40", 2)
    books.paid(1, "60")
    books.ledger("AP9-1", "60")
    books.ledger("AP9-2", "40")
    one, other = ("reverse", "AP9-1", "60.00", ""), ("reverse", "AP9-2", "40.00", "")
    assert sorted(books.listed(*parts)) == [one, other]
    assert books.rows[0].sentence.endswith("and reverse it: it was voided in ServiceTitan after it was posted.")
    books.ledger("AP9-1", "-60")
    assert books.listed(*parts) == [other]
    books.ledger("AP9-2", "-40")
    assert books.listed(*parts) == []


def test_what_a_voided_payment_covers_can_be_paid_by_another_once_it_is_unapplied(books: Books) -> None:
    books.payment(8, (1, "100"), is_active=False)
    books.payment(9, (1, "100"))
    documents = posted(8, 1, "100", 1), posted(9, 0, "100")
    books.paid(1, "100")
    assert books.listed(*documents) == [("reverse", "AP8-1", "100.00", "")]
    books.paid(1, "0")
    assert sorted(books.listed(*documents)) == [
        ("apply", "AP9-0", "100.00", "PS1"),
        ("reverse", "AP8-1", "100.00", ""),
    ]


def test_a_refund_until_the_ledger_has_its_number(books: Books) -> None:
    books.payment(8)
    books.payment(9, total="-30", refunded_payment_id=8, customer_name="Ann Lee")
    refund = posted(9, 0, "-30", 0, "skipped")
    assert books.listed(posted(8, 0, "100", 0, "ready"), refund) == []
    assert books.listed(posted(8, 0, "100"), refund) == [("refund", "AP9-0", "30.00", "")]
    assert books.rows[0].sentence.endswith("by hand under the number AP9-0: it refunds payment AP8-0.")
    half = posted(8, 0, "40"), posted(8, 1, "60", 3, "blocked")
    assert books.listed(*half, refund) == [("refund", "AP9-0", "30.00", "")]
    books.ledger("AP9-0", "-30", "Refund")
    assert books.listed(posted(8, 0, "100"), refund) == []


def test_a_refund_of_what_was_withdrawn_is_still_to_be_entered(books: Books) -> None:
    books.payment(8, is_active=False)
    books.payment(9, total="-30", refunded_payment_id=8)
    assert books.listed(posted(8, 0, "100", 0, "withdrawn"), posted(9, 0, "-30", 0, "skipped")) == [
        ("refund", "AP9-0", "30.00", "")
    ]
    assert books.rows[0].sentence.endswith("it refunds payment 8 in ServiceTitan.")


def test_of_many_changes_of_one_invoice_the_newest_stay(books: Books) -> None:
    """It is made of every tick: twenty deposits must not take a million sets."""
    deposits = []
    for number in range(20):
        books.payment(100 + number, total="10")
        when = f"2026-11-{number + 1:02}"
        row = dict(payment_id=100 + number, applied_id=1, invoice_id=1, amount=10, applied_at=when)
        books.put("payment_applications", **row)
        deposits.append(posted(100 + number, 0, "10"))
    books.paid(1, "50", total="400")
    assert [line[1] for line in books.listed(*deposits)] == [f"AP{number}-0" for number in range(105, 120)]


def test_the_list_is_empty_before_the_first_reconciliation(books: Books) -> None:
    assert to_do.read(books.con) == []
