"""The OData V2 services of one company code: whole lists, look-ups by keys that prove what they say, single writes.

A service sends as many rows as it likes and a link to the rest, which is followed as it stands. The link counts rows,
so a row that leaves the list while it is read moves the others: what came is compared with what was announced.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin, urlsplit
from xml.etree import ElementTree

import httpx
import simplejson
import sqlalchemy as sa

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import ConfigurationError, InDoubt, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.credential_cache import CredentialCache, cache_for
from st_erp_pipelines.resources.http import Api, Pace, build_api, parsed, trusted
from st_erp_pipelines.resources.odata import any_of, in_chunks
from st_erp_pipelines.resources.pacing import LocalPace, SharedPace
from st_erp_pipelines.resources.sap_s4hana.csrf import Handshakes
from st_erp_pipelines.resources.sap_s4hana.entities import ENTITIES, INVOICE_WINDOWS, Entity, filters
from st_erp_pipelines.resources.sap_s4hana.replies import INVOICES, NO_TOKEN, SCENARIOS, SYSTEM, explain
from st_erp_pipelines.resources.sap_s4hana.wire import Row, plain, same
from st_erp_pipelines.resources.tokens import ClientCredentials

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapS4hana as Settings

ROOT = "/sap/opu/odata/sap"
LANES = 2  # the server belongs to the people who work on it
READS = 3  # of a list that changes while it is read
INVOICE_PROPERTIES = ".//{*}EntityType[@Name='A_SupplierInvoiceType']/{*}Property"
HEADERS = {"Accept": "application/json", "Accept-Language": "en"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Walk:
    """Files as pages (`{"value": [...]}`), and how many records they hold."""

    files: list[Path]
    rows: int


class Unproven(Unavailable):
    """What came does not prove what it says: a look-up is then `unknown`, a list is read again."""


class S4hana:
    """One company code. Thread-safe."""

    services = tuple(SCENARIOS)

    def __init__(self, api: Api, auth: ClientCredentials | httpx.BasicAuth, settings: Settings, clock: Clock) -> None:
        self.timing = settings.timing.posting()
        self.place = settings.place
        self.clock = clock
        self._api = api
        self._auth = auth
        self._settings = settings
        self._handshakes = Handshakes(api)

    def sign_in(self) -> None:
        """Asks for a token, unless there is one. A password is seen by the first service that is asked."""
        if isinstance(self._auth, ClientCredentials):
            self._auth.sign_in()

    def reach(self, service: str) -> None:
        """Each is arranged by itself. Raises what stands in the way."""
        self._api.read("GET", self.url(service), operation=f"reach {service}", headers=HEADERS)

    def url(self, service: str, path: str = "", **query: object) -> str:
        """`query` holds OData options without their `$`. Built here, since a `+` is no blank in OData."""
        options = {f"${name}": value for name, value in query.items() if value not in (None, "", ())}
        options |= {"sap-client": self._settings.sap_client} if self._settings.sap_client else {}
        asked = urlencode(options, quote_via=quote, safe="$,()'/:")
        return f"{self._settings.api_url}{ROOT}/{service}/{path}" + (f"?{asked}" if asked else "")

    def rows(self, entity: Entity, filter: str, *, operation: str) -> list[Row]:
        """Every row of a list, or an error; never a part of it."""
        found = {row["id"]: row for page in self._pages(entity, filter, operation) for row in page}
        return list(found.values())

    def carrying(self, entity: Entity, field: str, keys: Sequence[str], *, operation: str) -> list[Row]:
        """Every row whose `field` is one of `keys`. Unproven where others came back, too."""
        found: list[Row] = []
        for chunk in in_chunks(sorted(set(keys))):
            rows = self.rows(entity, any_of(field, chunk), operation=operation)
            if strangers := {same(row[field]) for row in rows} - {same(each) for each in chunk}:
                said = f"the filter of {entity.path} by {field} was not honoured: {len(strangers)} came back unasked"
                raise Unproven(said, system=SYSTEM, operation=operation)
            found += rows
        return found

    def walk(
        self,
        entity: str,
        folder: Path,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        ids: Sequence[str] = (),
    ) -> Walk:
        """Every record of an entity into files in `folder`: those changed in [since, before), or `ids`; each with an
        `id`, whatever its key is called, and `modifiedOn` where it tells.
        """
        window = self.invoice_window if entity == "supplier_invoices" and not ids else ""
        asked = filters(entity, self._settings, since, before, ids, invoice_window=window)
        for _ in range(READS - 1):
            with suppress(Unproven):
                return self._walk(entity, folder, asked, f"read {entity}")
        return self._walk(entity, folder, asked, f"read {entity}")

    @cached_property
    def invoice_window(self) -> str:
        """The member by which this release lists the invoices that are new or changed."""
        url, operation = self.url(INVOICES, "$metadata"), "read the metadata of invoices"
        response = self._api.read("GET", url, operation=operation, headers={"Accept": "application/xml"})
        try:
            properties = ElementTree.fromstring(response.content).iterfind(INVOICE_PROPERTIES)
            names = {each.get("Name") for each in properties}
            return next(name for name in INVOICE_WINDOWS if name in names)
        except (ElementTree.ParseError, StopIteration):
            raise Unavailable("the metadata cannot be read", system=SYSTEM, operation=operation) from None

    def post(self, service: str, path: str, *, operation: str, document: str, body: Row, names: str) -> Row:
        """Creates one record. `names`: the key that the reply has to tell."""
        response = self._write("POST", service, path, operation, document, body)
        _note_remarks(response, document)
        with suppress(ValueError, KeyError, TypeError):
            written: Row = plain(parsed(response)["d"])
            if written[names]:
                return written
        said = f"the reply (HTTP {response.status_code}) does not name what was written"
        raise InDoubt(said, system=SYSTEM, operation=operation, document=document)

    def close(self) -> None:
        if isinstance(self._auth, ClientCredentials):
            self._auth.close()
        self._api.close()

    def _walk(self, name: str, folder: Path, asked: Sequence[str], operation: str) -> Walk:
        files: list[Path] = []
        count = 0
        for filter in asked:
            for page in self._pages(ENTITIES[name], filter, operation):
                files.append(folder / f"{name}-{len(files):05}.json")
                files[-1].write_text(simplejson.dumps({"value": page}, use_decimal=True), "utf-8")
                count += len(page)
        return Walk(files, count)

    def _pages(self, entity: Entity, filter: str, operation: str) -> Iterator[list[Row]]:
        """To the end. Unproven where fewer records came than were announced: some moved between two pages."""
        link: str | None = self.url(
            entity.service, entity.path, filter=filter, expand=",".join(entity.expand), select=",".join(entity.select),
            orderby=",".join(entity.key), inlinecount="allpages",
        )  # fmt: skip
        followed: set[str] = set()
        seen: set[str] = set()
        announced: int | None = None
        while link:
            if link in followed:
                raise Unproven("a link leads back to a page that was read", system=SYSTEM, operation=operation)
            followed.add(link)
            page = parsed(self._api.read("GET", link, operation=operation, headers=HEADERS))
            try:
                rows = [entity.named(plain(row)) for row in page["d"]["results"]]
                announced = int(page["d"]["__count"]) if announced is None else announced
                goes_on = page["d"].get("__next")
            except (KeyError, TypeError, ValueError, AttributeError):
                raise Unavailable("a page cannot be read", system=SYSTEM, operation=operation) from None
            yield rows
            seen.update(row["id"] for row in rows)
            link = urljoin(link, goes_on) if goes_on else None
        if announced is not None and len(seen) < announced:
            said = f"{len(seen)} of {announced} records came: the list changed while it was read"
            raise Unproven(said, system=SYSTEM, operation=operation)

    def _write(self, method: str, service: str, path: str, operation: str, document: str, body: Row) -> httpx.Response:
        """Sent once, and once more where its token was refused: then it was not executed."""
        root = self.url(service)
        with deadline.within(self.clock, self.timing.deadline.total_seconds()):
            for _ in range(2):
                handshake = self._handshakes.headers(root)
                try:
                    return self._api.write(
                        method, self.url(service, path), operation=operation, document=document,
                        deadline=self.timing.deadline, json=body, headers=HEADERS | {**handshake}, ok=(201,),
                    )  # fmt: skip
                except Unavailable as error:
                    if error.code != NO_TOKEN:
                        raise
                    self._handshakes.drop(root, handshake)
        said = "the CSRF token that it gave just now is not accepted"
        fix = "Does something between here and the server remove cookies or headers?"
        raise ConfigurationError(said, system=SYSTEM, operation=operation, document=document, fix=fix)


def connect(
    settings: Settings,
    *,
    clock: Clock,
    engine: sa.Engine | None = None,
    pace: Pace | None = None,
    cache: CredentialCache | None = None,
    transport: httpx.BaseTransport | None = None,
) -> S4hana:
    """Nothing is sent yet, but an unset password is a ConfigurationError.

    With an `engine` rate and token are shared by all processes that use its database.
    """
    parts = urlsplit(settings.api_url)
    if pace is None:
        user = hashlib.sha256((settings.user or settings.client_id.resolve()).encode()).hexdigest()[:16]
        rate, key = settings.timing.calls_per_second, f"{SYSTEM}/{parts.netloc}/{user}"
        pace = SharedPace(engine, key, rate, clock) if engine is not None else LocalPace(rate, clock)
    verify = trusted(SYSTEM, settings.api_url, verify=settings.verify, ca_file=settings.ca_file)
    auth = _auth(settings, cache or cache_for(engine), clock, transport, verify)
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
    return S4hana(api, auth, settings, clock)


def _auth(
    settings: Settings,
    cache: CredentialCache,
    clock: Clock,
    transport: httpx.BaseTransport | None,
    verify: bool | ssl.SSLContext,
) -> ClientCredentials | httpx.BasicAuth:
    if settings.auth == "basic":
        return httpx.BasicAuth(settings.user, settings.password.resolve())
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
        margin=settings.timing.token_margin,
        transport=transport,
        verify=verify,
        cache=cache,
        by_header=True,
    )


def _note_remarks(response: httpx.Response, document: str) -> None:
    """What a success warns of, by its code: the text may quote the document."""
    with suppress(ValueError, TypeError, AttributeError):
        said = simplejson.loads(response.headers.get("sap-message", ""))
        if said.get("severity") in ("warning", "error"):
            log.warning("%s: %s remarks %s on what it took", document, SYSTEM, said.get("code"))
