"""Every test may ask for `database_url`: it then runs on SQLite and on PostgreSQL."""

from tests.databases import database_url, new_database, postgresql

__all__ = ["database_url", "new_database", "postgresql"]
