"""Processes that are killed while they post, or post at once: the ERP, in a process of its own, counts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from st_erp_pipelines.sandbox.serve import running_process
from tests.world import Site, contractor, failures, wait_until, write_site, yesterday

pytestmark = pytest.mark.slow
SPEED = 100.0  # a doubt is settled after 12 s
PROJECT = Path(__file__).parents[1]
POST_INVOICES = """
import dagster as dg
from st_erp_pipelines import settings
from st_erp_pipelines.resources.dagster_resources import (
    BusinessCentralResource, PipelineResource, ServiceTitanResource, StateResource
)

connection = settings.load(settings.config_path()).connections[0]
systems = dict(servicetitan=ServiceTitanResource(), business_central=BusinessCentralResource())
with dg.build_resources({"pipelines": PipelineResource(state=StateResource(), **systems)}) as built:
    built.pipelines.of(connection, "a process").post("invoices")
"""


@contextmanager
def prepared_site(folder: Path, scale: float) -> Iterator[Site]:
    """Everything is read, built and, of the customers, posted; the invoices are ready."""
    arguments = ("--days=8", f"--scale={scale}", f"--speed={SPEED}", f"--today={yesterday()}")
    with running_process(*arguments) as sandbox:
        urls = (sandbox.servicetitan_url, sandbox.business_central_url)
        site = write_site(folder, contractor(scale=scale), *urls, speed=SPEED)
        site.set_mode("observe", "invoices", "payments")
        assert failures(site.sync()) == []
        site.set_mode("post", "invoices")
        yield site


def posting(site: Site) -> subprocess.Popen[bytes]:
    environment = os.environ | site.variables | {"PYTHONPATH": str(PROJECT)}
    return subprocess.Popen([sys.executable, "-c", POST_INVOICES], env=environment)


def posts(site: Site) -> None:
    with posting(site) as process:
        assert process.wait(timeout=120) == 0


def assert_each_is_there_once(site: Site) -> None:
    """But what a person entered twice before us; that is planted."""
    in_erp = site.erp_documents()
    twice = {each.key for each in site.contractor.exceptions if each.kind == "conflict:several"}
    assert {key for key, rows in in_erp.items() if len(rows) > 1} == twice
    posted = [row for row in site.documents("invoices").values() if row.state == "posted"]
    assert len(posted) > 20
    for row in posted:
        (found,) = in_erp[row.business_key]
        assert (found["id"], found["status"]) == (row.remote_id, "Open")


@pytest.mark.parametrize(("call", "after"), [("salesInvoices", 0), ("Microsoft.NAV.post", 3)])
def test_a_process_killed_after_the_commit_finds_its_document_again(tmp_path: Path, call: str, after: int) -> None:
    """The server has done it, nobody has recorded it: creation of a draft, and its posting."""
    with prepared_site(tmp_path, scale=0.05) as site:
        rule = dict(kind="slow_reply", method="POST", path_contains=call, after=after, seconds=8 * SPEED)
        with site.fault(site.business_central_url, **rule), posting(site) as process:
            wait_until(lambda: held(site))
            process.kill()
        left = {key for key, row in site.documents("invoices").items() if row.state == "sending"}
        committed = left & site.erp_documents().keys()
        assert committed
        posts(site)
        assert {site.documents()[key].state for key in left} == {"in_doubt"}, "sent again before it could be settled"
        site.settle()
        assert_each_is_there_once(site)
        for key in committed:
            row = site.documents()[key]
            assert (row.state, row.attempt_count) == ("posted", 2), "entered once, posted once"


def held(site: Site) -> bool:
    return any(entry["fault"] == "slow_reply" and entry["committed"] for entry in site.log())


def test_two_processes_at_once_post_each_document_once(tmp_path: Path) -> None:
    with prepared_site(tmp_path, scale=0.15) as site:
        with posting(site) as one, posting(site) as other:
            assert [process.wait(timeout=180) for process in (one, other)] == [0, 0]
        site.settle()
        assert_each_is_there_once(site)
