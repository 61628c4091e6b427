"""`st-erp audit KEY`: one document's story, as the outbox recorded it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines import settings
from st_erp_pipelines.commands.exceptions import advised
from st_erp_pipelines.commands.output import WELL, money, say, say_json
from st_erp_pipelines.commands.site import Site, all_settings
from st_erp_pipelines.commands.status import company_of, local
from st_erp_pipelines.commands.to_do import to_do_in
from st_erp_pipelines.database import reading
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import WITHOUT_AMOUNT
from st_erp_pipelines.outbox import Document, Outbox, report
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.outbox.states import State

Facts = dict[str, Any]
Story = tuple[Document, list[Any], list[Any]]
NEAR = 5
TRY = (
    "Try a business key (ST-A-INV-12345, AP678-1, STA-90), what ServiceTitan calls it (invoice number, record id), "
    "or its number in the ERP; `st-erp status --all` lists the keys of all exceptions."
)
ENDED = {State.OUT_OF_SCOPE, State.SKIPPED, State.WITHDRAWN}
KEYS_COMPARED = 20_000


def run(key: str, as_json: bool) -> int:
    """The outbox knows documents of connections that are at fault, or gone from the file, too."""
    with closing(Site([], [])) as site:
        stories = stories_of(site.outbox, key.strip())
        if not stories:
            raise ConfigurationError(f"No document is known under {key}.{_nearest(site.outbox, key.strip())} {TRY}")
    if as_json:
        say_json({"documents": [_facts(*story) for story in stories]})
    else:
        zones = {connection.name: connection.time_zone for connection in all_settings().connections}
        for story in stories:
            _show(*story, zone=zones.get(story[0].connection, "UTC"))
    return WELL


def stories_of(outbox: Outbox, key: str) -> list[Story]:
    """Under a key or label; else under a number of the ERP, a payment's key without its part, a bare record id."""
    if stories := report.story(outbox, key):
        return stories
    of_a_payment = documents.c.business_key.startswith(f"{key.upper()}-", autoescape=True)
    query = sa.select(documents.c.business_key).where(
        (documents.c.remote_number == key)
        | ((documents.c.flow == "payments") & of_a_payment)
        | (documents.c.source_key.endswith(f"/{key}", autoescape=True) if key.isdigit() else sa.false())
    )
    with reading(outbox.engine) as con:
        keys = list(dict.fromkeys(con.execute(query.order_by(documents.c.id)).scalars()))
    return [story for each in keys for story in report.story(outbox, each)]


def _nearest(outbox: Outbox, key: str) -> str:
    """What contains it, else what is spelled alike."""
    named = (documents.c.business_key, documents.c.label)
    with reading(outbox.engine) as con:
        within = sa.or_(*(column.contains(key, autoescape=True) for column in named))
        near = list(con.execute(sa.select(documents.c.business_key).where(within).limit(NEAR)).scalars())
        if not near:
            keys = con.execute(sa.select(documents.c.business_key).order_by(documents.c.id.desc()).limit(KEYS_COMPARED))
            near = get_close_matches(key.upper(), list(keys.scalars()), NEAR)
    return f" Nearest: {', '.join(near)}." if near else ""


def _facts(row: Document, attempts: Sequence[Any], events: Sequence[Any]) -> Facts:
    document = dict(row._mapping) | {"payload": simplejson.loads(row.payload)}
    tries = [dict(each._mapping) | {"payload": simplejson.loads(each.payload)} for each in attempts]
    return document | {"attempts": tries, "events": [dict(each._mapping) for each in events]}


def _show(row: Document, attempts: Sequence[Any], events: Sequence[Any], zone: str) -> None:
    say(f"\n{row.business_key}  {row.label}", style="bold underline")
    for name, value in _head(row, zone):
        say(f"  {name:<12} {value}")
    say("\n  What happened", style="bold")
    for at, text, style in sorted(_moments(attempts, events), key=lambda moment: moment[0]):
        say(f"  {local(at, zone)}  {text}", style=style)
    if row.state in ENDED and not attempts:
        return  # nothing of it would be sent
    would = "What we would have sent" if row.state == State.ADOPTED else "What would be sent"
    payload, what = (attempts[-1].payload, "What was sent last") if attempts else (row.payload, would)
    say(f"\n  {what}", style="bold")
    for line in simplejson.dumps(simplejson.loads(payload), indent=2, ensure_ascii=False).splitlines():
        say(f"  {line}")


def _head(row: Document, zone: str) -> Iterator[tuple[str, object]]:
    yield "state", f"{row.state.replace('_', ' ')} since {local(row.state_since, zone)}"
    for reason in row.reasons:
        yield "because", f"{reason['text']} [{reason['code']}]"
    if row.sentence and not row.reasons:
        yield "because", advised(row)
    if row.flag:
        yield "flag", row.flag
    for each in to_do_in(settings.home(), row.connection):
        if row.business_key.startswith(f"{each.business_key}-"):
            yield "to do", each.sentence
    worth = "" if row.flow in WITHOUT_AMOUNT else f", {money(row.amount)} {row.currency}"
    yield "what", f"{row.kind.replace('_', ' ')} of {row.business_date}{worth}, party {row.party or '(none)'}"
    yield "from", f"{row.source_key}{f' part {row.part}' if row.part else ''}, home day {row.home_day}"
    yield "goes to", f"{_company(row)} (connection {row.connection}, flow {row.flow})"
    if row.remote_id or row.remote_number:
        yield "there as", f"{row.remote_number or ''} (id {row.remote_id})".strip()
    if row.state in ("in_doubt", "sending") and row.settle_at:
        yield "settled", f"by look-up, from {local(row.settle_at, zone)}"
    elif row.next_try_at:
        yield "next try", f"{local(row.next_try_at, zone)}"


def _company(row: Document) -> str:
    """As connections.yaml calls it; by its place where the file no longer has the connection."""
    names = {connection.name: company_of(connection, row.place) for connection in all_settings().connections}
    return names.get(row.connection, str(row.place))


def _moments(attempts: Sequence[Any], events: Sequence[Any]) -> Iterator[tuple[datetime, str, str | None]]:
    for event in events:
        yield event.at, f"{event.state.replace('_', ' ')}. {event.text}".rstrip(), None
    for number, attempt in enumerate(attempts, 1):
        yield attempt.intended_at, f"intent to {attempt.move} (attempt {number}, epoch {attempt.epoch})", "cyan"
        if attempt.late_outcome:
            yield attempt.closed_at or attempt.intended_at, attempt.late_outcome, "yellow"
        elif attempt.outcome:
            facts = (f"HTTP {attempt.status}" if attempt.status else "", attempt.code, attempt.remote_number or "")
            said = ", ".join(fact for fact in facts if fact)
            yield attempt.closed_at, f"attempt {number}: {attempt.outcome}{f' ({said})' if said else ''}", "cyan"
