"""SAP S/4HANA: login, which services are arranged, and what it takes to write requests and suppliers there.

What a user may write is in no service: the first document will tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor import reach
from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.flows import PURCHASING_FLOWS
from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources import sap_s4hana
from st_erp_pipelines.resources.odata import quoted
from st_erp_pipelines.resources.sap_s4hana.entities import ENTITIES
from st_erp_pipelines.resources.sap_s4hana.replies import (
    COST_CENTERS,
    INVOICES,
    ORDERS,
    PARTNERS,
    REQUISITIONS,
    SCENARIOS,
)
from st_erp_pipelines.resources.sap_s4hana.wire import Row
from st_erp_pipelines.settings import Connection, SapS4hana

NEEDED_BY = {
    COST_CENTERS: PURCHASING_FLOWS,
    PARTNERS: PURCHASING_FLOWS,
    ORDERS: ("purchase_orders", "requests", "supplier_invoices"),
    REQUISITIONS: ("purchase_orders", "requests", "supplier_invoices"),
    INVOICES: ("supplier_invoices",),
}
OF_REQUESTS = ("purchasing_group", "material_group", "gl_account")


class SapS4hanaChecks:
    title = "SAP S/4HANA"

    def __init__(self, connection: Connection, mappings: Mappings, clock: Clock) -> None:
        assert isinstance(connection.erp, SapS4hana)
        self._settings = connection.erp
        self._mappings = mappings
        self._clock = clock

    @cached_property
    def client(self) -> sap_s4hana.S4hana:
        return sap_s4hana.connect(self._settings, clock=self._clock)

    def close(self) -> None:
        if "client" in vars(self):
            self.client.close()

    def gate(self) -> Sequence[Check]:
        erp = self._settings
        return [
            Check("credentials", lambda: reach.credentials(erp)),
            Check("host", lambda: reach.host(erp.api_url, verify=False)),
            Check("login", self._login),
        ]

    def checks(self) -> Sequence[Check]:
        erp = self._settings
        return [
            Check("clock", lambda: reach.server_time(erp.api_url, erp.timing.read_lag, self._clock, verify=False)),
            *(Check(f"reach {name}", partial(self._reachable, name), flows) for name, flows in NEEDED_BY.items()),
            Check("company code", self._company_code),
            Check("cost centers", self._cost_centers, ("purchase_orders", "requests"), only_to_post=True),
            Check("settings of requests", self._requests, ("requests",), only_to_post=True),
            Check(
                "permission to write",
                lambda: [note("cannot be read by API; the first document will tell")],
                ("suppliers", "requests"),
            ),
        ]

    def local_currency(self) -> str:
        """No service tells it."""
        return self._settings.currency

    def _login(self) -> Iterator[Said]:
        self.client.sign_in()
        yield ok("a token was granted" if self._settings.auth == "oauth" else "by password, seen by the first service")

    def _reachable(self, service: str) -> Iterator[Said]:
        self.client.reach(service)
        yield ok(f"arranged by {SCENARIOS[service]}")

    def _company_code(self) -> Iterator[Said]:
        if self._centers:
            yield ok(f"{len(self._centers)} rows of cost centers belong to company code {self._settings.company_code}")
        else:
            yield warning(
                f"no cost center belongs to company code {self._settings.company_code}",
                "Check erp.company_code and erp.controlling_area.",
            )

    def _cost_centers(self) -> Iterator[Said]:
        known = {row["CostCenter"] for row in self._centers}
        unknown = sorted(set(self._mappings.tables["cost_centers"]["cost_center"]) - known)
        for each in unknown:
            yield wrong(f"{each} of cost_centers.csv is no cost center there", "Correct it there.")
        if not unknown:
            yield ok("those of cost_centers.csv are there")

    def _requests(self) -> Iterator[Said]:
        missing = [name for name in OF_REQUESTS if not getattr(self._settings, name)]
        if missing:
            fix = "Set them: an order without them is refused, or only possible for materials."
            yield warning(f"not set: {', '.join(f'erp.{name}' for name in missing)}", fix)
        else:
            yield ok("what an order there needs is set")

    @cached_property
    def _centers(self) -> list[Row]:
        asked = f"CompanyCode eq {quoted(self._settings.company_code)}"
        return self.client.rows(ENTITIES["cost_centers"], asked, operation="list cost centers")
