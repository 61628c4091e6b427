"""What is wrong with a request to S/4HANA is found, wherever it is wrong, and what is right is let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.specification import SPECS, Request
from tests.specification.observer import findings

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the API descriptions are not beside the project")

ORDERS, PARTNERS, INVOICES = "API_PURCHASEORDER_PROCESS_SRV", "API_BUSINESS_PARTNER", "API_SUPPLIERINVOICE_PROCESS_SRV"
JSON = {"accept": "application/json", "content-type": "application/json", "x-csrf-token": "x", "cookie": "a=b"}
ITEM = {"PurchaseOrderItem": "10", "OrderQuantity": "2", "NetPriceAmount": "1.50"}


def asked(url: str, method: str = "GET", body: Any = None, **without: str) -> list[str]:
    path, _, query = url.partition("?")
    content = json.dumps(body).encode() if body is not None else b""
    return findings(Request(method, f"/sap/opu/odata/sap/{path}", query.replace(" ", "%20"), JSON | without, content))


@pytest.mark.parametrize(
    ("url", "method", "body"),
    [
        (f"{ORDERS}/", "GET", None),
        (f"{INVOICES}/$metadata", "GET", None),
        (
            f"{ORDERS}/A_PurchaseOrder?$filter=(CompanyCode eq '1710') and (LastChangeDateTime ge "
            "datetimeoffset'2026-10-01T00:00:00.000Z')&$expand=to_PurchaseOrderItem/to_ScheduleLine&$orderby=PurchaseOrder"
            "&$select=PurchaseOrder,to_PurchaseOrderItem/Plant&$inlinecount=allpages&sap-client=100",
            "GET",
            None,
        ),
        (f"{ORDERS}/A_PurchaseOrder?%24skiptoken=1000&$skiptoken=2000", "GET", None),
        (f"{ORDERS}/A_PurchaseOrderItem(PurchaseOrder='45',PurchaseOrderItem='10')", "GET", None),
        (f"{PARTNERS}/A_BusinessPartner?$filter=LastChangeDate ge datetime'2026-10-01T00:00:00'", "GET", None),
        (
            f"{ORDERS}/A_PurchaseOrder?sap-client=100",
            "POST",
            {"Supplier": "1", "PurchaseOrderDate": "/Date(0)/", "to_PurchaseOrderItem": [ITEM]},
        ),
    ],
)
def test_what_is_right(url: str, method: str, body: Any) -> None:
    assert asked(url, method, body) == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("API_PRODUCT_SRV/A_Product", "there is no service"),
        (f"{ORDERS}/A_Order", "has no 'A_Order'"),
        (f"{ORDERS}/A_PurchaseOrder?$filter=Vendor eq '1'", "A_PurchaseOrderType has no property 'Vendor'"),
        (f"{ORDERS}/A_PurchaseOrder?$filter=LastChangeDateTime ge '2026-10-01'", "which is no Edm.DateTimeOffset"),
        (
            f"{ORDERS}/A_PurchaseOrder?$filter=LastChangeDateTime ge datetime'2026-10-01T00:00:00'",
            "no Edm.DateTimeOffset",
        ),
        (f"{INVOICES}/A_SupplierInvoice?$filter=IsReversed eq true", "IsReversed is not filterable"),
        (f"{ORDERS}/A_PurchaseOrder?$expand=to_Item", "has nothing called 'to_Item'"),
        (f"{ORDERS}/A_PurchaseOrder?$select=to_PurchaseOrderItem/Plant", "selected, but not expanded"),
        (f"{ORDERS}/A_PurchaseOrder?$orderby=Total", "has no property 'Total'"),
        (f"{ORDERS}/A_PurchaseOrder?$count=true", "no query option '$count'"),
        (f"{ORDERS}/A_PurchaseOrder(45)", "in the key of A_PurchaseOrderType is no Edm.String"),
    ],
)
def test_a_wrong_url(url: str, found: str) -> None:
    assert found in " ".join(asked(url))


@pytest.mark.parametrize(
    ("member", "value", "found"),
    [
        ("Total", "1", "has no property 'Total'"),
        ("PurchasingProcessingStatus", "02", "is not creatable"),
        ("CorrespncExternalReference", "AR12345678901", "has 13 characters, at most 12"),
        ("PurchaseOrderDate", "2026-10-01", "which is no Edm.DateTime"),
        ("CashDiscount1Days", 3, "which is no Edm.Decimal"),
        ("CashDiscount1Days", "30000", "does not fit into 3 digits"),
        ("ExchangeRateIsFixed", "true", "which is no Edm.Boolean"),
        ("to_PurchaseOrderItem", ITEM, "is no list"),
        ("to_PurchaseOrderItem", [ITEM | {"OrderQuantity": "1.2345"}], "OrderQuantity is 1.2345, which does not fit"),
    ],
)
def test_a_wrong_body(member: str, value: Any, found: str) -> None:
    assert found in " ".join(asked(f"{ORDERS}/A_PurchaseOrder", "POST", {member: value}))


def test_what_else_is_wrong_with_a_write() -> None:
    assert asked("API_COSTCENTER_SRV/A_CostCenter", "POST", {}) == ["POST of a whole list"]
    assert asked(f"{ORDERS}/A_PurchaseOrder('45')", "PATCH", {}) == ["PATCH of one"]
    assert asked(f"{ORDERS}/A_PurchaseOrder", "POST", {}, cookie="") == ["the header cookie is missing"]
    assert asked(f"{ORDERS}/A_PurchaseOrder", accept="*/*") == [
        "it would be answered in Atom: neither Accept nor $format says JSON"
    ]


@pytest.mark.parametrize(
    ("headers", "body", "found"),
    [
        ({"authorization": "Basic eDp5"}, "grant_type=client_credentials&scope=API", []),
        ({}, "grant_type=client_credentials", ["the client is not named in the header"]),
        (
            {"authorization": "Basic eDp5"},
            "grant_type=client_credentials&client_id=x",
            ["the form has client_id, grant_type"],
        ),
    ],
)
def test_a_request_for_a_token(headers: dict[str, str], body: str, found: list[str]) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert findings(Request("POST", "/sap/bc/sec/oauth2/token", "", form | headers, body.encode())) == found
