"""Supplier invoices: nobody makes them over the API here; people enter and reverse them."""

from __future__ import annotations

import copy

from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, completed
from st_erp_pipelines.sandbox.sap_s4hana_entities import CHANGE_STAMP
from st_erp_pipelines.sandbox.sap_s4hana_orders import morning
from st_erp_pipelines.sandbox.sap_s4hana_refusals import rule

INVOICES = "A_SupplierInvoice"
FIRST_NUMBER = 5_105_700_000
POSTED = "5"


def filled(company: Company, invoice: Row) -> Row:
    """What nobody types. Works on the row it is given."""
    created = invoice["CreationDate"] or invoice["PostingDate"] or invoice["DocumentDate"] or company.today()
    for name in ("CreationDate", "PostingDate", "DocumentDate"):
        invoice[name] = invoice[name] or created
    invoice["FiscalYear"] = invoice["FiscalYear"] or str(invoice["PostingDate"].year)
    invoice[CHANGE_STAMP] = invoice[CHANGE_STAMP] or company.stamp_text(morning(created))
    for part in ("to_SuplrInvcItemPurOrdRef", "to_SupplierInvoiceItemGLAcct", "to_SupplierInvoiceTax"):
        for row in invoice[part]:
            row["DocumentCurrency"] = row["DocumentCurrency"] or invoice["DocumentCurrency"]
    return completed(INVOICES, invoice)


def reverse(company: Company, invoice: Row) -> Row:
    """A credit memo of today that names what it reverses. Works on the invoice, which then says that it is reversed."""
    if invoice["IsReversed"] or invoice["IsReversal"]:
        raise rule("M8/534", f"Invoice document {invoice['SupplierInvoice']} was reversed already")
    today, stamp = company.today(), company.stamp_text(company.now())
    made = copy.deepcopy(invoice) | {
        "SupplierInvoice": company.draw(INVOICES, FIRST_NUMBER),
        "FiscalYear": str(today.year),
        "CreationDate": today,
        "PostingDate": today,
        "SupplierInvoiceIsCreditMemo": "" if invoice["SupplierInvoiceIsCreditMemo"] else "X",
        "ReverseDocument": invoice["SupplierInvoice"],
        "ReverseDocumentFiscalYear": invoice["FiscalYear"],
        "IsReversal": True,
        CHANGE_STAMP: stamp,
    }
    invoice |= {"IsReversed": True, CHANGE_STAMP: stamp}
    company.put(INVOICES, invoice)
    return company.put(INVOICES, completed(INVOICES, made))
