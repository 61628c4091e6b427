"""`st-erp sync`: the job that Dagster runs on schedule, once, here, and what came of it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import httpx

from st_erp_pipelines.commands import output
from st_erp_pipelines.commands.dagster_run import Failure, RunFacts, execute, open_instance
from st_erp_pipelines.commands.output import AMISS, WELL, complain, money, say, say_json, table
from st_erp_pipelines.commands.progress import live
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.commands.status import facts_of, flow_table, show_exceptions
from st_erp_pipelines.errors import StErpError, Unavailable
from st_erp_pipelines.pipeline import FLOWS, Pipeline
from st_erp_pipelines.posting import report
from st_erp_pipelines.posting.states import State
from st_erp_pipelines.resources.servicetitan import ServiceTitan
from st_erp_pipelines.settings import Connection, Settings

Facts = dict[str, Any]
CODES = {"ConfigurationError": output.CONFIGURATION, "Unavailable": output.UNREACHABLE}
KNOCK_SECONDS = 5.0
NOT_SENT_YET = {State.READY, State.UNAVAILABLE, State.SENDING, State.ENTERED}
LISTED = 20


def run(names: Sequence[str], as_json: bool) -> int:
    found = []
    with open_site(names) as site, open_instance() as instance:
        for connection in site.connections:
            facts = _sync(site, connection, instance, quiet=as_json)
            found.append(facts)
            if not as_json:
                show(facts, connection.time_zone)
    if as_json:
        say_json({"connections": found, "faults": site.faults})
    return max([site.exit_code, *(int(facts["exit_code"]) for facts in found)])


def _sync(site: Site, connection: Connection, instance: dg.DagsterInstance, *, quiet: bool) -> Facts:
    began = time.monotonic()
    pipeline = site.pipeline(connection)
    failures = list(_out_of_reach(pipeline))
    runs = [] if failures else _run_jobs(pipeline, instance, quiet)
    failures += [failure for each in runs for failure in each.failures]
    facts = facts_of(site.outbox, connection) | {
        "elapsed_seconds": round(time.monotonic() - began, 1),
        "runs": [each.run_id for each in runs],
        "posted": {flow: _posted(flow, runs) for flow in FLOWS},
        "failures": [{"step": each.step, "kind": each.kind, "sentence": each.sentence} for each in failures],
        "sentences": list(dict.fromkeys(sentence for each in runs for sentence in each.sentences)),
        "reconciliation": [],
        "differences": [],
    }
    if any("staging/reconciliation" in each.materialized for each in runs):
        facts |= _reconciled(pipeline)
    return facts | {"exit_code": _code(facts)}


def _out_of_reach(pipeline: Pipeline) -> list[Failure]:
    """Credentials unset or refused, a host that does not answer: found at once, not once per step."""
    titan, erp = pipeline.connection.servicetitan, pipeline.connection.erp
    failures = []
    for system, url, client, read in (
        ("ServiceTitan", titan.api_url, lambda: pipeline.servicetitan, lambda: _read_a_little(pipeline.servicetitan)),
        ("Business Central", erp.api_url, lambda: pipeline.erp, lambda: pipeline.place),
    ):
        try:
            client()
            _knock(system, url)
            read()
        except StErpError as error:
            failures.append(Failure(f"reach {system}", type(error).__name__, error.sentence()))
    return failures


def _read_a_little(client: ServiceTitan) -> None:
    with TemporaryDirectory() as folder:
        client.walk("business_units", Path(folder))


def _knock(system: str, url: str) -> None:
    """Any answer will do."""
    try:
        httpx.get(url, timeout=KNOCK_SECONDS)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        host = httpx.URL(url).netloc.decode()
        raise Unavailable(
            f"{host} cannot be reached ({error})", system=system,
            fix="Is the URL in connections.yaml right, and does a proxy or firewall stand between? Nothing was sent.",
        ) from None  # fmt: skip
    except httpx.TransportError:
        pass  # slow or abrupt, but there: the run will tell


def _run_jobs(pipeline: Pipeline, instance: dg.DagsterInstance, quiet: bool) -> list[RunFacts]:
    from st_erp_pipelines.definitions import build_definitions
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
    return runs


def _posted(flow: str, runs: Sequence[RunFacts]) -> Facts:
    made = [each.posted(flow) for each in runs]
    return {
        "documents": sum(int(metadata.get("posted", 0)) for metadata in made),
        "amount": sum((Decimal(metadata.get("amount_posted", "0")) for metadata in made), Decimal("0.00")),
    }


def _reconciled(pipeline: Pipeline) -> Facts:
    result = pipeline.reconciled()
    waiting = _not_sent_yet(pipeline)
    return {
        "reconciliation": [vars(totals) for totals in result.totals],
        "differences": [
            vars(each) | {"explained": each.explained or waiting.get(each.business_key, "")}
            for each in result.differences
        ],
    }


def _not_sent_yet(pipeline: Pipeline) -> dict[str, str]:
    """States of what is still to go (in mode observe: everything), parts of a payment by its own key, too."""
    states = report.states_by_key(pipeline.outbox, pipeline.connection.name)
    waiting = {key: state for key, state in states.items() if state in NOT_SENT_YET}
    return {key.rpartition("-")[0]: state for key, state in waiting.items()} | waiting


def _code(facts: Facts) -> int:
    unexplained = [each for each in facts["differences"] if not each["explained"]]
    amiss = AMISS if facts["exceptions"] or unexplained or facts["failures"] else WELL
    return max([amiss, *(CODES.get(failure["kind"], AMISS) for failure in facts["failures"])])


# What people see


def show(facts: Facts, zone: str) -> None:
    say(f"\n{facts['name']}", style="bold underline")
    _show_failures(facts["failures"])
    if facts["runs"]:
        say(f"{_posted_in_words(facts)} in {facts['elapsed_seconds']:,.0f} s.", style="bold")
    for sentence in facts["sentences"]:
        say(sentence, style="yellow")
    if facts["flows"]:
        say(flow_table(facts, zone))
        _show_reconciliation(facts)
        show_exceptions(facts["exceptions"])


def _show_failures(failures: Sequence[Facts]) -> None:
    steps: dict[str, list[str]] = defaultdict(list)
    for failure in failures:
        steps[failure["sentence"]].append(failure["step"])
    for sentence, names in steps.items():
        more = f" and {len(names) - 1} more steps" if len(names) > 1 else ""
        complain(f"Could not {names[0]}{more}: {sentence}")


def _posted_in_words(facts: Facts) -> str:
    parts = []
    for flow, posted in facts["posted"].items():
        if posted["documents"]:
            worth = "" if flow == "customers" else f" ({money(posted['amount'])})"
            parts.append(f"{posted['documents']:,} {flow}{worth}")
    return f"Posted {', '.join(parts)}" if parts else "Nothing was posted"


def _show_reconciliation(facts: Facts) -> None:
    if not facts["reconciliation"]:
        return
    rows = []
    for each in facts["reconciliation"]:
        figures = (money(each[name]) for name in ("source", "erp", "difference"))
        rows.append((each["flow"], f"{each['documents']:,}", f"{each['matched']:,}", *figures))
    columns = ("flow", "documents", "matched", "ServiceTitan", "ERP", "difference")
    say()
    say(table("Reconciliation", columns, rows, right=columns[1:]))
    unexplained = [each for each in facts["differences"] if not each["explained"]]
    explained = Counter(each["explained"].replace("_", " ") for each in facts["differences"] if each["explained"])
    if explained:
        counts = ", ".join(f"{count:,} {state}" for state, count in explained.most_common())
        say(f"{explained.total():,} differences are explained by the state of their document: {counts}.")
    if unexplained:
        say(f"{len(unexplained):,} that nothing explains:", style="yellow")
        for each in unexplained[:LISTED]:
            status = each["status"].replace("_", " ")
            say(f"  {each['business_date']}  {each['business_key']}  {money(each['difference'])}  {status}")
        if len(unexplained) > LISTED:
            say(f"  … and {len(unexplained) - LISTED:,} more, in staging.reconciliation_documents and with --json.")
