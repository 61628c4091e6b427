"""Invoices received in the sandbox over a real socket: once, however they came."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.resources.servicetitan_receipts import ServiceTitanReceipts
from st_erp_pipelines.target import Found, Move, Wanted
from tests.resources.purchasing_tenant import (
    PIPE,
    PLACE,
    TIMING,
    VALVE,
    Office,
    connected,
    find,
    ignore_filters,
    office,
    run,
    wanted,
)
from tests.resources.test_servicetitan_pricebook import LeapingClock

NUMBERS = count(5105600001)
LINES = [
    {"skuId": PIPE, "description": "10 Pipe", "vendorPartNumber": "", "quantity": 4, "cost": 12.5},
    {"skuId": PIPE, "description": "20 Pipe, long", "vendorPartNumber": "", "quantity": 2, "cost": 20},
    {"skuId": VALVE, "description": "30 Valve", "vendorPartNumber": "", "quantity": 2, "cost": 30},
]


@pytest.fixture(scope="module")
def there() -> Iterator[Office]:
    with office() as opened:
        yield opened


@pytest.fixture
def target(there: Office) -> Iterator[ServiceTitanReceipts]:
    with closing(connected(there.url)) as client:
        yield ServiceTitanReceipts(client, PLACE, TIMING)


@pytest.fixture
def order(there: Office) -> int:
    """Of ours, of three lines."""
    return there.makes_order(memo=f"[ST-A-PO-{next(NUMBERS)}]", items=LINES)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    yield Outbox(engine, LeapingClock())
    engine.dispose()


def line(number: int, sku: int = PIPE, quantity: str = "4", cost: str = "12.75") -> dict[str, Any]:
    return {
        "line": str(number),
        "sku_id": sku,
        "quantity": quantity,
        "cost": cost,
        "description": f"{number} as billed",
    }


def invoice(order: int, *lines: dict[str, Any], **changes: Any) -> Wanted:
    """A new one each time: 4 x 12.75 and 2 x 20, 5.10 of tax and 9 of freight."""
    number = next(NUMBERS)
    key = f"ST-A-SI-{number}-2026-{order}"
    said = {
        "key": key, "memo": f"S/4HANA invoice {number} [{key}]", "purchase_order_id": order,
        "date_received": "2026-11-02", "vendor_document_number": f"INV-{number}", "tax": "5.10", "shipping": "9",
        "items": list(lines or (line(10), line(20, quantity="2", cost="20"))),
    }  # fmt: skip
    return wanted(said | changes, total="105.10")


def test_an_invoice_is_received_once_and_found_again(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    one = invoice(order)
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    row = there.sees("receipts", int(reply.remote_id or 0))
    assert (reply.number, reply.warning) == (row["number"], "")
    assert (row["vendorInvoiceNumber"], row["memo"]) == (one.payload["vendor_document_number"], one.payload["memo"])
    assert (float(row["taxAmount"]), float(row["shippingAmount"])) == (5.1, 9)
    assert [each["quantityReceived"] for each in there.order(order)["items"]] == [4, 2, 0], "each on its own line"
    finding = find(target, one)
    assert (finding.found, finding.number, finding.differs_from(one)) == (Found.COMPLETE, row["number"], "")


def test_a_receipt_of_the_field_under_the_vendors_number_is_the_one(
    target: ServiceTitanReceipts, there: Office, order: int
) -> None:
    one = invoice(order)
    first = there.receives(order, number=one.payload["vendor_document_number"].lower(), VALVE=1)
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, str(first), "")
    there.receives(order, number=one.payload["vendor_document_number"], VALVE=1)
    assert find(target, one).found is Found.SEVERAL


def test_a_receipt_of_ours_is_that_of_one_invoice(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    """Whatever other invoice has the vendor's number; and it is the one of a further try."""
    first = invoice(order, line(10, quantity="2"))
    target.send(first, Move.POST)
    number = first.payload["vendor_document_number"]
    second = invoice(order, line(10, quantity="2"), vendor_document_number=number)
    assert find(target, second).found is Found.ABSENT
    with pytest.raises(Rejected, match=f"bears its vendor's number {number} for another invoice") as refused:
        target.send(second, Move.POST)
    assert (refused.value.cause, refused.value.retry_daily) == ("number_taken", True)
    assert there.order(order)["items"][0]["quantityReceived"] == 2
    again = dict(first.payload) | {"key": f"{first.key}-R1", "memo": f"[{first.key}-R1]"}
    assert find(target, wanted(again, total=str(first.total))).found is Found.COMPLETE


