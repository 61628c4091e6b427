from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from st_erp_pipelines.staging.load import Loaded
from tests.staging.conftest import Site

BC = "business_central"


def document(number: int, **changes: Any) -> dict[str, Any]:
    line = {
        "id": f"line-{number}", "sequence": 10000, "lineType": "Account", "lineObjectNumber": "4000",
        "description": "Fan",
        "quantity": 1, "unitPrice": 99.9, "amountExcludingTax": 99.9, "amountIncludingTax": 99.9, "netAmount": 99.9,
        "taxCode": "NONTAXABLE",
        "dimensionSetLines": [
            {"id": "d1", "code": "BU", "valueCode": "HVAC"}, {"id": "d2", "code": "AREA", "valueCode": "N"},
        ],
    }  # fmt: skip
    return {
        "@odata.etag": 'W/"1"', "id": f"guid-{number}", "number": f"SI-{number}",
        "externalDocumentNumber": f"ST-A-INV-{number}", "invoiceDate": "2026-10-02", "postingDate": "2026-10-02",
        "dueDate": "0001-01-01", "customerNumber": "STA-7", "customerName": "B", "currencyCode": "USD",
        "totalAmountExcludingTax": 99.9, "totalTaxAmount": 0, "totalAmountIncludingTax": 99.9, "remainingAmount": 99.9,
        "status": "Open", "lastModifiedDateTime": "2026-10-02T10:00:00.123Z", "salesInvoiceLines": [line],
    } | changes  # fmt: skip


def test_sales_invoices_with_lines_and_dimensions(site: Site) -> None:
    documents = [
        document(1),
        document(2, status="In_x0020_Review"),
        document(3, status="_x0020_"),
        document(4, status="Draft"),
    ]
    site.land(documents, entity="sales_invoices", system=BC)
    assert site.load("sales_invoices", BC) == Loaded(new=4, files=1)
    rows = site.rows(
        "select number, status, is_posted, due_date, total_including_tax, home_day, source_key"
        " from staging.stg_business_central__sales_invoices order by number"
    )
    assert rows[0] == (
        "SI-1", "Open", True, None, Decimal("99.9000"), date(2026, 10, 2), "business_central/1001/sales_invoice/guid-1",
    )  # fmt: skip
    assert [row[1:3] for row in rows] == [("Open", True), ("In Review", False), ("", False), ("Draft", False)]
    (line,) = site.rows(
        "select sequence, unit_price, dimensions['BU'], dimensions['AREA'] from"
        " staging.stg_business_central__sales_invoice_lines where document_id = 'guid-1'"
    )
    assert line == (10000, Decimal("99.9000000"), "HVAC", "N")


def test_enums_blank_dates_and_blank_guids_become_plain(site: Site) -> None:
    site.land(
        [{"id": "s", "allowPostingFrom": "0001-01-01", "allowPostingTo": "2026-10-31", "localCurrencyCode": "USD"}],
        entity="general_ledger_setup", system=BC, part="snapshot",
    )  # fmt: skip
    site.land(
        [{"id": "a", "number": "1", "accountType": "Begin_x002D_Total", "category": "_x0020_", "directPosting": True}],
        entity="accounts", system=BC, part="snapshot",
    )  # fmt: skip
    site.land(
        [{"id": "c", "number": "C1", "blocked": "_x0020_", "paymentTermsId": "00000000-0000-0000-0000-000000000000"}],
        entity="customers", system=BC, part="full",
    )  # fmt: skip
    for entity in ("general_ledger_setup", "accounts", "customers"):
        site.load(entity, BC)
    assert site.rows(
        "select allow_posting_from, allow_posting_to from staging.stg_business_central__general_ledger_setup"
    ) == [(None, date(2026, 10, 31))]
    assert site.rows(
        "select account_type, category, is_direct_posting from staging.stg_business_central__accounts"
    ) == [("Begin-Total", "", True)]
    assert site.rows("select blocked, payment_terms_id from staging.stg_business_central__customers") == [("", None)]


def test_dimension_values_know_their_dimension_in_either_order(site: Site) -> None:
    values = [{"id": "v1", "dimensionId": "d1", "code": "HVAC", "displayName": "HVAC"}]
    site.land(values, entity="dimension_values", system=BC, part="snapshot")
    site.load("dimension_values", BC)
    site.land([{"id": "d1", "code": "BU", "displayName": "Unit"}], entity="dimensions", system=BC, part="snapshot")
    site.load("dimensions", BC)
    query = "select dimension_code, code from staging.stg_business_central__dimension_values"
    assert site.rows(query) == [("BU", "HVAC")]
    site.land(values, entity="dimension_values", system=BC, part="snapshot")
    site.load("dimension_values", BC)
    assert site.rows(query) == [("BU", "HVAC")]
