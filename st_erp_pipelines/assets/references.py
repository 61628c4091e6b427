"""What no flow needs, of both systems: read by a job of its own (schedules/references.py)."""

import dagster as dg

from st_erp_pipelines.assets import erp, servicetitan
from st_erp_pipelines.settings import Connection


def references(connection: Connection) -> list[tuple[str, str]]:
    """System and entity of each."""
    of_servicetitan = [(servicetitan.SYSTEM, entity) for entity in servicetitan.references(connection)]
    return [*of_servicetitan, *((connection.erp.kind, entity) for entity in erp.references(connection))]


def reference_keys(connection: Connection) -> list[dg.AssetKey]:
    """Their extracts and staging tables."""
    names = [
        name
        for system, entity in references(connection)
        for name in ((system, entity), ("staging", f"{system}__{entity}"))
    ]
    return [dg.AssetKey([connection.name, *name]) for name in names]