def test_without_an_order_nothing_is_proven(target: ServiceTitanReceipts, order: int) -> None:
    """And the others are found all the same."""
    one, other = invoice(order, purchase_order_id=None), invoice(order)
    findings = target.look_up([one, other])
    assert (findings[one.key].found, findings[other.key].found) == (Found.UNKNOWN, Found.ABSENT)


def test_a_canceled_receipt_is_dead_if_it_is_ours(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    one = invoice(order)
    of_the_field = there.receives(order, number=one.payload["vendor_document_number"], VALVE=1)
    there.cancels("receipts", of_the_field)
    assert find(target, one).found is Found.ABSENT, "what the field took back was never received"
    reply = target.send(one, Move.POST)
    there.cancels("receipts", int(reply.remote_id or 0))
    assert find(target, one).found is Found.DEAD


def test_nothing_is_received_twice(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    """The field received it under another number, or none, before us."""
    one = invoice(order)
    there.receives(order, PIPE=1)
    mark = len(there.faults.log)
    assert find(target, one).found is Found.ABSENT
    with pytest.raises(
        Rejected, match="received in the field already: line 10, 1 of 4, and ours would be 4"
    ) as refused:
        target.send(one, Move.POST)
    assert (refused.value.cause, refused.value.retry_daily) == ("received_in_the_field", True)
    assert f"the vendor's number {one.payload['vendor_document_number']}" in refused.value.fix
    assert there.writes_since(mark) == []


def test_two_invoices_at_once_do_not_receive_twice(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    def outcome(one: Wanted) -> str:
        try:
            return target.send(one, Move.POST).remote_id or ""
        except Rejected as refused:
            return refused.cause

    there.faults.add("latency", method="POST", path_contains="/receipts", seconds=200)  # 0.2 s at this speed
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome, [invoice(order), invoice(order)]))
    assert outcomes.count("received_in_the_field") == 1
    assert [each["quantityReceived"] for each in there.order(order)["items"]] == [4, 2, 0]


def test_parts_are_received_up_to_what_was_ordered(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    for quantities in (("1", "2"), ("1",)):
        target.send(invoice(order, *(line(10, quantity=each) for each in quantities)), Move.POST)
    assert there.order(order)["items"][0]["quantityReceived"] == 4
    with pytest.raises(Rejected, match="received in the field already"):
        target.send(invoice(order, line(10, quantity="0.5")), Move.POST)


def test_an_order_that_is_gone_or_canceled_is_not_received(
    target: ServiceTitanReceipts, there: Office, order: int
) -> None:
    there.cancels("purchase-orders", order)
    mark = len(there.faults.log)
    for number, said in ((order, "was canceled"), (404, "is gone")):
        assert find(target, invoice(number)).found is Found.ABSENT
        with pytest.raises(Rejected, match=f"{said} in ServiceTitan|{said} from ServiceTitan") as refused:
            target.send(invoice(number), Move.POST)
        assert "Receive the goods in ServiceTitan on another order" in refused.value.fix
    assert there.writes_since(mark) == []


def test_a_line_that_is_not_there_is_asked_for(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    with pytest.raises(Rejected, match="line 40 is not on purchase order .* Add it to the order in ServiceTitan"):
        target.send(invoice(order, line(40)), Move.POST)


def test_what_was_not_kept_is_told_of(target: ServiceTitanReceipts, there: Office, order: int) -> None:
    with there.dropping("receipts", "memo", "vendorDocumentNumber"):
        warning = target.send(invoice(order), Move.POST).warning
    assert warning == "ServiceTitan did not keep what we wrote: memo, vendorDocumentNumber."


def test_a_filter_that_is_ignored_proves_nothing_and_lets_nothing_pass(
    target: ServiceTitanReceipts, there: Office, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = there.makes_order(items=LINES, memo="[ST-A-PO-1]")
    there.receives(other, VALVE=1)
    ignore_filters(monkeypatch, "purchaseOrderIds")
    finding = find(target, invoice(order))
    assert (finding.found, "not honoured" in finding.detail) == (Found.UNKNOWN, True)


def test_a_dropped_reply_makes_no_second_receipt(
    target: ServiceTitanReceipts, there: Office, order: int, outbox: Outbox
) -> None:
    one = invoice(order)
    there.faults.add("drop_after", method="POST", path_contains="/receipts")
    assert run(outbox, target, "supplier_invoices", one).state == "in_doubt"
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    before = there.count("receipts")
    row = run(outbox, target, "supplier_invoices", one)
    assert (row.state, there.count("receipts")) == ("posted", before)
