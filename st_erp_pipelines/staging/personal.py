"""What says who a forgotten customer is, found in landing files and taken out of them; figures, days and ids stay.

What stays of a record is what its entity declares less what it declares as personal. It is marked as `forgotten`, with
the hash that it had: nothing that was posted looks as if it had been edited.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import simplejson
from duckdb import DuckDBPyConnection

from st_erp_pipelines.outbox.forgotten import Forgotten
from st_erp_pipelines.staging.entities import Entity, Personal, Shape, steps
from st_erp_pipelines.staging.landing import WRITE, rewrite


def clear(
    con: DuckDBPyConnection, declared: Entity, paths: Sequence[Path], forgotten: Sequence[Forgotten]
) -> dict[Path, int]:
    """Rewrite those of the landing files that tell of them. Returns how many records were cleared in each.

    A version that is newer than the forgetting is left as it is: the customer came back.
    """
    if declared.personal is None or not paths or not forgotten:
        return {}
    until = _owners(con, declared.personal, forgotten)
    edits: dict[Path, list[dict[str, Any]]] = defaultdict(list)
    for name, row, modified_at, owners, text, source_hash in _theirs(con, declared, paths, list(until)):
        due = {owner for owner in owners if modified_at is None or modified_at <= until[owner]}
        payload = cleared(text, declared, due, source_hash)
        if due and payload != text:
            edits[Path(name)].append({"row": row, "payload": payload})
    for path, rows in edits.items():
        query = steps("personal")["rewrite"].format(write=WRITE)
        rewrite(con, query, {"path": str(path), "edits": json.dumps(rows)}, path)
    return {path: len(rows) for path, rows in edits.items()}


def owners_first(entities: Sequence[Entity]) -> list[Entity]:
    """In the order of loading: whose a job's bill or a ledger entry is, staging says, once it has jobs and invoices."""
    return sorted(entities, key=lambda one: one.personal is not None and _is_said_by_staging(one.personal))


def _is_said_by_staging(personal: Personal) -> bool:
    return "from staging." in steps("personal")[f"whose_{personal.whose}"]


def _owners(con: DuckDBPyConnection, personal: Personal, forgotten: Sequence[Forgotten]) -> dict[str, datetime]:
    """What `personal.owner` may hold, and when it was forgotten."""
    found: dict[str, datetime] = {}
    for each in sorted(forgotten, key=lambda each: each.at):
        found |= dict.fromkeys((owner for (owner,) in ask(con, f"whose_{personal.whose}", each)), each.at)
    return found


def ask(con: DuckDBPyConnection, step: str, each: Forgotten, **more: Any) -> list[tuple[Any, ...]]:
    """A question of `sql/personal.sql` about one of them."""
    text = steps("personal")[step]
    bound = {"customer_id": each.customer_id, "erp_numbers": list(each.erp_numbers), **more}
    return con.execute(text, {name: value for name, value in bound.items() if f"${name}" in text}).fetchall()


def _theirs(
    con: DuckDBPyConnection, declared: Entity, paths: Sequence[Path], owners: Sequence[str]
) -> list[tuple[Any, ...]]:
    personal = declared.personal
    assert personal is not None
    listed = f"payload ->> '$.{personal.each}[*].{personal.owner}'" if personal.each else ""
    owners_of_row = listed or f"[payload ->> '$.{personal.owner}']"
    names = declared.names(declared.tables[0]) | {"owners_of_row": owners_of_row}
    query = steps("personal")["theirs"].format(**names)
    return con.execute(query, {"paths": [str(path) for path in paths], "owners": list(owners)}).fetchall()


def cleared(text: str, declared: Entity, owners: Collection[str], source_hash: str) -> str:
    """A record without what tells of these owners."""
    record = simplejson.loads(text, use_decimal=True)
    record.pop("forgotten", None)
    personal = declared.personal
    assert personal is not None
    if personal.each:
        shape = declared.structure[personal.each][0]
        entries = [
            _kept(entry, shape, personal.members) if _member(entry, personal.owner) in owners else entry
            for entry in record[personal.each]
        ]
        record |= {personal.each: entries}
    else:
        record = _kept(record, declared.structure, personal.members)
    return simplejson.dumps(
        {"forgotten": source_hash, **record}, use_decimal=True, ensure_ascii=False, separators=(",", ":")
    )


def _member(record: Any, path: str) -> str:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return str(record)


def _kept(value: Any, shape: Shape, personal: Collection[str], path: str = "") -> Any:
    """What is declared and not personal. What is shaped otherwise is emptied, and stays shaped so."""
    if isinstance(value, dict):
        members = shape if isinstance(shape, dict) else {}
        paths = {name: f"{path}.{name}".lstrip(".") for name in members if name in value}
        return {
            name: _kept(value[name], members[name], personal, at) for name, at in paths.items() if at not in personal
        }
    if isinstance(value, list):
        return [_kept(each, shape[0], personal, path) for each in value] if isinstance(shape, list) else []
    return value if isinstance(shape, str) or value is None else ""
