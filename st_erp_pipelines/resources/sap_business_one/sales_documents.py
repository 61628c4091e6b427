"""A/R invoices and credit notes of the service type: an account per line, posted at once under our key.

The server writes the journal entry itself and makes the tax out of the codes, so the total is computed beforehand and
compared afterwards. Amounts that are posted never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.sap_business_one.client import LANES, BusinessOne, Row, day, etag_of, money
from st_erp_pipelines.resources.sap_business_one.evidence import Drafts, Evidence, Kind, Seen, require_field
from st_erp_pipelines.resources.sap_business_one.masters import Accounts, Currencies, TaxCodes, TaxField, refused
from st_erp_pipelines.resources.sap_business_one.posting_log import PostingLog
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted

INVOICE = Kind("invoice", "invoice", "Invoices", "oInvoices")
CREDIT_NOTE = Kind("credit_memo", "credit note", "CreditNotes", "oCreditNotes")
KINDS = {kind.name: kind for kind in (INVOICE, CREDIT_NOTE)}
DRAFTS = Drafts("Drafts", ("DocEntry", "DocNum", "DocObjectCode", "AuthorizationStatus", "DocumentStatus"))
SELECT = (
    "DocEntry", "DocNum", "CardCode", "TaxDate", "DocCurrency", "DocTotal", "DocTotalFc", "CancelStatus",
)  # fmt: skip
DESCRIPTION = 100
BASE_INVOICE = 13
PROJECT = "PROJECT"  # what a table that maps to dimensions calls it


class SalesDocuments:
    """Payloads as for other ERPs, and of each line or of all `project_code`; a `dimension_code` is a number, 1 to 5."""

    has_drafts = False
    lanes = LANES

    def __init__(
        self,
        client: BusinessOne,
        *,
        key_field: str = "NumAtCard",
        former_key_fields: Sequence[str] = (),
        tax_field: TaxField = "TaxCode",
        branch: int | None = None,
        posting_log: str = "",
    ) -> None:
        self.place, self.timing = client.place, client.timing
        self._key_field, self._branch = key_field, branch
        require_field(client, key_field, "OINV")  # on one table of sales documents it is on all
        self._post = PostingLog(client, posting_log).post if posting_log else client.post
        self._accounts = Accounts(client)
        self._taxes = TaxCodes(client, tax_field)
        self._currencies = Currencies(client)
        fields = tuple(dict.fromkeys((key_field, *former_key_fields)))
        self._evidence = Evidence(client, (INVOICE, CREDIT_NOTE), DRAFTS, fields, SELECT, self._judged)

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return self._evidence.look_up(wanted)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id)  # there is no draft of ours to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"sales documents of Business One are posted at once, there is nothing to {move}")
        kind, body = KINDS[wanted.payload["type"]], self._body(wanted)
        try:
            made = self._post(
                kind.path, operation=f"post {kind.label}", document=wanted.key, body=body, names="DocEntry"
            )
        except Rejected as error:
            raise self._evidence.after_refusal(error, wanted) from None
        theirs, ours = _total(made), Decimal(wanted.payload["total"])
        warning = f"Business One made it {theirs} instead of {ours}: correct its tax there." if theirs != ours else ""
        return Reply(str(made["DocEntry"]), str(made.get("DocNum") or ""), etag_of(made), warning)

    def _judged(self, wanted: Wanted, seen: Seen) -> Finding:
        """Its total signed as ours is: a credit note of 50 is worth -50 where its source is a negative invoice."""
        row = seen.row
        here: dict[str, Any] = {"remote_id": seen.remote_id, "number": str(row["DocNum"])}
        if row["CancelStatus"] != "csNo":
            said = "cancels another" if row["CancelStatus"] == "csCancellation" else "was cancelled"
            return Finding(Found.DEAD, detail=f"{seen.name} {said}", **here)
        wrong = seen.kind is not KINDS[wanted.payload["type"]]
        total = _total(row)
        return Finding(
            Found.COMPLETE,
            total=-total if wrong != (wanted.total < 0) else total,
            on=day(row["TaxDate"]),
            currency=self._currencies.known_as(row["DocCurrency"]) if wanted.currency else None,
            party=row["CardCode"],
            etag=etag_of(row),
            detail=f"it was posted as a {seen.kind.label}" if wrong else "",
            **here,
        )

    def _body(self, wanted: Wanted) -> Row:
        payload, on = wanted.payload, date.fromisoformat(wanted.payload["document_date"])
        totals = self._taxes.totals(payload["lines"], on, wanted.key)
        if totals and Decimal(payload["total"]) not in totals:
            text = f"Business One would make it {min(totals)} instead of {payload['total']}"
            fix = "Usually it is a tax code or a rate: correct it there, or its mapping."
            raise refused(text, "total_differs", wanted.key, fix, retry_daily=True)
        reference = payload.get("reference") or ""
        header = {
            "CardCode": payload["customer_number"],
            "DocType": "dDocument_Service",
            "DocDate": payload["posting_date"],
            "TaxDate": payload["document_date"],
            "DocDueDate": payload.get("due_date"),
            "NumAtCard": trimmed(reference, 100),
            "Comments": trimmed(reference, 254),
            "DocCurrency": self._currencies.code(payload.get("currency") or "", wanted.key),
            "Project": payload.get("project_code"),
            "BPL_IDAssignedToInvoice": self._branch,
        } | {self._key_field: payload["key"]}
        lines = [self._line(at, line, wanted) for at, line in enumerate(payload["lines"])]
        return {name: value for name, value in header.items() if value not in (None, "")} | {"DocumentLines": lines}

    def _line(self, at: int, line: Mapping[str, Any], wanted: Wanted) -> Row:
        """A note that takes an invoice back names its lines, in their order: it closes them."""
        of = line if line.get("dimension_code") else wanted.payload
        base = wanted.payload.get("applies_to")
        fields = {
            "ItemDescription": trimmed(line.get("description") or "", DESCRIPTION),
            "AccountCode": self._account(line, wanted),
            "LineTotal": Decimal(line["amount"]),
            self._taxes.field: line.get("tax_code"),
            "ProjectCode": line.get("project_code") or wanted.payload.get("project_code"),
            **_costing(of.get("dimension_code"), of.get("dimension_value")),
            **({"BaseType": BASE_INVOICE, "BaseEntry": int(base), "BaseLine": at} if base else {}),
        }
        return {name: value for name, value in fields.items() if value not in (None, "")}

    def _account(self, line: Mapping[str, Any], wanted: Wanted) -> str:
        if line["type"] != "account":
            fix = "Map it to an account: documents of the service type have no items."
            raise refused(f"a line names the {line['type']} {line['number']}", "item_line", wanted.key, fix)
        return self._accounts.code(line["number"], wanted.key)


def _costing(dimension: object, rule: object) -> Row:
    """A distribution rule, in the field of its dimension; or a project."""
    if not dimension or not rule:
        return {}
    if dimension == PROJECT:
        return {"ProjectCode": rule}
    return {"CostingCode" if str(dimension) == "1" else f"CostingCode{dimension}": rule}


def _total(row: Row) -> Decimal:
    """In the document's own currency; the second one is zero where that is the company's."""
    return money(row.get("DocTotalFc")) or money(row["DocTotal"])
