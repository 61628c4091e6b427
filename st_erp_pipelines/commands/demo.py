"""`st-erp demo` and `sandbox`: a made-up contractor, both his systems, and a first sync; all on this machine.

The sandbox keeps its state in memory, so the demo leaves it running and remembers its process in demo.json.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from st_erp_pipelines.commands.output import AMISS, CONFIGURATION, DEMO_HAS_ENDED, WELL, complain, console, say
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.demo_files import CONNECTION, demo_environment, write_demo
from st_erp_pipelines.sandbox.serve import HOST, banner, serve

START_SECONDS = 60.0
ZONE = "America/Chicago"


@dataclass(frozen=True)
class Demo:
    """Everything lives in `folder`: connections.yaml, mappings, state, demo.json, and variables in demo.env."""

    folder: Path
    seed: int = 7
    days: int = 30
    speed: float = 20
    scale: float = 1

    @property
    def environment(self) -> dict[str, str]:
        """The demo's own; a site's database and instance are not touched, whatever is set."""
        home = self.folder / "home"
        return demo_environment() | {
            "ST_ERP_CONFIG": str(self.folder / "connections.yaml"),
            "ST_ERP_HOME": str(home),
            "ST_ERP_DATABASE_URL": f"sqlite:///{(home / 'st_erp.sqlite').as_posix()}",
            "DAGSTER_HOME": str(home / "dagster"),
        }


def run(demo: Demo) -> int:
    began = time.monotonic()
    today = datetime.now(ZoneInfo(ZONE)).date()
    old_mappings = _clear(demo.folder)
    say(f"A contractor with {demo.days} days of work (seed {demo.seed}).")
    say(
        f"His ServiceTitan and his Business Central run here, at {demo.speed:g} times the speed that the vendors allow."
    )
    with console(stderr=True).status("making the contractor"):
        contractor = generate(seed=demo.seed, today=today, days=demo.days, scale=demo.scale)
        ports = _free_ports(2)
        urls = [f"http://{HOST}:{port}" for port in ports]
        _write_files(demo, contractor, *urls)
    _keep_if_edited(old_mappings, demo.folder / "mappings")
    with console(stderr=True).status("starting the sandbox"):
        _start_sandbox(demo, today, ports)
    _enter(demo.environment)
    from st_erp_pipelines.commands import demo_later, sync  # only now: their settings come from the environment

    code = sync.run([CONNECTION], as_json=False)
    if code in (WELL, AMISS):
        demo_later.run(demo.folder / "connections.yaml", contractor, demo_later.People(*urls))
    say(f"\nFrom nothing to here: {time.monotonic() - began:,.0f} s, at {demo.speed:g} times the vendors' limits.")
    planted = _say_what_next(demo)
    return WELL if code == AMISS and planted else code  # what was planted is what there is to see


def _write_files(demo: Demo, contractor: Contractor, servicetitan_url: str, business_central_url: str) -> None:
    write_demo(
        demo.folder,
        contractor=contractor,
        servicetitan_url=servicetitan_url,
        business_central_url=business_central_url,
        speed=demo.speed,
        go_live=contractor.start_date,
        start_date=contractor.start_date,
        with_items=True,
    )
    lines = [f"{name}={value}" for name, value in demo.environment.items()]
    (demo.folder / "demo.env").write_text("\n".join(["# Opens no account anywhere.", *lines]) + "\n", "utf-8")


def _start_sandbox(demo: Demo, today: date, ports: list[int]) -> None:
    """A process of its own that outlives this one."""
    command = [
        *(sys.executable, "-m", "st_erp_pipelines.sandbox.serve", f"--seed={demo.seed}", f"--days={demo.days}"),
        *(f"--scale={demo.scale:g}", f"--speed={demo.speed:g}", f"--today={today}"),
        *(f"--servicetitan-port={ports[0]}", f"--business-central-port={ports[1]}"),
    ]
    with (demo.folder / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    facts = {"pid": process.pid, "ports": ports, "seed": demo.seed, "days": demo.days, "speed": demo.speed}
    (demo.folder / "demo.json").write_text(json.dumps(facts | {"started_at": datetime.now(UTC).isoformat()}) + "\n")
    _wait(lambda: process.poll() is not None or _is_running(facts))
    if process.poll() is not None:
        raise ConfigurationError(f"The sandbox ended at once; {demo.folder / 'sandbox.log'} says why.")


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > until:
            raise Unavailable(f"the sandbox did not start within {START_SECONDS:g} s")
        time.sleep(0.05)


def _is_running(facts: dict[str, Any]) -> bool:
    with suppress(httpx.TransportError):
        return all(httpx.get(f"http://{HOST}:{port}/_control/health").is_success for port in facts["ports"])
    return False


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _enter(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from st_erp_pipelines.commands.site import prepare_dagster_home

    del os.environ["DAGSTER_HOME"]  # so that ours is made, with the shipped dagster.yaml
    prepare_dagster_home()


def _say_what_next(demo: Demo) -> bool:
    """False where the sync got nowhere: then nothing needs a person, either."""
    from st_erp_pipelines.commands.exceptions import Sorted
    from st_erp_pipelines.commands.site import open_site
    from st_erp_pipelines.outbox import report

    env = f"--env {_short(demo.folder / 'demo.env')}"
    where = "" if demo.folder == Path(".st_erp/demo").absolute() else f" --folder {_short(demo.folder)}"
    with open_site([CONNECTION]) as site:
        exceptions = Sorted.of(report.exceptions(site.outbox, CONNECTION)).amiss
    key = exceptions[0].business_key if exceptions else "ST-A-INV-…"
    say("\nWhat to try next:", style="bold")
    for command, why in (
        (f"st-erp {env} sync", "posts nothing: what is left needs a person"),
        (f"st-erp {env} status", "what needs a person, and why"),
        (f"st-erp {env} audit {key}", "the whole story of one of them"),
        (f"st-erp demo --ui{where}", "the same in Dagster's UI (or: make ui)"),
        (f"st-erp demo --stop{where}", "ends the sandbox, which is left running until then"),
    ):
        say(f"  {command:<60}  {why}")
    return bool(exceptions)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _clear(folder: Path) -> Path | None:
    """An earlier demo makes room; anything else that lies there stays. Its mappings are moved aside, to here."""
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        return None
    if not (folder / "demo.json").exists():
        raise ConfigurationError(f"{folder} holds something else than a demo: name another with --folder.")
    _end(_read(folder))
    shutil.rmtree(folder / "home", ignore_errors=True)
    if not (folder / "mappings").exists():
        return None
    names = (f"mappings.bak{number or ''}" for number in count())
    return (folder / "mappings").rename(next(folder / name for name in names if not (folder / name).exists()))


def _keep_if_edited(old: Path | None, new: Path) -> None:
    if old is None:
        return
    if _contents(old) == _contents(new):
        shutil.rmtree(old)
    else:
        say(f"The mapping tables of the demo before, which somebody had edited, are kept in {_short(old)}.")


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _read(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "demo.json").read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"There is no demo in {folder}: `st-erp demo` makes one.") from None
    return facts


def _end(facts: dict[str, Any]) -> bool:
    """Only a process that answers as our sandbox on its ports is ended: the number may be another's by now."""
    if not _is_running(facts):
        return False
    os.kill(facts["pid"], signal.SIGTERM)
    return True


