from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.http import Api, Pace, parsed, retry_after
from st_erp_pipelines.resources.pacing import LocalPace
from tests.resources.wire import AnyPace, BriefClock, Script, Wire, answer, api_for, drip, replies, serving

SECOND = timedelta(seconds=1)
HTML = answer(b"<html>gateway</html>", kind="text/html")


@contextmanager
def talking(script: Script, clock: SystemClock | None = None, pace: Pace | None = None) -> Iterator[tuple[Api, Wire]]:
    with serving(script) as wire, closing(api_for(wire.url, clock=clock, pace=pace)) as api:
        yield api, wire


def post(api: Api, deadline: timedelta = 5 * SECOND) -> httpx.Response:
    return api.write("POST", "/orders", operation="enter", document="D1", deadline=deadline, json={"a": 1})


def reset(connection: socket.socket, _request: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# Reads


@pytest.mark.parametrize(
    "first",
    [
        answer(status="500 Oops"),
        answer(status="502 Bad Gateway", kind="text/html"),
        answer(status="503 Busy"),
        answer(status="429 Slow", more="retry-after: 0.01\r\n"),
        answer(b'{"cut": ', kind="application/json"),
        HTML,
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\nconnection: close\r\n\r\n{",
    ],
)
def test_a_read_is_repeated_until_it_answers(first: bytes) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        begun.append(request)
        connection.sendall(first if len(begun) == 1 else answer(b'{"n": 0.10}'))
        if first.endswith(b"\r\n\r\n{") and len(begun) == 1:
            connection.close()

    begun: list[bytes] = []
    with talking(script) as (api, wire):
        response = api.read("GET", "/things", operation="read things")
        assert parsed(response) == {"n": Decimal("0.10")}
        assert len(wire.requests) == 2


def test_a_read_gives_up_after_six_attempts_and_says_where() -> None:
    clock = BriefClock()
    with talking(replies(answer(b"down", status="503 Busy", kind="text/plain")), clock) as (api, wire):
        with pytest.raises(Unavailable, match=r"somewhere read things: down \(HTTP 503\)"):
            api.read("GET", "/things", operation="read things")
        assert len(wire.requests) == 6
    assert [round(seconds) for seconds in clock.slept] == pytest.approx([1, 2, 3, 6, 12], abs=4)
    assert clock.slept == sorted(clock.slept)


def test_a_read_waits_as_long_as_it_is_told() -> None:
    clock = BriefClock()
    with talking(replies(answer(status="503 Busy", more="retry-after: 7\r\n"), answer()), clock) as (api, _):
        api.read("GET", "/things", operation="read things")
    assert 7 <= clock.slept[0] <= 7.5


def test_a_read_does_not_wait_longer_than_its_budget() -> None:
    clock = BriefClock()
    with talking(replies(answer(status="503 Busy", more="retry-after: 3600\r\n")), clock) as (api, wire):
        with pytest.raises(Unavailable) as caught:
            api.read("GET", "/things", operation="read things")
        assert len(wire.requests) == 1
    assert caught.value.wait_seconds == 3600
    assert not clock.slept


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad", Rejected),
        ("404 None", Rejected),
        ("401 Who", ConfigurationError),
        ("403 No", ConfigurationError),
    ],
)
def test_a_refused_read_is_not_repeated(status: str, error: type[StErpError]) -> None:
    with talking(replies(answer(status=status))) as (api, wire):
        with pytest.raises(error):
            api.read("GET", "/things", operation="read things")
        assert len(wire.requests) == 1


