"""What the outbox already holds, brought into the build as temporary tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Reason, Verdict
from st_erp_pipelines.outbox.report import links_of
from st_erp_pipelines.outbox.schema import attempts, documents
from st_erp_pipelines.outbox.states import STANDING, State
from st_erp_pipelines.resources.regions import STATES
from st_erp_pipelines.staging.entities import PAYLOADS, SQL

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

MAY_STAND = (*STANDING, State.ENTERED, State.SENDING, State.IN_DOUBT, State.CONFLICT)


class KnownDocument(NamedTuple):
    """A row of the outbox. `is_fixed`: it stands over there, or may; a try that proved otherwise fixes nothing.

    `amount` and `applies_to` (the business key of the invoice in the payload, or "") are asked of payments
    only: a payment of which one part is fixed keeps its parts as they are here. So is `split`, the parts that
    its payload names, as JSON text. `party` is asked of invoices:
    who pays them. `replayed`: a person wants it posted, whatever the rules say that leave a document out.
    `written` and `state_since` are asked of masters that may change on both sides (`written_by`): the payload that may
    stand over there, else the one of today, as JSON text, and since when it is so.
    """

    flow: str
    kind: str
    source_key: str
    part: int
    revision: int
    state: str
    source_hash: str
    remote_id: str | None
    remote_number: str | None
    business_key: str
    is_fixed: bool
    amount: Decimal = Decimal(0)
    applies_to: str = ""
    is_flagged: bool = False
    adopt_only: bool = False
    party: str = ""
    replayed: bool = False
    split: str = ""
    written: str = ""
    state_since: datetime | None = None


class Link(NamedTuple):
    """A ServiceTitan record and its ERP record. `source_hash`: what its source said when it was linked."""

    source_key: str
    erp_number: str
    remote_id: str | None
    linked_by: str  # table, match or post
    source_hash: str = ""
    kind: str = "customer"


@dataclass(frozen=True)
class KnownDocuments:
    documents: Sequence[KnownDocument] = ()
    links: Sequence[Link] = ()


_payload = sa.cast(documents.c.payload, sa.JSON().with_variant(sa.Text(), "sqlite"))  # SQLite's JSON is text


def _of_payments(value: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.func.coalesce(sa.case((documents.c.flow == "payments", value.as_string())), "")


_later = attempts.alias()
# As `Outbox.wanted` judges it: what was taken back or proven absent settles the tries before it, too.
_settled_later = sa.exists().where(
    _later.c.document_id == attempts.c.document_id,
    _later.c.id > attempts.c.id,
    _later.c.outcome.in_(["removed", "absent"]),
)
_may_stand = (
    attempts.c.late_remote_id.is_not(None)
    | sa.func.coalesce(attempts.c.outcome, "").not_in(["not_sent", "unavailable", "rejected", "removed", "absent"])
    & ~_settled_later
)
_tried = sa.select(attempts.c.document_id).where(_may_stand)
_sent = sa.select(attempts.c.payload).where(attempts.c.document_id == documents.c.id, _may_stand)
# What changed at its source while it was under way is in the document already, and not over there.
_written = sa.func.coalesce(_sent.order_by(attempts.c.id.desc()).limit(1).scalar_subquery(), documents.c.payload)
_EXPRESSIONS: dict[str, sa.ColumnElement[Any]] = {
    "is_fixed": documents.c.state.in_(MAY_STAND) | documents.c.id.in_(_tried),
    "applies_to": _of_payments(_payload["invoice_key"]),
    "split": _of_payments(_payload["parts"]),
    "is_flagged": documents.c.flag != "",
}


def read_known(outbox: Outbox, connection: str, place: str, *, written_by: Sequence[str] = ()) -> KnownDocuments:
    links = [Link(*(getattr(row, name) for name in Link._fields)) for row in links_of(outbox, place)]
    return KnownDocuments(read_documents(outbox, connection, written_by=written_by), links)


def read_documents(outbox: Outbox, connection: str, *, written_by: Sequence[str] = ()) -> list[KnownDocument]:
    """Only the columns that a build looks at: whole rows, with their payloads, take ten times as long."""
    is_asked = documents.c.flow.in_(list(written_by))
    expressions = _EXPRESSIONS | {
        "written": sa.case((is_asked, _written), else_=""),
        "state_since": sa.case((is_asked, documents.c.state_since)),
    }
    columns = [expressions[name] if name in expressions else documents.c[name] for name in KnownDocument._fields]
    with outbox.engine.begin() as con:
        rows = con.execute(sa.select(*columns).where(documents.c.connection == connection))
        return list(map(KnownDocument._make, rows))


ROWS_AT_ONCE = 20_000
DOCUMENT_TYPES = {
    **dict.fromkeys(("flow", "kind", "source_key", "state", "source_hash"), "varchar"),
    **dict.fromkeys(("remote_id", "remote_number", "business_key", "applies_to", "split", "written"), "varchar"),
    **dict.fromkeys(("part", "revision"), "integer"),
    **dict.fromkeys(("is_fixed", "is_flagged", "adopt_only", "replayed"), "boolean"),
    "amount": "decimal(18, 4)",
    "state_since": "timestamptz",
}
SETTINGS = """
create or replace temp table rules as
select
    $key_prefix as key_prefix, $tenant_id::bigint as tenant_id, $start_date::date as start_date,
    $time_zone as time_zone,
    $go_live::date as go_live, $only_posted::boolean as only_posted,
    $closed_period as closed_period, $tax as tax, $non_taxable_code as non_taxable_code,
    $zero_totals as zero_totals, $create as create_customers, $match_existing as match_existing,
    $update_linked::boolean as update_linked, $owners as owners,
    $reverses::boolean as reverses,
    $payments_on_old_invoices as payments_on_old_invoices,
    $other_prefixes::varchar[] as other_prefixes,
    $requisitions as requisitions, $requests as requests, $invoices as invoices,
    $mode as mode, case when $mode = 'draft' then $draft_batch end as draft_batch,
    any_value(setup.opens) as opens, any_value(setup.closes) as closes,
    any_value(nullif(trim(setup.local_currency), '')) as local_currency
