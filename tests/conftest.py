"""Every test may ask for `database_url`: it then runs on SQLite and on PostgreSQL."""

import os
from pathlib import Path

from tests.databases import database_url, new_database, postgresql

__all__ = ["database_url", "new_database", "postgresql"]

# No test speaks TLS, and reading the certificates that a machine trusts takes each client 20 ms: here are none.
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
