"""A whole firm that buys in S/4HANA: its books arrive in ServiceTitan, while both sides fail and people work on.

The tests are days of one site, in this order.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from st_erp_pipelines.cli import app
from st_erp_pipelines.commands import plan
from st_erp_pipelines.commands.demo_planted import compared
from st_erp_pipelines.sandbox.contractor_buying import Buying, buying
from st_erp_pipelines.sandbox.planted import PlantedException
from tests.erps import Erp, ServiceTitan
from tests.world import Site, build_and_post, buying_site, contractor, failures, wait_until

pytestmark = pytest.mark.slow(45)  # all of it together
SPEED = 150.0  # ServiceTitan's doubts are settled after 2 s
Row = dict[str, Any]
Standing = tuple[str, str | None]  # flow, and id in the other system


@dataclass(frozen=True)
class Synced:
    """After its first sync. `backup`: the outbox as it was in the middle of that."""

    site: Site
    bought: Buying
    result: dg.ExecuteInProcessResult
    backup: Path


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """While orders go out S/4HANA forgets who signed in. ServiceTitan lies about a receipt: it is in doubt after."""
    bought = buying(contractor(days=12, scale=0.01), scale=0.01)
    backup = tmp_path_factory.mktemp("backup") / "outbox.sqlite"
    with buying_site(tmp_path_factory.mktemp("site"), bought, speed=SPEED) as site:
        lie = dict(kind="http_500_after", method="POST", path_contains="/receipts")
        with site.fault(site.titan.url, **lie), ThreadPoolExecutor(1) as aside:
            watching = aside.submit(in_the_middle, site, backup)
            result = site.sync()
            watching.result()
        yield Synced(site, bought, result, backup)


def in_the_middle(site: Site, backup: Path) -> None:
    wait_until(lambda: made_of(site, "/purchase-orders") >= 10)
    site.erp.forgets_who_signed_in()
    with closing(sqlite3.connect(site.database)) as old, closing(sqlite3.connect(backup)) as new:
        old.backup(new)


def made_of(site: Site, path: str) -> int:
    return sum(entry["path"].endswith(path) and entry["method"] == "POST" for entry in site.titan.writes())


def assert_as_planted(site: Site, *planted: PlantedException) -> None:
    with site.environment():
        same, said = compared(site.firm.name, planted)
    assert same, said


# What is there


def seeds(synced: Synced, name: str) -> list[Row]:
    rows: list[Row] = synced.bought.sap_s4hana[name]
    return rows


def order_key(row: Row) -> str:
    return f"ST-C-PO-{row['PurchaseOrder']}"


def orders_there(titan: Row) -> dict[str, list[Row]]:
    """Those in ServiceTitan that carry a key of ours, by the last one: more than one is a duplicate."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in titan["purchase_orders"]:
        if keys := re.findall(r"\[(ST-C-P[OR]-\S+)\]", row["summary"] or ""):
            found[keys[-1]].append(row)
    return dict(found)


def item_there(titan: Row, order: Row, line: str) -> Row:
    """The one item of that line of S/4HANA."""
    ((there,),) = (rows for key, rows in orders_there(titan).items() if key == order_key(order))
    (item,) = (row for row in there["items"] if row["description"].startswith(f"{line} "))
    return dict(item)


def plain_orders(synced: Synced) -> list[Row]:
    """In ServiceTitan, of two lines and more; nobody received or billed anything of them, or will."""
    invoices = seeds(synced, "A_SupplierInvoice")
    billed = {item["PurchaseOrder"] for row in invoices for item in row["to_SuplrInvcItemPurOrdRef"]}
    posted = {key for key, row in synced.site.documents("purchase_orders").items() if row.state == "posted"}
    return [
        row
        for row in seeds(synced, "A_PurchaseOrder")
        if order_key(row) in posted and row["PurchaseOrder"] not in billed and len(row["to_PurchaseOrderItem"]) > 1
    ]


def supplier(synced: Synced, name: str) -> str:
    rows = seeds(synced, "A_BusinessPartner")
    return next(str(row["BusinessPartner"]) for row in rows if row["OrganizationBPName1"] == name)


# The days


def test_after_one_sync_the_exceptions_are_exactly_those_planted(synced: Synced) -> None:
    assert failures(synced.result) == []
    assert_as_planted(synced.site, *synced.bought.exceptions)
    checks = {each.check_name for each in synced.result.get_asset_check_evaluations() if each.passed}
    assert checks >= {"nothing_in_quarantine", "nothing_hangs_for_a_day"}


def test_a_plan_reads_what_was_bought(synced: Synced, capsys: pytest.CaptureFixture[str]) -> None:
    with synced.site.environment():
        plan.run([synced.site.firm.name], None, 0, as_json=False)
    said = capsys.readouterr().out
    assert "Nothing has been read yet" not in said
    assert "blocked: unmapped_order_type" in said


