from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.mapping.duck import install
from st_erp_pipelines.mapping.load import MappingFault
from tests.mapping.conftest import GOOD, Write


def test_installs_every_table_typed(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    with_projects = GOOD["business_units"].replace("account\n", "account,project\n").replace("HVAC,\n", "HVAC,,P1\n")
    install(con, write(tax_zones=GOOD["tax_zones"] + "*,,,TAXABLE\n", business_units=with_projects))
    units = con.execute("select * from mapping.business_units order by all").fetchall()
    assert units == [
        (11, "HVAC Service", "DEPT", "HVAC", None, "P1"),
        (12, "Plumbing", "DEPT", "PLUMB", "40200", None),
    ]
    zones = con.execute("select * from mapping.tax_zones order by all").fetchall()
    assert zones == [(31, "Cook County", "22100", "TAXABLE"), (None, None, None, "TAXABLE")]
    assert con.execute("select count(*) from mapping.customers").fetchall() == [(0,)]
    types = con.execute(
        "select distinct data_type from information_schema.columns"
        " where table_schema = 'mapping' and column_name in ('business_unit_id', 'customer_id', 'tax_zone_id')"
    ).fetchall()
    assert types == [("BIGINT",)]


def test_rows_at_fault_are_left_out_and_no_default_stands_in(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    mappings = write(accounts=GOOD["accounts"] + "*,account,40900\n")
    install(con, mappings)
    assert con.execute("select count(*) from mapping.accounts").fetchall() == [(3,)]
    install(con, mappings.with_faults([MappingFault("accounts.csv", 2, "target_number", "does not exist")]))
    assert con.execute("select gl_account_number from mapping.accounts").fetchall() == [("4020",)]
    faults = con.execute("select file, row, column_name, key, message from mapping.faults").fetchall()
    assert faults == [("accounts.csv", 2, "target_number", "4010", "does not exist")]


def test_each_spelling_of_a_key_that_stands_twice_is_told_of(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write(payment_types=GOOD["payment_types"] + "visa,,STPAYD\n"))
    assert con.execute("select payment_type_name from mapping.payment_types").fetchall() == [("Check",)]
    faults = con.execute("select row, key, message from mapping.faults order by row").fetchall()
    said = "column payment_type_name: Visa stands in rows 2 and 4: delete one"
    assert faults == [(2, "Visa", said), (4, "visa", said)]


def test_what_withholds_nothing_is_no_fault_of_a_document(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write().with_faults([MappingFault("accounts.csv", 2, "x", "is unused", withholds=False)]))
    assert con.execute("select count(*) from mapping.accounts").fetchall() == [(2,)]
    assert con.execute("select count(*) from mapping.faults").fetchall() == [(0,)]


def test_a_file_with_a_broken_header_maps_nothing(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write(payment_terms="term_name,code\nCash,C\n"))
    assert con.execute("from mapping.payment_terms").fetchall() == []
    assert con.execute("select distinct key from mapping.faults").fetchall() == [(None,)]


def test_refills_on_every_call(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    install(con, write())
    install(con, write(payment_terms="term_name,erp_code\nCash,C\n"))
    assert con.execute("from mapping.payment_terms").fetchall() == [("Cash", "C")]
    assert con.execute("select count(*) from mapping.faults").fetchall() == [(0,)]


def test_ten_thousand_links_take_no_time(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    links = "".join(f"{number},C{number}\n" for number in range(1, 10_001))
    install(con, write(customers="customer_id,erp_number\n" + links))
    assert con.execute(
        "select count(*), count(*) filter ('C' || customer_id = erp_number) from mapping.customers"
    ).fetchall() == [(10_000, 10_000)]


def test_a_link_at_fault_stays_and_says_nothing(write: Write, con: duckdb.DuckDBPyConnection) -> None:
    """Left out, its customer would pass for one that is not linked, and be created a second time."""
    install(con, write(customers="customer_id,erp_number\n7,C7\n8,\n9,C9\n009,C10\n"))
    links = con.execute("from mapping.customers order by all").fetchall()
    assert links == [(7, "C7"), (8, ""), (9, "")]


@pytest.mark.parametrize(
    "customers",
    [
        "customer_id;number\n7;C7\n",
        "customer_id,erp_number\n1.2E+15,C7\n",
        "customer_id,erp_number\n1234567890123456789,C7\n",
        b"customer_id,erp_number\n7\x81,C7\n",
        'customer_id,erp_number\n7,"C7\n8,C8\n',
    ],
)
def test_unreadable_links_stop_the_build(write: Write, con: duckdb.DuckDBPyConnection, customers: str | bytes) -> None:
    with pytest.raises(ConfigurationError, match="Nothing is built until customers.csv is mended"):
        install(con, write(customers=customers))


def test_links_in_a_file_of_almost_that_name_stop_the_build(
    write: Write, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "Customer.csv").write_text("customer_id,erp_number\n7,C7\n")
    with pytest.raises(ConfigurationError, match="Customer.csv is there instead"):
        install(con, write())


def test_a_row_of_items_at_fault_leaves_what_it_may_have_meant_to_no_other(
    write: Write, con: duckdb.DuckDBPyConnection
) -> None:
    header = "item_number,item_category,becomes,category_id,vendor_id,account\n"
    good = "EL-1,,material,5,8,\n*,PIPE,service,,,Sales\n*,,none,,,\n"
    install(con, write(items=header + good))
    assert con.execute("from mapping.items order by 1, 2").fetchall() == [
        ("*", "PIPE", "service", None, None, "Sales"),
        ("*", None, "none", None, None, None),
        ("EL-1", None, "material", 5, 8, None),
    ]
    install(con, write(items=header + good + "EL-2,,part,,,\n"))
    assert con.execute("select item_number from mapping.items").fetchall() == [("EL-1",)]
