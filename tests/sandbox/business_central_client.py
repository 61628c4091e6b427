"""A plain client and a small company for the tests of the sandbox's Business Central."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import simplejson
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox.serve import running

SCOPE = "https://api.businesscentral.dynamics.com/.default"
FORM = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "secret", "scope": SCOPE}
DEPARTMENTS = [{"code": "HVAC", "displayName": "Heating"}, {"code": "PLUMB", "displayName": "Plumbing"}]


def account(number: str, category: str, **rest: Any) -> dict[str, Any]:
    return {"number": number, "displayName": f"Account {number}", "category": category, "directPosting": True, **rest}


def seed(**changes: Any) -> dict[str, Any]:
    return {
        "company": {"name": "Northwind"},
        "setup": {
            "allowPostingFrom": "2026-01-01",
            "allowPostingTo": "2026-12-31",
            "localCurrencyCode": "USD",
            "shortcutDimension1Code": "DEPARTMENT",
        },
        "receivables_account": "10300",
        "accounts": [
            account("10100", "Assets"),
            account("10300", "Assets", directPosting=False),
            account("23110", "Liabilities"),
            account("40100", "Income"),
            account("40200", "Income"),
            account("49999", "Income", accountType="Total"),
        ],
        "dimensions": [
            {"code": "DEPARTMENT", "displayName": "Department", "values": DEPARTMENTS},
            {"code": "PROJECT", "displayName": "Project", "values": [{"code": "P1"}, {"code": "P2"}]},
        ],
        "dimension_defaults": [{"table": "Customer", "number": "PROJ", "dimension": "PROJECT", "value": "P1"}],
        "customers": [
            {"number": "C1", "displayName": "O'Hara & Sons", "city": "Oslo"},
            {"number": "C2", "displayName": "Blocked", "blocked": "All"},
            {"number": "C3", "displayName": "No group", "_missing_posting_group": True},
            {"number": "TAX", "displayName": "Taxed", "taxLiable": True},
            {"number": "PROJ", "displayName": "With a project"},
        ],
        "items": [{"number": "PART", "displayName": "A part", "type": "Inventory", "unitPrice": Decimal("9.99")}],
        "paymentTerms": [{"code": "30 DAYS", "displayName": "Net 30", "dueDateCalculation": "30D"}],
        "taxGroups": [
            {"code": "TAXABLE", "_percent": Decimal("10.25")},
            {"code": "NONTAXABLE", "_percent": Decimal(0)},
        ],
        "currencies": [{"code": "EUR", "displayName": "Euro"}],
        "journals": [
            {"code": "STPAY", "displayName": "Payments", "balancingAccountNumber": "10100"},
            {"code": "LOOSE", "displayName": "Without a balancing account"},
        ],
        **changes,
    }


class Client:
    """The API of the one company, as JSON with exact decimals."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=20)
        self.base = "/v2.0/demo-tenant/production/api/v2.0"
        self.http.headers["Authorization"] = "Bearer " + self.token().json()["access_token"]
        self.company = f"{self.base}/companies({self.http.get(self.base + '/companies').json()['value'][0]['id']})"

    def token(self, path: str = "/token", **changes: str) -> httpx.Response:
        return self.http.post(path, data=FORM | changes)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = None if body is None else simplejson.dumps(body, use_decimal=True)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith(("/", "http")) else f"{self.company}/{path}"
        return self.http.request(method, url, content=content, headers=names)

    def get(self, path: str, **headers: str) -> dict[str, Any]:
        return ok(self.send("GET", path, **headers))

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        return list(self.get(path, **headers)["value"])

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        return ok(self.send("POST", path, body))

    def patch(self, path: str, body: Any, etag: str = "*") -> dict[str, Any]:
        return ok(self.send("PATCH", path, body, If_Match=etag))

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        """`status code: text` of a refusal, without its correlation id."""
        reply = self.send(method, path, body, **headers)
        assert reply.status_code >= 400, reply.text
        error = reply.json()["error"]
        text, separator, _ = error["message"].partition("  CorrelationId:  ")
        assert separator
        return f"{reply.status_code} {error['code']}: {text}"

    def control(self, name: str, body: Any) -> dict[str, Any]:
        return ok(self.send("POST", f"/_control/business_central/{name}", body))

    def state(self) -> dict[str, Any]:
        return ok(self.send("GET", "/_control/business_central/state"))

    def id_of(self, set_name: str, field: str, value: str) -> str:
        return str(self.rows(f"{set_name}?$filter={field} eq '{value}'")[0]["id"])

    def invoice(self, key: str = "ST-A-INV-1", *amounts: str, customer: str = "C1", **rest: Any) -> dict[str, Any]:
        """A draft with one account line per amount."""
        lines = [line(amount) for amount in amounts or ("100.00",)]
        dates = {"invoiceDate": "2026-03-01", "postingDate": "2026-03-01"}
        body = {"customerNumber": customer, "externalDocumentNumber": key, **dates, "salesInvoiceLines": lines, **rest}
        return self.post("salesInvoices", body)

    def posted(self, key: str = "ST-A-INV-1", *amounts: str, **rest: Any) -> dict[str, Any]:
        draft = self.invoice(key, *amounts, **rest)
        self.post(f"salesInvoices({draft['id']})/Microsoft.NAV.post")
        return self.get(f"salesInvoices({draft['id']})")

    def payment(self, number: str, amount: str, *, batch: str = "STPAY", **rest: Any) -> dict[str, Any]:
        journal = self.id_of("customerPaymentJournals", "code", batch)
        body = {
            "customerNumber": "C1",
            "postingDate": "2026-03-05",
            "documentNumber": number,
            "amount": Decimal(amount),
        }
        return self.post(f"customerPaymentJournals({journal})/customerPayments", body | rest)

    def post_batch(self, batch: str = "STPAY") -> str:
        return f"journals({self.id_of('customerPaymentJournals', 'code', batch)})/Microsoft.NAV.post"


@contextmanager
def connected(app: ASGIApp) -> Iterator[Client]:
    with running(app) as url:
        client = Client(url)
        try:
            yield client
        finally:
            client.http.close()


def ok(reply: httpx.Response) -> dict[str, Any]:
    assert reply.is_success, f"{reply.status_code} {reply.text}"
    found: dict[str, Any] = simplejson.loads(reply.text, use_decimal=True) if reply.text else {}
    return found


def line(amount: str, **rest: Any) -> dict[str, Any]:
    named = {"lineType": "Account", "lineObjectNumber": "40100"}
    return {**named, "description": "Work", "quantity": 1, "unitPrice": Decimal(amount), **rest}
