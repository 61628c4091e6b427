"""The sensor that tells of runs that fail: once, once a day while it lasts, and once when it works again.

What it has told lies in its own cursor, so that it can tell of a database that is down. A step is what fails and
works again, whichever job it was in: it goes on being known as failed until a run in which it succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from st_erp_pipelines import alerts
from st_erp_pipelines.alerts import Alert, What
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.failures import Failure, failure_of, in_words

if TYPE_CHECKING:
    from dagster._core.event_api import RunStatusChangeEventType
    from dagster._core.events.log import EventLogEntry

DAY = 23 * 3600.0  # tomorrow's run may come a little earlier than today's
AT_ONCE = 20  # runs
NOBODY = "nobody was told"  # so far: what has ended by then is not told later
DIED = "It ended without a failed step: its process died, or it could not start. Its log in Dagster says more."
WILL_RETRY = "dagster/will_retry"
ENDS: tuple[RunStatusChangeEventType, ...] = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)


@dataclass(frozen=True)
class Ended:
    """A run of ours. Step keys begin with the connection's name; the run itself counts as a step, too."""

    run_id: str
    job: str
    connection: str
    at: float  # seconds since 1970
    failed: dict[str, Failure]
    succeeded: frozenset[str]


@dataclass
class Memory:
    """`after`: the newest event seen; `told`: when each step that fails was last told of."""

    after: int = -1
    told: dict[str, float] = field(default_factory=dict)

    def tell_of(self, run: Ended) -> Iterator[Alert]:
        """Remembers each alert once it was taken from here: who cannot deliver it, goes no further."""
        due = [step for step in run.failed if run.at - self.told.get(step, float("-inf")) >= DAY]
        again = [step for step in run.succeeded if step in self.told]
        if due:
            what: What = "still fails" if set(due) <= self.told.keys() else "failed"
            said = tuple(run.failed.values())
            steps, sentences = tuple(each.step for each in said), tuple(each.sentence for each in said)
            yield Alert(what, run.connection, run.job, run.run_id, steps, sentences)
        self.told |= dict.fromkeys(due, run.at)
        remaining = {step: at for step, at in self.told.items() if step not in again}
        if again and not any(step.startswith(f"{run.connection}__") for step in remaining):
            words = tuple(in_words(step, run.connection) for step in sorted(again))
            yield Alert("works again", run.connection, run.job, run.run_id, words)
        self.told = remaining

    def __str__(self) -> str:
        return json.dumps({"after": self.after, "told": self.told})


def alerts_sensor(connections: Sequence[str]) -> dg.SensorDefinition:
    """One for all, since they share whom to tell. Setting that switches it on."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells {alerts.NAME} of runs that fail: once, once a day while it lasts, and once it works again.",
    )
    def tell(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        try:
            to = alerts.named()
        except ConfigurationError as error:
            return dg.SensorResult(skip_reason=error.sentence(), cursor=context.cursor)
        if not to:
            return dg.SensorResult(skip_reason=f"{alerts.NAME} is not set: nobody is told.", cursor=NOBODY)
        if context.cursor in (None, NOBODY):
            beginning = Memory(_newest(context.instance))
            return dg.SensorResult(skip_reason="Tells of what ends from now on.", cursor=str(beginning))
        memory = Memory(**json.loads(context.cursor))
        return dg.SensorResult(skip_reason=_tell(context.instance, memory, connections, to), cursor=str(memory))

    return tell


def _tell(instance: dg.DagsterInstance, memory: Memory, connections: Sequence[str], to: str) -> str:
    """What it did. What could not be delivered is tried again by the next tick."""
    delivered = 0
    for event_id, entry in _ends(instance, memory.after):
        run = _ended(instance, entry, connections, bool(memory.told))
        for alert in memory.tell_of(run) if run else ():
            refused = alerts.deliver(alert, to)
            if refused:
                return f"An alert could not be delivered, and is tried again: {refused}."
            delivered += 1
        memory.after = event_id
    return f"Alerts delivered: {delivered}." if delivered else "Nothing new to tell."


def _newest(instance: dg.DagsterInstance) -> int:
    newest = (instance.fetch_run_status_changes(end, limit=1).records for end in ENDS)
    return max((record.storage_id for records in newest for record in records), default=0)


def _ends(instance: dg.DagsterInstance, after: int) -> list[tuple[int, EventLogEntry]]:
    """In the order in which they ended, the oldest that nobody has looked at."""
    found = {}
    for end in ENDS:
        newer = dg.RunStatusChangeRecordsFilter(end, after_storage_id=after)
        for record in instance.fetch_run_status_changes(newer, limit=AT_ONCE, ascending=True).records:
            found[record.storage_id] = record.event_log_entry
    return sorted(found.items())[:AT_ONCE]


def _ended(
    instance: dg.DagsterInstance, entry: EventLogEntry, connections: Sequence[str], anything_told: bool
) -> Ended | None:
    """None where it is not ours, or is tried again at once."""
    run = instance.get_run_by_id(entry.run_id)
    if run is None or run.tags.get(WILL_RETRY) == "true":
        return None
    asked_for = [key.path[0] for key in run.asset_selection or ()]
    candidates = [name for name in connections if name in asked_for or run.job_name.startswith(f"{name}_")]
    if not candidates:
        return None
    connection = max(candidates, key=len)  # one name may begin with another
    itself = f"{connection}__{run.job_name}"
    has_failed = entry.get_dagster_event().event_type == dg.DagsterEventType.RUN_FAILURE
    failed = _failed(instance, run.run_id, connection) if has_failed else {}
    if has_failed and not failed:
        failed = {itself: Failure(f"finish {run.job_name}", "", DIED)}
    succeeded = _succeeded(instance, run.run_id) if anything_told else set()
    succeeded |= set() if has_failed else {itself}
    return Ended(run.run_id, run.job_name, connection, entry.timestamp, failed, frozenset(succeeded))


def _failed(instance: dg.DagsterInstance, run_id: str, connection: str) -> dict[str, Failure]:
    found = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        step = event.step_key or ""
        found[step] = failure_of(in_words(step, connection), event.step_failure_data)
    return found


def _succeeded(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {entry.step_key for entry in entries if entry.step_key}
