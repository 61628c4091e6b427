"""The way back, from the ERP's items to the pricebook: read, staged, built, posted, over both sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_erp_pipelines.accept import accept, in_pricebook
from st_erp_pipelines.outbox import Document, report
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.replay import replay
from st_erp_pipelines.sandbox.contractor_articles import ABSENT, BY_HAND, LINKED
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.credentials import SERVICETITAN_APPLICATION_GUID as OURS
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from tests.erps import READS
from tests.world import Site, contractor, running_site, with_only

pytestmark = pytest.mark.slow(10)

READ = {"servicetitan": ("materials", "services", "vendors", "categories"), "business_central": ("items",)}


def erp_id(row: Wire) -> str:
    return str(row.get("_externalData", {}).get(OURS, {}).get("erpId", ""))


def where(whole: Any) -> dict[str, str]:
    """By the number of each item whether the pricebook has it already."""
    skus = [*whole.servicetitan["materials"], *whole.servicetitan["services"]]
    linked, codes = {erp_id(row) for row in skus}, {row["code"] for row in skus}
    numbers = (row["number"] for row in whole.business_central["items"])
    return {each: LINKED if each in linked else BY_HAND if each in codes else ABSENT for each in numbers}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Items in all three conditions, three of each, none of them blocked; services become services."""
    whole, folder = with_only(contractor(scale=0.02), []), tmp_path_factory.mktemp("items")
    conditions, kept = where(whole), Counter[str]()
    items = []
    for row in sorted(whole.business_central["items"], key=lambda row: str(row["type"])):
        condition = conditions[row["number"]]
        if not row["blocked"] and row["number"][:2] in ("LA", "EL") and kept[condition + row["type"]] < 2:
            kept[condition + row["type"]] += 1
            items.append(row)
    whole = replace(whole, business_central=whole.business_central | {"items": items})
    vendor = next(row["id"] for row in whole.servicetitan["vendors"] if row["active"])
    with running_site(folder, whole) as site:
        path = folder / "connections.yaml"
        text = path.read_text("utf-8").replace("    flows:\n", "    flows:\n      items: {mode: observe}\n")
        path.write_text(text.replace("  tenant_id:", f"  application_guid: {OURS}\n      tenant_id:", 1), "utf-8")
        table = "item_number,item_category,becomes,category_id,vendor_id,account\n"
        table += f"*,LABOR,service,,,\n*,,material,,{vendor},\n"
        (folder / "mappings" / CONNECTION / "items.csv").write_text(table, "utf-8")
        yield site


def read(pipeline: Pipeline, **entities: tuple[str, ...]) -> None:
    for system, names in (entities or READ).items():
        reader = pipeline.extract(system)
        for entity in names:
            reader.whole(entity) if entity in ("categories", "items") else reader.day(entity, pipeline.today)
            pipeline.stage(system, entity)


def go(pipeline: Pipeline) -> Counter[str]:
    """Builds and posts; by state what stands of it then."""
    pipeline.build("items")
    pipeline.post("items")
    return Counter(row.state for row in found(pipeline))


def found(pipeline: Pipeline, state: str = "", number: str = "") -> list[Document]:
    rows = report.all_of(pipeline.outbox, CONNECTION, documents.c.flow == "items")
    return [row for row in rows if state in ("", row.state) and number in row.business_key]


def replayed(pipeline: Pipeline, row: Document) -> bool:
    look_up = pipeline.target("items").look_up
    return all(each.replayed for each in replay(pipeline.outbox, [row], "ann", lambda flow, wanted: look_up(wanted)))


def skus(site: Site) -> list[dict[str, Any]]:
    root = f"{site.servicetitan_url}/_control/servicetitan/records"
    return [row for entity in ("materials", "services") for row in httpx.get(f"{root}/{entity}").json()]


def by_erp_id(site: Site) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in skus(site):
        found.setdefault(erp_id(row), []).append(row)
    return found


def writes(site: Site) -> list[str]:
    log = httpx.get(f"{site.servicetitan_url}/_control/log").json()
    return [entry["path"] for entry in log if entry["method"] not in READS and "pricebook" in entry["path"]]


def office(site: Site, action: str, **body: Any) -> None:
    httpx.post(f"{site.servicetitan_url}/_control/servicetitan/{action}", json=body).raise_for_status()


