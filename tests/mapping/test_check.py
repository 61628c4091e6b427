from __future__ import annotations

from dataclasses import replace

import pytest

from st_erp_pipelines.mapping.check import Known, check
from st_erp_pipelines.mapping.tables import TABLES
from tests.mapping.conftest import GOOD, Write

KNOWN = Known(
    accounts={
        "40100": "Sales",
        "40200": "Sales of parts",
        "11100": "Bank",
        "22100": "Sales tax Cook",
        "22200": "Sales tax Will",
    },
    items={"SVC-1": "Service"},
    dimensions={"DEPT": {"HVAC": "HVAC", "PLUMB": "Plumbing"}, "AREA": {"NORTH": ""}},
    payment_terms={"30 DAYS": "", "CASH": ""},
    tax_codes={"TAXABLE": ""},
    customers={"C0010": "Ann Lee", "C0011": "Bo Kim"},
)


def test_everything_that_exists_passes(write: Write) -> None:
    assert check(write(customers="customer_id,erp_number\n7,C0010\n"), KNOWN) == []


@pytest.mark.parametrize(
    ("table", "written", "instead", "row", "column", "message"),
    [
        (
            "business_units",
            "DEPT,HVAC",
            "DPT,HVAC",
            2,
            "dimension_code",
            "'DPT' is no dimension in the ERP (it has DEPT, AREA)",
        ),
        ("business_units", "DEPT,PLUMB", "DEPT,PLUM", 3, "dimension_value", "(it has PLUMB Plumbing, HVAC)"),
        ("business_units", "DEPT,PLUMB", "DEPT,plumb", 3, "dimension_value", "(it has PLUMB Plumbing, HVAC)"),
        ("business_units", "DEPT,PLUMB", "DEPT,NORTH", 3, "dimension_value", "no value of dimension DEPT"),
        (
            "business_units",
            "40200",
            "4020",
            3,
            "account",
            "(it has 40200 Sales of parts, 40100 Sales, ",
        ),
        ("accounts", "40100", "SVC-1", 2, "target_number", "no account that may be posted to"),
        ("accounts", "SVC-1", "40100", 3, "target_number", "'40100' is no item in the ERP"),
        ("payment_types", "11100", "11110", 2, "balancing_account", "(it has 11100 Bank, "),
        (
            "tax_zones",
            "22100",
            "22150",
            2,
            "liability_account",
            "(it has 22100 Sales tax Cook, 22200 Sales tax Will, 11100",
        ),
        ("tax_zones", "TAXABLE", "TAXABEL", 2, "tax_code", "'TAXABEL' is no tax code in the ERP (it has TAXABLE)"),
        ("payment_terms", "30 DAYS", "30DAYS", 2, "erp_code", "(it has 30 DAYS, CASH)"),
    ],
)
def test_a_value_the_erp_lacks(
    write: Write, table: str, written: str, instead: str, row: int, column: str, message: str
) -> None:
    (fault,) = check(write(**{table: GOOD[table].replace(written, instead)}), KNOWN)
    assert (fault.file, fault.row, fault.column) == (f"{table}.csv", row, column)
    assert message in fault.message
    assert str(fault).startswith(f"{table}.csv row {row}, column {column}: '")


def test_a_project_stands_beside_the_dimension(write: Write) -> None:
    """The column need not be there."""
    named = GOOD["business_units"].replace("account\n", "account,project\n").replace("40200", "40200,P2")
    assert check(write(business_units=named), replace(KNOWN, projects={"P2": ""})) == []
    (fault,) = check(write(business_units=named), KNOWN)
    assert str(fault) == "business_units.csv row 3, column project: 'P2' is no project in the ERP (it has none)"


def test_no_other_customer_is_suggested(write: Write) -> None:
    (fault,) = check(write(customers="customer_id,erp_number\n7,C0012\n"), KNOWN)
    assert (fault.row, fault.message) == (2, "column erp_number: 'C0012' is no customer in the ERP")


def test_no_more_than_eight_are_listed(write: Write) -> None:
    values = {f"V{number}": "" for number in range(9)}
    (fault, _) = check(write(), replace(KNOWN, dimensions={"DEPT": values}))
    assert fault.message.endswith("(it has V0, V1, V2, V3, V4, V5, V6, V7, ...)")


def test_a_row_for_what_servicetitan_lacks_is_listed_and_used(write: Write) -> None:
    mappings = write(tax_zones=GOOD["tax_zones"] + "*,,22100,\n")
    known = replace(KNOWN, business_units={"11": "HVAC Service", "21": "Plumbing"}, tax_zones={"31": "Cook County"})
    faults = check(mappings, known)
    assert [str(fault) for fault in faults] == [
        "business_units.csv row 3, column business_unit_id: 12 is no business unit of ServiceTitan "
        "(it has 11 HVAC Service, 21 Plumbing)"
    ]
    checked = mappings.with_faults(faults)
    assert [list(checked.usable(table).index) for table in TABLES[:1]] == [[2, 3]]


def test_checks_what_is_there_of_a_broken_file(write: Write) -> None:
    mappings = write(accounts=None, tax_zones="tax_zone_id\n1\n")
    assert check(mappings, replace(KNOWN, payment_terms={}))[0].file == "payment_terms.csv"


ITEMS = "item_number,item_category,becomes,category_id,vendor_id,account\nEL-1,,material,5,8,\n*,PIPE,service,,,\n"


def test_vendors_and_categories_that_servicetitan_lacks_are_faults_and_items_that_the_erp_lacks_are_listed(
    write: Write,
) -> None:
    assert check(write(items=ITEMS), KNOWN) == [], "nothing was read yet"
    known = replace(KNOWN, vendors={"9": "Acme"}, pricebook_categories={"5": "Parts"})
    (fault,) = check(write(items=ITEMS), known)
    assert (str(fault), fault.withholds) == (
        "items.csv row 2, column vendor_id: '8' is no vendor in ServiceTitan (it has 9 Acme)", True
    )  # fmt: skip
    unused = check(write(items=ITEMS), replace(KNOWN, all_items={"EL-2": "Fuse"}, item_categories={"PIPE": ""}))
    assert [(fault.row, fault.column, fault.withholds) for fault in unused] == [(2, "item_number", False)]
