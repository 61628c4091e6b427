from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.crashes.world import PROJECT, World


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Its URL, below which each test has a company of its own."""
    command = [sys.executable, "-m", "tests.crashes.server"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()  # the end of its standard input is the end of it


@pytest.fixture
def world(server: str, database_url: str, erp: str) -> Iterator[Callable[..., World]]:
    """A world whose processes are broken in the ways named."""
    with ExitStack() as opened:

        def made(*breakages: str) -> World:
            made = World(database_url, erp, f"{server}/{erp}/{uuid.uuid4().hex}", breakages)
            opened.callback(made.close)
            return made

        yield made
