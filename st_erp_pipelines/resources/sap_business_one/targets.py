"""Which target a flow posts to."""

from __future__ import annotations

from typing import Protocol

from st_erp_pipelines.resources.sap_business_one.client import BusinessOne
from st_erp_pipelines.resources.sap_business_one.incoming_payments import IncomingPayments
from st_erp_pipelines.resources.sap_business_one.masters import TaxField
from st_erp_pipelines.resources.sap_business_one.partners import Partners
from st_erp_pipelines.resources.sap_business_one.sales_documents import SalesDocuments
from st_erp_pipelines.target import Target


class Fields(Protocol):
    """Where keys are written, and wherever they ever were: fixed once something was posted, like `key_prefix`."""

    invoice_key_field: str  # NumAtCard, or a field of the company's own: U_...
    payment_key_field: str  # Remarks, or a field of the company's own
    former_invoice_key_fields: list[str]
    former_payment_key_fields: list[str]
    tax_field: TaxField
    partner_group: int | None
    branch: int | None
    posting_log: str  # a user table, see posting_log.py; empty for none


def target_for(flow: str, client: BusinessOne, fields: Fields) -> Target:
    if flow == "customers":
        return Partners(client, group=fields.partner_group)
    if flow == "invoices":
        return SalesDocuments(
            client,
            key_field=fields.invoice_key_field,
            former_key_fields=fields.former_invoice_key_fields,
            tax_field=fields.tax_field,
            branch=fields.branch,
            posting_log=fields.posting_log,
        )
    return IncomingPayments(
        client,
        key_field=fields.payment_key_field,
        former_key_fields=fields.former_payment_key_fields,
        branch=fields.branch,
        posting_log=fields.posting_log,
    )
