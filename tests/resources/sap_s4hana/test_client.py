"""Against a server that says exactly what a test wants: pages, tokens, handshakes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Unavailable
from st_erp_pipelines.resources.credential_cache import DatabaseCache, kept_logins
from st_erp_pipelines.resources.sap_s4hana import S4hana
from st_erp_pipelines.resources.sap_s4hana.client import Unproven
from st_erp_pipelines.resources.sap_s4hana.entities import ENTITIES, INVOICE_WINDOWS
from st_erp_pipelines.resources.sap_s4hana.replies import INVOICES, ORDERS
from st_erp_pipelines.settings_fields import Secret
from tests.resources.sap_s4hana.conftest import ORDERS as ORDERS_PATH
from tests.resources.sap_s4hana.conftest import client_of, order, page, refusal, token
from tests.resources.wire import BriefClock, Wire, answer, replies, serving

NEXT = f"{ORDERS_PATH}/A_PurchaseOrder?%24skiptoken=1000&$skiptoken=2000"
REQUIRED = answer(
    b"CSRF token validation failed", "403 Forbidden", "text/plain;charset=utf-8", "x-csrf-token: Required\r\n"
)
CREATED = answer(json.dumps({"d": order("4500000001")}).encode(), "201 Created")
OAUTH: dict[str, Any] = dict(auth="oauth", client_id=Secret("sb-st!b1"), client_secret=Secret("secret"))


def lines(wire: Wire) -> list[str]:
    return [each.split(b"\r\n")[0].decode() for each in wire.requests]


def header(request: bytes, name: str) -> str:
    found = re.search(rb"(?im)^%s: (.*?)\r$" % name.encode(), request)
    return found.group(1).decode() if found else ""


def orders(client: S4hana) -> list[str]:
    return [row["id"] for row in client.rows(ENTITIES["purchase_orders"], "", operation="list orders")]


def create(client: S4hana) -> Any:
    return client.post(
        ORDERS, "A_PurchaseOrder", operation="create", document="AR1", body={"Supplier": "1"}, names="PurchaseOrder"
    )


# Pages


@pytest.mark.parametrize("link", [NEXT, "A_PurchaseOrder?%24skiptoken=1000&$skiptoken=2000", None])
def test_the_link_is_followed_as_it_stands(link: str | None) -> None:
    answers = [page(order("1"), count=2, goes_on="x"), page(order("0000000002"), count=2)]
    with serving(lambda connection, _: connection.sendall(answers.pop(0))) as wire, client_of(wire.url) as client:
        answers[0] = page(order("1"), count=2, goes_on=link or f"{wire.url}{NEXT}")
        assert orders(client) == ["1", "2"]
        assert "&$inlinecount=allpages" in lines(wire)[0]
        assert "$orderby=PurchaseOrder" in lines(wire)[0]
        assert "$top" not in lines(wire)[0]
        assert lines(wire)[1] == f"GET {NEXT} HTTP/1.1"


def test_a_link_to_somewhere_else_gets_no_password() -> None:
    with serving(replies(page())) as other, serving(replies(page(order("1"), goes_on=f"{other.url}{NEXT}"))) as wire:
        with client_of(wire.url) as client, pytest.raises(ConfigurationError, match="a link leads to"):
            orders(client)
        assert other.requests == []


def test_a_link_that_leads_in_a_circle_ends() -> None:
    with serving(replies(page(order("1"), goes_on=NEXT))) as wire, client_of(wire.url) as client:
        with pytest.raises(Unproven, match="leads back"):
            orders(client)
        assert len(wire.requests) == 2


def test_fewer_than_were_announced_are_no_list(tmp_path: Path) -> None:
    short, whole = page(order("1"), count=2), page(order("1"), order("2"))
    with serving(replies(short)) as wire, client_of(wire.url) as client, pytest.raises(Unproven, match="1 of 2"):
        orders(client)
    with serving(replies(short, whole)) as wire, client_of(wire.url) as client:
        walk = client.walk("purchase_orders", tmp_path)
        assert [len(json.loads(file.read_text())["value"]) for file in walk.files] == [2]
    with serving(replies(short)) as wire, client_of(wire.url) as client:
        with pytest.raises(Unproven):
            client.walk("purchase_orders", tmp_path)
        assert len(wire.requests) == 3


def test_the_client_of_the_system_is_named(tmp_path: Path) -> None:
    with serving(replies(page(order("1")))) as wire, client_of(wire.url, sap_client="100") as client:
        client.walk("purchase_orders", tmp_path)
        assert "&sap-client=100 " in lines(wire)[0]


# Windows


SINCE, BEFORE = datetime(2026, 10, 5, 6, tzinfo=UTC), datetime(2026, 10, 6, 6, tzinfo=UTC)


def metadata(*names: str) -> bytes:
    """Of the service of invoices; another type has what an invoice has not."""
    types = {"A_SupplierInvoiceType": (*names, "PostingDate"), "A_OtherType": INVOICE_WINDOWS}
    properties = {name: "".join(f"<Property Name='{each}'/>" for each in members) for name, members in types.items()}
    texts = [f"<EntityType Name='{name}'>{found}</EntityType>" for name, found in properties.items()]
    return answer(f"<Schema xmlns='urn:x'>{''.join(texts)}</Schema>".encode(), kind="application/xml")


def asked_for(tmp_path: Path, entity: str, *before: bytes, **window: Any) -> list[str]:
    with serving(replies(*before, page())) as wire, client_of(wire.url) as client:
        client.walk(entity, tmp_path, **window)
        found = [re.search(r"\$filter=([^& ]*)", line) for line in lines(wire)[len(before) :]]
        return [each.group(1).replace("%20", " ") if each else "" for each in found]


def test_each_list_is_asked_for_by_what_it_has(tmp_path: Path) -> None:
    both = {"since": SINCE, "before": BEFORE}
    stamp = "LastChangeDateTime {} datetimeoffset'2026-10-0{}T06:00:00.000Z'"
    window = f"(CompanyCode eq '1710') and ({stamp.format('ge', 5)} and {stamp.format('lt', 6)})"
    assert asked_for(tmp_path, "purchase_orders", **both) == [window]
    assert asked_for(tmp_path, "purchase_requisition_items", **both) == [window]
    days = [
        f"({name} ge datetime'2026-10-04T00:00:00' and {name} le datetime'2026-10-07T00:00:00')"
        for name in ("LastChangeDate", "CreationDate")
    ]
    assert asked_for(tmp_path, "suppliers", **both) == [f"(Supplier ne '') and ({' or '.join(days)})"]
    assert asked_for(tmp_path, "suppliers", before=BEFORE) == ["(Supplier ne '')"]
    assert asked_for(tmp_path, "cost_centers") == ["ControllingArea eq 'A000'"]


def test_invoices_are_asked_for_by_what_their_release_has(tmp_path: Path) -> None:
    both = {"since": SINCE, "before": BEFORE}
    stamp = "SuplrInvcLstChgDteTmeTxt ge '20261005060000' and SuplrInvcLstChgDteTmeTxt lt '20261006060000'"
    days = "{0} ge datetime'{1}T00:00:00' and {0} le datetime'2026-10-07T00:00:00'"
    for names, window in (
        (("CreationDate", "SuplrInvcLstChgDteTmeTxt"), stamp),
        (("CreationDate",), days.format("CreationDate", "2026-09-27")),
        ((), days.format("PostingDate", "2026-08-03")),
    ):
        found = asked_for(tmp_path, "supplier_invoices", metadata(*names), **both)
        assert found == [f"(CompanyCode eq '1710') and ({window})"]


def test_single_records_are_asked_for_by_their_keys(tmp_path: Path) -> None:
    invoices = ["5105600001/2026", "5105600002/2026", "5105600001/2025"]
    assert asked_for(tmp_path, "supplier_invoices", ids=invoices) == [
        "(SupplierInvoice eq '5105600001') and (FiscalYear eq '2025')",
        "(SupplierInvoice eq '5105600001' or SupplierInvoice eq '5105600002') and (FiscalYear eq '2026')",
    ]
    assert asked_for(tmp_path, "suppliers", ids=["17300001"]) == ["(Supplier eq '17300001')"]
    items = ["10000001/10", "10000001/20"]
    assert asked_for(tmp_path, "purchase_requisition_items", ids=items) == ["(PurchaseRequisition eq '10000001')"]


def test_rows_get_an_id_and_the_time_of_their_change(tmp_path: Path) -> None:
    rows = [
        {"SupplierInvoice": "5105600001", "FiscalYear": "2026", "SuplrInvcLstChgDteTmeTxt": "20261001093000.1234567"},
        {"SupplierInvoice": "5105600002", "FiscalYear": "2026", "SuplrInvcLstChgDteTmeTxt": ""},
    ]
    with serving(replies(page(*rows))) as wire, client_of(wire.url) as client:
        (file,) = client.walk("supplier_invoices", tmp_path, ids=["5105600001/2026"]).files
    found = [(row["id"], row.get("modifiedOn")) for row in json.loads(file.read_text())["value"]]
    assert found == [("5105600001/2026", "2026-10-01T09:30:00Z"), ("5105600002/2026", None)]


# Log in


def test_a_token_is_asked_for_by_header_and_shared(tmp_path: Path) -> None:
    """Its life may come as text; whoever is in front may answer with a page until it is renewed."""
    lasting = [answer(json.dumps({"access_token": f"t{n}", "expires_in": "3600"}).encode()) for n in (1, 2)]
    logon = answer(b"<html>Logon</html>", "401 Unauthorized", "text/html")
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.db'}")
    kept_logins.create(engine)
    cache = DatabaseCache(engine, MultiFernet([Fernet(Fernet.generate_key())]))
    script = replies(lasting[0], page(order("1")), page(order("1")), logon, lasting[1], page(order("1")))
    with serving(script) as wire:
        for _ in range(3):
            with client_of(wire.url, cache, **OAUTH) as client:
                assert orders(client) == ["1"]
        assert header(wire.requests[0], "authorization") == "Basic c2Itc3QhYjE6c2VjcmV0"
        assert wire.requests[0].endswith(b"\r\n\r\ngrant_type=client_credentials")
        used = [header(each, "authorization") for each in wire.requests if b"A_PurchaseOrder" in each]
        assert used == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]
    engine.dispose()


def test_a_wrong_password_is_said_and_not_repeated() -> None:
    logon = answer(b"<html>Logon</html>", "401 Unauthorized", "text/html")
    with serving(replies(logon)) as wire, client_of(wire.url) as client:
        with pytest.raises(ConfigurationError, match=r"erp\.user and erp\.password") as caught:
            client.reach(INVOICES)
        assert "a-long-password" not in str(caught.value)
        assert len(wire.requests) == 1


# Writes


def test_a_write_has_a_token_and_the_cookies_of_its_session() -> None:
    answers = (token("t1", "SAP_SESSIONID_S4H_100=abc%3d", "sap-usercontext=sap-client=100"), CREATED)
    with serving(replies(*answers, CREATED)) as wire, client_of(wire.url) as client:
        assert create(client)["PurchaseOrder"] == "4500000001"
        create(client)
        assert [line.split()[:2] for line in lines(wire)] == [
            ["GET", f"{ORDERS_PATH}/"], ["POST", f"{ORDERS_PATH}/A_PurchaseOrder"],
            ["POST", f"{ORDERS_PATH}/A_PurchaseOrder"],
        ]  # fmt: skip
        assert header(wire.requests[0], "x-csrf-token") == "Fetch"
        for request in wire.requests[1:]:
            assert header(request, "x-csrf-token") == "t1"
            assert header(request, "cookie") == "SAP_SESSIONID_S4H_100=abc%3d; sap-usercontext=sap-client=100"


def test_a_session_that_reads_have_begun_is_the_one_of_the_token() -> None:
    begun = page().replace(b"\r\n\r\n", b"\r\nset-cookie: SAP_SESSIONID=abc; path=/\r\n\r\n", 1)
    with serving(replies(begun, token("t1"), CREATED)) as wire, client_of(wire.url) as client:
        orders(client)
        create(client)
        assert header(wire.requests[2], "cookie") == "SAP_SESSIONID=abc"


def test_a_token_that_is_no_longer_good_is_fetched_again_once() -> None:
    script = replies(token("t1", "s=1"), CREATED, REQUIRED, token("t2", "s=2"), CREATED)
    with serving(script) as wire, client_of(wire.url) as client:
        create(client)
        assert create(client)["PurchaseOrder"] == "4500000001"
        assert [header(wire.requests[n], "x-csrf-token") for n in (2, 4)] == ["t1", "t2"]
        assert header(wire.requests[4], "cookie") == "s=2"
    with serving(replies(token(), REQUIRED, token(), REQUIRED)) as wire, client_of(wire.url) as client:
        with pytest.raises(ConfigurationError, match="remove cookies"):
            create(client)
        assert len(wire.requests) == 4


def test_a_missing_authority_is_not_tried_again() -> None:
    forbidden = answer(refusal("You are not authorized"), "403 Forbidden")
    with serving(replies(token(), forbidden)) as wire, client_of(wire.url) as client:
        with pytest.raises(ConfigurationError, match="SAP_COM_0053"):
            create(client)
        assert len(wire.requests) == 2
    with serving(replies(forbidden)) as wire, client_of(wire.url) as client:  # not even the service is there
        with pytest.raises(ConfigurationError, match="SAP_COM_0053"):
            create(client)
        assert len(wire.requests) == 1


def test_without_a_token_nothing_was_sent() -> None:
    busy = answer(b"<html>", "503 Busy", "text/html")
    with serving(replies(busy)) as wire, client_of(wire.url, clock=BriefClock()) as client:
        with pytest.raises(Unavailable):
            create(client)
        assert not any(line.startswith("POST") for line in lines(wire))


@pytest.mark.parametrize(
    "reply",
    [
        answer(b'{"d": {}}', "201 Created"),
        answer(b"<html>", "504 Late", "text/html"),
        answer(refusal("Dump"), "500 Error"),
        answer(b"", "202 Accepted"),
    ],
)
def test_what_is_not_said_is_in_doubt(reply: bytes) -> None:
    with serving(replies(token(), reply)) as wire, client_of(wire.url) as client:
        with pytest.raises(InDoubt):
            create(client)
        assert len(wire.requests) == 2


def test_one_deadline_covers_handshake_and_write() -> None:
    class Late(SystemClock):
        def boot_seconds(self) -> float:
            return super().boot_seconds() + 60 * len(wire.requests)

    with serving(replies(token(), CREATED)) as wire, client_of(wire.url, clock=Late()) as client:
        with pytest.raises(Unavailable):
            create(client)
        assert len(wire.requests) == 1


def test_remarks_on_a_success_are_logged_by_their_code(caplog: pytest.LogCaptureFixture) -> None:
    remark = json.dumps({"code": "ME/664", "message": "Mary's delivery is late", "severity": "warning"})
    created = CREATED.replace(b"\r\n\r\n", f"\r\nsap-message: {remark}\r\n\r\n".encode(), 1)
    with serving(replies(token(), created)) as wire, client_of(wire.url) as client:
        create(client)
    assert "AR1: sap_s4hana remarks ME/664" in caplog.text
    assert "Mary" not in caplog.text


def test_two_spellings_are_one_place() -> None:
    with client_of("https://S4.example.com:443/") as one, client_of("https://s4.example.com") as other:
        assert one.place == other.place
        assert one.timing.settle_after == timedelta(seconds=20)
