"""ServiceTitan's list endpoints, read page by page into files.

A walk reads one closed window. Pages are not a snapshot: a record that changes meanwhile moves between
them. So a window ends `read_lag` before now, a walk whose pages do not fit together is read again, and
whoever stages the files compares the distinct ids with `Walk.total_count`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import httpx
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import StErpError, Unavailable
from st_erp_pipelines.resources.credential_cache import cache_for
from st_erp_pipelines.resources.http import Api, Pace, build_api, error_for_status, parsed, vendor_text
from st_erp_pipelines.resources.pacing import LocalPace, SharedPace
from st_erp_pipelines.resources.servicetitan_endpoints import APPLICATION, ENDPOINTS, Endpoint
from st_erp_pipelines.resources.tokens import ClientCredentials

if TYPE_CHECKING:
    from st_erp_pipelines.settings import ServiceTitan as Settings

SYSTEM = "servicetitan"
IDS_PER_CALL = 50  # more are refused with a 400
LANES = 4  # pages under way at once
LOOKED_UP = 500  # rows of a page of a look-up
READ_BACK_AFTER = (0.0, 1 / 150, 1 / 30)  # of settle_after: at once, then 2 s and 10 s: reads may lag behind writes
WALKS = 3  # times a walk is begun before it is given up as unsettled
ENVELOPE_BYTES = 4096  # read at either end of a page to find the members around its data


@dataclass(frozen=True)
class Walk:
    """The pages of one walk. `total_count` is None where the system gave none.

    `since` and `before` bound what was read; a window that is not closed yet has no files.
    """

    files: tuple[Path, ...]
    total_count: int | None
    since: datetime | None = None
    before: datetime | None = None


class Each(Protocol):
    """`map`, of a thread pool or the built-in one."""

    def __call__(self, function: Callable[[int], _Page], numbers: Iterable[int], /) -> Iterable[_Page]: ...


class Unproven(Exception):
    """What came back does not answer what was asked."""


class Unsettled(Unavailable):
    """The pages do not fit together, or one cannot be read: to be walked again."""


@dataclass(frozen=True)
class _Page:
    file: Path
    number: int
    has_more: bool
    size: int
    total: int | None


@dataclass
class ServiceTitan:
    """One tenant, seen through one app. Thread-safe."""

    api: Api
    auth: ClientCredentials
    tenant_id: int
    page_size: int
    read_lag: timedelta
    clock: Clock
    application: str = ""  # whose external data is to come with the records

    def closed_until(self) -> datetime:
        """Nothing modified before this moment is still on its way into the lists."""
        return self.clock.now() - self.read_lag

    def walk(
        self,
        entity: str,
        folder: Path,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        ids: Iterable[int] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Walk:
        """Every record modified in [since, before), or with these ids, as files `folder/{entity}-*.json`.

        `before` is brought down to what is closed already; None means just that. A list without a
        modified filter takes no window and comes whole. Records come in their envelope, as received.
        """
        endpoint = ENDPOINTS[entity]
        if ids is not None:
            queries = _by_ids(endpoint, ids)
        elif endpoint.only_by_id:
            raise ValueError(f"{entity} are read by {endpoint.id_filter} only")
        elif endpoint.windowed:
            before = min(before or self.closed_until(), self.closed_until())
            queries = _window(endpoint, since, before)
        elif since or before:
            raise ValueError(f"{entity} cannot be read by a window")
        else:
            queries = [{}]
        fixed: dict[str, Any] = {**endpoint.always, **_known(endpoint, extra or {}), "pageSize": self.page_size}
        if self.application and APPLICATION in endpoint.parameters():
            fixed |= {APPLICATION: self.application}
        pages = self._settled(
            entity, folder, [{**fixed, **query, **part} for query in queries for part in endpoint.parts]
        )
        totals = [page.total for page in pages if page.number == 1]
        total = None if None in totals else sum(total or 0 for total in totals)
        return Walk(tuple(page.file for page in pages), total, since, before)

    def read_back(self, settle_after: timedelta, lost: Callable[[], Sequence[str]]) -> str:
        """What a person is told of a write, which stands whatever comes of this. `lost`: what does not read as sent;
        what the service does not take it drops with a 200 (seen live).
        """
        said = ""
        for share in READ_BACK_AFTER:
            self.clock.sleep(share * settle_after.total_seconds())
            try:
                names = ", ".join(lost())
                said = f"ServiceTitan did not keep what we wrote: {names}." if names else ""
            except StErpError as error:
                said = f"Written, but it could not be read back and compared: {error.sentence()}"
            if not said:
                break
        return said

    def rows(self, entity: str, asked: Mapping[str, Any], is_asked: Callable[[Any], bool]) -> list[dict[str, Any]]:
        """What a look-up finds, to its end. Raises Unproven where that does not answer what was asked: an unknown
        filter is ignored over there, and all comes back.
        """
        endpoint, operation = ENDPOINTS[entity], f"look up {entity}"
        query: dict[str, Any] = {**endpoint.always, **asked, "pageSize": LOOKED_UP, "includeTotal": "true"}
        found: dict[int, dict[str, Any]] = {}
        for number in count(1):
            params = query | {"page": number}
            page = parsed(self.api.read("GET", endpoint.url(self.tenant_id), operation=operation, params=params))
            if not isinstance(page, dict) or not {"data", "hasMore"} <= page.keys():
                raise Unavailable("the reply cannot be read", system=SYSTEM, operation=operation)
            if not all(map(is_asked, page["data"])):
                raise Unproven(f"The filter was not honoured: {entity} came back that nobody asked for.")
            found |= {row["id"]: row for row in page["data"]}
            if not page["hasMore"]:
                break
        if page.get("totalCount") not in (None, len(found)):
            raise Unproven(f"The {entity} changed while they were looked up.")
        return list(found.values())

    def close(self) -> None:
        self.api.close()
        self.auth.close()

    def _settled(self, entity: str, folder: Path, queries: Sequence[Mapping[str, Any]]) -> list[_Page]:
        for _ in range(WALKS - 1):
            try:
                return self._walked(entity, folder, queries)
            except Unsettled:
                for file in folder.glob(f"{entity}-*.json"):
                    file.unlink()
        return self._walked(entity, folder, queries)

    def _walked(self, entity: str, folder: Path, queries: Sequence[Mapping[str, Any]]) -> list[_Page]:
        pages = self._pages(entity, folder, queries)
        if ENDPOINTS[entity].below:
            with ThreadPoolExecutor(LANES) as pool:
                for page in pages:
                    self._add_below(entity, page.file, pool.map)
        return pages

    def _pages(self, entity: str, folder: Path, queries: Sequence[Mapping[str, Any]]) -> list[_Page]:
        """A few at once: the pages of the one query, or the queries, where there are several."""
        with ThreadPoolExecutor(LANES) as pool:
            if len(queries) == 1:
                return self._query(entity, f"{folder / entity}", queries[0], pool.map)
            stems = [f"{folder / entity}-{number:05}" for number in range(1, len(queries) + 1)]
            walked = pool.map(lambda stem, query: self._query(entity, stem, query, map), stems, queries)
            return [page for pages in walked for page in pages]

    def _query(self, entity: str, stem: str, query: Mapping[str, Any], each: Each) -> list[_Page]:
        fetch = partial(self._fetch, entity, stem, query)
        pages = [fetch(1)]
        if pages[0].total is None:
            while pages[-1].has_more:
                pages.append(fetch(len(pages) + 1))
            return pages
        last = max(1, math.ceil(pages[0].total / pages[0].size))
        pages.extend(each(fetch, range(2, last + 1)))
        for page in pages:
            if page.has_more != (page.number < last):
                raise _unsettled(entity, f"it changed while it was read: page {last} should be the last")
        return pages

    def _fetch(self, entity: str, stem: str, query: Mapping[str, Any], number: int) -> _Page:
        file = Path(f"{stem}-{number:05}.json")
        params = {**({"includeTotal": "true"} if number == 1 else {}), **query, "page": number}
        url = ENDPOINTS[entity].url(self.tenant_id)
        self.api.stream_to_file(url, file, operation=f"read {entity}", params=params)
        try:
            envelope = read_envelope(file)
            # What the server made of our page size decides how many pages there are.
            size = int(envelope.get("pageSize") or query["pageSize"])
            return _Page(file, number, bool(envelope["hasMore"]), size, envelope.get("totalCount"))
        except (ValueError, KeyError, TypeError):
            raise _unsettled(entity, f"page {number} cannot be read") from None

    def _add_below(self, entity: str, file: Path, each: Callable[..., Iterable[Any]]) -> None:
        """The page again, each record with what lies below it. Its numbers keep their digits."""
        below = ENDPOINTS[entity].below
        try:
            envelope = simplejson.loads(file.read_bytes(), use_decimal=True)
            lists = each(partial(self._below, entity, below), [record["id"] for record in envelope["data"]])
            for record, rows in zip(envelope["data"], lists, strict=True):
                record[below] = rows
        except (ValueError, KeyError, TypeError):
            raise _unsettled(entity, f"{file.stem} or what lies below it cannot be read") from None
        file.write_text(simplejson.dumps(envelope, use_decimal=True), "utf-8")

    def _below(self, entity: str, below: str, key: int) -> list[Any]:
        rows: dict[int, Any] = {}
        url = f"{ENDPOINTS[entity].url(self.tenant_id)}/{key}/{below}"
        for number in count(1):
            params = {"page": number, "pageSize": self.page_size, "includeTotal": "true"}
            reply = parsed(self.api.read("GET", url, operation=f"read {entity}", params=params))
            rows |= {row["id"]: row for row in reply["data"]}
            if not reply["hasMore"]:
                break
        if reply["totalCount"] not in (None, len(rows)):
            raise _unsettled(entity, f"the {below} of {key} changed while they were read")
        return list(rows.values())


def connect(
    settings: Settings,
    *,
    clock: Clock,
    engine: sa.Engine | None = None,
    pace: Pace | None = None,
    transport: httpx.BaseTransport | None = None,
) -> ServiceTitan:
    """Nothing is sent yet, but an unset credential is a ConfigurationError.

    With an `engine` rate limit and token are shared by all processes that use its database; the limit belongs
    to an app and a tenant.
    """
    app = hashlib.sha256(settings.app_key.resolve().encode()).hexdigest()[:16]
    key = f"{SYSTEM}/{urlsplit(settings.api_url).netloc}/{app}/{settings.tenant_id}"
    rate = settings.timing.calls_per_second
    if pace is None:
        pace = SharedPace(engine, key, rate, clock) if engine is not None else LocalPace(rate, clock)
    auth = ClientCredentials(
        system=SYSTEM,
        token_url=f"{settings.auth_url.rstrip('/')}/connect/token",
        form=lambda: {
            "grant_type": "client_credentials",
            "client_id": settings.client_id.resolve(),
            "client_secret": settings.client_secret.resolve(),
        },
        headers=lambda: {"ST-App-Key": settings.app_key.resolve()},
        clock=clock,
        margin=settings.timing.token_margin,
        setting="servicetitan.client_secret",
        transport=transport,
        cache=cache_for(engine),
    )
    api = build_api(
        system=SYSTEM,
        base_url=settings.api_url,
        auth=auth,
        pace=pace,
        clock=clock,
        explain=partial(explain, settings.tenant_id),
        transport=transport,
    )
    application = str(settings.application_guid or "")
    return ServiceTitan(api, auth, settings.tenant_id, settings.page_size, settings.timing.read_lag, clock, application)


def explain(tenant_id: int, response: httpx.Response, operation: str, document: str) -> StErpError:
    """Problem details, where there are any: title, errors by field, traceId."""
    problem = _members(response)
    text = _sentence(problem) or vendor_text(response)
    facts: dict[str, Any] = {
        "system": SYSTEM,
        "operation": operation,
        "document": document,
        "correlation_id": str(problem.get("traceId") or ""),
    }
    status = response.status_code
    if status == 409 and "maintenance" in text.lower():  # seen live on reporting; other 409s are refusals
        return Unavailable(text, status=status, **facts)
    if status in (401, 403):
        endpoint = ENDPOINTS.get(operation.removeprefix("read "))
        scope = f" the scope {endpoint.scope}" if endpoint else " the scope of this call"
        facts["fix"] = (
            f"Check servicetitan.app_key, that tenant {tenant_id} is connected to that app, "
            f"and that the app was granted{scope}."
        )
    return error_for_status(response, text, **facts)


def _members(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _sentence(problem: Mapping[str, Any]) -> str:
    """The `title`, or the `message` of the gateway in front, and what is wrong with which field."""
    parts = [str(problem.get("title") or problem.get("message") or "")]
    errors = problem.get("errors")
    for name, said in errors.items() if isinstance(errors, dict) else ():
        words = said if isinstance(said, list) else [said]
        parts.append(f"{name}: {' '.join(str(word) for word in words)}")
    return "; ".join(part for part in parts if part)


def _known(endpoint: Endpoint, query: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := sorted(set(query) - endpoint.parameters()):
        raise ValueError(f"{endpoint.path} has no query parameter {', '.join(unknown)}")
    return query


def _by_ids(endpoint: Endpoint, ids: Iterable[int]) -> list[dict[str, Any]]:
    if not endpoint.id_filter:
        raise ValueError(f"{endpoint.path} cannot be read by ids")
    wanted = sorted(set(ids))
    groups = (wanted[start : start + IDS_PER_CALL] for start in range(0, len(wanted), IDS_PER_CALL))
    named = (group if endpoint.repeats_ids else ",".join(map(str, group)) for group in groups)
    return [{**endpoint.with_ids, endpoint.id_filter: each} for each in named]


def _window(endpoint: Endpoint, since: datetime | None, before: datetime) -> list[dict[str, str]]:
    """One query, or none where the window is empty because it is not closed yet."""
    if since is not None and since >= before:
        return []
    start = {} if since is None else {"modifiedOnOrAfter": moment(since)}
    return [{**endpoint.with_window, **start, "modifiedBefore": moment(before)}]


def moment(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _unsettled(entity: str, what: str) -> Unsettled:
    return Unsettled(what, system=SYSTEM, operation=f"read {entity}")


_MEMBER = rb'\s*"(\w+)"\s*:\s*(-?\d+|true|false|null)\s*'
_BEFORE_DATA = re.compile(rb"\s*\{((?:%s,)*)\s*\"data\"\s*:\s*\[" % _MEMBER)
_AFTER_DATA = re.compile(rb"\]((?:\s*,%s)*)\s*\}\s*\Z" % _MEMBER)


def read_envelope(file: Path) -> dict[str, Any]:
    """The members around `data`, without parsing `data`. Their order is not promised.

    Only plain members up to `data` from the start of the file, and back to a bracket from its end, are
    surely the envelope's own; anything else is parsed whole. Raises ValueError.
    """
    with file.open("rb") as stream:
        head = stream.read(ENVELOPE_BYTES)
        stream.seek(max(0, file.stat().st_size - ENVELOPE_BYTES))
        tail = stream.read()
    before, after = _BEFORE_DATA.match(head), _AFTER_DATA.search(tail)
    if before and after:
        found = re.findall(_MEMBER, before[1]) + re.findall(_MEMBER, after[1])
        envelope = {name.decode(): json.loads(value) for name, value in found}
        if "hasMore" in envelope:
            return envelope
    whole = json.loads(file.read_bytes())
    if not isinstance(whole, dict):
        raise ValueError("not an envelope")
    return {name: value for name, value in whole.items() if name != "data"}
