from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.resources.business_central import BusinessCentral, connect
from st_erp_pipelines.resources.business_central import client as client_module
from st_erp_pipelines.sandbox.faults import Faults
from tests.resources.business_central.conftest import COMPANY, Person, Secret, client_of, settings_for
from tests.resources.wire import AnyPace, answer, replies, serving


def records(walk: client_module.Walk) -> list[dict[str, Any]]:
    return [row for file in walk.files for row in json.loads(file.read_text())["value"]]


def test_an_unknown_company_is_answered_with_the_names_there_are(url: str) -> None:
    with client_of(url, company="Nobody") as client, pytest.raises(ConfigurationError, match=COMPANY):
        _ = client.company_id


def test_name_and_id_of_a_company_are_one_place(client: BusinessCentral, url: str) -> None:
    with client_of(url, company=client.company_id.upper()) as other:
        assert other.place == client.place
    assert client.place.endswith(f"|{client.company_id}")


def test_a_wrong_secret_is_a_matter_of_configuration(url: str) -> None:
    settings = settings_for(url)
    settings.client_secret = Secret("wrong")
    client = connect(settings, pace=AnyPace(), clock=SystemClock())
    with closing(client), pytest.raises(ConfigurationError, match="refused the credentials"):
        client.rows("customers", operation="list")


@pytest.mark.parametrize("entity", sorted(client_module.ENTITIES))
def test_every_entity_can_be_walked(client: BusinessCentral, tmp_path: Path, entity: str) -> None:
    walk = client.walk(entity, tmp_path)
    assert walk.rows == len(records(walk))


def test_pages_follow_each_other_without_loss(
    client: BusinessCentral, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = client_module.Entity("accounts", page_size=2)
    monkeypatch.setitem(client_module.ENTITIES, "accounts", small)
    walk = client.walk("accounts", tmp_path)
    assert len(walk.files) == 3
    assert len({row["number"] for row in records(walk)}) == walk.rows == 5


def test_values_come_with_their_dimension_and_lines_with_theirs(
    client: BusinessCentral, person: Person, tmp_path: Path
) -> None:
    values = records(client.walk("dimension_values", tmp_path))
    assert {(row["dimension"]["code"], row["code"]) for row in values} >= {("UNIT", "HVAC"), ("CREW", "RED")}
    line = {"accountNumber": "4000", "quantity": 1, "unitPrice": 10, "dimensions": {"UNIT": "HVAC"}}
    person.enters(type="invoice", customerNumber="STA-1", lines=[line])
    (invoice,) = records(client.walk("sales_invoices", tmp_path))
    (entered,) = invoice["salesInvoiceLines"]
    assert [(one["code"], one["valueCode"]) for one in entered["dimensionSetLines"]] == [("UNIT", "HVAC")]


def test_a_window_holds_its_beginning_and_not_its_end(client: BusinessCentral, person: Person, tmp_path: Path) -> None:
    person.enters(type="invoice", customerNumber="STA-1", lines=[], status="draft")
    (row,) = records(client.walk("sales_invoices", tmp_path))
    at = datetime.fromisoformat(row["lastModifiedDateTime"])
    tick = timedelta(milliseconds=1)
    assert client.walk("sales_invoices", tmp_path, since=at, before=at + tick).rows == 1
    assert client.walk("sales_invoices", tmp_path, since=at - tick, before=at).rows == 0
    assert client.walk("accounts", tmp_path, since=datetime.now(UTC)).rows == 5  # has no window


def test_a_stale_link_begins_the_list_again(
    client: BusinessCentral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client_module.ENTITIES, "accounts", client_module.Entity("accounts", page_size=2))
    links = iter([True, False, False, False])
    page = client_module._page

    def spoiled(content: bytes, operation: str) -> Any:
        rows, link = page(content, operation)
        stale = link and link.rpartition("=")[0] + "=11111111-1111-1111-1111-111111111111"
        return rows, stale if next(links, False) else link

    monkeypatch.setattr(client_module, "_page", spoiled)
    _ = client.company_id
    assert len({row["number"] for row in records(client.walk("accounts", tmp_path))}) == 5


def test_links_that_stay_stale_end_the_walk(
    client: BusinessCentral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = client.company_id
    stale = client.url("accounts", skiptoken="11111111-1111-1111-1111-111111111111")
    monkeypatch.setattr(client_module, "_page", lambda content, operation: ([], stale))
    with pytest.raises(Unavailable, match="went stale 3 times"):
        client.walk("accounts", tmp_path)


def test_a_maintenance_page_is_no_list(client: BusinessCentral, faults: Faults) -> None:
    _ = client.company_id
    faults.add("html", path_contains="accounts")
    assert len(client.rows("accounts", operation="list accounts")) == 5  # read again


def test_no_request_asks_for_a_replica_and_each_asks_for_english() -> None:
    pages = [{"value": [{"id": "1", "name": COMPANY}]}, {"value": []}]
    token = answer(b'{"access_token": "t", "expires_in": 3599}')
    script = replies(token, *(answer(json.dumps(page).encode()) for page in pages))
    with serving(script) as wire, client_of(wire.url) as client:
        client.rows("customers", operation="list", filter="number eq 'A B+1'")
    _, *asked = [request.decode().lower() for request in wire.requests]
    assert all("data-access-intent" not in head and "accept-language: en-us" in head for head in asked)
    assert "$filter=number%20eq%20'a%20b%2b1'" in asked[1]
