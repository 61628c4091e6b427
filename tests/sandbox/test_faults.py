"""Every fault over a real socket: what the client sees, and what was committed all the same."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_erp_pipelines.sandbox.faults import HTML_PAGE, Faults, with_faults
from st_erp_pipelines.sandbox.limits import RateLimit
from st_erp_pipelines.sandbox.serve import running


@dataclass
class Shop:
    """Keeps what was posted to /orders; refuses an empty order."""

    faults: Faults
    orders: list[Any] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5))

    def app(self) -> Starlette:
        async def create(request: Request) -> Response:
            order = await request.json()
            if not order:
                return JSONResponse({"error": "empty"}, status_code=400)
            self.orders.append(order)
            return JSONResponse(order, status_code=201)

        async def read(_: Request) -> Response:
            return JSONResponse(self.orders)

        async def own_control(_: Request) -> Response:
            return JSONResponse("ours")

        return Starlette(
            routes=[
                Route("/orders", create, methods=["POST"]),
                Route("/orders", read),
                Route("/_control/shop", own_control),
            ]
        )

    def order(self, number: int = 1, **options: Any) -> httpx.Response:
        return self.client.post("/orders", json={"order": number}, **options)

    def ask_for(self, **rule: Any) -> httpx.Response:
        return self.client.post("/_control/faults", json=rule)

    def log(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self.client.get("/_control/log").json()
        return log


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(Faults(log_path=tmp_path / "log.jsonl"))
    with running(with_faults(shop.app(), shop.faults)) as url, shop.client as client:
        client.base_url = httpx.URL(url)
        yield shop


def test_without_a_fault_every_request_is_logged_and_passed_on(shop: Shop) -> None:
    assert shop.order().status_code == 201
    assert shop.client.post("/orders?note=a", json={}).status_code == 400
    assert shop.client.get("/orders").json() == [{"order": 1}]
    log = shop.log()
    assert [entry["n"] for entry in log] == [1, 2, 3]
    assert [(e["method"], e["path"], e["status"], e["committed"], e["fault"]) for e in log] == [
        ("POST", "/orders", 201, True, None),
        ("POST", "/orders?note=a", 400, False, None),
        ("GET", "/orders", 200, None, None),
    ]


def test_the_log_continues_after_an_entry_and_is_written_to_its_file(shop: Shop) -> None:
    for number in range(3):
        shop.order(number)
    assert [e["n"] for e in shop.client.get("/_control/log?since=2").json()] == [3]
    assert shop.faults.log_path is not None
    lines = shop.faults.log_path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == shop.log()


def test_the_control_routes_are_neither_logged_nor_disturbed(shop: Shop) -> None:
    shop.ask_for(kind="drop_before", times=None)
    assert shop.client.get("/_control/shop").json() == "ours"
    health = shop.client.get("/_control/health").json()
    assert (health["ok"], health["requests"], health["speed"]) == (True, 0, 1.0)
    assert [rule["kind"] for rule in health["faults"]] == ["drop_before"]
    assert shop.log() == []


@pytest.mark.parametrize(
    "rule", [{"kind": "earthquake"}, {"kind": "html", "tims": 2}, {"kind": "html", "probability": 2}, {}]
)
def test_a_rule_that_makes_no_sense_is_refused(shop: Shop, rule: dict[str, Any]) -> None:
    assert shop.ask_for(**rule).status_code == 400
    assert shop.faults.rules == []


@pytest.mark.parametrize(
    ("kind", "status", "committed"),
    [
        ("http_429", 429, False),
        ("http_500_before", 500, False),
        ("http_500_after", 500, True),
        ("html", 200, False),
        ("html_after", 200, True),
    ],
)
def test_an_answer_that_lies_about_the_commit(shop: Shop, kind: str, status: int, committed: bool) -> None:
    shop.ask_for(kind=kind)
    reply = shop.order()
    assert reply.status_code == status
    assert (reply.text == HTML_PAGE) == kind.startswith("html")
    assert shop.orders == ([{"order": 1}] if committed else [])
    assert (shop.log()[0]["status"], shop.log()[0]["committed"]) == (status, committed)
    assert shop.order(2).status_code == 201


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", False), ("drop_after", True)])
def test_a_dropped_connection_gives_no_answer_at_all(shop: Shop, kind: str, committed: bool) -> None:
    shop.ask_for(kind=kind)
    with pytest.raises(httpx.TransportError):
        shop.order()
    assert shop.orders == ([{"order": 1}] if committed else [])
    assert (shop.log()[0]["status"], shop.log()[0]["committed"]) == (None, committed)
    assert shop.order(2).status_code == 201


def test_a_drop_after_a_refusal_committed_nothing(shop: Shop) -> None:
    shop.ask_for(kind="drop_after")
    with pytest.raises(httpx.TransportError):
        shop.client.post("/orders", json={})
    assert shop.log()[0]["committed"] is False


def test_a_late_commit_happens_after_the_client_gave_up(shop: Shop) -> None:
    shop.ask_for(kind="late_commit", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        shop.order(timeout=0.2)
    assert shop.client.get("/orders").json() == []
    wait_until(lambda: shop.orders == [{"order": 1}])
    late = next(entry for entry in shop.log() if entry["fault"] == "late_commit")
    assert (late["status"], late["committed"]) == (201, True)


def test_a_late_commit_answers_a_client_that_waits(shop: Shop) -> None:
    shop.ask_for(kind="late_commit", seconds=0.3)
    started = time.monotonic()
    assert shop.order().status_code == 201
    assert time.monotonic() - started >= 0.3


def test_a_slow_reply_comes_long_after_its_commit(shop: Shop) -> None:
    shop.ask_for(kind="slow_reply", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        shop.order(timeout=0.2)
    assert shop.client.get("/orders").json() == [{"order": 1}]
    assert [(e["status"], e["committed"]) for e in shop.log() if e["fault"] == "slow_reply"] == [(201, True)]
    shop.ask_for(kind="slow_reply", seconds=0.3)
    started = time.monotonic()
    assert shop.order(2).status_code == 201
    assert time.monotonic() - started >= 0.3


def test_latency_delays_and_changes_nothing_else(shop: Shop) -> None:
    shop.ask_for(kind="latency", seconds=0.3)
    started = time.monotonic()
    assert shop.order().status_code == 201
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("asked", "header"), [({}, "2"), ({"retry_after": False}, None)])
def test_a_429_says_when_to_come_again_or_does_not(shop: Shop, asked: Any, header: str | None) -> None:
    shop.ask_for(kind="http_429", seconds=2, **asked)
    reply = shop.order()
    assert reply.headers.get("Retry-After") == header
    assert reply.json()["message"] == "Rate limit is exceeded. Try again in 2 seconds."


def test_a_rule_meets_only_what_it_names_skips_the_first_and_wears_out(shop: Shop) -> None:
    shop.ask_for(kind="http_500_before", method="post", path_contains="orders?x", after=1, times=2)
    assert shop.client.get("/orders?x").status_code == 200
    assert shop.order().status_code == 201
    statuses = [shop.client.post("/orders?x", json={"order": 1}).status_code for _ in range(4)]
    assert statuses == [201, 500, 500, 201]


def test_rules_are_cleared(shop: Shop) -> None:
    shop.ask_for(kind="http_500_before", times=None)
    assert [shop.order().status_code for _ in range(3)] == [500, 500, 500]
    assert shop.client.delete("/_control/faults").status_code == 204
    assert shop.order().status_code == 201


def test_a_probability_meets_some_and_repeats_with_its_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed=seed)
        faults.add("html", times=None, probability=0.3)
        return [faults.meet("GET", "/") is not None for _ in range(200)]

    assert 30 < sum(hits(1)) < 90
    assert hits(1) == hits(1) != hits(2)


def test_speed_shortens_the_servers_times() -> None:
    shop = Shop(Faults(speed=20, latency=2))
    with running(with_faults(shop.app(), shop.faults)) as url, shop.client as client:
        client.base_url = httpx.URL(url)
        shop.ask_for(kind="late_commit", seconds=4)
        started = time.monotonic()
        assert shop.order().status_code == 201
        assert 0.3 <= time.monotonic() - started < 2
        shop.ask_for(kind="http_429", seconds=10)
        assert shop.order().headers["Retry-After"] == "0.5"


def test_the_rate_limit_is_a_sliding_window_for_each_key() -> None:
    now = [0.0]
    limit = RateLimit(2, 10, now=lambda: now[0])
    assert [limit.try_take("a"), limit.try_take("a"), limit.try_take("b")] == [None, None, None]
    now[0] = 4.5
    assert limit.try_take("a") == 6
    now[0] = 10.0
    assert limit.try_take("a") is None


def test_the_rate_limit_follows_the_speed() -> None:
    limit = RateLimit(1, 10, 20, now=lambda: 0.0)
    assert limit.try_take("a") is None
    assert limit.try_take("a") == pytest.approx(0.5)


def wait_until(done: Any, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)
