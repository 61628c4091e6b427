"""A customer changed on both sides between two syncs: each field ends as its owner says, in both systems, and stays."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from st_erp_pipelines.assets.erp import ERPS
from tests.erps import READS
from tests.world import Site, build_and_post, contractor, plain_invoices, read, running_site, with_only

pytestmark = pytest.mark.slow(14)
OWNERS = "owners: {phone_number: erp, email: erp, address: erp}"


@dataclass
class Both:
    """The two systems, and the one customer of whom there is an invoice."""

    site: Site
    kind: str
    erp_url: str
    customer_id: int
    number: str

    def office(self, entity: str, key: int, **changes: Any) -> None:
        self._control(self.site.servicetitan_url, "servicetitan/change", entity=entity, id=key, set=changes)

    def person_there(self, **changes: str) -> None:
        """In words of Business Central."""
        if self.kind == "business_central":
            self._control(self.erp_url, "business_central/edit_customer", number=self.number, changes=changes)
            return
        names = {"displayName": "CardName", "phoneNumber": "Phone1", "email": "EmailAddress"}
        fields: dict[str, Any] = {names[name]: value for name, value in changes.items() if name in names}
        if "addressLine1" in changes:
            address = self.partner()["BPAddresses"][0]
            fields["BPAddresses"] = [{"RowNum": address["RowNum"], "Street": changes["addressLine1"]}]
        what = dict(set="BusinessPartners", key=self.number, changes=fields)
        self._control(self.erp_url, "sap_business_one/edit", **what)

    def partner(self) -> dict[str, Any]:
        rows = self._state()["BusinessPartners"]
        return next(row for row in rows if row["CardCode"] == self.number)

    def there(self) -> tuple[str, str, str, str]:
        """Name, phone, e-mail and street, as the ERP has them."""
        if self.kind == "business_central":
            row = next(each for each in self._state()["customers"] if each["number"] == self.number)
            return row["displayName"], row["phoneNumber"], row["email"], row["addressLine1"]
        row = self.partner()
        return row["CardName"], row["Phone1"], row["EmailAddress"], row["BPAddresses"][0]["Street"]

    def here(self) -> tuple[str, str, str, str]:
        """As ServiceTitan has them."""
        customer = next(row for row in self.records("customers") if row["id"] == self.customer_id)
        return (
            customer["name"],
            self.contact("Phone")["value"],
            self.contact("Email")["value"],
            customer["address"]["street"],
        )

    def contact(self, type_: str) -> dict[str, Any]:
        mine = [row for row in self.records("customer_contacts") if row["customerId"] == self.customer_id]
        return min((row for row in mine if type_ in row["type"]), key=lambda row: row["id"])

    def records(self, entity: str) -> list[dict[str, Any]]:
        url = f"{self.site.servicetitan_url}/_control/servicetitan/records/{entity}"
        found: list[dict[str, Any]] = httpx.get(url).json()
        return found

    def writes(self) -> list[str]:
        """What both systems were asked to change."""
        logs = [httpx.get(f"{url}/_control/log").json() for url in (self.site.servicetitan_url, self.erp_url)]
        asked = [f"{each['method']} {each['path']}" for log in logs for each in log if each["method"] not in READS]
        return [each for each in asked if not re.search("token$|/Log(in|out)$|Service_", each)]  # those change nothing

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.erp_url}/_control/{self.kind}/state").json()
        return found

    @staticmethod
    def _control(url: str, path: str, **body: Any) -> None:
        httpx.post(f"{url}/_control/{path}", json=body).raise_for_status()


@pytest.fixture(params=sorted(ERPS) if "LONG_TESTS" in os.environ else ["sap_business_one"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    kind, folder = request.param, tmp_path_factory.mktemp("both_ways")
    small = contractor(days=3, scale=0.05)
    reached = {row["customerId"] for row in small.servicetitan["customer_contacts"] if row["type"] == "Email"}
    invoice = next(row for row in plain_invoices(small) if row["customer"]["id"] in reached)
    whole = with_only(small, [invoice])
    with running_site(folder, whole, erp=kind) as site:
        path = folder / "connections.yaml"
        both_ways = f"customers: {{mode: post, {OWNERS}}}\n      customers_back: {{mode: post}}"
        path.write_text(path.read_text("utf-8").replace("customers: {mode: post}", both_ways), "utf-8")
        customer_id = invoice["customer"]["id"]
        yield Both(site, kind, site.erp.url, customer_id, f"STA-{customer_id}")


def sync(both: Both, *, first: bool = False) -> None:
    with both.site.pipeline() as pipeline:
        pipeline.outbox.clock.sleep(pipeline.connection.servicetitan.timing.read_lag.total_seconds() + 0.1)
        read(pipeline, both.kind, ERPS[both.kind].WHOLE if first else (), ["customers"])
        read(
            pipeline,
            "servicetitan",
            ["payment_terms", "business_units"],
            ["invoices", "customers", "customer_contacts"],
        )
        build_and_post(pipeline)


def test_each_field_ends_as_its_owner_says_and_nothing_bounces(both: Both) -> None:
    sync(both, first=True)
    assert both.here()[0] == both.there()[0]
    assert both.site.documents("customers_back") == {}

    phone, mail = both.contact("Phone"), both.contact("Email")
    both.office("customers", both.customer_id, name="Ann of ServiceTitan")
    both.office("customer_contacts", mail["id"], value="office@example.com")  # the ERP's, and changed there, too
    both.person_there(
        displayName="Ann of the ERP", phoneNumber="512 555 0199", email="erp@example.com", addressLine1="9 Erp Road"
    )
    sync(both)
    expected = ("Ann of ServiceTitan", "512 555 0199", "erp@example.com", "9 Erp Road")
    assert both.here() == both.there() == expected
    assert both.contact("Phone")["id"] == phone["id"]
    (back,) = both.site.documents("customers_back").values()
    assert back.state == "posted"
    assert "email: ServiceTitan said 'office@example.com', the ERP 'erp@example.com'" in back.flag
    change = both.site.documents("customers")[f"{both.number}/R1"]
    assert "display name: the ERP said 'Ann of the ERP', ServiceTitan 'Ann of ServiceTitan'" in change.flag

    before, documents = both.writes(), both.site.documents()
    for _ in range(3):
        sync(both)
        assert both.writes() == before
        assert both.site.documents().keys() == documents.keys()
    assert both.here() == both.there() == expected

    both.site = both.site.elsewhere(both.site.folder / "another")  # all that we knew is lost
    sync(both, first=True)
    sync(both)
    assert both.writes() == before
