"""A job of a connection, executed here and recorded in the site's Dagster instance, so that its UI shows it."""

from __future__ import annotations

import logging
import os
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from st_erp_pipelines.commands.site import prepare_dagster_home
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.failures import Failure, failure_of, in_words

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunFacts:
    """What a run said while it went on. `materialized`: metadata by asset, below the connection's name."""

    run_id: str
    step: str = ""
    steps_done: int = 0
    steps: int = 0
    failures: list[Failure] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    materialized: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The site's; while it is open, nothing of Dagster reaches the terminal."""
    prepare_dagster_home()
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes to developers
        with _instance() as instance:
            yield instance


def _instance() -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.get()
    except (dg.DagsterInvariantViolationError, dg.DagsterInvalidConfigError):
        home = os.environ["DAGSTER_HOME"]
        fix = "Make it a folder with a valid dagster.yaml, or unset DAGSTER_HOME to have one made."
        raise ConfigurationError(f"DAGSTER_HOME is {home}, which is no Dagster instance.", fix=fix) from None


def execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    connection: str,
    job: str,
    tags: dict[str, str],
    begin: Callable[[RunFacts], None] = lambda facts: None,
) -> RunFacts:
    """Never raises for what fails in a step. `begin` gets the facts, which then change while the run goes on."""
    resolved = definitions.resolve_job_def(f"{connection}_{job}")
    facts = RunFacts(str(uuid.uuid4()), steps=len(resolved.graph.nodes))
    instance.add_event_listener(facts.run_id, lambda entry: _note(facts, connection, entry))
    begin(facts)
    resolved.execute_in_process(
        run_config=QUIET, instance=instance, run_id=facts.run_id, tags=tags, raise_on_error=False
    )
    return facts


def _note(facts: RunFacts, connection: str, entry: EventLogEntry) -> None:
    event = entry.dagster_event
    if event is None:
        if entry.level == logging.WARNING and entry.user_message not in facts.sentences:
            facts.sentences.append(entry.user_message)
    elif event.is_step_start:
        facts.step = in_words(event.step_key or "", connection)
    elif event.is_step_success or event.is_step_skipped:
        facts.steps_done += 1
    elif event.is_step_failure:
        facts.steps_done += 1
        facts.failures.append(failure_of(in_words(event.step_key or "", connection), event.step_failure_data))
    elif event.is_step_materialization:
        made = event.step_materialization_data.materialization
        name = "/".join(made.asset_key.path[1:])
        facts.materialized[name] = {key: value.value for key, value in made.metadata.items()}
