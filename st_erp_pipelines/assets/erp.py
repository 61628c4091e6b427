"""What is extracted from the ERP of a connection, and what is posted to it: a module for each says what there is."""

from types import ModuleType

import dagster as dg

from st_erp_pipelines.assets import business_central, sap_business_one, sap_s4hana
from st_erp_pipelines.assets.extracting import extract_by_day, extract_whole
from st_erp_pipelines.assets.posting import post, post_key
from st_erp_pipelines.flows import BACK, used_flows
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.settings import Connection

BUILT_FROM = {
    "suppliers": "vendors",
    "requests": "purchase_requests",
}  # flows called otherwise than what they come from
ERPS = {each.SYSTEM: each for each in (business_central, sap_business_one, sap_s4hana)}


def erp_of(connection: Connection) -> ModuleType:
    return ERPS[connection.erp.kind]


def assets(connection: Connection) -> list[dg.AssetsDefinition]:
    erp = erp_of(connection)
    flows = [flow for flow in used_flows(connection) if flow not in BACK]
    posted = [post_key(connection, flow) for flow in flows]
    return [
        *(extract_whole(connection, erp.SYSTEM, entity) for entity in erp.WHOLE),
        *(extract_by_day(connection, erp.SYSTEM, entity, erp.NAMED_BY.get(entity, ())) for entity in erp.BY_DAY),
        *([sales_before_posting(connection)] if erp.SALES else []),
        *(post(connection, flow, [BUILT_FROM.get(flow, flow)]) for flow in flows),
        *(
            extract_by_day(connection, erp.SYSTEM, entity, after=posted, is_optional=entity in erp.OPTIONAL)
            for entity in erp.READ_BACK_BY_DAY
        ),
        *(extract_whole(connection, erp.SYSTEM, entity, after=posted) for entity in erp.READ_BACK_WHOLE),
        *(extract_by_day(connection, erp.SYSTEM, entity, is_reference=True) for entity in references(connection)),
    ]


def read_before(connection: Connection) -> list[str]:
    """What documents are built from."""
    erp = erp_of(connection)
    return [*erp.WHOLE, *erp.BY_DAY]


def read_back(connection: Connection) -> list[str]:
    erp = erp_of(connection)
    return [*erp.READ_BACK_BY_DAY, *erp.READ_BACK_WHOLE]


def references(connection: Connection) -> list[str]:
    return [entity for entity in erp_of(connection).REFERENCES if entity in connection.references.entities]


def period_keys(connection: Connection) -> list[dg.AssetKey]:
    """Extract and staging table of the days that are open, where the ERP tells."""
    erp = erp_of(connection)
    if not erp.PERIOD:
        return []
    names = ((erp.SYSTEM, erp.PERIOD), ("staging", f"{erp.SYSTEM}__{erp.PERIOD}"))
    return [dg.AssetKey([connection.name, *name]) for name in names]


def sales_before_key(connection: Connection) -> dg.AssetKey:
    return dg.AssetKey([connection.name, connection.erp.kind, "sales_before_posting"])


def sales_before_posting(connection: Connection) -> dg.AssetsDefinition:
    """An asset of its own: the extracts of these lists run after posting, and no asset runs twice in a run."""
    erp = erp_of(connection)

    @dg.asset(
        key=sales_before_key(connection),
        group_name=connection.name,
        kinds={erp.SYSTEM, "duckdb"},
        pool=f"{connection.name}_staging",
        description="Invoices and credit memos that stand there before anything is posted: one that somebody entered "
        "by hand is not entered again.",
    )
    def read(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        rows: dict[str, int | str] = {}
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            for entity in erp.SALES:
                for day in pipeline.open_days(erp.SYSTEM, entity):
                    pipeline.extract(erp.SYSTEM).day(entity, day)
                rows[entity] = pipeline.stage(erp.SYSTEM, entity).rows
        return dg.MaterializeResult(metadata=rows)

    return read
