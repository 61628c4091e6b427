"""Landing: what a read brought, one Parquet file per connection, entity, part and run; `retention.py` joins them.

Columns: `key`, `modified_on` (both as text, as they came), `payload` (the record), `run_id`, `extracted_at`.
Records never become Python objects: DuckDB reads the page files and splits them into rows. It rewrites JSON on
the way: white space goes, and a number with a fraction keeps the 15 to 17 digits of a double; strings are kept
as they are, and that is how ServiceTitan's accounting documents give money.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.staging.entities import steps
from st_erp_pipelines.staging.warehouse import instance

STAMP = "%Y%m%dT%H%M%S%fZ"
# Measured, see benchmarks/README.md. Small row groups bound what `from_json` holds at once when they are read.
WRITE = "(format parquet, compression lz4_raw, row_group_size 512)"
NO_ROWS = "no rows in "
READING = ".reading_"  # folders of pages, beside the landing of connections


@dataclass(frozen=True)
class Landed:
    """`total_count` is what the server said, where it was asked to; `distinct_keys` is what to compare it with."""

    path: Path
    rows: int
    distinct_keys: int
    total_count: int | None


def land(
    pages: Sequence[Path],
    *,
    root: Path,
    connection: str,
    system: str,
    entity: str,
    part: str,
    run_id: str,
    extracted_at: datetime,
    rows_member: Literal["data", "value"],
    key_member: str = "id",
    modified_member: str = "modifiedOn",
) -> Landed:
    """Write the page files (HTTP bodies as they came) as one landing file; none of it is there if this raises.

    `part` is the day (ISO), "full", "snapshot" or "by_id". A read without rows is written too: it says that
    the part was read. Raises Unavailable when a page is no JSON or has no rows member.
    """
    folder = root / connection / system / entity / part
    target = folder / f"{extracted_at.astimezone(UTC):{STAMP}}_{run_id}.parquet"
    parameters = {
        "pages": [str(page) for page in pages],
        "page_outline": json.dumps({rows_member: ["JSON"]}),
        "key_outline": json.dumps({rows_member: [{key_member: "VARCHAR", modified_member: "VARCHAR"}]}),
        "no_rows": NO_ROWS,
        "run_id": run_id,
        "extracted_at": extracted_at,
    }
    split = steps("landing")["split"].format(key=key_member, modified=modified_member, rows=rows_member, write=WRITE)
    with in_memory() as con, _written_whole(target) as partial:
        try:
            con.execute(split, {**parameters, "target": str(partial)})
        except duckdb.Error as error:
            raise Unavailable(
                f"{_fault(con, pages, error)}, so nothing of this read was landed.",
                system=system, operation=f"read {entity}", fix="It will be read again.",
            ) from error  # fmt: skip
        rows, distinct = con.execute(steps("landing")["counts"], {"target": str(partial)}).fetchall()[0]
        total = con.execute(steps("landing")["total"].format(), {"pages": parameters["pages"]}).fetchall()[0][0]
        return Landed(target, rows, distinct, total)


def _fault(con: duckdb.DuckDBPyConnection, pages: Sequence[Path], error: duckdb.Error) -> str:
    """Which page it was. The engine's own text quotes the body, and bodies stay out of error texts."""
    if NO_ROWS in str(error):
        return f"the page {Path(str(error).partition(NO_ROWS)[2]).name} has no list of rows"
    found = con.execute(steps("landing")["unreadable"], {"pages": [str(page) for page in pages]}).fetchall()
    return f"the page {found[0][0]} is no JSON" if found else f"pages could not be split ({type(error).__name__})"


def landing_files(root: Path, connection: str, system: str, entity: str) -> list[Path]:
    """All landing files of an entity, in the order in which they were read."""
    return sorted((root / connection / system / entity).glob("*/*.parquet"), key=lambda path: path.name)


def extracted_at(path: Path) -> datetime:
    return datetime.strptime(path.name.partition("_")[0], STAMP).replace(tzinfo=UTC)


def closed_days(root: Path, connection: str, system: str, entity: str) -> dict[date, datetime]:
    """When each day was last read: a day read after it had ended need not be read again."""
    days: dict[date, datetime] = {}
    for path in landing_files(root, connection, system, entity):
        if path.parent.name[:1].isdigit():
            days[date.fromisoformat(path.parent.name)] = extracted_at(path)
    return days


def rewrite(con: duckdb.DuckDBPyConnection, query: str, bound: dict[str, Any], target: Path) -> None:
    """`copy ... to $target` in place of what is there. What it was made from may be gone then: it is on disk first."""
    with _written_whole(target) as partial:
        con.execute(query, {**bound, "target": str(partial)})
        with partial.open("r+b") as written:
            os.fsync(written.fileno())


@contextmanager
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to what keeps nothing: for reading and writing files."""
    with instance().cursor() as con:
        con.execute("set TimeZone = 'UTC'")
        yield con


@contextmanager
def _written_whole(target: Path) -> Iterator[Path]:
    """A name to write to; it becomes `target` only if all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
