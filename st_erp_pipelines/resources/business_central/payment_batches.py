"""Which payment batch may take a line. It is posted as a whole, so it holds one line of ours at a time.

A batch belongs to the key whose line stands, or may stand, in it, and is free again only by proof that the
line is not there: posted, removed, refused at its creation, or absent in a look-up. Whatever stops between
entering and posting, nothing has to be given back: the batch rests until that key is looked up again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.business_central.client import BusinessCentral, Row
from st_erp_pipelines.resources.business_central.replies import SYSTEM
from st_erp_pipelines.resources.odata import quoted
from st_erp_pipelines.target import Wanted

LOOK_AGAIN = 0.5  # seconds


@dataclass
class Batch:
    code: str
    journal_id: str
    balancing_account: str
    line_of: str = ""  # the key whose line stands, or may stand, in it
    is_at_work: bool = False  # that document is under way now, so waiting for the batch makes sense
    was_seen_empty: bool = False  # since the last look-up
    stopped: str = ""  # what somebody else has in it

    @property
    def path(self) -> str:
        return f"customerPaymentJournals({self.journal_id})/customerPayments"

    @property
    def is_free(self) -> bool:
        return not self.line_of and not self.stopped


class Batches:
    """The payment batches of a company, and which of them are ours to use right now. Thread-safe."""

    def __init__(self, client: BusinessCentral, draft_code: str) -> None:
        self._client = client
        self._draft_code = draft_code
        self._changed = threading.Condition()
        self._by_code: dict[str, Batch] = {}

    def refresh(self) -> None:
        """Journals by code, since posting can replace one by a new id; stops are judged anew."""
        rows = self._client.rows("customerPaymentJournals", operation="list payment batches")
        with self._changed:
            for row in rows:
                self._learn(row)

    def all(self) -> list[Batch]:
        return list(self._by_code.values())

    def of_journal(self, journal_id: str) -> Batch | None:
        return next((batch for batch in self.all() if batch.journal_id == journal_id), None)

    def take(self, wanted: Wanted) -> tuple[Batch, str]:
        """A free batch, from now on this key's, and a warning about those that stopped.

        Waits for batches whose document is under way, as long as a send may be late; then Unavailable.
        """
        codes = wanted.payload["batches"]
        ours = [self._existing(code, wanted) for code in codes]
        until = self._client.clock.boot_seconds() + self._client.timing.send_window.total_seconds()
        while (batch := self._next_free(ours, wanted.key, until)) and not self._is_empty(batch, wanted.key):
            self.vacate(wanted.key)
        warning = " ".join(batch.stopped for batch in ours if batch.stopped)
        if batch is None:
            text = f"no payment batch of {', '.join(codes)} is free. {warning}".strip()
            raise Unavailable(text, system=SYSTEM, operation="choose a batch", document=wanted.key)
        return batch, warning

    def lines(self, batch: Batch) -> list[Row]:
        """All that would be posted with the batch, as far as the API shows it.

        Posting leaves a blank line behind in a batch without number series; that one does not count.
        """
        payments = self._client.rows(batch.path, operation=f"list batch {batch.code}")
        others = self._client.rows(
            f"journals({batch.journal_id})/journalLines", operation=f"list other lines of batch {batch.code}"
        )
        return payments + [row for row in others if row["amount"] or row["accountNumber"]]

    @contextmanager
    def working(self, batch: Batch, key: str) -> Iterator[None]:
        """Others wait for the batch; where the block fails with the line still there, the batch rests."""
        self.give(batch, key, at_work=True)
        try:
            yield
        except BaseException:
            self.rest(key)
            raise

    def give(self, batch: Batch, key: str, *, at_work: bool = False) -> None:
        """The line of `key` stands in it. A draft batch takes any number of lines and is nobody's."""
        with self._changed:
            if batch.code != self._draft_code and batch.line_of in ("", key):
                batch.line_of, batch.is_at_work = key, at_work

    def rest(self, key: str) -> None:
        self._settle(key, key)

    def vacate(self, key: str) -> None:
        """Proven: no line of that key stands in any batch."""
        self._settle(key, "")

    def stop(self, batch: Batch, lines: Sequence[Row]) -> None:
        numbers = ", ".join(sorted({repr(line["documentNumber"]) for line in lines}))
        batch.stopped = f"Batch {batch.code} is not used: it holds {numbers}. Post or remove that, and keep it for us."

    def _settle(self, key: str, line_of: str) -> None:
        with self._changed:
            for batch in self.all():
                if batch.line_of == key:
                    batch.line_of = "" if batch.code == self._draft_code else line_of
                    batch.is_at_work = False
            self._changed.notify_all()

    def _next_free(self, ours: Sequence[Batch], key: str, until: float) -> Batch | None:
        with self._changed:
            while True:
                for batch in ours:
                    if batch.is_free:
                        batch.line_of, batch.is_at_work = key, True
                        return batch
                left = until - self._client.clock.boot_seconds()
                if left <= 0 or not any(batch.is_at_work for batch in ours):
                    return None
                self._changed.wait(min(left, LOOK_AGAIN))

    def _is_empty(self, batch: Batch, key: str) -> bool:
        """Asked once between look-ups; before each posting the batch is listed anyway."""
        if batch.code != self._draft_code and not batch.was_seen_empty:
            try:
                others = self.lines(batch)
            except BaseException:
                self.vacate(key)
                raise
            if others:
                self.stop(batch, others)
            batch.was_seen_empty = not others
            return not others
        return True

    def _existing(self, code: str, wanted: Wanted) -> Batch:
        """The batch of that code, created where it is missing."""
        with self._changed:
            batch = self._by_code.get(code) or self._created(code, wanted)
        account = wanted.payload["balancing_account"]
        if code != self._draft_code and account and account != batch.balancing_account:
            raise Rejected(  # its documents wait for a new payload, the other payments go on
                f"batch {code} balances to account {batch.balancing_account or 'none'}, "
                f"but payment_types.csv says {account}",
                cause="batch_account",
                system=SYSTEM,
                operation="choose a batch",
                document=wanted.key,
                fix=f"Change that row of payment_types.csv, or the account of batch {code}.",
            )
        return batch

    def _created(self, code: str, wanted: Wanted) -> Batch:
        """Its code is unique there, so what is in doubt is settled by listing them again."""
        account = wanted.payload["balancing_account"]
        body: Row = {"code": code, "displayName": f"ServiceTitan {code}"}
        if code != self._draft_code:  # drafts of all payment types share a batch; who posts chooses the account
            body["balancingAccountId"] = self._account_id(code, account)
        try:
            row = self._client.write(
                "POST", "customerPaymentJournals", operation="create batch", document=code, body=body
            )
        except InDoubt as doubt:
            raise Unavailable(f"batch {code} may just have been created: {doubt.text}", system=SYSTEM) from None
        return self._learn(row | {"balancingAccountNumber": row.get("balancingAccountNumber") or account})

    def _account_id(self, code: str, number: str) -> str:
        found = self._client.rows(
            "accounts", operation="find the balancing account", filter=f"number eq {quoted(number)}"
        )
        account = next((row for row in found if row["number"] == number), None)
        if not number or account is None:
            missing = f"account {number!r} does not exist" if number else "payment_types.csv names no account"
            raise Rejected(
                f"batch {code} is missing, and {missing}",
                cause="batch_account",
                retry_daily=True,
                system=SYSTEM,
                operation="create batch",
                fix=f"Create batch {code} in Business Central, or correct balancing_account.",
            )
        return str(account["id"])

    def _learn(self, row: Row) -> Batch:
        code, journal_id, account = row["code"], row["id"], row.get("balancingAccountNumber") or ""
        batch = self._by_code.get(code)
        if batch is None or batch.journal_id != journal_id:
            batch = self._by_code[code] = Batch(code, journal_id, account)
        batch.balancing_account, batch.stopped, batch.was_seen_empty = account, "", False
        return batch
