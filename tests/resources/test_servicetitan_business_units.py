"""Cost centres written to business units of the sandbox over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from st_erp_pipelines.resources.servicetitan_business_units import ServiceTitanBusinessUnits
from st_erp_pipelines.target import Found, Move, Wanted
from tests.resources.purchasing_tenant import (
    OURS,
    PLACE,
    TIMING,
    Office,
    connected,
    find,
    ignore_filters,
    office,
    wanted,
)


@pytest.fixture(scope="module")
def there() -> Iterator[Office]:
    with office() as opened:
        yield opened


@pytest.fixture
def target(there: Office) -> Iterator[ServiceTitanBusinessUnits]:
    with closing(connected(there.url)) as client:
        yield ServiceTitanBusinessUnits(client, PLACE, TIMING)


def of(unit: int, value: str = "10101301") -> Wanted:
    return wanted({"key": f"ST-A-CC-{unit}", "business_unit_id": unit, "value": value})


def test_a_cost_center_stands_in_its_business_unit_beside_other_keys(
    target: ServiceTitanBusinessUnits, there: Office
) -> None:
    there.sets("business_units", 21, _externalData={OURS: {"region": "south"}})
    assert find(target, of(21)).found is Found.ABSENT
    reply = target.send(of(21), Move.POST)
    assert (reply.remote_id, reply.number, reply.warning) == ("21", "10101301", "")
    assert there.sees("business_units", 21)["_externalData"][OURS] == {"region": "south", "S4CostCenter": "10101301"}
    assert find(target, of(21)).found is Found.COMPLETE
    assert find(target, of(21, "10101302")).found is Found.ABSENT, "it has another by now"


def test_a_unit_that_is_gone_is_dead(target: ServiceTitanBusinessUnits) -> None:
    assert find(target, of(404)).found is Found.DEAD


def test_what_was_not_kept_is_told_of(target: ServiceTitanBusinessUnits, there: Office) -> None:
    with there.dropping("business_units", "externalData"):
        assert "did not keep what we wrote: S4CostCenter" in target.send(of(22, "7"), Move.POST).warning


def test_units_that_nobody_asked_for_prove_nothing(
    target: ServiceTitanBusinessUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignore_filters(monkeypatch, "ids")
    assert find(target, of(22)).found is Found.UNKNOWN


def test_without_an_application_nothing_is_proven(there: Office) -> None:
    with closing(connected(there.url, application_guid=None)) as client:
        assert find(ServiceTitanBusinessUnits(client, PLACE, TIMING), of(22)).found is Found.UNKNOWN
