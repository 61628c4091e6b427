"""A small contractor's sandbox, and a site that syncs it: the real jobs in this process, over real sockets.

The contractor's last day is yesterday, so that no record lies in the future, whatever time it is.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import dagster as dg
import httpx
import pandas as pd

from st_erp_pipelines import settings
from st_erp_pipelines.assets import servicetitan as titan
from st_erp_pipelines.assets.erp import erp_of
from st_erp_pipelines.assets.extracting import READ_BY_PARENT
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.flows import used_flows
from st_erp_pipelines.outbox import Document, Outbox, report
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.dagster_resources import (
    BusinessCentralResource,
    PipelineResource,
    SapBusinessOneResource,
    SapS4hanaResource,
    ServiceTitanResource,
    StateResource,
)
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.contractor_buying import Buying
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.demo_files import demo_environment, write_demo
from st_erp_pipelines.sandbox.firms import HARBOR, NORTHWIND, Firm
from st_erp_pipelines.sandbox.planted import invoice_key
from st_erp_pipelines.sandbox.serve import (
    demo_business_central,
    demo_sap_business_one,
    demo_sap_s4hana,
    demo_servicetitan,
    running,
)
from st_erp_pipelines.schedules.sync import range_tags
from st_erp_pipelines.staging import questions
from tests.erps import ERPS, BusinessCentral, Erp, Sale, SapBusinessOne, SapS4hana, ServiceTitan

ZONE = "America/Chicago"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SERVERS = {BusinessCentral.kind: demo_business_central, SapBusinessOne.kind: demo_sap_business_one}
SPEED = 60.0  # of the sandbox: a doubt is settled after 20 s, and one call may take 5 s


def yesterday() -> date:
    return datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)


def contractor(*, days: int = 8, scale: float = 0.15) -> Contractor:
    return generate(seed=7, today=yesterday(), days=days, scale=scale)


def plain_invoices(whole: Contractor) -> list[Wire]:
    """Dated when the books are open, posted by the office, not planted: nothing keeps them from the ERP."""
    planted = {each.key for each in whole.exceptions}
    return [
        row
        for row in whole.servicetitan["invoices"]
        if row["invoiceDate"] > whole.start_date.isoformat() + "T24"
        and row["syncStatus"] == "Posted"
        and row["customer"]
        and row["active"]
        and not row["adjustmentToId"]
        and not row["total"].startswith(("-", "0.00"))
        and invoice_key(row) not in planted
    ]


def unmapped_invoice(whole: Contractor) -> Wire:
    by_key = {invoice_key(row): row for row in whole.servicetitan["invoices"]}
    return next(by_key[each.key] for each in whole.exceptions if each.kind == "blocked:unmapped_business_unit")


def with_only(whole: Contractor, invoices: Iterable[Wire]) -> Contractor:
    """The same contractor with these invoices and their customers; no payments, nothing planted."""
    kept = list(invoices)
    named = {row["customer"]["id"] for row in kept}
    customers = [row for row in whole.servicetitan["customers"] if row["id"] in named]
    contacts = [row for row in whole.servicetitan["customer_contacts"] if row["customerId"] in named]
    rows = {"invoices": kept, "customers": customers, "customer_contacts": contacts, "payments": []}
    rows |= {"credit_memos": [], "credit_memo_items": []}
    ours = "ST-A-"
    posted = [row for row in whole.business_central["posted"] if not row["externalDocumentNumber"].startswith(ours)]
    return replace(
        whole,
        servicetitan=whole.servicetitan | rows,
        business_central=whole.business_central | {"posted": posted},
        exceptions=[],
    )


@dataclass(frozen=True)
class Site:
    """Where a connection's settings, mappings and state lie, and the two systems it reaches."""

    contractor: Contractor
    folder: Path
    home: Path
    servicetitan_url: str
    erp: Erp
    firm: Firm = NORTHWIND

    @property
    def titan(self) -> ServiceTitan:
        return ServiceTitan(self.servicetitan_url)

    @property
    def connection(self) -> settings.Connection:
        loaded = settings.load(self.folder / "connections.yaml")
        assert not loaded.faults, loaded.faults
        return loaded.connections[0]

    @property
    def settle_seconds(self) -> float:
        return self.connection.erp.timing.settle_after.total_seconds()

    @property
    def database(self) -> Path:
        return self.home / "st_erp.sqlite"

    def elsewhere(self, home: Path) -> Site:
        """The same connection on an empty home: what is left when home and database are lost."""
        return replace(self, home=home)

    def set_mode(self, mode: str, *flows: str) -> None:
        path = self.folder / "connections.yaml"
        text = path.read_text("utf-8")
        for flow in flows:
            text = re.sub(rf"{flow}: {{mode: \w+}}", f"{flow}: {{mode: {mode}}}", text)
        path.write_text(text, "utf-8")

    @property
    def variables(self) -> dict[str, str]:
        """With an own database in the home, whatever the environment says."""
        own = {"ST_ERP_CONFIG": str(self.folder / "connections.yaml"), "ST_ERP_HOME": str(self.home)}
        return demo_environment() | own | {"ST_ERP_DATABASE_URL": ""}

    @contextmanager
    def environment(self) -> Iterator[None]:
        with mock.patch.dict(os.environ, self.variables):
            yield

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        parts = PipelineResource(
            state=StateResource(),
            servicetitan=ServiceTitanResource(),
            business_central=BusinessCentralResource(),
            sap_business_one=SapBusinessOneResource(),
            sap_s4hana=SapS4hanaResource(),
        )
        with self.environment(), closing(parts):
            yield parts.of(self.connection, uuid.uuid4().hex)

    # What Dagster does

    def sync(self) -> dg.ExecuteInProcessResult:
        return self._run(f"{self.firm.name}_sync")

    def post(self) -> dg.ExecuteInProcessResult:
        return self._run(f"{self.firm.name}_post")

    # The same without Dagster, which costs as much again

    def quick_sync(self) -> None:
        """What a sync does: reads the days still open, builds, posts, marks, reads back and reconciles."""
        with self.pipeline() as pipeline:
            connection = pipeline.connection
            erp, marks = erp_of(connection), connection.servicetitan.mark_exported
            read(pipeline, erp.SYSTEM, erp.WHOLE, (*erp.BY_DAY, *erp.SALES))
            read(pipeline, titan.SYSTEM, titan.needed_whole(connection), titan.needed_by_day(connection))
            build_and_post(pipeline)
            for kind in titan.MARKED_KINDS if marks else ():
                pipeline.mark_exported(kind)
            read(pipeline, erp.SYSTEM, erp.READ_BACK_WHOLE, erp.READ_BACK_BY_DAY)
            pipeline.reconcile()

    def quick_post(self) -> None:
        """What is done between ticks, with what is staged."""
        with self.pipeline() as pipeline:
            read(pipeline, pipeline.connection.erp.kind, (erp_of(pipeline.connection).PERIOD,))
            build_and_post(pipeline)

    def settle(self, seconds: float = 120) -> None:
        """What the retry sensor brings about: builds and posts until nothing waits for a doubt or a retry."""
        until = time.monotonic() + seconds
        with self.pipeline() as pipeline:
            while self._waiting():
                assert time.monotonic() < until, self._waiting()
                time.sleep(1)
                build_and_post(pipeline)

    def _waiting(self) -> dict[str, str]:
        """Of the flows that post."""
        waiting, flows = ("ready", "sending", "in_doubt", "unavailable"), self.connection.flows
        return {
            key: f"{row.state}: {row.sentence}"
            for key, row in self.documents().items()
            if row.state in waiting and getattr(flows, row.flow).mode == "post"
        }

    def _run(self, job: str) -> dg.ExecuteInProcessResult:
        """All days, as a tick asks for them; a failed step is in the result."""
        tags = range_tags(self.connection.start_date, yesterday() + timedelta(days=1))
        with (
            self.environment(),
            dg.DagsterInstance.ephemeral() as instance,
            mock.patch.object(instance.event_log_storage, "store_event"),  # a third of a run, and nobody reads it
        ):
            definitions = build_definitions(settings.load(self.folder / "connections.yaml"))
            return definitions.resolve_job_def(job).execute_in_process(
                instance=instance, tags=tags, raise_on_error=False, run_config=QUIET
            )

    # What the two sides say

    def outbox(self) -> Outbox:
        return Outbox(open_engine(f"sqlite:///{self.database}"))

    def documents(self, flow: str = "") -> dict[str, Document]:
        """By business key; customers by their number."""
        outbox = self.outbox()
        try:
            rows = report.all_of(outbox, self.firm.name)
        finally:
            outbox.engine.dispose()
        return {row.business_key: row for row in rows if flow in ("", row.flow)}

    def state(self) -> dict[str, Any]:
        return self.erp.state()

    def sales(self) -> dict[str, list[Sale]]:
        return self.erp.sales()

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        return self.erp.log(since)

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        return self.erp.writes(since)

    @contextmanager
    def fault(self, url: str, **rule: Any) -> Iterator[None]:
        """A fault of the server at `url` (see sandbox/faults.py) that is gone after."""
        httpx.post(f"{url}/_control/faults", json=rule).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(f"{url}/_control/faults").raise_for_status()

    def change(self, *edits: tuple[str, int, Mapping[str, Any]]) -> None:
        """(entity, id, members) in ServiceTitan; returns once a read window would include them."""
        for entity, record_id, members in edits:
            body = {"entity": entity, "id": record_id, "set": dict(members)}
            httpx.post(f"{self.servicetitan_url}/_control/servicetitan/change", json=body).raise_for_status()
        time.sleep(self.connection.servicetitan.timing.read_lag.total_seconds() + 0.1)

    @contextmanager
    def mapping(self, table: str, **row: str) -> Iterator[None]:
        """A mapping table with one row more; as it was, after. A single value goes into every row instead."""
        path = self.folder / "mappings" / self.firm.name / f"{table}.csv"
        before = path.read_text("utf-8")
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        if len(row) == 1:
            frame = frame.assign(**row)
        else:
            frame.loc[len(frame)] = pd.Series(row)
        frame.to_csv(path, index=False)
        try:
            yield
        finally:
            path.write_text(before, "utf-8")


