"""What is no document: journal entries by hand, reconciliations, user-defined fields, the company's own settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_documents as documents
from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import OPEN, Company, cents
from st_erp_pipelines.sandbox.sap_business_one_ledger import ZERO, Line
from st_erp_pipelines.sandbox.sap_business_one_model import given

# --- journal entries -------------------------------------------------------------------------------------


def create_journal_entry(company: Company, body: Any) -> Row:
    sent = given(company.types.accept("JournalEntry", body))
    rows = sent.pop("JournalEntryLines", [])
    header: Row = {"ReferenceDate": company.now()[0]} | sent | {"OriginalJournal": "ttJournalEntry", "Original": None}
    lines = [_journal_line(company, row) for row in rows]
    if not lines or sum((line.amount for line in lines), ZERO):
        raise refusals.unbalanced()
    company.check_posting_date(header["ReferenceDate"], "OJDT.RefDate")
    return company.get("JournalEntries", ledger.post(company, {"Memo": None, "TaxDate": None} | header, lines))


def _journal_line(company: Company, row: Row) -> Line:
    """`ShortName` is a business partner, whose control account it then is, or the account again."""
    amount = cents(row.get("Debit", ZERO)) - cents(row.get("Credit", ZERO))
    name = row.get("ShortName") or row.get("AccountCode")
    partner = company.find("BusinessPartners", name)
    company.check_references(row)
    if partner:
        return Line(partner["DebitorAccount"], amount, partner["CardCode"], row)
    return Line(company.check_account(row.get("AccountCode") or name)["Code"], amount, rest=row)


def change_journal_entry(company: Company, key: int, body: Any) -> None:
    row = company.get("JournalEntries", key)
    sent = company.types.accept("JournalEntry", body)
    for name, value in sent.items():
        texts = {"Memo", "Reference", "Reference2", "Reference3", "Indicator", "DueDate"}
        if name not in texts and not name.startswith("U_") and row[name] != value:
            raise refusals.not_updatable(f"OJDT.{name}")
    company.change("JournalEntries", key, row | sent)


def cancel_journal_entry(company: Company, key: int) -> None:
    row = company.get("JournalEntries", key)
    if row["OriginalJournal"] != "ttJournalEntry":
        raise refusals.not_supported()  # it goes with its document
    company.check_posting_date(row["ReferenceDate"], "OJDT.RefDate")
    ledger.reverse(company, key, row["ReferenceDate"])


# --- internal reconciliation -----------------------------------------------------------------------------


def reconcile(company: Company, body: Any) -> Row:
    """`POST InternalReconciliations`: the body is InternalReconciliationOpenTrans, as in SAP's own sample."""
    sent = company.types.accept("InternalReconciliationOpenTrans", body)
    day = sent.get("ReconDate") or company.now()[0]
    company.check_posting_date(day, "OITR.ReconDate")
    lines = []
    for row in sent.get("InternalReconciliationOpenTransRows", []):
        if row.get("Selected", "tYES") == "tYES":
            key = (row.get("TransId"), row.get("TransRowId"))
            side = 1 if company.get(OPEN, key)["amount"] > 0 else -1
            lines.append((key, side * cents(row.get("ReconcileAmount", ZERO))))
    number = ledger.settle(company, lines, "rtManual", day)
    if not number:
        raise refusals.assumed("Select transactions to reconcile")
    return company.get("InternalReconciliations", number)


def open_transactions(company: Company, body: Any) -> Row:
    asked = company.types.accept(
        "InternalReconciliationOpenTransParams", _member(body, "InternalReconciliationOpenTransParams")
    )
    codes = {row.get("BPCode") for row in asked.get("InternalReconciliationBPs", [])}
    found = [
        ledger.shown(company, key, line["amount"]) | {"Selected": "tNO"}
        for key, line in company.tables[OPEN].items()
        if line["amount"] and line["partner"] in codes
    ]
    known = company.types["InternalReconciliationOpenTransRow"].properties
    rows = [{name: row[name] for name in known} for row in found]
    header = {"ReconDate": asked.get("ReconDate"), "CardOrAccount": asked.get("CardOrAccount", "coaCard")}
    return header | {"InternalReconciliationOpenTransRows": rows}


def cancel_reconciliation(company: Company, body: Any) -> None:
    key = company.types.accept(
        "InternalReconciliation", _member(body, "InternalReconciliationParams"), keep=("ReconNum",)
    )
    ledger.unsettle(company, key.get("ReconNum", 0), company.now()[0])


# --- user-defined fields and tables ----------------------------------------------------------------------


