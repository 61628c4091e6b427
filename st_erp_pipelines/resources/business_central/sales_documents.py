"""Sales invoices and credit memos: a draft under our external document number, then `Microsoft.NAV.post`.

The id survives posting, the number does not: it changes to the posted series. One list holds drafts and
posted documents alike. Nothing there is unique, so a look-up asks both lists for every key; and a person may
give our document another reference (the customer's order number), so what we entered is then asked for by id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.business_central.client import BusinessCentral, Row, decoded
from st_erp_pipelines.resources.business_central.replies import SYSTEM
from st_erp_pipelines.resources.odata import any_of, in_chunks, trimmed
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Wanted

LANES = 4  # the service works on five requests of one user at a time
DESCRIPTION = 100
PRICE = Decimal("0.00001")  # places kept of prices and quantities
BEGUN = "begun "  # before the ETag of entering: what differs from it later may be our own setting of dimensions
EDITED = "somebody changed it since our last write, and it is not what we entered"
UNKNOWN_STATE = "the ETag of our last write is not known, so somebody may have changed it since"


@dataclass(frozen=True)
class Kind:
    """The names that differ between invoices and credit memos."""

    name: str
    path: str
    lines: str
    date: str
    ledger_type: str

    @property
    def expand(self) -> str:
        return f"{self.lines}($expand=dimensionSetLines)"


INVOICE = Kind("invoice", "salesInvoices", "salesInvoiceLines", "invoiceDate", "Invoice")
CREDIT_MEMO = Kind("credit memo", "salesCreditMemos", "salesCreditMemoLines", "creditMemoDate", "Credit Memo")
KINDS = {"invoice": INVOICE, "credit_memo": CREDIT_MEMO}


class SalesDocuments:
    has_drafts = True
    lanes = LANES

    def __init__(self, client: BusinessCentral) -> None:
        self.place = client.place
        self.timing = client.timing
        self._client = client
        setup = _setup(client)
        self._shortcuts = _shortcuts(setup)
        self._local_currency = next((row.get("localCurrencyCode") or "" for row in setup), "")

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        rows: dict[str, list[tuple[Kind, Row]]] = defaultdict(list)
        for chunk in in_chunks([one.key for one in wanted]):
            for kind in KINDS.values():
                for row in self._asked(kind, chunk):
                    rows[row["externalDocumentNumber"]].append((kind, row))
        if strangers := rows.keys() - {one.key for one in wanted}:
            detail = f"the filter was not honoured: {len(strangers)} keys came back that nobody asked for"
            return {one.key: Finding(Found.UNKNOWN, detail=detail) for one in wanted}
        unread: dict[str, Finding] = {}
        for one in wanted:
            if one.ours and one.remote_id and one.key not in rows:
                try:
                    rows[one.key] = self._by_id(one)
                except (Unavailable, Rejected, InDoubt) as error:
                    unread[one.key] = Finding(Found.UNKNOWN, detail=error.sentence())
        in_ledger = self._in_ledger(row for found in rows.values() for _, row in found)
        local = self._local_currency
        return {one.key: _finding(one, rows.get(one.key, []), in_ledger, local) for one in wanted} | unread

    def prepare(self, wanted: Wanted) -> Reply:
        kind = _kind(wanted)
        draft = self._draft(kind, wanted)
        if _is_edited(wanted, draft) and likeness(wanted, kind, draft, self._local_currency) is not Likeness.EQUAL:
            fix = f"Look at draft {draft['number']}: post it there, or remove it there and replay the document."
            facts: dict[str, Any] = {"system": SYSTEM, "operation": "compare draft", "document": wanted.key}
            raise Rejected(EDITED, cause="changed_meanwhile", fix=fix, **facts)
        if self._add_missing_lines(kind, draft, wanted):
            draft = self._draft(kind, wanted)
        if self._set_dimensions(kind, draft, wanted):
            draft = self._draft(kind, wanted)
        _require_agreement(kind, draft, wanted)
        return Reply(remote_id=draft["id"], number=draft["number"], etag=draft["@odata.etag"])

    def send(self, wanted: Wanted, move: Move) -> Reply:
        kind = _kind(wanted)
        if move is Move.ENTER:
            return self._enter(kind, wanted)
        if move is Move.POST:
            return self._post(kind, wanted)
        return self._remove(kind, wanted)

    def _asked(self, kind: Kind, keys: Sequence[str]) -> list[Row]:
        return self._client.rows(
            kind.path,
            operation=f"look up {kind.name}s",
            filter=any_of("externalDocumentNumber", keys),
            expand=kind.expand,
        )

    def _by_id(self, wanted: Wanted) -> list[tuple[Kind, Row]]:
        """What we entered, wherever its reference went. Only the service's own 404 says that it is gone."""
        kind = _kind(wanted)
        path = f"{kind.path}({wanted.remote_id})"
        try:
            return [(kind, self._client.row(path, operation=f"look up {kind.name} by id", expand=kind.expand))]
        except Rejected as error:
            if error.status != 404 or not error.code:
                raise
            return []

    def _in_ledger(self, rows: Iterable[Row]) -> set[tuple[str, str]]:
        """Document type and number of what is `Open` and has ledger entries.

        A released document that nobody posted is `Open` too; only its entries in the ledger tell.
        """
        numbers = sorted({row["number"] for row in rows if decoded(row["status"]) == "Open"})
        entries = (
            entry
            for chunk in in_chunks(numbers)
            for entry in self._client.rows(
                "generalLedgerEntries",
                operation="look up ledger entries",
                filter=any_of("documentNumber", chunk),
                select="documentNumber,documentType",
            )
        )
        return {(decoded(entry["documentType"]), entry["documentNumber"]) for entry in entries}

    def _enter(self, kind: Kind, wanted: Wanted) -> Reply:
        body = self._header(kind, wanted.payload)
        body[kind.lines] = [_line(line) for line in wanted.payload["lines"]]
        created = self._client.write("POST", kind.path, operation=f"create {kind.name}", document=wanted.key, body=body)
        return Reply(created["id"], created.get("number"), BEGUN + created.get("@odata.etag", ""))

    def _header(self, kind: Kind, payload: Mapping[str, Any]) -> Row:
        """The customer first, since it sets terms and dates; all three dates, since one moves the others."""
        header = {
            "customerNumber": payload["customer_number"],
            "externalDocumentNumber": payload["key"],
            "currencyCode": payload.get("currency"),
            kind.date: payload["document_date"],
            "postingDate": payload["posting_date"],
            "dueDate": payload.get("due_date"),
        }
        if kind is CREDIT_MEMO:
            header["invoiceId"] = payload.get("applies_to")
        if kind is INVOICE:
            header["customerPurchaseOrderReference"] = trimmed(payload.get("reference") or "", 35)
        code, value = _dimension({}, payload)
        if field := self._shortcuts.get(code):
            header[field] = value
        return {name: value for name, value in header.items() if value}

    def _draft(self, kind: Kind, wanted: Wanted) -> Row:
        path, operation = f"{kind.path}({wanted.remote_id})", f"read draft {kind.name}"
        try:
            row = self._client.row(path, operation=operation, expand=kind.expand)
        except Rejected as error:
            if error.status != 404:
                raise
            raise _doubt("the draft is gone", operation, wanted) from None
        if (status := decoded(row["status"])) != "Draft":
            raise _doubt(f"the draft has become {status}", operation, wanted)
        return row

    def _add_missing_lines(self, kind: Kind, draft: Row, wanted: Wanted) -> bool:
        there = {line["sequence"] for line in draft[kind.lines]}
        missing = [line for line in wanted.payload["lines"] if line["sequence"] not in there]
        for line in missing:
            path = f"{kind.path}({draft['id']})/{kind.lines}"
            self._client.write("POST", path, operation="add line", document=wanted.key, body=_line(line))
        return bool(missing)

    def _set_dimensions(self, kind: Kind, draft: Row, wanted: Wanted) -> bool:
        """A line inherits dimensions from customer, account and header; one that is there is changed."""
        pending = _pending_dimensions(kind, draft, wanted)
        for line, code, value, present in pending:
            path = f"{kind.path}({draft['id']})/{kind.lines}({line['id']})/dimensionSetLines"
            self._client.write(
                "PATCH" if present else "POST",
                f"{path}({present['id']})" if present else path,
                operation="set dimension",
                document=wanted.key,
                body={"valueCode": value} if present else {"code": code, "valueCode": value},
                etag=present["@odata.etag"] if present else None,
            )
        return bool(pending)

    def _post(self, kind: Kind, wanted: Wanted) -> Reply:
        path = f"{kind.path}({wanted.remote_id})"
        self._client.write("POST", f"{path}/Microsoft.NAV.post", operation=f"post {kind.name}", document=wanted.key)
        try:
            posted = self._client.row(path, operation="read the posted number", select="id,number,status")
        except StErpError as error:
            return Reply(wanted.remote_id, warning=f"Posted; its number could not be read: {error.text}")
        if decoded(posted["status"]) == "Draft":
            raise _doubt("posting was accepted, but it is still a draft", f"post {kind.name}", wanted)
        return Reply(wanted.remote_id, posted["number"], posted.get("@odata.etag"))

    def _remove(self, kind: Kind, wanted: Wanted) -> Reply:
        path, operation = f"{kind.path}({wanted.remote_id})", f"remove draft {kind.name}"
        etag = (wanted.etag or "").removeprefix(BEGUN)
        if not etag:
            raise Rejected(UNKNOWN_STATE, cause="changed_meanwhile", operation=operation, document=wanted.key)
        self._client.write("DELETE", path, operation=operation, document=wanted.key, etag=etag)
        return Reply(wanted.remote_id)


