"""The mapping tables: read, compared with what both systems have now, and with what staging uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from st_erp_pipelines.assets.wording import counted, money
from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.errors import ConfigurationError, StErpError
from st_erp_pipelines.flows import sells, used_flows
from st_erp_pipelines.mapping.coverage import WORDS, Gap
from st_erp_pipelines.mapping.duck import install
from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.mapping.tables import ANY, TABLES, Table
from st_erp_pipelines.pipeline import gaps_of
from st_erp_pipelines.settings import Connection

# ServiceTitan's list, and the member that the table's key holds.
LISTED_AS = {"business_units": "id", "tax_zones": "id", "payment_types": "name", "payment_terms": "name"}
HELD_UP_BY_GAPS = ("invoices", "payments", "cost_centers", "purchase_orders", "requests")
Lists = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True)
class MappingChecks:
    """`mappings` with the faults that were found in the ERP, where it answered; `of_titan` is None where it did not."""

    connection: Connection
    mappings: Mappings
    of_titan: Lists | None
    warehouse: Path

    def checks(self) -> Sequence[Check]:
        tables = [
            Check(table.file, partial(self._table, table), table.flows, True)
            for table in TABLES
            if {*table.flows} & {*self.connection.erp.flows}
        ]
        flows = tuple(flow for flow in HELD_UP_BY_GAPS if flow in self.connection.erp.flows)
        return [*tables, Check("gaps", self._gaps, flows, only_to_post=True)]

    def _table(self, table: Table) -> Iterator[Said]:
        """A fault in a row blocks what needs that row; one in the file, all that needs the file."""
        faults = [fault for fault in self.mappings.faults if fault.file == table.file]
        for fault in faults:
            found = str(fault).removeprefix(f"{table.file} ")
            fix = "Correct it there." if fault.withholds else "Correct or delete it; it does no harm."
            yield wrong(found, fix) if fault.row == 0 else warning(found, fix)
        rows = self.mappings.tables[table.name]
        if table.name == "items" and "items" in used_flows(self.connection) and rows.empty:
            yield wrong("has no row: no item becomes anything", "Add a row for *, or for each item category.")
        elif not faults:
            yield ok(counted(len(rows), "row"))

    def _gaps(self) -> Iterator[Said]:
        """What documents use, with their money; before the first sync what ServiceTitan has."""
        try:
            gaps = self._used_and_unmapped()
        except ConfigurationError as error:  # a table in which nothing can be told apart: among its faults
            yield note(error.text)
            return
        except duckdb.IOException:
            gaps = None
            yield note("a run has the staging file open", "Ask again after it.")
        if gaps is None:
            yield from self._without_row()
            return
        for gap in gaps:
            held_up = f": {counted(gap.documents, 'document')}, {money(gap.amount)}" if gap.amount else ""
            what, fix = WORDS[gap.kind]
            yield warning(f"{gap.value} {what}{held_up}", fix)
        if not gaps:
            yield ok("everything that documents use is mapped")

    def _used_and_unmapped(self) -> list[Gap] | None:
        """Without a lock on the file, and nothing is written to it. None before the first sync."""
        if not self.warehouse.exists():
            return None
        with duckdb.connect() as con:
            con.execute(f"attach '{self.warehouse.as_posix().replace(chr(39), chr(39) * 2)}' as site (read_only)")
            con.execute("create schema mapping; set search_path = 'memory.mapping,site.staging'")
            try:
                install(con, self.mappings)
                return gaps_of(con, self.connection)
            except duckdb.CatalogException:  # a run that never came so far
                return None

    def _without_row(self) -> Iterator[Said]:
        if self.of_titan is None:
            yield note("not compared: ServiceTitan does not answer")
            return
        if not sells(self.connection):
            yield note("not compared before the first sync")
            return
        said = [each for name in LISTED_AS for each in self._missing_rows(name, self.of_titan)]
        yield from said or [ok("everything that ServiceTitan lists has a row")]

    def _missing_rows(self, name: str, of_titan: Lists) -> Iterator[Said]:
        table, member = next(table for table in TABLES if table.name == name), LISTED_AS[name]
        keys = {str(key).casefold() for key in self.mappings.tables[name][table.key]}
        if ANY in keys:
            return
        try:
            rows = of_titan(name)
        except StErpError:  # among what cannot be read
            yield note(f"{table.file} is not compared: ServiceTitan's list cannot be read")
            return
        for row in rows:
            if str(row[member]).casefold() not in keys:
                label = f"{row['name']} ({row['id']})" if member == "id" else row["name"]
                yield warning(f"{label} is in ServiceTitan and not in {table.file}", f"Add a row to {table.file}.")
