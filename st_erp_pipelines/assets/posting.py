"""What is posted, to whichever system."""

from collections.abc import Sequence

import dagster as dg

from st_erp_pipelines.assets.partitions import EVERY_RANGE_IN_ONE_RUN, daily, days_of
from st_erp_pipelines.flows import system_of
from st_erp_pipelines.outbox.report import totals
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.resources.dagster_resources import PipelineResource
from st_erp_pipelines.run_report import RunReport
from st_erp_pipelines.settings import Connection


def post_key(connection: Connection, flow: str) -> dg.AssetKey:
    return dg.AssetKey([connection.name, system_of(connection, flow), f"post_{flow}"])


def flow_keys(connection: Connection, flow: str) -> list[dg.AssetKey]:
    """What a flow consists of."""
    return [dg.AssetKey([connection.name, "staging", f"documents_{flow}"]), post_key(connection, flow)]


def post(connection: Connection, flow: str, behind: Sequence[str]) -> dg.AssetsDefinition:
    """`behind`: extracts of ServiceTitan with partitions, by which a backfill of the whole graph finds it."""
    mode = getattr(connection.flows, flow).mode
    extracts = [[connection.name, "servicetitan", entity] for entity in behind]

    @dg.asset(
        key=post_key(connection, flow),
        deps=[[connection.name, "staging", f"documents_{flow}"], *extracts],
        group_name=connection.name,
        kinds={system_of(connection, flow)},
        owners=["team:finance"],
        pool=f"{connection.name}_posting",
        description=f"Posts what is due of {flow} with a home day among the partitions, exactly once. Mode: {mode}. "
        "Figures: what the run did; *blocked*, *refused* and those that end in *now*: how the flow stands after it.",
        metadata={"mode": mode},
        partitions_def=daily(connection),
        backfill_policy=EVERY_RANGE_IN_ONE_RUN,
    )
    def post_due(context: dg.AssetExecutionContext, pipelines: PipelineResource) -> dg.MaterializeResult[None]:
        with pipelines.working_on(connection, context.run.run_id) as pipeline:
            report = pipeline.post(flow, days_of(context))
            states = totals(pipeline.outbox, connection.name)
        now = {State(state): documents for (of, state), (documents, _) in states.items() if of == flow}
        for sentence in report.sentences:
            context.log.warning(sentence)
        return dg.MaterializeResult(metadata=_metadata(report, now))

    return post_due


def _metadata(report: RunReport, now: dict[State, int]) -> dict[str, int | str]:
    """The states of DESIGN section 2, and the money. Every partition of a range carries the whole run's figures.

    `now`: how many documents of the flow are in each state after the run, whichever run brought them there. Those
    that need a person are told of even where there is none.
    """
    did: dict[str, int | str] = {str(state): count for state, count in report.states.items()}
    exceptions = {"blocked": now.pop(State.BLOCKED, 0), "refused": now.pop(State.REJECTED, 0)}
    stopped = {"stopped": " ".join(report.sentences)} if report.stopped or report.braked else {}
    amount = {"amount_posted": f"{report.amount_posted:.2f}"}  # `st-erp sync` adds it up
    return did | {f"{state}_now": count for state, count in sorted(now.items())} | exceptions | amount | stopped
