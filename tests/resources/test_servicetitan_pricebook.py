"""Items written to the sandbox's pricebook over a real socket, and found there again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from st_erp_pipelines.accept import There, accept
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.replay import replay
from st_erp_pipelines.resources.http import Api
from st_erp_pipelines.resources.servicetitan import ServiceTitan, connect
from st_erp_pipelines.resources.servicetitan_pricebook import Pricebook
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan_skus import MATERIAL
from st_erp_pipelines.settings import Secret
from st_erp_pipelines.settings import ServiceTitan as Settings
from st_erp_pipelines.target import Finding, Found, Move, Timing, Wanted
from tests.resources.wire import AnyPace
from tests.sandbox.servicetitan_client import at, tenant

OURS = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"
TIMES = {"createdOn": at(1), "modifiedOn": at(1)}
BOOKS: dict[str, list[dict[str, Any]]] = {
    "vendors": [{"id": each, "name": f"Vendor {each}", "active": True, **TIMES} for each in (1, 2)],
    "categories": [{"id": 5, "name": "Pipes", "active": True, "categoryType": "Materials", **TIMES}],
    "materials": [MATERIAL | {"id": each, "code": f"OLD-{each}", "description": "Old", **TIMES} for each in range(9)],
}
NUMBERS = count(1)
FILTERS = ("ids", "externalDataKey", "externalDataValues")
PRICES = ("price", "memberPrice", "addOnPrice", "addOnMemberPrice")


class LeapingClock(SystemClock):
    """Real time that can be moved on; sleeps are only written down."""

    def __init__(self) -> None:
        self.ahead, self.slept = timedelta(0), list[float]()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def boot_seconds(self) -> float:
        return super().boot_seconds() + self.ahead.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Shelf:
    """The pricebook as people there see it and change it."""

    def __init__(self, url: str, faults: Faults) -> None:
        self.url, self.faults = url, faults

    def sees(self, code: str, entity: str = "materials") -> list[dict[str, Any]]:
        rows = httpx.get(f"{self.url}/_control/servicetitan/records/{entity}").json()
        return [row for row in rows if row["code"] == code]

    def does(self, action: str, **body: Any) -> None:
        httpx.post(f"{self.url}/_control/servicetitan/{action}", json=body).raise_for_status()


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    faults = Faults(speed=1000)
    with running(tenant(BOOKS, faults=faults, speed=1000)) as url:
        yield Shelf(url, faults)


def connected(shelf: Shelf, **settings: Any) -> ServiceTitan:
    secrets = {"app_key": Secret("key"), "client_id": Secret("me"), "client_secret": Secret("mine")}
    given = {"api_url": shelf.url, "auth_url": shelf.url, "tenant_id": 7, "application_guid": OURS} | settings
    return connect(Settings(**secrets | given), clock=LeapingClock(), pace=AnyPace())


@pytest.fixture
def target(shelf: Shelf) -> Iterator[Pricebook]:
    with closing(connected(shelf)) as client:
        yield Pricebook(client, "servicetitan|here|7", Timing(timedelta(minutes=5)))


def wanted(number: str = "", **changes: Any) -> Wanted:
    """A new item each time, unless its number is given."""
    number = number or f"EL-{next(NUMBERS)}"
    payload = {
        "number": number, "becomes": "material", "display_name": "Fuse <15 A> & more", "price": "12.5", "cost": "4.125",
        "unit_of_measure": "EA", "active": True, "vendor_id": 1, "category_id": 5, "account": "Sales",
    } | changes  # fmt: skip
    given = {name: value for name, value in payload.items() if value is not None}
    return Wanted(f"ST-A-ITEM-{number}", given, Decimal(0), date(2026, 11, 1), "USD", "Fuse")


def change(made: Wanted, record_id: int, **changes: Any) -> Wanted:
    gone = {"category_id": None, "account": None}
    was = {name: made.payload[name] for name in ("display_name", "price", "cost", "unit_of_measure", "active")}
    one = wanted(**made.payload | gone | {"change": True, "pricebook_id": record_id, "was": was} | changes)
    return replace(one, key=f"{made.key}/R1")


def find(target: Pricebook, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def made(target: Pricebook, **changes: Any) -> tuple[Wanted, int]:
    one = wanted(**changes)
    return one, int(target.send(one, Move.POST).remote_id or 0)


# Created


def test_a_material_is_made_once_and_found_again(target: Pricebook, shelf: Shelf) -> None:
    one = wanted()
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    assert (reply.number, reply.warning) == (one.payload["number"], "")
    (row,) = shelf.sees(one.payload["number"])
    assert (row["displayName"], row["price"], row["memberPrice"], row["cost"]) == (
        "Fuse <15 A> & more",
        12.5,
        12.5,
        4.125,
    )
    assert (row["categories"], row["account"], row["unitOfMeasure"]) == ([5], "Sales", "EA")
    assert row["description"] == "Fuse &lt;15 A&gt; &amp; more", "there it is markup"
    assert (row["primaryVendor"]["vendorId"], row["primaryVendor"]["cost"]) == (1, 4.125)
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, str(row["id"]), "")


def test_a_service_needs_no_vendor_and_has_no_cost(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target, becomes="service", vendor_id=None)
    (row,) = shelf.sees(one.payload["number"], "services")
    assert (row["id"], row["price"], row["cost"]) == (record_id, 12.5, 0.0)
    other = wanted(**one.payload | {"becomes": "material"})
    assert find(target, other).found is Found.SEVERAL, "it stands in the other list"


def test_two_under_one_number_are_several(target: Pricebook) -> None:
    one, _ = made(target)
    target.send(one, Move.POST)
    assert find(target, one).found is Found.SEVERAL


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"vendor_id": 99}, "unknown_vendor"),
        ({"category_id": 99}, "unknown_category"),
        (
            {"display_name": " "},
            "One or more validation errors occurred.; description: The description field is required.",
        ),
    ],
)
def test_a_refusal_has_its_cause(target: Pricebook, shelf: Shelf, changes: dict[str, Any], cause: str) -> None:
    one = wanted(**changes)
    with pytest.raises(Rejected) as refused:
        target.send(one, Move.POST)
    assert refused.value.cause == cause
    assert shelf.sees(one.payload["number"]) == []


def test_a_missing_primary_vendor_is_told_as_live_tenants_say_it(target: Pricebook, shelf: Shelf) -> None:
    shelf.does("drop_members", entity="materials", members=["primaryVendor"])
    try:
        with pytest.raises(Rejected, match="Give its row of items.csv an active vendor_id") as refused:
            target.send(wanted(), Move.POST)
    finally:
        shelf.does("drop_members", entity="materials", members=[])
    assert refused.value.cause == "no_primary_vendor"


# Read back


def test_what_was_not_kept_is_said_and_it_stands_all_the_same(target: Pricebook, shelf: Shelf) -> None:
    shelf.does("drop_members", entity="materials", members=["price", "unitOfMeasure", "externalData"])
    try:
        one = wanted()
        reply = target.send(one, Move.POST)
    finally:
        shelf.does("drop_members", entity="materials", members=[])
    lost = "price (0.0, sent 12.5), unitOfMeasure, externalData"
    assert reply.warning == f"ServiceTitan did not keep what we wrote: {lost}."
    assert len(shelf.sees(one.payload["number"])) == 1


def test_a_failed_look_afterwards_makes_no_doubt_of_what_is_known(target: Pricebook, shelf: Shelf) -> None:
    shelf.faults.add("http_500_before", method="GET", path_contains="/materials/", times=None)
    try:
        reply = target.send(wanted(), Move.POST)
    finally:
        shelf.faults.rules.clear()
    assert reply.remote_id
    assert "could not be read back" in reply.warning


# Changed


def test_a_change_sets_what_this_side_owns_and_nothing_else(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    edited = {"vendorPart": "VP-7", "memo": "ask for Jo"}
    (row,) = shelf.sees(one.payload["number"])
    members = {"memberPrice": 9.0, "primaryVendor": row["primaryVendor"] | edited}
    members |= {"_externalData": {OURS: {"erpId": one.payload["number"], "kind": "item"}}}
    shelf.does("change", entity="materials", id=record_id, set=members)
    newer = change(one, record_id, price="13", cost="5", active=False)
    before = find(target, newer)
    assert (before.found, before.remote_id) == (Found.ABSENT, str(record_id))
    assert target.send(newer, Move.POST).warning == ""
    (row,) = shelf.sees(one.payload["number"])
    assert [row[name] for name in (*PRICES, "cost", "active")] == [13.0, 9.0, 13.0, 13.0, 5.0, False]
    vendor = row["primaryVendor"]
    assert (vendor["cost"], vendor["vendorPart"], vendor["memo"]) == (5.0, "VP-7", "ask for Jo")
    assert row["_externalData"][OURS] == {"erpId": one.payload["number"], "kind": "item"}
    assert find(target, newer).found is Found.COMPLETE
    assert find(target, one).remote_id == str(record_id), "it is still found by its number"


def test_what_the_erp_did_not_change_is_left_as_people_have_it(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    theirs = {"displayName": "Fuse", "description": "<b>Slow</b>", "active": False, "unitOfMeasure": "BOX"}
    shelf.does("change", entity="materials", id=record_id, set=theirs)
    newer = change(one, record_id, price="13")
    for asked in (newer, change(one, record_id, price="14", overwrites=True)):
        assert find(target, asked).found is Found.ABSENT
        assert target.send(asked, Move.POST).warning == ""
        (row,) = shelf.sees(one.payload["number"])
        assert {name: row[name] for name in theirs} == theirs
    renamed = change(one, record_id, display_name="Fuse 20 A", active=False, unit_of_measure="BX")
    assert "displayName is Fuse, the ERP said" in find(target, renamed).detail, "both sides changed it"
    assert target.send(replace(renamed, payload=renamed.payload | {"overwrites": True}), Move.POST).warning == ""
    (row,) = shelf.sees(one.payload["number"])
    assert [row[name] for name in theirs] == ["Fuse 20 A", "<b>Slow</b>", False, "BX"]


def test_a_material_without_a_primary_vendor_is_given_ours(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    shelf.does("change", entity="materials", id=record_id, set={"primaryVendor": None})
    with pytest.raises(Rejected, match="if it has one, see to the vendors of that record"):
        target.send(change(one, record_id, price="13", vendor_id=None), Move.POST)
    assert target.send(change(one, record_id, price="13"), Move.POST).warning == ""
    (row,) = shelf.sees(one.payload["number"])
    assert (row["price"], row["primaryVendor"]["vendorId"], row["primaryVendor"]["cost"]) == (13.0, 1, 4.125)


def test_another_primary_vendor_chosen_there_stays(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    (row,) = shelf.sees(one.payload["number"])
    theirs = row["primaryVendor"] | {"vendorId": 2, "cost": 3.5}
    shelf.does("change", entity="materials", id=record_id, set={"primaryVendor": theirs})
    assert target.send(change(one, record_id, cost="5"), Move.POST).warning == ""
    (row,) = shelf.sees(one.payload["number"])
    assert (row["cost"], row["primaryVendor"]["vendorId"], row["primaryVendor"]["cost"]) == (5.0, 2, 3.5)


def test_a_price_changed_there_is_not_overwritten_unless_somebody_says_so(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    shelf.does("price", entity="materials", id=record_id, price=15)
    newer = change(one, record_id, price="13")
    finding = find(target, newer)
    assert finding.found is Found.SEVERAL
    assert "price is 15.0, the ERP said 12.5 and now says 13" in finding.detail
    assert find(target, change(one, record_id, price="13", overwrites=True)).found is Found.ABSENT
    shelf.does("change", entity="materials", id=record_id, set=dict.fromkeys(PRICES, 13.0))
    assert find(target, newer).found is Found.COMPLETE, "both sides say the same by now"


def test_a_price_that_is_the_same_in_the_erp_is_left_as_the_field_has_it(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    shelf.does("price", entity="materials", id=record_id, price=15)
    newer = change(one, record_id, cost="5", display_name="Fuse, slow")
    assert find(target, newer).found is Found.ABSENT
    assert target.send(newer, Move.POST).warning == ""
    (row,) = shelf.sees(one.payload["number"])
    assert (row["displayName"], row["price"], row["cost"]) == ("Fuse, slow", 15.0, 5.0)
    assert find(target, newer).found is Found.COMPLETE


def test_a_locked_price_is_told_of(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target)
    shelf.does("change", entity="materials", id=record_id, set={"isPriceLocked": True})
    assert "price (12.5, sent 13)" in target.send(change(one, record_id, price="13"), Move.POST).warning


def test_a_change_of_what_is_gone_is_dead(target: Pricebook) -> None:
    assert find(target, change(wanted(), 404)).found is Found.DEAD


def test_fractions_of_a_cent_are_the_same_whether_they_are_kept_or_not(target: Pricebook, shelf: Shelf) -> None:
    one, record_id = made(target, price="0.0012")
    newer = change(one, record_id, price="0.0014")
    assert find(target, newer).found is Found.ABSENT
    shelf.does("change", entity="materials", id=record_id, set=dict.fromkeys(PRICES, 0.0))
    assert find(target, newer).found is Found.COMPLETE


# Proof


def test_a_server_that_ignores_the_filter_proves_nothing(
    target: Pricebook, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Api.read

    def without_filters(api: Api, *args: Any, params: Any = None, **more: Any) -> httpx.Response:
        kept = {name: value for name, value in (params or {}).items() if name not in FILTERS}
        return read(api, *args, params=kept, **more)

    monkeypatch.setattr(Api, "read", without_filters)
    for one in (wanted(), change(wanted(), 3)):
        finding = find(target, one)
        assert (finding.found, "not honoured" in finding.detail) == (Found.UNKNOWN, True)


def test_without_an_application_nothing_is_proven_and_nothing_sent(shelf: Shelf) -> None:
    with closing(connected(shelf, application_guid=None)) as client:
        target = Pricebook(client, "servicetitan|here|7", Timing(timedelta(minutes=5)))
        assert "application_guid" in find(target, wanted()).detail
        with pytest.raises(ConfigurationError):
            target.send(wanted(), Move.POST)


def test_many_are_asked_for_in_few_requests(target: Pricebook, shelf: Shelf) -> None:
    before = len(shelf.faults.log)
    target.look_up([wanted() for _ in range(50)] + [change(wanted(), 100 + each) for each in range(20)])
    asked = [entry for entry in shelf.faults.log[before:] if entry["method"] == "GET"]
    assert len(asked) == 3


# With the engine


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    yield Outbox(engine, LeapingClock())
    engine.dispose()


def run(outbox: Outbox, target: Pricebook, one: Wanted, **later: Any) -> Document:
    """Built and posted; the row as it was left."""
    revision = 1 if one.payload.get("change") else 0
    source, price = f"business_central/C/item/{one.payload['number']}", one.payload["price"]
    built = BuiltDocument(
        "items", "item", source, one.key, one.on, one.on, one.total, one.currency, one.party, price, one.payload,
        revision=revision,
    )  # fmt: skip
    bring(outbox, "northwind", target.place, "items", [built])
    Run(outbox, target, connection="northwind", flow="items", mode="post").work()
    with outbox.engine.begin() as con:
        return con.execute(sa.select(documents).where(documents.c.business_key == one.key)).one()


def test_after_a_dropped_reply_exactly_one_is_there(target: Pricebook, shelf: Shelf, outbox: Outbox) -> None:
    one = wanted()
    shelf.faults.add("drop_after", method="POST", path_contains="/materials")
    assert run(outbox, target, one).state == "in_doubt"
    assert run(outbox, target, one).state == "in_doubt", "nothing is sent while it is"
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    assert run(outbox, target, one).state == "posted"
    assert len(shelf.sees(one.payload["number"])) == 1


def test_what_lost_its_external_data_in_a_doubt_is_not_made_again(
    target: Pricebook, shelf: Shelf, outbox: Outbox
) -> None:
    one = wanted()
    shelf.does("drop_members", entity="materials", members=["externalData"])
    shelf.faults.add("drop_after", method="POST", path_contains="/materials")
    try:
        assert run(outbox, target, one).state == "in_doubt"
    finally:
        shelf.does("drop_members", entity="materials", members=[])
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    row, (there,) = run(outbox, target, one), shelf.sees(one.payload["number"])
    assert (row.state, f"Material {there['id']} came under its code" in row.sentence) == ("conflict", True)
    shelf.does("change", entity="materials", id=there["id"], set={"code": "OTHER"})
    assert replay(outbox, [row], "ann", lambda flow, wanted: target.look_up(wanted))[0].replayed
    assert run(outbox, target, one).state == "posted"


def test_what_was_not_kept_is_a_flag_on_what_is_posted(target: Pricebook, shelf: Shelf, outbox: Outbox) -> None:
    shelf.does("drop_members", entity="services", members=["active"])
    try:
        row = run(outbox, target, wanted(becomes="service", vendor_id=None, active=False))
    finally:
        shelf.does("drop_members", entity="services", members=[])
    assert (row.state, "did not keep what we wrote: active" in row.flag) == ("posted", True)


def test_a_replay_overwrites_the_price_of_the_field(target: Pricebook, shelf: Shelf, outbox: Outbox) -> None:
    one, record_id = made(target)
    shelf.does("price", entity="materials", id=record_id, price=15)
    newer = change(one, record_id, price="13")
    row = run(outbox, target, newer)
    assert (row.state, "A replay overwrites it." in row.sentence) == ("conflict", True)
    (answer,) = replay(outbox, [row], "ann", lambda flow, wanted: target.look_up(wanted))
    assert answer.replayed
    with outbox.engine.begin() as con:
        assert con.execute(sa.select(documents.c.replayed)).scalar_one(), "so that its build leaves out what we wrote"
    assert run(outbox, target, change(one, record_id, price="13", overwrites=True)).state == "posted"
    assert shelf.sees(one.payload["number"])[0]["price"] == 13.0


def test_who_accepts_it_leaves_the_price_of_the_field(target: Pricebook, shelf: Shelf, outbox: Outbox) -> None:
    one = wanted()
    record_id = run(outbox, target, one).remote_id
    shelf.does("price", entity="materials", id=int(record_id), price=15)
    row = run(outbox, target, change(one, int(record_id), price="13"))
    there = There(record_id, one.payload["number"], None, Decimal(15))
    assert accept(outbox, row, there, "ann").accepted, "its own creation takes nothing away from it"
    other = run(outbox, target, change(wanted(), 404))
    assert accept(outbox, other, there, "ann").sentence.startswith(f"{there.number} is {one.key}")
    assert shelf.sees(one.payload["number"])[0]["price"] == 15.0


def test_a_reply_that_names_nothing_is_a_doubt(target: Pricebook, shelf: Shelf) -> None:
    shelf.faults.add("html_after", method="POST", path_contains="/materials")
    with pytest.raises(InDoubt):
        target.send(wanted(), Move.POST)
