from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import ConfigurationError, Rejected, StErpError, Unavailable
from st_erp_pipelines.outbox.migrate import bring_up_to_date
from st_erp_pipelines.resources.servicetitan import ServiceTitan, Unsettled, connect, read_envelope
from st_erp_pipelines.resources.servicetitan_endpoints import ENDPOINTS
from st_erp_pipelines.sandbox.contractor import generate
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan import servicetitan_app
from st_erp_pipelines.settings import Secret
from st_erp_pipelines.settings import ServiceTitan as Settings
from tests.resources.wire import AnyPace, BriefClock

SPECIFICATIONS = Path(__file__).parents[3] / "shared" / "specs" / "servicetitan"
NAMED_THERE = {"purchase_requests": "purchase_order_requests"}  # how the sandbox names what we name otherwise


@dataclass
class App:
    """Lists of `total` records for tenant 7, with one token at a time; `faults` answer first."""

    total: int = 0
    expires_in: int = 900
    secret: str = "right"
    cap: int = 5000
    gives_total: bool = True
    grows: int = 0  # that many more records after each page
    grows_until: int = 10**9
    tokens: list[str] = field(default_factory=list)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    token_headers: list[dict[str, str]] = field(default_factory=list)
    token_status: int = 200
    requests: list[Request] = field(default_factory=list)
    faults: list[Response] = field(default_factory=list)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.token_requests.append(form)
        self.token_headers.append(dict(request.headers))
        if self.token_status != 200:
            return JSONResponse({}, self.token_status)
        if form["client_secret"] != self.secret:
            return JSONResponse({"error": "invalid_client", "error_description": f"no: {form['client_secret']}"}, 400)
        self.tokens.append(f"token{len(self.tokens)}")
        return JSONResponse({"access_token": self.tokens[-1], "expires_in": self.expires_in, "token_type": "Bearer"})

    async def list(self, request: Request) -> Response:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {self.tokens[-1]}":
            return JSONResponse({"title": "Unauthorized", "status": 401, "traceId": "t-1"}, 401)
        if self.faults:
            return self.faults.pop(0)
        query = request.query_params
        size = min(int(query["pageSize"]), self.cap)
        page = int(query["page"])
        total = self.total
        self.total = min(max(total, self.grows_until), total + self.grows)
        return JSONResponse(
            {
                "page": page,
                "pageSize": size,
                "hasMore": page * size < total,
                "totalCount": total if query.get("includeTotal") == "true" and self.gives_total else None,
                "data": [{"id": n} for n in range(page * size - size, min(page * size, total))],
            }
        )

    def queries(self) -> list[dict[str, str]]:
        return [dict(request.query_params) for request in self.requests]


@contextmanager
def talking(app: App, **settings: Any) -> Iterator[ServiceTitan]:
    routes = [
        Route("/connect/token", app.token, methods=["POST"]),
        Route("/{module}/v2/tenant/7/{entity:path}", app.list),
    ]
    with running(Starlette(routes=routes)) as url, connected(url, **settings) as client:
        yield client


def connected(url: str, engine: sa.Engine | None = None, **settings: Any) -> closing[ServiceTitan]:
    given = {"api_url": url, "auth_url": url, "tenant_id": 7, "page_size": 10} | settings
    secrets = {name: Secret("right", name) for name in ("app_key", "client_id", "client_secret")}
    return closing(connect(Settings(**secrets | given), clock=BriefClock(), pace=AnyPace(), engine=engine))


def ids(files: tuple[Path, ...]) -> list[int]:
    return [record["id"] for file in files for record in json.loads(file.read_bytes())["data"]]


# Walks


@pytest.mark.parametrize("total", [0, 1, 10, 11, 95])
def test_a_walk_brings_every_record_once_in_order(tmp_path: Path, total: int) -> None:
    app = App(total)
    with talking(app) as client:
        walk = client.walk("invoices", tmp_path)
    assert ids(walk.files) == list(range(total))
    assert walk.total_count == total
    assert [file.name for file in walk.files][:2] == ["invoices-00001.json", "invoices-00002.json"][: len(walk.files)]
    assert len(app.requests) == max(1, math.ceil(total / 10))


def test_only_the_first_page_asks_for_the_total(tmp_path: Path) -> None:
    app = App(25)
    with talking(app) as client:
        client.walk("invoices", tmp_path)
    assert [query.get("includeTotal") for query in app.queries()] == ["true", None, None]


def test_a_server_that_gives_smaller_pages_than_asked_is_walked_to_its_end(tmp_path: Path) -> None:
    with talking(App(45, cap=4)) as client:
        assert ids(client.walk("invoices", tmp_path).files) == list(range(45))