def read(pipeline: Pipeline, system: str, whole: Iterable[str] = (), by_day: Iterable[str] = ()) -> None:
    """What is new of these lists, landed and staged; nothing of it may be unreadable."""
    reader = pipeline.extract(system)
    for entity in whole:
        reader.whole(entity)
    for entity in by_day:
        for day in pipeline.open_days(system, entity):
            if parent := READ_BY_PARENT.get(entity):
                reader.of_parents(entity, day, pipeline.landed_ids(system, parent, day))
            else:
                reader.day(entity, day)
    assert not any(loaded.quarantined for loaded in pipeline.stage_all().values())
    for entity in by_day:
        if entity in questions.of(system):
            reader.by_id(entity, pipeline.ids_to_ask_for(system, entity))
            pipeline.stage(system, entity)


def build_and_post(pipeline: Pipeline) -> None:
    for flow in used_flows(pipeline.connection):
        pipeline.build(flow)
        pipeline.post(flow)


def write_site(
    folder: Path,
    whole: Contractor,
    *urls: str,
    speed: float,
    go_live: date | None = None,
    mode: str = "post",
    erp: str = BusinessCentral.kind,
    firm: Firm = NORTHWIND,
) -> Site:
    """`urls`: ServiceTitan's and the ERP's."""
    write_demo(
        folder, contractor=whole, servicetitan_url=urls[0], **{f"{erp}_url": urls[1]}, speed=speed,
        go_live=go_live or whole.start_date, start_date=whole.start_date, mode=mode, firm=firm,
    )  # fmt: skip
    kinds = ERPS | {SapS4hana.kind: SapS4hana}
    return Site(whole, folder, folder / "home", urls[0], kinds[erp](urls[1]), firm)


