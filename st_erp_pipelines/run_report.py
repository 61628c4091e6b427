"""What one run of posting may send, and what it did: for the log, Dagster's metadata and the command line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State

STANDS_OR_MAY = (State.ENTERED, State.SENDING, State.IN_DOUBT)


@dataclass
class RunReport:
    """Of each document its last state and its amount; and what stopped the run."""

    left: dict[int, tuple[State, Decimal]] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    stopped: bool = False
    braked: bool = False  # trying again soon would only repeat it

    @property
    def states(self) -> Counter[str]:
        return Counter(state for state, _ in self.left.values())

    @property
    def amount_posted(self) -> Decimal:
        return sum((amount for state, amount in self.left.values() if state is State.POSTED), Decimal(0))

    def count(self, document: Document | None) -> Document | None:
        """As it was left; None, where somebody else got there first, counts for nothing."""
        if document is not None:
            self.left[document.id] = (State(document.state), document.amount)
        return document

    def stop(self, sentence: str, *, braked: bool = False) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)
        self.stopped, self.braked = True, self.braked or braked


@dataclass(frozen=True)
class Limits:
    max_documents: int | None = None
    max_amount: Decimal | None = None

    def allowed(self, due: list[sa.Row[Any]], flow: str, report: RunReport) -> list[sa.Row[Any]]:
        """All; or, where new ones exceed a limit, only what stands there or may: a doubt is settled all the same."""
        standing = [row for row in due if row.state in STANDS_OR_MAY]
        new = [row for row in due if row.state not in STANDS_OR_MAY]
        amount = sum((abs(row.amount) for row in new), Decimal(0))
        for name, figure, limit in (
            ("max_documents", Decimal(len(new)), self.max_documents),
            ("max_amount", amount, self.max_amount),
        ):
            if limit is not None and figure > limit:
                report.braked = True
                report.sentences.append(f"{flow}: {figure} due exceeds {name} {limit}; nothing new was sent.")
                due = standing
        return due
