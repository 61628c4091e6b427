"""Business Central: the client, and a target for each kind of document posted there."""

from st_erp_pipelines.resources.business_central.client import BusinessCentral, Walk, connect
from st_erp_pipelines.resources.business_central.customers import Customers
from st_erp_pipelines.resources.business_central.payments import Payments
from st_erp_pipelines.resources.business_central.sales_documents import SalesDocuments
from st_erp_pipelines.resources.business_central.targets import target_for

__all__ = ["BusinessCentral", "Customers", "Payments", "SalesDocuments", "Walk", "connect", "target_for"]
