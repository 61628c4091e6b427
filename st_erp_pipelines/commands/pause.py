"""`st-erp pause` and `resume`: a connection, or all that post into its company."""

from __future__ import annotations

from contextlib import suppress

from st_erp_pipelines.commands.output import WELL, say
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.commands.status import company_of, due_in_words, flows_of, paused, places_of
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import BACK, used_flows
from st_erp_pipelines.settings import tenant_place


def pause(name: str, target: bool) -> int:
    with open_site([name]) as site:
        for scope in _scopes(site, name, target):
            site.outbox.pause(scope)
        resume = f"`st-erp resume {name}{' --target' * target}` ends it"
        say(f"Paused: {_what(site, name, target)}. {_stay(site, name)}. {resume}.")
        _give_seats_back(site)
    return WELL


def resume(name: str, target: bool) -> int:
    with open_site([name]) as site:
        scopes = _scopes(site, name, target)
        held = paused(site.outbox, *scopes)
        for scope in scopes:
            site.outbox.resume(scope)
        what = _what(site, name, target)
        say(f"Resumed: {what}. What is due goes out with the next sync." if held else f"{what} was not paused.")
        places = places_of(site.outbox, name)
        if not target and paused(site.outbox, *places):
            say(f"All that post into its company are paused still: `st-erp resume {name} --target` ends that.")
        elif target and paused(site.outbox, name):
            say(f"{name} itself is paused still: `st-erp resume {name}` ends that.")
    return WELL


def _give_seats_back(site: Site) -> None:
    """A session of Business One takes one until it is idle for long. Who reads on logs in again."""
    for connection in site.connections:
        if connection.erp.kind == "sap_business_one":
            with suppress(ConfigurationError):  # it is paused, whatever else is wrong with it
                site.pipeline(connection).erp.log_out()


def _stay(site: Site, name: str) -> str:
    return due_in_words(flows_of(site.outbox, name)) or "Nothing is due"


def _what(site: Site, name: str, target: bool) -> str:
    """As people call it; the id of a place is for machines."""
    if not target:
        return name
    places = [connection.place for connection in site.connections]
    places += [tenant_place(each.servicetitan) for each in site.connections if {*BACK} & {*used_flows(each)}]
    companies = [company_of(site.connections[0], place) for place in places] or [f"the company of {name}"]
    return f"all that post into {' and '.join(companies)}"


def _scopes(site: Site, name: str, target: bool) -> list[str]:
    """A connection can be paused whatever else is wrong with it; its company is asked for where it is not known."""
    if not target:
        return [name]
    known = {*places_of(site.outbox, name)}
    for connection in site.connections:
        tenant = {tenant_place(connection.servicetitan)} if {*BACK} & {*used_flows(connection)} else set()
        known |= tenant
        if not known - tenant:
            known.add(site.pipeline(connection).place_of("invoices"))
    if not known:
        raise ConfigurationError(f"Where {name} posts to is not known: mend connections.yaml first.")
    return sorted(known)
