"""The ERPs of the sandbox in common words: what stands there, and what people do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import httpx
import simplejson

from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.sandbox.sap_business_one_contractor import planted_there

READS = {"GET", "HEAD"}


@dataclass(frozen=True)
class Sale:
    """`is_open`: nothing was applied to it."""

    number: str
    total: Decimal
    is_open: bool
    party: str


@dataclass(frozen=True)
class Erp:
    """One server, and who works on it."""

    url: str
    kind: ClassVar[str]
    department: ClassVar[str]  # what the dimension of business units is called in mappings
    signs_in: ClassVar[str]  # the end of its path
    asks: ClassVar[tuple[str, ...]]  # POST, and yet nothing is changed
    invoices: ClassVar[str]  # in the path of all that sends one
    posts_by: ClassVar[str]  # of what makes it final

    def does(self, action: str, **asked: Any) -> None:
        reply = httpx.post(f"{self.url}/_control/{self.kind}/{action}", content=simplejson.dumps(asked, default=str))
        assert reply.is_success, reply.text

    def state(self) -> dict[str, Any]:
        """All that the company holds, with exact amounts."""
        reply = httpx.get(f"{self.url}/_control/{self.kind}/state", timeout=30)
        found: dict[str, Any] = simplejson.loads(reply.text, use_decimal=True)
        return found

    def sales(self) -> dict[str, list[Sale]]:
        """What carries a key of ours, by key: more than one is a duplicate."""
        found: dict[str, list[Sale]] = {}
        for key, sale in self._sales(self.state()):
            if key.startswith("ST-"):
                found.setdefault(key, []).append(sale)
        return found

    def _sales(self, state: dict[str, Any]) -> Iterator[tuple[str, Sale]]:
        raise NotImplementedError

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        """Every request that it has seen, with what came of it."""
        entries: list[dict[str, Any]] = httpx.get(
            f"{self.url}/_control/log", params={"since": since}, timeout=30
        ).json()
        return entries

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """What it was asked to change."""
        asked = [entry for entry in self.log(since) if entry["method"] not in READS]
        return [entry for entry in asked if not any(each in entry["path"] for each in self.asks)]

    def sign_ins(self) -> int:
        return sum(entry["path"].endswith(self.signs_in) for entry in self.log())

    def posted(self) -> int:
        """How many sales were made final."""
        return sum(self.posts_by in entry["path"] and bool(entry["committed"]) for entry in self.writes())

    def planted(self, whole: Contractor) -> list[PlantedException]:
        """What goes wrong there."""
        return whole.exceptions

    def forgets_who_signed_in(self) -> None:
        self.does("set", expire_tokens=True, expire_sessions=True)

    def opens_books_on(self, day: date) -> None:
        """And closes them for what is before."""
        raise NotImplementedError

    @contextmanager
    def blocked(self, customer: str) -> Iterator[None]:
        raise NotImplementedError


class BusinessCentral(Erp):
    kind = "business_central"
    department = "DEPARTMENT"
    signs_in = "/token"
    asks = ("/token",)
    invoices = "/salesInvoices"
    posts_by = "Microsoft.NAV.post"

    def _sales(self, state: dict[str, Any]) -> Iterator[tuple[str, Sale]]:
        for row in (*state["salesInvoices"], *state["salesCreditMemos"]):
            total, is_open = row["totalAmountIncludingTax"], row["status"] == "Open"
            yield row["externalDocumentNumber"], Sale(row["number"], total, is_open, row["customerNumber"])

    def opens_books_on(self, day: date) -> None:
        self.does("set", setup={"allowPostingFrom": day.isoformat()})

    @contextmanager
    def blocked(self, customer: str) -> Iterator[None]:
        self.does("set", customers={customer: {"blocked": "All"}})
        yield
        self.does("set", customers={customer: {"blocked": "_x0020_"}})


class SapBusinessOne(Erp):
    kind = "sap_business_one"
    department = "1"
    signs_in = "/Login"
    asks = ("/Login", "/Logout", "/CompanyService_Get")
    invoices = posts_by = "/Invoices"

    def state(self) -> dict[str, Any]:
        return super().state() | {"sessions": 0}  # which come and go

    def planted(self, whole: Contractor) -> list[PlantedException]:
        return planted_there(whole)

    def _sales(self, state: dict[str, Any]) -> Iterator[tuple[str, Sale]]:
        for row in (*state["Invoices"], *state["CreditNotes"]):
            is_open = row["DocumentStatus"] == "bost_Open" and not row["PaidToDate"]
            yield row["NumAtCard"] or "", Sale(str(row["DocNum"]), row["DocTotal"], is_open, row["CardCode"])

    def opens_books_on(self, day: date) -> None:
        closed = {"from": "2000-01-01", "to": (day - timedelta(days=1)).isoformat(), "status": "ltLocked"}
        self.does("set", periods=[closed, {"from": day.isoformat(), "to": "2099-12-31"}])

    @contextmanager
    def blocked(self, customer: str) -> Iterator[None]:
        self.does("set", BusinessPartners={customer: {"Frozen": "tYES"}})
        yield
        self.does("set", BusinessPartners={customer: {"Frozen": "tNO"}})


class SapS4hana(Erp):
    """Which buys."""

    kind = "sap_s4hana"
    signs_in = "/token"
    asks = ("/token",)


class ServiceTitan(Erp):
    """Where an ERP buys, this is what is written to."""

    kind = "servicetitan"
    signs_in = "/token"
    asks = ("/token",)


ERPS: dict[str, type[Erp]] = {each.kind: each for each in (BusinessCentral, SapBusinessOne)}  # what is sold goes there
