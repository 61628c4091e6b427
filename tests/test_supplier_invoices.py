"""Supplier invoices through the pipeline: received in ServiceTitan's sandbox, billed there a little later, compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.servicetitan import connect
from st_erp_pipelines.settings import Secret, ServiceTitan
from tests.resources.purchasing_tenant import PIPE, VALVE, LeapingClock, Office, office
from tests.resources.wire import AnyPace
from tests.staging.supplier_invoices_world import ORDER, World, settings, source_key

TODAY = datetime.now(UTC).date()
FIELD = "4500000002"  # an order of a type that the field receives
LINES = [
    {"skuId": sku, "description": text, "vendorPartNumber": "", "quantity": quantity, "cost": cost}
    for sku, text, quantity, cost in ((PIPE, "10 PIPE", 10, 12.5), (VALVE, "20 VALVE", 4, 30))
]


@pytest.fixture(scope="module")
def tenant() -> Iterator[Office]:
    with office() as tenant:
        yield tenant


@contextmanager
def site(tenant: Office, home: Path, orders: dict[str, int], outbox_file: str) -> Iterator[Pipeline]:
    """An outbox that knows nothing yet but the orders."""
    secrets = {"app_key": Secret("key"), "client_id": Secret("me"), "client_secret": Secret("mine")}
    titan = ServiceTitan(api_url=tenant.url, auth_url=tenant.url, tenant_id=7, timing={"read_lag": "0s"}, **secrets)
    begun = TODAY - timedelta(days=5)
    here = {"servicetitan": titan, "start_date": begun, "go_live": begun, "mappings": home}
    connection = settings().model_copy(update=here)
    outbox = Outbox(open_engine(f"sqlite:///{home / outbox_file}"), LeapingClock())
    with closing(connect(titan, clock=LeapingClock(), pace=AnyPace())) as client:
        pipeline = Pipeline(connection, home, outbox, lambda: client, lambda: None, "run")
        for order, there in orders.items():
            adopted(outbox, pipeline.place_of("purchase_orders"), order, there)
        yield pipeline
    outbox.engine.dispose()


def say_in_s4(pipeline: Pipeline) -> None:
    days = dict.fromkeys(("document_date", "posting_date", "creation_date", "home_day"), TODAY.isoformat())
    with pipeline.staging() as con:
        world = World(con)
        world.order_of_s4(ORDER)
        world.order_of_s4(FIELD, order_type="NB")
        world.invoice("51", tax="20.21", **days)
        world.invoice("52", (FIELD, 10, "10", "125"), **days)


def adopted(outbox: Outbox, place: str, order: str, there: int) -> None:
    items = [{"line": line["description"][:2], "sku_id": line["skuId"], **line} for line in LINES]
    built = BuiltDocument(
        "purchase_orders", "purchase_order", source_key("purchase_order", order), f"ST-C-PO-{order}", TODAY, TODAY,
        Decimal(245), "USD", "100", "h", {"key": f"ST-C-PO-{order}", "items": items},
    )  # fmt: skip
    bring(outbox, "harbor", place, "purchase_orders", [built])
    with outbox.engine.begin() as con:
        mine = documents.c.business_key == built.business_key
        con.execute(documents.update().where(mine).values(state="adopted", remote_id=str(there)))


def synced(pipeline: Pipeline) -> dict[str, tuple[str, str]]:
    """As a sync does, without what S/4HANA says."""
    titan = pipeline.extract("servicetitan")
    for entity in ("purchase_orders", "receipts", "ap_bills"):
        titan.day(entity, TODAY)
        pipeline.stage("servicetitan", entity)
    pipeline.build("supplier_invoices")
    pipeline.post("supplier_invoices")
    pipeline.reconcile()
    return {each.supplier_invoice: (each.result, each.cause) for each in pipeline.supplier_invoice_results()}


def test_each_invoice_is_received_once_and_compared_with_its_bill(tenant: Office, tmp_path: Path) -> None:
    (tmp_path / "order_types.csv").write_text("order_type,type_id,invoices\nZREC,,\nNB,,match_only\n", "utf-8")
    orders = {ORDER: tenant.makes_order(items=LINES), FIELD: tenant.makes_order(items=LINES)}
    tenant.receives(orders[FIELD], number="v-52", PIPE=9)
    mark = len(tenant.faults.log)
    with site(tenant, tmp_path, orders, "first.sqlite") as pipeline:
        say_in_s4(pipeline)
        found = synced(pipeline)
        assert found["51"] in (("matched", ""), ("waiting", "no_bill")), "it may take the tenant a moment"
        assert tenant.writes_since(mark) == ["POST"]
    with site(tenant, tmp_path, orders, "second.sqlite") as pipeline:
        assert synced(pipeline) == {"51": ("matched", ""), "52": ("discrepancy", "amount_differs")}
        (difference,) = pipeline.reconciled().unexplained
        assert (difference.business_key, difference.difference) == (f"ST-C-SI-52-2026-{FIELD}", Decimal("-12.50"))
        assert "112.50" in difference.sentence
        with pipeline.outbox.engine.begin() as con:
            rows = con.execute(documents.select().where(documents.c.flow == "supplier_invoices")).all()
        assert {row.label: row.state for row in rows} == {"V-51": "adopted", "V-52": "skipped"}
    assert tenant.writes_since(mark) == ["POST"], "nothing is received twice, though the first outbox is lost"
