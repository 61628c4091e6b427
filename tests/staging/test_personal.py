"""What is personal is declared, found and cleared; what else a record says is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from st_erp_pipelines.outbox.forgotten import Forgotten
from st_erp_pipelines.staging.entities import Shape, all_entities, entity_of
from st_erp_pipelines.staging.landing import landing_files
from st_erp_pipelines.staging.personal import clear, cleared
from tests.staging.conftest import Site, invoice

FATHER, SON = 7, 8
WHEN = datetime(2026, 10, 3, tzinfo=UTC)
FORGOTTEN = [Forgotten(FATHER, WHEN, ("STA-7",))]


def members(shape: Shape, path: str = "") -> Iterator[str]:
    if isinstance(shape, dict):
        for name, inner in shape.items():
            yield f"{path}.{name}".lstrip(".")
            yield from members(inner, f"{path}.{name}")
    elif isinstance(shape, list):
        yield from members(shape[0], path)


@pytest.mark.parametrize("declared", [each for each in all_entities() if each.personal], ids=lambda each: each.name)
def test_what_is_declared_as_personal_is_there(declared: Any) -> None:
    personal, structure = declared.personal, declared.structure
    shape = structure[personal.each][0] if personal.each else structure
    assert set(members(shape)) >= {personal.owner, *personal.members}


def test_what_names_a_customer_says_what_is_personal() -> None:
    """Lists of employees' and vendors' names, and what is about the company, name none."""
    naming = {
        each.name for each in all_entities() if any("customer" in path.lower() for path in members(each.structure))
    }
    assert naming - {each.name for each in all_entities() if each.personal} <= {"customer_payment_journals"}


def cleared_records(site: Site, entity: str, *, system: str = "servicetitan") -> list[dict[str, Any]]:
    paths = landing_files(site.home / "landing", "acme", system, entity)
    clear(site.con, entity_of(system, entity), paths, FORGOTTEN)
    assert clear(site.con, entity_of(system, entity), paths, FORGOTTEN) == {}, "nothing is left to clear"
    texts = site.con.execute("select payload from read_parquet($p) order by key", {"p": [str(each) for each in paths]})
    return [json.loads(text) for (text,) in texts.fetchall()]


def test_only_theirs_and_only_what_is_old(site: Site) -> None:
    later = {"modifiedOn": "2026-10-03T00:00:01Z"}
    site.land([invoice(1), invoice(2, customer={"id": SON, "name": "Ödegård"}), invoice(3, **later)])
    site.load()
    before = site.rows("select invoice_id, source_hash, total, job_number from staging.stg_servicetitan__invoices")
    old, sons, new = cleared_records(site, "invoices")
    assert "Ödegård" not in repr(old)
    assert old["customer"] == {"id": FATHER}
    assert "description" not in old["items"][0]
    assert (sons["customer"]["name"], new["customer"]["name"]) == ("Ödegård", "Ödegård")
    assert sons["depositedOn"] is None, "what is not declared stays, too"
    site.rebuild()
    names = site.rows("select invoice_id, customer_name, summary from staging.stg_servicetitan__invoices order by 1")
    text = "Replaced fan & belt"
    assert names == [(1, None, None), (2, "Ödegård", text), (3, "Ödegård", text)]
    after = site.rows("select invoice_id, source_hash, total, job_number from staging.stg_servicetitan__invoices")
    assert sorted(after) == sorted(before), "nothing looks edited"


def test_of_a_deposit_the_others_stay(site: Site) -> None:
    people = [{"id": n, "total": n, "customer": {"id": n, "name": f"Name {n}"}} for n in (FATHER, SON)]
    deposit = {"id": 1, "modifiedOn": "2026-10-02T00:00:00Z", "name": "Check", "transactions": people}
    site.land([deposit], entity="bank_deposits")
    site.load("bank_deposits")
    (left,) = cleared_records(site, "bank_deposits")
    assert left["transactions"] == [{"id": 7, "total": 7, "customer": {"id": 7}}, people[1]]
    assert left["name"] == "Check"


def test_what_belongs_to_their_jobs_and_documents_is_theirs(site: Site) -> None:
    day = {"modifiedOn": "2026-10-02T00:00:00Z"}
    site.land([{"id": 70, "customerId": FATHER} | day, {"id": 80, "customerId": SON} | day], entity="jobs")
    ship_to = {"shipTo": {"street": "12 Shared Lane"}}
    site.land([{"id": n, "jobId": job} | day | ship_to for n, job in ((1, 70), (2, 80))], entity="purchase_orders")
    for entity in ("jobs", "purchase_orders"):
        site.load(entity)
    his, sons = cleared_records(site, "purchase_orders")
    assert ("shipTo" in his, sons["shipTo"]) == (False, ship_to["shipTo"])

    changed = {"lastModifiedDateTime": "2026-10-02T00:00:00Z"}
    sales = [{"id": f"d{n}", "number": f"10{n}", "customerNumber": f"STA-{n}", "customerName": "x"} for n in (7, 8)]
    site.land([each | changed for each in sales], entity="sales_invoices", system="business_central")
    entries = [{"id": f"e{n}", "documentNumber": f"10{n}", "description": "For x"} | changed for n in (7, 8)]
    site.land(entries, entity="general_ledger_entries", system="business_central")
    site.load("sales_invoices", "business_central")
    for entity, member in (("sales_invoices", "customerName"), ("general_ledger_entries", "description")):
        theirs, others = cleared_records(site, entity, system="business_central")
        assert (member in theirs, member in others) == (False, True)


def test_what_is_read_again_is_cleared_before_it_is_loaded(site: Site) -> None:
    site.land([invoice(1), invoice(2, total="12a")])
    assert site.load(forgotten=FORGOTTEN).quarantined == 1, "what cannot be read still cannot"
    assert site.rows("select customer_name from staging.stg_servicetitan__invoices") == [(None,)]
    assert "Ödegård" not in repr(site.everything()) + repr(cleared_records(site, "invoices"))
    site.land([invoice(1, total="1")], part="by_id")
    assert site.load(forgotten=FORGOTTEN).changed == 1, "an amount that was changed without a word is seen"


def test_made_anew_nothing_comes_back_that_was_read_later(site: Site) -> None:
    """Whose it is, is said by records that are loaded with it: by name they come after it."""
    day, word = {"modifiedOn": "2026-10-02T00:00:00Z", "lastModifiedDateTime": "2026-10-02T00:00:00Z"}, "Ödegård"
    for system, entity, row in (
        ("servicetitan", "jobs", {"id": 70, "customerId": FATHER}),
        ("servicetitan", "ap_bills", {"id": 1, "jobId": 70, "summary": word}),
        ("servicetitan", "credit_memos", {"id": 2, "customer": {"id": FATHER, "name": word}}),
        ("servicetitan", "credit_memo_items", {"id": 3, "creditMemoId": 2, "description": word}),
        ("business_central", "sales_credit_memos", {"id": "d", "number": "107", "customerNumber": "STA-7"}),
        ("business_central", "general_ledger_entries", {"id": "e", "documentNumber": "107", "description": word}),
    ):
        site.land([row | day], entity=entity, system=system)
    site.rebuild()
    assert repr(site.everything()).count(word) == 4
    site.rebuild(forgotten=FORGOTTEN)
    assert word not in repr(site.everything())


def test_what_is_shaped_otherwise_is_emptied() -> None:
    text = json.dumps(invoice(1, items={"note": "Ödegård"}, referenceNumber=["Ödegård"], location="Ödegård St 1"))
    record = json.loads(cleared(text, entity_of("servicetitan", "invoices"), {"7"}, "hash"))
    assert (record["items"], record["referenceNumber"], record["location"]) == ({}, [], "")
    assert "Ödegård" not in repr(record)
    assert record["forgotten"] == "hash"
