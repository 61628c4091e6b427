"""What keeps a flow from running into one wall again and again; for one run, safe among its threads."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date

import simplejson

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State

REFUSALS_IN_A_ROW = 10


class Brakes:
    """Counts refusals of first attempts by cause, and by posting date where the cause is bound to it.

    Of what was refused before, one of each cause is asked first; refused again, the others wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: Counter[tuple[str, date | None]] = Counter()
        self._again: dict[str, bool] = {}  # by cause of an earlier refusal: was it refused again?

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
        """Its kind was just refused again, or its date is refused today. A doubt is settled all the same."""
        if row.state in (State.IN_DOUBT, State.ENTERED):
            return False
        with self._lock:
            if row.state == State.REJECTED and self._again.get(row.cause, False):
                return True
            day = posting_date(row)
            return any(
                bound_to == day and count >= REFUSALS_IN_A_ROW for (_, bound_to), count in self._refusals.items()
            )

    def one_of_each_first(self, rows: list[Document]) -> tuple[list[Document], list[Document]]:
        first: list[Document] = []
        later: list[Document] = []
        with self._lock:
            asked = set(self._again)
        for row in rows:
            refused_before = row.state == State.REJECTED
            (later if refused_before and row.cause in asked else first).append(row)
            if refused_before:
                asked.add(row.cause)
        return first, later


def posting_date(row: Document) -> date:
    text = simplejson.loads(row.payload).get("posting_date")
    return date.fromisoformat(text) if text else row.business_date
