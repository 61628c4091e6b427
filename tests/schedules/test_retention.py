"""Which runs Dagster may let go of, and that it does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import dagster as dg
import pytest

from st_erp_pipelines.schedules.retention import KEPT_WHOLE, superfluous, thin_old_runs

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
CLOCK = "dagster._core.storage.runs.sql_run_storage.get_current_datetime"
SCHEDULED = {"dagster/schedule_name": "north_sync"}


@dg.job
def north_sync() -> None:
    @dg.op
    def work() -> None: ...

    work()


@dg.job
def south_sync() -> None:
    @dg.op
    def work() -> None: ...

    work()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def run(
    instance: dg.DagsterInstance, age: timedelta, job: dg.JobDefinition = north_sync, tags: dict[str, str] = SCHEDULED
) -> str:
    with mock.patch(CLOCK, return_value=NOON - age):
        return job.execute_in_process(instance=instance, tags=tags).run_id


def test_of_old_days_the_last_run_of_each_job_stays(instance: dg.DagsterInstance) -> None:
    old, hour = KEPT_WHOLE + timedelta(days=2), timedelta(hours=1)
    first, second = run(instance, old), run(instance, old - hour)
    others = [
        run(instance, old - 2 * hour),  # the last of its day
        run(instance, old, south_sync),
        run(instance, old, tags={}),  # a person's
        run(instance, KEPT_WHOLE - timedelta(days=2)),
        run(instance, KEPT_WHOLE - timedelta(days=2) - hour),
    ]
    midnight = NOON.replace(hour=0)
    assert set(superfluous(instance, midnight)) == {first, second}

    assert thin_old_runs.execute_in_process(instance=instance).success
    left = {each.run_id for each in instance.get_runs()}
    assert left >= set(others)
    assert not left & {first, second}
    assert instance.all_logs(first) == []
    assert list(superfluous(instance, midnight)) == []
