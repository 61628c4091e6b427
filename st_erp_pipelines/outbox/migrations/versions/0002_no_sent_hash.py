"""What was sent is known from the attempts; the documents no longer repeat its hash."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("documents") as documents:
        documents.drop_column("sent_hash")
