"""`st-erp replay`: which documents are asked for again, and what each of them answers."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from st_erp_pipelines.commands.audit import stories_of
from st_erp_pipelines.commands.output import AMISS, CONFIGURATION, WELL, complain, say
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.commands.status import paused, places_of
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Document, report
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import CHUNK
from st_erp_pipelines.replay import MASS, Answer, replay
from st_erp_pipelines.settings import Connection
from st_erp_pipelines.target import Finding, Wanted

USAGE = """Say what to replay:
  st-erp replay KEY...             these documents
  st-erp replay [NAME] --cause X   all that were refused for a cause
  st-erp replay [NAME] --all       all that are rejected, unavailable or in conflict"""


def run(words: Sequence[str], cause: str | None, everything: bool) -> int:
    with open_site() as site:
        names = [connection.name for connection in site.connections]
        first = words[:1] if words and words[0] in names else []
        keys = words[len(first) :]
        chosen = [connection for connection in site.connections if connection.name in (first or names)]
        causes = _causes(site, chosen)
        if (bool(keys) + bool(cause) + everything) != 1:
            raise ConfigurationError(f"{USAGE}\n{_in_words(causes)}")
        if cause and cause not in causes:
            raise ConfigurationError(f"Nothing was refused for the cause {cause}. {_in_words(causes)}")
        answers, missing = _replayed(site, chosen, keys, cause)
        held = _held(site, chosen) if any(answer.replayed for answer in answers) else []
    for answer in answers:
        say(answer.sentence) if answer.replayed else complain(answer.sentence)
    for name in held:
        say(f"Sending is paused: they go out after `st-erp resume {name}`.", style="yellow")
    for key in sorted(missing):
        complain(f"No document is known under {key}.")
    if not answers and not missing:
        say("Nothing is rejected, unavailable or in conflict.")
    if missing:
        return CONFIGURATION
    return WELL if all(answer.replayed for answer in answers) else AMISS


def _causes(site: Site, chosen: Sequence[Connection]) -> dict[str, int]:
    """Of what could be replayed: how many documents."""
    rows = [row for connection in chosen for row in _mass(site, connection, None)]
    return dict(Counter(row.cause for row in rows if row.cause).most_common())


def _in_words(causes: Mapping[str, int]) -> str:
    if not causes:
        return "No document is refused at present."
    return f"Causes at present: {', '.join(f'{cause} ({count})' for cause, count in causes.items())}."


def _held(site: Site, chosen: Sequence[Connection]) -> list[str]:
    """As one types it after `st-erp resume`."""
    found = []
    for connection in chosen:
        own, *places = connection.name, *places_of(site.outbox, connection.name)
        found += [own] if paused(site.outbox, own) else []
        found += [f"{own} --target"] if paused(site.outbox, *places) else []
    return found


def _replayed(
    site: Site, chosen: Sequence[Connection], keys: Sequence[str], cause: str | None
) -> tuple[list[Answer], set[str]]:
    """The answers, and the keys that no document has."""
    answers: list[Answer] = []
    missing = set(keys)
    for connection in chosen:
        rows = _named(site, connection, keys, missing) if keys else _mass(site, connection, cause)
        answers += replay(site.outbox, rows, person(), partial(_look_up, site, connection))
    return answers, missing


def _named(site: Site, connection: Connection, keys: Sequence[str], missing: set[str]) -> list[Document]:
    found: dict[int, Document] = {}
    for key in keys:
        rows = [row for row, _, _ in stories_of(site.outbox, key) if row.connection == connection.name]
        if rows:
            missing.discard(key)
        found |= {row.id: row for row in rows}
    return list(found.values())


def _mass(site: Site, connection: Connection, cause: str | None) -> list[Document]:
    conditions = [documents.c.state.in_(list(MASS))] + ([documents.c.cause == cause] if cause else [])
    return report.all_of(site.outbox, connection.name, *conditions)


def _look_up(site: Site, connection: Connection, flow: str, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
    target = site.pipeline(connection).target(flow)
    found: dict[str, Finding] = {}
    for start in range(0, len(wanted), CHUNK):
        found |= target.look_up(wanted[start : start + CHUNK])
    return found


def person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user name
        return "somebody"
