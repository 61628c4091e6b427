"""Suppliers written to vendors of the sandbox over a real socket, and found there again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.resources.servicetitan_vendors import ServiceTitanVendors
from st_erp_pipelines.target import Found, Move, Wanted
from tests.resources.purchasing_tenant import (
    OURS,
    PLACE,
    TIMING,
    Office,
    connected,
    find,
    ignore_filters,
    office,
    run,
    wanted,
)
from tests.resources.test_servicetitan_pricebook import LeapingClock

SUPPLIERS = count(17300001)
WHERE = {"street": "9 Oak Ave", "unit": "", "city": "Dallas", "state": "TX", "zip": "75201", "country": "USA"}


@pytest.fixture(scope="module")
def there() -> Iterator[Office]:
    with office() as opened:
        yield opened


@pytest.fixture
def target(there: Office) -> Iterator[ServiceTitanVendors]:
    with closing(connected(there.url)) as client:
        yield ServiceTitanVendors(client, PLACE, TIMING)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    yield Outbox(engine, LeapingClock())
    engine.dispose()


def supplier(**changes: Any) -> Wanted:
    """A new one each time."""
    number = str(next(SUPPLIERS))
    said = {"key": f"ST-A-VEND-{number}", "supplier": number, "name": f"Ferguson & Sons {number}", "active": True}
    said |= {"phone": "512-555-0100", "email": "ap@ferguson.example", "tax_rate": "0", **WHERE}
    return wanted(said | changes)


def change(made: Wanted, vendor: int, **members: Any) -> Wanted:
    said = {"key": f"{made.key}/R1", "supplier": made.payload["supplier"], "vendor_id": vendor, "change": True}
    return wanted(said | members)


def made(target: ServiceTitanVendors, **changes: Any) -> tuple[Wanted, int]:
    one = supplier(**changes)
    return one, int(target.send(one, Move.POST).remote_id or 0)


def test_a_vendor_is_made_once_and_found_again(target: ServiceTitanVendors, there: Office) -> None:
    one = supplier()
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    assert reply.warning == ""
    row = there.sees("vendors", int(reply.remote_id or 0))
    assert (row["name"], row["active"], row["address"]) == (one.payload["name"], True, WHERE)
    assert (row["contactInfo"]["phone"], row["contactInfo"]["email"]) == ("512-555-0100", "ap@ferguson.example")
    assert row["_externalData"][OURS] == {"S4Supplier": one.payload["supplier"]}
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, reply.remote_id, "")


def test_two_of_one_supplier_are_several(target: ServiceTitanVendors) -> None:
    one, first = made(target)
    target.send(one, Move.POST)
    finding = find(target, one)
    assert (finding.found, str(first) in finding.detail) == (Found.SEVERAL, True)


def test_a_link_writes_the_number_and_nothing_else(target: ServiceTitanVendors, there: Office) -> None:
    there.sets("vendors", 1, _externalData={OURS: {"rating": "A"}})
    before, one = there.sees("vendors", 1), supplier(vendor_id=1)
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    assert (reply.remote_id, reply.warning) == ("1", "")
    row = there.sees("vendors", 1)
    assert row["_externalData"][OURS] == {"rating": "A", "S4Supplier": one.payload["supplier"]}
    others = {"modifiedOn", "_externalData"}
    assert {name: row[name] for name in row if name not in others} == {
        name: before[name] for name in before if name not in others
    }
    assert find(target, one).remote_id == "1"
    other = supplier(vendor_id=1)
    mark = len(there.faults.log)
    with pytest.raises(Rejected, match=f"vendor 1 belongs to supplier {one.payload['supplier']} already"):
        target.send(other, Move.POST)
    assert there.writes_since(mark) == []
    elsewhere = wanted(one.payload | {"vendor_id": 2})
    assert find(target, elsewhere).found is Found.SEVERAL, "its number stands at another vendor"


def test_a_change_writes_the_members_it_names(target: ServiceTitanVendors, there: Office) -> None:
    one, number = made(target)
    there.sets("vendors", number, memo="ask for Jo")
    newer = change(
        one, number, name="Ferguson LLC", active=False, zip="75202", phone="(512) 555-0100", overwritten="name was F"
    )
    assert find(target, newer).found is Found.ABSENT
    assert target.send(newer, Move.POST).warning == "Changed on both sides, and its owner's word counts: name was F."
    row = there.sees("vendors", number)
    assert (row["name"], row["active"], row["memo"]) == ("Ferguson LLC", False, "ask for Jo")
    assert row["address"] == WHERE | {"zip": "75202"}
    assert row["contactInfo"]["phone"] == "512-555-0100", "written otherwise, it is the same number"
    assert find(target, newer).found is Found.COMPLETE
    assert find(target, one).remote_id == str(number), "it keeps its supplier's number"
    assert find(target, change(one, 404, name="x")).found is Found.DEAD


def test_what_was_not_kept_is_told_of(target: ServiceTitanVendors, there: Office) -> None:
    with there.dropping("vendors", "email", "externalData"):
        assert target.send(supplier(), Move.POST).warning == (
            "ServiceTitan did not keep what we wrote: email, externalData."
        )


def test_filters_that_are_ignored_prove_nothing(target: ServiceTitanVendors, monkeypatch: pytest.MonkeyPatch) -> None:
    ignore_filters(monkeypatch, "externalDataKey", "externalDataValues", "ids")
    for one in (supplier(), supplier(vendor_id=1), change(supplier(), 2, name="x")):
        finding = find(target, one)
        assert (finding.found, "not honoured" in finding.detail) == (Found.UNKNOWN, True)


def test_a_dropped_reply_makes_no_second_vendor(target: ServiceTitanVendors, there: Office, outbox: Outbox) -> None:
    """Not even where our external data were lost."""
    one, other = supplier(), supplier()
    there.faults.add("drop_after", method="POST", path_contains="/vendors")
    assert run(outbox, target, "vendors", one).state == "in_doubt"
    there.faults.add("drop_after", method="POST", path_contains="/vendors")
    with there.dropping("vendors", "externalData"):
        assert run(outbox, target, "vendors", other).state == "in_doubt"
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    before = there.count("vendors")
    assert run(outbox, target, "vendors", one).state == "posted"
    row = run(outbox, target, "vendors", other)
    assert (row.state, "came under its name after we tried" in row.sentence) == ("conflict", True)
    assert there.count("vendors") == before
