"""What documents name: accounts, tax codes, currencies. Read once per run, before anything is sent.

An error found here is worth more than the server's: its texts for accounts are not published, and an invoice whose
tax comes out otherwise would stand before anybody knew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.sap_business_one.client import BusinessOne, Row, day
from st_erp_pipelines.resources.sap_business_one.replies import SYSTEM

TaxField = Literal["TaxCode", "VatGroup"]  # of sales-tax countries (US, Canada, ...), and of the others
CENT = Decimal("0.01")
ACCOUNT = ("Code", "FormatCode", "ActiveAccount", "LockManualTransaction", "FrozenFor", "FrozenFrom", "FrozenTo")


class Accounts:
    """Mapping tables may give the code or, where the chart is segmented, what people see; documents need the code."""

    def __init__(self, client: BusinessOne) -> None:
        rows = client.rows("ChartOfAccounts", key="Code", operation="list accounts", select=ACCOUNT)
        self._rows = {row["FormatCode"]: row for row in rows if row.get("FormatCode")} | {r["Code"]: r for r in rows}

    def code(self, number: str, document: str) -> str:
        row = self._rows.get(number.strip())
        if row is None:
            fix = "Create the account there, or map to another one."
            raise refused(f"there is no account {number}", "unknown_account", document, fix, retry_daily=True)
        if why := _closed(row):
            fix = "Change that account there, or map to another one."
            raise refused(f"account {number} {why}", "blocked_account", document, fix, retry_daily=True)
        return str(row["Code"])


class TaxCodes:
    def __init__(self, client: BusinessOne, field: TaxField) -> None:
        self.field = field
        path, rates = {"TaxCode": ("SalesTaxCodes", "Rate"), "VatGroup": ("VatGroups", "VatGroups_Lines")}[field]
        rows = client.rows(path, key="Code", operation="list tax codes", select=("Code", rates))
        self._rates = {row["Code"]: _rates(row[rates]) for row in rows}

    def totals(self, lines: Iterable[Mapping[str, Any]], on: date, document: str) -> set[Decimal]:
        """What the server may make of these lines: it rounds tax by line or by code. Empty where it chooses a code."""
        net, taxes, by_code = Decimal(0), Decimal(0), defaultdict[str, Decimal](Decimal)
        for line in lines:
            amount, code = Decimal(line["amount"]), line.get("tax_code") or ""
            if not code:
                return set()
            net += amount
            taxes += _tax(amount, self._rate(code, on, document))
            by_code[code] += amount
        return {
            net + taxes,
            net + sum(_tax(amount, self._rate(code, on, document)) for code, amount in by_code.items()),
        }

    def _rate(self, code: str, on: date, document: str) -> Decimal:
        if code not in self._rates:
            fix = "Create the tax code there, or correct the mapping of tax codes."
            raise refused(f"there is no tax code {code}", "unknown_tax_code", document, fix, retry_daily=True)
        return max(((since, rate) for since, rate in self._rates[code] if since <= on), default=(on, Decimal(0)))[1]


class Currencies:
    """Each company has codes of its own, `$` perhaps, beside those that the world knows."""

    def __init__(self, client: BusinessOne) -> None:
        select = ("Code", "DocumentsCode")
        rows = client.rows("Currencies", key="Code", operation="list currencies", select=select)
        self._known_as = {row["Code"]: row["DocumentsCode"] or row["Code"] for row in rows}

    def code(self, currency: str, document: str) -> str:
        """Empty for the company's own."""
        for code, known_as in self._known_as.items():
            if currency and currency in (code, known_as):
                return str(code)
        if not currency:
            return ""
        fix = "Create the currency there, with its international code."
        raise refused(f"there is no currency {currency}", "unknown_currency", document, fix, retry_daily=True)

    def known_as(self, code: str) -> str:
        return str(self._known_as.get(code, code))


def _rates(said: Any) -> list[tuple[date, Decimal]]:
    """Percent, with the day from which it holds."""
    if isinstance(said, list):
        return [(day(each["Effectivefrom"]) or date.min, Decimal(str(each["Rate"] or 0))) for each in said]
    return [(date.min, Decimal(str(said or 0)))]


def _tax(amount: Decimal, percent: Decimal) -> Decimal:
    return (amount * percent / 100).quantize(CENT, ROUND_HALF_UP)


def _closed(account: Row) -> str:
    if account["ActiveAccount"] == "tNO":
        return "is a title, or not active"
    if account["LockManualTransaction"] == "tYES":
        return "is a control account"
    if account["FrozenFor"] == "tYES" and not account["FrozenFrom"] and not account["FrozenTo"]:
        return "is frozen"
    return ""


def refused(text: str, cause: str, document: str, fix: str, retry_daily: bool = False) -> Rejected:
    """By ourselves: nothing was sent."""
    facts: dict[str, Any] = dict(system=SYSTEM, operation="check document", document=document)
    return Rejected(text, cause=cause, fix=fix, retry_daily=retry_daily, **facts)
