"""One connection from end to end: both systems, the tables between them, and which flow would work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeAlias

from st_erp_pipelines import settings
from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor.business_central import BusinessCentralChecks
from st_erp_pipelines.doctor.findings import Area, Check, Finding, Level, Said, asked, examined, ok, warning, wrong
from st_erp_pipelines.doctor.mappings import MappingChecks
from st_erp_pipelines.doctor.sap_business_one import SapBusinessOneChecks
from st_erp_pipelines.doctor.sap_s4hana import SapS4hanaChecks
from st_erp_pipelines.doctor.servicetitan import ServiceTitanChecks
from st_erp_pipelines.flows import used_flows
from st_erp_pipelines.mapping.check import check
from st_erp_pipelines.mapping.load import Mappings, load
from st_erp_pipelines.settings import Connection

ErpChecks: TypeAlias = BusinessCentralChecks | SapBusinessOneChecks | SapS4hanaChecks
ERPS: dict[str, Callable[[Connection, Mappings, Clock], ErpChecks]] = {
    "business_central": BusinessCentralChecks,
    "sap_business_one": SapBusinessOneChecks,
    "sap_s4hana": SapS4hanaChecks,
}

CARRY_MONEY = ("invoices", "payments", "purchase_orders", "requests", "supplier_invoices")


def modes_of(connection: Connection) -> dict[str, str]:
    return {flow: getattr(connection.flows, flow).mode for flow in used_flows(connection)}


def examine(connection: Connection, clock: Clock) -> list[Area]:
    mappings = load(connection.mappings, connection.erp.flows)
    titan = ServiceTitanChecks(connection, clock)
    erp: ErpChecks = ERPS[connection.erp.kind](connection, mappings, clock)
    with closing(titan), closing(erp), ThreadPoolExecutor(2) as pool:
        systems = list(pool.map(lambda each: examined(each.title, each.gate(), each.checks), (titan, erp)))
        compared, comparing = mappings, list[Finding]()
        if not systems[1].is_shut and not isinstance(erp, SapS4hanaChecks):  # which compares by itself
            compared, comparing = _compared(mappings, erp)
        warehouse = settings.home() / "staging" / f"{connection.name}.duckdb"
        checks = [*MappingChecks(connection, compared, None if systems[0].is_shut else titan.list, warehouse).checks()]
        if not any(system.is_shut for system in systems):
            checks.append(Check("currency", lambda: _currency(titan, erp), CARRY_MONEY, True))
        between = examined("Between the two", [], lambda: checks)
        areas = [*systems, Area(between.title, [*comparing, *between.findings])]
    return [*areas, Area("Flows", list(_flows(modes_of(connection), areas)))]


def _compared(mappings: Mappings, erp: BusinessCentralChecks | SapBusinessOneChecks) -> tuple[Mappings, list[Finding]]:
    """With what they name and the ERP does not have; as they are, where it could not be asked for all of it."""
    compared = [mappings]

    def compare() -> Iterator[Said]:
        compared.append(mappings.with_faults(check(mappings, erp.known())))
        yield ok("compared with what the ERP has now")

    findings = asked(Check("tables", compare, only_to_post=True))
    return compared[-1], findings


def _currency(titan: ServiceTitanChecks, erp: ErpChecks) -> Iterator[Said]:
    """A document in another currency than the company's is blocked."""
    ours, theirs = {row.get("currency") for row in titan.list("business_units")} - {None, ""}, erp.local_currency()
    if theirs and ours - {theirs}:
        names = ", ".join(sorted(map(str, ours)))
        yield warning(f"business units work in {names}, the company in {theirs}", "Documents in others stay blocked.")
    else:
        yield ok(f"business units and company work in {theirs or 'one currency, as far as it is shown'}")


def _flows(modes: Mapping[str, str], areas: Sequence[Area]) -> Iterator[Finding]:
    findings = [finding for area in areas for finding in area.findings]
    for flow, mode in modes.items():
        broken = [each for each in findings if each.said.level is Level.WRONG and flow in each.check.flows]
        said = _verdict(mode, broken)
        yield Finding(Check(flow, tuple, (flow,)), said)


def _verdict(mode: str, broken: Sequence[Finding]) -> Said:
    for_reading = _names(each for each in broken if not each.check.only_to_post)
    for_posting = _names(broken)
    if mode == "observe" and not for_reading:
        missing = f"`mode: post` would not: {for_posting}" if for_posting else "`mode: post` would, too"
        return ok(f"mode observe works; {missing}")
    if missing := for_reading if mode == "observe" else for_posting:
        return wrong(f"mode {mode} does not work: {missing}", "Mend what is wrong above.")
    return ok(f"mode {mode} works")


def _names(findings: Iterator[Finding] | Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(each.check.name for each in findings))
