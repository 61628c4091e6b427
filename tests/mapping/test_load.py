from __future__ import annotations

from pathlib import Path

import pytest

from st_erp_pipelines.flows import PURCHASING_FLOWS
from st_erp_pipelines.mapping.load import MappingFault, load
from st_erp_pipelines.mapping.tables import TABLES
from tests.mapping.conftest import GOOD, Write

UNITS = GOOD["business_units"]
ITEMS = "item_number,item_category,becomes,category_id,vendor_id,account\n"


def test_reads_text_only_by_spreadsheet_row(write: Write) -> None:
    mappings = write()
    assert mappings.faults == []
    units = mappings.tables["business_units"]
    assert list(units.index) == [2, 3]
    assert units.loc[2].to_list() == ["11", "HVAC Service", "DEPT", "HVAC", "", ""]
    assert {str(dtype) for dtype in units.dtypes} == {"str"}
    assert mappings.tables["customers"].empty  # the file may be absent


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + UNITS).encode(),
        UNITS.replace(",", ";").replace("\n", "\r\n").encode(),
        UNITS.replace(",", "\t").encode(),
        UNITS.replace("\n", ",,\n").encode() + b",,,,,,\r\n,,,,\r\n\r\n",
        UNITS.replace("HVAC Service", ' "HVAC Service" '.strip()).replace("11,", " 11 ,").encode(),
        UNITS.replace("business_unit_id", "Business_Unit_ID ").encode(),
        UNITS.replace("12,", "12\u00a0,").encode(),
    ],
    ids=["bom", "semicolons", "tabs", "trailing", "quotes", "header", "no-break space"],
)
def test_what_spreadsheets_make_of_a_file_is_the_same_table(write: Write, content: bytes) -> None:
    expected = write().tables["business_units"]
    mappings = write(business_units=content)
    assert mappings.faults == []
    assert mappings.tables["business_units"].equals(expected)


def test_blank_rows_count_but_are_not_there(write: Write) -> None:
    mappings = write(payment_terms="term_name,erp_code\n\nNet 30,30 DAYS\n,\nCash,\n")
    assert list(mappings.tables["payment_terms"].index) == [3, 5]
    assert [(fault.row, fault.column) for fault in mappings.faults] == [(5, "erp_code")]


def test_a_line_break_inside_quotes_is_one_row(write: Write) -> None:
    mappings = write(payment_terms='term_name,erp_code\n"Net\n30",30 DAYS\nCash,\n')
    assert [fault.row for fault in mappings.faults] == [3]


@pytest.mark.parametrize(
    ("table", "content", "row", "column", "message"),
    [
        ("accounts", None, 0, "", "is missing from"),
        ("accounts", "", 0, "", "has no header; expected gl_account_number, target_type, target_number"),
        (
            "accounts",
            "gl_account_number,target_number\n4010,1\n",
            0,
            "target_type",
            "has no column target_type: add it",
        ),
        (
            "payment_terms",
            "term_name,erp_cod\nCash,C\n",
            0,
            "erp_code",
            "has no column erp_code, but a column 'erp_cod': rename it",
        ),
        ("payment_terms", "term_name,erp_code,note\nCash,C,x\n", 0, "note", "has a column 'note': delete it"),
        ("payment_terms", "term_name,,erp_code\nCash,x,C\n", 0, "column 2", "delete it"),
        ("payment_terms", "term_name,erp_code,term_name\nCash,C,x\n", 0, "term_name", "twice"),
        ("payment_terms", "term_name,erp_code\nCash,C,x\n", 2, "", "a value stands beyond the last column, erp_code"),
        (
            "payment_terms",
            "term_name,erp_code\nCash,C\nNet 30,\n",
            3,
            "erp_code",
            "column erp_code is empty; expected the code of",
        ),
        ("payment_terms", "term_name,erp_code\n,C\n", 2, "term_name", "is empty"),
        ("payment_terms", b"term_name,erp_code\nCash,C\nCaf\x81,C\n", 3, "term_name", "CSV UTF-8"),
        ("payment_terms", 'term_name,erp_code\nCash,C\n"Net,C\nNet 30,C\n', 3, "", "a quote may be open"),
        ("business_units", UNITS.replace("12,", "1.2E+15,"), 3, "business_unit_id", "expected digits only"),
        ("business_units", UNITS.replace("12,", "*,"), 3, "business_unit_id", "expected digits only"),
        ("business_units", UNITS.replace("12,", "1234567890123456789,"), 3, "business_unit_id", "digits"),
        ("business_units", UNITS.replace("DEPT,HVAC", "DEPT,"), 2, "dimension_value", "is empty"),
        (
            "accounts",
            GOOD["accounts"].replace("item", "article"),
            3,
            "target_type",
            "expected account or item",
        ),
        ("payment_types", GOOD["payment_types"].replace("STPAYB", "STPAY2"), 2, "batches", "'STPAY2'"),
        (
            "payment_types",
            GOOD["payment_types"].replace("STPAYC", ""),
            3,
            "batches",
            "column batches is empty; expected journal codes such as STPAYA STPAYB",
        ),
        (
            "payment_types",
            GOOD["payment_types"].replace("STPAYC", "STPAYMENTSC"),
            3,
            "batches",
            "ten letters",
        ),
        ("customers", "customer_id,erp_number\n7,\n", 2, "erp_number", "is empty"),
        ("items", f"{ITEMS}EL-1,,part,,1,\n", 2, "becomes", "'part' is unknown; expected material, service or none"),
        ("items", f"{ITEMS}EL-1,,material,,Acme,\n", 2, "vendor_id", "'Acme' is no ServiceTitan id"),
    ],
)
def test_names_file_row_and_column(
    write: Write, table: str, content: str | bytes | None, row: int, column: str, message: str
) -> None:
    faults = write(**{table: content}).faults
    found = [fault for fault in faults if (fault.row, fault.column) == (row, column)]
    assert found, faults
    assert found[0].file == f"{table}.csv"
    assert message in found[0].message
    assert f"column {column}" in found[0].message or not column or found[0].row == 0