from erp_setup as setup
"""


def prepare(con: duckdb.DuckDBPyConnection, connection: Connection, flow: str, known: KnownDocuments) -> None:
    """Put the settings and the outbox's side beside staging and mapping; one build reads nothing else."""
    con.execute("set variable erp_settings = $settings", {"settings": connection.erp.for_payloads})
    con.execute(SETTINGS, _settings(connection, flow))
    install_documents(con, known.documents)
    _install(con, "known_links", Link._fields, known.links)
    run(con, "ground")
    if "customers" in connection.erp.flows:
        run(con, "parties")
    con.execute("set variable states = map($names, $codes)", {"names": [*STATES], "codes": [*STATES.values()]})
    con.execute((SQL / connection.erp.kind / PAYLOADS).read_text("utf-8"))


def install_documents(con: duckdb.DuckDBPyConnection, documents: Sequence[KnownDocument]) -> None:
    _install(con, "known_documents", KnownDocument._fields, documents)


def _settings(connection: Connection, flow: str) -> dict[str, Any]:
    customers, payments = connection.flows.customers, connection.flows.payments
    return {
        "key_prefix": connection.key_prefix,
        "tenant_id": connection.servicetitan.tenant_id,
        "start_date": connection.start_date,
        "time_zone": connection.time_zone,
        "go_live": connection.go_live,
        "only_posted": connection.rules.only_posted,
        "closed_period": connection.rules.closed_period,
        "tax": connection.rules.tax,
        "non_taxable_code": connection.rules.non_taxable_code,
        "reverses": connection.flows.invoices.on_change == "reverse_and_repost",
        "zero_totals": connection.flows.invoices.zero_totals,
        "create": customers.create,
        "match_existing": customers.match_existing,
        "update_linked": customers.update_linked,
        "owners": (customers if "customers" in connection.erp.flows else connection.flows.vendors).owners.model_dump(),
        "payments_on_old_invoices": payments.payments_on_old_invoices,
        "other_prefixes": connection.other_prefixes,
        "requisitions": connection.rules.requisitions,
        "requests": connection.rules.requests,
        "invoices": connection.rules.invoices,
        "mode": getattr(connection.flows, flow).mode,
        "draft_batch": connection.erp.draft_batch,
    }


def _install(con: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """As JSON text: bound value by value, 200,000 rows take five seconds instead of two."""
    types = [DOCUMENT_TYPES.get(name, "varchar") for name in names]
    columns = ", ".join(f"{name} {type_}" for name, type_ in zip(names, types, strict=True))
    con.execute(f"create or replace temp table {table} ({columns})")
    values = ", ".join(f"row[{place}]::{type_}" for place, type_ in enumerate(types, 1))
    insert = f"""insert into {table} select {values} from (select unnest(from_json($rows, '[["varchar"]]')) as row)"""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        con.execute(insert, {"rows": json.dumps(rows[start : start + ROWS_AT_ONCE], default=str)})


def run(con: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    """The statements of `sql/documents_{name}.sql`, and the rows of its last one."""
    text = files("st_erp_pipelines.staging").joinpath(f"sql/documents_{name}.sql").read_text("utf-8")
    result = con.execute(text)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def built(row: dict[str, Any]) -> BuiltDocument:
    """Columns are the fields of a document; payload and reasons come as JSON text."""
    payload = simplejson.loads(row["payload"])
    reasons = tuple(Reason(**reason) for reason in simplejson.loads(row["reasons"]))
    return BuiltDocument(**row | {"payload": payload, "reasons": reasons, "verdict": Verdict(row["verdict"])})


def without_gaps(document: BuiltDocument) -> BuiltDocument:
    """With no member of its payload that says nothing."""
    return replace(document, payload={name: value for name, value in document.payload.items() if value is not None})
