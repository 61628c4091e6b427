"""Requests of Service Layer against one company: paths, methods, preconditions, replies. Knows no HTTP server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import simplejson

from st_erp_pipelines.sandbox import sap_business_one_documents as documents
from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_partners as partners
from st_erp_pipelines.sandbox import sap_business_one_payments as payments
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox import sap_business_one_services as services
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company, etag
from st_erp_pipelines.sandbox.sap_business_one_entities import EntitySet
from st_erp_pipelines.sandbox.sap_business_one_query import Options, page_size

INVOICE, CREDIT_NOTE = documents.INVOICE, documents.CREDIT_NOTE
INCOMING, OUTGOING = payments.INCOMING, payments.OUTGOING
PATH = re.compile(r"(\w+)(?:\((.*)\))?(?:/([\w$]+))?")
PART = re.compile(r"\s*(?:(\w+)\s*=\s*)?('(?:[^']|'')*'|-?\d+)\s*")

CREATE: dict[str, Callable[[Company, Any], Row]] = {
    "BusinessPartners": partners.create,
    "Invoices": lambda company, body: documents.create(company, INVOICE, body),
    "CreditNotes": lambda company, body: documents.create(company, CREDIT_NOTE, body),
    "Drafts": documents.create_draft,
    "IncomingPayments": payments.create,
    "PaymentDrafts": payments.create_draft,
    "JournalEntries": services.create_journal_entry,
    "InternalReconciliations": services.reconcile,
    "UserFieldsMD": services.create_user_field,
    "UserTablesMD": services.create_user_table,
}
CHANGE: dict[str, Callable[[Company, Any, Any], None]] = {
    "BusinessPartners": partners.change,
    "Invoices": lambda company, key, body: documents.change(company, INVOICE, key, body),
    "CreditNotes": lambda company, key, body: documents.change(company, CREDIT_NOTE, key, body),
    "Drafts": documents.change_draft,
    "IncomingPayments": lambda company, key, body: payments.change(company, INCOMING, key, body),
    "VendorPayments": lambda company, key, body: payments.change(company, OUTGOING, key, body),
    "PaymentDrafts": payments.change_draft,
    "JournalEntries": services.change_journal_entry,
}
ACT: dict[tuple[str, str], Callable[[Company, Any], Any]] = {
    ("Invoices", "Cancel"): lambda company, key: documents.cancel(company, INVOICE, key),
    ("CreditNotes", "Cancel"): lambda company, key: documents.cancel(company, CREDIT_NOTE, key),
    ("IncomingPayments", "Cancel"): lambda company, key: payments.cancel(company, INCOMING, key),
    ("IncomingPayments", "CancelbyCurrentSystemDate"): lambda company, key: payments.cancel(
        company, INCOMING, key, company.now()[0]
    ),
    ("VendorPayments", "Cancel"): lambda company, key: payments.cancel(company, OUTGOING, key),
    ("PaymentDrafts", "SaveDraftToDocument"): payments.save_draft,
    ("JournalEntries", "Cancel"): services.cancel_journal_entry,
    ("InternalReconciliations", "Cancel"): lambda company, key: ledger.unsettle(company, key, company.now()[0]),
}


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is what follows the service root, decoded; header names are in lower case."""

    method: str
    root: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    in_batch: bool = False  # where no If-Match counts

    @property
    def v1(self) -> bool:
        return self.root.endswith("/v1/")

    def json(self) -> Any:
        try:
            return simplejson.loads(self.body, use_decimal=True) if self.body.strip() else {}
        except (ValueError, UnicodeDecodeError):
            raise refusals.bad_body("Invalid request body: no JSON") from None


@dataclass(slots=True)
class Reply:
    """`payload`: an object to be written as JSON, a text, or nothing."""

    status: int
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    created: str = ""  # path of what was created, for references within a change set
    cookies: tuple[str, ...] = ()


