from __future__ import annotations

from dataclasses import replace

import pytest

from st_erp_pipelines.mapping.check import Known, check
from tests.mapping.conftest import GOOD, Write

KNOWN = Known(
    accounts={"40100", "40200", "11100", "22100"},
    items={"SVC-1"},
    dimensions={"DEPT": {"HVAC", "PLUMB"}, "AREA": {"NORTH"}},
    payment_terms={"30 DAYS", "CASH"},
    tax_codes={"TAXABLE"},
    customers={"C0010", "C0011"},
)


def test_everything_that_exists_passes(write: Write) -> None:
    assert check(write(customers="customer_id,erp_number\n7,C0010\n"), KNOWN) == []


@pytest.mark.parametrize(
    ("table", "written", "instead", "row", "column", "message"),
    [
        ("business_units", "DEPT,HVAC", "DPT,HVAC", 2, "dimension_code", "did you mean DEPT?"),
        ("business_units", "DEPT,PLUMB", "DEPT,PLUM", 3, "dimension_value", "did you mean PLUMB?"),
        ("business_units", "DEPT,PLUMB", "DEPT,plumb", 3, "dimension_value", "did you mean PLUMB?"),
        ("business_units", "DEPT,PLUMB", "DEPT,NORTH", 3, "dimension_value", "no value of dimension DEPT"),
        ("business_units", "40200", "4020", 3, "account", "did you mean 40200?"),
        ("accounts", "40100", "SVC-1", 2, "target_number", "no account that may be posted to"),
        ("accounts", "SVC-1", "40100", 3, "target_number", "'40100' is no item in the ERP"),
        ("payment_types", "11100", "11110", 2, "balancing_account", "did you mean 11100?"),
        ("tax_zones", "22100", "99", 2, "liability_account", "'99' is no account"),
        ("tax_zones", "TAXABLE", "TAXABEL", 2, "tax_code", "did you mean TAXABLE?"),
        ("payment_terms", "30 DAYS", "30DAYS", 2, "erp_code", "did you mean 30 DAYS?"),
    ],
)
def test_a_value_the_erp_lacks(
    write: Write, table: str, written: str, instead: str, row: int, column: str, message: str
) -> None:
    (fault,) = check(write(**{table: GOOD[table].replace(written, instead)}), KNOWN)
    assert (fault.file, fault.row, fault.column) == (f"{table}.csv", row, column)
    assert message in fault.message


def test_no_other_customer_is_suggested(write: Write) -> None:
    (fault,) = check(write(customers="customer_id,erp_number\n7,C0012\n"), KNOWN)
    assert (fault.row, fault.message) == (2, "'C0012' is no customer in the ERP")


def test_checks_what_is_there_of_a_broken_file(write: Write) -> None:
    mappings = write(accounts=None, tax_zones="tax_zone_id\n1\n")
    assert check(mappings, replace(KNOWN, payment_terms=set()))[0].file == "payment_terms.csv"
