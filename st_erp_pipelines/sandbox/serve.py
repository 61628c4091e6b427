"""Runs the sandbox: a contractor's systems in one process, any application in a thread, or a process of its own.

python -m st_erp_pipelines.sandbox.serve --seed 7 --days 30 --speed 60 --business-central-port 7702

Who wants to look at what the sandbox is asked sets ST_ERP_SANDBOX_AROUND to `package.module:function`: it is given each
ASGI application that is served, and returns one around it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pkgutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
import uvicorn
from starlette.types import ASGIApp

from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.contractor import generate
from st_erp_pipelines.sandbox.contractor_buying import buying
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.firms import FIRMS, HARBOR, NORTHWIND, Firm
from st_erp_pipelines.sandbox.sap_business_one import sap_business_one_app
from st_erp_pipelines.sandbox.sap_business_one_contractor import sap_business_one_company
from st_erp_pipelines.sandbox.sap_s4hana import sap_s4hana_app
from st_erp_pipelines.sandbox.sap_s4hana_contractor import COMPANY_CODE, sap_s4hana_company
from st_erp_pipelines.sandbox.servicetitan import servicetitan_app
from st_erp_pipelines.settings import (
    BusinessCentralTiming,
    SapBusinessOneTiming,
    SapS4hanaTiming,
    ServiceTitanTiming,
    Timing,
)

HOST = "127.0.0.1"
AROUND = "ST_ERP_SANDBOX_AROUND"
START_SECONDS = 60.0


class Contractor(Protocol):
    """What the generator makes: the records of ServiceTitan by entity, and the seed of the ERP company."""

    @property
    def servicetitan(self) -> dict[str, list[dict[str, Any]]]: ...

    @property
    def business_central(self) -> dict[str, Any]: ...


def serve(
    contractor: Contractor,
    *,
    host: str = HOST,
    servicetitan_port: int,
    business_central_port: int | None = None,
    sap_business_one_port: int | None = None,
    sap_s4hana_port: int | None = None,
    buys: dict[str, Any] | None = None,
    firm: Firm = NORTHWIND,
    speed: float = 1.0,
    log_dir: Path | None = None,
    journal_entries: bool = False,
) -> None:
    """Serves ServiceTitan and each ERP that a port is given for, until interrupted; with `log_dir` each request is
    also a line in a file there. `buys`: what is in his S/4HANA, else his vendors and units alone.
    """
    log = _log(log_dir, "servicetitan")
    servicetitan = demo_servicetitan(contractor, speed, log, firm=firm, journal_entries=journal_entries)
    servers = [_server(servicetitan, host, servicetitan_port)]
    if business_central_port is not None:
        business_central = demo_business_central(contractor, speed, _log(log_dir, "business_central"))
        servers.append(_server(business_central, host, business_central_port))
    if sap_business_one_port is not None:
        business_one = demo_sap_business_one(contractor, speed, _log(log_dir, "sap_business_one"), firm=firm)
        servers.append(_server(business_one, host, sap_business_one_port))
    if sap_s4hana_port is not None:
        company = buys or sap_s4hana_company(contractor.servicetitan)
        s4hana = demo_sap_s4hana(company, speed, _log(log_dir, "sap_s4hana"))
        servers.append(_server(s4hana, host, sap_s4hana_port))

    async def all_of_them() -> None:
        await asyncio.gather(*(server.serve() for server in servers))

    with suppress(KeyboardInterrupt):
        asyncio.run(all_of_them())


def demo_servicetitan(
    contractor: Contractor,
    speed: float,
    log_path: Path | None = None,
    *,
    firm: Firm = NORTHWIND,
    journal_entries: bool = False,
) -> ASGIApp:
    """The contractor's ServiceTitan with the demo credentials; `journal_entries`: a tenant that exports those."""
    return servicetitan_app(
        contractor.servicetitan,
        tenant_id=firm.tenant_id,
        client_id=credentials.SERVICETITAN_CLIENT_ID,
        client_secret=credentials.SERVICETITAN_CLIENT_SECRET,
        app_key=credentials.SERVICETITAN_APP_KEY,
        speed=speed,
        faults=Faults(speed=speed, log_path=log_path),
        journal_entries=journal_entries,
    )