def test_a_missing_column_is_not_repeated_for_every_row(write: Write) -> None:
    faults = write(accounts="gl_account_number,target_number\n4010,1\n4020,2\n").faults
    assert faults == [MappingFault("accounts.csv", 0, "target_type", "has no column target_type: add it")]
    assert str(faults[0]) == "accounts.csv has no column target_type: add it"


def test_a_renamed_column_is_one_fault(write: Write) -> None:
    (fault,) = write(business_units=UNITS.replace("dimension_code", "dimension")).faults
    assert str(fault) == "business_units.csv has no column dimension_code, but a column 'dimension': rename it"


def test_ansi_is_read_as_excel_saves_it(write: Write) -> None:
    mappings = write(payment_terms="term_name,erp_code\nCafé – 30,C\n".encode("cp1252"))
    assert mappings.faults == []
    assert mappings.tables["payment_terms"].loc[2, "term_name"] == "Café – 30"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_one_unreadable_character_costs_one_row(write: Write, encoding: str) -> None:
    start = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
    content = start + b"term_name,erp_code\nCaf\x81,C\n" + "Café,C\n".encode(encoding.removesuffix("-sig"))
    mappings = write(payment_terms=content)
    (fault,) = mappings.faults
    assert str(fault).startswith("payment_terms.csv row 2, column term_name: 'Caf\ufffd' holds a character that")
    assert mappings.usable(TABLES[4])["term_name"].to_list() == ["Café"]


@pytest.mark.parametrize(
    ("table", "rows", "column"),
    [
        ("business_units", UNITS + "0011,Again,DEPT,HVAC,\n", "business_unit_id"),
        ("payment_types", GOOD["payment_types"] + "x,,A\nvisa,,A\n", "payment_type_name"),
        ("tax_zones", GOOD["tax_zones"] + "*,Any,1,\n*,All,2,\n", "tax_zone_id"),
    ],
)
def test_rows_of_one_key_are_one_fault_and_all_left_out(write: Write, table: str, rows: str, column: str) -> None:
    faults = write(**{table: rows}).faults
    lines = rows.lower().replace("0011", "11").splitlines()
    keys = [line.split(",")[0] for line in lines]
    twice = [row for row, key in enumerate(keys, 1) if keys.count(key) == 2]
    (fault,) = faults
    assert (fault.file, fault.rows, fault.column) == (f"{table}.csv", tuple(twice), column)
    assert f"stands in rows {twice[0]} and {twice[1]}: delete one" in fault.message


def test_an_item_has_one_row_and_each_category_one_for_all_others(write: Write) -> None:
    rows = "EL-1,,none,,,\n*,,service,,,\n*,PIPE,material,,1,\n*,pipe,none,,,\nel-1,PIPE,none,,,\n"
    faults = write(items=ITEMS + rows).faults
    assert [(fault.rows, fault.message) for fault in faults] == [
        ((2, 6), "column item_number: EL-1 stands in rows 2 and 6: delete one"),
        ((4, 5), "column item_number: * PIPE stands in rows 4 and 5: delete one"),
    ]


def test_every_fault_of_every_file_at_once(write: Write) -> None:
    mappings = write(
        accounts=None, payment_terms="term_name,erp_code\nCash,\n", business_units=UNITS.replace("12,", "x,")
    )
    assert {(fault.file, fault.row) for fault in mappings.faults} == {
        ("accounts.csv", 0),
        ("payment_terms.csv", 2),
        ("business_units.csv", 3),
    }


def test_batch_codes_are_spelled_as_the_erp_stores_them(write: Write) -> None:
    mappings = write(payment_types="payment_type_name,balancing_account,batches\nVisa,,stpaya  STPAYB stpayA\n")
    assert mappings.tables["payment_types"].loc[2, "batches"] == "STPAYA STPAYB"


# Of purchasing


def test_numbers_of_s4_are_spelled_as_staging_has_them(tmp_path: Path) -> None:
    for name, text in {
        "order_types": "order_type,type_id\nNB,3\n",
        "plants": "plant,inventory_location_id,business_unit_id\n0001,4,1\n",
        "cost_centers": "cost_center,business_unit_id,valid_from,valid_to\n0000010101,1,,\n00C1,2,,\n",
        "materials": "material,sku_id\n000000000000004711,501\n4711,502\n0000,503\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    mappings = load(tmp_path, PURCHASING_FLOWS)
    spelled = {name: [*mappings.tables[name].iloc[:, 0]] for name in ("plants", "cost_centers", "materials")}
    assert spelled == {"plants": ["0001"], "cost_centers": ["10101", "00C1"], "materials": ["4711", "4711", "0"]}
    assert [fault.rows for fault in mappings.faults] == [(2, 3)], "one material, in two spellings"
