"""What doctor finds of a connection that buys in S/4HANA, each by breaking it in a sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_erp_pipelines.flows import PURCHASING_FLOWS
from st_erp_pipelines.resources.sap_s4hana.replies import INVOICES, PARTNERS
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor_buying import buying
from st_erp_pipelines.sandbox.firms import HARBOR
from tests.erps import SapS4hana
from tests.test_doctor import doctor, edited
from tests.world import Site, buying_site, contractor, write_site


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with buying_site(tmp_path_factory.mktemp("world"), buying(contractor(days=3, scale=0.01), scale=0.01)) as site:
        yield site


@pytest.fixture
def site(world: Site, tmp_path: Path) -> Site:
    """A folder of its own on the same two systems."""
    urls = (world.servicetitan_url, world.erp.url)
    return write_site(tmp_path, world.contractor, *urls, speed=60, erp=SapS4hana.kind, firm=HARBOR)


def test_a_sound_site_would_work_and_nothing_was_written_anywhere(site: Site) -> None:
    seen = [len(each.log()) for each in (site.titan, site.erp)]
    found = doctor(site)
    assert (found.wrong(), found.code) == (set(), 1), "a business unit works in another currency"
    assert {found.only(flow)["found"] for flow in PURCHASING_FLOWS} == {"mode post works"}
    for each, since in zip((site.titan, site.erp), seen, strict=True):
        assert len(each.log(since)) > 5
        assert each.writes(since) == []
    assert not site.home.exists()


def test_a_wrong_secret_is_said_and_hides_nothing_of_servicetitan(site: Site) -> None:
    found = doctor(site, HARBOR_S4_CLIENT_SECRET="another")
    assert found.code == 2
    assert found.wrong() == {"login", *PURCHASING_FLOWS}
    assert "another" not in found.text
    assert found.only("write vendors")["level"] == "ok"
    assert found.only("vendors")["found"] == "mode post does not work: login"


def test_a_wrong_password_is_seen_by_the_first_service(site: Site) -> None:
    ids = "client_id: ${HARBOR_S4_CLIENT_ID}\n      client_secret: ${HARBOR_S4_CLIENT_SECRET}"
    user = f"auth: basic\n      user: {credentials.SAP_S4HANA_USER}\n      password: ${{HARBOR_S4_PASSWORD}}"
    asked = edited(site, (ids, user))
    assert doctor(asked, HARBOR_S4_PASSWORD=credentials.SAP_S4HANA_PASSWORD).wrong() == set()
    refused = doctor(asked, HARBOR_S4_PASSWORD="another")
    assert {f"reach {PARTNERS}", *PURCHASING_FLOWS} <= refused.wrong()
    assert "another" not in refused.text


def test_a_service_that_is_not_arranged_is_named_by_its_scenario(site: Site) -> None:
    """What needs it does not work; all else does."""
    site.erp.does("set", arrangement={INVOICES: False})
    found = doctor(site)
    site.erp.does("set", arrangement={})
    assert found.wrong() == {f"reach {INVOICES}", "supplier_invoices"}
    assert "SAP_COM_0057" in str(found.only(f"reach {INVOICES}"))
    assert found.only("purchase_orders")["found"] == "mode post works"


def test_a_company_code_that_nobody_knows(site: Site) -> None:
    said = doctor(edited(site, ('      company_code: "1710"', '      company_code: "1790"'))).only("company code")
    assert (said["level"], said["found"]) == ("warning", "no cost center belongs to company code 1790")


def test_a_cost_center_of_the_table_that_is_not_there(site: Site) -> None:
    """The flows that need it do not work, and without posting they would."""
    row = dict(cost_center="17101099", business_unit_id="301", valid_from="", valid_to="")
    with site.mapping("cost_centers", **row):
        found = doctor(site)
        site.set_mode("observe", "purchase_orders", "requests")
        observing = doctor(site)
    assert found.wrong() == {"cost centers", "purchase_orders", "requests"}
    assert found.only("cost centers")["found"] == "17101099 of cost_centers.csv is no cost center there"
    assert observing.wrong() == set()
    assert observing.only("requests")["found"] == "mode observe works; `mode: post` would not: cost centers"


def test_what_requests_need_is_asked_for(site: Site) -> None:
    said = doctor(edited(site, ("      material_group: L001\n", ""))).only("settings of requests")
    assert (said["level"], said["found"]) == ("warning", "not set: erp.material_group")