def test_without_a_total_pages_are_followed_one_by_one(tmp_path: Path) -> None:
    with talking(App(35, gives_total=False)) as client:
        walk = client.walk("invoices", tmp_path)
    assert ids(walk.files) == list(range(35))
    assert walk.total_count is None


def test_a_list_that_grew_once_while_paged_is_walked_again(tmp_path: Path) -> None:
    app = App(20, grows=1, grows_until=21)
    with talking(app) as client:
        walk = client.walk("invoices", tmp_path)
    assert walk.total_count == 21
    assert ids(walk.files) == list(range(21))
    assert len(app.requests) == 2 + 3


def test_a_list_that_never_holds_still_is_given_up(tmp_path: Path) -> None:
    with talking(App(20, grows=10)) as client, pytest.raises(Unsettled, match="changed while it was read"):
        client.walk("invoices", tmp_path)


def test_a_window_is_half_open_in_utc_and_takes_all_states(tmp_path: Path) -> None:
    app = App(1)
    since = datetime(2026, 10, 1, 5, tzinfo=UTC).astimezone()
    with talking(app) as client:
        walk = client.walk("invoices", tmp_path, since=since, before=since + timedelta(days=1))
    query = app.queries()[0]
    assert query["modifiedOnOrAfter"] == "2026-10-01T05:00:00.000000Z"
    assert query["modifiedBefore"] == "2026-10-02T05:00:00.000000Z"
    assert (query["activeState"], query["sort"]) == ("All", "+Id")
    assert walk.before == since + timedelta(days=1)


def test_a_window_ends_where_the_lists_are_settled(tmp_path: Path) -> None:
    app = App(1)
    with talking(app) as client:
        now = datetime.now(UTC)
        walk = client.walk("payments", tmp_path, since=now - timedelta(hours=1), before=now + timedelta(hours=9))
        nothing = client.walk("payments", tmp_path, since=now)
    assert walk.before is not None
    assert abs(walk.before - (now - timedelta(minutes=1))) < timedelta(seconds=5)
    assert (nothing.files, nothing.total_count) == ((), 0)
    assert len(app.requests) == 1


def test_ids_go_fifty_at_a_time(tmp_path: Path) -> None:
    app = App(3)
    with talking(app) as client:
        walk = client.walk("customers", tmp_path, ids=[*range(120), 5])
    asked = sorted(query["ids"].split(",") for query in app.queries())
    assert sorted(map(len, asked)) == [20, 50, 50]
    assert {number for group in asked for number in group} == {str(n) for n in range(120)}
    assert not any("modifiedBefore" in query for query in app.queries())
    assert walk.total_count == 9
    assert len({file.name for file in walk.files}) == 3


def test_ids_are_repeated_where_the_document_says_so(tmp_path: Path) -> None:
    app = App(3)
    with talking(app) as client:
        client.walk("vendors", tmp_path, ids=range(60))
    asked = sorted((request.query_params.getlist("ids") for request in app.requests), key=len)
    assert [len(group) for group in asked] == [10, 50]
    assert {number for group in asked for number in group} == {str(n) for n in range(60)}


def test_bills_of_both_types_are_asked_for(tmp_path: Path) -> None:
    app = App(15)
    since = datetime(2026, 10, 1, tzinfo=UTC)
    with talking(app) as client:
        walk = client.walk("ap_bills", tmp_path, since=since, before=since + timedelta(days=1))
    asked = [(query["billType"], query["page"]) for query in app.queries()]
    assert sorted(asked) == [("ApBill", "1"), ("ApBill", "2"), ("Procurement", "1"), ("Procurement", "2")]
    assert all("modifiedOnOrAfter" in query for query in app.queries())
    assert walk.total_count == 30


def test_a_bill_that_both_types_give_by_its_id_is_no_contradiction(tmp_path: Path) -> None:
    app = App(3)
    with talking(app) as client:
        walk = client.walk("ap_bills", tmp_path, ids=[0, 1, 2])
    assert sorted(ids(walk.files)) == [0, 0, 1, 1, 2, 2]
    assert walk.total_count is None
    assert {query["includeTotal"] for query in app.queries()} == {"false"}


@pytest.mark.parametrize(("entity", "sent"), [("vendors", True), ("materials", True), ("invoices", False)])
def test_external_data_is_asked_for_in_the_name_of_the_application(tmp_path: Path, entity: str, sent: bool) -> None:
    app, guid = App(1), UUID("4f2a2f6e-8f3c-4b52-9a3e-0f7f3c1f6d11")
    with talking(app, application_guid=guid) as client:
        client.walk(entity, tmp_path)
    with talking(app) as client:
        client.walk(entity, tmp_path)
    asked = [query.get("externalDataApplicationGuid") for query in app.queries()]
    assert asked == [str(guid) if sent else None, None]


