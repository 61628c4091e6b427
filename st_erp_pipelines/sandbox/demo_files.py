"""What a site would have on disk for the demo: connections.yaml and the accountant's mapping tables.

Times scale with the sandbox: at speed 100 its servers forget, throttle and finish a hundred times sooner.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from st_erp_pipelines.flows import PURCHASING_FLOWS, SALES_FLOWS
from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox import sap_s4hana_contractor as s4hana
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_buying import mapping_tables_of_s4hana
from st_erp_pipelines.sandbox.contractor_lists import PAYMENT_TYPES
from st_erp_pipelines.sandbox.contractor_suppliers import TAX_FIELD
from st_erp_pipelines.sandbox.firms import FIRMS, NORTHWIND, Firm
from st_erp_pipelines.sandbox.sap_business_one_contractor import BANK, CHECK_BANK, EXEMPT, TAX_CODES

CONNECTION = NORTHWIND.name
MEANS = {"Credit Card": "CARD", "Check": "CHECK", "Cash": "CASH"}

CONNECTION_YAML = """\
  - name: {name}
    key_prefix: {key_prefix}
    time_zone: America/Chicago
    start_date: {start_date}
    go_live: {go_live}
    mappings: mappings/{name}
    servicetitan:
      api_url: {servicetitan_url}
      auth_url: {servicetitan_url}
      tenant_id: {tenant_id}
      app_key: ${{{variable}_ST_APP_KEY}}
      client_id: ${{{variable}_ST_CLIENT_ID}}
      client_secret: ${{{variable}_ST_CLIENT_SECRET}}
      timing: {{{servicetitan_timing}}}
    erp:
{erp}    flows:
{flows}"""
BUSINESS_CENTRAL = """\
      kind: business_central
      tenant: {tenant}
      environment: {environment}
      company: {company}
      client_id: ${{{variable}_BC_CLIENT_ID}}
      client_secret: ${{{variable}_BC_CLIENT_SECRET}}
      api_url: {url}/v2.0
      token_url: {url}/token
      timing: {{{timing}}}
"""
SAP_BUSINESS_ONE = """\
      kind: sap_business_one
      api_url: {url}/b1s/v2
      company: {database}
      user: {user}
      password: ${{{variable}_B1_PASSWORD}}
      check_bank: "{bank}"
      timing: {{{timing}}}
    rules: {{non_taxable_code: {exempt}}}
"""
SAP_S4HANA = """\
      kind: sap_s4hana
      api_url: {url}
      client_id: ${{{variable}_S4_CLIENT_ID}}
      client_secret: ${{{variable}_S4_CLIENT_SECRET}}
      company_code: "{company_code}"
      controlling_area: "{company_code}"
      purchasing_organization: "{company_code}"
      purchasing_group: "001"
      material_group: {material_group}
      gl_account: "{gl_account}"
      tax_code: {tax_code}
      tax_number_field: {tax_number_field}
      create_in_s4: {{grouping: {grouping}, reconciliation_account: "{payables}", payment_terms: {terms}}}
      timing: {{{timing}}}
    rules: {{requisitions: deliver}}
