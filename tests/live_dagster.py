"""A real `dagster dev` on a site: webserver, daemon and code server as a user starts them, asked over GraphQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from tests.world import Site, wait_until

LOCATION = "st_erp_pipelines.definitions"
LOCK_ERRORS = ("Could not set lock", "database is locked", "is open in another process")
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
START_SCHEDULE = """
mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on PythonError { message } }
}
"""
STOP_SECONDS = 30.0


@dataclass
class Live:
    site: Site
    home: Path  # of Dagster
    url: str
    log: Path
    instance: dg.DagsterInstance

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        reply: dict[str, Any] = httpx.post(f"{self.url}/graphql", json=body, timeout=60).json()
        assert "errors" not in reply, reply["errors"]
        found: dict[str, Any] = reply["data"]
        return found

    @property
    def repository(self) -> dict[str, str]:
        return {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}

    def start_schedule(self, name: str) -> None:
        selector = self.repository | {"scheduleName": name}
        started = self.ask(START_SCHEDULE, selector=selector)["startSchedule"]
        assert started["__typename"] == "ScheduleStateResult", started

    def backfill_job(self, job: str, partitions: Sequence[str]) -> str:
        """Its id. As the UI launches it from the job's page."""
        selector = {"repositorySelector": self.repository, "partitionSetName": f"{job}_partition_set"}
        return self._launch({"selector": selector}, partitions)

    def backfill_assets(self, keys: Sequence[Sequence[str]], partitions: Sequence[str]) -> str:
        """Its id. As the UI launches it from the asset graph, or the page of an asset."""
        return self._launch({"assetSelection": [{"path": list(key)} for key in keys]}, partitions)

    def _launch(self, what: dict[str, Any], partitions: Sequence[str]) -> str:
        params = what | {"partitionNames": list(partitions)}
        launched = self.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def runs(self, **filters: Any) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(**filters)))

    def ended(self, backfill: str) -> str:
        """How, or "" while it goes on."""
        found = self.instance.get_backfill(backfill)
        assert found is not None
        return "" if found.status.value in ("REQUESTED", "CANCELING") else found.status.value

    def lock_errors(self) -> list[str]:
        """Whoever said them: processes, or steps in Dagster's event log."""
        said = self.log.read_text("utf-8", "replace").splitlines()
        for run in self.runs():
            said += [str(entry) for entry in self.instance.all_logs(run.run_id)]
        return [line for line in said if any(error in line for error in LOCK_ERRORS)]


@contextmanager
def dagster_dev(site: Site) -> Iterator[Live]:
    """On the shipped dagster.yaml; every process of it has ended after."""
    home = site.home / "dagster"
    home.mkdir(parents=True)
    shutil.copyfile(str(files("st_erp_pipelines") / "dagster.yaml"), home / "dagster.yaml")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "st_erp_pipelines.definitions", "-h127.0.0.1", f"-p{port}"]
    environment = os.environ | site.variables | {"DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    log = home / "dev.log"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        _make_tables(instance)
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            live = Live(site, home, f"http://127.0.0.1:{port}", log, instance)
            wait_until(lambda: _answers(live, process), 120)
            yield live
        finally:
            _end(process)


def _make_tables(instance: dg.DagsterInstance) -> None:
    """Before others come: two that make them at once leave a version of two heads, which nobody can open again."""
    instance.get_runs(limit=1)
    instance.all_asset_keys()
    instance.all_instigator_state()


def _answers(live: Live, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, live.log.read_text("utf-8")
    with suppress(httpx.TransportError):
        return bool(live.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"))
    time.sleep(0.5)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Of its session nothing is left: run workers are in it, too."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
