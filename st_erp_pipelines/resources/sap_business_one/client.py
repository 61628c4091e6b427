"""The Service Layer of one company: whole lists, look-ups by keys that prove what they say, single writes.

The server pages by offset, 20 rows unless asked for more, and its links may lose the filter: a link only tells that
there is more, and each page is asked for behind the last key. Source of wire facts: SAP's "Working with SAP Business
One Service Layer" and the metadata of a live company.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import InDoubt, Unavailable
from st_erp_pipelines.resources.credential_cache import CredentialCache, cache_for
from st_erp_pipelines.resources.http import Api, Pace, build_api, parsed, trusted
from st_erp_pipelines.resources.odata import any_of, in_chunks, quoted
from st_erp_pipelines.resources.pacing import LocalPace, SharedPace
from st_erp_pipelines.resources.sap_business_one.entities import Entity, entity_of
from st_erp_pipelines.resources.sap_business_one.replies import SYSTEM, explain
from st_erp_pipelines.resources.sap_business_one.session import SessionLogin
from st_erp_pipelines.resources.tokens import ClientCredentials

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapBusinessOne as Settings

Row = dict[str, Any]

PAGE_SIZE = 200
LOOK_BACK = timedelta(days=7)  # in which the next read notices what was written upon a payment
LANES = 2  # the server belongs to the people who work on it


@dataclass(frozen=True)
class Walk:
    """Files as pages (`{"value": [...]}`), and how many records they hold."""

    files: list[Path]
    rows: int


class Unproven(Unavailable):
    """A look-up that does not prove what it says; targets answer `unknown`."""


class BusinessOne:
    """One company. Thread-safe."""

    def __init__(self, api: Api, auth: SessionLogin | ClientCredentials, settings: Settings, clock: Clock) -> None:
        self.timing = settings.timing.posting()
        self.clock = clock
        self._api = api
        self._auth = auth
        self._settings = settings
        self._root = settings.api_url.rstrip("/")
        self.place = _place(self._root, settings.company)
        self.page_size = PAGE_SIZE

    def sign_in(self) -> None:
        """Logs in, unless there is a session."""
        self._auth.sign_in()

    def log_out(self) -> None:
        if isinstance(self._auth, SessionLogin):
            self._auth.log_out()

    def url(self, path: str, **query: object) -> str:
        """`query` holds OData options without their `$`."""
        options = {f"${name}": value for name, value in query.items() if value not in (None, "")}
        asked = urlencode(options, quote_via=quote, safe="$,()'/:")
        return f"{self._root}/{path}" + (f"?{asked}" if asked else "")

    def rows(
        self, path: str, *, operation: str, key: str = "DocEntry", filter: str = "", select: Sequence[str] = ()
    ) -> list[Row]:
        """Every row of a list in the order of its key, or an error; never a part of it."""
        found: dict[Any, Row] = {}
        behind = ""
        while True:
            conditions = [f"({each})" for each in (filter, behind) if each]
            asked = self.url(path, select=",".join(select), filter=" and ".join(conditions), orderby=key)
            page, goes_on = self._page(asked, operation)
            for row in page:
                if found.setdefault(row[key], row) is not row:
                    raise Unavailable("pages overlap", system=SYSTEM, operation=operation)
            if not page or (not goes_on and len(page) < self.page_size):
                return list(found.values())
            behind = f"{key} gt {literal(page[-1][key])}"

    def carrying(
        self,
        path: str,
        field: str,
        keys: Sequence[str],
        *,
        operation: str,
        select: Sequence[str],
        key: str = "DocEntry",
    ) -> list[Row]:
        """Every row whose `field` is one of `keys`. Unproven where others came back, too."""
        found: list[Row] = []
        for chunk in in_chunks(sorted(set(keys))):
            rows = self.rows(path, operation=operation, key=key, filter=any_of(field, chunk), select=select)
            if strangers := {same(row[field]) for row in rows} - {same(each) for each in chunk}:
                said = f"the filter of {path} by {field} was not honoured: {len(strangers)} came back unasked"
                raise Unproven(said, system=SYSTEM, operation=operation)
            found += rows
        return found

    def row(self, path: str, *, operation: str, select: Sequence[str] = ()) -> Row:
        """One record, numbers as Decimal or int."""
        response = self._api.read("GET", self.url(path, select=",".join(select)), operation=operation)
        record: Row = parsed(response)
        return record

    def ask(self, service: str, method: str = "POST", body: Row | None = None, **query: object) -> Any:
        """A question that is no list, or but the beginning of one."""
        url, operation = self.url(service, **query), f"ask {service}"
        return parsed(self._api.read(method, url, operation=operation, json=body))

    def walk(
        self,
        entity: str,
        folder: Path,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        ids: Sequence[str] = (),
        read: tuple[int, int] | None = None,
    ) -> Walk:
        """Every record of an entity into a file in `folder`: of some that change those of the days from `since` to
        `before`, with what came behind the DocEntries that were `read`, or was cancelled of them; or `ids`.

        Each gets an `id`, whatever its key is called, and `businessKey`, what stands in the field for our keys.
        """
        if entity == "company":
            found = [{"id": "1", **self.company_settings()}]
        elif entity == "finance_periods":
            found = [{"id": str(each["AbsoluteEntry"]), **each} for each in self.periods()]
        else:
            asked = entity_of(entity, self._settings)
            found = [
                _named(asked, row) for each in filters(asked, since, before, ids, read) for row in self._of(asked, each)
            ]
        path = folder / f"{entity}.json"
        path.write_text(simplejson.dumps({"value": found}, use_decimal=True), "utf-8")
        return Walk([path], len(found))

    def _of(self, entity: Entity, filter: str) -> list[Row]:
        operation = f"read {entity.path}"
        return self.rows(entity.path, operation=operation, key=entity.key, filter=filter, select=entity.select)

    def company_settings(self) -> Row:
        found: Row = self.ask("CompanyService_GetAdminInfo")
        return found

    def periods(self) -> list[Row]:
        """Of all years: there is no list of them."""
        years = self.ask("CompanyService_GetPeriods")["value"]
        bodies = ({"PeriodCategoryParams": {"AbsoluteEntry": year["AbsoluteEntry"]}} for year in years)
        return [row for body in bodies for row in self.ask("CompanyService_GetFinancePeriods", body=body)["value"]]

    def post(self, path: str, *, operation: str, document: str, body: Row, names: str) -> Row:
        """Creates one record. `names`: the key that the reply has to tell."""
        response = self._write("POST", path, operation, document, body)
        with suppress(ValueError, KeyError, TypeError):
            written: Row = parsed(response)
            if written[names]:
                return written
        said = f"the reply (HTTP {response.status_code}) does not name what was written"
        raise InDoubt(said, system=SYSTEM, operation=operation, document=document)

    def patch(self, path: str, *, operation: str, document: str, body: Row, etag: str | None) -> None:
        """Changes what the body names, unless somebody changed the record since it had this ETag."""
        self._write("PATCH", path, operation, document, body, {"If-Match": etag} if etag else {})

    def post_batch(self, *, operation: str, document: str, content: bytes, kind: str) -> httpx.Response:
        return self._write("POST", "$batch", operation, document, content, {"Content-Type": kind}, (200, 202))

    @property
    def service_path(self) -> str:
        return urlsplit(self._root).path

    def close(self) -> None:
        self._auth.close()
        self._api.close()

    def _write(
        self,
        method: str,
        path: str,
        operation: str,
        document: str,
        body: Row | bytes,
        headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (201, 204),
    ) -> httpx.Response:
        """One request, sent once."""
        return self._api.write(
            method, self.url(path), operation=operation, document=document, deadline=self.timing.deadline,
            json=body, headers=headers, ok=ok,
        )  # fmt: skip

    def _page(self, url: str, operation: str) -> tuple[list[Row], bool]:
        headers = {"Prefer": f"odata.maxpagesize={self.page_size}"}
        page = parsed(self._api.read("GET", url, operation=operation, headers=headers))
        try:
            return list(page["value"]), bool(page.get("@odata.nextLink") or page.get("odata.nextLink"))
        except (KeyError, TypeError, AttributeError):
            raise Unavailable("a page cannot be read", system=SYSTEM, operation=operation) from None


def connect(
    settings: Settings,
    *,
    clock: Clock,
    engine: sa.Engine | None = None,
    pace: Pace | None = None,
    cache: CredentialCache | None = None,
    transport: httpx.BaseTransport | None = None,
) -> BusinessOne:
    """Nothing is sent yet. With an `engine` the rate is shared by all processes that use its database."""
    root = settings.api_url.rstrip("/")
    parts = urlsplit(root)
    key = f"{SYSTEM}/{parts.netloc}/{settings.company}"
    if pace is None:
        rate = settings.timing.calls_per_second
        pace = SharedPace(engine, key, rate, clock) if engine is not None else LocalPace(rate, clock)
    verify = trusted(SYSTEM, root, verify=settings.verify, ca_file=settings.ca_file)
    auth = _auth(settings, root, key, cache or cache_for(engine), clock, transport, verify)
    api = build_api(
        system=SYSTEM,
        base_url=f"{parts.scheme}://{parts.netloc}",
        auth=auth,
        pace=pace,
        clock=clock,
        explain=explain,
        transport=transport,
        verify=verify,
    )
    return BusinessOne(api, auth, settings, clock)


def filters(
    entity: Entity,
    since: datetime | None,
    before: datetime | None,
    ids: Sequence[str],
    read: tuple[int, int] | None,
) -> list[str]:
    """Days are the company's calendar, whatever its zone: one more at each end. A filter for each request."""
    if ids:
        keys = [literal(int(each) if entity.key == "DocEntry" else each) for each in ids]
        return [" or ".join(f"{entity.key} eq {key}" for key in chunk) for chunk in in_chunks(keys)]
    days = []
    if entity.stamp and since is not None:
        back = LOOK_BACK if entity.cancelled else timedelta(days=1)
        days.append(f"{entity.stamp} ge '{(since - back).date()}'")
        days += [f"{entity.stamp} le '{(before + timedelta(days=1)).date()}'"] if before else []
    window = " and ".join(days)
    if window and read:
        first, last = read
        window = f"({window}) or {entity.key} gt {last}"
        window += f" or ({entity.key} ge {first} and {entity.cancelled})" if entity.cancelled else ""
    return [" and ".join(f"({each})" for each in (entity.filter, window) if each)]


