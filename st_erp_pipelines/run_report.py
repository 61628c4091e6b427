"""What one run of posting may send, and what it did: for the log, Dagster's metadata and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State


@dataclass(frozen=True)
class Limits:
    max_documents: int | None = None
    max_amount: Decimal | None = None

    def exceeded_by(self, due: Sequence[sa.Row[Any]]) -> str:
        new = [row for row in due if row.state not in (State.ENTERED, State.IN_DOUBT)]
        amount = sum((abs(row.amount) for row in new), Decimal(0))
        if self.max_documents is not None and len(new) > self.max_documents:
            return f"{len(new)} due exceeds max_documents {self.max_documents}"
        if self.max_amount is not None and amount > self.max_amount:
            return f"{amount} due exceeds max_amount {self.max_amount}"
        return ""


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
