"""The mapping tables in DuckDB, for the SQL that builds documents."""

from __future__ import annotations

import duckdb

from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.mapping.tables import ANY, SKIP, TABLES, Column, Kind

TYPES = {Kind.ID: "BIGINT", Kind.DAY: "DATE"}


def install(con: duckdb.DuckDBPyConnection, mappings: Mappings) -> None:
    """(Re)fill schema `mapping`: what is usable of each table, and `mapping.faults`, which keys are not.

    Ids are BIGINT, days DATE, the rest VARCHAR. Nothing written is NULL; so is an id that is `*` or `skip`. A
    customer whose link is at fault has the number "". Raises ConfigurationError where no links can be read.
    """
    con.execute("create schema if not exists mapping")
    for table in TABLES:
        frame = mappings.usable(table)
        select = ", ".join(
            f"unnest(${column.name}::{TYPES.get(column.kind, 'VARCHAR')}[]) as {column.name}"
            for column in table.columns
        )
        values = {column.name: [_value(column, text) for text in frame[column.name]] for column in table.columns}
        con.execute(f"create or replace table mapping.{table.name} as select {select}", values)
    _install_faults(con, mappings)


def _install_faults(con: duckdb.DuckDBPyConnection, mappings: Mappings) -> None:
    """A row for each row left out. The key is NULL where a whole file is."""
    left_out = [
        (fault, row, mappings.tables[table.name][table.key].get(row))
        for table in TABLES
        for fault in mappings.withholding(table)
        for row in fault.rows
    ]
    con.execute(
        """
        create or replace table mapping.faults as
        select
            unnest($file::varchar[]) as file, unnest($row::int[]) as row,
            unnest($column::varchar[]) as column_name, unnest($key::varchar[]) as key,
            unnest($message::varchar[]) as message
        """,
        {
            "file": [fault.file for fault, _, _ in left_out],
            "row": [row for _, row, _ in left_out],
            "column": [fault.column for fault, _, _ in left_out],
            "key": [key for _, _, key in left_out],
            "message": [fault.message for fault, _, _ in left_out],
        },
    )


def _value(column: Column, text: str) -> str | int | None:
    if column.kind is Kind.ID:
        return None if text in ("", ANY, SKIP) else int(text)
    return text if column.required else text or None