def demo_business_central(contractor: Contractor, speed: float, log_path: Path | None = None) -> ASGIApp:
    """The contractor's Business Central with the demo credentials."""
    return business_central_app(contractor.business_central, speed=speed, faults=Faults(speed=speed, log_path=log_path))


def demo_sap_business_one(
    contractor: Contractor, speed: float, log_path: Path | None = None, *, firm: Firm = NORTHWIND
) -> ASGIApp:
    """The contractor's Business One with the demo credentials."""
    company = sap_business_one_company(contractor.business_central, name=firm.company, prefix=firm.key_prefix)
    faults = Faults(speed=speed, log_path=log_path)
    return sap_business_one_app(company, speed=speed, faults=faults, database=firm.database)


def demo_sap_s4hana(company: dict[str, Any], speed: float, log_path: Path | None = None) -> ASGIApp:
    """A company code in S/4HANA with the demo credentials."""
    return sap_s4hana_app(company, speed=speed, faults=Faults(speed=speed, log_path=log_path))


def _log(log_dir: Path | None, system: str) -> Path | None:
    if log_dir is None:
        return None
    log_dir.mkdir(parents=True, exist_ok=True)
    return log_dir / f"{system}.jsonl"


def _server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """Idle connections are kept long: only a fault that was asked for may cut one."""
    if around := os.environ.get(AROUND):
        app = pkgutil.resolve_name(around)(app)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            ws="none",
            timeout_keep_alive=600,
            timeout_graceful_shutdown=2,
        )
    )


