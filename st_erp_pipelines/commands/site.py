"""What a command works on: the connections of connections.yaml and the outbox they share."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from st_erp_pipelines import settings
from st_erp_pipelines.commands.output import CONFIGURATION, WELL, complain
from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.settings import Connection, Settings

if TYPE_CHECKING:
    from st_erp_pipelines.outbox import Outbox
    from st_erp_pipelines.pipeline import Pipeline
    from st_erp_pipelines.resources.dagster_resources import PipelineResource


@dataclass
class Site:
    """`connections` are those asked for that can run; `faults` say why others of them cannot, a line for each."""

    connections: list[Connection]
    faults: list[str]

    @cached_property
    def pipelines(self) -> PipelineResource:
        from st_erp_pipelines.resources import dagster_resources as resources

        return resources.PipelineResource(
            state=resources.StateResource(),
            servicetitan=resources.ServiceTitanResource(),
            business_central=resources.BusinessCentralResource(),
            sap_business_one=resources.SapBusinessOneResource(),
            sap_s4hana=resources.SapS4hanaResource(),
        )

    @cached_property
    def outbox(self) -> Outbox:
        return self.pipelines.state.outbox()

    def pipeline(self, connection: Connection) -> Pipeline:
        return self.pipelines.of(connection, "st-erp")

    def close(self) -> None:
        """What was opened."""
        if "pipelines" in vars(self):
            self.pipelines.close()

    @property
    def exit_code(self) -> int:
        return CONFIGURATION if self.faults else WELL


@contextmanager
def open_site(names: Sequence[str] = ()) -> Iterator[Site]:
    """The connections of these names, or all. Complains of each fault that concerns them, a line for each."""
    site = _site(names)
    try:
        yield site
    finally:
        site.close()


def asked_for(names: Sequence[str]) -> tuple[Settings, set[str]]:
    """What connections.yaml says, and the connections of these names, or all; faulty ones, too."""
    path = settings.config_path()
    loaded = settings.load(path)
    known = [connection.name for connection in loaded.connections] + loaded.faulty
    for name in names:
        if name not in known and (known or not loaded.faults):
            near = get_close_matches(name, known, 1) or known[:1]
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"There is no connection {name} in {path.name}.{hint}")
    return loaded, set(names or known)


def _site(names: Sequence[str]) -> Site:
    loaded, asked = asked_for(names)
    faults = [str(fault) for fault in loaded.faults if not fault.connections or asked & set(fault.connections)]
    for line in [*faults, *(warning for warning in loaded.warnings if asked & set(warning.connections))]:
        complain(line)
    return Site([one for one in loaded.connections if one.name in asked], faults)


def all_settings() -> Settings:
    return settings.load(settings.config_path())


def ended_demo() -> bool:
    """connections.yaml is a demo's, and its sandbox is not there any more."""
    try:
        facts = json.loads((settings.config_path().parent / "demo.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", facts["sandboxes"][0]["ports"][0])) != 0


def prepare_dagster_home() -> None:
    """A site's own instance is left alone; without one, ours is made where our state lives."""
    if os.environ.get("DAGSTER_HOME"):
        return
    home = settings.home() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        with as_file(files("st_erp_pipelines") / "dagster.yaml") as shipped:
            shutil.copyfile(shipped, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
