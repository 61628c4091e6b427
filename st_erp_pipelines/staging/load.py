"""Landing files into staging tables: typed, the newest version of each record, bad records set aside.

Loading is repeatable and its result does not depend on the order of files: the newest version wins by when it
was modified, then by when it was read; home day and first sync status come from the version that was read first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from duckdb import CatalogException, DuckDBPyConnection

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox.forgotten import Forgotten
from st_erp_pipelines.staging.entities import BOOKS, SQL, Entity, Table, declared_as, entities_of, entity_of, steps
from st_erp_pipelines.staging.landing import extracted_at, landing_files
from st_erp_pipelines.staging.personal import clear, owners_first

STRETCH = 4096  # landing rows typed at once: bounds memory, whatever a file holds


@dataclass(frozen=True)
class Loaded:
    """What became of the rows in newly loaded landing files; `rows` is the sum of the five outcomes."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    quarantined: int = 0
    files: int = 0

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.unchanged + self.older + self.quarantined


@dataclass(frozen=True)
class Stretch:
    """Consecutive landing rows: several small files, or a part of a large one."""

    files: tuple[Path, ...]
    first_row: int
    last_row: int


def load(
    con: DuckDBPyConnection,
    *,
    root: Path,
    connection: str,
    system: str,
    entity: str,
    tenants: Mapping[str, str],
    zone: str,
    first_day: date,
    last_day: date,
    now: datetime,
    forgotten: Sequence[Forgotten] = (),
) -> Loaded:
    """Load what landed and is not in staging yet. `tenants`: each system's tenant or company, as in source keys.

    `zone` (IANA), `first_day` and `last_day` give new records their home day. One transaction per stretch; a
    file counts as loaded after its last one, so what was interrupted is loaded again, to the same result.
    What a file says of who is `forgotten` is taken out of it first.
    """
    prepare(con, tenants, zone=zone, first_day=first_day, last_day=last_day, now=now)
    return _Load(con, root, connection, entity_of(system, entity), tenants[system], forgotten).run()


def load_all(
    con: DuckDBPyConnection,
    *,
    root: Path,
    connection: str,
    tenants: Mapping[str, str],
    zone: str,
    first_day: date,
    last_day: date,
    now: datetime,
    forgotten: Sequence[Forgotten] = (),
) -> dict[tuple[str, str], Loaded]:
    """The same for every entity of these systems."""
    prepare(con, tenants, zone=zone, first_day=first_day, last_day=last_day, now=now)
    return {
        (one.system, one.name): _Load(con, root, connection, one, tenants[one.system], forgotten).run()
        for one in owners_first(entities_of(frozenset(tenants)))
        if landing_files(root, connection, one.system, one.name)
    }


def prepare(
    con: DuckDBPyConnection, systems: Iterable[str], *, zone: str, first_day: date, last_day: date, now: datetime
) -> None:
    """Make the tables of these systems that are missing, and set what the steps read as variables."""
    for name, value in {"zone": zone, "first_day": first_day, "last_day": last_day, "loaded_at": now}.items():
        con.execute(f"set variable {name} = $value", {"value": value})
    con.execute((SQL / "macros.sql").read_text("utf-8"))
    if _made_as(con) != declared_as(frozenset(systems)):
        with transaction(con):
            _make(con, frozenset(systems))


def open_books(con: DuckDBPyConnection, system: str) -> None:
    """The ERP's books under names that tell nothing of the system: what reads `erp_*` serves every ERP."""
    con.execute((SQL / system / BOOKS).read_text("utf-8"))


def _made_as(con: DuckDBPyConnection) -> str:
    try:
        return str(con.execute("select declared_as from made_as").fetchall()[0][0])
    except CatalogException:
        return ""


def _make(con: DuckDBPyConnection, systems: frozenset[str]) -> None:
    con.execute((SQL / "schema.sql").read_text("utf-8"))
    present = _present(con)
    for declared in entities_of(systems):
        for table in declared.tables:
            if table.name not in present:
                _create(con, declared, table)
            elif missing := table.columns - present[table.name]:
                raise _of_another_version(table, missing)
    con.execute(steps("load")["followed"])
    con.execute(
        "create or replace table made_as as select $declared as declared_as", {"declared": declared_as(systems)}
    )


def _present(con: DuckDBPyConnection) -> dict[str, set[str]]:
    """The columns of each table that is there."""
    return {name: set(columns) for name, columns in con.execute(steps("load")["present"]).fetchall()}


def _of_another_version(table: Table, missing: set[str]) -> ConfigurationError:
    return ConfigurationError(
        f"staging.{table.name} was made by another version: it has no {', '.join(sorted(missing))}",
        fix="Make staging anew from what was read: st-erp rebuild.",
    )


