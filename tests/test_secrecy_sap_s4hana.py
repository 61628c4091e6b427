"""No secret, token, cookie or text of a document in what is written down of a sync over S/4HANA.

As in test_secrecy.py, against servers that repeat in their answers what they were sent. Dagster's own log is looked at
in test_sap_s4hana.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest import mock

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.errors import StErpError
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor_buying import Buying, buying
from st_erp_pipelines.sandbox.firms import HARBOR
from st_erp_pipelines.sandbox.serve import demo_sap_s4hana, demo_servicetitan, running
from tests.erps import SapS4hana
from tests.test_secrecy import QUERIES, TEXTS, WORD, Repeating, Written, listening, page, read_outbox, refusal
from tests.world import Site, contractor, write_site

pytestmark = pytest.mark.slow(10)
SPEED = 40.0  # at more, a send may miss its window on a busy machine
SECRETS = {
    credentials.SERVICETITAN_APP_KEY,
    credentials.SERVICETITAN_CLIENT_SECRET,
    credentials.SAP_S4HANA_CLIENT_SECRET,
}
PLACES = ("log of the package", "log of httpx", "errors", *TEXTS)
Answer = tuple[str, str, Callable[[str], Response]]


def refused(status: int, sent: str) -> Response:
    """In S/4HANA's shape, with the same once more in its details."""
    said = f"Cannot take this: {sent}"
    details = [{"code": "06/022", "message": said, "severity": "error"}]
    error = {"code": "06/022", "message": {"lang": "en", "value": said}, "innererror": {"errordetails": details}}
    return JSONResponse({"error": error}, status)


@dataclass
class RepeatingS4hana(Repeating):
    """`sessions`: CSRF tokens and cookies."""

    sessions: set[str] = field(default_factory=set)

    def _note(self, request: Request, body: bytes) -> None:
        super()._note(request, body)
        self.sessions |= {request.headers.get("x-csrf-token", "Fetch")} - {"Fetch"}
        self.sessions |= {value for name, value in request.cookies.items() if name != "sap-usercontext"}


def of_servicetitan() -> list[Answer]:
    return [
        ("POST", "/connect/token", lambda sent: page(500, sent)),
        ("GET", "/purchase-orders", lambda sent: page(500, sent)),
        ("GET", "/receipts", lambda sent: refusal(401, sent)),
        ("POST", "/vendors", lambda sent: refusal(400, sent)),
        ("POST", "/purchase-orders", lambda sent: refusal(400, sent)),
        ("POST", "/purchase-orders", lambda sent: page(500, sent)),
        ("POST", "/purchase-orders", lambda sent: refusal(401, sent)),
        ("POST", "/receipts", lambda sent: refusal(400, sent)),
    ]


def of_s4hana() -> list[Answer]:
    return [
        ("POST", "/token", lambda sent: page(503, sent)),
        ("GET", "/A_PurchaseOrder", lambda sent: page(500, sent)),
        ("GET", "/A_CostCenter", lambda sent: refused(401, sent)),
        ("POST", "/A_BusinessPartner", lambda sent: refused(400, sent)),
        ("POST", "/A_BusinessPartner", lambda sent: page(500, sent)),
        ("POST", "/A_BusinessPartner", lambda sent: refused(401, sent)),
        ("POST", "/A_PurchaseOrder", lambda sent: refused(400, sent)),
    ]


def telling(bought: Buying) -> Buying:
    """With the word in streets and in what is ordered."""
    titan = bought.contractor.servicetitan
    for row in titan["vendors"]:
        row["address"]["street"] = f"{row['id']} {WORD} Road"
    for row in titan["purchase_order_requests"]:
        for item in row["items"]:
            item["description"] = f"Valve of the {WORD} tank"
    for partner in bought.sap_s4hana["A_BusinessPartner"]:
        for address in partner["to_BusinessPartnerAddress"]:
            address["StreetName"] = f"{WORD} Road"
    for order in bought.sap_s4hana["A_PurchaseOrder"]:
        for item in order["to_PurchaseOrderItem"]:
            item["PurchaseOrderItemText"] = f"Valve of the {WORD} tank"
    return bought


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    bought = telling(buying(contractor(days=3, scale=0.01), scale=0.01))
    titan = Repeating(demo_servicetitan(bought.contractor, SPEED, firm=HARBOR), of_servicetitan())
    s4hana = RepeatingS4hana(demo_sap_s4hana(bought.sap_s4hana, SPEED), of_s4hana())
    written = Written()
    brief = mock.patch.object(SystemClock, "sleep", lambda _, seconds: time.sleep(seconds / 10))
    with ExitStack() as stack:
        urls = [stack.enter_context(running(server)) for server in (titan, s4hana)]
        folder = tmp_path_factory.mktemp("site")
        site = write_site(folder, bought.contractor, *urls, speed=SPEED, erp=SapS4hana.kind, firm=HARBOR)
        stack.enter_context(brief)
        stack.enter_context(listening(written))
        site.quick_sync()
        assert [*titan.answers, *s4hana.answers] == [], "each was met"
        written.texts["errors"] += errors(site, titan, s4hana)
        read_outbox(site, written)
    assert len(s4hana.sessions) > 2
    written.forbidden = SECRETS | QUERIES | {WORD} | titan.tokens | s4hana.tokens | s4hana.sessions
    return written


def errors(site: Site, titan: Repeating, s4hana: Repeating) -> Iterator[str]:
    """What a client of ours says of a refusal that ended no step."""
    titan.answers.append(("GET", "/trucks", lambda sent: refusal(400, sent)))
    s4hana.answers.append(("GET", "/A_CostCenter", lambda sent: refused(403, sent)))
    with site.pipeline() as pipeline:
        for client, entity in ((pipeline.servicetitan, "trucks"), (pipeline.erp, "cost_centers")):
            with pytest.raises(StErpError) as error:
                client.walk(entity, site.folder)
            yield f"{error.value} {vars(error.value)}"


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_is_written_down_tells(written: Written, place: str) -> None:
    assert place == "log of httpx" or written.texts[place], "nothing was looked at"
    assert written.leaks(place) == set()
