"""A plain client and a small company for the tests of the sandbox's SAP Business One."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import simplejson

from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_business_one import sap_business_one_app
from st_erp_pipelines.sandbox.serve import running

LOGIN = {"CompanyDB": "SBO_TEST", "UserName": "manager", "Password": "right"}
CONTROL, REVENUE, TAX, BANK = "_SYS01", "_SYS02", "_SYS03", "_SYS04"


def seed(**changes: Any) -> dict[str, Any]:
    return {
        "company": {"name": "Northwind"},
        "receivables_account": CONTROL,
        "tax_account": TAX,
        "cash_account": BANK,
        "check_account": BANK,
        "payment_terms": 1,
        "banks": ["B1"],
        "ChartOfAccounts": [
            {"Code": CONTROL, "FormatCode": "10300", "LockManualTransaction": "tYES"},
            {"Code": REVENUE, "FormatCode": "40100", "AccountType": "at_Revenues"},
            {"Code": TAX, "FormatCode": "23110"},
            {"Code": BANK, "FormatCode": "10100", "CashAccount": "tYES"},
            {"Code": "TITLE", "ActiveAccount": "tNO"},
            {"Code": "FROZEN", "FrozenFor": "tYES"},
        ],
        "SalesTaxCodes": [{"Code": "TX", "Rate": Decimal("8.25")}, {"Code": "EX", "Rate": 0}],
        "VatGroups": [{"Code": "O1", "TaxAccount": TAX, "VatGroups_Lines": [{"Rate": 19}]}],
        "PaymentTermsTypes": [{"GroupNumber": 1, "NumberOfAdditionalDays": 30}],
        "BusinessPartnerGroups": [{"Code": 100, "Name": "Customers"}],
        "Currencies": [{"Code": "USD"}, {"Code": "EUR"}],
        "CreditCards": [{"CreditCardCode": 1, "GLAccount": BANK}],
        "Items": [{"ItemCode": "PART", "ItemName": "A part", "IncomeAccount": REVENUE}],
        "ProfitCenters": [{"CenterCode": "HVAC"}],
        "DistributionRules": [{"FactorCode": "HVAC"}, {"FactorCode": "SECOND", "InWhichDimension": 2}],
        "Projects": [{"Code": "P1"}, {"Code": "OLD", "Active": "tNO"}],
        "UserFieldsMD": [{"TableName": table, "Name": "STKey", "Size": 50} for table in ("OINV", "ORCT")],
        "UserTablesMD": [{"TableName": "ST_POSTLOG"}],
        "BusinessPartners": [
            {"CardCode": "C1", "CardName": "O'Hara & Sons"},
            {"CardCode": "C2", "CardName": "Frozen", "Frozen": "tYES", "Valid": "tNO"},
            {"CardCode": "C3", "CardName": "Another"},
        ],
        "periods": [
            {"from": "2026-01-01", "to": "2026-01-31", "status": "ltLocked"},
            {"from": "2026-02-01", "to": "2026-02-28", "status": "ltUnlockedExceptSales"},
            {"from": "2026-03-01", "to": "2030-12-31"},
        ],
        **changes,
    }


class Client:
    """One session of the one company, as JSON with exact decimals."""

    def __init__(self, url: str, version: str = "v2") -> None:
        self.http = httpx.Client(base_url=url, timeout=20)
        self.base = f"/b1s/{version}/"
        self.others: list[Client] = []

    def another(self) -> Client:
        """Somebody else, without a session; closed with this one."""
        self.others.append(Client(str(self.http.base_url)))
        return self.others[-1]

    def login(self, **changes: Any) -> httpx.Response:
        """With cookies spelled out: B1SESSION has no Path, and a jar may lose it."""
        reply = self.http.post(self.base + "Login", json=LOGIN | changes)
        self.http.cookies.clear()
        if reply.is_success:
            cookies = [cookie.partition(";")[0] for cookie in reply.headers.get_list("set-cookie")]
            self.http.headers["Cookie"] = "; ".join(cookies)
        return reply

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = None if body is None else simplejson.dumps(body, use_decimal=True)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(
            method, path if path.startswith("/") else self.base + path, content=content, headers=names
        )

    def get(self, path: str, **headers: str) -> dict[str, Any]:
        return ok(self.send("GET", path, **headers))

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        return list(self.get(path, **headers)["value"])

    def post(self, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        return ok(self.send("POST", path, body, **headers))

    def patch(self, path: str, body: Any, **headers: str) -> None:
        assert self.send("PATCH", path, body, **headers).status_code == 204

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        """`status code: text` of a refusal, from either form of it."""
        reply = self.send(method, path, body, **headers)
        assert reply.status_code >= 400, reply.text
        error = reply.json()["error"]
        text = error["message"] if isinstance(error["message"], str) else error["message"]["value"]
        return f"{reply.status_code} {error['code']}: {text}"

    def control(self, name: str, body: Any) -> dict[str, Any]:
        return ok(self.send("POST", f"/_control/sap_business_one/{name}", body))

    def state(self) -> dict[str, Any]:
        return ok(self.send("GET", "/_control/sap_business_one/state"))

    def invoice(self, key: str = "ST-INV-1", *amounts: str, **rest: Any) -> dict[str, Any]:
        return self.post("Invoices", document(key, *amounts, **rest))

    def payment(self, amount: str, *invoices: tuple[int, str], **rest: Any) -> dict[str, Any]:
        return self.post("IncomingPayments", payment(amount, *invoices, **rest))


def document(key: str, *amounts: str, **rest: Any) -> dict[str, Any]:
    """A service document with one untaxed line per amount."""
    lines = [line(amount) for amount in amounts or ("100.00",)]
    header = {"CardCode": "C1", "DocType": "dDocument_Service", "DocDate": "2026-03-05", "NumAtCard": key}
    return {**header, "DocumentLines": lines, **rest}


def line(amount: str, **rest: Any) -> dict[str, Any]:
    return {"ItemDescription": "Work", "AccountCode": REVENUE, "LineTotal": Decimal(amount), "TaxCode": "EX", **rest}


def payment(amount: str, *invoices: tuple[int, str], **rest: Any) -> dict[str, Any]:
    transfer = {"TransferSum": Decimal(amount), "TransferAccount": BANK, "TransferDate": "2026-03-06"}
    applied = [{"DocEntry": entry, "SumApplied": Decimal(paid)} for entry, paid in invoices]
    return {"CardCode": "C1", "DocDate": "2026-03-06", **transfer, "PaymentInvoices": applied, **rest}


@contextmanager
def connected(*, version: str = "v2", company: dict[str, Any] | None = None, **options: Any) -> Iterator[Client]:
    known: dict[str, Any] = {"database": "SBO_TEST", "user": "manager", "password": "right"}
    speed = options.pop("speed", 1000.0)
    options = known | {"faults": Faults(speed=speed), "session_minutes": 10_000} | options
    with running(sap_business_one_app(company or seed(), speed=speed, **options)) as url:
        client = Client(url, version)
        client.login()
        try:
            yield client
        finally:
            for each in (client, *client.others):
                each.http.close()


def ok(reply: httpx.Response) -> dict[str, Any]:
    assert reply.is_success, f"{reply.status_code} {reply.text}"
    found: dict[str, Any] = simplejson.loads(reply.text, use_decimal=True) if reply.text else {}
    return found
