"""Mapping files as people save them from a spreadsheet, and what is wrong with them by themselves."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.flows import SALES_FLOWS
from st_erp_pipelines.mapping.tables import ANY, SKIP, TABLES, Column, Kind, Table

HEADER = 1
UNREADABLE = "\ufffd"
UNPADDED = re.compile(r"^0+(?=[0-9]+$)")


@dataclass(frozen=True)
class MappingFault:
    """`row` as a spreadsheet counts; 0 is the header and with it the whole file. `message` names the column.

    `others`: further rows of the same fault. One that `withholds` nothing is only listed: its rows are used.
    """

    file: str
    row: int
    column: str
    message: str
    others: tuple[int, ...] = ()
    withholds: bool = True

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.row, *self.others)

    def __str__(self) -> str:
        return f"{self.file} {f'row {self.row}, ' if self.row else ''}{self.message}"


@dataclass(frozen=True)
class Mappings:
    """`tables`: text only, "" where nothing is written, indexed by row as a spreadsheet counts."""

    tables: dict[str, pd.DataFrame]
    faults: list[MappingFault]

    def with_faults(self, more: Iterable[MappingFault]) -> Mappings:
        return replace(self, faults=[*self.faults, *more])

    def withholding(self, table: Table) -> list[MappingFault]:
        return [fault for fault in self.faults if fault.file == table.file and fault.withholds]

    def usable(self, table: Table) -> pd.DataFrame:
        """Without the rows at fault, and then without `*`, which would stand in for them.

        So what needs such a row is blocked, never guessed. Raises ConfigurationError, see `_emptied`.
        """
        frame = self.tables[table.name]
        faults = self.withholding(table)
        rows = _rows(faults)
        good, bad = frame[~frame.index.isin(rows)], frame[frame.index.isin(rows)]
        if table.lets_through and faults:
            return pd.concat([good, _emptied(bad, table, faults)])
        if not rows <= set(frame.index):  # the header, or the whole file
            return frame.iloc[:0]
        return good[good[table.key] != ANY] if faults else good


def _rows(faults: Iterable[MappingFault]) -> set[int]:
    return {row for fault in faults for row in fault.rows}


def _emptied(bad: pd.DataFrame, table: Table, faults: list[MappingFault]) -> pd.DataFrame:
    """Rows at fault of a table that lets through what it does not list: they stay, saying nothing.

    Raises ConfigurationError where it is not known which keys they are: a customer whose link cannot be read
    would be created a second time.
    """
    if not _rows(faults) <= set(bad.index) or not bad[table.key].str.fullmatch("[0-9]{1,18}").all():
        raise ConfigurationError(f"{faults[0]}. Nothing is built until {table.file} is mended.")
    return bad.drop_duplicates(table.key).assign(**{name: "" for name in table.column_names if name != table.key})


class _Unreadable(Exception):
    def __init__(self, row: int, message: str) -> None:
        self.row, self.message = row, message


def load(folder: Path, flows: Collection[str] = (*SALES_FLOWS, "items")) -> Mappings:
    """What these flows need. Never raises for what the files hold, or for their absence."""
    tables: dict[str, pd.DataFrame] = {}
    faults: list[MappingFault] = []
    for table in TABLES:
        tables[table.name] = _empty(table)
        if not {*table.flows} & {*flows}:
            continue
        try:
            records = _records(folder / table.file)
            tables[table.name], found = _read(records, table)
            faults += found
        except FileNotFoundError:
            near = _file_like(folder, table.file)
            if near or not table.optional:
                hint = f"; {near} is there instead" if near else ""
                faults.append(MappingFault(table.file, 0, "", f"is missing from {folder}{hint}"))
        except OSError as error:
            faults.append(MappingFault(table.file, 0, "", f"cannot be read: {error.strerror}"))
        except _Unreadable as error:
            faults.append(MappingFault(table.file, error.row, "", error.message))
    return Mappings(tables, faults)


def _empty(table: Table) -> pd.DataFrame:
    return pd.DataFrame(columns=table.column_names, index=pd.Index([], name="row", dtype="int64"), dtype="str")


def _file_like(folder: Path, name: str) -> str:
    """`Customers.csv` or `customer.csv`, where there is no `customers.csv`."""
    files = {path.name.lower(): path.name for path in folder.glob("*.*")}
    near = get_close_matches(name, files, 1, cutoff=0.9)
    return files[near[0]] if near else ""


def _records(path: Path) -> list[list[str]]:
    """All rows, stripped, without the empty cells at their ends."""
    text = _text(path.read_bytes())
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    records: list[list[str]] = []
    try:
        records.extend(_trimmed(record) for record in reader)
    except csv.Error as error:
        raise _Unreadable(len(records) + 1, f"a quote may be open: {error}") from None
    return records


def _text(content: bytes) -> str:
    """Spreadsheets save as UTF-8, as ANSI (cp1252) or as UTF-16. UNREADABLE stands for what cannot be decoded."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "cp1252", "replace")


