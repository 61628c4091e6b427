"""Which cost center a business unit is told to have, and when it is told again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.settings import Connection, Secret, ServiceTitan
from st_erp_pipelines.staging.documents import KnownDocument, KnownDocuments
from st_erp_pipelines.staging.documents.purchasing_masters import build_cost_centers
from tests.staging.supplier_invoices_world import World, rolled_back
from tests.staging.supplier_invoices_world import settings as plain_settings

UNITS = "servicetitan__business_units"
S4 = "sap_s4hana__cost_centers"


@pytest.fixture
def world() -> Iterator[World]:
    """On 20 November 2026: one business unit, whose cost center was 10101 until October and is 10201 now."""
    with rolled_back() as world:
        world.put(
            UNITS, business_unit_id=1, name="HVAC", is_active=True, source_key="servicetitan/1003/business_unit/1"
        )
        for number, ends in (("10101", "2026-10-31"), ("10201", "9999-12-31")):
            world.put(S4, controlling_area="A000", cost_center=number, valid_from_date="2020-01-01", valid_to_date=ends)
        row(world, "10101", ends="2026-10-31")
        row(world, "10201", starts="2026-11-01")
        yield world


def row(world: World, number: str, unit: int = 1, starts: str | None = None, ends: str | None = None) -> None:
    world.put("mapping.cost_centers", cost_center=number, business_unit_id=unit, valid_from=starts, valid_to=ends)


def settings(*, has_application: bool = True) -> Connection:
    secrets = dict.fromkeys(("app_key", "client_id", "client_secret"), Secret("x"))
    titan = ServiceTitan(tenant_id=1003, application_guid=UUID(int=1) if has_application else None, **secrets)
    return plain_settings().model_copy(update={"servicetitan": titan, "mappings": Path(__file__).parent})


def build(world: World, *known: KnownDocument) -> list[BuiltDocument]:
    return build_cost_centers(world.con, settings(), KnownDocuments(known))


def only(documents: list[BuiltDocument]) -> BuiltDocument:
    (document,) = documents
    return document


def as_known(document: BuiltDocument, state: str = "posted") -> KnownDocument:
    facts: dict[str, Any] = {name: getattr(document, name) for name in KnownDocument._fields if hasattr(document, name)}
    same = dict(state=state, remote_id="1", remote_number=None, is_fixed=state == "posted")
    return KnownDocument(**facts | same | {"written": json.dumps(dict(document.payload))})


def test_a_business_unit_is_told_its_cost_center_of_today(world: World) -> None:
    document = only(build(world))
    assert (document.flow, document.kind, document.verdict) == ("cost_centers", "cost_center", Verdict.DUE)
    assert (document.business_key, document.label, document.home_day) == ("ST-C-CC-1", "HVAC", date(2026, 11, 20))
    assert document.payload == {"key": "ST-C-CC-1", "business_unit_id": 1, "value": "A000/10201"}
    assert build(world, as_known(document)) == []
    assert build(world, as_known(document, "adopted")) == []


def test_it_is_told_again_when_another_row_counts(world: World) -> None:
    first = as_known(only(build(world)))
    world.change("mapping.cost_centers", "valid_from is not null", valid_from="2026-12-01")
    world.change("mapping.cost_centers", "valid_from is null", valid_to="2026-11-30")
    world.change(S4, valid_to_date="9999-12-31")
    again = only(build(world, first))
    assert (again.business_key, again.revision, again.payload["value"]) == ("ST-C-CC-1/R1", 1, "A000/10101")
    pending = as_known(again, "unavailable")
    world.change("mapping.cost_centers", "valid_from is null", valid_to="2026-11-19")
    world.change("mapping.cost_centers", "valid_from is not null", valid_from="2026-11-20")
    back = only(build(world, first, pending))
    assert (back.revision, back.verdict) == (1, Verdict.SKIPPED), "as it is there already"
    assert build(world, first, as_known(again))[0].revision == 2


def test_what_cannot_be_told_says_why(world: World) -> None:
    world.change(S4, "cost_center = '10201'", valid_to_date="2026-11-19")
    document = only(build(world))
    assert [each.code for each in document.reasons] == ["invalid_cost_center"]
    assert "A000/10201 is not there on 2026-11-20" in document.reasons[0].text
    row(world, "10301")
    document = only(build(world))
    assert [each.code for each in document.reasons] == ["several_cost_centers"]
    assert "'HVAC' (id 1) the cost centers 10201 and 10301" in document.reasons[0].text


def test_who_is_not_active_or_not_mapped_is_left_and_what_was_not_sent_is_withdrawn(world: World) -> None:
    known = as_known(only(build(world)), "blocked")
    world.change(UNITS, is_active=False)
    assert only(build(world, known)).verdict is Verdict.WITHDRAWN
    assert build(world) == []
    world.change(UNITS, is_active=True)
    world.drop("mapping.cost_centers")
    assert build(world) == []
    assert build_cost_centers(world.con, settings(has_application=False), KnownDocuments()) == []
