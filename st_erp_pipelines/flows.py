"""Which flows there are, where each ends, and which of them a connection has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_erp_pipelines.settings import Connection

# Each in the order in which they need each other. Which of them there are, the ERP says.
SALES_FLOWS = ("customers", "invoices", "payments")
PURCHASING_FLOWS = ("cost_centers", "vendors", "suppliers", "purchase_orders", "requests", "supplier_invoices")
FLOWS = (*SALES_FLOWS, "customers_back", "items", *PURCHASING_FLOWS)
BACK = ("customers_back", "items", "cost_centers", "vendors", "purchase_orders", "supplier_invoices")
"""They end in ServiceTitan."""
WITHOUT_AMOUNT = ("customers", "customers_back", "items", "cost_centers", "vendors", "suppliers")


def sells(connection: Connection) -> bool:
    """Whether what is sold goes to the ERP; else what the ERP buys comes to ServiceTitan."""
    return "invoices" in connection.erp.flows


def used_flows(connection: Connection) -> tuple[str, ...]:
    """What goes back only where it is asked for: elsewhere it costs nothing and is not told of."""
    asked_for = {
        "customers_back": bool(connection.flows.customers.owners.of("erp")),
        "items": connection.flows.items.mode != "observe" or (connection.mappings / "items.csv").exists(),
        "cost_centers": connection.servicetitan.application_guid is not None,
        "suppliers": getattr(connection.erp, "create_in_s4", None) is not None,
    }
    return tuple(flow for flow in connection.erp.flows if asked_for.get(flow, True))


def system_of(connection: Connection, flow: str) -> str:
    """Where a flow posts to."""
    return "servicetitan" if flow in BACK else connection.erp.kind
