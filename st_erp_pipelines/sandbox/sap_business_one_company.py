"""The records of one company database, in memory.

A stored row is never changed, only replaced through `put`: so a transaction can be undone. Handlers run on one event
loop and only `await` before they touch rows; each request, or each change set of a batch, is one transaction.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_entities import SETS, TYPES, USER_FIELD_TYPES, EntitySet
from st_erp_pipelines.sandbox.sap_business_one_model import Property, Types

USER_FIELD_KINDS = {"db_Numeric": "int", "db_Float": "double", "db_Date": "date"}
OPEN = "_open"  # table of what is not settled yet, by (JdtNum, Line_ID)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def etag(version: int) -> str:
    """As in recorded traffic: the SHA-1 of the version's digits. So equal versions of two records share it."""
    return f'W/"{hashlib.sha1(str(version).encode()).hexdigest().upper()}"'


class Company:
    """`setup` holds what no entity set shows: SETTINGS of sap_business_one_seed.py."""

    def __init__(self, name: str, zone: str) -> None:
        self.name = name
        self.zone = ZoneInfo(zone)
        self.tables: defaultdict[str, dict[Any, Row]] = defaultdict(dict)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.setup: dict[str, Any] = {}
        self.types, self.sets = Types(TYPES), dict(SETS)
        self._undo: list[tuple[str, Any, Row | None]] | None = None

    # --- rows --------------------------------------------------------------------------------------------

    def put(self, table: str, key: Any, row: Row) -> Row:
        self._remember(table, key)
        self.tables[table][key] = row
        return row

    def drop(self, table: str, key: Any) -> None:
        self._remember(table, key)
        self.tables[table].pop(key)

    def find(self, table: str, key: Any) -> Row | None:
        return self.tables[table].get(key)

    def get(self, table: str, key: Any) -> Row:
        row = self.find(table, key)
        if row is None:
            raise refusals.not_found()
        return row

    def rows(self, table: str) -> list[Row]:
        return list(self.tables[table].values())

    def insert(self, table: str, key: Any, row: Row) -> Row:
        """A new record with the stamps that its type has."""
        day, time = self.now()
        created = {"CreateDate": day, "CreationDate": day, "CreateTime": time, "DataVersion": 0}
        known = self.types[self.sets[table].type].properties
        return self.change(table, key, row | {name: value for name, value in created.items() if name in known})

    def change(self, table: str, key: Any, row: Row) -> Row:
        """Stored anew: a new version and update stamp, where the type has them."""
        if self.types[self.sets[table].type].has_version:
            day, time = self.now()
            row = row | {"UpdateDate": day, "UpdateTime": time, "DataVersion": row["DataVersion"] + 1}
        return self.put(table, key, row)

    def next(self, counter: str) -> int:
        """Numbers are never given back: a refused document may leave a gap."""
        self.counters[counter] += 1
        return self.counters[counter]

    # --- transactions ------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a draft made by an approval procedure stays although the request is refused."""
        self._undo = []
        try:
            yield
        except refusals.BecameDraft:
            raise
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._undo = None

    def _remember(self, table: str, key: Any) -> None:
        if self._undo is not None:
            self._undo.append((table, key, self.tables[table].get(key)))

    def _roll_back(self) -> None:
        for table, key, row in reversed(self._undo or []):
            if row is None:
                self.tables[table].pop(key, None)
            else:
                self.tables[table][key] = row

    # --- time, periods, references -----------------------------------------------------------------------

    def now(self) -> tuple[str, str]:
        """The server's local date and time of day."""
        now = datetime.now(self.zone)
        return now.date().isoformat(), f"{now:%H:%M:%S}"

    def check_posting_date(self, day: str, field: str, *, sales: bool = False) -> None:
        """Periods are contiguous rows of FinancePeriod."""
        period = next(
            (row for row in self.rows("_periods") if row["PostingDateFrom"] <= day <= row["PostingDateTo"]), None
        )
        if period is None:
            raise refusals.no_period(field)
        open_for = ["ltUnlocked"] if sales else ["ltUnlocked", "ltUnlockedExceptSales"]
        if period["PeriodStatus"] not in open_for:
            raise refusals.locked_period()

    def check_partner(self, code: str | None, table: str) -> Row:
        """The customer of a document: there, not frozen, active."""
        partner = self.find("BusinessPartners", code)
        if partner is None or partner["CardType"] != "cCustomer":
            raise refusals.invalid_partner(table, code or "")
        if partner["Frozen"] == "tYES" or partner["Valid"] == "tNO":
            raise refusals.inactive_partner(table, partner["CardCode"])
        return partner

    def check_account(self, code: str | None) -> Row:
        """An account that a document or a journal entry may be posted to directly."""
        account = self.get("ChartOfAccounts", code)
        if account["ActiveAccount"] == "tNO" or account["FrozenFor"] == "tYES":  # a title account, or inactive
            raise refusals.inactive_account(account["Code"])
        if account["LockManualTransaction"] == "tYES":
            raise refusals.control_account(account["Code"])
        if account["BlockManualPosting"] == "tYES":
            raise refusals.blocked_account(account["Code"])
        return account

    def check_currency(self, code: str) -> None:
        if code != self.setup["currency"]:
            self.get("Currencies", code)
            raise refusals.assumed("Update the exchange rate")  # the sandbox keeps none

    def check_references(self, row: Row, project: str = "ProjectCode") -> None:
        """Project and distribution rules of a document or of one of its lines."""
        if row.get(project) and self.get("Projects", row[project])["Active"] == "tNO":
            raise refusals.assumed(f"Project '{row[project]}' is inactive")
        for at, name in enumerate(("CostingCode", *(f"CostingCode{n}" for n in range(2, 6))), 1):
            if row.get(name):
                rule = self.get("DistributionRules", row[name])
                if rule["InWhichDimension"] != at or rule["Active"] == "tNO":
                    raise refusals.not_found()

    # --- user-defined fields and tables ------------------------------------------------------------------

    def restart(self) -> None:
        """What a restart of Service Layer does: from now on it knows the user-defined fields and tables that exist."""
        fields: defaultdict[str, list[Property]] = defaultdict(list)
        for row in self.rows("UserFieldsMD"):
            kind = USER_FIELD_KINDS.get(row["Type"], "string")
            name = USER_FIELD_TYPES.get(row["TableName"], row["TableName"].replace("@", "U_", 1))
            fields[name].append(Property(f"U_{row['Name']}", kind, row["Size"] if kind == "string" else 0))
        tables = [f"U_{row['TableName']}" for row in self.rows("UserTablesMD")]
        types = TYPES | dict.fromkeys(tables, TYPES["UserTable"])
        self.types = Types({name: known.extended(fields[name]) for name, known in types.items()})
        self.sets = SETS | {name: EntitySet(name, name, ("Code",), "POST PATCH DELETE") for name in tables}
        for name, known in self.sets.items():
            blank = self.types[known.type].blank()
            self.tables[name] = {key: blank | row for key, row in self.tables[name].items()}