# Lists below records


def deposits(client: ServiceTitan, folder: Path) -> dict[int, list[int]]:
    records = [r for f in client.walk("bank_deposits", folder).files for r in json.loads(f.read_bytes())["data"]]
    return {record["id"]: [row["id"] for row in record["transactions"]] for record in records}


def test_each_deposit_comes_with_its_transactions(tmp_path: Path) -> None:
    """The sandbox of this page gives every list the same records."""
    app = App(12)
    with talking(app) as client:
        found = deposits(client, tmp_path)
    assert found == {number: list(range(12)) for number in range(12)}
    below = [request.url.path for request in app.requests if request.url.path.endswith("/transactions")]
    assert len(below) == 12 * 2
    assert f"/accounting/v2/tenant/7/bank-deposits/{11}/transactions" in below


def bodies(*pages: str) -> list[Response]:
    head = '{"page": 1, "pageSize": 10, "hasMore": false, '
    return [Response(f"{head}{page}}}", media_type="application/json") for page in pages]


@pytest.mark.parametrize("below", ['"totalCount": 2, "data": [{"id": 7}]', '"totalCount": 1, "data": null'])
def test_a_deposit_whose_transactions_do_not_fit_together_is_read_again(tmp_path: Path, below: str) -> None:
    app = App(3, faults=bodies('"totalCount": 1, "data": [{"id": 5}]', below))
    with talking(app) as client:
        assert deposits(client, tmp_path) == {number: [0, 1, 2] for number in range(3)}


def test_amounts_of_a_deposit_keep_their_digits(tmp_path: Path) -> None:
    pages = ('{"id": 5, "grossAmount": 0.10}', '{"id": 7, "total": "12345678901234567.10"}')
    app = App(faults=bodies(*(f'"totalCount": 1, "data": [{record}]' for record in pages)))
    with talking(app) as client:
        (file,) = client.walk("bank_deposits", tmp_path).files
    assert '{"id": 5, "grossAmount": 0.10, "transactions": [{"id": 7, "total": "12345678901234567.10"}]}' in (
        file.read_text("utf-8")
    )


def test_no_ids_is_nothing_to_ask(tmp_path: Path) -> None:
    app = App(3)
    with talking(app) as client:
        assert client.walk("customers", tmp_path, ids=[]).files == ()
    assert not app.requests


@pytest.mark.parametrize(
    ("entity", "path", "arguments", "sent"),
    [
        ("customers", "crm/v2/tenant/7/customers", {}, {"excludeAccountingChangesFromModifiedDateRange"}),
        ("customer_contacts", "crm/v2/tenant/7/customers/contacts", {}, {"modifiedBefore"}),
        ("customer_contacts", "crm/v2/tenant/7/customers/contacts", {"ids": [1]}, {"modifiedOnOrAfter"}),
        (
            "credit_memo_items",
            "accounting/v2/tenant/7/credit-memos/credit-memo-items",
            {"ids": [1]},
            {"creditMemoIds", "active"},
        ),
        ("tax_zones", "accounting/v2/tenant/7/tax-zones", {}, {"active"}),
        ("jobs", "jpm/v2/tenant/7/jobs", {}, {"modifiedBefore", "sort"}),
        ("categories", "pricebook/v2/tenant/7/categories", {}, {"active"}),
    ],
)
def test_what_each_list_is_asked(
    tmp_path: Path, entity: str, path: str, arguments: dict[str, Any], sent: set[str]
) -> None:
    app = App(1)
    with talking(app) as client:
        client.walk(entity, tmp_path, **arguments)
    assert app.requests[0].url.path == f"/{path}"
    assert sent <= set(app.queries()[0])
    assert app.requests[0].headers["st-app-key"] == "right"


@pytest.mark.parametrize(
    ("entity", "arguments"),
    [
        ("invoices", {"extra": {"modifiedOnAfter": "x"}}),
        ("credit_memo_items", {}),
        ("categories", {"ids": [1]}),
        ("payment_types", {"since": datetime(2026, 1, 1, tzinfo=UTC)}),
        ("invoices", {"since": datetime(2026, 1, 1), "before": datetime(2026, 1, 2)}),
    ],
)
def test_what_would_be_ignored_over_there_is_refused_here(
    tmp_path: Path, entity: str, arguments: dict[str, Any]
) -> None:
    app = App(1)
    with talking(app) as client, pytest.raises((ValueError, TypeError)):
        client.walk(entity, tmp_path, **arguments)
    assert not app.requests


