"""A posted document whose source changed, where its flow's policy is `reverse_and_repost`.

Its reversal is a document of its own, under its own key, and posted like any other. Then, unless the source was
voided, the next revision follows: blocked until the reversal stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import simplejson
import sqlalchemy as sa

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.document import BuiltDocument, Reason, Verdict
from st_erp_pipelines.outbox.schema import attempts
from st_erp_pipelines.outbox.states import STANDING, change_state

REVERSAL = "_reversal"  # ends the kind of a reversal
Payload = Mapping[str, Any]
Reverse = Callable[[Payload, Document, str, Payload], Payload]  # what was sent, its document, the key, the new payload


def is_reversal(kind: str) -> bool:
    return kind.endswith(REVERSAL)


def reversal_of(row: Document, siblings: Iterable[Document]) -> Document | None:
    kind, at = row.kind + REVERSAL, (row.part, row.revision)
    return next((each for each in siblings if each.kind == kind and (each.part, each.revision) == at), None)


def reversal(con: sa.Connection, row: Document, document: BuiltDocument, reverse: Reverse) -> BuiltDocument:
    """What takes the posted `row` back: what was sent, turned round."""
    of_it = sa.select(attempts.c.payload).where(attempts.c.document_id == row.id).order_by(attempts.c.id.desc())
    sent = simplejson.loads(con.execute(of_it.limit(1)).scalar_one())
    key = f"{row.business_key}-V"
    return replace(
        document, kind=row.kind + REVERSAL, revision=row.revision, business_key=key, amount=-row.amount,
        party=row.party, currency=row.currency, source_hash=row.source_hash, home_day=row.home_day,
        payload=reverse(sent, row, key, document.payload), verdict=Verdict.DUE, reasons=(), adopt_only=False,
    )  # fmt: skip


def note_reversed(con: sa.Connection, now: datetime, row: Document, document: BuiltDocument, key: str) -> None:
    """It stays posted. Without a source hash it is built each time, so that a source that comes back is seen."""
    what = "Voided" if document.verdict is Verdict.WITHDRAWN else "Changed"
    text = f"{what} at its source after it was posted: {key} takes it back."
    change_state(con, now, row, row.state, text, flag="", source_hash="")


def next_revision(row: Document, document: BuiltDocument, siblings: Iterable[Document]) -> BuiltDocument:
    number = row.revision + 1
    first = row.business_key.removesuffix(f"-R{row.revision}") if row.revision else row.business_key
    key = f"{first}-R{number}"
    opened = replace(document, revision=number, business_key=key, payload={**document.payload, "key": key})
    return waiting(opened, row, siblings)


def waiting(document: BuiltDocument, before: Document, siblings: Iterable[Document]) -> BuiltDocument:
    """Blocked until the revision before it is taken back."""
    taken_back = reversal_of(before, siblings)
    if taken_back is not None and taken_back.state in STANDING:
        return document
    reason = Reason("waits_for_reversal", f"It waits until {before.business_key}-V has taken back what was posted.")
    return replace(document, verdict=Verdict.BLOCKED, reasons=(*document.reasons, reason))
