"""What staging declares about each entity, read from `sql/<system>/<entity>.sql`.

Such a file says what a record looks like (`structure`: JSON member to DuckDB type), what of it says who
somebody is (`personal`), which of it an accountant would call an edit (`hash`; without it, all of the structure),
and how it becomes rows (`table`, the first one the record itself, further ones its children).
A column's comment is the one behind its line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

SQL = resources.files(__package__) / "sql"
BOOKS, PAYLOADS = "books.sql", "payloads.sql"  # beside the entities of an ERP: views of them, and what is sent to it
ORIGIN_COMMENTS = {
    "source_key": "source system, tenant or company, kind and id of the record",
    "source_hash": "over the business fields; its change means that the record was edited",
    "home_day": "the day partition the record belongs to, from the first version we read",
    "first_sync_status": "sync_status of the first version we read",
    "first_extracted_at": "when the first version we know was read, UTC",
    "modified_at": "modified over there, UTC",
    "extracted_at": "when this version was read, UTC",
    "loaded_at": "when this version was loaded here, UTC",
}
NOUNS = {"DECIMAL": "decimal number", "BIGINT": "whole number", "INTEGER": "whole number", "DATE": "date",
         "TIMESTAMPTZ": "time", "BOOLEAN": "true or false"}  # fmt: skip

Shape = Any  # a type name, {"member": Shape}, or [Shape]


@dataclass(frozen=True)
class Table:
    name: str
    comment: str
    projection: str

    @property
    def columns(self) -> set[str]:
        """Its own, beside those of the origin."""
        return set(self.column_comments) - set(ORIGIN_COMMENTS)

    @property
    def column_comments(self) -> dict[str, str]:
        return ORIGIN_COMMENTS | dict(re.findall(r"\bas (\w+),?\s+-- (.+)$", self.projection, re.MULTILINE))


@dataclass(frozen=True)
class Personal:
    """What of a record says who somebody is.

    `owner` is the member that names whose it is: a `whose` of `sql/personal.sql`. `members` are dotted. Where a record
    is of several persons, `each` is its list, and owner and members are those of the list's entries.
    """

    whose: str
    owner: str
    members: tuple[str, ...]
    each: str


@dataclass(frozen=True)
class Entity:
    system: str
    name: str
    kind: str
    windowed: bool
    structure: dict[str, Shape]
    personal: Personal | None
    hash: str
    tables: tuple[Table, ...]
    after: str

    def key_prefix(self, tenant: str) -> str:
        return f"{self.system}/{tenant}/{self.kind}/"

    def names(self, table: Table) -> dict[str, str]:
        """What the steps of `load.sql` have in braces, while they are about this table."""
        first = {
            "home_day": ("date", "home_day(earliest.modified_at, earliest.extracted_at)"),
            "first_sync_status": ("varchar", "earliest.record.syncStatus"),
            "first_extracted_at": ("timestamptz", "earliest.extracted_at"),
        }
        if not self.windowed:
            del first["home_day"]
        if "syncStatus" not in self.structure:
            del first["first_sync_status"]
        header = table == self.tables[0]
        return {
            "table": table.name,
            "projection": table.projection,
            "raw_structure": json.dumps(raw(self.structure)),
            "types": type_of(self.structure),
            "misshapen": f"concat_ws('; ', null, {', '.join(misshapen(self.structure)) or 'null'})",
            "faults": "".join(f",\n            {fault}" for fault in faults("raw", "", self.structure)),
            "hash": self.hash,
            "first_values": "".join(
                f",\n        if(is_known, staged.{name}, {value}) as {name}" for name, (_, value) in first.items()
            ),
            "first_updates": ", ".join(f"{name} = chosen.{name}" for name in first),
            "first_origin": "".join(f"'{name}': chosen.{name}, " for name in first) if header else "",
            "first_types": "".join(f"{name} {of}, " for name, (of, _) in first.items()) if header else "",
        }


def raw(shape: Shape) -> Shape:
    """The same structure with every value as text, so that one which does not fit its type is seen, never null."""
    if isinstance(shape, dict):
        return {member: raw(inner) for member, inner in shape.items()}
    return [raw(shape[0])] if isinstance(shape, list) else "VARCHAR"


def type_of(shape: Shape) -> str:
    if isinstance(shape, dict):
        members = ", ".join(f'"{member}" {type_of(inner)}' for member, inner in shape.items())
        return f"struct({members})"
    return f"{type_of(shape[0])}[]" if isinstance(shape, list) else str(shape)


def misshapen(structure: dict[str, Shape]) -> Iterator[str]:
    """Tests for a list or an object that is something else: `from_json` makes that null, without a word.

    The record is parsed once more only where it has none.
    """
    for member, shape in structure.items():
        if isinstance(shape, dict | list):
            what, kind = ("list", "ARRAY") if isinstance(shape, list) else ("object", "OBJECT")
            within = "" if isinstance(shape, list) else f'."{next(iter(shape))}"'
            yield (
                f"case when raw.\"{member}\"{within} is null and json_type(payload, '$.{member}') not in "
                f"('NULL', '{kind}') then '{member}: is no {what}' end"
            )


def faults(value: str, path: str, shape: Shape) -> Iterator[str]:
    """SQL expressions, each null or a sentence on one value that does not fit: `total: '12a' is no decimal number`."""
    if isinstance(shape, dict):
        for member, inner in shape.items():
            yield from faults(f'{value}."{member}"', f"{path}.{member}".lstrip("."), inner)
    elif isinstance(shape, list):
        each = f"each_{path.replace('.', '_')}"
        if inner := ", ".join(faults(each, path, shape[0])):
            found = f"list_transform({value}, lambda {each}: nullif(concat_ws('; ', {inner}), ''))"
            yield f"nullif(array_to_string({found}, '; '), '')"
    elif shape != "VARCHAR":
        noun = NOUNS[str(shape).partition("(")[0]]
        yield (
            f"case when {value} is not null and try_cast({value} as {shape}) is null "
            f"then '{path}: ''' || left({value}, 40) || ''' is no {noun}' end"
        )


@cache
def entity_of(system: str, name: str) -> Entity:
    """Raises KeyError for an entity that staging has no file for."""
    path = SQL / system / f"{name}.sql"
    if not path.is_file():
        raise KeyError(f"staging declares no {system}/{name}")
    text = path.read_text("utf-8")
    kind = re.search(r"^-- kind: (\w+)(, windowed)?$", text, re.MULTILINE)
    structure = re.search(r"/\* structure\n(.+?)\*/", text, re.DOTALL)
    if kind is None or structure is None:
        raise KeyError(f"{path} declares no kind or no structure")
    parts = sections(text, "hash|table: \\w+|after")
    return Entity(
        system, name, kind[1], kind[2] is not None, json.loads(structure[1]), _personal(text), parts.get("hash", "r"),
        tuple(_table(title[7:], body) for title, body in parts.items() if title.startswith("table: ")),
        parts.get("after", ""),
    )  # fmt: skip


def _personal(text: str) -> Personal | None:
    declared = re.search(r"/\* personal\n(.+?)\*/", text, re.DOTALL)
    if declared is None:
        return None
    said = json.loads(declared[1])
    return Personal(said["whose"], said["owner"], tuple(said["members"]), said.get("each", ""))


def _table(name: str, body: str) -> Table:
    comment, _, projection = body.partition("\n")
    return Table(name, comment.removeprefix("-- "), projection)


def sections(text: str, titles: str) -> dict[str, str]:
    """Parts of an SQL file by the comment line that heads them."""
    parts = re.split(rf"^-- ({titles})\n", text, flags=re.MULTILINE)
    return {title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def steps(file: str) -> dict[str, str]:
    """The statements of `sql/<file>.sql`, by step; {names} are still to be filled in."""
    found = sections((SQL / f"{file}.sql").read_text("utf-8"), "step: \\w+")
    return {title.removeprefix("step: "): body for title, body in found.items()}


@cache
def all_entities() -> tuple[Entity, ...]:
    folders = sorted((folder for folder in SQL.iterdir() if folder.is_dir()), key=lambda folder: folder.name)
    return tuple(
        entity_of(folder.name, file.name.removesuffix(".sql"))
        for folder in folders
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name not in (BOOKS, PAYLOADS)
    )


@cache
def entities_of(systems: frozenset[str]) -> tuple[Entity, ...]:
    return tuple(each for each in all_entities() if each.system in systems)


@cache
def declared_as(systems: frozenset[str]) -> str:
    """One word for all that is declared of these systems: a file that was made under the same one lacks nothing."""
    texts = (SQL / "schema.sql").read_text("utf-8"), (SQL / "load.sql").read_text("utf-8"), repr(entities_of(systems))
    return hashlib.sha256("".join(texts).encode()).hexdigest()
