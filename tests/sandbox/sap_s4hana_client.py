"""A plain client and a small company for the tests of the sandbox's SAP S/4HANA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx

from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_s4hana import sap_s4hana_app
from st_erp_pipelines.sandbox.serve import running

ORDERS, REQUISITIONS = "API_PURCHASEORDER_PROCESS_SRV", "API_PURCHASEREQ_PROCESS_SRV"
INVOICES, PARTNERS = "API_SUPPLIERINVOICE_PROCESS_SRV", "API_BUSINESS_PARTNER"
COST_CENTERS = "API_COSTCENTER_SRV"
LOGIN = {"user": "COMM", "password": "right", "client_id": "client", "client_secret": "secret"}
FOREVER = date(9999, 12, 31)
SUPPLIER, BLOCKED, ELSEWHERE = "17300001", "17300002", "17300003"


def seed(**changes: Any) -> dict[str, Any]:
    return {
        "order_types": ["NB", "ZREC"],
        "materials": {"COPPER-15": {"text": "Copper pipe 15 mm", "unit": "FT", "group": "L001"}},
        "gl_accounts": ["61010000"],
        "reconciliation_accounts": ["21100000"],
        "tax_codes": ["I1"],
        "payment_terms": ["NT30"],
        "groupings": ["BP02"],
        "A_BusinessPartner": [
            partner(SUPPLIER, "O'Hara & Sons", LastChangeDate=date(2026, 10, 2)),
            partner(BLOCKED, "Blocked", to_Supplier=as_supplier(PurchasingIsBlocked=True)),
            partner(ELSEWHERE, "Of another organization", to_Supplier=as_supplier("9999")),
            partner("17300009", "No supplier", to_Supplier=None),
        ],
        "A_CostCenter": [
            cost_center("17101101", ValidityStartDate=date(2025, 1, 1)),
            cost_center("17101102", ValidityEndDate=date(2025, 12, 31)),
            cost_center("17101102", ValidityStartDate=date(2026, 1, 1), Department="NEW"),
            cost_center("17101103", IsBlkdForPrimaryCostsPosting="X"),
            cost_center("17101104", ValidityEndDate=date(2025, 12, 31)),
        ],
        "A_PurchaseOrder": [order(at) for at in range(1, 6)],
        "A_PurchaseRequisitionHeader": [
            {
                "PurchaseRequisition": "10000001",
                "PurchaseRequisitionType": "NB",
                "to_PurchaseReqnItem": [requested()] * 2,
            },
        ],
        "A_SupplierInvoice": [
            {
                "SupplierInvoice": "5105600001",
                "FiscalYear": "2026",
                "CompanyCode": "1710",
                "CreationDate": date(2026, 10, 5),
                "SupplierInvoiceIDByInvcgParty": "INV-77",
                "InvoicingParty": SUPPLIER,
                "DocumentCurrency": "USD",
                "InvoiceGrossAmount": Decimal("110.00"),
                "to_SuplrInvcItemPurOrdRef": [
                    {
                        "PurchaseOrder": "4500000001",
                        "PurchaseOrderItem": "10",
                        "SupplierInvoiceItemAmount": Decimal("100.00"),
                        "QuantityInPurchaseOrderUnit": Decimal(10),
                        "to_SupplierInvoiceItmAcctAssgmt": [{"CostCenter": "17101101"}],
                    }
                ],
                "to_SupplierInvoiceTax": [{"TaxCode": "I1", "TaxAmount": Decimal("10.00")}],
            }
        ],
        **changes,
    }


def partner(number: str, name: str, **rest: Any) -> dict[str, Any]:
    address: dict[str, Any] = {
        "StreetName": "Main Street",
        "HouseNumber": "1",
        "CityName": "Austin",
        "Region": "TX",
        "Country": "US",
    }
    address |= {"PostalCode": "78701", "to_EmailAddress": [{"EmailAddress": "orders@example.com"}]}
    row: dict[str, Any] = {"BusinessPartner": number, "OrganizationBPName1": name, "BusinessPartnerGrouping": "BP02"}
    row |= {"CreationDate": date(2020, 3, 1), "to_BusinessPartnerAddress": [address]}
    row["to_BusinessPartnerRole"] = [{"BusinessPartnerRole": "FLVN00"}, {"BusinessPartnerRole": "FLVN01"}]
    return row | {"to_Supplier": as_supplier(), **rest}


def as_supplier(organization: str = "1710", **rest: Any) -> dict[str, Any]:
    return {
        "to_SupplierCompany": [{"CompanyCode": "1710", "ReconciliationAccount": "21100000", "PaymentTerms": "NT30"}],
        "to_SupplierPurchasingOrg": [{"PurchasingOrganization": organization, "PurchaseOrderCurrency": "USD"}],
        **rest,
    }


def cost_center(number: str, **rest: Any) -> dict[str, Any]:
    text = {"Language": "EN", "CostCenterName": f"Center {number[-3:]}"}
    return {"ControllingArea": "A000", "CostCenter": number, "CompanyCode": "1710", "to_Text": [text], **rest}


def order(at: int) -> dict[str, Any]:
    item = {
        "PurchaseOrderItemText": f"Part {at}",
        "Plant": "1710",
        "MaterialGroup": "L001",
        "OrderQuantity": Decimal("10.5"),
        "PurchaseOrderQuantityUnit": "EA",
        "NetPriceAmount": Decimal("10.00"),
        "AccountAssignmentCategory": "K",
        "to_AccountAssignment": [{"GLAccount": "61010000", "CostCenter": "17101101"}],
    }
    head = {"PurchaseOrder": f"450000000{at}", "PurchaseOrderType": "NB", "CompanyCode": "1710", "Supplier": SUPPLIER}
    head |= {"PurchasingOrganization": "1710", "PurchasingGroup": "001", "DocumentCurrency": "USD"}
    stamp = datetime(2026, 10, at, 9, 0, 0, 123456, UTC)
    return head | {
        "PurchaseOrderDate": date(2026, 10, at),
        "LastChangeDateTime": stamp,
        "to_PurchaseOrderItem": [item, item],
    }


def requested() -> dict[str, Any]:
    return {
        "PurchaseRequisitionItemText": "Filter",
        "MaterialGroup": "L001",
        "RequestedQuantity": Decimal(4),
        "BaseUnit": "EA",
        "PurchaseRequisitionPrice": Decimal("2.50"),
        "Plant": "1710",
        "CompanyCode": "1710",
        "PurchasingOrganization": "1710",
        "PurchasingGroup": "001",
        "CreationDate": date(2026, 10, 1),
        "DeliveryDate": date(2026, 10, 20),
        "FixedSupplier": SUPPLIER,
        "AccountAssignmentCategory": "K",
        "to_PurchaseReqnAcctAssgmt": [{"GLAccount": "61010000", "CostCenter": "17101101"}],
    }


def new_order(*items: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """The body of an order, as a client sends it."""
    head = {
        "PurchaseOrderType": "NB",
        "CompanyCode": "1710",
        "PurchasingOrganization": "1710",
        "PurchasingGroup": "001",
    }
    head |= {"Supplier": SUPPLIER, "DocumentCurrency": "USD", "PurchaseOrderDate": "2026-10-07T00:00:00"}
    return head | {"to_PurchaseOrderItem": list(items) or [new_item()], **rest}


def new_item(**rest: Any) -> dict[str, Any]:
    return {
        "PurchaseOrderItemText": "Filter",
        "Plant": "1710",
        "MaterialGroup": "L001",
        "OrderQuantity": "3",
        "PurchaseOrderQuantityUnit": "EA",
        "NetPriceAmount": "12.50",
        "NetPriceQuantity": "1",
        "AccountAssignmentCategory": "K",
        "to_AccountAssignment": [{"GLAccount": "61010000", "CostCenter": "17101101"}],
        **rest,
    }


def new_requisition(*items: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"PurchaseRequisitionType": "NB", "to_PurchaseReqnItem": list(items) or [new_requested()], **rest}


def new_requested(**rest: Any) -> dict[str, Any]:
    row = requested() | {"RequestedQuantity": "4", "PurchaseRequisitionPrice": "2.50"}
    row |= {"CreationDate": None, "DeliveryDate": "/Date(1792454400000)/", "PurReqnExternalReference": "AR17"}
    return row | rest


def new_partner(**rest: Any) -> dict[str, Any]:
    body = partner("", "New & Co", BusinessPartnerIDByExtSystem="ST-A-V-9", BusinessPartnerCategory="2", **rest)
    return {name: value for name, value in body.items() if name not in ("BusinessPartner", "CreationDate")}


class Client:
    """One client with a cookie jar, that asks for JSON and has a CSRF token for its writes."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, timeout=20, auth=("COMM", "right"), headers={"Accept": "application/json"}
        )
        self.token = ""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """`path` begins with the service."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith(("/", "http")) else f"/sap/opu/odata/sap/{path}"
        return self.http.request(method, url, json=body, headers=names)

    def get(self, path: str) -> Any:
        return ok(self.send("GET", path))["d"]

    def rows(self, path: str) -> list[dict[str, Any]]:
        return list(self.get(path)["results"])

    def fetch(self) -> None:
        reply = self.send("HEAD", f"{ORDERS}/", x_csrf_token="Fetch")
        self.token = reply.headers["x-csrf-token"]

    def write(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        if not self.token:
            self.fetch()
        return self.send(method, path, body, x_csrf_token=self.token, **headers)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return dict(ok(self.write("POST", path, body))["d"])

    def patch(self, path: str, body: Any, if_match: str = "*") -> None:
        reply = self.write("PATCH", path, body, if_match=if_match)
        assert reply.status_code == 204, reply.text

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        reply = (self.send if method == "GET" else self.write)(method, path, body, **headers)
        assert reply.status_code >= 400, reply.text
        error = reply.json()["error"]
        assert error["innererror"]["errordetails"][0]["message"] == error["message"]["value"]
        return f"{reply.status_code} {error['code']}: {error['message']['value']}"

    def control(self, name: str, body: Any) -> Any:
        return ok(self.http.post(f"/_control/sap_s4hana/{name}", json=body))

    def state(self) -> dict[str, Any]:
        return ok(self.http.get("/_control/sap_s4hana/state"))


@contextmanager
def connected(company: dict[str, Any] | None = None, **options: Any) -> Iterator[Client]:
    speed = options.pop("speed", 1000.0)
    known: dict[str, Any] = {"faults": Faults(speed=speed), "session_minutes": 10_000} | LOGIN | options
    with running(sap_s4hana_app(company or seed(), speed=speed, **known)) as url:
        client = Client(url)
        try:
            yield client
        finally:
            client.http.close()


def ok(reply: httpx.Response) -> dict[str, Any]:
    assert reply.is_success, f"{reply.status_code} {reply.text}"
    found: dict[str, Any] = reply.json() if reply.text else {}
    return found