def test_dagsters_events_name_nobody(synced: Synced) -> None:
    """Though exceptions quote suppliers; keys and numbers say who is meant."""
    events = "".join(map(dg.serialize_value, synced.result.all_events))
    rows = seeds(synced, "A_BusinessPartner")
    told = {row["OrganizationBPName1"] for row in rows} | {row["name"] for row in vendors(synced)}
    told |= {address["StreetName"] for row in rows for address in row["to_BusinessPartnerAddress"]}
    assert {each for each in told if json.dumps(each)[1:-1] in events} == set()
    assert any(each in row.sentence for row in synced.site.documents("vendors").values() for each in told)


def vendors(synced: Synced) -> list[Row]:
    return synced.bought.contractor.servicetitan["vendors"]


def test_a_token_that_is_forgotten_costs_one_sign_in(synced: Synced) -> None:
    """And a request was written with a CSRF token of the next session."""
    assert synced.site.erp.sign_ins() == 2
    done = [entry["path"].rpartition("/")[2] for entry in synced.site.writes() if entry["committed"]]
    assert done.count("A_PurchaseOrder") == 1


def test_what_is_from_before_go_live_stays_out(synced: Synced) -> None:
    """Though it was changed since."""
    site, go_live = synced.site, synced.site.connection.go_live
    old = {order_key(row) for row in seeds(synced, "A_PurchaseOrder") if row["PurchaseOrderDate"] < go_live}
    states = {row.state for key, row in site.documents("purchase_orders").items() if key in old}
    assert states == {"out_of_scope"}
    assert not old & orders_there(site.titan.state()).keys()


def test_what_people_do_arrives(synced: Synced) -> None:
    """While ServiceTitan lies about an order: it is in doubt after."""
    site, before, titan = synced.site, synced.site.documents(), synced.site.titan.state()
    changed, deleted, received, copied = plain_orders(synced)[:4]
    renamed, blocked = supplier(synced, "Viega Press Systems"), supplier(synced, "Uponor Direct")
    old = next(key for key, row in before.items() if row.state == "out_of_scope" and row.kind == "purchase_order")
    the_field_receives(synced)
    first = item_there(titan, received, "10")
    lines = [{"item": first["id"], "quantity": first["quantity"]}]
    site.titan.does("receive", order=int(before[order_key(received)].remote_id or 0), lines=lines)
    asked = {"skuId": first["skuId"], "quantity": 3, "cost": 40}
    site.titan.does("make_request", approve=True, summary="Ladders", items=[asked])
    for requisition in synced.bought.open_requisitions:
        site.erp.does("order", requisition=requisition)
    orders_another_quantity(site, changed, "10", 99)
    orders_another_quantity(site, received, "20", 77)
    site.erp.does("delete", order=received["PurchaseOrder"], items=["10"])
    site.erp.does("delete", order=deleted["PurchaseOrder"])
    site.erp.does("add", set="A_PurchaseOrder", values=copied | {"PurchaseOrder": "4500009999"})
    site.erp.does("edit", set="A_BusinessPartner", key=renamed, changes={"OrganizationBPName1": "Vega Presses"})
    site.erp.does("block", supplier=blocked, by="central")
    assert CliRunner().invoke(app, ["replay", old], env=dict(site.variables)).exit_code == 0
    time.sleep(site.connection.erp.timing.read_lag.total_seconds())
    with site.fault(site.titan.url, kind="http_500_after", method="POST", path_contains="/purchase-orders"):
        site.quick_sync()

    now, after = site.titan.state(), site.documents()
    there = orders_there(now)
    assert {len(rows) for rows in there.values()} == {1}
    assert there.keys() - orders_there(titan).keys() >= {"ST-C-PO-4500009999", old}
    assert len(there) == len(orders_there(titan)) + 2
    assert item_there(now, changed, "10")["quantity"] == 99
    assert there[order_key(deleted)][0]["status"] == "Canceled"
    assert item_there(now, received, "10")["quantity"] == first["quantity"]
    assert item_there(now, received, "20")["quantity"] == 77
    assert "Line 10 was received in ServiceTitan and stays there" in after[f"{order_key(received)}/R1"].flag
    for requisition in synced.bought.open_requisitions:
        (order,) = (row for row in now["purchase_orders"] if f"[ST-C-PR-{requisition}-10]" in (row["summary"] or ""))
        assert str(order["id"]) == before[f"ST-C-PR-{requisition}-10"].remote_id
        assert "[ST-C-PO-" in order["summary"]
    vendors = {str(row["id"]): row for row in now["vendors"]}
    assert vendors[str(before[f"ST-C-VEND-{renamed}"].remote_id)]["name"] == "Vega Presses"
    assert not vendors[str(before[f"ST-C-VEND-{blocked}"].remote_id)]["active"]
    (request,) = (row for row in site.titan.state()["purchase_order_requests"] if row["summary"] == "Ladders")
    made = [row["CorrespncExternalReference"] for row in site.state()["A_PurchaseOrder"]]
    assert made.count(f"CR{request['id']}") == 1


