"""Both systems of the sandbox as one process, and the generated contractor against the published schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor import generate
from st_erp_pipelines.sandbox.sap_s4hana_contractor import sap_s4hana_company
from st_erp_pipelines.sandbox.serve import (
    RunningSandbox,
    banner,
    demo_business_central,
    demo_sap_s4hana,
    demo_servicetitan,
    running,
    running_process,
)
from st_erp_pipelines.sandbox.servicetitan_lists import LISTINGS
from st_erp_pipelines.settings import SapBusinessOneTiming, SapS4hanaTiming, ServiceTitanTiming
from tests.sandbox.published import SPECS, assert_published, published

API = f"/accounting/v2/tenant/{credentials.SERVICETITAN_TENANT}"


def servicetitan_client(url: str) -> httpx.Client:
    login = {
        "grant_type": "client_credentials",
        "client_id": credentials.SERVICETITAN_CLIENT_ID,
        "client_secret": credentials.SERVICETITAN_CLIENT_SECRET,
    }
    token = httpx.post(f"{url}/connect/token", data=login).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "ST-App-Key": credentials.SERVICETITAN_APP_KEY}
    return httpx.Client(base_url=url, headers=headers)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def sandbox(logs: Path) -> Iterator[RunningSandbox]:
    small = ("--days=8", "--scale=0.02", "--today=2026-03-20", "--speed=60")
    with running_process(*small, f"--log-dir={logs}", f"--exceptions={logs / 'planted.json'}") as started:
        yield started
    assert started.process.poll() is not None


def test_servicetitan_serves_the_generated_contractor(sandbox: RunningSandbox) -> None:
    with servicetitan_client(sandbox.servicetitan_url) as api:
        reply = api.get(f"{API}/invoices", params={"includeTotal": "true", "activeState": "All"}).json()
    assert reply["totalCount"] > len(reply["data"]) == 50


def test_business_central_knows_the_demo_client(sandbox: RunningSandbox) -> None:
    login = {
        "grant_type": "client_credentials",
        "client_id": credentials.BUSINESS_CENTRAL_CLIENT_ID,
        "client_secret": credentials.BUSINESS_CENTRAL_CLIENT_SECRET,
        "scope": "https://api.businesscentral.dynamics.com/.default",
    }
    token = httpx.post(f"{sandbox.business_central_url}/token", data=login).json()["access_token"]
    root = f"{sandbox.business_central_url}/v2.0/{credentials.BUSINESS_CENTRAL_TENANT}/production/api/v2.0"
    companies = httpx.get(f"{root}/companies", headers={"Authorization": f"Bearer {token}"}).json()
    assert len(companies["value"]) == 1


def test_each_system_has_its_own_faults_and_log_file(sandbox: RunningSandbox, logs: Path) -> None:
    rule = {"kind": "http_500_before", "path_contains": "nowhere"}
    assert httpx.post(f"{sandbox.servicetitan_url}/_control/faults", json=rule).status_code == 201
    assert httpx.get(f"{sandbox.servicetitan_url}/nowhere").status_code == 500
    assert httpx.get(f"{sandbox.business_central_url}/nowhere").status_code == 404
    last = [
        json.loads((logs / f"{system}.jsonl").read_text().splitlines()[-1])
        for system in ("servicetitan", "business_central")
    ]
    assert [entry["fault"] for entry in last] == ["http_500_before", None]


def test_what_was_planted_is_in_its_own_file(sandbox: RunningSandbox, logs: Path) -> None:
    assert json.loads((logs / "planted.json").read_text())


def test_a_process_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="ended at once, with code 2"), running_process("--sped=60"):
        pass
    assert "--sped" in capfd.readouterr().err


def test_the_banner_prints_a_timing_that_the_settings_accept() -> None:
    lines = [line for line in banner(60, 1, 2, 3, 4).splitlines() if "timing" in line]
    members = [dict(part.split(": ") for part in line.split("{")[1].rstrip("}").split(", ")) for line in lines]
    timing = ServiceTitanTiming.model_validate(members[0])
    assert (timing.settle_after.total_seconds(), timing.read_lag.total_seconds()) == (5, 1)
    assert SapBusinessOneTiming.model_validate(members[2]).settle_after.total_seconds() == 20
    assert SapS4hanaTiming.model_validate(members[3]).settle_after.total_seconds() == 20
    assert len([line for line in banner(60, 1, 2).splitlines() if "timing" in line]) == 2


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_every_generated_record_is_served_and_has_the_published_shape() -> None:
    contractor = generate(today=date(2026, 3, 20), days=8, scale=0.02)
    with running(demo_servicetitan(contractor, 10)) as url, servicetitan_client(url) as api:
        for listing in LISTINGS:
            if listing.entity.startswith("journal"):
                continue  # of tenants that work with the journal-entry integration
            parent = contractor.servicetitan[listing.parent[0]][0] if listing.parent else {"id": 0}
            rows = walk(api, listing.module, listing.path.replace("{id:int}", str(parent["id"])))
            if not listing.parent:
                assert len(rows) == len(listed(contractor.servicetitan[listing.entity])), listing.path
            schema, schemas = published(listing.module, listing.path.replace(":int", ""))
            assert rows, listing.path
            for row in rows:
                assert_published(row, schema, schemas, listing.entity)


def listed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a window without end brings; of bills only the purchased ones."""
    timed = [row for row in rows if "modifiedOn" in row or "categoryType" not in row]
    return [row for row in timed if row.get("billType") != "ApBill"]


def test_the_generated_company_is_accepted() -> None:
    contractor = generate(today=date(2026, 3, 20), days=8, scale=0.02)
    with running(demo_business_central(contractor, 60)) as url:
        assert httpx.get(f"{url}/_control/health").json()["ok"]


def test_what_the_contractor_buys_can_be_ordered_in_his_s4hana() -> None:
    contractor = generate(today=date(2026, 3, 20), days=8, scale=0.02)
    login = (credentials.SAP_S4HANA_USER, credentials.SAP_S4HANA_PASSWORD)
    with (
        running(demo_sap_s4hana(sap_s4hana_company(contractor.servicetitan), 60)) as url,
        httpx.Client(auth=login) as api,
    ):
        root = f"{url}/sap/opu/odata/sap/API_BUSINESS_PARTNER/A_Supplier/$count"
        active = [vendor for vendor in contractor.servicetitan["vendors"] if vendor["active"]]
        assert api.get(root).text == str(len(active))
        centers = api.get(f"{url}/sap/opu/odata/sap/API_COSTCENTER_SRV/A_CostCenter/$count")
        assert centers.text == str(len(contractor.servicetitan["business_units"]))


def walk(api: httpx.Client, module: str, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    query = {"pageSize": 500, "activeState": "All", "active": "Any", "modifiedBefore": "2100-01-01"}
    for page in range(1, 100):
        url = f"/{module}/v2/tenant/{credentials.SERVICETITAN_TENANT}{path}"
        reply = api.get(url, params=query | {"page": page}).json()
        rows += reply["data"]
        if not reply["hasMore"]:
            break
    return rows


def test_a_tenant_that_exports_journal_entries_is_a_switch_of_the_process() -> None:
    small = ("--days=8", "--scale=0.02", "--today=2026-03-20", "--speed=60")
    with running_process(*small, "--journal-entries") as started, servicetitan_client(started.servicetitan_url) as api:
        assert api.get(f"{API}/journal-entries").json()["data"]
        invoices = api.get(f"{API}/invoices", params={"statuses": ["Posted", "Exported"]}).json()["data"]
    assert invoices == []
