"""Which target a flow posts to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources.sap_business_one.client import BusinessOne
from st_erp_pipelines.resources.sap_business_one.incoming_payments import IncomingPayments
from st_erp_pipelines.resources.sap_business_one.partners import Partners
from st_erp_pipelines.resources.sap_business_one.sales_documents import SalesDocuments
from st_erp_pipelines.target import Target

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapBusinessOne as Settings


def target_for(flow: str, client: BusinessOne, settings: Settings, _mappings: Mappings) -> Target:
    """Mappings are asked of other ERPs: where payments go is in their payloads here."""
    if flow == "customers":
        return Partners(client, group=settings.partner_group)
    if flow == "invoices":
        return SalesDocuments(
            client,
            key_field=settings.invoice_key_field,
            former_key_fields=settings.former_invoice_key_fields,
            tax_field=settings.tax_field,
            branch=settings.branch,
            posting_log=settings.posting_log,
        )
    return IncomingPayments(
        client,
        key_field=settings.payment_key_field,
        former_key_fields=settings.former_payment_key_fields,
        branch=settings.branch,
        posting_log=settings.posting_log,
    )