def create_user_field(company: Company, body: Any) -> Row:
    """Not to be seen in any entity before Service Layer is restarted."""
    sent = company.types.accept("UserFieldMD", body)
    there = [row for row in company.rows("UserFieldsMD") if row["TableName"] == sent.get("TableName")]
    if not sent.get("TableName") or not sent.get("Name") or any(row["Name"] == sent["Name"] for row in there):
        raise refusals.already_exists()
    row = company.types["UserFieldMD"].blank() | {"Type": "db_Alpha", "SubType": "st_None", "Size": 10}
    row |= sent | {"FieldID": len(there), "EditSize": sent.get("Size", 10), "Mandatory": "tNO"}
    return company.insert("UserFieldsMD", (row["TableName"], row["FieldID"]), row)


def create_user_table(company: Company, body: Any) -> Row:
    row = company.types["UserTablesMD"].blank() | {"TableType": "bott_NoObject"}
    row |= company.types.accept("UserTablesMD", body)
    return create_plain(company, "UserTablesMD", row)


def create_plain(company: Company, set_name: str, body: Any) -> Row:
    """A record without rules of its own: only its key is unique."""
    found = company.sets[set_name]
    row = company.types[found.type].blank() | company.types.accept(found.type, body)
    if any(row[name] is None for name in found.key) or company.find(set_name, found.key_of(row)):
        raise refusals.already_exists()
    return company.insert(set_name, found.key_of(row), row)


# --- the company -----------------------------------------------------------------------------------------


def admin_info(company: Company, _: Any) -> Row:
    currency = company.setup["currency"]
    return {
        "Code": 1,
        "CompanyName": company.name,
        "Country": company.setup["country"],
        "LocalCurrency": currency,
        "SystemCurrency": currency,
        "TotalsAccuracy": 2,
        "PriceAccuracy": 2,
        "RateAccuracy": 6,
        "QueryAccuracy": 2,
        "DefaultTaxCode": company.setup["default_tax_code"] or None,
        "DefaultCustomerPaymentTerms": company.setup["payment_terms"],
    }


def company_info(company: Company, _: Any) -> Row:
    row = {"Version": 1000280, "CompanyName": company.name, "EnableAccountSegmentation": "tYES"}
    return row | {"Localization": company.setup["country"]}


def periods(company: Company, _: Any) -> list[Row]:
    return [{"AbsoluteEntry": row["AbsoluteEntry"]} for row in company.rows("_years")]


def period(company: Company, body: Any) -> Row:
    return company.get("_years", _entry(company, "PeriodCategoryParams", body))


def finance_periods(company: Company, body: Any) -> list[Row]:
    year = company.get("_years", _entry(company, "PeriodCategoryParams", body))["AbsoluteEntry"]
    return [row for row in company.rows("_periods") if row["_year"] == year]


def finance_period(company: Company, body: Any) -> Row:
    return company.get("_periods", _entry(company, "FinancePeriodParams", body))


def _entry(company: Company, name: str, body: Any) -> Any:
    return company.types.accept(name, _member(body, name)).get("AbsoluteEntry")


def _member(body: Any, name: str) -> Any:
    if not isinstance(body, dict) or name not in body:
        raise refusals.bad_body(f"Specify '{name}'")
    return body[name]


def currency(company: Company, _: Any) -> str:
    return str(company.setup["currency"])


def _cancel_document(kind: documents.Kind) -> Callable[[Company, Any], None]:
    def cancel(company: Company, body: Any) -> None:
        sent = company.types.accept("Document", _member(body, "Document"), keep=("DocEntry",))
        documents.cancel(company, kind, sent.get("DocEntry", 0), sent.get("Comments"))

    return cancel


def _save_draft(company: Company, body: Any) -> None:
    documents.save_draft(company, _member(body, "Document"))


# name: (what it does, the type of what it returns, whether GET works, too)
SERVICES: dict[str, tuple[Callable[[Company, Any], Any], str, bool]] = {
    "CompanyService_GetAdminInfo": (admin_info, "AdminInfo", True),
    "CompanyService_GetCompanyInfo": (company_info, "CompanyInfo", True),
    "CompanyService_GetPeriods": (periods, "PeriodCategoryParams", False),
    "CompanyService_GetPeriod": (period, "PeriodCategory", False),
    "CompanyService_GetFinancePeriods": (finance_periods, "FinancePeriod", False),
    "CompanyService_GetFinancePeriod": (finance_period, "FinancePeriod", False),
    "SBOBobService_GetLocalCurrency": (currency, "Edm.String", True),
    "SBOBobService_GetSystemCurrency": (currency, "Edm.String", True),
    "InvoicesService_Cancel2": (_cancel_document(documents.INVOICE), "", False),
    "CreditNotesService_Cancel2": (_cancel_document(documents.CREDIT_NOTE), "", False),
    "DraftsService_SaveDraftToDocument": (_save_draft, "", False),
    "InternalReconciliationsService_GetOpenTransactions": (open_transactions, "InternalReconciliationOpenTrans", False),
    "InternalReconciliationsService_Cancel": (cancel_reconciliation, "", False),
}
