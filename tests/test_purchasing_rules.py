"""What must hold of purchasing whatever both sides do: from S/4HANA's sandbox to ServiceTitan's, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Document, Outbox, report
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources import sap_s4hana
from st_erp_pipelines.resources.servicetitan import connect
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.sap_s4hana import sap_s4hana_app
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.settings import Connection, Flows, SapS4hana, Secret, ServiceTitan
from tests.resources.purchasing_tenant import ADDRESS, BOOKS, OURS, PIPE, VALVE, Office
from tests.resources.sap_s4hana.conftest import Person
from tests.resources.wire import AnyPace
from tests.sandbox.servicetitan_client import tenant
from tests.world import build_and_post

pytestmark = pytest.mark.slow(10)  # all of it together
TODAY = datetime.now(UTC).date()
MIDNIGHT = f"{TODAY}T00:00:00Z"
ACME, ALIKE = "17300001", "17300002"
FIELD, OFFICE = "4500000001", "4500000002"  # an order of a type that the field receives; one that invoices receive
READ = {  # of what a sync reads, the lists in which there is something
    "sap_s4hana": ((), ("supplier_invoices", "purchase_orders", "suppliers")),
    "servicetitan": (("purchase_order_types", "warehouses"), ("receipts", "purchase_orders", "materials", "vendors")),
}
TABLES = {
    "order_types": "order_type,type_id,invoices\nNB,11,match_only\nZREC,11,receive\n",
    "plants": "plant,inventory_location_id,business_unit_id\n1710,31,21\n",
    "materials": f"material,sku_id\nPIPE,{PIPE}\nVALVE,{VALVE}\n",
    "cost_centers": "cost_center,business_unit_id\n",
}


def partner(number: str, name: str) -> dict[str, Any]:
    place = {"StreetName": "5 Elm St", "CityName": "Austin", "Region": "TX", "PostalCode": "78701", "Country": "US"}
    supplier = {
        "to_SupplierCompany": [{"CompanyCode": "1710"}],
        "to_SupplierPurchasingOrg": [{"PurchasingOrganization": "1710"}],
    }
    names = {"BusinessPartner": number, "OrganizationBPName1": name, "CreationDate": date(2024, 5, 1)}
    return names | {"to_BusinessPartnerAddress": [place], "to_Supplier": supplier}


def order(number: str, order_type: str) -> dict[str, Any]:
    lines = (("10", "PIPE", 10, "12.50"), ("20", "VALVE", 4, "30"))
    items = [
        {
            "PurchaseOrderItem": line, "Material": material, "PurchaseOrderItemText": material, "Plant": "1710",
            "OrderQuantity": quantity, "PurchaseOrderQuantityUnit": "EA", "NetPriceAmount": price,
        }
        for line, material, quantity, price in lines
    ]  # fmt: skip
    head = {"PurchaseOrder": number, "PurchaseOrderType": order_type, "CompanyCode": "1710", "Supplier": ACME}
    head |= {"PurchasingOrganization": "1710", "PurchasingGroup": "001", "DocumentCurrency": "USD"}
    return head | {"PurchaseOrderDate": TODAY, "to_PurchaseOrderItem": items}


def invoice(number: str, quantity: str, amount: str) -> dict[str, Any]:
    """Of the first line of the order that invoices receive."""
    item = {
        "PurchaseOrder": OFFICE, "PurchaseOrderItem": "10", "QuantityInPurchaseOrderUnit": quantity,
        "PurchaseOrderQuantityUnit": "EA", "SupplierInvoiceItemAmount": amount, "DocumentCurrency": "USD",
    }  # fmt: skip
    return {
        "SupplierInvoice": number, "FiscalYear": "2026", "CompanyCode": "1710", "InvoicingParty": ACME,
        "DocumentCurrency": "USD", "InvoiceGrossAmount": amount, "SupplierInvoiceIDByInvcgParty": f"V-{number}",
        **dict.fromkeys(("DocumentDate", "PostingDate", "CreationDate"), TODAY.isoformat()),
        "to_SuplrInvcItemPurOrdRef": [item],
    }  # fmt: skip


@dataclass(frozen=True)
class Site:
    """One connection, and who works on either side of it."""

    home: Path
    s4_url: str
    tenant: Office
    person: Person

    @property
    def connection(self) -> Connection:
        secrets = {"app_key": Secret("key"), "client_id": Secret("me"), "client_secret": Secret("mine")}
        post = {"mode": "post"}
        return Connection(
            name="harbor", key_prefix="A", time_zone="UTC", start_date=TODAY, go_live=TODAY, mappings=self.home,
            erp=SapS4hana(
                kind="sap_s4hana", api_url=self.s4_url, company_code="1710", controlling_area="A000",
                purchasing_organization="1710", client_id=Secret(credentials.SAP_S4HANA_CLIENT_ID),
                client_secret=Secret(credentials.SAP_S4HANA_CLIENT_SECRET), timing={"read_lag": "0s"},
            ),
            servicetitan=ServiceTitan(
                api_url=self.tenant.url, auth_url=self.tenant.url, tenant_id=7, application_guid=UUID(OURS),
                timing={"read_lag": "0s"}, **secrets,
            ),
            flows=Flows(vendors=post, purchase_orders=post, supplier_invoices=post),
        )  # fmt: skip

    def sync(self) -> None:
        connection, clock = self.connection, SystemClock()
        outbox = Outbox(open_engine(f"sqlite:///{self.home / 'st_erp.sqlite'}"), clock)
        with (
            closing(connect(connection.servicetitan, clock=clock, pace=AnyPace())) as there,
            closing(sap_s4hana.connect(connection.erp, clock=clock, pace=AnyPace())) as erp,
        ):
            pipeline = Pipeline(
                connection, self.home, outbox, lambda: there, lambda: erp, f"{datetime.now(UTC):%H%M%S%f}"
            )
            for system, (whole, by_day) in READ.items():
                reader = pipeline.extract(system)
                for entity in whole:
                    reader.whole(entity)
                for entity, day in product(by_day, pipeline.open_days(system, by_day[0])):
                    reader.day(entity, day)
            assert not any(loaded.quarantined for loaded in pipeline.stage_all().values())
            build_and_post(pipeline)
        outbox.engine.dispose()

    def vendors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.tenant.url}/_control/servicetitan/records/vendors").json()
        return found

    def order(self, number: str) -> dict[str, Any]:
        """As it is in ServiceTitan."""
        return self.tenant.order(int(self.document(f"ST-A-PO-{number}").remote_id or 0))

    def stock(self, number: str) -> dict[str, tuple[float, float]]:
        """Of an order what is ordered, and what came."""
        return {item["skuCode"]: (item["quantity"], item["quantityReceived"]) for item in self.order(number)["items"]}

    def field_receives(self, number: str, **quantities: int) -> None:
        """Tomorrow."""
        there = self.order(number)
        lines = [
            {"item": each["id"], "quantity": quantities[each["skuCode"]]}
            for each in there["items"]
            if each["skuCode"] in quantities
        ]
        self.tenant.does("receive", order=there["id"], lines=lines, on=f"{TODAY + timedelta(days=1)}")

    def s4_posts_invoice(self, number: str, quantity: str, amount: str) -> None:
        """The stamp of its change has whole seconds: in the same one it is not read yet."""
        self.person.does("add", set="A_SupplierInvoice", values=invoice(number, quantity, amount))
        time.sleep(1)

    def document(self, key: str) -> Document:
        outbox = Outbox(open_engine(f"sqlite:///{self.home / 'st_erp.sqlite'}"))
        rows = {row.business_key: row for row in report.all_of(outbox, "harbor")}
        outbox.engine.dispose()
        return rows[key]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """After its first sync: both vendors and both orders are there."""
    home = tmp_path_factory.mktemp("site")
    for name, text in TABLES.items():
        (home / f"{name}.csv").write_text(text, "utf-8")
    recent = {"createdOn": MIDNIGHT, "modifiedOn": MIDNIGHT}
    books = {entity: [row | recent for row in rows] for entity, rows in BOOKS.items()}
    books["vendors"] = [{"id": 1, "name": "Acme Supply LLC", "active": True, "address": ADDRESS, **recent}]
    seed = {
        "order_types": ["NB", "ZREC"],
        "materials": {each: {"text": each, "unit": "EA", "group": "L001"} for each in ("PIPE", "VALVE")},
        "A_BusinessPartner": [partner(ACME, "ACME Supply, Inc."), partner(ALIKE, "Acme Supplies")],
        "A_PurchaseOrder": [order(FIELD, "NB"), order(OFFICE, "ZREC")],
    }
    faults = Faults(speed=1000)
    with (
        running(sap_s4hana_app(seed, speed=1000, session_minutes=30_000)) as s4_url,
        running(tenant(books, faults=faults, speed=1000)) as url,
        httpx.Client(base_url=f"{s4_url}/_control/sap_s4hana/") as http,
    ):
        site = Site(home, s4_url, Office(url, faults), Person(http))
        site.sync()
        yield site


def test_a_vendor_made_on_both_sides_is_one_pair_and_two_of_nearly_one_name_stay_two(site: Site) -> None:
    pairs = {row["name"]: supplier_of(row) for row in site.vendors()}
    assert pairs == {"Acme Supply LLC": ACME, "Acme Supplies": ALIKE}


def supplier_of(vendor: dict[str, Any]) -> str:
    return str(vendor.get("_externalData", {}).get(OURS, {}).get("S4Supplier", ""))


def test_an_order_that_was_partly_received_keeps_what_came_when_it_is_changed(site: Site) -> None:
    there = site.order(FIELD)
    site.tenant.receives(there["id"], PIPE=3)
    site.person.does("delete", order=FIELD, items=["10"])
    site.person.does("edit", set="A_PurchaseOrderItem", key=[FIELD, "20"], changes={"OrderQuantity": "6"})
    site.sync()
    change = site.document(f"ST-A-PO-{FIELD}/R1")
    assert (change.state, change.flag) == ("posted", "Line 10 was received in ServiceTitan and stays there.")
    assert site.stock(FIELD) == {"PIPE": (10, 3), "VALVE": (6, 0)}


def test_what_the_field_receives_a_day_after_us_does_not_double_the_stock(site: Site) -> None:
    site.s4_posts_invoice("51", "4", "50.00")
    site.sync()
    assert site.document(f"ST-A-SI-51-2026-{OFFICE}").state == "posted"
    assert site.stock(OFFICE) == {"PIPE": (10, 4), "VALVE": (4, 0)}
    site.field_receives(OFFICE, PIPE=6)
    site.s4_posts_invoice("52", "6", "75.00")
    mark = len(site.tenant.faults.log)
    site.sync()
    assert site.document(f"ST-A-SI-52-2026-{OFFICE}").state == "skipped", "it is compared with what the field received"
    assert (site.stock(OFFICE)["PIPE"], site.tenant.writes_since(mark)) == ((10, 10), [])
