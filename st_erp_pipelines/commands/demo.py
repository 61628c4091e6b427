"""`st-erp demo` and `sandbox`: made-up contractors, all their systems, and first syncs; all on this machine.

The sandboxes keep their state in memory, so the demo leaves them running.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from st_erp_pipelines.commands.demo_sandbox import (
    Party,
    end,
    free_ports,
    is_running,
    remember,
    remembered,
    start,
    wait_for,
)
from st_erp_pipelines.commands.output import AMISS, CONFIGURATION, DEMO_HAS_ENDED, WELL, complain, console, say
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.demo_files import CONNECTION, connection_yaml, demo_environment, write_demo
from st_erp_pipelines.sandbox.firms import HARBOR, LAKESIDE, NORTHWIND
from st_erp_pipelines.sandbox.serve import HOST, banner, serve

ZONE = "America/Chicago"
SECOND_DAYS, SECOND_SCALE = 7, 0.1  # of the smaller companies
THIRD_DAYS = 20  # what is not received after ten days is late


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

    def parties(self) -> tuple[Party, Party, Party]:
        a, b, c, d, e, f = free_ports(6)
        days, scale = min(self.days, SECOND_DAYS), min(self.scale, SECOND_SCALE)
        return (
            Party(NORTHWIND, "business-central", self.seed, self.days, self.scale, (a, b)),
            Party(LAKESIDE, "sap-business-one", self.seed + 1, days, scale, (c, d)),
            Party(HARBOR, "sap-s4hana", self.seed + 2, THIRD_DAYS, scale, (e, f)),
        )


def run(demo: Demo) -> int:
    began = time.monotonic()
    today = datetime.now(ZoneInfo(ZONE)).date()
    old_mappings = _clear(demo.folder)
    say(f"A contractor with {demo.days} days of work (seed {demo.seed}), and two smaller sister companies.")
    say(f"Their ServiceTitan and their ERPs run here, at {demo.speed:g} times the speed that the vendors allow.")
    parties = first, second, third = demo.parties()
    with console(stderr=True).status("making the contractors and their systems"):
        sandboxes = [start(demo.folder, party, today, demo.speed) for party in parties]
        remember(demo.folder, sandboxes, started_at=datetime.now(UTC).isoformat())
        contractor, sister, bought = first.contractor(today), second.contractor(today), third.buying(today)
        _write_files(demo, contractor, first)
        joins = [
            _connection(demo, second, sister, "sap_business_one"),
            _connection(demo, third, bought.contractor, "sap_s4hana"),
        ]
        wait_for(sandboxes)
    _keep_if_edited(old_mappings, demo.folder / "mappings")
    _enter(demo.environment)
    # only now: they read settings
    from st_erp_pipelines.commands import demo_later, demo_planted, demo_second, demo_third, sync

    code, as_planted = sync.run([CONNECTION], as_json=False), False
    if code in (WELL, AMISS):
        as_planted = demo_planted.say_compared(CONNECTION, contractor.exceptions)
        demo_later.run(demo.folder / "connections.yaml", contractor, demo_later.People(*first.urls))
        as_planted &= demo_second.run(demo.folder / "connections.yaml", joins[0], second, sister)
        as_planted &= demo_third.run(demo.folder / "connections.yaml", joins[1], third, bought)
        code = WELL if as_planted else AMISS  # what was planted is what there is to see
    say(f"\nFrom nothing to here: {time.monotonic() - began:,.0f} s, at {demo.speed:g} times the vendors' limits.")
    _say_what_next(demo)
    return code


def _write_files(demo: Demo, contractor: Contractor, first: Party) -> None:
    """The first connection alone: the others join later."""
    lines = [f"{name}={value}" for name, value in demo.environment.items()]
    (demo.folder / "demo.env").write_text("\n".join(["# Opens no account anywhere.", *lines]) + "\n", "utf-8")
    write_demo(
        demo.folder,
        contractor=contractor,
        servicetitan_url=first.urls[0],
        business_central_url=first.urls[1],
        speed=demo.speed,
        with_items=True,
        go_live=contractor.start_date,
        start_date=contractor.start_date,
    )


def _connection(demo: Demo, party: Party, contractor: Contractor, erp: str) -> str:
    """For connections.yaml; its mapping tables are written."""
    return connection_yaml(
        demo.folder,
        contractor=contractor,
        servicetitan_url=party.urls[0],
        **{f"{erp}_url": party.urls[1]},  # type: ignore[arg-type]
        speed=demo.speed,
        firm=party.firm,
        go_live=contractor.start_date,
        start_date=contractor.start_date,
    )


def _enter(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from st_erp_pipelines.commands.site import prepare_dagster_home

    del os.environ["DAGSTER_HOME"]  # so that ours is made, with the shipped dagster.yaml
    prepare_dagster_home()


def _say_what_next(demo: Demo) -> None:
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
        (f"st-erp {env} sync", "all three: posts nothing, what is left needs a person"),
        (f"st-erp {env} status", "what needs a person, and why"),
        (f"st-erp {env} audit {key}", "the whole story of one of them"),
        (f"st-erp demo --ui{where}", "the same in Dagster's UI (or: make ui)"),
        (f"st-erp demo --stop{where}", "ends the sandboxes, which are left running until then"),
    ):
        say(f"  {command:<60}  {why}")


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _clear(folder: Path) -> Path | None:
    """An earlier demo makes room; anything else that lies there stays. Its mappings are moved aside, to here."""
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        return None
    if not (folder / "demo.json").exists():
        raise ConfigurationError(f"{folder} holds something else than a demo: name another with --folder.")
    end(folder)
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


def stop(folder: Path) -> int:
    say("The sandbox has ended." if end(folder) else "The sandbox was not running.")
    return WELL


def serve_ui(folder: Path, port: int) -> int:
    """Dagster's webserver and daemon on the demo's state, until Ctrl-C."""
    if not all(map(is_running, remembered(folder))):
        complain(DEMO_HAS_ENDED)
        return CONFIGURATION
    _require_free(port, "--port 3001 (or: make ui PORT=3001)")
    groups = f"The groups {NORTHWIND.name}, {LAKESIDE.name} and {HARBOR.name} are the three companies."
    say(f"Dagster on http://{HOST}:{port} until Ctrl-C. {groups}")
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
    s4hana_port: int | None,
) -> None:
    _require_free(servicetitan_port, "--servicetitan-port")
    _require_free(business_central_port, "--business-central-port")
    if business_one_port is not None:
        _require_free(business_one_port, "--sap-business-one-port")
    if s4hana_port is not None:
        _require_free(s4hana_port, "--sap-s4hana-port")
    contractor = generate(seed=seed, today=datetime.now(ZoneInfo(ZONE)).date(), days=days)
    say(banner(speed, servicetitan_port, business_central_port, business_one_port, s4hana_port))
    serve(
        contractor,
        servicetitan_port=servicetitan_port,
        business_central_port=business_central_port,
        sap_business_one_port=business_one_port,
        sap_s4hana_port=s4hana_port,
        speed=speed,
    )
