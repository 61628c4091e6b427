"""SAP Business One: the client, and a target for each kind of document posted there."""

from st_erp_pipelines.resources.sap_business_one.client import BusinessOne, connect
from st_erp_pipelines.resources.sap_business_one.incoming_payments import IncomingPayments
from st_erp_pipelines.resources.sap_business_one.partners import Partners
from st_erp_pipelines.resources.sap_business_one.sales_documents import SalesDocuments
from st_erp_pipelines.resources.sap_business_one.targets import target_for

__all__ = ["BusinessOne", "IncomingPayments", "Partners", "SalesDocuments", "connect", "target_for"]
