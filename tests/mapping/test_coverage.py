from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from st_erp_pipelines.mapping.coverage import Gap, coverage
from st_erp_pipelines.mapping.duck import install
from tests.mapping.conftest import GOOD, Write

STAGING = """
create schema staging;
create table staging.stg_servicetitan__invoices (
    invoice_id bigint, invoice_date date, sales_tax decimal(18, 4), total decimal(18, 4), tax_zone_id bigint,
    business_unit_id bigint, business_unit_name varchar, term_name varchar, is_active boolean);
create table staging.stg_servicetitan__invoice_items (
    invoice_id bigint, total decimal(18, 4), is_taxable boolean, gl_account_number varchar,
    business_unit_id bigint, business_unit_name varchar);
create table staging.stg_servicetitan__credit_memos (
    credit_memo_id bigint, credit_memo_date date, sales_tax decimal(18, 4), total decimal(18, 4),
    business_unit_id bigint, business_unit_name varchar, is_active boolean);
create table staging.stg_servicetitan__credit_memo_items (
    credit_memo_id bigint, total decimal(18, 4), is_taxable boolean, gl_account_number varchar,
    business_unit_id bigint, business_unit_name varchar, is_active boolean);
create table staging.stg_servicetitan__payments (
    payment_id bigint, payment_date date, total decimal(18, 4), payment_type_name varchar, is_active boolean);
create table staging.stg_servicetitan__tax_zones (tax_zone_id bigint, name varchar);
"""