def test_a_page_goes_to_its_file_even_when_the_first_try_is_cut_off(tmp_path: Path) -> None:
    def script(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(next(sent))
        connection.close()

    sent = iter((answer(b"x" * 500_000)[:300_000], answer(b"y" * 400_000)))
    with talking(script) as (api, _):
        response = api.stream_to_file("/things", tmp_path / "page.json", operation="read things")
    assert response.status_code == 200
    assert (tmp_path / "page.json").read_bytes() == b"y" * 400_000


def test_a_web_page_is_not_a_page(tmp_path: Path) -> None:
    with talking(replies(HTML)) as (api, _), pytest.raises(Unavailable, match="web page"):
        api.stream_to_file("/things", tmp_path / "page.json", operation="read things")


def test_a_dripping_page_ends_with_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("st_erp_pipelines.resources.http.READ_BUDGET", 0.4)
    with talking(drip(answer(b"[" + b" " * 500 + b"]"), 0.05)) as (api, _):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            api.stream_to_file("/things", tmp_path / "page.json", operation="read things")
        assert time.monotonic() - started < 1.5


def test_a_link_to_another_host_is_not_followed() -> None:
    with talking(replies(answer())) as (api, wire):
        with pytest.raises(ConfigurationError, match="a link leads to"):
            api.read("GET", "http://elsewhere.invalid/next", operation="read things")
        assert not wire.requests


# Writes


def test_a_write_sends_decimals_as_they_are() -> None:
    with talking(replies(answer(status="201 Created"))) as (api, wire):
        response = api.write(
            "POST", "/o", operation="enter", document="D1", deadline=SECOND, json={"total": Decimal("10.10")}
        )
    assert response.status_code == 201
    assert wire.requests[0].endswith(b'{"total": 10.10}')


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (answer(b'{"cut": '), InDoubt),
        (answer(b'{"garbled" "inside"}'), InDoubt),
        (HTML, InDoubt),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{", InDoubt),
        (b"not http at all\r\n\r\n", InDoubt),
        (answer(status="500 Oops"), InDoubt),
        (answer(status="502 Bad Gateway", kind="text/html"), InDoubt),
        (answer(status="408 Late"), InDoubt),
        (answer(status="302 Found", more="location: /elsewhere\r\n"), InDoubt),
        (answer(status="429 Slow", more="retry-after: 0\r\n"), Unavailable),
        (answer(b"closed period", status="400 Bad", kind="text/plain"), Rejected),
        (answer(status="409 Conflict"), Rejected),
        (answer(status="403 No"), ConfigurationError),
    ],
)
def test_a_write_is_judged_and_never_resent(sent: bytes, error: type[StErpError]) -> None:
    def script(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(sent)
        connection.close()

    with talking(script) as (api, wire):
        with pytest.raises(StErpError) as caught:
            post(api)
        assert type(caught.value) is error
        assert (caught.value.operation, caught.value.document) == ("enter", "D1")
        assert len(wire.requests) == 1
        assert wire.connections == 1


@pytest.mark.parametrize("end", [reset, lambda connection, _request: connection.close()])
def test_a_connection_lost_after_sending_is_in_doubt(end: Script) -> None:
    with talking(end) as (api, wire):
        with pytest.raises(InDoubt):
            post(api)
        assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"{" + b" " * 1000 + b"}"),  # drips through the headers, then the body
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b" " * 1000,
    ],
)
def test_one_deadline_ends_a_dripping_write_and_closes_the_connection(sent: bytes) -> None:
    with talking(drip(sent, 0.02)) as (api, wire):
        started = time.monotonic()
        with pytest.raises(InDoubt):
            post(api, 0.5 * SECOND)
        assert 0.4 < time.monotonic() - started < 0.9
        assert wire.hung_up.wait(2)


def test_a_silent_server_is_left_at_the_deadline() -> None:
    with talking(lambda _connection, _request: time.sleep(1)) as (api, _):
        started = time.monotonic()
        with pytest.raises(InDoubt, match="ReadTimeout"):
            post(api, 0.3 * SECOND)
        assert time.monotonic() - started < 0.6


def test_nobody_listening_is_proven_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="was not sent"):
        post(api_for(f"http://127.0.0.1:{port}"))


def test_a_failed_tls_handshake_is_proven_not_sent() -> None:
    with (
        serving(replies(b"this is no TLS\r\n\r\n"), speaks_first=True) as wire,
        pytest.raises(Unavailable, match="was not sent"),
    ):
        post(api_for(wire.url.replace("http:", "https:")))