def reprice(site: Site, number: str, price: str) -> None:
    body = {"items": {number: {"unitPrice": float(price)}}}
    httpx.post(f"{site.erp.url}/_control/business_central/set", json=body).raise_for_status()


def list_of(number: str) -> str:
    return "services" if number.startswith("LA-") else "materials"


def price_of(site: Site, number: str) -> float:
    (row,) = by_erp_id(site)[number]
    return float(row["price"])


def wait_for_lag(pipeline: Pipeline) -> None:
    """Until a window that is read includes what was just done."""
    pipeline.outbox.clock.sleep(pipeline.connection.servicetitan.timing.read_lag.total_seconds() + 0.1)


def test_items_go_there_once_and_their_changes_follow(site: Site) -> None:
    conditions = where(site.contractor)
    absent, linked, by_hand = (
        sorted(number for number, of in conditions.items() if of == condition)
        for condition in (ABSENT, LINKED, BY_HAND)
    )
    with site.pipeline() as pipeline:
        read(pipeline)
        assert go(pipeline).keys() == {"ready", "blocked"}
    assert writes(site) == [], "who observes writes nothing"
    site.set_mode("post", "items")
    with site.pipeline() as pipeline:
        before = skus(site)
        expected = {"posted": len(absent), "adopted": len(linked), "blocked": len(by_hand)}
        assert go(pipeline) == expected
        assert [row for row in skus(site) if row["id"] in {each["id"] for each in before}] == before, "none taken over"
        there = by_erp_id(site)
        assert {number: len(there[number]) for number in (*absent, *linked)} == dict.fromkeys((*absent, *linked), 1)
        prices = {row["number"]: row["unitPrice"] for row in site.contractor.business_central["items"]}
        assert all(Decimal(str(price_of(site, number))) == prices[number] for number in absent)
        nothing_is_written_twice(site, pipeline, expected)
        prices_of_the_field_are_left_to_people(site, pipeline, expected, absent)
        what_was_made_by_hand_is_changed_once_it_is_accepted(site, pipeline, by_hand[0])


def nothing_is_written_twice(site: Site, pipeline: Pipeline, expected: dict[str, int]) -> None:
    sent = writes(site)
    wait_for_lag(pipeline)
    read(pipeline)
    assert go(pipeline) == expected
    assert writes(site) == sent


def prices_of_the_field_are_left_to_people(
    site: Site, pipeline: Pipeline, expected: dict[str, int], numbers: list[str]
) -> None:
    changed, contested, *_, listed = numbers
    for number in (contested, listed):
        office(site, "price", entity=list_of(number), id=by_erp_id(site)[number][0]["id"], price=777)
    reprice(site, changed, "901.5")
    reprice(site, contested, "902.5")
    wait_for_lag(pipeline)
    read(pipeline, servicetitan=("materials", "services"), business_central=("items",))
    assert go(pipeline) == expected | {"posted": len(numbers) + 1, "conflict": 1}
    assert [price_of(site, number) for number in (changed, contested, listed)] == [901.5, 777, 777]
    pipeline.reconcile()
    prices = {each.item_number: each.in_servicetitan for each in pipeline.field_prices()}
    assert prices[listed] == 777
    assert not {changed, contested} & prices.keys()
    (row,) = found(pipeline, "conflict")
    assert replayed(pipeline, row)
    assert go(pipeline)["conflict"] == 0
    assert price_of(site, contested) == 902.5


def what_was_made_by_hand_is_changed_once_it_is_accepted(site: Site, pipeline: Pipeline, number: str) -> None:
    (row,) = found(pipeline, number=number)
    with pipeline.staging() as con:
        (record,) = in_pricebook(con, list_of(number).removesuffix("s"), number)
    answer = accept(pipeline.outbox, row, record, "ann")
    assert (answer.accepted, answer.sentence) == (True, f"{row.business_key} is {number}: adopted.")
    reprice(site, number, "903.5")
    read(pipeline, business_central=("items",))
    go(pipeline)
    (change,) = found(pipeline, number=f"{number}/R1")
    assert change.state == "posted", change.sentence
    (mine,) = by_erp_id(site)[number]
    assert (str(mine["id"]), mine["price"]) == (record.remote_id, 903.5)
