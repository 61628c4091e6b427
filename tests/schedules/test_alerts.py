"""Whom a failed run is told to, how often, and what of it: real runs, a real webhook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_erp_pipelines import alerts, settings
from st_erp_pipelines.alerts import Alert
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.failures import Failure
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.schedules.alerts import DAY, DIED, Ended, Memory
from tests.world import QUIET, Site, contractor, running_site

LISTS = ("business_units", "payment_types")
READS = ("read business units of ServiceTitan", "read payment types of ServiceTitan")
UNSET = "is read from NORTHWIND_ST_APP_KEY, which is not set"
called: list[Alert] = []


def note(alert: Alert) -> None:
    """What a site's own callable would be."""
    called.append(alert)


def broken(alert: Alert) -> None:
    raise RuntimeError("s3cret")


@dataclass
class Webhook:
    url: str = ""
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    async def take(request: Request) -> Response:
        hook.got.append(await request.json())
        return Response(status_code=hook.status)

    with running(Starlette(routes=[Route("/hooks/s3cret", take, methods=["POST"])])) as url:
        hook.url = f"{url}/hooks/s3cret"
        yield hook


@dataclass
class Watched:
    """A site, the runs in its instance, and the sensor with its cursor."""

    site: Site
    instance: dg.DagsterInstance
    cursor: str | None = None

    def run(self, *, well: bool, of: str = "sync", lists: tuple[str, ...] = LISTS) -> None:
        keys = [dg.AssetKey([CONNECTION, "servicetitan", name]) for name in lists]
        job = self.definitions.resolve_job_def(f"{CONNECTION}_{of}")
        with pytest.MonkeyPatch.context() as patch, self.site.environment():
            if not well:
                patch.delenv("NORTHWIND_ST_APP_KEY")
            result = job.execute_in_process(
                instance=self.instance, asset_selection=keys, run_config=QUIET, raise_on_error=False
            )
        assert result.success == well

    def tick(self) -> str:
        with self.site.environment(), dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            found = self.definitions.resolve_sensor_def("alerts").evaluate_tick(context)
        assert not found.run_requests
        self.cursor = found.cursor
        return found.skip_message or ""

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(settings.load(self.site.folder / "connections.yaml"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with running_site(tmp_path, contractor(scale=0.02)) as site, dg.DagsterInstance.ephemeral() as instance:
        yield Watched(site, instance)


def test_it_tells_once_and_once_when_it_works_again(
    watched: Watched, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(alerts.NAME, webhook.url)
    watched.run(well=False)
    assert watched.tick() == "Tells of what ends from now on."
    for _ in range(3):
        watched.run(well=False)
    assert watched.tick() == "Alerts delivered: 1."
    (said,) = webhook.got
    assert (said["what"], said["connection"], said["job"]) == ("failed", CONNECTION, f"{CONNECTION}_sync")
    assert sorted(said["steps"]) == list(READS)
    assert all(UNSET in sentence for sentence in said["sentences"])
    first_line, line = said["text"].splitlines()
    assert first_line == f"{CONNECTION} failed (run {said['run_id']})"
    assert line.startswith("Could not read ")
    assert watched.instance.get_run_by_id(said["run_id"]) is not None

    watched.run(well=True, lists=LISTS[:1])
    watched.run(well=False)
    watched.run(well=True)
    assert watched.tick() == "Alerts delivered: 2."
    # One of both worked, which is no news; then it failed again, which is; then both worked.
    assert [each["what"] for each in webhook.got] == ["failed", "failed", "works again"]
    assert webhook.got[-1]["steps"] == list(READS)
    assert watched.tick() == "Nothing new to tell."


def test_what_could_not_be_delivered_is_tried_again(
    watched: Watched, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(alerts.NAME, webhook.url)
    watched.tick()
    watched.run(well=False)
    webhook.status = 503
    refused = "An alert could not be delivered, and is tried again: the webhook answered HTTP 503."
    assert [watched.tick(), watched.tick()] == [refused, refused]
    webhook.status = 204
    assert watched.tick() == "Alerts delivered: 1."
    assert watched.tick() == "Nothing new to tell."
    monkeypatch.setenv(alerts.NAME, "https://127.0.0.1:9/hooks/s3cret")
    watched.run(well=True)
    assert "s3cret" not in watched.tick()


def test_a_callable_of_the_site_is_called_and_may_fail(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(alerts.NAME, f"{__name__}:broken")
    watched.tick()
    watched.run(well=False)
    assert watched.tick() == f"An alert could not be delivered, and is tried again: {alerts.NAME}: RuntimeError."
    monkeypatch.setenv(alerts.NAME, f"{__name__}:nobody")
    assert watched.tick().endswith("AttributeError.")
    called.clear()
    monkeypatch.setenv(alerts.NAME, f"{__name__}:note")
    assert watched.tick() == "Alerts delivered: 1."
    assert [(alert.what, sorted(alert.steps)) for alert in called] == [("failed", list(READS))]


def test_nobody_is_told_where_nobody_is_named(
    watched: Watched, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what ended meanwhile is not told afterwards."""
    monkeypatch.setenv(alerts.NAME, webhook.url)
    watched.tick()
    monkeypatch.delenv(alerts.NAME)
    watched.run(well=False)
    assert watched.tick() == f"{alerts.NAME} is not set: nobody is told."
    monkeypatch.setenv(alerts.NAME, webhook.url)
    assert watched.tick() == "Tells of what ends from now on."
    assert watched.tick() == "Nothing new to tell."
    assert webhook.got == []


def test_a_run_that_died_is_told_unless_it_is_tried_again(
    watched: Watched, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(alerts.NAME, webhook.url)
    watched.tick()
    job = watched.definitions.resolve_job_def(f"{CONNECTION}_sync")
    for tags in ({"dagster/will_retry": "true"}, {}):
        run = watched.instance.create_run_for_job(job, tags=tags)
        watched.instance.report_run_failed(run, "the run worker's s3cret")
    assert watched.tick() == "Alerts delivered: 1."
    (said,) = webhook.got
    assert (said["run_id"], said["sentences"]) == (run.run_id, [DIED])
    watched.run(well=True)
    assert watched.tick() == "Alerts delivered: 1."
    assert webhook.got[-1]["what"] == "works again"


# How often


def ended(at: float, *failed: str, succeeded: tuple[str, ...] = ()) -> Ended:
    failures = {f"north__{step}": Failure(step, "Unavailable", f"{step} is out of reach.") for step in failed}
    return Ended("run", "north_sync", "north", at, failures, frozenset(f"north__{step}" for step in succeeded))


def told(memory: Memory, run: Ended) -> list[tuple[str, tuple[str, ...]]]:
    return [(alert.what, alert.steps) for alert in memory.tell_of(run)]


def test_once_a_day_while_it_lasts() -> None:
    memory = Memory()
    assert told(memory, ended(0, "a")) == [("failed", ("a",))]
    assert [told(memory, ended(n * 900.0, "a")) for n in range(1, 92)] == [[]] * 91
    assert told(memory, ended(DAY, "a")) == [("still fails", ("a",))]
    assert told(memory, ended(DAY + 900, "a")) == []


def test_a_further_step_is_told_at_once_with_all_that_failed() -> None:
    memory = Memory()
    list(memory.tell_of(ended(0, "a")))
    assert told(memory, ended(900, "a", "b")) == [("failed", ("a", "b"))]
    assert told(memory, ended(1800, "b", succeeded=("a",))) == []
    assert told(memory, ended(2700, succeeded=("a", "b"))) == [("works again", ("b",))]
    assert memory.told == {}


def test_another_connection_is_not_waited_for() -> None:
    memory = Memory(told={"south__a": 0.0, "northern__a": 0.0})
    list(memory.tell_of(ended(0, "a")))
    assert told(memory, ended(900, succeeded=("a",))) == [("works again", ("a",))]
    assert set(memory.told) == {"south__a", "northern__a"}


def test_a_text_says_each_sentence_once() -> None:
    alert = Alert("failed", "north", "north_sync", "7", ("read a", "read b", "post"), ("Down.", "Down.", "No."))
    assert alert.text == "north failed (run 7)\nCould not read a: Down.\nCould not post: No."
    many = tuple(f"step {n}" for n in range(15))
    assert Alert("failed", "north", "job", "7", many, many).text.splitlines()[-1] == "... and 5 more"


def test_a_trial(webhook: Webhook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(alerts.NAME, raising=False)
    assert alerts.main() == 1
    monkeypatch.setenv(alerts.NAME, webhook.url)
    assert alerts.main() == 0
    webhook.status = 404
    assert alerts.main() == 1
    assert "HTTP 404" in capsys.readouterr().out
    assert "nothing has failed" in webhook.got[0]["text"]