def _create(con: DuckDBPyConnection, declared: Entity, table: Table) -> None:
    """A table has the columns of its projection, over a record that is nothing but its types."""
    con.execute(steps("load")["no_record"].format(**declared.names(table)))
    con.execute(f"create table staging.{table.name} as {table.projection}")
    con.execute(f"comment on table staging.{table.name} is {quoted(table.comment)}")
    columns = con.execute(f"select column_name from (describe staging.{table.name})").fetchall()
    con.execute(
        "; ".join(
            f'comment on column staging.{table.name}."{column}" is {quoted(table.column_comments[column])}'
            for (column,) in columns
        )
    )


@contextmanager
def transaction(con: DuckDBPyConnection) -> Iterator[None]:
    """After an error DuckDB's commit keeps nothing and does not say so: roll back and raise."""
    con.begin()
    try:
        yield
    except BaseException:
        con.rollback()
        raise
    con.commit()


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def stretches(sizes: Sequence[tuple[Path, int]]) -> Iterator[Stretch]:
    """Cut files into stretches of at most STRETCH rows; small files share one."""
    together: list[Path] = []
    held = 0
    for path, rows in sizes:
        if held + rows > STRETCH and together:
            yield Stretch(tuple(together), 0, STRETCH)
            together, held = [], 0
        if rows > STRETCH:
            yield from (Stretch((path,), row, row + STRETCH - 1) for row in range(0, rows, STRETCH))
        elif rows:
            together.append(path)
            held += rows
    if together:
        yield Stretch(tuple(together), 0, STRETCH)


class _Load:
    """One load of one entity, step by step; the steps are in `sql/load.sql`."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        root: Path,
        connection: str,
        declared: Entity,
        tenant: str,
        forgotten: Sequence[Forgotten],
    ) -> None:
        self.con = con
        self.root = root
        self.declared = declared
        self.forgotten = forgotten
        self.files = landing_files(root, connection, declared.system, declared.name)
        self.bound = {
            "system": declared.system,
            "entity": declared.name,
            "key_prefix": declared.key_prefix(tenant),
        }

    def run(self) -> Loaded:
        sizes = self._pending()
        clear(self.con, self.declared, [path for path, _ in sizes], self.forgotten)
        outcomes: Counter[str] = Counter()
        for stretch in stretches(sizes):
            with transaction(self.con):
                outcomes.update(self._load_stretch(stretch))
        if sizes:
            with transaction(self.con):
                self._finish(sizes)
        return Loaded(**outcomes, files=len(sizes))

    def _pending(self) -> list[tuple[Path, int]]:
        """Landing files that staging has not seen, and the rows in each."""
        known = {file for (file,) in self._step("known")}
        paths = [path for path in self.files if self._name(path) not in known]
        if not paths:
            return []
        sizes = dict(self._step("sizes", paths=[str(path) for path in paths]))
        return [(path, sizes[str(path)]) for path in paths]

    def _load_stretch(self, stretch: Stretch) -> dict[str, int]:
        """Rows by outcome."""
        header, *children = self.declared.tables
        self._step(
            "landed",
            paths=[str(path) for path in stretch.files], first_row=stretch.first_row, last_row=stretch.last_row,
        )  # fmt: skip
        for step in ("chosen", "record", "merge", "first_seen"):
            self._step(step)
        for child in children:
            for step in ("record", "forget_children", "insert_children"):
                self._step(step, child)
        for step in ("rejected", "quarantine", "release"):
            self._step(step)
        return dict(self._step("outcomes"))

    def _finish(self, sizes: Sequence[tuple[Path, int]]) -> None:
        """What holds for files as a whole: a snapshot also says what is gone."""
        snapshots = [path for path in self.files if path.parent.name == "snapshot"]
        if snapshots and any(path == snapshots[-1] for path, _ in sizes):
            newest: dict[str, Any] = {"path": str(snapshots[-1]), "extracted_at": extracted_at(snapshots[-1])}
            for table in self.declared.tables:
                self._step("vanished", table, **newest)
            self._step("vanished_quarantine", **newest)
        if self.declared.after:
            self.con.execute(self.declared.after)
        self._step("loaded", files=[self._name(path) for path, _ in sizes], rows=[rows for _, rows in sizes])

    def _step(self, step: str, table: Table | None = None, **bound: object) -> list[Any]:
        table = table or self.declared.tables[0]
        text = steps("load")[step].format(**self.declared.names(table))
        given = {name: value for name, value in {**self.bound, **bound}.items() if f"${name}" in text}
        return self.con.execute(text, given).fetchall()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()
