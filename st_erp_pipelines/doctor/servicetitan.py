"""ServiceTitan: what the app may read, and whether this tenant's documents ever become Posted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any

from st_erp_pipelines.assets.servicetitan import PRICEBOOK, further, needed
from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor import reach
from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.errors import ConfigurationError, Rejected
from st_erp_pipelines.flows import PURCHASING_FLOWS, SALES_FLOWS, sells, used_flows
from st_erp_pipelines.resources import servicetitan
from st_erp_pipelines.resources.http import parsed
from st_erp_pipelines.resources.servicetitan_customers import SCOPE
from st_erp_pipelines.resources.servicetitan_endpoints import ENDPOINTS
from st_erp_pipelines.settings import Connection

TO_MARK = frozenset({"tn.acc.invoices:w", "tn.acc.creditmemos:w", "tn.acc.payments:w"})
TO_WRITE = frozenset({"tn.pb.materials:w", "tn.pb.services:w"})
WRITTEN_BY = {
    "cost_centers": "tn.stt.businessunits:w",
    "vendors": "tn.inv.vendors:w",
    "purchase_orders": "tn.inv.purchaseorders:w",
    "supplier_invoices": "tn.inv.receipts:w",
}
LIST = 500  # of business units and the like, of which a tenant has fewer
JOURNAL = "accounting/v2/tenant/{}/journal-entries"


class ServiceTitanChecks:
    title = "ServiceTitan"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._settings = connection.servicetitan
        self._clock = clock

    @cached_property
    def client(self) -> servicetitan.ServiceTitan:
        return servicetitan.connect(self._settings, clock=self._clock)

    def close(self) -> None:
        if "client" in vars(self):
            self.client.close()

    def gate(self) -> Sequence[Check]:
        titan = self._settings
        return [
            Check("credentials", lambda: reach.credentials(titan)),
            Check("host", lambda: reach.host(titan.api_url)),
            Check("token", self._token),
            Check("app key and tenant", self._tenant),
        ]

    def checks(self) -> Sequence[Check]:
        """Documents of every flow are built from all that is read; references only inform."""
        titan, connection = self._settings, self._connection
        flows = SALES_FLOWS if sells(connection) else PURCHASING_FLOWS
        return [
            Check("clock", lambda: reach.server_time(titan.api_url, titan.timing.read_lag, self._clock)),
            *(Check(f"read {entity}", partial(self._readable, entity), flows) for entity in needed(connection)),
            *(
                Check(f"read {entity}", partial(self._readable, entity), needed_by, only_to_post=True)
                for entity in further(connection)
                for needed_by in [("items",) if entity in PRICEBOOK else ()]
            ),
            *(self._of_sales() if sells(connection) else self._of_purchasing()),
        ]

    def _of_sales(self) -> Iterator[Check]:
        flows = used_flows(self._connection)
        yield Check("marking as exported", self._scopes_to_mark, ())
        yield Check("posted documents", self._posted_documents, ("invoices", "payments"), only_to_post=True)
        if "items" in flows:
            yield Check("pricebook", self._pricebook, ("items",), True)
        if "customers_back" in flows:
            yield Check("customers", partial(self._granted, SCOPE), ("customers_back",), True)

    def _of_purchasing(self) -> Iterator[Check]:
        for flow in used_flows(self._connection):
            if flow in WRITTEN_BY:
                yield Check(f"write {flow}", partial(self._granted, WRITTEN_BY[flow]), (flow,), True)

    def list(self, entity: str) -> list[dict[str, Any]]:
        """Of a short list the active records."""
        rows = self._page(entity, pageSize=LIST)["data"]
        return [row for row in rows if row.get("active") is not False]

    def _page(self, entity: str, **query: Any) -> dict[str, Any]:
        """A closed window or an id, where the list demands one of them."""
        endpoint = ENDPOINTS[entity]
        asked: dict[str, Any] = {**endpoint.always, "page": 1, "pageSize": 1}
        if endpoint.only_by_id:
            asked[endpoint.id_filter] = "1"
        elif endpoint.windowed:
            asked["modifiedBefore"] = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"
        return self._get(endpoint.url(self._settings.tenant_id), f"read {entity}", asked | query)

    def _get(self, url: str, operation: str, query: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = parsed(self.client.api.read("GET", url, operation=operation, params=query))
        return found

    def _token(self) -> Iterator[Said]:
        scopes = self.client.auth.sign_in()
        yield ok(f"granted, with {len(scopes)} scopes" if scopes else "granted")

    def _scopes_to_mark(self) -> Iterator[Said]:
        """Reading proves nothing of writing: the token's own list of scopes is what there is."""
        scopes = self.client.auth.sign_in()
        if not self._settings.mark_exported:
            yield ok("servicetitan.mark_exported is off")
        elif not scopes:
            yield note("the token names no scopes; the first marking will tell")
        elif missing := sorted(TO_MARK - scopes):
            fix = "Grant them to the app, or set servicetitan.mark_exported: false."
            yield wrong(f"servicetitan.mark_exported is on, and the app was not granted {', '.join(missing)}", fix)
        else:
            yield ok(f"granted: {', '.join(sorted(TO_MARK))}")

    def _pricebook(self) -> Iterator[Said]:
        scopes = self.client.auth.sign_in()
        if self._settings.application_guid is None:
            fix = "Set it to the app's GUID in the developer portal."
            yield wrong("servicetitan.application_guid is not set, by which items are found again", fix)
        if not scopes:
            yield note("the token names no scopes; the first item will tell whether it may be written")
        elif missing := sorted(TO_WRITE - scopes):
            yield wrong(f"the app was not granted {', '.join(missing)}", "Grant them to the app.")
        elif self._settings.application_guid:
            yield ok(f"granted: {', '.join(sorted(TO_WRITE))}")

    def _granted(self, scope: str) -> Iterator[Said]:
        scopes = self.client.auth.sign_in()
        if not scopes:
            yield note("the token names no scopes; the first document will tell whether it may be written")
        elif scope not in scopes:
            yield wrong(f"the app was not granted {scope}", "Grant it to the app.")
        else:
            yield ok(f"granted: {scope}")

    def _tenant(self) -> Iterator[Said]:
        """A 403 may mean the tenant or only one scope: two lists tell. Raises what the first of them said."""
        refusals = []
        for entity in ("business_units", "invoices" if sells(self._connection) else "vendors"):
            try:
                self._page(entity)
            except ConfigurationError as error:
                refusals.append(error)
            else:
                yield ok(f"the app key is taken, and tenant {self._settings.tenant_id} is connected to it")
                return
        raise refusals[0]

    def _readable(self, entity: str) -> Iterator[Said]:
        self._page(entity)
        yield ok(ENDPOINTS[entity].scope)

    def _posted_documents(self) -> Iterator[Said]:
        """Tenants of the journal-entry integration have journal entries, and no document ever becomes Posted."""
        posted = self._count(statuses=["Posted", "Exported"])
        entries = self._journal_entries()
        if posted:
            yield ok(f"the office batches and posts: {posted:,} invoices are Posted or Exported")
        elif entries and self._settings.mark_exported:
            yield wrong(
                "the tenant works with the journal-entry integration, where documents cannot be marked as exported",
                "Set servicetitan.mark_exported: false; there the journal entries are what is exported.",
            )
        elif not self._connection.rules.only_posted:
            yield ok("rules.only_posted is false: documents go before the office posts them")
        elif entries:
            yield wrong(
                "the tenant works with the journal-entry integration: it has journal entries, and no invoice ever "
                "became Posted, so nothing would go",
                "Set rules.only_posted: false, and leave servicetitan.mark_exported off: there the journal entries "
                "are what is exported.",
            )
        elif self._count():
            yield warning(
                "no invoice ever became Posted, and only posted ones go",
                "Post a batch in ServiceTitan; if your office never does, set rules.only_posted: false.",
            )
        else:
            yield note("there is no invoice yet")
        if entries is None and not posted:
            scope = "without the scope tn.acc.journalentries:r"
            yield note(f"whether there are journal entries cannot be read {scope}", "Grant it, or ask the office.")

    def _count(self, **filters: Any) -> int:
        page = self._page("invoices", includeTotal="true", **filters)
        return int(page.get("totalCount") or len(page["data"]))

    def _journal_entries(self) -> bool | None:
        """Whether there are any; None where we may not see them."""
        query = {"page": 1, "pageSize": 1}
        try:
            page = self._get(JOURNAL.format(self._settings.tenant_id), "read journal_entries", query)
        except (ConfigurationError, Rejected):
            return None
        return bool(page["data"])
