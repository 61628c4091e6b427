"""What keeps a flow from running into one wall again and again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import date

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.document import posting_date
from st_erp_pipelines.outbox.states import State

REFUSALS_IN_A_ROW = 10


class Brakes:
    """Of one run, safe among its threads. Refusals of first attempts count by cause, and by posting date where the
    cause is bound to it. What was refused before waits until tomorrow once another of its cause was refused again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: Counter[tuple[str, date | None]] = Counter()
        self._refused_again: dict[str, bool] = {}  # by cause of an earlier refusal, once one was asked again

    def waves(self, rows: Sequence[Document]) -> list[list[Document]]:
        """Of what was refused before, one of each cause first."""
        asked = set(self._refused_again)
        first, later = list[Document](), list[Document]()
        for row in rows:
            (later if row.state == State.REJECTED and row.cause in asked else first).append(row)
            asked.add(row.cause)
        return [wave for wave in (first, later) if wave]

    def refused(self, row: Document, error: Rejected) -> bool:
        """True where the flow has to stop: that many refusals of one cause without a success between them."""
        with self._lock:
            if row.cause:
                self._refused_again[row.cause] = row.cause == error.cause
                return False
            bound_to = posting_date(row) if error.date_bound else None
            self._refusals[error.cause, bound_to] += 1
            return bound_to is None and self._refusals[error.cause, None] >= REFUSALS_IN_A_ROW

    def succeeded(self, row: Document) -> None:
        with self._lock:
            self._refused_again[row.cause] = False
            for key in [key for key in self._refusals if key[1] in (None, posting_date(row))]:
                del self._refusals[key]

    def hold_back(self, row: Document) -> bool:
        """Its kind was just refused again, or its date is refused today."""
        if row.state in (State.ENTERED, State.IN_DOUBT):  # it stands there, or may
            return False
        with self._lock:
            if row.state == State.REJECTED and self._refused_again.get(row.cause, False):
                return True
            day, counts = posting_date(row), self._refusals.items()
            return any(bound_to == day and count >= REFUSALS_IN_A_ROW for (_, bound_to), count in counts)
