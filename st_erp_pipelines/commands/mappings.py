"""`st-erp mappings check`: the tables against what was staged of both systems last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from st_erp_pipelines.commands.exceptions import counted
from st_erp_pipelines.commands.output import AMISS, money, say, say_json
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.mapping.coverage import WORDS, Gap
from st_erp_pipelines.pipeline import Pipeline

Facts = dict[str, Any]


def check(names: Sequence[str], as_json: bool) -> int:
    with open_site(names) as site:
        found = [_facts(site.pipeline(connection)) for connection in site.connections]
    if as_json:
        say_json({"connections": found, "faults": site.faults})
    else:
        for facts in found:
            _show(facts)
    is_amiss = any(facts["faults"] or facts["gaps"] for facts in found)
    return max(site.exit_code, AMISS if is_amiss else 0)


def _facts(pipeline: Pipeline) -> Facts:
    faults = [str(fault) for fault in pipeline.mapping_faults()]
    try:
        gaps = pipeline.coverage()
    except ConfigurationError:  # a table in which nothing can be told apart: it is among the faults
        gaps = []
    return {"name": pipeline.connection.name, "faults": faults, "gaps": [_of(gap) for gap in gaps]}


def _of(gap: Gap) -> Facts:
    what, fix = WORDS[gap.kind]
    return vars(gap) | {"what": what, "fix": fix}


def _show(facts: Facts) -> None:
    say(f"\n{facts['name']}", style="bold underline")
    for fault in facts["faults"]:
        say(f"  {fault}", style="yellow")
    for gap in facts["gaps"]:
        held_up = f": {counted(gap['documents'], 'documents')}, {money(gap['amount'])}" if gap["documents"] else ""
        say(f"  {gap['value']} {gap['what']}{held_up}. {gap['fix']}", style="yellow")
    if not facts["faults"] and not facts["gaps"]:
        say("  Everything is mapped.")
