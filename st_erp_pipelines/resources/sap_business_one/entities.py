"""What is read of a company, and how it is walked: whole lists, and those that change by the days that they name.

Business partners and sales documents tell the day of their last change, payments only that of their posting
(metadata of a live company): what is entered late is told by its DocEntry, and what was cancelled is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapBusinessOne as Settings


@dataclass(frozen=True)
class Entity:
    """`stamp`: the day by which a window is asked for. `cancelled`: tells what was cancelled of what has no day of its
    change. `key_field`: where our keys are.
    """

    path: str
    key: str
    select: tuple[str, ...]
    filter: str = ""
    stamp: str = ""
    cancelled: str = ""
    key_field: str = ""


SALES = Entity(
    "Invoices",
    "DocEntry",
    (
        *("DocEntry", "DocNum", "NumAtCard", "CardCode", "CardName", "DocDate", "TaxDate", "DocDueDate", "DocCurrency"),
        *("DocTotal", "DocTotalFc", "VatSum", "PaidToDate", "DocumentStatus", "CancelStatus", "DocumentLines"),
        *("UpdateDate", "UpdateTime"),
    ),
    stamp="UpdateDate",
)
PAYMENT = (
    *("DocEntry", "DocNum", "DocType", "CardCode", "CardName", "DocDate", "TaxDate", "DocCurrency", "CashSum"),
    *("TransferSum", "TransferReference", "Remarks", "PaymentChecks", "PaymentCreditCards", "Cancelled"),
)
CANCELLED = "Cancelled eq 'tYES'"
ENTITIES = {
    "accounts": Entity(
        "ChartOfAccounts",
        "Code",
        ("Code", "FormatCode", "Name", "AccountType", "ActiveAccount", "LockManualTransaction", "FrozenFor"),
    ),
    "dimensions": Entity(
        "Dimensions", "DimensionCode", ("DimensionCode", "DimensionName", "DimensionDescription", "IsActive")
    ),
    "distribution_rules": Entity(
        "DistributionRules", "FactorCode", ("FactorCode", "FactorDescription", "InWhichDimension", "Active")
    ),
    "projects": Entity("Projects", "Code", ("Code", "Name", "Active")),
    "payment_terms": Entity("PaymentTermsTypes", "GroupNumber", ("GroupNumber", "PaymentTermsGroupName")),
    "tax_codes": Entity("SalesTaxCodes", "Code", ("Code", "Name", "Inactive")),
    "credit_cards": Entity("CreditCards", "CreditCardCode", ("CreditCardCode", "CreditCardName", "GLAccount")),
    "customers": Entity(
        "BusinessPartners",
        "CardCode",
        (
            *("CardCode", "CardName", "Phone1", "EmailAddress", "PayTermsGrpCode", "BilltoDefault", "BPAddresses"),
            *("Valid", "Frozen", "UpdateDate", "UpdateTime"),
        ),
        filter="CardType eq 'cCustomer'",
        stamp="UpdateDate",
    ),
    "sales_invoices": SALES,
    "sales_credit_memos": replace(SALES, path="CreditNotes"),
    "payments": Entity(
        "IncomingPayments", "DocEntry", (*PAYMENT, "PaymentInvoices"), stamp="DocDate", cancelled=CANCELLED
    ),
    # Entered by people, with a key of ours in the remarks at most.
    "outgoing_payments": Entity(
        "VendorPayments",
        "DocEntry",
        PAYMENT,
        filter="DocType eq 'rCustomer'",
        stamp="DocDate",
        cancelled=CANCELLED,
        key_field="Remarks",
    ),
    "journal_entries": Entity(
        "JournalEntries",
        "JdtNum",
        (
            *("JdtNum", "Number", "ReferenceDate", "TaxDate", "DueDate", "Memo", "Reference", "Reference2"),
            *("OriginalJournal", "Original", "JournalEntryLines"),
        ),
        stamp="ReferenceDate",
    ),
}


def entity_of(name: str, settings: Settings) -> Entity:
    """As this company has it: its kind of tax codes, the fields that keys are written into."""
    entity = ENTITIES[name]
    field = settings.payment_key_field if name == "payments" else settings.invoice_key_field
    if name == "tax_codes" and settings.tax_field == "VatGroup":
        return replace(entity, path="VatGroups")
    if entity.key == "DocEntry" and not entity.key_field:
        return replace(entity, select=tuple(dict.fromkeys((*entity.select, field))), key_field=field)
    return entity