def test_a_server_that_never_accepts_the_handshake_is_proven_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        api = api_for(f"https://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Unavailable, match="was not sent"):
            post(api, 0.3 * SECOND)


def test_a_write_does_not_outwait_a_pause_that_everybody_was_given() -> None:
    pace = LocalPace(1000, SystemClock())
    pace.push(30)
    with talking(replies(answer()), pace=pace) as (api, wire):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="not sent"):
            post(api)
        assert time.monotonic() - started < 1
        assert not wire.requests


def test_a_429_makes_everybody_wait() -> None:
    pace = AnyPace()
    body = b'{"title": "Rate limit is exceeded. Try again in 12 seconds."}'
    slow = answer(body, status="429 Slow")
    with talking(replies(slow), pace=pace) as (api, _), pytest.raises(Unavailable) as caught:
        post(api)
    assert pace.pushed == [12.0]
    assert caught.value.wait_seconds == 12.0


def test_a_write_does_not_use_a_connection_that_was_idle_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("st_erp_pipelines.resources.http.WRITE_KEEPALIVE", 0.1)
    with talking(replies(answer())) as (api, wire):
        post(api)
        post(api)
        assert wire.connections == 1
        time.sleep(0.2)
        post(api)
        assert wire.connections == 2


def test_no_query_or_body_reaches_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with talking(lambda connection, _request: connection.close()) as (api, _):
        with pytest.raises(Unavailable) as caught:
            api.read("GET", "/things", operation="read things", params={"name": "s3cret"})
        with pytest.raises(InDoubt) as doubt:
            api.write("POST", "/o?k=s3cret", operation="e", document="D", deadline=SECOND, json={"v": "s3cret"})
    assert "s3cret" not in f"{caplog.text}{caught.value}{doubt.value}{api!r}"
    assert "/things" in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "2.5"}, "", 2.5),
        (
            {"retry-after": "Tue, 24 Nov 2026 07:00:30 GMT", "date": "Tue, 24 Nov 2026 07:00:00 GMT"},
            "",
            30.0,
        ),
        ({"retry-after": "soon"}, "", None),
        ({}, '{"title": "Rate limit is exceeded. Try again in 9 seconds."}', 9.0),
        ({}, "busy", None),
    ],
)
def test_retry_after(headers: dict[str, str], body: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(429, headers=headers, text=body)) == seconds


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"'Mrs Smith, call first' is too long for field 12", "'***' is too long for field 12"),
        (b"Customer STA-1204 and account 4080 are blocked", "Customer STA-1204 and account 4080 are blocked"),
        (b"Account does not exist", "Account does not exist"),
        (b"id 3eb7a61e-96cd-44a1-be7b-e95e51852a19", "id 3eb7a61e-96cd-44a1-be7b-e95e51852a19"),
        (b'cannot read {"note": "x"} as JSON', "cannot read {...}"),
        (b'cannot read [{\\"note\\": 1}]', "cannot read [{...}"),
        (b"no such page: https://host/things?note=x now", "no such page: https://host/things now"),
    ],
)
def test_what_is_repeated_of_our_request_is_left_out(said: bytes, told: str) -> None:
    sent = {"note": "Mrs Smith, call first", "number": "STA-1204", "lines": [{"type": "Account"}]}
    sent |= {"account": "4080", "id": "3eb7a61e-96cd-44a1-be7b-e95e51852a19"}
    with talking(replies(answer(said, status="400 Bad", kind="text/plain"))) as (api, _), pytest.raises(Rejected) as no:
        api.write("POST", "/things", json=sent, operation="add", document="D1", deadline=timedelta(seconds=5))
    assert no.value.text == told
    assert told in no.value.cause
    assert str(no.value) == f"somewhere add D1: {told} (HTTP 400)"


def test_a_read_keeps_to_the_deadline_around_it() -> None:
    """Where somebody waits for the answer it gives up before its own budget is spent."""
    clock = BriefClock()
    with talking(replies(answer(status="503 Busy", more="retry-after: 7\r\n")), clock) as (api, wire):
        with deadline.within(clock, 5), pytest.raises(Unavailable):
            api.read("GET", "/things", operation="read things")
        assert len(wire.requests) == 1
