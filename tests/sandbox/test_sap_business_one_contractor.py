"""The contractor's books in SAP Business One: the people, documents and quirks of his Business Central company."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.odata import ODataError
from st_erp_pipelines.sandbox.sap_business_one_company import Company
from st_erp_pipelines.sandbox.sap_business_one_contractor import account_codes, sap_business_one_company
from st_erp_pipelines.sandbox.sap_business_one_seed import build, enter
from tests.sandbox.sap_business_one_client import document, line


@pytest.fixture(scope="module")
def contractor() -> Contractor:
    return generate(seed=7, today=date(2026, 11, 23), days=8, scale=0.1)


@pytest.fixture(scope="module")
def company(contractor: Contractor) -> Company:
    return build(sap_business_one_company(contractor.business_central))


def test_what_people_entered_there_is_here(contractor: Contractor, company: Company) -> None:
    books = contractor.business_central
    assert {row["CardCode"] for row in company.rows("BusinessPartners")} == {
        row["number"] for row in books["customers"]
    }
    for set_name, is_posted in (("Invoices", True), ("Drafts", False)):
        typed = [row for row in books["posted"] if (row["status"] == "posted") == is_posted]
        assert typed
        totals = [(row["externalDocumentNumber"] or None, row["lines"][0]["unitPrice"]) for row in typed]
        assert [(row["NumAtCard"], row["DocTotal"]) for row in company.rows(set_name)] == totals
    assert len(company.rows("JournalEntries")) == len(company.rows("Invoices"))


def test_what_the_accountant_maps_to_is_here(contractor: Contractor, company: Company) -> None:
    codes = account_codes(contractor.business_central)
    assert {row["FormatCode"]: row["Code"] for row in company.rows("ChartOfAccounts")} == codes
    assert {row["FactorCode"] for row in company.rows("DistributionRules")} >= {"HVAC", "PLUMB"}
    rates = {row["Code"]: row["Rate"] for row in company.rows("SalesTaxCodes")}
    assert rates == {"ILCOOK": Decimal("10.25"), "ILDUPAGE": 8, "ILLAKE": Decimal("7.25"), "EXEMPT": 0}
    assert {row["PaymentTermsGroupName"] for row in company.rows("PaymentTermsTypes")} == {"COD", "15 DAYS", "30 DAYS"}


def test_closed_days_and_blocked_customers_are_so_here(contractor: Contractor, company: Company) -> None:
    account = company.setup["receivables_account"][:-1] + "8"
    (frozen, *_) = [row["CardCode"] for row in company.rows("BusinessPartners") if row["Frozen"] == "tYES"]
    (active, *_) = [row["CardCode"] for row in company.rows("BusinessPartners") if row["Frozen"] == "tNO"]
    blocked = [row["number"] for row in contractor.business_central["customers"] if row["blocked"] == "All"]
    assert frozen in blocked

    def typed(code: str, day: date) -> Decimal:
        lines = [line("1.00", AccountCode=account, TaxCode="ILCOOK")]
        body = document("A", CardCode=code, DocDate=day.isoformat(), DocumentLines=lines)
        return Decimal(enter(company, {"set": "Invoices", "body": body})["VatSum"])

    with pytest.raises(ODataError, match="Posting period locked"):
        typed(active, contractor.start_date)
    with pytest.raises(ODataError, match="is inactive"):
        typed(frozen, contractor.today)
    assert typed(active, contractor.today) == Decimal("0.10")


def test_another_connection_has_another_prefix(contractor: Contractor) -> None:
    seed = sap_business_one_company(contractor.business_central, prefix="B")
    ours = [code for code in (row["CardCode"] for row in seed["BusinessPartners"]) if code.startswith("ST")]
    keys = [key for key in (each["body"]["NumAtCard"] for each in seed["documents"]) if key and key.startswith("ST-")]
    assert len(ours) > 5
    assert len(keys) > 5
    assert all(code.startswith("STB-") for code in ours)
    assert all(key.startswith("ST-B-INV-") for key in keys)


def test_addresses_are_codes(company: Company) -> None:
    addresses = [each for row in company.rows("BusinessPartners") for each in row["BPAddresses"]]
    assert {each["Country"] for each in addresses} == {"US"}
    assert {each["State"] for each in addresses} <= set(company.setup["countries"]["US"])
