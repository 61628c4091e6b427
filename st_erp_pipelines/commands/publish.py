"""`st-erp publish`: the files that analysts open, made now."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from st_erp_pipelines import settings
from st_erp_pipelines.commands.output import say, say_json
from st_erp_pipelines.commands.site import Site, open_site
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.staging.publication import Published, beside, unite


def run(names: Sequence[str], together: bool, to: Path | None, as_json: bool) -> int:
    with open_site(names) as site:
        if to and not together and len(site.connections) > 1:
            raise ConfigurationError("--to names one file", fix="Name one connection, or unite them with --all.")
        done = _publish(site)
        if together and done:
            target = to or settings.home() / "published" / "all.duckdb"
            done["all"] = unite({name: each.path for name, each in done.items()}, target.absolute())
        elif to:
            done = {name: _copied(each, to.absolute()) for name, each in done.items()}
        if as_json:
            say_json({"published": [_facts(name, each) for name, each in done.items()], "faults": site.faults})
        else:
            for name, each in done.items():
                say(_in_words(name, each))
        return site.exit_code


def _publish(site: Site) -> dict[str, Published]:
    made = {connection.name: site.pipeline(connection).publish(at_once=True) for connection in site.connections}
    return {name: each for name, each in made.items() if each}


def _copied(published: Published, to: Path) -> Published:
    with beside(to) as partial:
        shutil.copyfile(published.path, partial)
    return replace(published, path=to)


def _facts(name: str, published: Published) -> dict[str, Any]:
    return {
        "name": name,
        "path": str(published.path),
        "bytes": published.bytes,
        "rows": published.rows,
        "seconds": round(published.seconds, 2),
    }


def _in_words(name: str, published: Published) -> str:
    rows = ", ".join(f"{rows:,} rows in {schema}" for schema, rows in published.rows.items())
    return f"{name}: {published.path} ({published.bytes / 1e6:,.1f} MB), {rows}, in {published.seconds:.1f} s"
