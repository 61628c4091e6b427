"""A landing and a warehouse on disk, fed with page files as the servers send them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from st_erp_pipelines.staging.extract import SHAPES
from st_erp_pipelines.staging.landing import Landed, land
from st_erp_pipelines.staging.load import Loaded, load, load_all, open_books, prepare
from st_erp_pipelines.staging.warehouse import open_warehouse

TENANTS = {"servicetitan": "1001", "business_central": "1001"}
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


@dataclass
class Site:
    """One connection's landing and staging; `land` takes records (or raw bodies) and reads are a minute apart."""

    home: Path
    con: DuckDBPyConnection
    tenants: dict[str, str] = field(default_factory=lambda: TENANTS)
    reads: int = 0
    landed: list[Landed] = field(default_factory=list)

    def land(
        self, *bodies: list[dict[str, Any]] | str, entity: str = "invoices", part: str = "2026-10-02",
        system: str = "servicetitan",
    ) -> Landed:  # fmt: skip
        rows_member, key, modified = SHAPES[system]
        self.reads += 1
        pages = []
        for number, body in enumerate(bodies):
            page = self.home / f"read{self.reads}_page{number}.json"
            page.write_text(body if isinstance(body, str) else json.dumps({rows_member: body}), "utf-8")
            pages.append(page)
        done = land(
            pages, root=self.home / "landing", connection="acme", system=system, entity=entity, part=part,
            run_id=f"run{self.reads}", extracted_at=NOON + timedelta(minutes=self.reads), rows_member=rows_member,
            key_member=key, modified_member=modified,
        )  # fmt: skip
        self.landed.append(done)
        return done

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "root": self.home / "landing", "connection": "acme", "zone": "America/Chicago",
            "first_day": date(2026, 10, 1), "last_day": date(2026, 10, 5), "now": NOON + timedelta(hours=1),
        }  # fmt: skip

    def load(self, entity: str = "invoices", system: str = "servicetitan", **more: Any) -> Loaded:
        return load(self.con, system=system, entity=entity, tenants=self.tenants, **self.settings, **more)

    def rebuild(self, **more: Any) -> None:
        self.con.execute("drop schema if exists staging cascade; drop table if exists made_as")
        load_all(self.con, tenants=self.tenants, **self.settings, **more)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = self.rows(
            "select table_name from duckdb_tables() where schema_name = 'staging' and table_name <> 'loads'"
        )
        return {name: sorted(self.rows(f"from staging.{name}"), key=repr) for (name,) in tables}


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that holds nothing else: to copy, for making them takes a third of a second."""
    path = tmp_path_factory.mktemp("empty_tables") / "acme.duckdb"
    with open_warehouse(path) as con:
        prepare(con, TENANTS, zone="America/Chicago", first_day=NOON.date(), last_day=NOON.date(), now=NOON)
    return path


@pytest.fixture
def site(tmp_path: Path, empty_tables: Path) -> Iterator[Site]:
    path = tmp_path / "staging" / "acme.duckdb"
    path.parent.mkdir()
    shutil.copy(empty_tables, path)
    with open_warehouse(path) as con:
        open_books(con, "business_central")
        yield Site(tmp_path, con)


def invoice(id: int = 1, **changes: Any) -> dict[str, Any]:
    """As ServiceTitan's list gives it: money as strings, seven-digit fractions, midnight-Z dates."""
    return {
        "id": id, "syncStatus": "Posted", "referenceNumber": f"N{id}", "invoiceDate": "2026-10-02T00:00:00Z",
        "dueDate": "2026-11-01T00:00:00Z", "subTotal": "100.00", "salesTax": "8.25", "total": "108.25",
        "balance": "108.25", "discountTotal": "0.00", "taxZoneId": 5, "termName": "Net 30", "adjustmentToId": None,
        "summary": "<p>Replaced fan &amp; belt</p>", "active": True, "exportId": None,
        "createdOn": "2026-10-02T20:35:38.2876004Z", "modifiedOn": "2026-10-02T20:35:38.2876004Z",
        "customer": {"id": 7, "name": "Ödegård"}, "location": None, "businessUnit": {"id": 3, "name": "HVAC"},
        "job": None, "items": [item(id * 10)], "depositedOn": None, "paidOn": None,
    } | changes  # fmt: skip


def item(id: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "type": "Service", "skuName": "FAN", "description": "Fan motor", "quantity": "1.0000000",
        "price": "100.00", "total": "100.00", "taxable": True,
        "generalLedgerAccount": {"id": 1, "name": "Sales", "number": "4000", "type": "Income"},
        "businessUnit": {"id": 3, "name": "HVAC"},
    } | changes  # fmt: skip
