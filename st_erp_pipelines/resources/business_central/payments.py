"""Customer payments: a line in a batch of ours, which is then posted as a whole.

The post action is found on `journals`, with the id of the payment journal. Its answer proves nothing where
postings are queued, so a payment is posted when the ledger has it. A part of a payment is a document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.business_central.client import BusinessCentral, Row, decoded
from st_erp_pipelines.resources.business_central.payment_batches import Batch, Batches
from st_erp_pipelines.resources.business_central.payment_evidence import gather, judge, lost, renumbered
from st_erp_pipelines.resources.business_central.replies import SYSTEM
from st_erp_pipelines.resources.odata import quoted, trimmed
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted

LANES = 4  # the service works on five requests of one user at a time


class Payments:
    """`batches`: codes of all batches that payments may go to; `draft_batch`: where drafts are left."""

    has_drafts = True

    def __init__(self, client: BusinessCentral, *, batches: Sequence[str], draft_batch: str) -> None:
        self.place = client.place
        self.timing = client.timing
        self.lanes = max(1, min(LANES, len(set(batches))))
        self._client = client
        self._own = {draft_batch, *batches}
        self._draft_batch = draft_batch
        self._batches = Batches(client, draft_batch)

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        self._batches.refresh()
        own = self._own.union(*(one.payload["batches"] for one in wanted))
        journals = {(one.remote_id or "").partition("/")[0] for one in wanted}
        batches = [one for one in self._batches.all() if one.code in own or one.journal_id in journals]
        evidence = gather(self._client, batches, (one.payload["payment_key"] for one in wanted))
        findings = {one.key: judge(one, evidence) for one in wanted}
        for one in wanted:
            if findings[one.key].found is Found.ABSENT and one.ours and "/" in (one.remote_id or ""):
                findings[one.key] = self._by_id(one)
        for key, finding in findings.items():
            if finding.found is not Found.UNKNOWN and key not in evidence.open:
                self._batches.vacate(key)
            for line in evidence.open.get(key, []):
                self._batches.give(line.batch, key)
        return findings

    def _by_id(self, wanted: Wanted) -> Finding:
        """The line that we entered, whose number neither a line nor the ledger has: only its id tells more."""
        journal_id, _, line_id = (wanted.remote_id or "").partition("/")
        batch = self._batches.of_journal(journal_id)
        path = f"customerPaymentJournals({journal_id})/customerPayments({line_id})"
        try:
            return renumbered(wanted, batch, self._client.row(path, operation="look up line by id"))
        except (Unavailable, Rejected, InDoubt) as error:
            if error.status != 404 or not error.code:
                return Finding(Found.UNKNOWN, detail=error.sentence())
        return lost(wanted, batch) if wanted.tried_to_post else Finding(Found.ABSENT)

    def prepare(self, wanted: Wanted) -> Reply:
        """Exactly our one line, as we wrote it. Where somebody else's came beside it, ours is taken back."""
        batch, line_id = self._place_of(wanted)
        if batch.code not in wanted.payload["batches"]:
            self._refuse_drafts(batch, wanted)
        with self._batches.working(batch, wanted.key):
            if batch.code == self._draft_batch:
                lines = self._client.rows(
                    batch.path, operation="read line", filter=f"documentNumber eq {quoted(wanted.key)}"
                )
            else:
                lines = self._batches.lines(batch)
            ours = next((line for line in lines if line["id"] == line_id), None)
            if ours is None:
                raise self._doubt(f"our line is gone from batch {batch.code}", "compare line", wanted)
            others = [line for line in lines if line is not ours]
            if others and batch.code != self._draft_batch:
                self._give_way(batch, others, wanted, ours["@odata.etag"])
            _require_agreement(ours, wanted)
        return Reply(wanted.remote_id, wanted.key, ours["@odata.etag"])

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is Move.ENTER:
            return self._enter(wanted)
        if move is Move.POST:
            return self._post(wanted)
        self._remove(wanted, wanted.etag)
        return Reply(wanted.remote_id)

    def _enter(self, wanted: Wanted) -> Reply:
        if wanted.payload["invoice_key"] and not wanted.payload["invoice_id"]:
            text = f"the invoice {wanted.payload['invoice_key']} it pays was not posted when it was built"
            raise Rejected(text, cause="waits_for_invoice", document=wanted.key, fix="The next build mends that.")
        clock, timing = self._client.clock, self.timing
        began = clock.boot_seconds()
        batch, warning = self._batches.take(wanted)
        with self._batches.working(batch, wanted.key):
            late = timedelta(seconds=clock.boot_seconds() - began)
            if late > timing.send_window:
                self._batches.vacate(wanted.key)
                raise Unavailable("choosing a batch took too long, nothing was sent", document=wanted.key)
            try:
                created = self._client.write(
                    "POST",
                    batch.path,
                    operation="enter payment",
                    document=wanted.key,
                    deadline=timing.deadline - late,
                    body=_line(wanted.payload),
                )
            except (Unavailable, Rejected, ConfigurationError):
                self._batches.vacate(wanted.key)
                raise
        if batch.code == self._draft_batch:
            self._batches.vacate(wanted.key)
        remote_id = f"{batch.journal_id}/{created['id']}"
        return Reply(remote_id, wanted.key, created.get("@odata.etag"), warning)

    def _post(self, wanted: Wanted) -> Reply:
        batch, _ = self._place_of(wanted)
        self._refuse_drafts(batch, wanted)
        with self._batches.working(batch, wanted.key):
            try:
                self._client.write(
                    "POST",
                    f"journals({batch.journal_id})/Microsoft.NAV.post",
                    operation="post payment",
                    document=wanted.key,
                )
            except Rejected as refusal:
                if refusal.cause == "no_lines":
                    raise self._doubt(f"batch {batch.code} is empty", "post payment", wanted) from None
                self._clear_after(refusal, batch, wanted)
                raise
            self._require_in_ledger(wanted)
        self._batches.vacate(wanted.key)
        return Reply(wanted.key, wanted.key)

    def _refuse_drafts(self, batch: Batch, wanted: Wanted) -> None:
        """Posting takes a batch as a whole, and drafts of others lie in this one."""
        if batch.code == self._draft_batch:
            raise Rejected(
                f"its line lies in {batch.code}, the batch of drafts, which is never posted",
                cause="draft_batch",
                system=SYSTEM,
                operation="choose a batch",
                document=wanted.key,
                fix="Remove that line there and replay the document, or post the line by hand.",
            )

    def _require_in_ledger(self, wanted: Wanted) -> None:
        operation = "confirm payment in the ledger"
        try:
            entries = self._client.rows(
                "generalLedgerEntries",
                operation=operation,
                filter=f"documentNumber eq {quoted(wanted.key)}",
                select="documentNumber,documentType",
            )
        except StErpError as error:
            raise self._doubt(f"it was accepted, but {error.text}", operation, wanted) from None
        if not any(decoded(entry["documentType"]) == "Payment" for entry in entries):
            raise self._doubt("posting was accepted, but the ledger has no entry", operation, wanted)

    def _clear_after(self, refusal: Rejected, batch: Batch, wanted: Wanted) -> None:
        """A refused line would block every other one, so it leaves the batch."""
        try:
            self._remove(wanted, wanted.etag)
        except StErpError as error:
            refusal.fix += f" Its line still stands in batch {batch.code}, which rests: {error.text}."

    def _give_way(self, batch: Batch, others: Sequence[Row], wanted: Wanted, etag: str) -> None:
        self._batches.stop(batch, others)
        self._remove(wanted, etag)
        raise Unavailable(
            f"{batch.stopped} Our line was taken back, nothing was posted.",
            system=SYSTEM,
            operation="compare batch",
            document=wanted.key,
        )

    def _remove(self, wanted: Wanted, etag: str | None) -> None:
        batch, line_id = self._place_of(wanted)
        operation = "remove payment line"
        if not etag:
            text = "the ETag of our last write is not known, so somebody may have changed it since"
            raise Rejected(text, cause="changed_meanwhile", operation=operation, document=wanted.key)
        path = f"{batch.path}({line_id})"
        self._client.write("DELETE", path, operation=operation, document=wanted.key, etag=etag)
        self._batches.vacate(wanted.key)

    def _place_of(self, wanted: Wanted) -> tuple[Batch, str]:
        """`{journal id}/{line id}` is what entering returned, so it is known again after a restart."""
        journal_id, _, line_id = (wanted.remote_id or "").partition("/")
        batch = self._batches.of_journal(journal_id)
        if batch is None:
            raise self._doubt("its batch is gone", "find the batch", wanted)
        return batch, line_id

    def _doubt(self, text: str, operation: str, wanted: Wanted) -> InDoubt:
        fix = "A look-up will tell."
        return InDoubt(text, system=SYSTEM, operation=operation, document=wanted.key, fix=fix)


def _line(payload: Mapping[str, Any]) -> Row:
    """Never a `lineNumber`: the server's is free, ours might not be. The amount is a credit, so negative."""
    fields = {
        "customerNumber": payload["customer_number"],
        "postingDate": payload["posting_date"],
        "documentNumber": payload["key"],
        "externalDocumentNumber": payload["key"],
        "amount": -Decimal(payload["amount"]),
        "appliesToInvoiceId": payload["invoice_id"],
        "description": trimmed(payload.get("description") or "", 100),
        "comment": trimmed(payload.get("comment") or "", 250),
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _require_agreement(line: Row, wanted: Wanted) -> None:
    payload = wanted.payload
    theirs = (-Decimal(line["amount"]), line["customerNumber"], line["documentNumber"])
    ours = (Decimal(payload["amount"]), payload["customer_number"], payload["key"])
    if theirs != ours:
        said = f"the line says {', '.join(map(str, theirs))} instead of {', '.join(map(str, ours))}"
        fix = "Remove the line there, or replay the document."
        raise Rejected(
            said, cause="total_differs", system=SYSTEM, operation="compare line", document=wanted.key, fix=fix
        )
