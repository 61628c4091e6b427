"""SAP S/4HANA: the client, and a target for what is created there; most else ends in ServiceTitan."""

from st_erp_pipelines.resources.sap_s4hana.client import S4hana, connect
from st_erp_pipelines.resources.sap_s4hana.created import Created
from st_erp_pipelines.resources.sap_s4hana.targets import target_for

__all__ = ["Created", "S4hana", "connect", "target_for"]
