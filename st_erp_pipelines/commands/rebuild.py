"""`st-erp rebuild`: staging made anew from landing, where a newer version needs other columns, or the file is lost."""

from __future__ import annotations

from collections.abc import Sequence

from st_erp_pipelines.commands.output import console, say
from st_erp_pipelines.commands.site import open_site


def run(names: Sequence[str]) -> int:
    with open_site(names) as site:
        for connection in site.connections:
            with console(stderr=True).status(f"loading all that was ever read of {connection.name}"):
                loaded = site.pipeline(connection).stage_all(anew=True)
            files = sum(each.files for each in loaded.values())
            say(f"{connection.name}: {len(loaded)} entities from {files:,} files. Reconciliation follows with a sync.")
        return site.exit_code
