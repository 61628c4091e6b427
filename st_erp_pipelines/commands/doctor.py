"""`st-erp doctor`: everything that posting needs, tried by reading, one line each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.commands.output import AMISS, CONFIGURATION, UNREACHABLE, WELL, say, say_json
from st_erp_pipelines.commands.site import asked_for
from st_erp_pipelines.doctor import connection as of_connection
from st_erp_pipelines.doctor import site
from st_erp_pipelines.doctor.findings import Area, Finding, Level

Facts = dict[str, Any]
STYLES = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.WRONG: "red"}


def run(names: Sequence[str], as_json: bool) -> int:
    loaded, asked = asked_for(names)
    shared = _facts(site.examine(loaded, asked), {})
    if not as_json:
        _show(shared)
    connections: list[Facts] = []
    for connection in (each for each in loaded.connections if each.name in asked):
        modes = of_connection.modes_of(connection)
        facts = [_facts(area, modes) for area in of_connection.examine(connection, SystemClock())]
        connections.append({"name": connection.name, "areas": facts})
        if not as_json:
            say(f"\n{connection.name}", style="bold underline")
            for area in facts:
                _show(area)
    areas = [shared, *(area for each in connections for area in each["areas"])]
    lines = [line for area in areas for line in area["checks"]]
    code = max((_code(line) for line in lines), default=WELL)
    if as_json:
        say_json({"site": shared["checks"], "connections": connections, "exit_code": code})
    else:
        _sum_up(lines)
    return code


def _facts(area: Area, modes: dict[str, str]) -> Facts:
    return {"title": area.title, "checks": [_line(finding, modes) for finding in area.findings]}


def _line(finding: Finding, modes: dict[str, str]) -> Facts:
    said = finding.said
    level = finding.level(modes) if modes else said.level
    return {
        "check": finding.check.name,
        "level": str(level),
        "found": said.found,
        "fix": said.fix,
        "flows": list(finding.check.flows),
        "unreachable": said.is_unreachable,
    }


def _code(line: Facts) -> int:
    if line["unreachable"]:
        return UNREACHABLE
    return {Level.WRONG: CONFIGURATION, Level.WARNING: AMISS}.get(line["level"], WELL)


def _show(area: Facts) -> None:
    say(f"\n{area['title']}", style="bold")
    for line in area["checks"]:
        text = f"  {line['level']:9}{line['check']:31} {line['found']}"
        say(f"{text}. {line['fix']}" if line["fix"] else text, style=STYLES[Level(line["level"])])


def _sum_up(lines: Sequence[Facts]) -> None:
    counts = {level: sum(line["level"] == level for line in lines) for level in Level}
    say("\n" + ", ".join(f"{count} {level}" for level, count in counts.items() if count), style="bold")