def _setup(client: BusinessCentral) -> list[Row]:
    """One row; an older server does not show it."""
    try:
        return client.rows("generalLedgerSetup", operation="read general ledger setup")
    except Rejected as error:
        if error.status != 404:
            raise
        return []


def _shortcuts(setup: Sequence[Row]) -> dict[str, str]:
    """Dimension code to the header field that gives all lines its value."""
    fields = ((f"shortcutDimension{place}Code", row) for row in setup for place in (1, 2))
    return {row[field]: field for field, row in fields if row.get(field)}


def _kind(wanted: Wanted) -> Kind:
    return KINDS[wanted.payload["type"]]


def _doubt(text: str, operation: str, wanted: Wanted) -> InDoubt:
    return InDoubt(text, system=SYSTEM, operation=operation, document=wanted.key, fix="A look-up will tell.")


def _line(line: Mapping[str, Any]) -> Row:
    """In the order in which the server validates: choosing the object resets what follows it."""
    fields = {
        "sequence": line["sequence"],
        "lineType": line["type"].capitalize(),
        "lineObjectNumber": line["number"].upper(),  # codes are kept in upper case there
        "description": trimmed(line.get("description") or "", DESCRIPTION),
        "quantity": _exact(line["quantity"]),
        "unitPrice": _exact(line["unit_price"]),
        "taxCode": (line.get("tax_code") or "").upper(),
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _exact(value: object) -> Decimal:
    return Decimal(str(value)).quantize(PRICE)


def _pending_dimensions(kind: Kind, draft: Row, wanted: Wanted) -> list[tuple[Row, str, str, Row | None]]:
    """Line, code, value we want, and what the line has of that code; for lines that differ."""
    lines = {line["sequence"]: line for line in draft[kind.lines]}
    pending = []
    for ours in wanted.payload["lines"]:
        code, value = _dimension(ours, wanted.payload)
        theirs = lines.get(ours["sequence"])
        if code and theirs is not None:
            present = next((one for one in theirs["dimensionSetLines"] if one["code"] == code), None)
            if present is None or present["valueCode"] != value:
                pending.append((theirs, code, value, present))
    return pending


def _dimension(line: Mapping[str, Any], payload: Mapping[str, Any]) -> tuple[str, str]:
    of = line if line.get("dimension_code") else payload
    return (of.get("dimension_code") or "").upper(), (of.get("dimension_value") or "").upper()


def _require_agreement(kind: Kind, draft: Row, wanted: Wanted) -> None:
    theirs, ours = len(draft[kind.lines]), len(wanted.payload["lines"])
    total = draft["totalAmountIncludingTax"]
    cause, text = "total_differs", ""
    if theirs != ours:
        text = f"the draft has {theirs} lines instead of {ours}"
    elif total != Decimal(wanted.payload["total"]):
        text = f"the draft comes to {total} instead of {wanted.payload['total']}"
    elif pending := _pending_dimensions(kind, draft, wanted):
        cause, text = "missing_dimension", f"{len(pending)} lines did not take their dimension"
    if text:
        fix = f"Look at draft {draft['number']}: usually it is tax setup, rounding or a default dimension."
        raise Rejected(text, cause=cause, system=SYSTEM, operation="compare draft", document=wanted.key, fix=fix)


def _finding(wanted: Wanted, found: Sequence[tuple[Kind, Row]], in_ledger: set[tuple[str, str]], local: str) -> Finding:
    findings = [
        finding if row["externalDocumentNumber"] == wanted.key else _renamed(finding, kind, row)
        for finding, kind, row in ((_judged(wanted, kind, row, in_ledger, local), kind, row) for kind, row in found)
    ]
    if not findings:
        return Finding(Found.ABSENT)
    alive = [finding for finding in findings if finding.found is not Found.DEAD]
    if len(alive) <= 1 and (not alive or len(findings) == 1):
        return (alive or findings)[0]  # cancelled with its corrections is dead as a whole
    numbers = ", ".join(str(finding.number) for finding in findings)
    return Finding(Found.SEVERAL, detail=f"{len(findings)} documents carry {wanted.key}: {numbers}")


def _renamed(finding: Finding, kind: Kind, row: Row) -> Finding:
    """Ours by its id only, and never equal: a person decides whether it stands for our document."""
    reference = row["externalDocumentNumber"]
    detail = f"{kind.name} {row['number']}, which we entered, has the reference {reference!r} by now."
    if finding.found is Found.COMPLETE:
        return replace(finding, party=f"{finding.party} with the reference {reference!r}", detail=detail)
    if finding.found is Found.UNFINISHED:
        return replace(finding, likeness=Likeness.DIFFERENT, etag=None, detail=detail)
    return replace(finding, detail=f"{finding.detail}. {detail}")


def _judged(wanted: Wanted, kind: Kind, row: Row, in_ledger: set[tuple[str, str]], local: str) -> Finding:
    status = decoded(row["status"])
    here: dict[str, Any] = {"remote_id": row["id"], "number": row["number"], "etag": row["@odata.etag"]}
    if wanted.etag == BEGUN + here["etag"]:
        here["etag"] = wanted.etag  # nobody wrote to it since
    if status in ("Canceled", "Corrective"):
        return Finding(Found.DEAD, detail=f"{kind.name} {row['number']} is {status.lower()}", **here)
    if status == "Paid" or (status == "Open" and (kind.ledger_type, row["number"]) in in_ledger):
        return _posted(wanted, kind, row, here)
    if status in ("In Review", "Open"):
        doing = "waits for approval" if status == "In Review" else "is released but not posted"
        detail = f"{kind.name} {row['number']} {doing}"
        return Finding(Found.UNFINISHED, likeness=Likeness.DIFFERENT, detail=detail, **here)
    if status == "Draft":
        if kind is not _kind(wanted):  # without its ETag nobody can take it for ours and remove it
            here |= {"etag": None, "detail": f"the draft {row['number']} is a {kind.name}"}
            return Finding(Found.UNFINISHED, likeness=Likeness.DIFFERENT, **here)
        like = likeness(wanted, kind, row, local)
        edited = _is_edited(wanted, row) and like is Likeness.DIFFERENT
        detail = f"Draft {row['number']}: {EDITED}." if edited else ""
        return Finding(Found.UNFINISHED, likeness=like, detail=detail, **here)
    return Finding(Found.UNKNOWN, detail=f"{kind.name} {row['number']} has the status {status!r}", **here)


def _posted(wanted: Wanted, kind: Kind, row: Row, here: Mapping[str, Any]) -> Finding:
    """Its total signed as ours is: a credit memo of 50 is worth -50 where its source is a negative invoice."""
    wrong = kind is not _kind(wanted)
    total = Decimal(row["totalAmountIncludingTax"])
    return Finding(
        Found.COMPLETE,
        total=-total if wrong != (wanted.total < 0) else total,
        on=date.fromisoformat(row[kind.date]),
        currency=row["currencyCode"] or None if wanted.currency else None,
        party=row["customerNumber"],
        detail=f"it was posted as a {kind.name}" if wrong else "",
        **here,
    )


def likeness(wanted: Wanted, kind: Kind, draft: Row, local: str) -> Likeness:
    """A beginning has lines or dimensions missing, nothing else, and nobody wrote to it after us.

    What we do not send is not compared.

    `local`: the company's currency, which an empty code means; "" where it is not known.
    """
    payload = wanted.payload
    currencies = {code for code in (payload.get("currency") or local, draft["currencyCode"] or local) if code}
    header = {"customerNumber": payload["customer_number"], kind.date: payload["document_date"]}
    header |= {"postingDate": payload["posting_date"], "dueDate": payload.get("due_date")}
    ours = {line["sequence"]: line for line in payload["lines"]}
    theirs = draft[kind.lines]
    if len(currencies) > 1 or any(value and draft[field] != value for field, value in header.items()):
        return Likeness.DIFFERENT
    if any(line["sequence"] not in ours or not _same(_line(ours[line["sequence"]]), line) for line in theirs):
        return Likeness.DIFFERENT
    pending = _pending_dimensions(kind, draft, wanted)
    if any(present for *_, present in pending) and not wanted.ours:
        return Likeness.DIFFERENT  # a default of the customer that our attempt met, or a person's choice
    if not pending and len(theirs) == len(ours):
        return Likeness.EQUAL
    return Likeness.DIFFERENT if _is_edited(wanted, draft) else Likeness.BEGINNING


def _is_edited(wanted: Wanted, draft: Row) -> bool:
    """Changed since it was prepared. Until then nobody can tell: preparing may have stopped midway."""
    noted = wanted.etag or BEGUN
    return not noted.startswith(BEGUN) and noted != draft["@odata.etag"]


def _same(ours: Row, theirs: Row) -> bool:
    return all(theirs.get(field) == value for field, value in ours.items())
