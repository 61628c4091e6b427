"""What Dagster loads: every sound connection of connections.yaml, and one failing asset for each other.

Loading needs no secret and no network.
"""

from __future__ import annotations

import warnings

import dagster as dg

from st_erp_pipelines import settings
from st_erp_pipelines.settings import ConfigFault, Connection, Settings

# Dagster marks both parameters as beta; the pinned version is tested with them.
warnings.filterwarnings("ignore", message="Parameter `(backfill_policy|include_sources)`", category=dg.BetaWarning)

from st_erp_pipelines.assets import erp, landing, published, reconciliation, servicetitan, staging  # noqa: E402
from st_erp_pipelines.assets.freshness import kept_fresh  # noqa: E402
from st_erp_pipelines.assets.posting import post_key  # noqa: E402
from st_erp_pipelines.flows import sells, used_flows  # noqa: E402
from st_erp_pipelines.resources.dagster_resources import (  # noqa: E402
    BusinessCentralResource,
    PipelineResource,
    SapBusinessOneResource,
    SapS4hanaResource,
    ServiceTitanResource,
    StateResource,
)
from st_erp_pipelines.schedules import references as reading  # noqa: E402
from st_erp_pipelines.schedules import sync  # noqa: E402
from st_erp_pipelines.schedules.alerts import alerts_sensor  # noqa: E402
from st_erp_pipelines.schedules.retention import (  # noqa: E402
    landing_job,
    landing_schedule,
    retention_schedule,
    thin_old_runs,
)


def build_definitions(loaded: Settings) -> dg.Definitions:
    systems = {
        "servicetitan": ServiceTitanResource(),
        "business_central": BusinessCentralResource(),
        "sap_business_one": SapBusinessOneResource(),
        "sap_s4hana": SapS4hanaResource(),
    }
    state = StateResource()
    parts = [_connection(connection) for connection in loaded.connections]
    return dg.Definitions.merge(
        *parts,
        dg.Definitions(
            assets=[_faulty(name, loaded.faults) for name in loaded.faulty or _unnamed(loaded)],
            resources={
                "state": state,
                **systems,
                "pipelines": PipelineResource(state=state, **systems),
            },
            jobs=[thin_old_runs],
            schedules=[retention_schedule()],
            sensors=[alerts_sensor([*(connection.name for connection in loaded.connections), *loaded.faulty])],
            executor=dg.in_process_executor,
        ),
    )


def _connection(connection: Connection) -> dg.Definitions:
    titan_entities = servicetitan.read_of(connection)
    erp_entities = [*erp.read_before(connection), *erp.read_back(connection), *erp.references(connection)]
    documents = ("invoices", "payments", "customers") if sells(connection) else servicetitan.needed_by_day(connection)
    readable = [(servicetitan.SYSTEM, entity) for entity in (*documents, *servicetitan.further(connection))]
    readable += [] if sells(connection) else [(connection.erp.kind, entity) for entity in erp.read_before(connection)]
    assets = [
        *servicetitan.assets(connection),
        *erp.assets(connection),
        *staging.staged(connection, servicetitan.SYSTEM, titan_entities),
        *staging.staged(connection, connection.erp.kind, erp_entities),
        *(staging.documents(connection, flow, _before_build(connection, flow)) for flow in used_flows(connection)),
        reconciliation.reconciliation(connection),
        published.published(connection),
    ]
    return dg.Definitions(
        assets=[*kept_fresh(connection, assets), landing.landing(connection)],
        asset_checks=[
            *(staging.quarantine_check(connection, system, entity) for system, entity in readable),
            staging.mapping_check(connection),
            reconciliation.totals_check(connection),
            reconciliation.nothing_hangs(connection),
        ],
        jobs=[sync.sync_job(connection), sync.post_job(connection), *reading.jobs(connection), landing_job(connection)],
        schedules=[*sync.schedules(connection), *reading.schedules(connection), landing_schedule(connection)],
        sensors=[sync.retry_sensor(connection)],
    )


def _before_build(connection: Connection, flow: str) -> list[dg.AssetKey]:
    """Documents of a flow are built from all staging tables, once the flow before has posted. Items wait for none."""
    if flow == "items":
        return servicetitan.before_items(connection)
    if flow == "customers_back":
        return [post_key(connection, "customers")]
    chain = [each for each in used_flows(connection) if each not in ("items", "customers_back")]
    position = chain.index(flow)
    if position:
        return [post_key(connection, chain[position - 1])]
    tables = [(servicetitan.SYSTEM, entity) for entity in servicetitan.needed(connection)]
    tables += [(connection.erp.kind, entity) for entity in erp.read_before(connection)]
    staged = [dg.AssetKey([connection.name, "staging", f"{system}__{entity}"]) for system, entity in tables]
    return [*staged, *([erp.sales_before_key(connection)] if sells(connection) else [])]


def _unnamed(loaded: Settings) -> list[str]:
    return ["connections_yaml"] if loaded.faults and not loaded.connections else []


def _faulty(name: str, faults: list[ConfigFault]) -> dg.AssetsDefinition:
    mine = [fault for fault in faults if name in fault.connections] or faults
    said = "\n".join(str(fault) for fault in mine)

    @dg.asset(key=[name, "configuration"], group_name=name, description=f"This connection does not run:\n\n{said}")
    def configuration() -> None:
        raise dg.Failure(description=said, allow_retries=False)

    return configuration


defs = build_definitions(settings.load(settings.config_path()))
