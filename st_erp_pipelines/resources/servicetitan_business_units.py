"""Business units of ServiceTitan: of them only external data can be written, in which their cost centre stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.servicetitan import SYSTEM, ServiceTitan, Unproven
from st_erp_pipelines.resources.servicetitan_targets import (
    LANES,
    NO_APPLICATION,
    by_ids,
    external,
    external_value,
    proven,
    record,
    write,
)
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted

ENTITY = "business_units"
COST_CENTER = "S4CostCenter"
REFUSALS = (("", "", "Read the text, correct the row of that business unit in cost_centers.csv, then replay."),)


class ServiceTitanBusinessUnits:
    """A payload says which `value` the business unit `business_unit_id` is to have; writing it again does no harm."""

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self._client = client

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return proven(self._find, wanted)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"business units have no drafts to {move}")
        if not self._client.application:
            raise ConfigurationError(NO_APPLICATION, system=SYSTEM, document=wanted.key)
        number, value = wanted.payload["business_unit_id"], wanted.payload["value"]

        def lost() -> list[str]:
            there = record(self._client, ENTITY, number) or {}
            return [] if external_value(there, COST_CENTER) == value else [COST_CENTER]

        with deadline.within(self._client.clock, self.timing.deadline.total_seconds()):
            body = external(self._client, COST_CENTER, value, patchMode="Merge")  # other keys of ours stay
            write(self._client, ENTITY, body, wanted, self.timing, number=number, refusals=REFUSALS)
            return Reply(str(number), value, warning=self._client.read_back(self.timing.settle_after, lost))

    def _find(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        """By id: they have no filter of external data."""
        if not self._client.application:
            raise Unproven(NO_APPLICATION)
        findings = {}
        rows = by_ids(self._client, ENTITY, {one.payload["business_unit_id"] for one in wanted})
        for one in wanted:
            number, value = one.payload["business_unit_id"], one.payload["value"]
            if (row := rows.get(number)) is None:
                detail = f"Business unit {number} is gone from ServiceTitan: correct cost_centers.csv."
                findings[one.key] = Finding(Found.DEAD, detail=detail)
            else:
                found = Found.COMPLETE if external_value(row, COST_CENTER) == value else Found.ABSENT
                findings[one.key] = Finding(found, str(number), value)
        return findings
