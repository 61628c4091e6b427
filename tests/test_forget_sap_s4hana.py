"""A customer is forgotten where the ERP buys: what was ordered for their jobs, and where it was to go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from st_erp_pipelines.cli import app
from st_erp_pipelines.sandbox.contractor_buying import Buying, buying
from tests.test_forget import NAME, UNIT, WORD, told
from tests.world import Site, build_and_post, buying_site, contractor

pytestmark = pytest.mark.slow(8)
Row = dict[str, Any]


@dataclass(frozen=True)
class House:
    """Where an order goes to, for a job there; the order is received by its invoice."""

    site: Site
    order: str
    customer_id: int


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    bought = buying(contractor(days=3, scale=0.01), scale=0.01)
    order, customer_id = one_order(bought)
    with buying_site(tmp_path_factory.mktemp("site"), bought) as site:
        site.quick_sync()
        (site.home / "published").mkdir()
        yield House(site, order, customer_id)


def one_order(bought: Buying) -> tuple[str, int]:
    """Only that one and its invoice are left."""
    company = bought.sap_s4hana
    job = max(bought.contractor.servicetitan["jobs"], key=lambda row: str(row["modifiedOn"]))
    orders = {row["PurchaseOrder"]: row for row in company["A_PurchaseOrder"]}
    planted = {each.key for each in bought.exceptions}
    for invoice in company["A_SupplierInvoice"]:
        (number, *others) = {item["PurchaseOrder"] for item in invoice["to_SuplrInvcItemPurOrdRef"]} or {""}
        order, is_planted = orders.get(number), any(invoice["SupplierInvoice"] in key for key in planted)
        if order and not others and not is_planted and order["PurchaseOrderType"] == "ZREC":
            break
    order["CorrespncInternalReference"] = job["jobNumber"]
    for item in order["to_PurchaseOrderItem"]:
        to = {"DeliveryAddressName": NAME, "DeliveryAddressStreetName": UNIT, "DeliveryAddressCityName": "Chicago"}
        item |= to | {"PurchaseOrderItemText": f"{WORD} valve"}
    company |= {"A_PurchaseOrder": [order], "A_SupplierInvoice": [invoice], "A_PurchaseRequisitionHeader": []}
    return number, job["customerId"]


def test_what_was_ordered_for_their_jobs_is_cleared_and_nothing_is_sent(house: House) -> None:
    site = house.site
    before = site.documents()
    states = {row.state for name, row in before.items() if house.order in name}
    assert states == {"posted"}, before
    places = told(site)
    assert {"documents", "attempts"} <= places.keys()
    assert set.union(*places.values()) == {*NAME.split(), UNIT, WORD}
    there = site.titan.state()["purchase_orders"]
    assert any(UNIT in str(row["shipTo"]) for row in there)

    words = ["forget", site.firm.name, str(house.customer_id), "--yes"]
    done = CliRunner().invoke(app, words, env=dict(site.variables))
    assert done.exit_code == 0, done.output
    assert told(site) == {}
    written = [len(each.writes()) for each in (site.titan, site.erp)]
    with site.pipeline() as pipeline:
        for system in ("sap_s4hana", "servicetitan"):
            numbers = house.order if system == "sap_s4hana" else before[f"ST-C-PO-{house.order}"].remote_id
            pipeline.extract(system).by_id("purchase_orders", [numbers])
        pipeline.stage_all()
        build_and_post(pipeline)
        pipeline.reconcile()
    assert [len(each.writes()) for each in (site.titan, site.erp)] == written, "nothing is sent because of it"
    assert told(site) == {}, "what is read again is cleared before it is loaded"
    assert site.titan.state()["purchase_orders"] == there