def the_field_receives(synced: Synced) -> None:
    """And writes into each bill what the supplier's says, or something else."""
    titan, documents = synced.site.titan, synced.site.documents()
    receipts = {int(documents[each.order_key].remote_id or 0): each for each in synced.bought.receipts}
    for order, receipt in receipts.items():
        titan.does("receive", order=order, number=receipt.number)
    wait_until(lambda: len(bills_of(titan, receipts)) == len(receipts))
    for bill in bills_of(titan, receipts):
        titan.does("bill_amount", id=bill["id"], amount=str(receipts[bill["purchaseOrderId"]].bill_amount))


def bills_of(titan: ServiceTitan, orders: Collection[int]) -> list[Row]:
    return [row for row in titan.state()["ap_bills"] if row["purchaseOrderId"] in orders]


def orders_another_quantity(site: Site, order: Row, line: str, quantity: int) -> None:
    key = [order["PurchaseOrder"], line]
    site.erp.does("edit", set="A_PurchaseOrderItem", key=key, changes={"OrderQuantity": quantity})


@contextmanager
def nothing_is_written(site: Site) -> Iterator[None]:
    systems: tuple[Erp, ...] = (site.titan, site.erp)
    seen, before = [len(each.log()) for each in systems], [each.state() for each in systems]
    yield
    assert [each.writes(since) for each, since in zip(systems, seen, strict=True)] == [[], []]
    assert [each.state() for each in systems] == before


def test_syncing_again_writes_nothing_and_settles_every_doubt(synced: Synced) -> None:
    site = synced.site
    lies = [entry["path"].rpartition("/")[2] for entry in site.titan.writes() if entry["fault"] and entry["committed"]]
    assert lies == ["receipts", "purchase-orders"]
    assert "in_doubt" in {row.state for row in site.documents("purchase_orders").values()}
    with nothing_is_written(site):
        site.quick_sync()
    assert not {"in_doubt", "sending", "ready"} & {row.state for row in site.documents().values()}
    assert_as_planted(site, *synced.bought.exceptions, *synced.bought.later, *what_people_caused(site))


def what_people_caused(site: Site) -> Iterator[PlantedException]:
    """A line that ServiceTitan keeps; and the order from before go-live has an invoice, which is compared now."""
    rows = site.documents()
    for key, row in rows.items():
        if row.flag:
            yield PlantedException("flagged", key, row.amount, row.flag)
        elif row.replayed:
            number = key.rpartition("-")[2]
            billed = (other for other in rows if other.startswith("ST-C-SI-") and other.endswith(f"-{number}"))
            yield from (PlantedException("bill_missing:no_receipt", other, rows[other].amount, "") for other in billed)


def test_an_old_outbox_is_put_back_and_nothing_is_written(synced: Synced, tmp_path: Path) -> None:
    site = synced.site
    home = shutil.copytree(site.home, tmp_path / "home")
    for path in home.glob("st_erp.sqlite*"):
        path.unlink()
    shutil.copy(synced.backup, home / "st_erp.sqlite")
    again = site.elsewhere(home)
    assert {row.state for row in again.documents("purchase_orders").values()} >= {"posted", "ready"}
    with nothing_is_written(site):
        with again.pipeline() as pipeline:
            build_and_post(pipeline)
        again.settle()  # what was being sent in that moment is in doubt
    assert standing(again) <= standing(site)
    assert standing(site) - standing(again) <= gone(site)


def standing(site: Site) -> set[Standing]:
    return {(row.flow, row.remote_id) for row in site.documents().values() if row.state in ("posted", "adopted")}


def gone(site: Site) -> set[Standing]:
    """What another outbox does not adopt: what was canceled, what has a line that S/4HANA lacks, what a person asked
    for though it is from before go-live, and suppliers, which nobody makes again."""
    canceled = {str(row["id"]) for row in site.titan.state()["purchase_orders"] if row["status"] == "Canceled"}
    rows = site.documents().values()
    return {
        (row.flow, row.remote_id)
        for row in rows
        if row.flow == "suppliers"
        or row.replayed
        or row.flag
        or (row.flow == "purchase_orders" and row.remote_id in canceled)
    }


def test_the_home_is_lost_everything_is_adopted_and_nothing_is_written(synced: Synced, tmp_path: Path) -> None:
    site, lost = synced.site, synced.site.elsewhere(tmp_path / "home")
    with nothing_is_written(site):
        lost.quick_sync()
    assert standing(lost) == standing(site) - gone(site)
    assert "posted" not in {row.state for row in lost.documents().values()}
    kept = {key.partition("/")[0] for key, row in site.documents().items() if row.flag}
    differ = [PlantedException("conflict", key, lost.documents()[key].amount, "it has a line more") for key in kept]
    assert_as_planted(lost, *synced.bought.exceptions, *synced.bought.later, *differ)
