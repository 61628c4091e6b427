"""Which target a flow posts to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources.sap_s4hana.client import S4hana
from st_erp_pipelines.resources.sap_s4hana.created import Created
from st_erp_pipelines.resources.sap_s4hana.purchase_orders import ORDER
from st_erp_pipelines.resources.sap_s4hana.purchase_requisitions import REQUISITION
from st_erp_pipelines.resources.sap_s4hana.suppliers import SUPPLIER
from st_erp_pipelines.target import Target

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapS4hana as Settings

KINDS = {"suppliers": {"": SUPPLIER}, "requests": {"order": ORDER, "requisition": REQUISITION}}


def target_for(flow: str, client: S4hana, _settings: Settings, _mappings: Mappings) -> Target:
    """What else there is to know is in the payloads."""
    return Created(client, KINDS[flow])
