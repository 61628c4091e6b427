"""What is read of a company: whole lists, days, what came behind the last key, single records."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import simplejson

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources.sap_business_one import BusinessOne
from st_erp_pipelines.resources.sap_business_one.client import filters
from st_erp_pipelines.resources.sap_business_one.entities import ENTITIES
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.staging.extract import Extract, keys_in
from tests.resources.sap_business_one.conftest import Person, client_of, new_key

START, END = datetime(2026, 11, 3, 6, tzinfo=UTC), datetime(2026, 11, 4, 6, tzinfo=UTC)
KEYS = dict(invoice_key_field="U_STKey", payment_key_field="Remarks", tax_field="TaxCode")


@pytest.fixture(scope="module")
def reader(url: str) -> Iterator[BusinessOne]:
    with client_of(url, **KEYS) as client:
        yield client


def read(client: BusinessOne, entity: str, folder: Path, **window: Any) -> list[dict[str, Any]]:
    (page,) = client.walk(entity, folder, **window).files
    rows: list[dict[str, Any]] = simplejson.loads(page.read_text("utf-8"), use_decimal=True)["value"]
    return rows


def test_whole_lists_have_one_name_for_their_keys(reader: BusinessOne, tmp_path: Path) -> None:
    accounts = read(reader, "accounts", tmp_path)
    assert len(accounts) == 5
    assert all(row["id"] == row["Code"] for row in accounts)
    assert {row["id"] for row in read(reader, "payment_terms", tmp_path)} == {"-1", "2"}
    assert {row["id"] for row in read(reader, "customers", tmp_path)} >= {"STA1", "FROZEN"}
    assert "V1" not in {row["id"] for row in read(reader, "customers", tmp_path)}  # a supplier


def test_what_no_list_has_is_asked_for(reader: BusinessOne, faults: Faults, tmp_path: Path) -> None:
    (company,) = read(reader, "company", tmp_path)
    assert (company["id"], company["LocalCurrency"]) == ("1", "USD")
    asked = {entry["method"] for entry in faults.log if "CompanyService" in entry["path"]}
    assert asked == {"POST"}, "no release is without it"
    periods = {row["PostingDateFrom"][:10]: row["PeriodStatus"] for row in read(reader, "finance_periods", tmp_path)}
    assert periods == {"2026-10-01": "ltLocked", "2026-11-01": "ltUnlocked"}


def test_the_field_for_keys_is_read_wherever_it_is(reader: BusinessOne, person: Person, tmp_path: Path) -> None:
    key = new_key()
    entry = person.bills(U_STKey=key, NumAtCard="PO 1")["DocEntry"]
    (row,) = read(reader, "sales_invoices", tmp_path, ids=[str(entry)])
    assert (row["id"], row["businessKey"], row["NumAtCard"]) == (str(entry), key, "PO 1")


def paid(person: Person, day: str, **more: Any) -> str:
    body = {"CardCode": "STA1", "DocType": "rCustomer", "DocDate": day, "CashSum": 5} | more
    return str(person.enters("IncomingPayments", **body)["DocEntry"])


def test_payments_that_were_entered_late_come_behind_the_last_one(
    reader: BusinessOne, person: Person, tmp_path: Path
) -> None:
    of_the_day, late = paid(person, "2026-11-03"), paid(person, "2026-12-20")
    assert of_the_day in {row["id"] for row in read(reader, "payments", tmp_path, since=START, before=END)}
    window: dict[str, Any] = {"since": START, "before": END, "read": (int(of_the_day), int(of_the_day))}
    assert {of_the_day, late} <= {row["id"] for row in read(reader, "payments", tmp_path, **window)}
    assert late not in {row["id"] for row in read(reader, "payments", tmp_path, since=START, before=END)}


def landed(client: BusinessOne, entity: str, landing: Path, day: date) -> set[str]:
    """As a run reads it that begins now."""
    run = Extract("northwind", "sap_business_one", client, landing, uuid.uuid4().hex, "UTC", SystemClock())
    found = run.day(entity, day)
    assert found is not None
    return set(keys_in([found.path]))


def test_what_is_cancelled_long_after_its_day_is_noticed(reader: BusinessOne, person: Person, tmp_path: Path) -> None:
    """Payments tell no day of their change, so those that were read are asked for; sales documents tell it."""
    never_read, cancelled, other = (paid(person, day) for day in ("2026-11-03", "2026-11-12", "2026-11-12"))
    assert landed(reader, "payments", tmp_path, date(2026, 11, 12)) == {cancelled, other}
    billed = str(person.bills(DocDate="2026-11-12")["DocEntry"])
    for entity, key in (("IncomingPayments", cancelled), ("IncomingPayments", never_read), ("Invoices", billed)):
        person.does("cancel", set=entity, key=int(key))
    assert landed(reader, "payments", tmp_path, date(2026, 11, 21)) == {cancelled}
    now = datetime.now(UTC)
    assert billed in {row["id"] for row in read(reader, "sales_invoices", tmp_path, since=now, before=now)}


def test_days_overlap_and_nothing_else_is_left_out() -> None:
    customers, invoices = ENTITIES["customers"], ENTITIES["sales_invoices"]
    assert filters(customers, None, END, (), None) == ["(CardType eq 'cCustomer')"]  # all, whenever they were changed
    assert filters(invoices, START, END, (), None) == ["(UpdateDate ge '2026-11-02' and UpdateDate le '2026-11-05')"]
    assert filters(invoices, None, None, ["7", "8"], None) == ["DocEntry eq 7 or DocEntry eq 8"]
    entries = filters(ENTITIES["journal_entries"], START, END, (), (3, 9))  # none is changed
    assert entries == ["((ReferenceDate ge '2026-11-02' and ReferenceDate le '2026-11-05') or JdtNum gt 9)"]
    assert len(filters(invoices, None, None, [str(n) for n in range(90)], None)) == 3
