"""`st-erp forget CONNECTION CUSTOMER_ID`: a customer's personal data deleted from all that is kept here."""

from __future__ import annotations

import typer

from st_erp_pipelines import settings
from st_erp_pipelines.commands.output import AMISS, complain, console, say
from st_erp_pipelines.commands.site import Site, all_settings, open_site
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.forget import Cleared, Person, forget, look_up
from st_erp_pipelines.staging.publication import unite

SHOWN = 5
REMAINS = (
    "Not deleted, because it is not here: ServiceTitan's own record and the ERP's, which st-erp never deletes; copies "
    "made with publish --to; backups. Delete it in ServiceTitan, too: what is modified there, or in the ERP, from now "
    "on is read as it is then."
)
READ_MEANWHILE = (
    "Not done yet: another process went on reading the outbox, so the bytes of its file may still hold what was there. "
    "Run this again when no sync and no other command is at work."
)


def run(name: str, customer_id: int, yes: bool) -> int:
    with open_site([name]) as site:
        if not site.connections:
            return site.exit_code
        pipeline = site.pipeline(site.connections[0])
        person = look_up(pipeline, customer_id)
        if person is None:
            raise ConfigurationError(f"{name} has read no customer {customer_id} from ServiceTitan.")
        if person.undone:
            complain(_refusal(person))
            return AMISS
        if not yes and not typer.confirm(_question(name, person)):
            return AMISS
        with console(stderr=True).status("rewriting what was read, and making staging anew from it"):
            done = forget(pipeline, person)
            _unite_again(site)
    for line in _in_words(person, done):
        say(line)
    if not done.is_gone:
        complain(READ_MEANWHILE)
        return AMISS
    return site.exit_code


def _refusal(person: Person) -> str:
    more = f" and {len(person.undone) - SHOWN} more" if len(person.undone) > SHOWN else ""
    return (
        f"Customer {person.who.customer_id} is not forgotten: not done yet are {', '.join(person.undone[:SHOWN])}{more}"
        ". They would go to the ERP without names and texts. Post them, or void them in ServiceTitan; `st-erp status`"
        " says what they wait for."
    )


def _question(name: str, person: Person) -> str:
    numbers = f", in the ERP {', '.join(person.who.erp_numbers)}" if person.who.erp_numbers else ""
    return (
        f"Customer {person.who.customer_id} of {name} ({', '.join(person.names) or 'without a name'}{numbers}): names, "
        f"addresses, contacts and texts are deleted; ids, days and amounts stay. Go on?"
    )


def _unite_again(site: Site) -> None:
    """What analysts open of all connections, where there is such a file."""
    folder = settings.home() / "published"
    if (folder / "all.duckdb").exists():
        names = [connection.name for connection in all_settings().connections]
        found = {name: folder / f"{name}.duckdb" for name in names if (folder / f"{name}.duckdb").exists()}
        unite(found, folder / "all.duckdb")


def _in_words(person: Person, done: Cleared) -> list[str]:
    landed = ", ".join(f"{count:,} {entity}" for entity, count in sorted(done.records.items()))
    outbox = ", ".join(f"{count:,} {table}" for table, count in sorted(done.outbox.items()) if count)
    lines = [
        f"Cleared in {done.files:,} landing files: {landed or 'nothing'} (versions of records).",
        f"Cleared in the outbox: {outbox or 'nothing'}. States, keys, amounts, days and hashes stay as proof.",
        "Staging and what analysts open were made anew. Reconciliation follows with a sync.",
    ]
    if person.merged:
        others = ", ".join(map(str, person.merged))
        lines.append(f"Merged into this one, and not forgotten with it: {others}. Forget each by its own id.")
    return [*lines, REMAINS]