@contextmanager
def running(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Runs any ASGI application in a thread and gives its URL; port 0 takes a free one."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        server = _server(app, HOST, port)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _wait(lambda: server.started or not thread.is_alive(), "the server thread")
            if not thread.is_alive():
                raise RuntimeError("the server thread ended at once; its log says why")
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _wait(done: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not start within {seconds:g} s")
        time.sleep(0.01)


@dataclass(frozen=True)
class RunningSandbox:
    """Both systems in a process of their own, with the demo credentials."""

    servicetitan_url: str
    business_central_url: str
    process: subprocess.Popen[bytes]


@contextmanager
def running_process(*arguments: str) -> Iterator[RunningSandbox]:
    """Starts `python -m st_erp_pipelines.sandbox.serve` with these arguments on free ports; ends it after."""
    ports = _free_ports(2)
    command = [sys.executable, "-m", "st_erp_pipelines.sandbox.serve", *arguments]
    command += [f"--servicetitan-port={ports[0]}", f"--business-central-port={ports[1]}"]
    urls = [f"http://{HOST}:{port}" for port in ports]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(lambda: process.poll() is not None or all(map(_healthy, urls)), "the sandbox process")
            if process.poll() is not None:
                raise RuntimeError(f"the sandbox process ended at once, with code {process.returncode}")
            yield RunningSandbox(urls[0], urls[1], process)
        finally:
            process.terminate()


def _free_ports(count: int) -> list[int]:
    """Held together while chosen, so that they differ."""
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _healthy(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/_control/health").is_success
    return False


def banner(
    speed: float,
    servicetitan_port: int,
    business_central_port: int | None = None,
    sap_business_one_port: int | None = None,
    sap_s4hana_port: int | None = None,
    firm: Firm = NORTHWIND,
) -> str:
    """Where the systems are, and the timing that a client of this speed puts into connections.yaml."""
    servicetitan = f"""\
Sandbox at speed {speed:g}: the servers' limits and times are {speed:g} times as fast as the vendors'.
servicetitan:
  api_url: http://{HOST}:{servicetitan_port}
  auth_url: http://{HOST}:{servicetitan_port}
  tenant_id: {firm.tenant_id}
  timing: {_timing(ServiceTitanTiming(), speed)}"""
    erps = [_business_central(speed, business_central_port)] if business_central_port is not None else []
    erps += [_business_one(speed, sap_business_one_port, firm)] if sap_business_one_port is not None else []
    erps += [_s4hana(speed, sap_s4hana_port)] if sap_s4hana_port is not None else []
    return servicetitan + "\nor:".join(erps)


def _business_central(speed: float, port: int) -> str:
    return f"""
erp:
  api_url: http://{HOST}:{port}/v2.0
  token_url: http://{HOST}:{port}/token
  tenant: {credentials.BUSINESS_CENTRAL_TENANT}
  environment: {credentials.BUSINESS_CENTRAL_ENVIRONMENT}
  timing: {_timing(BusinessCentralTiming(), speed)}"""


def _business_one(speed: float, port: int, firm: Firm) -> str:
    return f"""
erp:  # with the password {credentials.SAP_BUSINESS_ONE_PASSWORD}
  api_url: http://{HOST}:{port}/b1s/v2
  company: {firm.database}
  user: {credentials.SAP_BUSINESS_ONE_USER}
  timing: {_timing(SapBusinessOneTiming(), speed)}"""


def _s4hana(speed: float, port: int) -> str:
    return f"""
erp:  # with the secret {credentials.SAP_S4HANA_CLIENT_SECRET}
  api_url: http://{HOST}:{port}
  client_id: {credentials.SAP_S4HANA_CLIENT_ID}
  company_code: "{COMPANY_CODE}"
  purchasing_organization: "{COMPANY_CODE}"
  timing: {_timing(SapS4hanaTiming(), speed)}"""


def _timing(vendor: Timing, speed: float) -> str:
    spans = {name: getattr(vendor, name) for name in ("settle_after", "read_lag", "token_margin")}
    members = [f"{name}: {span / timedelta(seconds=speed):g}s" for name, span in spans.items()]
    return f"{{{', '.join([*members, f'calls_per_second: {vendor.calls_per_second * speed:g}'])}}}"


def main() -> None:
    parser = argparse.ArgumentParser(description="A contractor's ServiceTitan and his ERPs, here.")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same contractor")
    parser.add_argument("--days", type=int, default=30, help="days before today that the window begins")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies customers and documents")
    parser.add_argument("--today", type=date.fromisoformat, help="the contractor's today (YYYY-MM-DD)")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than the vendors' limits")
    parser.add_argument("--servicetitan-port", type=int, default=7701)
    parser.add_argument("--business-central-port", type=int, help="serve his Business Central")
    parser.add_argument("--sap-business-one-port", type=int, help="serve his Business One")
    parser.add_argument("--sap-s4hana-port", type=int, help="serve his S/4HANA")
    parser.add_argument("--firm", choices=FIRMS, default=NORTHWIND.name, help="who he is")
    parser.add_argument("--log-dir", type=Path, help="each request as a line of JSON in a file there")
    parser.add_argument("--journal-entries", action="store_true", help="a tenant that exports journal entries")
    parser.add_argument("--exceptions", type=Path, help="a file for the list of what was planted")
    asked = parser.parse_args()
    today = asked.today or datetime.now(ZoneInfo("America/Chicago")).date()
    contractor, buys = generate(seed=asked.seed, today=today, days=asked.days, scale=asked.scale), None
    if asked.firm == HARBOR.name:
        bought = buying(contractor, seed=asked.seed, scale=asked.scale)
        contractor, buys = bought.contractor, bought.sap_s4hana
    if asked.exceptions:
        contractor.write_exceptions(asked.exceptions)
    erp_ports = (asked.business_central_port, asked.sap_business_one_port, asked.sap_s4hana_port)
    ports = (asked.servicetitan_port, *erp_ports)
    print(banner(asked.speed, *ports, FIRMS[asked.firm]), flush=True)
    serve(
        contractor,
        servicetitan_port=asked.servicetitan_port,
        business_central_port=asked.business_central_port,
        sap_business_one_port=asked.sap_business_one_port,
        sap_s4hana_port=asked.sap_s4hana_port,
        buys=buys,
        firm=FIRMS[asked.firm],
        speed=asked.speed,
        log_dir=asked.log_dir,
        journal_entries=asked.journal_entries,
    )


if __name__ == "__main__":
    main()
