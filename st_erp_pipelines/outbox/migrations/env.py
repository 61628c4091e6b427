"""What alembic runs for an upgrade. The connection, its transaction and its locks are the caller's."""

from alembic import context

from st_erp_pipelines.outbox.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