def _named(entity: Entity, row: Row) -> Row:
    return {"id": str(row[entity.key]), "businessKey": row.get(entity.key_field)} | row


def same(key: object) -> str:
    """Keys are upper-case ASCII; a database that ignores case and trailing blanks finds what differs in these."""
    return str(key or "").strip().upper()


def literal(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def one_of(path: str, key: object) -> str:
    """The path of one record."""
    return path + quote(f"({literal(key)})", safe="()'")


def etag_of(row: Row) -> str | None:
    return row.get("@odata.etag") or row.get("odata.etag")


def day(value: object) -> date | None:
    """Dates are the company's calendar, whatever zone is written behind them."""
    text = str(value or "")[:10]
    return date.fromisoformat(text) if text else None


def money(value: object) -> Decimal:
    """Numbers arrive as the server's floats."""
    return Decimal(str(value or 0)).quantize(Decimal("0.01"))


def _place(root: str, company: str) -> str:
    """Two spellings of URL or company, and both versions of the API, are one place: they share its documents."""
    url = httpx.URL(root.lower())
    path = url.path.rstrip("/").removesuffix("/v1").removesuffix("/v2")
    return f"{SYSTEM}|{url.scheme}://{url.netloc.decode()}{path}|{company.strip().lower()}"


def _auth(
    settings: Settings,
    root: str,
    key: str,
    cache: CredentialCache,
    clock: Clock,
    transport: httpx.BaseTransport | None,
    verify: bool | ssl.SSLContext,
) -> SessionLogin | ClientCredentials:
    timing = settings.timing
    if settings.auth == "session":
        user = hashlib.sha256(settings.user.encode()).hexdigest()[:16]
        return SessionLogin(
            root,
            lambda: {
                "CompanyDB": settings.company,
                "UserName": settings.user,
                "Password": settings.password.resolve(),
                "Language": settings.language,
            },
            key=f"{key}/{user}",
            cache=cache,
            clock=clock,
            margin=timing.token_margin,
            transport=transport,
            verify=verify,
        )
    return ClientCredentials(
        system=SYSTEM,
        token_url=settings.token_url,
        form=lambda: {
            "grant_type": "client_credentials",
            "client_id": settings.client_id.resolve(),
            "client_secret": settings.client_secret.resolve(),
            **({"scope": settings.scope} if settings.scope else {}),
        },
        clock=clock,
        setting="erp.client_secret",
        margin=timing.token_margin,
        transport=transport,
        verify=verify,
        cache=cache,
    )
