from __future__ import annotations

import http.server
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Unavailable
from st_erp_pipelines.resources.sap_business_one import BusinessOne
from st_erp_pipelines.resources.sap_business_one.client import Row
from st_erp_pipelines.sandbox.faults import Faults
from tests.resources.sap_business_one.conftest import Person, client_of, new_key
from tests.resources.wire import answer, replies, serving


def accounts(client: BusinessOne) -> list[Row]:
    return client.rows("ChartOfAccounts", key="Code", operation="list accounts", select=("Code",))


def test_pages_follow_each_other_by_key(url: str, faults: Faults) -> None:
    with client_of(url) as client:
        client.page_size = 2
        before = len(faults.log)
        assert len({row["Code"] for row in accounts(client)}) == 5
        asked = [entry for entry in faults.log[before:] if "/ChartOfAccounts" in entry["path"]]
        assert len(asked) == 3


def test_the_server_s_twenty_rows_are_no_whole_list(url: str, person: Person) -> None:
    keys = [new_key() for _ in range(25)]
    for key in keys:
        person.bills(NumAtCard=key)
    with client_of(url) as client:
        client.page_size = 1_000
        found = client.carrying("Invoices", "NumAtCard", keys, operation="look", select=("DocEntry", "NumAtCard"))
        assert sorted(row["NumAtCard"] for row in found) == sorted(keys)


def test_links_that_lose_the_filter_do_no_harm(url: str, person: Person) -> None:
    keys = [new_key() for _ in range(5)]
    for key in keys:
        person.bills(NumAtCard=key)
        person.bills(NumAtCard=new_key())
    person.does("set", next_link_loses_filter=True)
    with client_of(url) as client:
        client.page_size = 2
        found = client.carrying("Invoices", "NumAtCard", keys, operation="look", select=("DocEntry", "NumAtCard"))
    person.does("set", next_link_loses_filter=False)
    assert [row["NumAtCard"] for row in found] == keys


def page(*entries: int, goes_on: bool = False) -> bytes:
    link = {"@odata.nextLink": "Invoices?$skip=2"} if goes_on else {}
    return answer(json.dumps({"value": [{"DocEntry": entry} for entry in entries]} | link).encode())


LOGIN = answer(json.dumps({"SessionId": "s", "SessionTimeout": 30}).encode())


def test_a_page_that_comes_again_is_no_list() -> None:
    overlap = pytest.raises(Unavailable, match="pages overlap")
    with serving(replies(LOGIN, page(1, 2, goes_on=True))) as wire, client_of(wire.url) as client, overlap:
        client.rows("Invoices", operation="list")


def test_a_full_page_without_a_link_is_followed() -> None:
    with serving(replies(LOGIN, page(1, 2), page())) as wire, client_of(wire.url) as client:
        client.page_size = 2
        assert len(client.rows("Invoices", operation="list")) == 2
        assert b"Prefer: odata.maxpagesize=2" in wire.requests[1]
        assert b"DocEntry%20gt%202" in wire.requests[2]


def test_a_reply_that_names_nothing_is_in_doubt() -> None:
    created = answer(b"{}", "201 Created")
    with serving(replies(LOGIN, created)) as wire, client_of(wire.url) as client, pytest.raises(InDoubt):
        client.post("Invoices", operation="post", document="ST-1", body={}, names="DocEntry")


def test_the_cookies_are_sent_as_they_came_and_never_repeated_in_an_error() -> None:
    session = "a-session-of-somebody"
    cookies = f"Set-Cookie: B1SESSION={session};HttpOnly;\r\nSet-Cookie: ROUTEID=.node3; path=/elsewhere\r\n"
    login = answer(json.dumps({"SessionId": session, "SessionTimeout": 30}).encode(), more=cookies)
    echo = json.dumps({"error": {"code": "-1", "message": f"no {session}"}}).encode()
    with serving(replies(login, answer(echo, "400 Bad Request"))) as wire, client_of(wire.url) as client:
        with pytest.raises(Exception, match=r"no \*\*\*"):
            client.rows("Invoices", operation="list")
        assert f"Cookie: B1SESSION={session}; ROUTEID=.node3\r\n".encode() in wire.requests[1]


def test_both_versions_and_spellings_are_one_place(url: str, client: BusinessOne) -> None:
    with client_of(url, api_url=f"{url.upper()}/b1s/v1/", company="sbo_northwind") as other:
        assert other.place == client.place


def test_the_older_version_is_understood(url: str) -> None:
    with client_of(url, api_url=f"{url}/b1s/v1") as client:
        client.page_size = 2
        assert len(accounts(client)) == 5
        with pytest.raises(Exception, match="-2028"):
            client.row("Invoices(99999)", operation="look")


class Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self._say({"SessionId": "s", "SessionTimeout": 30})

    def do_GET(self) -> None:
        self._say({"value": []})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _say(self, what: Row) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def over_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that it signed itself, as they come with Business One."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "b1")])
    now, names = datetime.now(UTC), x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = made.add_extension(names, False).sign(key, hashes.SHA256())
    file, secret = folder / "b1.pem", folder / "b1.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}", file
        finally:
            server.shutdown()
            thread.join()


def test_a_certificate_is_trusted_by_its_file_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with over_tls(tmp_path) as (url, file):
        with client_of(url, ca_file=file) as client:
            assert client.rows("Invoices", operation="list") == []
        assert not caplog.records
        with client_of(url) as client, pytest.raises(ConfigurationError, match=r"erp\.ca_file"):
            client.sign_in()
        with caplog.at_level(logging.WARNING), client_of(url, verify=False) as client:
            assert client.rows("Invoices", operation="list") == []
    assert "is NOT verified" in caplog.text


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "b1.pem"
    if content:
        file.write_text(content)
    with (
        pytest.raises(ConfigurationError, match=r"b1\.pem cannot be used"),
        client_of("https://b1:50000", ca_file=file),
    ):
        pass
