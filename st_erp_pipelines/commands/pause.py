"""`st-erp pause` and `resume`: a connection, or all that post into its company."""

from __future__ import annotations

from st_erp_pipelines.commands.output import WELL, say
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.commands.status import places_of
from st_erp_pipelines.errors import ConfigurationError


def pause(name: str, target: bool) -> int:
    with open_site([name]) as site:
        for scope in _scopes(site, name, target):
            site.outbox.pause(scope)
            say(f"Paused: {scope}. Nothing is sent until `st-erp resume {name}{' --target' * target}`.")
    return WELL


def resume(name: str, target: bool) -> int:
    with open_site([name]) as site:
        for scope in _scopes(site, name, target):
            site.outbox.resume(scope)
            say(f"Resumed: {scope}. What is due goes out with the next sync.")
    return WELL


def _scopes(site: Site, name: str, target: bool) -> list[str]:
    """A connection can be paused whatever else is wrong with it; its company is asked for where it is not known."""
    if not target:
        return [name]
    known = places_of(site.outbox, name)
    if not known and not site.connections:
        raise ConfigurationError(f"Where {name} posts to is not known: mend connections.yaml first.")
    return known or [site.pipeline(site.connections[0]).place]
