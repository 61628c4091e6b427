"""API v2.0 of one Business Central company: lists, page walks into files, single writes.

Lists are paged by the server with links that go on behind the last key (`$skiptoken`), so a row cannot move
between pages while we read. No request asks for a replica (`Data-Access-Intent`): look-ups must not be stale.
Source of wire facts: Microsoft's API v2.0 documentation and the AL source of its API pages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.business_central.replies import SKIP_TOKEN_EXPIRED, SYSTEM, explain
from st_erp_pipelines.resources.http import Api, Pace, build_api, parsed
from st_erp_pipelines.resources.odata import in_chunks
from st_erp_pipelines.resources.pacing import LocalPace, SharedPace
from st_erp_pipelines.resources.tokens import ClientCredentials
from st_erp_pipelines.target import Timing

if TYPE_CHECKING:
    from st_erp_pipelines.settings import BusinessCentral as Settings

Row = dict[str, Any]
T = TypeVar("T")

SCOPE = "https://api.businesscentral.dynamics.com/.default"
LANGUAGE = {"Accept-Language": "en-US"}  # texts of refusals are told apart by their English
RESTARTS = 3


@dataclass(frozen=True)
class Entity:
    """A list and how it is walked. Pages are sized to about 14 MB at most."""

    path: str
    page_size: int = 10_000
    is_windowed: bool = False
    expand: str = ""
    parent: str = ""  # the list whose every row has one of these below it


ENTITIES = {
    "companies": Entity("companies"),
    "accounts": Entity("accounts"),
    "dimensions": Entity("dimensions"),
    "dimension_values": Entity("dimensionValues", expand="dimension"),
    "customers": Entity("customers", is_windowed=True),
    "payment_methods": Entity("paymentMethods"),
    "payment_terms": Entity("paymentTerms"),
    "tax_areas": Entity("taxAreas"),
    "tax_groups": Entity("taxGroups"),
    "items": Entity("items"),
    "customer_payment_journals": Entity("customerPaymentJournals"),
    "sales_invoices": Entity(
        "salesInvoices", 1_000, is_windowed=True, expand="salesInvoiceLines($expand=dimensionSetLines)"
    ),
    "sales_credit_memos": Entity(
        "salesCreditMemos", 1_000, is_windowed=True, expand="salesCreditMemoLines($expand=dimensionSetLines)"
    ),
    "customer_payments": Entity("customerPayments", parent="customerPaymentJournals"),
    "general_ledger_entries": Entity("generalLedgerEntries", is_windowed=True),
    "general_ledger_setup": Entity("generalLedgerSetup"),
}


@dataclass(frozen=True)
class Walk:
    """Pages as the server sent them (`{"value": [...]}`), in order, and how many records they hold."""

    files: list[Path]
    rows: int


class BusinessCentral:
    """One company of one environment. Thread-safe."""

    def __init__(
        self, api: Api, auth: ClientCredentials, root: str, company: str, timing: Timing, clock: Clock
    ) -> None:
        self.timing = timing
        self.clock = clock
        self._api = api
        self._auth = auth
        self._root = root.rstrip("/")
        self._wanted_company = company

    def sign_in(self) -> None:
        """Asks for a token, unless there is one."""
        self._auth.sign_in()

    @cached_property
    def company_id(self) -> str:
        """Of the company configured by id or name; never "the first one"."""
        companies = self._list(f"{self._root}/companies", "list companies")
        wanted = self._wanted_company.strip()
        for company in companies:
            if wanted.lower() == str(company["id"]).lower() or wanted == company["name"]:
                return str(company["id"]).lower()
        raise ConfigurationError(
            f"there is no company {wanted!r}",
            system=SYSTEM,
            operation="find the company",
            fix=f"Set `company` to one of: {', '.join(str(company['name']) for company in companies)}.",
        )

    @cached_property
    def place(self) -> str:
        """Two spellings of URL or company are one place, since they would share its documents."""
        url = httpx.URL(self._root.lower())
        return f"{SYSTEM}|{url.scheme}://{url.netloc.decode()}{url.path}|{self.company_id}"

    def url(self, path: str, **query: object) -> str:
        """`query` holds OData options without their `$`. Built here, since a `+` is no blank in OData."""
        options = {f"${name}": value for name, value in query.items() if value not in (None, "")}
        asked = urlencode(options, quote_via=quote, safe="$,()'/:")
        return f"{self._root}/companies({self.company_id})/{path}" + (f"?{asked}" if asked else "")

    def rows(self, path: str, *, operation: str, **query: object) -> list[Row]:
        """Every row of a list, or an error; never a part of it."""
        return self._list(self.url(path, **query), operation)

    def row(self, path: str, *, operation: str, **query: object) -> Row:
        """One record, numbers as Decimal or int."""
        url = self.url(path, **query)
        record: Row = parsed(self._api.read("GET", url, operation=operation, headers=LANGUAGE))
        return record

    def write(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        document: str,
        deadline: timedelta | None = None,
        body: Row | None = None,
        etag: str | None = None,
    ) -> Row:
        """One request, sent once. Without a body it is sent with a length of zero, as actions demand.

        Returns the record written, which has an `id`; {} where the answer has no content.
        """
        response = self._api.write(
            method,
            self.url(path),
            operation=operation,
            document=document,
            deadline=deadline or self.timing.deadline,
            json=body,
            headers=LANGUAGE | ({"If-Match": etag} if etag else {}),
        )
        try:
            written: Row = parsed(response) if response.content else {}
            return written if body is None else written | {"id": written["id"]}
        except (ValueError, KeyError, TypeError):
            said = f"the reply (HTTP {response.status_code}) does not name what was written"
            raise InDoubt(said, system=SYSTEM, operation=operation, document=document) from None

    def walk(
        self,
        entity: str,
        folder: Path,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        ids: Sequence[str] = (),
    ) -> Walk:
        """Every page of an entity into `folder`; of a windowed one what was modified in [since, before), or `ids`."""
        filters = [" or ".join(f"id eq {each}" for each in chunk) for chunk in in_chunks(ids)]
        if not ids and ENTITIES[entity].is_windowed:
            filters = [_window(since, before)]
        return _restarted(lambda: self._walk(entity, folder, filters or [""]))

    def close(self) -> None:
        self._api.close()
        self._auth.close()

    def _walk(self, name: str, folder: Path, filters: Sequence[str]) -> Walk:
        files: list[Path] = []
        count = 0
        headers = LANGUAGE | {"Prefer": f"odata.maxpagesize={ENTITIES[name].page_size}"}
        for start in self._starts(ENTITIES[name], filters):
            link: str | None = start
            while link:
                path = folder / f"{name}-{len(files):05}.json"
                self._api.stream_to_file(link, path, operation=f"read {name}", headers=headers)
                files.append(path)
                rows, link = _page(path.read_bytes(), f"read {name}")
                count += len(rows)
        return Walk(files, count)

    def _starts(self, entity: Entity, filters: Sequence[str]) -> Iterator[str]:
        if entity.path == "companies":
            yield f"{self._root}/companies"
        elif entity.parent:
            for parent in self.rows(entity.parent, operation=f"list {entity.parent}", select="id"):
                yield self.url(f"{entity.parent}({parent['id']})/{entity.path}")
        else:
            for each in filters:
                yield self.url(entity.path, filter=each, expand=entity.expand)

    def _list(self, url: str, operation: str) -> list[Row]:
        def read() -> list[Row]:
            found: list[Row] = []
            link: str | None = url
            while link:
                response = self._api.read("GET", link, operation=operation, headers=LANGUAGE)
                rows, link = _page(response.content, operation)
                found += rows
            return found

        return _restarted(read)


def connect(
    settings: Settings,
    *,
    clock: Clock,
    engine: sa.Engine | None = None,
    pace: Pace | None = None,
    transport: httpx.BaseTransport | None = None,
) -> BusinessCentral:
    """Nothing is sent yet, but an unset credential is a ConfigurationError.

    With an `engine` the rate limit is shared by all processes that use its database; the limit belongs to
    an app, which counts as one user.
    """
    parts = urlsplit(settings.api_root)
    if pace is None:
        app = hashlib.sha256(settings.client_id.resolve().encode()).hexdigest()[:16]
        rate = settings.timing.calls_per_second
        key = f"{SYSTEM}/{parts.netloc}/{app}"
        pace = SharedPace(engine, key, rate, clock) if engine is not None else LocalPace(rate, clock)
    auth = ClientCredentials(
        system=SYSTEM,
        token_url=settings.token_url,
        form=lambda: {
            "grant_type": "client_credentials",
            "client_id": settings.client_id.resolve(),
            "client_secret": settings.client_secret.resolve(),
            "scope": SCOPE,
        },
        clock=clock,
        setting="erp.client_secret",
        margin=settings.timing.token_margin,
        transport=transport,
    )
    api = build_api(
        system=SYSTEM,
        base_url=f"{parts.scheme}://{parts.netloc}",
        auth=auth,
        pace=pace,
        clock=clock,
        explain=explain,
        transport=transport,
        read_timeout=485.0,  # the service gives a request eight minutes before it answers 408
    )
    return BusinessCentral(api, auth, settings.api_root, settings.company, settings.timing.posting(), clock)


def decoded(value: object) -> str:
    """Enum members arrive as XML names: `In_x0020_Review`, and `_x0020_` for blank."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda code: chr(int(code.group(1), 16)), str(value or "")).strip()


def _window(since: datetime | None, before: datetime | None) -> str:
    """Bare timestamps with milliseconds, the precision the server keeps."""

    def bound(word: str, at: datetime) -> str:
        seconds = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        return f"lastModifiedDateTime {word} {seconds}.{at.microsecond // 1000:03}Z"

    return " and ".join(bound(word, at) for word, at in (("ge", since), ("lt", before)) if at)


def _page(content: bytes, operation: str) -> tuple[list[Row], str | None]:
    try:
        page = simplejson.loads(content, use_decimal=True)
        return list(page["value"]), page.get("@odata.nextLink")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unavailable("a page cannot be read", system=SYSTEM, operation=operation) from None


def _restarted(read: Callable[[], T]) -> T:
    """A link into a list can grow stale; then the list is read again from its beginning."""
    for _ in range(RESTARTS):
        try:
            return read()
        except Rejected as error:
            if error.code != SKIP_TOKEN_EXPIRED:
                raise
            stale = error
    raise Unavailable(f"links went stale {RESTARTS} times", system=SYSTEM, operation=stale.operation)
