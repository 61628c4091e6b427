"""What Dagster hands to assets: one resource per system, and the state they share.

Set-up is cheap: no login, no open file, no secret read. Clients are made once per run and connection,
and closed with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from st_erp_pipelines import settings
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import StErpError
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import hash_of
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources import business_central, sap_business_one, sap_s4hana, servicetitan
from st_erp_pipelines.resources.pacing import SharedPace
from st_erp_pipelines.settings import Connection


class StateResource(dg.ConfigurableResource[Any]):
    """The outbox (SQL) and the home of landing and staging (files). Empty means: from the environment."""

    database_url: str = ""
    home: str = ""
    _outbox: Outbox | None = PrivateAttr(default=None)

    def outbox(self) -> Outbox:
        if self._outbox is None:
            settings.home().mkdir(parents=True, exist_ok=True)
            self._outbox = Outbox(open_engine(self.database_url or settings.database_url()), SystemClock())
        return self._outbox

    def close(self) -> None:
        if self._outbox is not None:
            self._outbox.engine.dispose()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.close()


def _pace(system: str, key: str, calls_per_second: float, outbox: Outbox) -> SharedPace:
    return SharedPace(outbox.engine, f"{system}|{key}", calls_per_second, outbox.clock)


class ClientsResource(dg.ConfigurableResource[Any]):
    """The clients of one system, one for each connection, until the run ends."""

    _clients: dict[str, Any] = PrivateAttr(default_factory=dict)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.close()


class ServiceTitanResource(ClientsResource):
    """Client credentials, app key and pace of ServiceTitan, from the connection's settings."""

    _clients: dict[str, servicetitan.ServiceTitan] = PrivateAttr(default_factory=dict)

    def client(self, connection: Connection, outbox: Outbox) -> servicetitan.ServiceTitan:
        if connection.name not in self._clients:
            titan = connection.servicetitan
            app = hash_of(titan.app_key.resolve())[:12]
            key = f"{titan.api_url}|{titan.tenant_id}|{app}"
            pace = _pace("servicetitan", key, titan.timing.calls_per_second, outbox)
            self._clients[connection.name] = servicetitan.connect(titan, pace=pace, clock=outbox.clock)
        return self._clients[connection.name]


class BusinessCentralResource(ClientsResource):
    """Entra credentials and pace of Business Central, from the connection's settings."""

    _clients: dict[str, business_central.BusinessCentral] = PrivateAttr(default_factory=dict)

    def client(self, connection: Connection, outbox: Outbox) -> business_central.BusinessCentral:
        if connection.name not in self._clients:
            erp = connection.erp
            assert isinstance(erp, settings.BusinessCentral)
            app = hash_of(erp.client_id.resolve())[:12]
            pace = _pace("business_central", f"{erp.api_root}|{app}", erp.timing.calls_per_second, outbox)
            self._clients[connection.name] = business_central.connect(erp, pace=pace, clock=outbox.clock)
        return self._clients[connection.name]


class SapBusinessOneResource(ClientsResource):
    """Login and pace of Business One, from the connection's settings; its session outlives the run where it may."""

    _clients: dict[str, sap_business_one.BusinessOne] = PrivateAttr(default_factory=dict)

    def client(self, connection: Connection, outbox: Outbox) -> sap_business_one.BusinessOne:
        if connection.name not in self._clients:
            erp = connection.erp
            assert isinstance(erp, settings.SapBusinessOne)
            self._clients[connection.name] = sap_business_one.connect(erp, clock=outbox.clock, engine=outbox.engine)
        return self._clients[connection.name]


class SapS4hanaResource(ClientsResource):
    """Token or password and pace of S/4HANA, from the connection's settings."""

    _clients: dict[str, sap_s4hana.S4hana] = PrivateAttr(default_factory=dict)

    def client(self, connection: Connection, outbox: Outbox) -> sap_s4hana.S4hana:
        if connection.name not in self._clients:
            erp = connection.erp
            assert isinstance(erp, settings.SapS4hana)
            self._clients[connection.name] = sap_s4hana.connect(erp, clock=outbox.clock, engine=outbox.engine)
        return self._clients[connection.name]


class PipelineResource(dg.ConfigurableResource[Any]):
    """A connection's pipeline, put together from the system resources."""

    state: StateResource
    servicetitan: ServiceTitanResource
    business_central: BusinessCentralResource
    sap_business_one: SapBusinessOneResource
    sap_s4hana: SapS4hanaResource

    def close(self) -> None:
        """What was opened; in a run, Dagster closes the parts."""
        systems = (self.servicetitan, self.business_central, self.sap_business_one, self.sap_s4hana)
        for part in (*systems, self.state):
            part.close()

    @contextmanager
    def working_on(self, connection: Connection, run_id: str) -> Iterator[Pipeline]:
        """For assets: an error of ours fails the step with its sentence, without a stack trace or a retry."""
        try:
            yield self.of(connection, run_id)
        except StErpError as error:
            kind = {"error": type(error).__name__}
            raise dg.Failure(description=str(error), metadata=kind, allow_retries=False) from None

    def of(self, connection: Connection, run_id: str) -> Pipeline:
        outbox = self.state.outbox()
        return Pipeline(
            connection,
            settings.home(),
            outbox,
            connect_servicetitan=lambda: self.servicetitan.client(connection, outbox),
            connect_erp=lambda: getattr(self, connection.erp.kind).client(connection, outbox),
            run_id=run_id,
        )
