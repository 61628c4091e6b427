"""Vendors through the pipeline, into ServiceTitan's sandbox: linked or created once, changed, whatever is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from st_erp_pipelines.accept import accept, in_vendors
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.settings import Flows, Secret, ServiceTitan
from tests.resources.purchasing_tenant import OURS, LeapingClock, Office, connected, office
from tests.staging.supplier_invoices_world import World, settings
from tests.staging.test_documents_vendors import S4, supplier

SUPPLIERS = {"17": "ACME Supply, Inc.", "18": "Acme Supplies", "19": "Brass Works of Texas"}


@pytest.fixture(scope="module")
def tenant() -> Iterator[Office]:
    """Two vendors made by hand: Acme Supply, and one that is called nearly as supplier 19."""
    with office() as tenant:
        tenant.sets("vendors", 1, name="Acme Supply LLC")
        tenant.sets("vendors", 2, name="Brass Works")
        yield tenant


@contextmanager
def site(tenant: Office, home: Path, outbox_file: str) -> Iterator[Pipeline]:
    """Staging stays, the outbox is the one of that name."""
    secrets = {"app_key": Secret("key"), "client_id": Secret("me"), "client_secret": Secret("mine")}
    titan = ServiceTitan(
        api_url=tenant.url, auth_url=tenant.url, tenant_id=7, application_guid=UUID(OURS), timing={"read_lag": "0s"},
        **secrets,
    )  # fmt: skip
    flows = Flows(vendors={"mode": "post"})
    connection = settings().model_copy(update={"servicetitan": titan, "flows": flows, "mappings": home})
    outbox = Outbox(open_engine(f"sqlite:///{home / outbox_file}"), LeapingClock())
    with closing(connected(tenant.url, timing={"read_lag": "0s"})) as client:
        yield Pipeline(connection, home, outbox, lambda: client, lambda: None, "run")
    outbox.engine.dispose()


def synced(pipeline: Pipeline) -> dict[str, Document]:
    """As a sync does, without what S/4HANA says; the newest document of each supplier."""
    pipeline.extract("servicetitan").whole("vendors")
    pipeline.stage("servicetitan", "vendors")
    pipeline.build("vendors")
    pipeline.post("vendors")
    with pipeline.outbox.engine.begin() as con:
        rows = con.execute(documents.select().order_by(documents.c.revision)).all()
    return {row.source_key.rpartition("/")[2]: row for row in rows}


def test_made_on_both_sides_they_end_as_one_pair_and_of_nearly_one_name_they_stay_two(
    tenant: Office, tmp_path: Path
) -> None:
    mark = len(tenant.faults.log)
    with site(tenant, tmp_path, "first.sqlite") as pipeline:
        with pipeline.staging() as con:
            for number, name in SUPPLIERS.items():
                supplier(World(con), number, name=name)
        found = synced(pipeline)
        assert {number: row.state for number, row in found.items()} == {"17": "posted", "18": "posted", "19": "blocked"}
        assert (found["17"].remote_id, tenant.count("vendors")) == ("1", 3)
        assert tenant.sees("vendors", 1)["name"] == "Acme Supply LLC", "a link writes no name"
        assert sorted(tenant.writes_since(mark)) == ["PATCH", "POST"]
        assert synced(pipeline).keys() == found.keys()

        with pipeline.staging() as con:
            (said,) = in_vendors(con, "2")
        assert accept(pipeline.outbox, found["19"], said, "Ann").accepted
        assert synced(pipeline)["19"].state == "posted", "the vendor that was accepted carries its supplier's number"
        assert len(tenant.writes_since(mark)) == 3
    with site(tenant, tmp_path, "second.sqlite") as pipeline:
        found = synced(pipeline)
        assert {row.state for row in found.values()} == {"adopted"}
        assert len(tenant.writes_since(mark)) == 3, "nothing is written though the first outbox is lost"
        with pipeline.staging() as con:
            World(con).change(S4, "supplier = '17'", is_blocked=True, name="Acme Global")
        assert synced(pipeline)["17"].business_key == "ST-C-VEND-17/R1"
        changed = tenant.sees("vendors", 1)
        assert (changed["name"], changed["active"]) == ("Acme Global", False)
        assert len(tenant.writes_since(mark)) == 4
        assert synced(pipeline)["17"].revision == 1
        assert len(tenant.writes_since(mark)) == 4
