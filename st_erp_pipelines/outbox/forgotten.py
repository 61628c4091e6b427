"""Customers whose personal data a person had deleted: remembered, and taken out of what the outbox says of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.database import reading
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import text_of
from st_erp_pipelines.outbox.schema import attempts, cursors, documents, events, links
from st_erp_pipelines.outbox.states import RULES, State, change

GONE = "(forgotten)"
KEYS_PER_QUERY = 400
# Members of payloads that say who somebody is, or may.
PERSONAL = {
    *("display_name", "address_line1", "address_line2", "city", "state", "country", "postal_code", "phone_number"),
    *("email", "description", "comment", "overwritten", "street", "zip", "text"),
}
BOUGHT = ("purchase_order", "requisition", "supplier_invoice")
# It ends where no letter follows. What seems to end inside (James' valve) goes on to the next such mark.
QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)(?:[^']*\w'(?!\w))*", re.DOTALL)


@dataclass(frozen=True)
class Forgotten:
    """`at`: what was modified later tells of them again. `erp_numbers`: what the ERP calls them, and nobody else."""

    customer_id: int
    at: datetime
    erp_numbers: tuple[str, ...] = ()


def forgotten(outbox: Outbox, connection: str) -> list[Forgotten]:
    prefix = _name(connection, "")
    query = sa.select(cursors).where(cursors.c.name.startswith(prefix, autoescape=True))
    with reading(outbox.engine) as con:
        rows = [(row.name.removeprefix(prefix), json.loads(row.value)) for row in con.execute(query)]
    return [Forgotten(int(of), datetime.fromisoformat(said["at"]), tuple(said["erp_numbers"])) for of, said in rows]


def remember(outbox: Outbox, connection: str, person: Forgotten) -> None:
    said = {"at": person.at.isoformat(), "erp_numbers": list(person.erp_numbers)}
    outbox.put_cursor(_name(connection, str(person.customer_id)), json.dumps(said))


def _name(connection: str, customer_id: str) -> str:
    return f"{connection}/forgotten/{customer_id}"


def erp_numbers(outbox: Outbox, connection: str, source_key: str) -> set[str]:
    """What the customer is called there, by links and by documents; not where another customer is called so, too."""
    places = sa.select(documents.c.place).where(documents.c.connection == connection)
    linked = sa.select(links.c.source_key, links.c.erp_number).where(
        links.c.place.in_(places), links.c.kind == "customer"
    )
    posted = sa.select(documents.c.source_key, documents.c.remote_number).where(
        documents.c.place.in_(places), documents.c.kind == "customer", documents.c.remote_number.is_not(None)
    )
    with reading(outbox.engine) as con:
        rows = [tuple(row) for query in (linked, posted) for row in con.execute(query)]
    return {number for key, number in rows if key == source_key} - {number for key, number in rows if key != source_key}


def documents_of(
    outbox: Outbox,
    connection: str,
    source_keys: Collection[str],
    numbers: Collection[str],
    jobs: Collection[int] = (),
) -> list[Document]:
    """All that is theirs by its source, by the customer whom it names in the ERP, or bought for one of their jobs."""
    query = sa.select(documents).where(documents.c.connection == connection)
    with reading(outbox.engine) as con:
        found = list(con.execute(query.where(documents.c.party.in_(numbers) & (documents.c.kind != "customer"))))
        bought = con.execute(query.where(documents.c.kind.in_(BOUGHT))) if jobs else ()
        of_jobs = {row.source_key for row in bought if simplejson.loads(row.payload).get("job_id") in jobs}
        keys = sorted({*source_keys, *of_jobs})
        for start in range(0, len(keys), 400):
            found += con.execute(query.where(documents.c.source_key.in_(keys[start : start + KEYS_PER_QUERY])))
    return list({row.id: row for row in found}.values())


def is_done(row: Document) -> bool:
    return RULES[State(row.state)].final


def blank(outbox: Outbox, ids: Collection[int], names: Collection[str]) -> Counter[str]:
    """Take out of documents, attempts and events who it was. Returns how many rows of each were changed.

    States, keys, amounts, days and hashes stay: what was posted remains proven.
    """
    done: Counter[str] = Counter()
    with outbox.begin() as (con, _):
        for document_id in sorted(ids):
            row = con.execute(sa.select(documents).where(documents.c.id == document_id).with_for_update()).one()
            changed = Counter({table.name: _blank_rows(con, table, row, names) for table in (attempts, events)})
            columns = _blanked_document(row, names)
            if columns or changed.total():
                change(con, row, **columns)  # its version says that the audit trail is to be published anew
                done += changed + Counter(documents=1)
    return done


def write_anew(outbox: Outbox) -> bool:
    """What was overwritten can still be read in the bytes of an SQLite file, and in its log, until both are made anew.

    False where somebody went on reading, so that old bytes stay; SQLite waited for them (`busy_timeout`).
    """
    if outbox.is_on_server:
        return True
    with closing(outbox.engine.raw_connection()) as raw:
        raw.cursor().execute("vacuum")
        busy, *_ = raw.cursor().execute("pragma wal_checkpoint(truncate)").fetchone()
    return not busy


def _blank_rows(con: sa.Connection, table: sa.Table, document: Document, names: Collection[str]) -> int:
    rows = con.execute(sa.select(table).where(table.c.document_id == document.id)).all()
    edits = {row.id: columns for row in rows if (columns := _blanked(row, document.kind, names))}
    for row_id, columns in edits.items():
        con.execute(table.update().where(table.c.id == row_id).values(**columns))
    return len(edits)


def _blanked_document(row: Document, names: Collection[str]) -> dict[str, Any]:
    reasons = [reason | {"text": _text(reason["text"], names)} for reason in row.reasons]
    label = row.business_key if row.kind in ("customer", "customer_back") else row.label
    more = dict(reasons=reasons, label=label)
    return _blanked(row, row.kind, names) | {name: new for name, new in more.items() if new != getattr(row, name)}


def _blanked(row: sa.Row[Any], kind: str, names: Collection[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in ("sentence", "flag", "text"):
        if old := getattr(row, name, None):
            columns[name] = _text(old, names)
    if old := getattr(row, "payload", None):
        columns["payload"] = text_of(_payload(simplejson.loads(old)))
    if kind == "customer" and getattr(row, "party", None):
        columns["party"] = GONE
    return {name: value for name, value in columns.items() if value != getattr(row, name)}


def _text(text: str, names: Collection[str]) -> str:
    """Sentences quote what others wrote, names and texts of lines; what they do not quote may still be a name."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", GONE, text, flags=re.IGNORECASE)
    return QUOTED.sub(f"'{GONE}'", text)


def _payload(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "" if name in PERSONAL else _payload(inner) for name, inner in value.items()}
    return [_payload(each) for each in value] if isinstance(value, list) else value