"""
ITEMS_TOO = "      items: {mode: post}\n"


def write_demo(folder: Path, **connection: Any) -> Path:
    """The path of connections.yaml, with one connection (see `connection_yaml`); the mappings lie beside it."""
    path = folder / "connections.yaml"
    path.write_text("connections:\n" + connection_yaml(folder, **connection), encoding="utf-8")
    return path


def connection_yaml(
    folder: Path,
    *,
    contractor: Contractor,
    servicetitan_url: str,
    business_central_url: str = "",
    sap_business_one_url: str = "",
    sap_s4hana_url: str = "",
    speed: float,
    go_live: date,
    start_date: date,
    mode: str = "post",
    with_items: bool = False,
    firm: Firm = NORTHWIND,
) -> str:
    """A connection, whose mapping tables are written. `mode` is that of every flow but `items`.

    The ERP is the one whose URL is given. Of one that buys in S/4HANA the contractor is that of `Buying`.
    """
    flows: Sequence[str] = SALES_FLOWS
    if sap_s4hana_url:
        tables, flows = mapping_tables_of_s4hana(contractor), PURCHASING_FLOWS
        erp = _s4hana(sap_s4hana_url, speed, firm)
    elif sap_business_one_url:
        tables, erp = mapping_tables_of_business_one(), _business_one(sap_business_one_url, speed, firm)
    else:
        company = contractor.business_central["company"]["name"]
        tables, erp = mapping_tables(), _business_central(business_central_url, speed, company, firm)
    _write_tables(folder / "mappings" / firm.name, tables | (items_table(contractor) if with_items else {}))
    text = CONNECTION_YAML.format(
        name=firm.name,
        key_prefix=firm.key_prefix,
        variable=firm.variable,
        start_date=start_date,
        go_live=go_live,
        servicetitan_url=servicetitan_url.rstrip("/"),
        tenant_id=firm.tenant_id,
        servicetitan_timing=_timing(speed, settle_after=300, calls_per_second=55, read_lag=60),
        erp=erp,
        flows="".join(f"      {flow}: {{mode: {mode}}}\n" for flow in flows),
    )
    if with_items or sap_s4hana_url:
        text = text.replace(
            "tenant_id:", f"application_guid: {credentials.SERVICETITAN_APPLICATION_GUID}\n      tenant_id:"
        )
    return text + ITEMS_TOO if with_items else text


def _business_central(url: str, speed: float, company: str, firm: Firm) -> str:
    return BUSINESS_CENTRAL.format(
        url=url.rstrip("/"),
        tenant=credentials.BUSINESS_CENTRAL_TENANT,
        environment=credentials.BUSINESS_CENTRAL_ENVIRONMENT,
        company=company,
        variable=firm.variable,
        timing=_timing(speed, settle_after=1200, calls_per_second=18),
    )


def _business_one(url: str, speed: float, firm: Firm) -> str:
    return SAP_BUSINESS_ONE.format(
        url=url.rstrip("/"),
        database=firm.database,
        user=credentials.SAP_BUSINESS_ONE_USER,
        variable=firm.variable,
        exempt=EXEMPT,
        bank=CHECK_BANK,
        timing=_timing(speed, settle_after=1200, calls_per_second=10),
    )


def _s4hana(url: str, speed: float, firm: Firm) -> str:
    return SAP_S4HANA.format(
        url=url.rstrip("/"),
        variable=firm.variable,
        company_code=s4hana.COMPANY_CODE,
        material_group=s4hana.MATERIAL_GROUP,
        gl_account=s4hana.GL_ACCOUNT,
        tax_code=s4hana.TAX_CODE,
        tax_number_field=TAX_FIELD,
        grouping=s4hana.GROUPING,
        payables=s4hana.PAYABLES,
        terms=s4hana.TERMS,
        timing=_timing(speed, settle_after=1200, calls_per_second=10, read_lag=60),
    )


def demo_environment() -> dict[str, str]:
    """The variables that connections.yaml names, with what the sandbox accepts."""
    values = {
        "ST_APP_KEY": credentials.SERVICETITAN_APP_KEY,
        "ST_CLIENT_ID": credentials.SERVICETITAN_CLIENT_ID,
        "ST_CLIENT_SECRET": credentials.SERVICETITAN_CLIENT_SECRET,
        "BC_CLIENT_ID": credentials.BUSINESS_CENTRAL_CLIENT_ID,
        "BC_CLIENT_SECRET": credentials.BUSINESS_CENTRAL_CLIENT_SECRET,
        "B1_PASSWORD": credentials.SAP_BUSINESS_ONE_PASSWORD,
        "S4_CLIENT_ID": credentials.SAP_S4HANA_CLIENT_ID,
        "S4_CLIENT_SECRET": credentials.SAP_S4HANA_CLIENT_SECRET,
    }
    return {f"{firm.variable}_{name}": value for firm in FIRMS.values() for name, value in values.items()}


def _timing(speed: float, *, settle_after: float, calls_per_second: float, read_lag: float = 0) -> str:
    """Seconds of the real systems, divided by `speed`; tokens live shorter too, so their margin shrinks."""
    spans = {"settle_after": settle_after, "token_margin": 60} | ({"read_lag": read_lag} if read_lag else {})
    texts = [f"{name}: {_plain(seconds / speed)}s" for name, seconds in spans.items()]
    return ", ".join([*texts, f"calls_per_second: {_plain(calls_per_second * speed)}"])


def _plain(value: float) -> str:
    """Without exponent, which a duration may not have."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def mapping_tables() -> dict[str, list[dict[str, str]]]:
    """What the accountant wrote, holes included; there is no `*` row and no customers.csv."""
    return {
        "business_units": [
            {
                "business_unit_id": str(unit.id),
                "business_unit_name": unit.name,
                "dimension_code": "DEPARTMENT",
                "dimension_value": unit.dimension_value,
                "account": unit.account,
            }
            for unit in lists.UNITS
            if unit.dimension_value
        ],
        "accounts": [
            {
                "gl_account_number": account.number,
                "target_type": account.target_type,
                "target_number": account.target_number,
            }
            for account in lists.ACCOUNTS
            if account.target_number
        ],
        "payment_types": [
            {"payment_type_name": name, "balancing_account": account, "batches": batches}
            for name, (account, batches) in PAYMENT_TYPES.items()
        ],
        "tax_zones": [
            {
                "tax_zone_id": str(zone.id),
                "tax_zone_name": zone.name,
                "liability_account": zone.liability_account,
                "tax_code": "TAXABLE",
            }
            for zone in lists.ZONES
            if zone.liability_account
        ],
        "payment_terms": [
            {"term_name": name, "erp_code": code} for name, (_, code) in lists.PAYMENT_TERMS.items() if code
        ],
    }


def mapping_tables_of_business_one() -> dict[str, list[dict[str, str]]]:
    """The same accountant: materials for items, departments are dimension 1, tax goes by county, payments name their
    means."""
    tables = mapping_tables()
    materials = {"target_type": "account", "target_number": "40500"}
    tables["accounts"] = [row | (materials if row["target_type"] == "item" else {}) for row in tables["accounts"]]
    tables["business_units"] = [row | {"dimension_code": "1"} for row in tables["business_units"]]
    tables["tax_zones"] = [row | {"tax_code": TAX_CODES[row["liability_account"]]} for row in tables["tax_zones"]]
    tables["payment_types"] = [
        row
        | {
            "batches": MEANS.get(row["payment_type_name"], "TRANSFER"),
            "balancing_account": row["balancing_account"] or BANK,
        }
        for row in tables["payment_types"]
    ]
    return tables


def items_table(contractor: Contractor) -> dict[str, list[dict[str, str]]]:
    """Labor and permits are services, sundries stay where they are, all else is a material of one vendor."""
    vendor = next(str(row["id"]) for row in contractor.servicetitan["vendors"] if row["active"])
    rows = [("LABOR", "service", ""), ("PERMIT", "service", ""), ("SUNDRY", "none", ""), ("", "material", vendor)]
    columns = ("item_number", "item_category", "becomes", "category_id", "vendor_id", "account")
    named = [dict(zip(columns, ("*", category, becomes, "", own, ""), strict=True)) for category, becomes, own in rows]
    return {"items": named}


def _write_tables(folder: Path, tables: dict[str, list[dict[str, str]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
