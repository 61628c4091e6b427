"""Every test may ask for `database_url`: it then runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from st_erp_pipelines.sandbox.serve import AROUND
from st_erp_pipelines.staging import warehouse
from tests import specification
from tests.databases import database_url, new_database, postgresql

__all__ = ["database_url", "new_database", "postgresql"]

# No test speaks TLS, and reading the certificates that a machine trusts takes each client 20 ms: here are none.
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# With a few rows, DuckDB's second thread only waits for the first, which costs a sixth of a sync. The processes that
# tests start have it.
warehouse.CONFIG["threads"] = 1

# To look for garbage among all that is imported and collected takes half a second each time, and none is there.
gc.disable()

# Their tests share what takes long to set up, so one process has them all.
TOGETHER = (
    "tests/assets/test_definitions.py",
    "tests/assets/test_definitions_sap_s4hana.py",
    "tests/assets/test_references.py",
    "tests/test_cli.py",
    "tests/test_published.py",
    "tests/test_sap_s4hana.py",
    "tests/test_purchasing_rules.py",
    "tests/test_secrecy.py",
    "tests/test_whole_sync.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: none begins at the end, when the other processes have nothing left to do.

    Crash tests mostly wait, so they come among the first of those that are over at once.
    """
    waiting = [item for item in items if item.path.parent.name == "crashes"]
    others = sorted((item for item in items if item not in waiting), key=seconds_of, reverse=True)
    long = sum(seconds_of(item) > 0 for item in others)
    step = max(1, (len(others) - long) * 2 // 3 // max(1, len(waiting)))
    for number, item in enumerate(waiting):
        others.insert(long + number * (step + 1), item)
    items[:] = others


def pytest_collection_finish() -> None:
    """From here on, garbage is looked for among what the tests themselves make."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Else DuckDB takes what is left for lost, and says so at length."""
    gc.unfreeze()


def seconds_of(item: pytest.Item) -> float:
    """Marked `slow(seconds)`, or just `slow`."""
    slow = item.get_closest_marker("slow")
    return (slow.args[0] if slow.args else 10) if slow else 0


class Spread(LoadScopeScheduling):
    """Each test to whichever process has room; xdist's `loadgroup` does not see its marks under pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Spread(config, log)


@pytest.fixture(scope="session", autouse=True)
def unpublished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[specification.Findings]:
    """Of the requests that our clients send in any process: what the public API descriptions do not know."""
    findings = specification.Findings(tmp_path_factory.mktemp("specification") / "findings")
    if specification.SPECS.exists():
        os.environ[AROUND] = "tests.specification.observer:observed"
        os.environ[specification.FINDINGS] = str(findings.file)
        here = str(Path(__file__).parents[1])  # processes that tests start elsewhere import `tests`, too
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    yield findings
    _fail_by(findings)


@pytest.fixture(autouse=True)
def _only_published(unpublished: specification.Findings) -> Iterator[None]:
    yield
    _fail_by(unpublished)


def _fail_by(findings: specification.Findings) -> None:
    if found := findings.new():
        pytest.fail("The API descriptions do not know these requests:\n" + "\n".join(found), pytrace=False)