def _trimmed(record: Sequence[str]) -> list[str]:
    cells = [cell.strip() for cell in record]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _read(records: list[list[str]], table: Table) -> tuple[pd.DataFrame, list[MappingFault]]:
    header = [name.lower() for name in records[0]] if records else []
    faults = list(_header_faults(header, table))
    position = {name: header.index(name) for name in table.column_names if name in header}
    rows = {row: cells for row, cells in enumerate(records[1:], HEADER + 1) if cells}
    faults += [
        MappingFault(table.file, row, "", f"a value stands beyond the last column, {header[-1]}: delete or quote it")
        for row, cells in rows.items()
        if header and len(cells) > len(header)
    ]
    values = {
        column.name: [_normal(column, cells, position.get(column.name)) for cells in rows.values()]
        for column in table.columns
    }
    frame = pd.DataFrame(values, index=pd.Index(list(rows), name="row", dtype="int64"), dtype="str")
    if all(fault.row for fault in faults):  # else every cell would be at fault
        faults += _row_faults(frame, table)
    return frame, sorted(faults, key=lambda fault: fault.row)


def _header_faults(header: list[str], table: Table) -> Iterator[MappingFault]:
    if not header:
        yield MappingFault(table.file, 0, "", f"has no header; expected {', '.join(table.column_names)}")
        return
    known = table.column_names
    optional = {column.name for column in table.columns if column.optional}
    unknown = [name or f"column {place}" for place, name in enumerate(header, 1) if name not in known]
    for name in known:
        if name not in header and name not in optional:
            near = get_close_matches(name, unknown, 1)
            unknown = [label for label in unknown if label not in near]
            hint = f", but a column {near[0]!r}: rename it" if near else ": add it"
            yield MappingFault(table.file, 0, name, f"has no column {name}{hint}")
        elif header.count(name) > 1:
            yield MappingFault(table.file, 0, name, f"has the column {name} twice: delete one")
    for label in unknown:
        message = f"has a column {label!r}: delete it; expected only {', '.join(known)}"
        yield MappingFault(table.file, 0, label, message)


def _normal(column: Column, cells: list[str], position: int | None) -> str:
    value = cells[position] if position is not None and position < len(cells) else ""
    if column.kind in (Kind.TARGET_TYPE, Kind.BECOMES, Kind.INVOICES) or (column.skips and value.lower() == SKIP):
        return value.lower()
    if column.kind is Kind.BATCHES:
        return " ".join(dict.fromkeys(value.upper().split()))
    if column.kind is Kind.ID and value.isdigit():
        return value.lstrip("0")
    if column.kind is Kind.PADDED:
        return UNPADDED.sub("", value)
    return value


def _row_faults(frame: pd.DataFrame, table: Table) -> Iterator[MappingFault]:
    for column in table.columns:
        for row, value in zip(frame.index, frame[column.name], strict=True):
            message = _cell_fault(column, value)
            if message:
                yield MappingFault(table.file, row, column.name, message)
    if not table.repeats:
        yield from _duplicates(frame, table)


def _cell_fault(column: Column, value: str) -> str:
    """What is wrong with one cell; "" where nothing is."""
    if not value:
        return f"column {column.name} is empty; expected {column.expected}" if column.required else ""
    if UNREADABLE in value:
        return f"column {column.name}: {value!r} holds a character that cannot be read; save the file as 'CSV UTF-8'"
    stands_for_itself = (value == ANY and column.wildcard) or (value == SKIP and column.skips)
    wrong = "" if stands_for_itself else _wrong(column.kind, value)
    return f"column {column.name}: {wrong}" if wrong else ""


def _wrong(kind: Kind, value: str) -> str:
    if kind is Kind.ID and not (value.isascii() and value.isdigit() and len(value) <= 18):
        return f"{value!r} is no ServiceTitan id; expected digits only"
    if kind is Kind.TARGET_TYPE and value not in ("account", "item"):
        return f"{value!r} is unknown; expected account or item"
    if kind is Kind.BECOMES and value not in ("material", "service", "none"):
        return f"{value!r} is unknown; expected material, service or none"
    if kind is Kind.INVOICES and value not in ("match_only", "receive"):
        return f"{value!r} is unknown; expected match_only or receive, or nothing"
    if kind is Kind.DAY:
        return _wrong_day(value)
    if kind is Kind.BATCHES:
        for code in value.split():
            if not (code.isascii() and code.isalpha() and len(code) <= 10):
                return f"{code!r} is no journal code; expected at most ten letters, without digits"
    return ""


def _wrong_day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"{value!r} is no date; expected one such as 2026-11-01"
    return ""


def _duplicates(frame: pd.DataFrame, table: Table) -> Iterator[MappingFault]:
    """Every row of a key that stands twice is at fault: nobody can say which one is meant."""
    keys, rows = _keys(frame, table), dict[str, list[int]]()
    for row, value in keys.items():
        rows.setdefault(value.casefold(), []).append(row)
    for key, (first, *others) in rows.items():
        if key and others:
            listed = f"{', '.join(str(row) for row in (first, *others[:-1]))} and {others[-1]}"
            surplus = "one" if len(others) == 1 else "all but one"
            message = f"column {table.key}: {keys[first]} stands in rows {listed}: delete {surplus}"
            yield MappingFault(table.file, first, table.key, message, tuple(others))


def _keys(frame: pd.DataFrame, table: Table) -> dict[int, str]:
    """By row, what it speaks for."""
    whole = dict(zip(frame.index, frame[table.key], strict=True))
    within = dict(zip(frame.index, frame[table.within], strict=True)) if table.within else {}
    return {row: f"{value} {within.get(row, '')}".strip() if value == ANY else value for row, value in whole.items()}
