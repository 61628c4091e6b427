"""What the product found wrong against what the generator planted, in the generator's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from st_erp_pipelines.commands.output import complain, say
from st_erp_pipelines.commands.site import open_site
from st_erp_pipelines.flows import sells
from st_erp_pipelines.outbox import Document, report
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.staging.supplier_invoice_results import needs_person

Found = tuple[str, str, Decimal]  # kind, key, amount
SHOWN = 5
UNPLANTED = ("items", "customers_back")


def say_compared(name: str, planted: Sequence[PlantedException]) -> bool:
    same, sentence = compared(name, planted)
    say(f"\n{sentence}", style="green") if same else complain(sentence)
    return same


def compared(name: str, planted: Sequence[PlantedException]) -> tuple[bool, str]:
    """Whether they are the same, and that in words."""
    with open_site([name]) as site:
        found = set(_found(site.pipeline(site.connections[0])))
    asked = {(_kind(each), each.key, each.amount) for each in planted}
    if found == asked:
        return True, f"{len(found)} exceptions on the way: exactly those that were planted."
    return False, f"Not what was planted: missed {_keys(asked - found)}; not planted {_keys(found - asked)}."


def _kind(each: PlantedException) -> str:
    return "conflict" if each.kind.startswith("conflict:") else each.kind


def _keys(rows: set[Found]) -> str:
    listed = [f"{key} ({kind})" for kind, key, _ in sorted(rows)]
    return ", ".join([*listed[:SHOWN], *(["..."] if len(listed) > SHOWN else [])]) or "nothing"


def _found(pipeline: Pipeline) -> Iterator[Found]:
    """Of ServiceTitan's payments only a refund is below zero."""
    for row in report.exceptions(pipeline.outbox, pipeline.connection.name):
        if row.flow not in UNPLANTED:
            yield from ((kind, row.business_key, row.amount) for kind in _kinds(row))
    for result in filter(needs_person, pipeline.supplier_invoice_results()):
        yield f"{result.result}:{result.cause}", result.business_key, result.amount
    if not sells(pipeline.connection):
        return
    for each in pipeline.reconciled().unexplained:
        yield f"difference:{each.status.replace(' ', '_')}", each.business_key, -each.difference
    for do in pipeline.to_do():
        yield f"to_do:{do.what}", do.document_number, -do.amount if do.what == "refund" else do.amount


def _kinds(row: Document) -> list[str]:
    if row.state == "blocked":
        return [f"blocked:{reason['code']}" for reason in row.reasons]
    if row.state == "rejected":
        return [f"rejected:{row.cause}"]
    return ["flagged"] if row.flag else [row.state]
