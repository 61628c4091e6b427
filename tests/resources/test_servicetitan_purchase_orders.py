"""Orders written to the sandbox over a real socket, found there by their marker, changed and canceled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.resources import servicetitan as client_module
from st_erp_pipelines.resources.servicetitan_purchase_orders import ServiceTitanPurchaseOrders
from st_erp_pipelines.target import Found, Move, Wanted
from tests.resources.purchasing_tenant import (
    ADDRESS,
    FILTER,
    PIPE,
    PLACE,
    PLACE_OF_STOCK,
    TIMING,
    TYPE,
    UNIT,
    VALVE,
    VENDOR,
    Office,
    asked_of,
    connected,
    find,
    ignore_filters,
    office,
    run,
    wanted,
)
from tests.resources.test_servicetitan_pricebook import LeapingClock

ORDERS = count(4500000001)
SINCE = date(2026, 11, 1)


@pytest.fixture(scope="module")
def there() -> Iterator[Office]:
    with office() as opened:
        yield opened


@pytest.fixture
def target(there: Office) -> Iterator[ServiceTitanPurchaseOrders]:
    with closing(connected(there.url)) as client:
        yield ServiceTitanPurchaseOrders(client, PLACE, TIMING, SINCE)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    yield Outbox(engine, LeapingClock())
    engine.dispose()


def line(number: int, sku: int = PIPE, quantity: str = "4", cost: str = "12.5", **more: Any) -> dict[str, Any]:
    names = {PIPE: "Copper <pipe> & co", VALVE: "Valve"}
    said = {
        "line": str(number),
        "sku_id": sku,
        "description": f"{number} {names[sku]}",
        "quantity": quantity,
        "cost": cost,
    }
    return said | {"vendor_part_number": "VP-1"} | more


def order(*lines: dict[str, Any], kind: str = "PO", **changes: Any) -> Wanted:
    """A new one each time."""
    key = f"ST-A-{kind}-{next(ORDERS)}"
    said = {
        "key": key, "memo": f"S/4HANA order [{key}]", "vendor_id": VENDOR, "type_id": TYPE, "business_unit_id": UNIT,
        "inventory_location_id": PLACE_OF_STOCK, "ship_to": {"description": "Main", **ADDRESS}, "date": "2026-11-02",
        "required_on": "2026-11-09", "items": list(lines or (line(10), line(20, VALVE, "2", "30"))),
    }  # fmt: skip
    return wanted(said | changes, total="110.00", party="17300001")


def change(made: Wanted, number: int, *lines: dict[str, Any], **members: Any) -> Wanted:
    said = {"key": f"{made.key}/R1", "memo": made.payload["memo"], "purchase_order_id": number, "change": True}
    return wanted(said | {"items": list(lines) or made.payload["items"]} | members)


def cancel(made: Wanted, number: int) -> Wanted:
    return wanted({"key": f"{made.key}/R1", "purchase_order_id": number, "change": True, "cancel": True})


def made(target: ServiceTitanPurchaseOrders, *lines: dict[str, Any], **changes: Any) -> tuple[Wanted, int]:
    one = order(*lines, **changes)
    reply = target.send(one, Move.POST)
    assert reply.warning == ""
    return one, int(reply.remote_id or 0)


def items(there: Office, number: int) -> list[tuple[str, float, float]]:
    return [(each["description"], each["quantity"], each["cost"]) for each in there.order(number)["items"]]


# Created and found


def test_an_order_is_made_once_and_found_by_its_marker(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one = order()
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    row = there.order(int(reply.remote_id or 0))
    assert (reply.number, reply.warning, row["status"]) == (row["number"], "", "Pending")
    assert (row["vendorId"], row["typeId"], row["businessUnitId"], row["inventoryLocationId"]) == (1, 11, 21, 31)
    assert (row["date"][:10], row["requiredOn"][:10], row["summary"]) == (
        "2026-11-02",
        "2026-11-09",
        one.payload["memo"],
    )
    assert items(there, row["id"]) == [("10 Copper &lt;pipe&gt; &amp; co", 4, 12.5), ("20 Valve", 2, 30)]
    finding = find(target, one)
    assert (finding.found, finding.number, finding.differs_from(one)) == (Found.COMPLETE, row["number"], "")


def test_a_marker_is_found_on_the_third_page_and_then_by_what_changed(
    target: ServiceTitanPurchaseOrders, there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, (one, number) = [made(target) for _ in range(5)]
    monkeypatch.setattr(
        client_module, "LOOKED_UP", (there.count("purchase_orders") + 1) // 3
    )  # one is of an earlier day
    there.sets("purchase_orders", number, summary=f"{one.payload['memo']} call Jo first")
    asked = asked_of(monkeypatch)
    assert find(target, one).remote_id == str(number), "a person wrote on after it"
    assert [each["page"] for each in asked if "createdOnOrAfter" in each] == [1, 2, 3]
    asked.clear()
    assert find(target, order()).found is Found.ABSENT
    assert all("modifiedOnOrAfter" in each for each in asked)


def test_what_came_since_the_scan_is_seen_by_the_next(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one = order()
    assert find(target, one).found is Found.ABSENT
    first = there.makes_order(memo=f"typed [{one.key}]")
    assert find(target, one).remote_id == str(first)
    there.makes_order(memo=f"typed [{one.key}]")
    finding = find(target, one)
    assert (finding.found, "Several orders carry its marker" in finding.detail) == (Found.SEVERAL, True)
    there.cancels("purchase-orders", first)
    assert find(target, one).found is Found.COMPLETE, "the other is canceled"
    there.sets("purchase_orders", first, summary="nothing of ours")


def test_a_clock_that_was_set_forward_hides_no_order(
    target: ServiceTitanPurchaseOrders, there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = order()
    assert find(target, one).found is Found.ABSENT
    monkeypatch.setattr(target._client.clock, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    assert find(target, one).found is Found.ABSENT
    there.makes_order(memo=f"typed [{one.key}]")
    assert find(target, one).found is Found.COMPLETE


def test_an_order_that_differs_says_in_what(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one, number = made(target)
    there.sets("purchase_orders", number, vendorId=2, total=111.0, date="2026-11-03T00:00:00Z")
    said = find(target, one).differs_from(one)
    assert "total is 111" in said
    assert "date is 2026-11-03" in said
    assert "party is vendor 2" in said


def test_a_canceled_order_is_dead(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one, number = made(target)
    there.cancels("purchase-orders", number)
    for asked in (one, change(one, number), replace(one, remote_id=str(number))):
        assert find(target, asked).found is Found.DEAD
    assert find(target, change(one, 404)).found is Found.DEAD


def test_the_first_attempt_bounds_the_scan(target: ServiceTitanPurchaseOrders, monkeypatch: pytest.MonkeyPatch) -> None:
    one, number = made(target)
    asked, now = asked_of(monkeypatch), datetime.now(UTC)
    assert find(target, replace(one, first_attempt_at=now)).remote_id == str(number)
    assert datetime.fromisoformat(asked[0]["createdOnOrAfter"]) >= now - timedelta(days=1, seconds=2)
    old = order(key="ST-A-PO-1", memo="[ST-A-PO-1]")
    assert find(target, replace(old, first_attempt_at=datetime(2026, 2, 28, tzinfo=UTC))).remote_id == "5"
    assert find(target, one).remote_id == str(number), "one that was never tried is looked for in all"


@pytest.mark.parametrize("ignored", ["createdOnOrAfter", "modifiedOnOrAfter", "ids"])
def test_a_filter_that_is_ignored_proves_nothing(
    target: ServiceTitanPurchaseOrders, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    one, number = made(target)
    if ignored == "modifiedOnOrAfter":
        assert find(target, order()).found is Found.ABSENT
    ignore_filters(monkeypatch, ignored)
    asked = change(one, number) if ignored == "ids" else order()
    finding = find(target, asked)
    assert (finding.found, "not honoured" in finding.detail) == (Found.UNKNOWN, True)


def test_a_refusal_says_what_to_do(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    before = there.count("purchase_orders")
    with pytest.raises(Rejected, match=r"Correct type_id in order_types.csv") as refused:
        target.send(order(type_id=404), Move.POST)
    assert refused.value.cause == "unknown_order_type"
    with pytest.raises(Rejected, match=r"materials.csv"):
        target.send(order(line(10, sku_id=404)), Move.POST)
    assert there.count("purchase_orders") == before


def test_what_was_not_kept_is_told_of(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    with there.dropping("purchase_orders", "memo"):
        assert "did not keep what we wrote: memo" in target.send(order(), Move.POST).warning


def test_a_dropped_reply_makes_no_second_order(
    target: ServiceTitanPurchaseOrders, there: Office, outbox: Outbox
) -> None:
    one = order()
    there.faults.add("drop_after", method="POST", path_contains="/purchase-orders")
    assert run(outbox, target, "purchase_orders", one).state == "in_doubt"
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    before = there.count("purchase_orders")
    row = run(outbox, target, "purchase_orders", one)
    assert (row.state, there.count("purchase_orders")) == ("posted", before)


# Changed, linked, canceled


def test_a_change_brings_the_order_to_what_is_said_now(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one, number = made(target)
    there.sets("purchase_orders", number, summary=f"{one.payload['memo']} call Jo first")
    assert find(target, change(one, number)).found is Found.COMPLETE
    newer = change(one, number, line(10, quantity="6"), line(20, VALVE, "2", "31.25"), required_on="2026-11-20")
    assert find(target, newer).found is Found.ABSENT
    mark = len(there.faults.log)
    assert target.send(newer, Move.POST).warning == ""
    assert there.writes_since(mark) == ["PATCH"]
    row = there.order(number)
    assert [each[1:] for each in items(there, number)] == [(6, 12.5), (2, 31.25)]
    assert (row["requiredOn"][:10], row["date"][:10]) == ("2026-11-20", "2026-11-02")
    assert row["summary"].endswith("call Jo first")
    assert find(target, newer).found is Found.COMPLETE


def test_a_line_that_is_gone_goes_and_one_that_is_new_is_told_of(
    target: ServiceTitanPurchaseOrders, there: Office
) -> None:
    one, number = made(target)
    newer = change(one, number, line(10), line(30, VALVE, "9", "30"))
    assert target.send(newer, Move.POST).warning == (
        "Line 30 cannot be added to an order that is there: add it in ServiceTitan."
    )
    assert [each[0][:2] for each in items(there, number)] == ["10"]
    assert find(target, newer).found is Found.COMPLETE, "more cannot be done"


def test_what_was_received_stays_whatever_is_said_now(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one, number = made(target)
    there.receives(number, PIPE=3)
    without = change(one, number, line(20, VALVE, "5", "30"))
    assert target.send(without, Move.POST).warning == "Line 10 was received in ServiceTitan and stays there."
    assert [each[1:] for each in items(there, number)] == [(4, 12.5), (5, 30)]
    assert find(target, without).found is Found.COMPLETE
    lower = change(one, number, line(10, quantity="2"), line(20, VALVE, "5", "30"))
    assert target.send(lower, Move.POST).warning == (
        "Of line 10, 3 were received in ServiceTitan: it is not lowered to 2."
    )
    assert [each[1:] for each in items(there, number)] == [(3, 12.5), (5, 30)]
    row = there.order(number)["items"][0]
    assert (row["quantityReceived"], find(target, lower).found) == (3, Found.COMPLETE)


def test_what_people_added_stays(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    """Be its name one that begins with a figure."""
    one, number = made(target, line(10), line(20, VALVE, "2", "30"))
    rows = there.sees("purchase_orders", number)["items"]
    name = "20 x 25 filter"
    names = {"id": 9_000_001, "skuId": FILTER, "skuName": name, "skuCode": name, "description": name}
    there.sets("purchase_orders", number, items=[*rows, rows[1] | names])
    newer = change(one, number, line(10, quantity="5"))
    assert target.send(newer, Move.POST).warning == "20 x 25 filter was added in ServiceTitan and stays there."
    assert [each[0] for each in items(there, number)] == ["10 Copper &lt;pipe&gt; &amp; co", "20 x 25 filter"]


def test_an_order_of_the_office_is_linked_by_what_it_orders(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    number = there.makes_order(memo="for the Lee job")
    one = order(line(10, VALVE, "2", "30"), line(20, quantity="5"), purchase_order_id=number)
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    assert (reply.remote_id, reply.warning) == (str(number), "")
    assert items(there, number) == [("20 Copper &lt;pipe&gt; &amp; co", 5, 12.5), ("10 Valve", 2, 30)]
    assert there.order(number)["summary"] == f"{one.payload['memo']} for the Lee job"
    assert find(target, one).found is Found.COMPLETE
    assert find(target, wanted(one.payload | {"purchase_order_id": None}, "122.50")).remote_id == str(number)


def test_the_order_of_a_requisition_takes_its_place(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    """Its lines have changed places, so that only the marker tells which numbers stand there."""
    was, number = made(target, line(10), line(20, quantity="7"), kind="PR")
    one = order(line(10, quantity="7", was_line="20"), line(20, was_line="10"), purchase_order_id=number)
    target.send(one, Move.POST)
    assert [(each[0][:2], each[1]) for each in items(there, number)] == [("20", 4), ("10", 7)]
    row = there.order(number)
    assert (f"[{was.key}]" in row["summary"], row["summary"].endswith(f"[{one.key}]")) == (True, True)
    mark = len(there.faults.log)
    assert find(target, one).found is Found.COMPLETE
    target.send(one, Move.POST)
    assert there.writes_since(mark) == [], "a repeat changes nothing"
    there.sets("purchase_orders", number, date="2026-11-09T00:00:00Z", total=77.0)  # as the order says by now
    found = find(target, was)
    assert (found.found, found.remote_id, found.differs_from(was)) == (Found.COMPLETE, str(number), "")


def test_an_order_is_canceled_unless_something_of_it_came(target: ServiceTitanPurchaseOrders, there: Office) -> None:
    one, number = made(target)
    assert find(target, cancel(one, number)).found is Found.ABSENT
    assert target.send(cancel(one, number), Move.POST).warning == ""
    assert there.order(number)["status"] == "Canceled"
    assert find(target, cancel(one, number)).found is Found.COMPLETE
    other, number = made(target)
    there.receives(number, PIPE=1)
    mark = len(there.faults.log)
    with pytest.raises(Rejected, match=f"let it stand there: st-erp accept {cancel(other, number).key}") as refused:
        target.send(cancel(other, number), Move.POST)
    assert (refused.value.retry_daily, there.writes_since(mark)) == (True, [])
