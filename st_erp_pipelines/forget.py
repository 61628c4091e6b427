"""A customer's personal data deleted from all that is kept here: landing, staging, published files, the outbox.

Figures, days and ids stay, so that the books still reconcile. Who is forgotten is remembered: what is read again of
them is cleared before it is loaded, unless it was modified since.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.forgotten import Forgotten, blank, documents_of, erp_numbers, is_done, remember, write_anew
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.staging.entities import all_entities
from st_erp_pipelines.staging.landing import landing_files
from st_erp_pipelines.staging.personal import ask, clear


@dataclass(frozen=True)
class Person:
    """`names`: what they are called. `undone`: what is still to be posted of them. `merged`: who became this one."""

    who: Forgotten
    names: tuple[str, ...]
    documents: tuple[Document, ...]
    undone: tuple[str, ...]
    merged: tuple[int, ...]


@dataclass(frozen=True)
class Cleared:
    """How many records of landing, by entity, and rows of the outbox, by table, were changed; and files rewritten.

    `is_gone`: what stood there before is not in the bytes of the outbox's file any more, either.
    """

    records: Counter[str]
    files: int
    outbox: Counter[str]
    is_gone: bool


def look_up(pipeline: Pipeline, customer_id: int) -> Person | None:
    """All that landed is loaded first. None: staging has no such customer."""
    pipeline.stage_all()
    key = f"servicetitan/{pipeline.connection.servicetitan.tenant_id}/customer/{customer_id}"
    who = Forgotten(customer_id, pipeline.outbox.now(), tuple(sorted(_erp_numbers(pipeline, customer_id, key))))
    with pipeline.staging() as con:
        if not ask(con, "known", who):
            return None
        jobs = {int(job) for (job,) in ask(con, "whose_job", who)}
        sources = ask(con, "sources", who, go_live=pipeline.connection.go_live)
        there = ask(con, "names_there", who) if who.erp_numbers else []  # an ERP that buys knows no customers
        names = {name for (name,) in [*ask(con, "names", who), *there] if name}
        merged = tuple(other for (other,) in ask(con, "merged", who))
    documents = documents_of(
        pipeline.outbox, pipeline.connection.name, {key, *(source for source, *_ in sources)}, who.erp_numbers, jobs
    )
    names |= {name for row in documents if row.kind == "customer" for name in (row.party, row.label) if name}
    built = {row.source_key for row in documents}
    undone = [f"{row.business_key} ({row.state})" for row in documents if not is_done(row)]
    undone += [label for source, label, is_in_scope in sources if is_in_scope and source not in built]
    return Person(who, tuple(sorted(names)), tuple(documents), tuple(undone), merged)


def _erp_numbers(pipeline: Pipeline, customer_id: int, key: str) -> set[str]:
    table = pipeline.mappings().tables["customers"]
    listed = list(zip(table["customer_id"].astype(str), table["erp_number"], strict=True))
    theirs = {number for of, number in listed if of == str(customer_id)}
    others = {number for of, number in listed if of != str(customer_id)}
    before = {n for each in pipeline.forgotten() if each.customer_id == customer_id for n in each.erp_numbers}
    return (theirs | before | erp_numbers(pipeline.outbox, pipeline.connection.name, key)) - others


def forget(pipeline: Pipeline, person: Person) -> Cleared:
    """Interrupted, it is simply done again: remembered first, the outbox before the names are gone from staging."""
    name = pipeline.connection.name
    remember(pipeline.outbox, name, person.who)
    outbox = blank(pipeline.outbox, [row.id for row in person.documents], person.names)
    records: Counter[str] = Counter()
    files = 0
    with pipeline.staging() as con:
        for declared in all_entities():
            paths = landing_files(pipeline.landing, name, declared.system, declared.name)
            found = clear(con, declared, paths, [person.who])
            records[f"{declared.system} {declared.name}"] += sum(found.values())
            files += len(found)
    pipeline.stage_all(anew=True)
    pipeline.publish(at_once=True)
    return Cleared(+records, files, outbox, is_gone=write_anew(pipeline.outbox))
