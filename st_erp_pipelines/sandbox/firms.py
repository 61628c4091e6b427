"""Whose systems the sandbox serves: regional companies of one owner, each with its own tenant and its own books."""

from __future__ import annotations

from dataclasses import dataclass

from st_erp_pipelines.sandbox import credentials


@dataclass(frozen=True)
class Firm:
    """`name` is that of its connection; `database` that of its books where they are in Business One."""

    name: str
    company: str
    key_prefix: str
    tenant_id: int
    database: str

    @property
    def variable(self) -> str:
        """What the names of its credentials in the environment begin with."""
        return self.name.partition("_")[0].upper()


NORTHWIND = Firm(
    "northwind_hvac",
    "Northwind HVAC",
    "A",
    credentials.SERVICETITAN_TENANT,
    credentials.SAP_BUSINESS_ONE_DATABASE,
)
LAKESIDE = Firm(
    "lakeside_hvac",
    "Lakeside HVAC",
    "B",
    credentials.SECOND_SERVICETITAN_TENANT,
    credentials.SECOND_SAP_BUSINESS_ONE_DATABASE,
)
HARBOR = Firm("harbor_plumbing", "Harbor Plumbing", "C", credentials.THIRD_SERVICETITAN_TENANT, "")
FIRMS = {firm.name: firm for firm in (NORTHWIND, LAKESIDE, HARBOR)}