@pytest.mark.skipif(not SPECIFICATIONS.exists(), reason="the public API documents are not here")
@pytest.mark.parametrize("entity", ENDPOINTS)
def test_every_parameter_is_in_the_public_document(entity: str) -> None:
    endpoint = ENDPOINTS[entity]
    module, _, resource = endpoint.path.partition("/")
    document = json.loads((SPECIFICATIONS / f"{module}-v2.json").read_text(encoding="utf-8"))
    operation = document["paths"][f"/tenant/{{tenant}}/{resource}"]["get"]
    offered = {parameter["name"] for parameter in operation["parameters"]}
    fixed = set(endpoint.always) | set(endpoint.with_window) | set(endpoint.with_ids) | set().union(*endpoint.parts)
    # The contacts have no `ids`, but their own filter; nothing else may be missing.
    assert endpoint.parameters() | fixed <= offered
    assert not endpoint.below or f"/tenant/{{tenant}}/{resource}/{{id}}/{endpoint.below}" in document["paths"]
    assert fixed <= endpoint.parameters()
    assert endpoint.scope in str(operation["security"])


def test_the_sandbox_understands_every_list_and_parameter(tmp_path: Path) -> None:
    records = generate(seed=7, today=date(2026, 11, 20), days=5, scale=0.1).servicetitan
    sandbox = servicetitan_app(
        records,
        tenant_id=7,
        client_id="right",
        client_secret="right",
        app_key="right",
        speed=1000,
        strict_query=True,
    )
    memos = [record["id"] for record in records["credit_memos"]]
    with running(sandbox) as url, connected(url, page_size=100) as client:
        for entity, endpoint in ENDPOINTS.items():
            walk = client.walk(entity, tmp_path, ids=memos if endpoint.only_by_id else None)
            assert len(set(ids(walk.files))) == walk.total_count == len(records[NAMED_THERE.get(entity, entity)])


# Tokens


def test_one_token_serves_all_threads_and_the_token_host_gets_no_app_key(tmp_path: Path) -> None:
    app = App(200)
    with talking(app) as client:
        client.walk("invoices", tmp_path)
    assert app.token_requests == [{"grant_type": "client_credentials", "client_id": "right", "client_secret": "right"}]
    assert not {"st-app-key", "authorization"} & set(app.token_headers[0])


def test_a_token_refused_in_mid_run_is_renewed_once(tmp_path: Path) -> None:
    app = App(20)
    with talking(app) as client:
        client.walk("invoices", tmp_path)
        app.tokens.append("another")
        assert client.walk("invoices", tmp_path).total_count == 20
    assert len(app.token_requests) == 2


def test_processes_share_a_token_by_their_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ST_ERP_SECRET_KEY", Fernet.generate_key().decode())
    engine = open_engine(f"sqlite:///{tmp_path}/outbox.sqlite")
    bring_up_to_date(engine)
    app = App(1)
    with talking(app, engine=engine) as client:
        url = str(client.api.client.base_url)
        client.walk("invoices", tmp_path)
        with connected(url, engine) as second:
            second.walk("invoices", tmp_path)
        assert len(app.token_requests) == 1
        with connected(url, engine, client_secret=Secret("wrong")) as other, pytest.raises(ConfigurationError):
            other.walk("invoices", tmp_path)  # what others were given does not hide that
        app.tokens.append("revoked")
        with connected(url, engine) as third, connected(url, engine) as fourth:
            third.walk("invoices", tmp_path)
            fourth.walk("invoices", tmp_path)
    assert len(app.token_requests) == 3
    engine.dispose()


def test_a_short_lived_token_is_not_renewed_before_every_call(tmp_path: Path) -> None:
    app = App(100, expires_in=5)
    with talking(app) as client:
        client.walk("invoices", tmp_path)
    assert len(app.token_requests) == 1


def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    app = App(1, expires_in=0)
    with talking(app) as client:
        client.walk("invoices", tmp_path)
        client.walk("invoices", tmp_path)
    assert len(app.token_requests) == 2


def test_wrong_credentials_name_the_setting_and_are_not_tried_again(tmp_path: Path) -> None:
    app = App(1, secret="other")
    with talking(app, client_secret=Secret("hushhush")) as client:
        for _ in range(3):
            with pytest.raises(ConfigurationError) as caught:
                client.walk("invoices", tmp_path)
    assert len(app.token_requests) == 1
    assert caught.value.code == "invalid_client"
    assert "servicetitan.client_secret" in str(caught.value)
    assert "hushhush" not in f"{caught.value}{client!r}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_host_in_trouble_is_asked_again(tmp_path: Path, status: int) -> None:
    app = App(1, token_status=status)
    with talking(app) as client, pytest.raises(Unavailable, match="no token at the moment"):
        client.walk("invoices", tmp_path)
    assert len(app.token_requests) == 6


