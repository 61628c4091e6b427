"""Logins that processes share, encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "kept_logins",
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("value", sa.Text, nullable=False, comment="encrypted"),
        sa.Column("good_until", sa.DateTime(timezone=True), nullable=False),
    )
