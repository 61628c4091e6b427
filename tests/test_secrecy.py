"""No secret, token or document body in a log, in Dagster's storage, or in a text of the outbox.

A whole sync runs against servers that repeat in their answers what they were sent: page, refusal, 401. Everything
that was written down on the way is searched, and once more after the same with a leak made in each place: a search
that finds nothing there would prove nothing.
"""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import dagster as dg
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from st_erp_pipelines import settings
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.errors import StErpError
from st_erp_pipelines.outbox.schema import attempts, documents, events
from st_erp_pipelines.resources import http, tokens
from st_erp_pipelines.resources.business_central import replies
from st_erp_pipelines.sandbox import credentials
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.serve import demo_business_central, demo_servicetitan, running
from st_erp_pipelines.schedules.sync import range_tags
from tests.world import Site, contractor, plain_invoices, with_only, write_site, yesterday

pytestmark = pytest.mark.slow(20)
SPEED = 150.0
WORD = "zebrafish"  # stands in the texts of every document; a customer's name does not count, people know him by it
SECRETS = {
    credentials.SERVICETITAN_APP_KEY,
    credentials.SERVICETITAN_CLIENT_SECRET,
    credentials.BUSINESS_CENTRAL_CLIENT_SECRET,
}
QUERIES = {"modifiedOnOrAfter=", "$filter=", "%24filter="}
TEXTS = {
    "documents.sentence": documents.c.sentence,
    "documents.cause": documents.c.cause,
    "attempts.text": attempts.c.text,
    "events.text": events.c.text,
}
PLACES = ("log of the package", "log of httpx", "log of dagster", "event log", "run", "errors", *TEXTS)


# Servers that repeat what they were sent


def page(status: int, sent: str) -> Response:
    return HTMLResponse(f"<!DOCTYPE html><html><body><pre>{sent}</pre></body></html>", status)


def refusal(status: int, sent: str) -> Response:
    """In the shapes of both systems at once."""
    said = f"Cannot take this: {sent}"
    return JSONResponse({"error": {"code": "Application_DialogException", "message": said}, "title": said}, status)


def street_in(sent: str) -> str:
    (street,) = re.findall(r'"addressLine1": "([^"]+)"', sent)
    return str(street)


@dataclass
class Repeating:
    """`answers`: method, part of the path, and what the first request of that kind gets."""

    app: ASGIApp
    answers: list[tuple[str, str, Callable[[str], Response]]]
    tokens: set[str] = field(default_factory=set)
    bodies: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        self._note(request, body)
        for answer in self.answers:
            method, path, reply = answer
            if method == request.method and path in request.url.path:
                self.answers.remove(answer)
                heads = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
                await reply(f"{request.url}\n{heads}\n\n{body.decode()}")(scope, receive, send)
                return
        await self.app(scope, replayed(body), send)

    def _note(self, request: Request, body: bytes) -> None:
        if (token := request.headers.get("authorization", "").removeprefix("Bearer ")) != "":
            self.tokens.add(token)
        if body and "token" not in request.url.path:
            self.bodies.add(body.decode())


