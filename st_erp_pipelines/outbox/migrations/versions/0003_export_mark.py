"""Whether a posted document was marked as exported at its source."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("documents") as documents:
        documents.add_column(sa.Column("export_mark", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("documents") as documents:  # on SQLite, the rows are copied with the default first
        documents.alter_column("export_mark", server_default=None)
