"""What the books of Business One say, read from its staging tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import duckdb
import pytest

from st_erp_pipelines.staging import to_do
from st_erp_pipelines.staging.documents import KnownDocument
from st_erp_pipelines.staging.load import open_books, prepare
from tests.staging.conftest import NOON
from tests.staging.documents_world import key, known

SYSTEMS = ("servicetitan", "sap_business_one")
NUMBERS = count(100)


class Books:
    def __init__(self) -> None:
        self.con = duckdb.connect(config={"threads": 1})
        prepare(self.con, SYSTEMS, zone="UTC", first_day=NOON.date(), last_day=NOON.date(), now=NOON)
        open_books(self.con, "sap_business_one")

    def put(self, table: str, **values: Any) -> None:
        marks = ", ".join(f"${name}" for name in values)
        self.con.execute(f"insert into staging.stg_{table} ({', '.join(values)}) values ({marks})", values)

    def paid(self, number: int, amount: str, customer: str = "STA-7", on: str = "2026-11-04") -> KnownDocument:
        """In ServiceTitan, and posted."""
        self.put(
            "servicetitan__payments", payment_id=number, total=amount, is_active=True, source_key=key("payment", number)
        )
        self.put(
            "sap_business_one__payments", payment_id=str(number), number=str(next(NUMBERS)), reference=f"AP{number}-1",
            posting_date=on, customer_number=customer, amount=amount, is_cancelled=False,
        )  # fmt: skip
        return known("payment", number, "posted", part=1, amount=Decimal(amount), party=customer)

    def refunded(self, number: int, payment: int, amount: str) -> KnownDocument:
        """In ServiceTitan alone: what the build leaves to people."""
        self.put(
            "servicetitan__payments", payment_id=number, total=f"-{amount}", refunded_payment_id=payment,
            payment_date="2026-11-09", is_active=True, source_key=key("payment", number),
        )  # fmt: skip
        return known("payment", number, "skipped", amount=Decimal(f"-{amount}"), party="")

    def gives_back(self, amount: str, customer: str = "STA-7", on: str = "2026-11-06", **more: Any) -> None:
        self.put(
            "sap_business_one__outgoing_payments", payment_id=str(next(NUMBERS)), number=str(next(NUMBERS)),
            posting_date=on, customer_number=customer, amount=amount, **{"is_cancelled": False} | more,
        )  # fmt: skip

    def listed(self, *documents: KnownDocument) -> list[str]:
        to_do.rebuild(self.con, documents)
        self.rows = to_do.read(self.con)
        return sorted(row.document_number for row in self.rows if row.what == "refund")


@pytest.fixture(scope="module")
def made() -> Books:
    return Books()


@pytest.fixture
def books(made: Books) -> Iterator[Books]:
    made.con.begin()
    yield made
    made.con.rollback()


def test_a_refund_is_known_by_the_key_in_its_remark(books: Books) -> None:
    both = books.paid(8, "100"), books.refunded(9, 8, "30")
    assert books.listed(*both) == ["AP9-0"]
    assert "by hand as an outgoing payment with the remark AP9-0: it refunds payment AP8-1" in books.rows[0].sentence
    books.gives_back("30", remarks="AP9-0", is_cancelled=True)
    books.gives_back("31", remarks="AP8-0")
    books.gives_back("30", remarks=None, customer="STA-8")
    books.gives_back("30", remarks=None, on="2026-11-03")  # before there was anything to give back
    assert books.listed(*both) == ["AP9-0"]
    books.gives_back("29.50", remarks="Deposit, see AP9-0", customer="STA-8")
    assert books.listed(*both) == []
    assert books.con.execute("select amount from erp_payments where key = 'AP9-0'").fetchall() == [(Decimal("-29.5"),)]


def test_without_a_key_customer_and_amount_tell_each_refund_once(books: Books) -> None:
    documents = [books.paid(8, "100"), books.refunded(9, 8, "30"), books.refunded(10, 8, "30")]
    books.gives_back("30", remarks="Mrs. Lee's deposit")
    assert books.listed(*documents) == ["AP10-0"]
    books.gives_back("30", remarks="AP9-0")
    assert books.listed(*documents) == []
    rows = books.con.execute("select key, posting_date from erp_payments where amount < 0 order by key").fetchall()
    assert rows == [("AP10-0", date(2026, 11, 6)), ("AP9-0", date(2026, 11, 6))]