def test_an_unset_credential_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    missing = pytest.raises(ConfigurationError, match="NO_SUCH_KEY")
    with missing, talking(App(1), app_key=Secret("${NO_SUCH_KEY}", "app_key")):
        pass


def test_a_page_that_cannot_be_read_is_read_again(tmp_path: Path) -> None:
    app = App(1, faults=[Response('{"hasMore": fal', media_type="application/json")])
    with talking(app) as client:
        assert client.walk("invoices", tmp_path).total_count == 1


def write(client: ServiceTitan) -> None:
    client.api.write(
        "GET",
        "crm/v2/tenant/7/customers?page=1&pageSize=1",
        operation="mark",
        document="1",
        deadline=timedelta(seconds=5),
    )


def test_a_write_is_not_resent_after_a_401_but_the_next_one_has_a_new_token() -> None:
    app = App(1)
    with talking(app) as client:
        write(client)
        app.tokens.append("another")
        with pytest.raises(Unavailable, match="nothing was executed"):
            write(client)
        assert len(app.requests) == 2
        write(client)


def test_a_write_refused_with_a_fresh_token_is_a_matter_of_settings() -> None:
    app = App(1)
    app.list = refuse  # type: ignore[method-assign]
    with talking(app) as client:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="tenant 7"):
                write(client)


async def refuse(request: Request) -> Response:
    return JSONResponse({"title": "Unauthorized"}, 401)


# What replies mean


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (
            JSONResponse({"title": "Bad", "traceId": "t-9", "errors": {"Ids": ["too many", "x"]}}, 400),
            Rejected,
            "servicetitan read invoices: Bad; Ids: too many x (HTTP 400, correlation t-9)",
        ),
        (JSONResponse({"title": "No"}, 403), ConfigurationError, "tn.acc.invoices:r"),
        (Response("<html>oops</html>" * 90, 404, media_type="text/html"), Rejected, "<html>oops"),
        (JSONResponse({"title": "Duplicate"}, 409), Rejected, "Duplicate"),
        (JSONResponse(["odd"], 400), Rejected, '["odd"]'),
    ],
)
def test_a_refusal_says_what_servicetitan_said(
    tmp_path: Path, reply: Response, error: type[StErpError], said: str
) -> None:
    app = App(1, faults=[reply])
    with talking(app) as client, pytest.raises(error) as caught:
        client.walk("invoices", tmp_path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 800
    assert len(app.requests) == 1


def test_maintenance_and_a_full_quota_pass_by_themselves(tmp_path: Path) -> None:
    quota = JSONResponse({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 4 seconds."}, 429)
    closed = JSONResponse({"title": "The service is suspended for maintenance"}, 409)
    app = App(1, faults=[quota, closed])
    with talking(app) as client:
        assert client.walk("invoices", tmp_path).total_count == 1
        assert client.clock.slept[0] >= 4  # type: ignore[attr-defined]


# Envelopes


@pytest.mark.parametrize(
    "text",
    [
        '{"page":1,"pageSize":2,"hasMore":true,"totalCount":7,"data":[{"hasMore":false,"a":[]}]}',
        '{ "data" : [{"a":[1],"hasMore":false,"totalCount":1}] , "totalCount":7, "hasMore" : true }\n',
        '{"hasMore":true,"data":[],"totalCount":7}',
        '{"totalCount":7,"meta":{"x":[1]},"hasMore":true,"data":[]}',
        '{"data":[{"b":"]"}],"totalCount":7,"hasMore":true,"meta":{"hasMore":false}}',
        '{"totalCount":7,"data":[{"b":"%s"}],"hasMore":true}' % ('\\",\\"hasMore\\":false]}' * 500),
    ],
)
def test_an_envelope_is_read_wherever_its_members_stand(tmp_path: Path, text: str) -> None:
    file = tmp_path / "page.json"
    file.write_text(text, encoding="utf-8")
    envelope = read_envelope(file)
    assert (envelope["hasMore"], envelope["totalCount"]) == (True, 7)


@pytest.mark.parametrize("text", ["", "[]", '{"hasMore":true,"data":[{"a":1}', "<html>"])
def test_what_is_no_envelope_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "page.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):  # noqa: PT011
        read_envelope(file)
