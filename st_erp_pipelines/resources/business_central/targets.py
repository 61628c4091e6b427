"""Which target a flow posts to."""

from __future__ import annotations

from collections.abc import Sequence

from st_erp_pipelines.resources.business_central.client import BusinessCentral
from st_erp_pipelines.resources.business_central.customers import Customers
from st_erp_pipelines.resources.business_central.payments import Payments
from st_erp_pipelines.resources.business_central.sales_documents import SalesDocuments
from st_erp_pipelines.target import Target


def target_for(flow: str, client: BusinessCentral, *, batches: Sequence[str], draft_batch: str) -> Target:
    """`batches`: every journal batch that the mapping of payment types names."""
    if flow == "customers":
        return Customers(client)
    if flow == "invoices":
        return SalesDocuments(client)
    return Payments(client, batches=batches, draft_batch=draft_batch)
