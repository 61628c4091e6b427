"""The DuckDB file of a connection: opened late, closed early, never while HTTP calls run.

One read-write process per file and nobody beside it, not even a reader; `connect` does not wait. So we do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from st_erp_pipelines.clock import Clock, SystemClock
from st_erp_pipelines.errors import Unavailable

ATTEMPTS = 150  # with waits of 0.5 to 2.5 s: about four minutes
LOCKED = "Could not set lock"
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # a misspelled function is an error at once, not a download
    "autoload_known_extensions": False,
    "preserve_insertion_order": False,  # else bulk inserts are buffered in memory
    "enable_external_file_cache": False,  # landing files are read once
    "threads": 2,
    "memory_limit": "400MB",
}
_numbers = count()


@cache
def instance() -> duckdb.DuckDBPyConnection:
    """DuckDB, once for each process: making one costs 14 ms, attaching a file to it 1 ms. Keeps nothing itself."""
    return duckdb.connect(config=CONFIG)


@contextmanager
def open_warehouse(path: Path, *, clock: Clock | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Raises Unavailable, naming the process that holds the file, when it stays locked for some minutes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with instance().cursor() as con:
        name = _attach_patiently(con, path, clock or SystemClock())
        try:
            con.execute(f"use {name}; set TimeZone = 'UTC'")
            yield con
        except duckdb.FatalException:
            instance.cache_clear()  # it answers nothing more
            raise
        finally:
            with suppress(duckdb.Error):  # whatever was under way when something else failed
                con.rollback()
            with suppress(duckdb.FatalException):
                con.execute(f"use memory; detach {name}")


@contextmanager
def new_warehouse(path: Path, *, clock: Clock | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty one, which takes the place of the one at `path` if all goes well. Nobody opens that meanwhile.

    In an instance of its own: the catalog of one tells of the views of all its files, and binds them by their names.

    What was deleted from a DuckDB file can still be read in its bytes: there is nothing of it in a new file.
    """
    partial = path.with_name(f".{path.name}.new")
    with open_warehouse(path, clock=clock) as old:
        old.execute("checkpoint")  # nothing of it is left in a log, which would be taken for the new one's
        partial.unlink(missing_ok=True)
        try:
            with duckdb.connect(str(partial), config=CONFIG) as con:
                con.execute("set TimeZone = 'UTC'")
                yield con
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _attach_patiently(con: duckdb.DuckDBPyConnection, path: Path, clock: Clock) -> str:
    """Under a name that no other has in this process."""
    retrying = Retrying(
        retry=retry_if_exception(_is_locked),
        wait=wait_random(0.5, 2.5),
        stop=stop_after_attempt(ATTEMPTS),
        sleep=clock.sleep,
        reraise=True,
    )
    name = f"warehouse_{next(_numbers)}"
    try:
        retrying(con.execute, f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name}")
    except duckdb.IOException as error:
        if not _is_locked(error):
            raise
        holder = re.search(r"PID (\d+)", str(error))
        raise Unavailable(
            f"{path.name} is open in another process{f' (PID {holder[1]})' if holder else ''}.",
            system="DuckDB", operation="open",
            fix="Close it there; notebooks should open the published snapshot instead.",
        ) from error  # fmt: skip
    return name


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and LOCKED in str(error)