def stop(folder: Path) -> int:
    ended = _end(_read(folder))
    say("The sandbox has ended." if ended else "The sandbox was not running.")
    return WELL


def serve_ui(folder: Path, port: int) -> int:
    """Dagster's webserver and daemon on the demo's state, until Ctrl-C."""
    if not _is_running(_read(folder)):
        complain(DEMO_HAS_ENDED)
        return CONFIGURATION
    _require_free(port, "--port 3001 (or: make ui PORT=3001)")
    say(f"Dagster on http://{HOST}:{port} until Ctrl-C. The group {CONNECTION} is the contractor.")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "st_erp_pipelines.definitions", f"-h{HOST}", f"-p{port}"]
    process = subprocess.Popen(command, env={**os.environ, **Demo(folder).environment, "PYTHONWARNINGS": "ignore"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches Dagster, too, which then ends in its own time
    return process.wait()


def _require_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise ConfigurationError(f"Port {port} is taken: name another one with {option}.")


def serve_sandbox(
    seed: int,
    days: int,
    speed: float,
    servicetitan_port: int,
    business_central_port: int,
    business_one_port: int | None,
) -> None:
    _require_free(servicetitan_port, "--servicetitan-port")
    _require_free(business_central_port, "--business-central-port")
    if business_one_port is not None:
        _require_free(business_one_port, "--sap-business-one-port")
    contractor = generate(seed=seed, today=datetime.now(ZoneInfo(ZONE)).date(), days=days)
    say(banner(speed, servicetitan_port, business_central_port, business_one_port))
    serve(
        contractor,
        servicetitan_port=servicetitan_port,
        business_central_port=business_central_port,
        sap_business_one_port=business_one_port,
        speed=speed,
    )
