"""What is taken out of the outbox of a customer who is forgotten, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.database import reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import Reason, Verdict
from st_erp_pipelines.outbox.forgotten import (
    Forgotten,
    blank,
    documents_of,
    erp_numbers,
    forgotten,
    remember,
    write_anew,
)
from st_erp_pipelines.outbox.schema import attempts, documents, events
from tests.posting.conftest import built

NAME, TEXT = "Zeb O'Quill", "Wollemipine "
CUSTOMER = "servicetitan/1001/customer/1"
WAITS = Reason("waits_for_customer", f"Waits for customer '{NAME}' (STA-1).")


def test_names_and_texts_go_and_figures_stay(
    enter: Callable[..., Any], run: Callable[..., Any], outbox: Outbox
) -> None:
    told = dict(display_name=NAME, email="zeb@quill.example", number="STA-1")
    enter(
        built(1, verdict=Verdict.BLOCKED, reasons=(WAITS,)),
        built(2, kind="customer", source_key=CUSTOMER, business_key="STA-1", label=NAME, party=NAME, payload=told),
        built(3, party="STA-2", source_key="servicetitan/1001/invoice/3", payload={"lines": [{"description": TEXT}]}),
    )
    enter(built(1, payload={"total": "101", "lines": [{"description": TEXT * 9000, "amount": "101.00"}]}))
    run()
    before = _rows(outbox)
    theirs = documents_of(outbox, "northwind", {CUSTOMER}, {"STA-1"})
    assert sorted(row.business_key for row in theirs) == ["ST-A-INV-1", "STA-1"]

    assert blank(outbox, [row.id for row in theirs], [NAME]) == {"documents": 2, "attempts": 4, "events": 1}
    after = _rows(outbox)
    said = repr([row for row in after if row not in before])
    assert not [trace for trace in (NAME, TEXT, "quill", "Zeb") if trace in said]
    invoice, customer, other = after[: len(theirs) + 1]
    assert (customer.label, customer.party, invoice.party) == ("STA-1", "(forgotten)", "STA-1")
    assert simplejson.loads(invoice.payload) == {"lines": [{"amount": "101.00", "description": ""}], "total": "101"}
    assert other == before[2], "another customer's"
    stays = ("id", "state", "amount", "source_hash", "payload_hash", "remote_id", "business_key", "reasons")
    assert [[getattr(row, name) for name in stays] for row in (invoice, customer)] == [
        [getattr(row, name) for name in stays] for row in before[:2]
    ]
    assert [row.version for row in after[:2]] == [row.version + 1 for row in before[:2]], "published anew"
    assert blank(outbox, [row.id for row in theirs], [NAME]) == {}
    assert write_anew(outbox)
    if path := outbox.engine.url.database if not outbox.is_on_server else None:
        with open(path, "rb") as file:
            assert len(file.read().split(TEXT.encode())) == 1 + 3, "but the other customer's, and his two attempts'"


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"Waits for '{NAME}' (STA-7), who's not linked.", "Waits for '*' (STA-7), who's not linked."),
        ("Not 'A' but 'B's' or 'James' valve', it's '12'.", "Not '*' but '*' or '*', it's '*'."),
        ("ZEB O'QUILL's number; quilled, Quill's and Mo; more.", "*'s number; quilled, *'s and *; more."),
    ],
)
def test_of_a_sentence_stays_what_names_nobody(enter: Callable[..., Any], outbox: Outbox, said: str, left: str) -> None:
    enter(built(1, verdict=Verdict.BLOCKED, reasons=(Reason("waits_for_customer", said),)))
    blank(outbox, [1], [NAME, "Mo", "Quill"])
    assert outbox.get(1).reasons[0]["text"] == left.replace("*", "(forgotten)")


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_what_a_change_quotes_of_the_other_side_goes_too(enter: Callable[..., Any], outbox: Outbox) -> None:
    said = {"customer_id": 1, "overwritten": f"display name: ServiceTitan said '{NAME}', the ERP 'Z. O'", "email": None}
    there = {"address_line1": "1 Elm Ct", "payment_terms_code": "30 DAYS"}
    told = said | {"address": {"city": "Wheaton"}, "was": there, "there": there}
    enter(built(1, flow="customers_back", kind="customer_back", source_key=CUSTOMER, label=NAME, payload=told))
    blank(outbox, [1], [])
    left = {"address_line1": "", "payment_terms_code": "30 DAYS"}
    said |= {"overwritten": "", "email": ""}
    assert simplejson.loads(outbox.get(1).payload) == said | {"address": {"city": ""}, "was": left, "there": left}


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_bytes_that_somebody_still_reads_are_told_of(enter: Callable[..., Any], outbox: Outbox) -> None:
    enter(built(1, payload={"comment": TEXT}))
    outbox.engine.dispose()
    sa.event.listen(outbox.engine, "connect", lambda con, _: con.execute("pragma busy_timeout = 10"))
    with reading(outbox.engine) as con:
        con.execute(sa.select(documents)).all()
        blank(outbox, [1], [])
        assert not write_anew(outbox)
    assert write_anew(outbox)


def _rows(outbox: Outbox) -> list[Any]:
    with outbox.engine.begin() as con:
        return [
            row for each in (documents, attempts, events) for row in con.execute(sa.select(each).order_by(each.c.id))
        ]


def test_the_last_forgetting_is_remembered(outbox: Outbox) -> None:
    first = Forgotten(7, outbox.now(), ("STA-7",))
    later = Forgotten(7, outbox.now() + timedelta(days=1), ("STA-7", "C9"))
    for each in (first, Forgotten(8, outbox.now()), later):
        remember(outbox, "north_east", each)
    remember(outbox, "northXeast", Forgotten(9, outbox.now()))
    assert sorted(forgotten(outbox, "north_east"), key=lambda each: each.customer_id) == [
        later,
        Forgotten(8, outbox.now()),
    ]


def test_a_number_that_others_have_too_is_not_theirs(enter: Callable[..., Any], outbox: Outbox) -> None:
    enter(built(1))
    place = outbox.get(1).place
    for key, number in ((CUSTOMER, "C1"), (f"{CUSTOMER}0", "CASH"), (f"{CUSTOMER}1", "CASH")):
        outbox.link(place, "customer", key, erp_number=number, linked_by="table", source_hash="h", remote_id=None)
    assert erp_numbers(outbox, "northwind", CUSTOMER) == {"C1"}
    assert erp_numbers(outbox, "northwind", f"{CUSTOMER}0") == set()
