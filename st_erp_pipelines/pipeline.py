"""What one connection can do, in plain code: extract, stage, build, post, reconcile.

Assets and commands are thin callers of this. Every step can be repeated; none hands values to the next but
through landing files, staging tables and the outbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import BACK, sells
from st_erp_pipelines.mapping.check import Known, check
from st_erp_pipelines.mapping.coverage import Gap, coverage, coverage_of_purchasing
from st_erp_pipelines.mapping.duck import install
from st_erp_pipelines.mapping.load import MappingFault, Mappings
from st_erp_pipelines.mapping.load import load as load_mappings
from st_erp_pipelines.outbox import Outbox, report
from st_erp_pipelines.outbox.export_marks import MARKED, note, unmarked
from st_erp_pipelines.outbox.forgotten import Forgotten, forgotten
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources import business_central, sap_business_one, sap_s4hana
from st_erp_pipelines.resources.servicetitan import ServiceTitan
from st_erp_pipelines.resources.servicetitan_business_units import ServiceTitanBusinessUnits
from st_erp_pipelines.resources.servicetitan_customers import ServiceTitanCustomers
from st_erp_pipelines.resources.servicetitan_export_marks import ROWS_PER_CALL, mark_exported
from st_erp_pipelines.resources.servicetitan_pricebook import Pricebook
from st_erp_pipelines.resources.servicetitan_purchase_orders import ServiceTitanPurchaseOrders
from st_erp_pipelines.resources.servicetitan_receipts import ServiceTitanReceipts
from st_erp_pipelines.resources.servicetitan_vendors import ServiceTitanVendors
from st_erp_pipelines.run_report import Limits, RunReport
from st_erp_pipelines.settings import Connection, SapS4hana, tenant_place
from st_erp_pipelines.staging import (
    customer_differences,
    field_prices,
    questions,
    reconciliation,
    supplier_invoice_results,
    to_do,
    vendor_differences,
)
from st_erp_pipelines.staging.customer_differences import CustomerDifference
from st_erp_pipelines.staging.documents import BUILDS, REVERSES
from st_erp_pipelines.staging.documents.known import KnownDocuments, read_documents, read_known
from st_erp_pipelines.staging.entities import all_entities
from st_erp_pipelines.staging.extract import Extract, keys_landed, open_days
from st_erp_pipelines.staging.field_prices import FieldPrice
from st_erp_pipelines.staging.landing import landing_files
from st_erp_pipelines.staging.load import Loaded, load, load_all, open_books, prepare
from st_erp_pipelines.staging.publication import Published, publish
from st_erp_pipelines.staging.retention import Retained, clear_away, retain
from st_erp_pipelines.staging.supplier_invoice_results import SupplierInvoiceResult
from st_erp_pipelines.staging.to_do import ToDo
from st_erp_pipelines.staging.vendor_differences import UnmatchedVendor, VendorDifference
from st_erp_pipelines.staging.warehouse import new_warehouse, open_warehouse
from st_erp_pipelines.target import Target

EDITED, PAUSED = "edited since it was posted: not marked", "paused: not marked"
BRAKED_FOR = timedelta(hours=1)  # between ticks; a tick tries again
ERPS = {  # clients, and targets of flows
    "business_central": business_central,
    "sap_business_one": sap_business_one,
    "sap_s4hana": sap_s4hana,
}
IN_SERVICETITAN: dict[str, Callable[..., Target]] = {  # targets of the flows that end there
    "customers_back": ServiceTitanCustomers,
    "items": Pricebook,
    "cost_centers": ServiceTitanBusinessUnits,
    "vendors": ServiceTitanVendors,
    "purchase_orders": ServiceTitanPurchaseOrders,
    "supplier_invoices": ServiceTitanReceipts,
}


def gaps_of(con: duckdb.DuckDBPyConnection, connection: Connection, on: date | None = None) -> list[Gap]:
    """What no mapping table covers; cost centers as they are `on` that day, else today."""
    if isinstance(connection.erp, SapS4hana):
        return coverage_of_purchasing(con, connection.erp, go_live=connection.go_live, on=on)
    return coverage(con, go_live=connection.go_live, tax=connection.rules.tax)


@dataclass
class Pipeline:
    """One connection in one run. Clients are made when first needed, so that nothing logs in for nothing."""

    connection: Connection
    home: Path
    outbox: Outbox
    connect_servicetitan: Callable[[], ServiceTitan]
    connect_erp: Callable[[], Any]  # the client of its kind
    run_id: str

    @cached_property
    def servicetitan(self) -> ServiceTitan:
        return self.connect_servicetitan()

    @cached_property
    def erp(self) -> Any:
        return self.connect_erp()

    def place_of(self, flow: str) -> str:
        """With the company resolved: by id or by name, one company is one place."""
        return tenant_place(self.connection.servicetitan) if flow in BACK else str(self.erp.place)

    @property
    def zone(self) -> str:
        return self.connection.time_zone

    @property
    def today(self) -> date:
        return self.outbox.clock.now().astimezone(ZoneInfo(self.zone)).date()

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def warehouse(self, *, anew: bool = False) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        path = self.home / "staging" / f"{self.connection.name}.duckdb"
        return (new_warehouse if anew else open_warehouse)(path, clock=self.outbox.clock)

    @contextmanager
    def staging(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse with all its tables, be they empty."""
        with self.warehouse() as con:
            prepare(
                con,
                self._tenants,
                zone=self.zone,
                first_day=self.connection.start_date,
                last_day=self.today,
                now=self.outbox.clock.now(),
            )
            open_books(con, self.connection.erp.kind)
            yield con

    # Extract

    def extract(self, system: str) -> Extract:
        settings = self.connection.servicetitan if system == "servicetitan" else self.connection.erp
        return Extract(
            self.connection.name, system, self.servicetitan if system == "servicetitan" else self.erp,
            self.landing, self.run_id, self.zone, self.outbox.clock, settings.timing.read_lag,
        )  # fmt: skip

    def open_days(self, system: str, entity: str) -> list[date]:
        return open_days(
            self.landing, self.connection.name, system, entity, self.zone,
            self.connection.start_date, self.today,
        )  # fmt: skip

    def landed_ids(self, system: str, entity: str, day: date) -> list[int]:
        return [int(key) for key in keys_landed(self.landing, self.connection.name, system, entity, day.isoformat())]

    def ids_to_ask_for(self, system: str, entity: str) -> list[Any]:
        """Ids that staging has a question about, see `staging/questions.py`."""
        with self.staging() as con:
            return questions.ids(con, system, entity)

    # Stage

    @property
    def _tenants(self) -> dict[str, str]:
        return {
            "servicetitan": str(self.connection.servicetitan.tenant_id),
            self.connection.erp.kind: self.connection.erp.company,
        }

    def stage_all(self, *, anew: bool = False) -> dict[tuple[str, str], Loaded]:
        """All that was landed; `anew`: into a new staging, also what was loaded before."""
        with self.warehouse(anew=anew) as con:
            return load_all(
                con, root=self.landing, connection=self.connection.name, tenants=self._tenants, zone=self.zone,
                first_day=self.connection.start_date, last_day=self.today, now=self.outbox.clock.now(),
                forgotten=self.forgotten(),
            )  # fmt: skip

    def stage(self, system: str, entity: str) -> Loaded:
        with self.warehouse() as con:
            return load(
                con, root=self.landing, connection=self.connection.name, system=system, entity=entity,
                tenants=self._tenants, zone=self.zone, first_day=self.connection.start_date, last_day=self.today,
                now=self.outbox.clock.now(), forgotten=self.forgotten(),
            )  # fmt: skip

    def forgotten(self) -> list[Forgotten]:
        """Customers whose personal data staging does not take in again, see `forget.py`."""
        return forgotten(self.outbox, self.connection.name)

    def retain(self) -> Retained:
        """Join and thin what was landed; the DuckDB file is given back between two entities."""
        now, done = self.outbox.clock.now(), Retained()
        clear_away(self.landing, now)
        for declared in all_entities():
            tenant = self._tenants.get(declared.system)
            if tenant is None or not landing_files(self.landing, self.connection.name, declared.system, declared.name):
                continue
            with self.staging() as con:
                done += retain(
                    con, root=self.landing, connection=self.connection.name, declared=declared,
                    tenant=tenant, now=now, keep=timedelta(self.connection.retain_days),
                )  # fmt: skip
        return done

    def quarantined(self, system: str, entity: str) -> list[tuple[str, str]]:
        """Key and reason of each record that could not be read."""
        query = "select key, reason from staging.quarantine where system = $system and entity = $entity order by 1"
        with self.staging() as con:
            return con.execute(query, {"system": system, "entity": entity}).fetchall()

    # Map and build

    def mappings(self) -> Mappings:
        return load_mappings(self.connection.mappings, self.connection.erp.flows)

    def build(self, flow: str) -> Counter[str]:
        """Every changed source and everything not yet posted, into the outbox."""
        self._require_same_prefix()
        place = self.place_of(flow)
        known = read_known(self.outbox, self.connection.name, place, written_by=self._written_by(flow))
        with self.staging() as con:
            install(con, self._checked_mappings(con))
            built, links = BUILDS[flow](con, self.connection, known)
        for link in links:
            columns = dict(erp_number=link.erp_number, remote_id=link.remote_id, linked_by=link.linked_by)
            self.outbox.link(place, link.kind, link.source_key, source_hash=link.source_hash, **columns)
        return bring(self.outbox, self.connection.name, place, flow, built, REVERSES.get(flow))

    def _written_by(self, flow: str) -> tuple[str, ...]:
        """The flows whose payloads a build compares with what both sides say now."""
        asked = {"customers_back": ("customers", flow), "supplier_invoices": ("purchase_orders",)}
        masters = ("customers", "items", "vendors", "cost_centers", "purchase_orders")
        return asked.get(flow, (flow,) if flow in masters else ())

    def mapping_faults(self) -> list[MappingFault]:
        with self.staging() as con:
            return self._checked_mappings(con).faults

    def _checked_mappings(self, con: duckdb.DuckDBPyConnection) -> Mappings:
        mappings = self.mappings()
        known = questions.known_in_erp(con) if sells(self.connection) else questions.known_to_buy(con)
        return mappings.with_faults(check(mappings, Known(**known)))

    def coverage(self) -> list[Gap]:
        with self.staging() as con:
            install(con, self._checked_mappings(con))
            return gaps_of(con, self.connection, self.today)

    # Post

    def target(self, flow: str) -> Target:
        if flow in BACK:
            place, timing = self.place_of(flow), self.connection.servicetitan.timing.posting()
            # Orders carry no key that can be asked for: they are looked through from the first that may be ours.
            begun = {"since": min(self.connection.go_live, self.connection.start_date)}
            return IN_SERVICETITAN[flow](
                self.servicetitan, place, timing, **(begun if flow == "purchase_orders" else {})
            )
        erp = self.connection.erp
        target: Target = ERPS[erp.kind].target_for(flow, self.erp, erp, self.mappings())
        return target

    def post(
        self,
        flow: str,
        days: Iterable[date] | None = None,
        progress: Callable[[RunReport], None] = lambda report: None,
    ) -> RunReport:
        settings = getattr(self.connection.flows, flow)
        if settings.mode == "observe":
            return RunReport()
        self.outbox.put_cursor(f"{self.connection.name}/key_prefix", self.connection.key_prefix)
        run = Run(
            self.outbox, self.target(flow), connection=self.connection.name, flow=flow, mode=settings.mode, days=days,
            limits=Limits(settings.max_documents, settings.max_amount), progress=progress,
        )  # fmt: skip
        done = run.work()
        if done.braked:
            until = self.outbox.now() + BRAKED_FOR
            self.outbox.put_cursor(f"{self.connection.name}/{flow}/braked_until", until.isoformat())
        return done

    def mark_exported(self, kind: str) -> Counter[str]:
        """In ServiceTitan, of what stands in the ERP and is unchanged; counted by what became of it.

        Read again by id before, and compared: what was edited meanwhile is not marked, the next build sees it.
        """
        entity = f"{kind}s"
        records = unmarked(self.outbox, self.connection.name, kind)
        if not records:
            return Counter()
        self.extract("servicetitan").by_id(entity, [each.source_id for each in records])
        self.stage("servicetitan", entity)
        with self.staging() as con:
            now = questions.as_they_are(con, entity, [each.source_key for each in records])
        same = [each for each in records if now.get(each.source_key, ("", ""))[0] == each.source_hash]
        done = {each.source_key: MARKED for each in same if now[each.source_key][1] == "Exported"}
        waiting = [each for each in same if each.source_key not in done]
        while waiting and not self.outbox.is_paused(self.connection.name, self.erp.place):
            done |= mark_exported(self.servicetitan, kind, waiting[:ROWS_PER_CALL])
            waiting = waiting[ROWS_PER_CALL:]
        note(self.outbox, self.connection.name, kind, done)
        left = {each.source_key: PAUSED for each in waiting}
        left |= {each.source_key: EDITED for each in records if each not in same}
        return Counter([*done.values(), *left.values()])

    def _require_same_prefix(self) -> None:
        used = self.outbox.cursor(f"{self.connection.name}/key_prefix")
        if used not in (None, self.connection.key_prefix):
            raise ConfigurationError(
                f"key_prefix is {self.connection.key_prefix}, but documents were sent under {used}",
                document=self.connection.name,
                fix=f"Set it back to {used}: nothing would be found again under another one.",
            )

    # Reconcile

    def reconcile(self) -> reconciliation.Result:
        if not sells(self.connection):
            self._reconcile_purchases()
            return self.reconciled()
        adopted = report.adopted(self.outbox, self.connection.name)
        known = read_documents(self.outbox, self.connection.name, written_by=["items"])
        with self.staging() as con:
            reconciliation.reconcile(con, self.connection, adopted)
            invoices = to_do.rebuild(con, known)
            field_prices.rebuild(con)
        if invoices:
            # What is paid in part moves no modification time there: what is staged of these may be out of date.
            system = self.connection.erp.kind
            self.extract(system).by_id("sales_invoices", invoices)
            self.stage(system, "sales_invoices")
            with self.staging() as con:
                to_do.rebuild(con, known)
        return self.reconciled()

    def _reconcile_purchases(self) -> None:
        """Bills come some seconds after their receipts: what was received a moment ago is read again."""
        flow = supplier_invoice_results.FLOW
        known = read_known(self.outbox, self.connection.name, self.place_of(flow), written_by=self._written_by(flow))
        if receipts := self._compare_purchases(known):
            self._read_again("receipts", receipts)
            with self.staging() as con:
                bills = supplier_invoice_results.bills_to_read(con)
            self._read_again("ap_bills", bills)
            self._compare_purchases(known)

    def _compare_purchases(self, known: KnownDocuments) -> list[int]:
        with self.staging() as con:
            install(con, self._checked_mappings(con))
            return supplier_invoice_results.rebuild(con, self.connection, known, self.outbox.clock.now())

    def _read_again(self, entity: str, ids: list[int]) -> None:
        self.extract("servicetitan").by_id(entity, ids)
        self.stage("servicetitan", entity)

    def supplier_invoice_results(self) -> list[SupplierInvoiceResult]:
        """What the last reconciliation found of them."""
        with self.staging() as con:
            return supplier_invoice_results.read(con)

    def to_do(self) -> list[ToDo]:
        """What the last reconciliation left to people."""
        with self.staging() as con:
            return to_do.read(con)

    def customer_differences(self) -> list[CustomerDifference]:
        """What the two systems tell differently of customers, as the last build found it."""
        with self.staging() as con:
            return customer_differences.read(con)

    def vendors_compared(self) -> tuple[list[VendorDifference], list[UnmatchedVendor]]:
        """What the two systems tell differently of vendors, and those that only ServiceTitan has."""
        with self.staging() as con:
            return vendor_differences.differences(con), vendor_differences.unmatched(con)

    def field_prices(self) -> list[FieldPrice]:
        """What people changed in the pricebook, as the last reconciliation found it."""
        with self.staging() as con:
            return field_prices.read(con)

    def reconciled(self) -> reconciliation.Result:
        """What the last reconciliation found, with what the outbox says of it now."""
        if not sells(self.connection):
            return supplier_invoice_results.reconciled(self.supplier_invoice_results())
        states = report.states_by_key(self.outbox, self.connection.name)
        with self.staging() as con:
            return reconciliation.result(con, states)

    # Publish

    @property
    def published(self) -> Path:
        """What analysts open."""
        return self.home / "published" / f"{self.connection.name}.duckdb"

    def was_published_lately(self) -> bool:
        if not self.published.exists():
            return False
        age = self.outbox.clock.now().timestamp() - self.published.stat().st_mtime
        return age < self.connection.publish_every.total_seconds()

    def publish(self, *, at_once: bool = False) -> Published | None:
        """None where nothing has changed since, unless it is wanted `at_once`."""
        with self.staging() as con:
            return publish(
                con, self.outbox, self.connection.name, self.connection.servicetitan.tenant_id, self.published,
                now=self.outbox.clock.now(), at_once=at_once,
            )  # fmt: skip


def is_braked(outbox: Outbox, connection: str, flow: str) -> bool:
    until = outbox.cursor(f"{connection}/{flow}/braked_until")
    return until is not None and outbox.now() < datetime.fromisoformat(until)
