"""The durable tables of posting: documents, their attempts and events, fences, pauses, links, cursors."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

from st_erp_pipelines.database import UtcDateTime, metadata


class Cents(sa.TypeDecorator[Decimal]):
    """Money, stored as whole cents: exact, and SQL can add it up in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int((value * 100).to_integral_exact())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)


def _text(name: str, *, default: str | None = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=default is None, default=default)


documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("connection", "place", "flow", "kind", "source_key")),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    *(_text(name) for name in ("business_key", "label", "currency", "party", "source_hash")),
    sa.Column("home_day", sa.Date, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("amount", Cents, nullable=False),
    *(_text(name) for name in ("payload", "payload_hash")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_since", UtcDateTime, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False, default=list),
    *(_text(name) for name in ("sentence", "cause", "flag", "export_mark")),
    sa.Column("adopt_only", sa.Boolean, nullable=False, default=False),
    sa.Column("voided", sa.Boolean, nullable=False, default=False),
    sa.Column("replayed", sa.Boolean, nullable=False, default=False),
    sa.Column("next_try_at", UtcDateTime),
    sa.Column("settle_at", UtcDateTime),
    sa.Column("doubted_at", UtcDateTime),  # the three stamps that the waiting time is measured by
    sa.Column("doubt_boot_seconds", sa.Float),
    _text("doubt_boot_id", default=None),
    sa.Column("attempt_count", sa.Integer, nullable=False, default=0),
    sa.Column("version", sa.Integer, nullable=False, default=0),  # of its state; who saw an older one changes nothing
    *(_text(name, default=None) for name in ("remote_id", "remote_number", "etag")),
    sa.UniqueConstraint("place", "kind", "source_key", "part", "revision"),
    sa.Index("documents_due", "connection", "flow", "state"),
    sa.Index("documents_by_place", "place", "state"),
    sa.Index("documents_by_key", "business_key"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("document_id", sa.ForeignKey("documents.id"), nullable=False, index=True),
    sa.Column("move", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("intended_at", UtcDateTime, nullable=False),
    *(_text(name) for name in ("payload", "payload_hash", "source_hash", "currency", "party")),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("amount", Cents, nullable=False),
    *(_text(name, default=None) for name in ("outcome", "text", "code", "remote_id", "remote_number")),
    *(_text(name, default=None) for name in ("correlation_id", "late_outcome", "late_remote_id")),
    sa.Column("status", sa.Integer),
    sa.Column("closed_at", UtcDateTime),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("document_id", sa.ForeignKey("documents.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _text("text"),
)

fences = sa.Table(
    "fences",
    metadata,
    sa.Column("place", sa.Text, primary_key=True),
    _text("owner"),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    sa.Column("until", UtcDateTime, nullable=False),
    _text("next_owner"),  # who asked while it was taken; goes before the last owner
    sa.Column("next_until", UtcDateTime),
)

pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),  # a connection's name, or a place
    sa.Column("since", UtcDateTime, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source_key", sa.Text, primary_key=True),
    *(_text(name) for name in ("erp_number", "linked_by", "source_hash")),
    _text("remote_id", default=None),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("value"),
)
