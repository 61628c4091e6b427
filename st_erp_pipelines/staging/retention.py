"""Retention: what was read again and again is joined, a file for each day, and thinned out once it is old.

Staging is made of three versions of a record at most: the staged one, the one that was read first, and a newer one
in quarantine. These stay for good, so that staging can be made anew. Of all others, the newest of a file stays while
it is young; of lists that are read whole, none does. The warehouse is open all the while, so that nothing is loaded
meanwhile; what an extract may still be at work on is younger than `SETTLED_AFTER`. Interrupted, it leaves rows twice,
which loading does not mind.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from st_erp_pipelines.staging.entities import Entity, steps
from st_erp_pipelines.staging.landing import READING, STAMP, WRITE, extracted_at, landing_files, rewrite
from st_erp_pipelines.staging.load import transaction

SETTLED_AFTER = timedelta(days=1)
UNDATED = ("by_id", "snapshot")  # parts that go on for ever: joined by the day of reading


@dataclass(frozen=True)
class Retained:
    """Landing files and their bytes, before and after."""

    files_before: int = 0
    bytes_before: int = 0
    files_after: int = 0
    bytes_after: int = 0

    def __add__(self, other: Retained) -> Retained:
        return Retained(*(mine + theirs for mine, theirs in zip(_figures(self), _figures(other), strict=True)))


def _figures(retained: Retained) -> tuple[int, ...]:
    return tuple(vars(retained).values())


def retain(
    con: DuckDBPyConnection,
    *,
    root: Path,
    connection: str,
    declared: Entity,
    tenant: str,
    now: datetime,
    keep: timedelta,
) -> Retained:
    """Join and thin the landing files of an entity that staging has loaded. `keep`: how long they are young."""
    before = landing_files(root, connection, declared.system, declared.name)
    figures = len(before), sum(path.stat().st_size for path in before)
    _Retention(con, root, declared, tenant).run(before, now, keep)
    after = landing_files(root, connection, declared.system, declared.name)
    return Retained(*figures, len(after), sum(path.stat().st_size for path in after))


def clear_away(root: Path, now: datetime) -> None:
    """Pages and half-written files of processes that were killed."""
    for left in (*root.glob(f"{READING}*"), *root.glob("*/*/*/*/.*.partial")):
        if left.stat().st_mtime < (now - SETTLED_AFTER).timestamp():
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _groups(files: Sequence[Path]) -> list[list[Path]]:
    """Files to join."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in files:
        part = path.parent.name
        found[part, f"{extracted_at(path):%Y%m%d}" if part in UNDATED else ""].append(path)
    return list(found.values())


class _Retention:
    def __init__(self, con: DuckDBPyConnection, root: Path, declared: Entity, tenant: str) -> None:
        self.con = con
        self.root = root
        self.declared = declared
        names = {"system": declared.system, "entity": declared.name}
        self.bound = names | {"key_prefix": declared.key_prefix(tenant)}

    def run(self, files: Sequence[Path], now: datetime, keep: timedelta) -> None:
        together = _groups(self._settled(files, now))
        if not together:
            return
        self._step("standing")
        old = [
            paths for paths in together if paths[0].parent.name == "snapshot" or extracted_at(paths[-1]) < now - keep
        ]
        superfluous = self._superfluous([paths[0] for paths in old if len(paths) == 1])
        for paths in together:
            if len(paths) > 1 or paths[0] in superfluous:
                self._join(paths, is_old=paths in old)

    def _settled(self, files: Sequence[Path], now: datetime) -> list[Path]:
        """Loaded, and nobody's work any more. The newest snapshot stays as it is: what it does not name is gone."""
        loaded = {file for (file,) in self._step("known", of="load")}
        newest = [path for path in files if path.parent.name == "snapshot"][-1:]
        return [
            path
            for path in files
            if self._name(path) in loaded and path not in newest and extracted_at(path) < now - SETTLED_AFTER
        ]

    def _superfluous(self, paths: Sequence[Path]) -> set[Path]:
        return {Path(name) for (name,) in self._step("superfluous", paths=_texts(paths))} if paths else set()

    def _join(self, paths: Sequence[Path], *, is_old: bool) -> None:
        """First the new file, then what staging has loaded, then the old files."""
        target = paths[-1].with_name(f"{extracted_at(paths[-1]):{STAMP}}_joined.parquet")
        self._step("kept", paths=_texts(paths), is_old=is_old)
        [(rows,)] = self._step("count")
        stays = rows > 0 or target.parent.name not in UNDATED  # of a day it says that the day was read
        if stays:
            query = steps("retention")["join"].format(write=WRITE)
            rewrite(self.con, query, {"paths": _texts(paths)}, target)
        with transaction(self.con):
            self._step("forget_loads", files=[self._name(path) for path in (*paths, target)])
            if stays:
                self._step("loaded", file=self._name(target), rows=rows)
        for path in paths:
            if path != target or not stays:
                path.unlink()

    def _step(self, step: str, *, of: str = "retention", **bound: object) -> list[Any]:
        text = steps(of)[step].format(**self.declared.names(self.declared.tables[0]))
        given = {name: value for name, value in {**self.bound, **bound}.items() if f"${name}" in text}
        return self.con.execute(text, given).fetchall()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]
