"""Which target a flow posts to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources.business_central.client import BusinessCentral
from st_erp_pipelines.resources.business_central.customers import Customers
from st_erp_pipelines.resources.business_central.payments import Payments
from st_erp_pipelines.resources.business_central.sales_documents import SalesDocuments
from st_erp_pipelines.target import Target

if TYPE_CHECKING:
    from st_erp_pipelines.settings import BusinessCentral as Settings


def target_for(flow: str, client: BusinessCentral, settings: Settings, mappings: Mappings) -> Target:
    """Payments are looked for in every journal batch that the mapping of payment types names."""
    if flow == "customers":
        return Customers(client)
    if flow == "invoices":
        return SalesDocuments(client)
    batches = {code for text in mappings.tables["payment_types"]["batches"] for code in text.split()}
    return Payments(client, batches=sorted(batches), draft_batch=settings.draft_batch)
