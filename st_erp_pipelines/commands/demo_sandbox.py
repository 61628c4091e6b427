"""The demo's sandboxes: a process for each contractor, which outlives the command. demo.json remembers them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.contractor_buying import Buying, buying
from st_erp_pipelines.sandbox.firms import Firm
from st_erp_pipelines.sandbox.serve import HOST

START_SECONDS = 60.0


@dataclass(frozen=True)
class Party:
    """A contractor of the demo: who he is, what he is made from, and where his ServiceTitan and his ERP are.

    `erp` as the options of the sandbox name it.
    """

    firm: Firm
    erp: str
    seed: int
    days: int
    scale: float
    ports: tuple[int, int]

    @property
    def urls(self) -> tuple[str, str]:
        servicetitan, erp = (f"http://{HOST}:{port}" for port in self.ports)
        return servicetitan, erp

    def contractor(self, today: date) -> Contractor:
        return generate(seed=self.seed, today=today, days=self.days, scale=self.scale)

    def buying(self, today: date) -> Buying:
        return buying(self.contractor(today), seed=self.seed, scale=self.scale)

    def command(self, today: date, speed: float) -> list[str]:
        return [
            *(sys.executable, "-m", "st_erp_pipelines.sandbox.serve", f"--seed={self.seed}", f"--days={self.days}"),
            *(f"--scale={self.scale:g}", f"--speed={speed:g}", f"--today={today}", f"--firm={self.firm.name}"),
            *(f"--servicetitan-port={self.ports[0]}", f"--{self.erp}-port={self.ports[1]}"),
        ]


@dataclass(frozen=True)
class Started:
    party: Party
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def facts(self) -> dict[str, Any]:
        return {"pid": self.process.pid, "ports": self.party.ports}


def start(folder: Path, party: Party, today: date, speed: float) -> Started:
    log = folder / f"sandbox_{party.firm.name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            party.command(today, speed),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(party, process, log)


def wait_for(started: Sequence[Started]) -> None:
    until = time.monotonic() + START_SECONDS
    while not all(is_running(each.facts) for each in started):
        if ended := [each for each in started if each.process.poll() is not None]:
            raise ConfigurationError(f"The sandbox ended at once; {ended[0].log} says why.")
        if time.monotonic() > until:
            raise Unavailable(f"the sandbox did not start within {START_SECONDS:g} s")
        time.sleep(0.05)


def is_running(sandbox: dict[str, Any]) -> bool:
    with suppress(httpx.TransportError):
        return all(httpx.get(f"http://{HOST}:{port}/_control/health").is_success for port in sandbox["ports"])
    return False


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def remember(folder: Path, started: Sequence[Started], **facts: Any) -> None:
    text = json.dumps({"sandboxes": [each.facts for each in started]} | facts)
    (folder / "demo.json").write_text(text + "\n", "utf-8")


def remembered(folder: Path) -> list[dict[str, Any]]:
    try:
        facts = json.loads((folder / "demo.json").read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"There is no demo in {folder}: `st-erp demo` makes one.") from None
    if "sandboxes" not in facts:
        raise ConfigurationError(
            f"The demo in {folder} was made by another version", fix="End its sandbox, and delete the folder."
        )
    sandboxes: list[dict[str, Any]] = facts["sandboxes"]
    return sandboxes


def end(folder: Path) -> bool:
    """Only a process that answers as our sandbox on its ports is ended: the number may be another's by now."""
    running = [each for each in remembered(folder) if is_running(each)]
    for each in running:
        os.kill(each["pid"], signal.SIGTERM)
    return bool(running)
