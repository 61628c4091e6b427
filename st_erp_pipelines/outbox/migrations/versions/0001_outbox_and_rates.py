"""The tables as they were when revisions began: the outbox, and the slots of shared rate limits.

They are written out, so that this revision stays what it is. Databases that were made before have some or all of
these tables; what is missing is made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

tables = sa.MetaData()


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


sa.Table(
    "documents",
    tables,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    text("connection"),
    text("place"),
    text("flow"),
    text("kind"),
    text("source_key"),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    text("business_key"),
    text("label"),
    text("currency"),
    text("party"),
    text("source_hash"),
    sa.Column("home_day", sa.Date, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    text("payload"),
    text("payload_hash"),
    text("sent_hash"),
    text("state"),
    time("state_since"),
    sa.Column("reasons", sa.JSON, nullable=False),
    text("sentence"),
    text("cause"),
    text("flag"),
    sa.Column("adopt_only", sa.Boolean, nullable=False),
    sa.Column("voided", sa.Boolean, nullable=False),
    sa.Column("replayed", sa.Boolean, nullable=False),
    time("next_try_at", nullable=True),
    time("settle_at", nullable=True),
    time("doubted_at", nullable=True),
    sa.Column("doubt_boot_seconds", sa.Float),
    text("doubt_boot_id", nullable=True),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    text("remote_id", nullable=True),
    text("remote_number", nullable=True),
    text("etag", nullable=True),
    sa.UniqueConstraint("place", "kind", "source_key", "part", "revision"),
    sa.Index("documents_due", "connection", "flow", "state"),
    sa.Index("documents_by_place", "place", "state"),
    sa.Index("documents_by_key", "business_key"),
)

sa.Table(
    "attempts",
    tables,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("document_id", sa.ForeignKey("documents.id"), nullable=False, index=True),
    text("move"),
    text("owner"),
    sa.Column("epoch", sa.Integer, nullable=False),
    time("intended_at"),
    text("payload"),
    text("payload_hash"),
    text("source_hash"),
    text("currency"),
    text("party"),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    text("outcome", nullable=True),
    text("text", nullable=True),
    text("code", nullable=True),
    text("remote_id", nullable=True),
    text("remote_number", nullable=True),
    text("correlation_id", nullable=True),
    text("late_outcome", nullable=True),
    text("late_remote_id", nullable=True),
    sa.Column("status", sa.Integer),
    time("closed_at", nullable=True),
)

sa.Table(
    "events",
    tables,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("document_id", sa.ForeignKey("documents.id"), nullable=False, index=True),
    time("at"),
    text("state"),
    text("text"),
)

sa.Table(
    "fences",
    tables,
    sa.Column("place", sa.Text, primary_key=True),
    text("owner"),
    sa.Column("epoch", sa.Integer, nullable=False),
    time("until"),
    text("next_owner"),
    time("next_until", nullable=True),
)

sa.Table(
    "pauses",
    tables,
    sa.Column("scope", sa.Text, primary_key=True),
    time("since"),
)

sa.Table(
    "links",
    tables,
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source_key", sa.Text, primary_key=True),
    text("erp_number"),
    text("linked_by"),
    text("source_hash"),
    text("remote_id", nullable=True),
)

sa.Table(
    "cursors",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    text("value"),
)

sa.Table(
    "rate_slots",
    tables,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("next_at", sa.Double, nullable=False, comment="seconds since 1970, by the database's clock"),
)


def upgrade() -> None:
    tables.create_all(op.get_bind())
