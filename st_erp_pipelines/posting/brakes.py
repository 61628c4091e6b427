"""What keeps a flow from running into one wall again and again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

import simplejson

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State

REFUSALS_IN_A_ROW = 10
STANDS_THERE = (State.ENTERED, State.IN_DOUBT)  # or may: it is looked up whatever happens to others


class Brakes:
    """Of one run, safe among its threads.

    Refusals of first attempts are counted by cause, and by posting date where the cause is bound to it. Of what
    was refused before, one of each cause is asked first; refused again, the others wait until tomorrow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: Counter[tuple[str, date | None]] = Counter()
        self._again: dict[str, bool] = {}  # by cause of an earlier refusal: was it refused again?

    def waves(self, rows: Sequence[Document]) -> Iterator[list[Document]]:
        asked = set(self._again)
        later = []
        for row in rows:
            if row.state == State.REJECTED:
                if row.cause in asked:
                    later.append(row)
                asked.add(row.cause)
        yield from filter(None, ([row for row in rows if row not in later], later))

    def refused(self, row: Document, error: Rejected) -> bool:
        """True where the flow has to stop: that many refusals of one cause without a success between them."""
        with self._lock:
            if row.cause:
                self._again[row.cause] = row.cause == error.cause
                return False
            bound_to = posting_date(row) if error.date_bound else None
            self._refusals[error.cause, bound_to] += 1
            return bound_to is None and self._refusals[error.cause, None] >= REFUSALS_IN_A_ROW

    def succeeded(self, row: Document) -> None:
        with self._lock:
            self._again[row.cause] = False
            for key in [key for key in self._refusals if key[1] in (None, posting_date(row))]:
                del self._refusals[key]

    def hold_back(self, row: Document) -> bool:
        """Its kind was just refused again, or its date is refused today."""
        if row.state in STANDS_THERE:
            return False
        with self._lock:
            if row.state == State.REJECTED and self._again.get(row.cause, False):
                return True
            held = {bound_to for (_, bound_to), count in self._refusals.items() if count >= REFUSALS_IN_A_ROW}
            return posting_date(row) in held


def posting_date(row: Document) -> date:
    text = simplejson.loads(row.payload).get("posting_date")
    return date.fromisoformat(text) if text else row.business_date