def replayed(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def of_servicetitan() -> list[tuple[str, str, Callable[[str], Response]]]:
    return [
        ("POST", "/connect/token", lambda sent: page(500, sent)),
        ("GET", "/invoices", lambda sent: page(500, sent)),
        ("GET", "/payments", lambda sent: refusal(401, sent)),
    ]


def of_business_central() -> list[tuple[str, str, Callable[[str], Response]]]:
    return [
        ("POST", "/token", lambda sent: page(503, sent)),
        ("GET", "/accounts", lambda sent: page(500, sent)),
        ("GET", "/dimensions", lambda sent: refusal(401, sent)),
        ("POST", "/customers", lambda sent: refusal(400, f"{street_in(sent)} is too long in {sent}")),
        ("POST", "/salesInvoices", lambda sent: refusal(400, sent)),
        ("POST", "/salesInvoices", lambda sent: page(500, sent)),
        ("POST", "/salesInvoices", lambda sent: refusal(401, sent)),  # which is sent again in the next run
        ("POST", "/Microsoft.NAV.post", lambda sent: refusal(400, sent)),
        ("GET", "/generalLedgerEntries", lambda sent: refusal(400, sent)),
    ]


# What is written down


@dataclass
class Written:
    """By place. `forbidden`: what may stand in none of them."""

    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    forbidden: set[str] = field(default_factory=set)

    def leaks(self, place: str) -> set[str]:
        text = "\n".join(self.texts[place]).replace('\\"', '"')
        return {each for each in self.forbidden if each in text}


class Listening(logging.Handler):
    """To every logger but those of the sandbox's own servers."""

    def __init__(self, written: Written) -> None:
        super().__init__(logging.DEBUG)
        self._written = written

    def emit(self, record: logging.LogRecord) -> None:
        top = record.name.partition(".")[0]
        place = "httpx" if top in ("httpx", "httpcore") else top if top == "dagster" else "the package"
        if top not in ("uvicorn", "asyncio"):
            self._written.texts[f"log of {place}"].append(f"{record.name} {logging.Formatter().format(record)}")


@contextmanager
def listening(written: Written) -> Iterator[None]:
    """At the finest level, as a site may set it that looks for a fault."""
    handler, loggers = Listening(written), [logging.getLogger(), logging.getLogger("dagster")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextmanager
def told_to_the_terminal(written: Written) -> Iterator[None]:
    """Where Dagster's loggers go that no logger's name reaches."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(said):
        yield
    written.texts["log of dagster"].append(said.getvalue())


def run(site: Site, job: str, written: Written, tags: dict[str, str]) -> None:
    """As a tick does it, in an instance whose storage is read afterwards."""
    definitions = build_definitions(settings.load(site.folder / "connections.yaml"))
    resolved = definitions.resolve_job_def(f"{CONNECTION}_{job}")
    tags = range_tags(site.connection.start_date, yesterday()) | tags
    with site.environment(), dg.DagsterInstance.ephemeral() as instance:
        ran = resolved.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        written.texts["event log"] += [dg.serialize_value(entry) for entry in instance.all_logs(ran.run_id)]
        written.texts["run"] += [dg.serialize_value(run) for run in instance.get_runs()]


def read_outbox(site: Site, written: Written) -> None:
    engine = site.outbox().engine
    with engine.connect() as con:
        for place, column in TEXTS.items():
            written.texts[place] += [text for text in con.scalars(sa.select(column)) if text]
    engine.dispose()


def errors(site: Site, servers: list[Repeating]) -> list[str]:
    """What a client of ours says of a refusal that ended no step."""
    said = []
    servers[0].answers.append(("GET", "/tax-zones", lambda sent: refusal(400, sent)))
    servers[1].answers.append(("GET", "/taxGroups", lambda sent: refusal(403, sent)))
    with site.pipeline() as pipeline:
        for client, entity in ((pipeline.servicetitan, "tax_zones"), (pipeline.erp, "tax_groups")):
            with pytest.raises(StErpError) as error:
                client.walk(entity, site.folder)
            said.append(f"{error.value} {vars(error.value)}")
    return said


def telling(whole: Contractor) -> Contractor:
    """Few documents, each with the word in its texts."""
    small = with_only(whole, plain_invoices(whole)[:8])
    for row in small.servicetitan["customers"]:
        row["address"]["street"] = f"{row['id']} {WORD} Road"
    for row in small.servicetitan["invoices"]:
        row["summary"] = f"About the {WORD}"
        for item in row["items"]:
            item["description"] = f"Valve of the {WORD} tank"
    return small


@dataclass
class World:
    site: Site
    servers: list[Repeating]

    def written_by(self, job: str, tags: dict[str, str] | None = None) -> Written:
        """All of it, while that job runs and then two calls are refused."""
        written = Written()
        brief = mock.patch.object(SystemClock, "sleep", lambda _, seconds: time.sleep(seconds / 10))
        with brief, listening(written), told_to_the_terminal(written):
            run(self.site, job, written, tags or {})
            assert [answer for server in self.servers for answer in server.answers] == [], "each was met"
            written.texts["errors"] += errors(self.site, self.servers)
        read_outbox(self.site, written)
        sent = {name for server in self.servers for body in server.bodies for name in members(body)}
        sent |= {token for server in self.servers for token in server.tokens}
        written.forbidden = SECRETS | QUERIES | {WORD} | sent
        return written


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    small = telling(contractor())
    servers = [
        Repeating(demo_servicetitan(small, SPEED), of_servicetitan()),
        Repeating(demo_business_central(small, SPEED), of_business_central()),
    ]
    with ExitStack() as stack:
        urls = [stack.enter_context(running(server)) for server in servers]
        yield World(write_site(tmp_path_factory.mktemp("site"), small, *urls, speed=SPEED), servers)


def members(body: str) -> set[str]:
    """As a body begins each of them; only names like `unitPrice`, which nobody else uses."""
    return set(re.findall(r'"[a-z]+[A-Z]\w+": ', body))


@pytest.fixture(scope="module")
def clean(world: World) -> Written:
    return world.written_by("sync")


@pytest.fixture(scope="module")
def leaky(world: World, clean: Written) -> Written:
    """What was refused for now is sent again, with a leak made in each place."""
    send, ask = http.Api._send_once, tokens.ClientCredentials._request_token

    def sent_and_told(api: Any, request: Any, *rest: Any) -> Any:
        logging.getLogger(http.__name__).info("sending %s", request.content)
        return send(api, request, *rest)

    def asked_and_told(auth: Any) -> Any:
        token = ask(auth)
        dg.get_dagster_logger().info(f"a new token: {token.value}")
        return token

    def as_it_is(text: str, response: Any) -> str:
        return text

    world.servers[1].answers.append(("POST", "/salesInvoices", lambda sent: refusal(400, sent)))
    httpx_log = logging.getLogger("httpx")
    with (
        mock.patch.object(httpx_log, "level", logging.INFO),
        mock.patch.object(http, "discreet", as_it_is),
        mock.patch.object(replies, "discreet", as_it_is),
        mock.patch.object(http.Api, "_send_once", sent_and_told),
        mock.patch.object(tokens.ClientCredentials, "_request_token", asked_and_told),
    ):
        return world.written_by("post", {"note": credentials.BUSINESS_CENTRAL_CLIENT_SECRET})


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_is_written_down_tells(clean: Written, place: str) -> None:
    assert place == "log of httpx" or clean.texts[place], "nothing was looked at"
    assert clean.leaks(place) == set()


@pytest.mark.parametrize("place", PLACES)
def test_a_leak_is_seen_where_it_is(leaky: Written, place: str) -> None:
    assert leaky.leaks(place)


def test_dagsters_log_names_no_customer(world: World, clean: Written) -> None:
    """While the outbox says of one that his invoice waits for him."""
    customers = {json.dumps(row["name"])[1:-1] for row in world.site.contractor.servicetitan["customers"]}
    named = {place: {name for name in customers if name in "\n".join(clean.texts[place])} for place in PLACES}
    assert named["documents.sentence"]
    assert named["event log"] | named["run"] == set()
