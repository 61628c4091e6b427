"""What a look-up makes of what it finds, and what is sent: against a server that says exactly what a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.sap_s4hana import Created
from st_erp_pipelines.resources.sap_s4hana.targets import KINDS
from st_erp_pipelines.target import Finding, Found, Move, Wanted
from tests.resources.sap_s4hana.conftest import client_of, page, token
from tests.resources.wire import Wire, answer, replies, serving

LINE = {
    "line": "10", "text": "Copper pipe", "material": "PIPE", "material_group": "01", "plant": "1710",
    "quantity": "3", "unit": "EA", "price": "12.50", "price_quantity": "1", "delivery_date": "2026-11-12",
    "account_assignment_category": "K", "cost_center": "17101301", "gl_account": "61000000",
}  # fmt: skip


def request(key: str = "AR901", as_: str = "order", **changes: Any) -> Wanted:
    payload = {
        "key": key, "as": as_, "supplier": "17300001", "order_type": "NB", "company_code": "1710",
        "purchasing_organization": "1710", "purchasing_group": "001", "currency": "USD", "date": "2026-11-03",
        "language": "EN", "items": [LINE], "request_number": "7-901", "external_system": "servicetitan/1003",
    } | changes  # fmt: skip
    return Wanted(key, payload, Decimal("37.50"), date(2026, 11, 3), "USD", "17300001")


def order(number: str, key: str = "AR901", deleted: Sequence[str] = ("",), header: str = "", **more: Any) -> Any:
    item = {"NetPriceAmount": "1250.00", "NetPriceQuantity": "100", "OrderQuantity": "3.000"}
    items = [item | {"PurchasingDocumentDeletionCode": each} for each in deleted]
    return {
        "PurchaseOrder": number, "CorrespncExternalReference": key, "PurchasingDocumentDeletionCode": header,
        "PurchaseOrderDate": "/Date(1793664000000)/", "DocumentCurrency": "USD", "Supplier": "0017300001",
        "to_PurchaseOrderItem": {"results": items},
    } | more  # fmt: skip


def requisition(number: str, item: str = "10", key: str = "AR901", deleted: str = "") -> Any:
    return {
        "PurchaseRequisition": number, "PurchaseRequisitionItem": item, "PurReqnExternalReference": key,
        "IsDeleted": deleted, "PurchaseRequisitionPrice": "12.500", "PurReqnPriceQuantity": "1",
        "RequestedQuantity": "3", "PurReqnItemCurrency": "USD", "Supplier": "0017300001",
    }  # fmt: skip


@contextmanager
def requests(*answers: bytes, flow: str = "requests") -> Iterator[tuple[Created, Wire]]:
    with serving(replies(*answers)) as wire, client_of(wire.url) as client:
        yield Created(client, KINDS[flow]), wire


def found(orders: Sequence[Any] = (), requisitions: Sequence[Any] = (), wanted: Wanted | None = None) -> Finding:
    with requests(page(*orders), page(*requisitions)) as (target, _):
        one = wanted or request()
        return target.look_up([one])[one.key]


def test_an_order_of_ours_is_complete_and_equal() -> None:
    finding = found([order("4500000001", deleted=("", "L"))])
    assert (finding.found, finding.remote_id, finding.differs_from(request())) == (Found.COMPLETE, "4500000001", "")


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"DocumentCurrency": "EUR"}, "currency is EUR"),
        ({"Supplier": "17300002"}, "party is 17300002"),
        ({"PurchaseOrderDate": "/Date(1793750400000)/"}, "date is 2026-11-04"),
        ({"to_PurchaseOrderItem": {"results": []}}, "total is 0"),
    ],
)
def test_an_order_that_is_another_differs(changes: Any, differs: str) -> None:
    assert differs in found([order("4500000001", **changes)]).differs_from(request())


def test_a_requisition_of_ours_is_complete_and_equal() -> None:
    finding = found([], [requisition("0010000001"), requisition("0010000001", "20", deleted="X")])
    assert (finding.found, finding.remote_id, finding.differs_from(request())) == (Found.COMPLETE, "10000001", "")


def test_what_became_a_requisition_is_no_order_once_more() -> None:
    """The setting was another one when it was sent."""
    assert found([], [requisition("10000001")], request(as_="order")).found is Found.COMPLETE
    assert found([order("4500000001")], [], request(as_="requisition")).found is Found.COMPLETE


def test_what_was_deleted_is_dead() -> None:
    assert found([order("45", deleted=("L", "L"))]).found is Found.DEAD
    assert found([order("45", header="L")]).found is Found.DEAD
    assert found([order("45", deleted=("S",))]).found is Found.COMPLETE
    assert found([], [requisition("1", deleted="X"), requisition("1", "20", deleted="X")]).found is Found.DEAD


def test_several_are_several() -> None:
    finding = found([order("45"), order("46", deleted=("L",))])
    assert finding.found is Found.SEVERAL
    assert "2 records carry its key: 45, 46. Take it (Your Reference of an order) out of" in finding.detail
    assert found([order("45")], [requisition("1")]).found is Found.SEVERAL
    assert found([order("45", header="L"), order("46", header="L")]).found is Found.DEAD


def test_nothing_is_nothing_only_where_that_was_asked() -> None:
    assert found().found is Found.ABSENT
    assert found([order("45", key="Jim's 7")]).found is Found.UNKNOWN
    assert found([], [requisition("1", key="AR902")]).found is Found.UNKNOWN
    with requests(page(order("45"), count=2)) as (target, _):
        assert target.look_up([request()])["AR901"].found is Found.UNKNOWN


def test_a_supplier_of_ours_is_complete_and_a_partner_without_the_role_is_not() -> None:
    one = Wanted("ST-A-V-7", {}, Decimal(0), date(2026, 11, 3), "", "Supply House")
    row = {
        "BusinessPartner": "17",
        "Supplier": "",
        "BusinessPartnerName": "Supply",
        "BusinessPartnerIDByExtSystem": one.key,
    }
    with requests(page(row | {"Supplier": "0017300009"}), page(row), flow="suppliers") as (target, _):
        finding = target.look_up([one])[one.key]
        assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, "17300009", "")
        assert "Supply, which is no supplier" in target.look_up([one])[one.key].differs_from(one)


def created(**members: Any) -> bytes:
    return answer(json.dumps({"d": members}).encode(), "201 Created")


def test_a_price_that_became_another_is_said() -> None:
    with requests(token(), created(**order("4500000001"))) as (target, _):
        assert target.send(request(), Move.POST).warning == ""
    item = order("1")["to_PurchaseOrderItem"]["results"][0] | {"NetPriceAmount": "1300.00"}
    dearer = order("4500000001", to_PurchaseOrderItem={"results": [item]})
    with requests(token(), created(**dearer)) as (target, _):
        assert "S/4HANA made it 39.00 instead of 37.50" in target.send(request(), Move.POST).warning


def test_a_key_that_does_not_fit_is_not_sent() -> None:
    with requests(token(), created(PurchaseRequisition="10000001")) as (target, wire):
        with pytest.raises(Rejected, match="more than 12 characters"):
            target.send(request("ABCR123456789"), Move.POST)
        assert wire.requests == []
        assert target.send(request("ABCR123456789", "requisition"), Move.POST).remote_id == "10000001"
    with pytest.raises(ValueError, match="enter"), requests() as (target, _):
        target.send(request(), Move.ENTER)
