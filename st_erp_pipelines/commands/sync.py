"""`st-erp sync`: the job that Dagster runs on schedule, once, here, and what came of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import httpx
import sqlalchemy as sa

from st_erp_pipelines.commands import output
from st_erp_pipelines.commands.dagster_run import RunFacts, execute, open_instance
from st_erp_pipelines.commands.exceptions import counted, show_exceptions
from st_erp_pipelines.commands.output import AMISS, DEMO_HAS_ENDED, WELL, complain, money, say, say_json
from st_erp_pipelines.commands.progress import live
from st_erp_pipelines.commands.reconciled import reconciled, show_reconciliation
from st_erp_pipelines.commands.site import Site, ended_demo, open_site
from st_erp_pipelines.commands.status import (
    code_of,
    company_of,
    facts_of,
    flow_table,
    places_of,
    say_paused,
    show_mapping_faults,
)
from st_erp_pipelines.commands.to_do import show_to_do
from st_erp_pipelines.database import reading
from st_erp_pipelines.errors import StErpError, Unavailable
from st_erp_pipelines.failures import Failure
from st_erp_pipelines.flows import FLOWS, WITHOUT_AMOUNT, system_of, used_flows
from st_erp_pipelines.outbox import report
from st_erp_pipelines.outbox.schema import documents, events
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.servicetitan import ServiceTitan
from st_erp_pipelines.settings import Connection, Settings
from st_erp_pipelines.settings_systems import SYSTEMS

Facts = dict[str, Any]
CODES = {"ConfigurationError": output.CONFIGURATION, "Unavailable": output.UNREACHABLE}
KNOCK_SECONDS = 5.0
NOT_TRIED = "Not sent: "  # how the brakes begin to say that it was not even asked
STOPPED_BY_PAUSE = "paused, or the fence"


def run(names: Sequence[str], as_json: bool, references: bool = False) -> int:
    found = []
    with open_site(names) as site, open_instance() as instance:
        for connection in site.connections:
            facts = synced(site, connection, instance, references, quiet=as_json)
            found.append(facts)
            if not as_json:
                show(facts, connection.time_zone)
    if as_json:
        say_json({"connections": found, "faults": site.faults})
    return max([site.exit_code, *(int(facts["exit_code"]) for facts in found)])


def synced(
    site: Site, connection: Connection, instance: dg.DagsterInstance, references: bool = False, *, quiet: bool = False
) -> Facts:
    began, started_at = time.monotonic(), site.outbox.now()
    pipeline = site.pipeline(connection)
    failures = list(_out_of_reach(pipeline))
    runs = [] if failures else _run_jobs(pipeline, instance, references, quiet)
    failures += [failure for each in runs for failure in each.failures]
    facts = facts_of(pipeline) | {
        "elapsed_seconds": round(time.monotonic() - began, 1),
        "runs": [each.run_id for each in runs],
        "posted": {flow: _posted(pipeline.connection, flow, runs) for flow in used_flows(pipeline.connection)},
        "refused": _refused(pipeline, started_at),
        "failures": [{"step": each.step, "kind": each.kind, "sentence": each.sentence} for each in failures],
        "sentences": _sentences(pipeline, runs),
        "reconciliation": [],
        "differences": [],
    }
    if any("staging/reconciliation" in each.materialized for each in runs):
        facts |= reconciled(pipeline)
    return facts | {"exit_code": _code(facts)}


def _out_of_reach(pipeline: Pipeline) -> list[Failure]:
    """Credentials unset or refused, a host that does not answer: found at once, not once per step."""
    titan, erp = pipeline.connection.servicetitan, pipeline.connection.erp
    systems: list[tuple[str, str, Callable[[], object], Callable[[], object]]] = [
        ("ServiceTitan", titan.api_url, lambda: pipeline.servicetitan, lambda: _read_a_little(pipeline.servicetitan)),
        (SYSTEMS[erp.kind], erp.api_url, lambda: pipeline.erp, lambda: _sign_in(pipeline)),
    ]
    failures = []
    for system, url, client, read in systems:
        try:
            client()
            _knock(url)
            read()
        except StErpError as error:
            failures.append(Failure(f"reach {system}", type(error).__name__, error.sentence()))
    return failures


def _sign_in(pipeline: Pipeline) -> None:
    pipeline.erp.sign_in()
    pipeline.place_of("invoices")  # which may have to be asked for


def _read_a_little(client: ServiceTitan) -> None:
    with TemporaryDirectory() as folder:
        client.walk("business_units", Path(folder))


def _knock(url: str) -> None:
    """Any answer will do, whoever gives it: clients look at certificates, and know which ones."""
    try:
        httpx.get(url, timeout=KNOCK_SECONDS, verify=False)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        host = httpx.URL(url).netloc.decode()
        raise Unavailable(
            f"{host} cannot be reached ({error})",
            fix="Is the URL in connections.yaml right, and does a proxy or firewall stand between? Nothing was sent.",
        ) from None  # fmt: skip
    except httpx.TransportError:
        pass  # slow or abrupt, but there: the run will tell


def _run_jobs(pipeline: Pipeline, instance: dg.DagsterInstance, references: bool, quiet: bool) -> list[RunFacts]:
    from st_erp_pipelines.assets.references import reference_keys
    from st_erp_pipelines.definitions import build_definitions
    from st_erp_pipelines.schedules.references import days_to_read
    from st_erp_pipelines.schedules.sync import days_to_sync, due_before, range_tags

    name = pipeline.connection.name
    definitions = build_definitions(Settings([pipeline.connection], [], []))
    with live(pipeline.outbox, name, quiet) as begin:
        first, last = days_to_sync(pipeline)
        runs = [execute(definitions, instance, name, "sync", range_tags(first, last), begin)]
        older = due_before(pipeline, first)
        if older and not runs[0].failures:
            # To today, not only to the last older day: what is posted now is read back in today's partition.
            runs.append(execute(definitions, instance, name, "post", range_tags(older, last), begin))
        if references and reference_keys(pipeline.connection):
            runs.append(execute(definitions, instance, name, "references", range_tags(*days_to_read(pipeline)), begin))
    return runs


def _posted(connection: Connection, flow: str, runs: Sequence[RunFacts]) -> Facts:
    made = [each.materialized.get(f"{system_of(connection, flow)}/post_{flow}", {}) for each in runs]
    return {
        "documents": sum(int(metadata.get("posted", 0)) for metadata in made),
        "amount": sum((Decimal(metadata.get("amount_posted", "0")) for metadata in made), Decimal("0.00")),
    }


def _refused(pipeline: Pipeline, since: datetime) -> Facts:
    """By flow: what was tried since then and refused, and whether all of it had been refused before."""
    conditions = documents.c.state == State.REJECTED, documents.c.state_since >= since
    rows = report.all_of(pipeline.outbox, pipeline.connection.name, *conditions)
    earlier = sa.select(events.c.document_id).where(events.c.state == State.REJECTED, events.c.at < since)
    with reading(pipeline.outbox.engine) as con:
        known = set(con.execute(earlier).scalars())
    tried = [row for row in rows if not row.sentence.startswith(NOT_TRIED)]
    return {
        flow: {"documents": len(mine), "again": all(row.id in known for row in mine)}
        for flow in FLOWS
        if (mine := [row for row in tried if row.flow == flow])
    }


def _sentences(pipeline: Pipeline, runs: Sequence[RunFacts]) -> list[str]:
    """Of the runs, each once, with the company as people call it."""
    said = dict.fromkeys(sentence for each in runs for sentence in each.sentences)
    for place in places_of(pipeline.outbox, pipeline.connection.name):
        company = company_of(pipeline.connection, place)
        said = dict.fromkeys(sentence.replace(place, company) for sentence in said)
    return list(said)


def _code(facts: Facts) -> int:
    unexplained = [each for each in facts["differences"] if not each["explained"]]
    amiss = AMISS if code_of(facts) or unexplained or facts["failures"] else WELL
    return max([amiss, *(CODES.get(failure["kind"], AMISS) for failure in facts["failures"])])


# What people see


def show(facts: Facts, zone: str) -> None:
    say(f"\n{facts['name']}", style="bold underline")
    _show_failures(facts)
    if facts["runs"]:
        say(in_words(facts), style="bold")
    say_paused(facts, zone)
    for sentence in facts["sentences"]:
        if not (facts["paused"] and STOPPED_BY_PAUSE in sentence):
            say(sentence, style="yellow")
    if facts["flows"]:
        say(flow_table(facts, zone))
        show_reconciliation(facts)
    show_mapping_faults(facts)
    if facts["flows"]:
        show_exceptions(facts)
        show_to_do(facts)


def _show_failures(facts: Facts) -> None:
    failures = facts["failures"]
    if any(failure["kind"] == "Unavailable" for failure in failures) and ended_demo():
        complain(DEMO_HAS_ENDED)
        failures = [failure for failure in failures if failure["kind"] != "Unavailable"]
    steps: dict[str, list[Facts]] = defaultdict(list)
    for failure in failures:
        steps[failure["sentence"]].append(failure)
    for sentence, failed in steps.items():
        first, more = failed[0], f" and {len(failed) - 1} more steps" if len(failed) > 1 else ""
        step = first["step"]
        is_setting = first["kind"] == "ConfigurationError" and step.startswith("reach ")
        complain(f"{facts['name'] if is_setting else f'Could not {step}{more}'}: {sentence}")


def in_words(facts: Facts) -> str:
    """`Posted 5 invoices (1,200.00) in 18 s; 4 invoices were refused again.`"""
    parts = []
    for flow, posted in facts["posted"].items():
        if posted["documents"]:
            worth = "" if flow in WITHOUT_AMOUNT else f" ({money(posted['amount'])})"
            parts.append(f"{counted(posted['documents'], flow)}{worth}")
    refused = [
        f"{counted(each['documents'], flow)} {'were' if each['documents'] > 1 else 'was'} refused"
        + (" again" if each["again"] else "")
        for flow, each in facts["refused"].items()
    ]
    done = f"Posted {', '.join(parts)}" if parts else "Nothing was posted"
    return "; ".join([f"{done} in {facts['elapsed_seconds']:,.0f} s", *refused]) + "."