@contextmanager
def running_site(
    folder: Path, whole: Contractor, *, speed: float = SPEED, erp: str = BusinessCentral.kind
) -> Iterator[Site]:
    """With its servers in threads."""
    with (
        running(demo_servicetitan(whole, speed)) as servicetitan_url,
        running(SERVERS[erp](whole, speed)) as erp_url,
    ):
        yield write_site(folder, whole, servicetitan_url, erp_url, speed=speed, erp=erp)


@contextmanager
def buying_site(folder: Path, bought: Buying, *, speed: float = SPEED) -> Iterator[Site]:
    """Of the firm that buys in S/4HANA."""
    with (
        running(demo_servicetitan(bought.contractor, speed, firm=HARBOR)) as servicetitan_url,
        running(demo_sap_s4hana(bought.sap_s4hana, speed)) as erp_url,
    ):
        urls = (servicetitan_url, erp_url)
        yield write_site(folder, bought.contractor, *urls, speed=speed, erp=SapS4hana.kind, firm=HARBOR)


def write_forgetful_dagster(folder: Path) -> None:
    """A DAGSTER_HOME that keeps no events: to write them down is most of a small sync's work."""
    folder.mkdir()
    storage = "{module: dagster._core.storage.event_log.in_memory, class: InMemoryEventLogStorage}"
    (folder / "dagster.yaml").write_text(f"event_log_storage: {storage}\n", "utf-8")


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What each failed step says, ours by its sentence; or why no step ran."""
    data = [event.event_specific_data for event in result.all_events if event.is_step_failure]
    data = data or [event.event_specific_data for event in result.all_events if event.is_failure]
    return [_said(each) for each in data]


def _said(failure: Any) -> str:
    ours = getattr(failure, "user_failure_data", None)
    return str(ours.description) if ours else _innermost(failure.error)


def _innermost(error: Any) -> str:
    return _innermost(error.cause) if error.cause else str(error.message).strip()


def wait_until(done: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)