class CompanyApi:
    def __init__(self, company: Company) -> None:
        self.company = company

    def answer(self, request: Request) -> Reply:
        with self.company.transaction():
            return self.within_transaction(request)

    def within_transaction(self, request: Request) -> Reply:
        path = PATH.fullmatch(request.path)
        if path is None:
            raise refusals.unknown_path()
        name, key_text, below = path.groups()
        if name in services.SERVICES and key_text is None and below is None:
            return self._serve(request, name)
        known = self.company.sets.get(name)
        if known is None:
            raise refusals.unknown_path()
        method = request.headers.get("x-http-method-override", request.method).upper()
        if f"{method} {name}" in self.company.setup["forbidden"]:
            raise refusals.not_allowed()
        if key_text is None:
            return self._list(request, known, below) if method == "GET" else self._create(request, method, known, below)
        key = self._key(known, key_text)
        if below is not None:
            return self._act(request, method, known, key, below)
        return self._one(request, method, known, key)

    # --- services ----------------------------------------------------------------------------------------

    def _serve(self, request: Request, name: str) -> Reply:
        handle, returned, readable = services.SERVICES[name]
        if request.method != "POST" and not (readable and request.method == "GET"):
            raise refusals.not_supported()
        result = handle(self.company, request.json())
        if not returned:
            return Reply(204)
        if returned == "Edm.String":
            return Reply(200, self._context(request, returned) | {"value": result})
        show = partial(self.company.types.shown, returned, select=[], v1=request.v1)
        if isinstance(result, list):
            return Reply(
                200, self._context(request, f"Collection(SAPB1.{returned})") | {"value": [show(row) for row in result]}
            )
        return Reply(200, self._context(request, f"SAPB1.{returned}") | show(result))

    # --- reading -----------------------------------------------------------------------------------------

    def _list(self, request: Request, known: EntitySet, below: str | None) -> Reply:
        type_ = self.company.types[known.type]
        ignore_case = request.headers.get("b1s-caseinsensitive", "").lower() == "true"
        options = Options.of(request.query, type_, v1=request.v1, ignore_case=ignore_case)
        found = options.matching(self.company.rows(known.name))
        if below == "$count":
            return Reply(200, str(len(found)))
        if below is not None:
            raise refusals.unknown_path()
        size, applied = page_size(request.headers)
        page, following = options.page(found, size)
        mark = "odata" if request.v1 else "@odata"
        payload = self._context(request, known.name)
        if options.count:
            payload[f"{mark}.count"] = str(len(found)) if request.v1 else len(found)
        payload["value"] = [self._shown(request, known, row, options.select) for row in page]
        if following:
            start = "/b1s/v1/" if request.v1 else ""
            payload[f"{mark}.nextLink"] = f"{start}{known.name}?{self._next(following)}"
        return Reply(200, payload, {"Preference-Applied": applied} if applied else {})

    def _next(self, query: str) -> str:
        """Some servers are said to lose the filter."""
        if not self.company.setup["next_link_loses_filter"]:
            return query
        return "&".join(part for part in query.split("&") if not part.startswith("$filter"))

    def _one(self, request: Request, method: str, known: EntitySet, key: Any) -> Reply:
        row = self.company.get(known.name, key)
        if method == "GET":
            options = Options.of(request.query, self.company.types[known.type], v1=request.v1)
            payload = self._context(request, known.name + ("/@Element" if request.v1 else "/$entity"))
            return Reply(200, payload | self._shown(request, known, row, options.select), self._etag(known, row))
        if method not in known.accepts.split() or method == "POST":
            raise refusals.not_supported()
        self._check_version(request, known, row)
        if method == "PATCH":
            self._change(request, known, key)
        else:
            self._remove(known, key)
        return Reply(204)

    def _shown(self, request: Request, known: EntitySet, row: Row, select: list[str]) -> Row:
        mark = "odata.etag" if request.v1 else "@odata.etag"
        tags = [(mark, value) for value in self._etag(known, row).values()]
        return dict(tags) | self.company.types.shown(known.type, row, select, v1=request.v1)

    def _etag(self, known: EntitySet, row: Row) -> dict[str, str]:
        return {"ETag": etag(row["DataVersion"])} if self.company.types[known.type].has_version else {}

    def _context(self, request: Request, of: str) -> Row:
        return {"odata.metadata" if request.v1 else "@odata.context": f"{request.root}$metadata#{of}"}

    def _key(self, known: EntitySet, text: str) -> Any:
        """Texts are quoted, numbers are not; several parts are named."""
        parts = {}
        for found in PART.finditer(text):
            value = found[2]
            held = value[1:-1].replace("''", "'") if value.startswith("'") else int(value)
            parts[found[1] or known.key[0]] = held
        kinds = self.company.types[known.type].properties
        fits = parts.keys() == set(known.key) and all(
            isinstance(parts[name], int) == (kinds[name].kind == "int") for name in known.key
        )
        if not fits:
            raise refusals.bad_query("Invalid key")
        return known.key_of(parts)

    # --- writing -----------------------------------------------------------------------------------------

    def _create(self, request: Request, method: str, known: EntitySet, below: str | None) -> Reply:
        if method != "POST" or below is not None or "POST" not in known.accepts.split():
            raise refusals.not_supported()
        if known.name in self.company.setup["scripts"]:
            raise refusals.script(self.company.setup["scripts"][known.name])
        create = CREATE.get(known.name) or (lambda company, body: services.create_plain(company, known.name, body))
        row = create(self.company, request.json())
        path = f"{known.name}({self._written_key(known, row)})"
        headers = {"Location": request.root + path} | self._etag(known, row)
        if "return-no-content" in request.headers.get("prefer", ""):
            return Reply(204, None, headers | {"Preference-Applied": "return-no-content"}, path)
        payload = self._context(request, known.name + ("/@Element" if request.v1 else "/$entity"))
        return Reply(201, payload | self._shown(request, known, row, []), headers, path)

    def _written_key(self, known: EntitySet, row: Row) -> str:
        values = {name: f"'{row[name]}'" if isinstance(row[name], str) else str(row[name]) for name in known.key}
        if len(values) == 1:
            return values[known.key[0]]
        return ",".join(f"{name}={value}" for name, value in values.items())

    def _change(self, request: Request, known: EntitySet, key: Any) -> None:
        if known.name == "BusinessPartners":
            replace = request.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"
            partners.change(self.company, key, request.json(), replace=replace)
        elif known.name in CHANGE:
            CHANGE[known.name](self.company, key, request.json())
        else:
            sent = self.company.types.accept(known.type, request.json())
            own = {name: value for name, value in sent.items() if name not in known.key}
            self.company.change(known.name, key, self.company.get(known.name, key) | own)

    def _remove(self, known: EntitySet, key: Any) -> None:
        if known.name == "BusinessPartners":
            partners.remove(self.company, key)
        else:
            self.company.drop(known.name, key)

    def _act(self, request: Request, method: str, known: EntitySet, key: Any, action: str) -> Reply:
        if method != "POST" or action not in known.actions.split():
            raise refusals.unknown_path()
        self._check_version(request, known, self.company.get(known.name, key))
        ACT[known.name, action](self.company, key)
        return Reply(204)

    def _check_version(self, request: Request, known: EntitySet, row: Row) -> None:
        """Only a weak ETag is looked at; anything else in If-Match is passed over (seen on a live system)."""
        wanted = request.headers.get("if-match", "")
        tags = self._etag(known, row)
        if tags and wanted.startswith("W/") and wanted != tags["ETag"] and not request.in_batch:
            raise refusals.stale()
