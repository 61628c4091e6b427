"""A document as the build of a flow hands it to the outbox: what would be posted, or why not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import simplejson
import sqlalchemy as sa


class Verdict(StrEnum):
    """What the build says of a document; the outbox turns it into a state."""

    DUE = "due"
    BLOCKED = "blocked"
    SKIPPED = "skipped"  # nothing to post, by rule (a zero total)
    WITHDRAWN = "withdrawn"  # voided at its source
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Reason:
    """Why a document is blocked: a stable code, and a sentence its owner can act on."""

    code: str
    text: str


@dataclass(frozen=True)
class BuiltDocument:
    """Unique by target, kind, source key, part and revision.

    `amount` is what the document is worth in `currency`, signed as its source has it. `payload` holds text,
    integers and booleans only: money and quantities as decimal strings, dates as ISO strings.
    """

    flow: str
    kind: str
    source_key: str
    business_key: str
    home_day: date
    business_date: date
    amount: Decimal
    currency: str
    party: str
    source_hash: str
    payload: Mapping[str, Any]
    label: str = ""  # what people call it: the invoice number, the customer's name
    part: int = 0
    revision: int = 0
    verdict: Verdict = Verdict.DUE
    reasons: tuple[Reason, ...] = field(default=())
    adopt_only: bool = False  # another software exported it: find it or leave it, never send it
    reversible: bool = False  # if it is posted and its source changed, its flow may take it back and post it anew

    @property
    def payload_text(self) -> str:
        return text_of(self.payload)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def text_of(payload: Mapping[str, Any]) -> str:
    """The one text of a payload, so that equal ones have equal hashes."""
    return simplejson.dumps(payload, sort_keys=True, separators=(",", ":"))


def posting_date(row: sa.Row[Any]) -> date:
    """The date a document of the outbox goes into the books on; that of its source, unless the payload says another."""
    text = simplejson.loads(row.payload).get("posting_date")
    return date.fromisoformat(text) if text else row.business_date