@pytest.fixture(autouse=True)
def staging(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(STAGING)


def invoice(
    con: duckdb.DuckDBPyConnection,
    number: int,
    *,
    unit: int | None = 11,
    lines: tuple[tuple[str | None, int | None], ...] = (("4010", None),),
    total: str = "100.10",
    tax: str = "0",
    zone: int | None = None,
    term: str | None = None,
    day: str = "2026-11-02",
    active: bool = True,
    taxable: bool = False,
) -> None:
    con.execute(
        "insert into staging.stg_servicetitan__invoices values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [number, day, tax, total, zone, unit, unit and f"Unit {unit}", term, active],
    )
    for account, line_unit in lines:
        con.execute(
            "insert into staging.stg_servicetitan__invoice_items values (?, ?, ?, ?, ?, ?)",
            [number, total, taxable, account, line_unit, line_unit and f"Unit {line_unit}"],
        )


def gaps(con: duckdb.DuckDBPyConnection, kind: str) -> list[tuple[str, int, str]]:
    return [(gap.value, gap.documents, str(gap.amount)) for gap in coverage(con) if gap.kind == kind]


def test_nothing_is_listed_where_everything_is_mapped(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    invoice(con, 1, lines=(("4010", None), ("4020", 12)), tax="8.25", zone=31, term="Net 30")
    con.execute("insert into staging.stg_servicetitan__payments values (1, '2026-11-02', 5, 'Visa', true)")
    assert coverage(con) == []


def test_units_of_headers_and_lines_count_each_document_once(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    invoice(con, 1, unit=13, lines=(("4010", None), ("4010", None), ("4010", 13)))
    invoice(con, 2, unit=11, lines=(("4010", 13),), total="-50.05")
    con.execute("insert into staging.stg_servicetitan__credit_memos values (2, '2026-11-02', 0, 7, 14, 'X', true)")
    assert gaps(con, "unmapped_business_unit") == [("Unit 13 (13)", 2, "150.1500"), ("X (14)", 1, "7.0000")]
    assert isinstance(coverage(con)[0].amount, Decimal)


def test_a_document_without_unit_is_covered_by_a_line_that_has_one(
    write: Write, con: duckdb.DuckDBPyConnection
) -> None:
    install(con, write())
    invoice(con, 1, unit=None, lines=(("4010", 12), ("4010", None)))
    assert gaps(con, "unmapped_business_unit") == []
    invoice(con, 2, unit=None)
    assert gaps(con, "unmapped_business_unit") == [("(none)", 1, "100.1000")]


def test_accounts_resolve_by_number_then_unit_then_default(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    invoice(con, 1, lines=(("4999", 11), ("4999", 12), (None, 12), (None, 11)))
    invoice(con, 2, lines=(("4999", None),), total="1000")
    assert gaps(con, "unmapped_account") == [
        ("4999 in Unit 11", 2, "1100.1000"),
        ("(none) in Unit 11", 1, "100.1000"),
    ]
    install(con, write(accounts=GOOD["accounts"] + "*,account,40900\n"))
    assert gaps(con, "unmapped_account") == []


@pytest.mark.parametrize("number", ["4030", None])
def test_an_account_whose_row_is_at_fault_is_not_covered_by_its_unit(
    write: Write, con: duckdb.DuckDBPyConnection, number: str | None
) -> None:
    """As the builder has it: the accountants meant an account of its own for it."""
    install(con, write(accounts=GOOD["accounts"] + "4030,acount,40300\n"))
    invoice(con, 1, unit=12, lines=((number, None),))
    assert gaps(con, "unmapped_account") == ([("4030 in Unit 12", 1, "100.1000")] if number else [])
    install(con, write(accounts="gl_account,target_type,target_number\n"))
    assert len(gaps(con, "unmapped_account")) == (1 if number else 0)


def test_tax_zones_matter_only_where_there_is_tax(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("insert into staging.stg_servicetitan__tax_zones values (32, 'Lake County')")
    zones = GOOD["tax_zones"] + "33,Will County,,TAXABLE\n"
    install(con, write(tax_zones=zones))
    for number, (zone, tax) in enumerate([(32, "1"), (32, "0"), (33, "1"), (31, "1"), (None, "1")]):
        invoice(con, number, zone=zone, tax=tax)
    expected = [("(none)", 1, "100.1000"), ("33", 1, "100.1000"), ("Lake County (32)", 1, "100.1000")]
    assert gaps(con, "unmapped_tax_zone") == expected
    install(con, write(tax_zones=zones + "*,,22900,\n"))
    assert gaps(con, "unmapped_tax_zone") == []


def test_where_the_erp_computes_taxable_lines_need_a_tax_code(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    invoice(con, 1, zone=32, taxable=True)
    invoice(con, 2, zone=31, taxable=True)
    invoice(con, 3, zone=32)
    assert coverage(con, tax="erp_computes") == [Gap("unmapped_tax_zone", "32", 1, Decimal("100.1000"))]


def test_payment_types_and_terms(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    con.execute(
        "insert into staging.stg_servicetitan__payments values (1, '2026-11-02', 5, 'Zelle', true),"
        " (2, '2026-11-02', -2.5, 'Zelle', true), (3, '2026-11-02', 9, 'Zelle', false),"
        " (4, '2026-11-02', 1, null, true)"
    )
    invoice(con, 1, term="Net 45")
    invoice(con, 2, term="")
    assert coverage(con) == [
        Gap("unmapped_payment_type", "Zelle", 2, Decimal("7.5000")),
        Gap("unmapped_payment_type", "(none)", 1, Decimal("1.0000")),
        Gap("unmapped_payment_terms", "Net 45", 1, Decimal("0.0000")),
    ]
    install(con, write(payment_types=GOOD["payment_types"] + "*,,STPAYZ\n"))
    assert gaps(con, "unmapped_payment_type") == []


def test_only_active_documents_since_go_live_count(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    invoice(con, 1, unit=13, day="2026-10-31")
    invoice(con, 2, unit=13, day="2026-11-01")
    invoice(con, 3, unit=13, active=False)
    assert [gap.documents for gap in coverage(con, go_live=date(2026, 11, 1))] == [1]
    assert [gap.documents for gap in coverage(con)] == [2]


def test_lines_without_value_count_only_where_there_is_nothing_else(
    write: Write, con: duckdb.DuckDBPyConnection
) -> None:
    install(con, write())
    invoice(con, 1)
    con.execute("insert into staging.stg_servicetitan__invoice_items values (1, 0, false, '4999', 11, 'Unit 11')")
    assert coverage(con) == []
    invoice(con, 2, lines=(("4999", 11),), total="0")
    assert gaps(con, "unmapped_account") == [("4999 in Unit 11", 1, "0.0000")]
