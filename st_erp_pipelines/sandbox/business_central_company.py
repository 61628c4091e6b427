"""The records of one Business Central company, in memory.

A row is a dictionary of wire values plus `@odata.etag`; keys that start with `_` are the server's own and are
never shown. Handlers run on one event loop and only `await` before they touch rows, so that each request
is one transaction: whoever changes rows checks everything first and stores last.
"""

from __future__ import annotations

import base64
import uuid
from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from st_erp_pipelines.sandbox.business_central_entities import ENTITIES, INDEXED
from st_erp_pipelines.sandbox.business_central_model import BLANK_DATE, BLANK_ID, Entity, wire_time
from st_erp_pipelines.sandbox.odata import Both, Call, Comparison, Either, Node, ODataError, Row, matches

if TYPE_CHECKING:
    from st_erp_pipelines.sandbox.business_central_customer_ledger import Payment

NAMESPACE = uuid.UUID("6f0d2c9e-3d0c-4f1c-9e55-1f0f6a7b9c11")


def dialog(message: str) -> ODataError:
    """What any `Error()` of the application code becomes on the wire."""
    return ODataError(400, "Application_DialogException", message)


def must_have_value(message: str) -> ODataError:
    """What `TestField` becomes on the wire."""
    return ODataError(400, "Application_FieldValidationException", message)


class Index:
    """Rows by one property; its sorted values answer `startswith`."""

    def __init__(self) -> None:
        self.ids: dict[str, dict[str, None]] = {}
        self.values: list[str] = []

    def add(self, value: str, row_id: str) -> None:
        if value not in self.ids:
            self.ids[value] = {}
            insort(self.values, value)
        self.ids[value][row_id] = None

    def discard(self, value: str, row_id: str) -> None:
        self.ids[value].pop(row_id)
        if not self.ids[value]:
            del self.ids[value]
            self.values.pop(bisect_left(self.values, value))

    def equal(self, value: str) -> set[str]:
        return set(self.ids.get(value, ()))

    def starting(self, prefix: str) -> set[str]:
        found: set[str] = set()
        for value in self.values[bisect_left(self.values, prefix) :]:
            if not value.startswith(prefix):
                break
            found.update(self.ids[value])
        return found


class Table:
    def __init__(self, entity: Entity, indexed: Iterable[str]) -> None:
        self.entity = entity
        self.rows: dict[str, Row] = {}
        self.indices = {name: Index() for name in indexed}
        self.indexed_values: dict[str, dict[str, str]] = {}
        self.serials: dict[str, int] = {}
        self.line_order = next((name for name in ("sequence", "lineNumber") if name in entity.properties), "")

    def put(self, row: Row) -> None:
        row_id = row["id"]
        before = self.indexed_values.get(row_id, {})
        now = {name: row[name] for name in self.indices}
        for name, index in self.indices.items():
            if before.get(name) != now[name]:
                if name in before:
                    index.discard(before[name], row_id)
                index.add(now[name], row_id)
        self.indexed_values[row_id] = now
        self.serials.setdefault(row_id, len(self.serials))
        self.rows[row_id] = row

    def remove(self, row: Row) -> None:
        del self.rows[row["id"]]
        for name, value in self.indexed_values.pop(row["id"]).items():
            self.indices[name].discard(value, row["id"])

    def by(self, name: str, value: str) -> list[Row]:
        return self.ordered(self.indices[name].equal(value))

    def first(self, name: str, value: str) -> Row | None:
        found = self.indices[name].ids.get(value)
        return self.rows[next(iter(found))] if found else None

    def ordered(self, ids: Iterable[str]) -> list[Row]:
        rows = [self.rows[row_id] for row_id in sorted(ids, key=self.serials.__getitem__)]
        return sorted(rows, key=lambda row: row[self.line_order]) if self.line_order else rows

    def select(self, node: Node | None) -> list[Row]:
        """The rows a filter keeps, in the order they were entered (lines: in their own order)."""
        ids = self.candidates(node) if node is not None else None
        rows = list(self.rows.values()) if ids is None else self.ordered(ids)
        if node is None:
            return rows
        keep = matches(node, self.entity.comparable)
        return [row for row in rows if keep(row)]

    def candidates(self, node: Node) -> set[str] | None:
        """A superset of the ids that match, from an index; None: only a scan can tell."""
        if isinstance(node, Comparison) and node.operator == "eq":
            if node.field == "id":
                return {node.value} & self.rows.keys()
            return self.indices[node.field].equal(node.value) if node.field in self.indices else None
        if isinstance(node, Call) and node.name == "startswith" and node.field in self.indices:
            return self.indices[node.field].starting(node.value)
        if isinstance(node, (Both, Either)):
            left, right = self.candidates(node.left), self.candidates(node.right)
            if isinstance(node, Both):
                return right if left is None else left if right is None else left & right
            return None if left is None or right is None else left | right
        return None


class Company:
    """Rows and number series of one company. `posting_setup` holds what the API does not show: the
    SETTINGS of business_central_seed.py."""

    def __init__(self, company_id: str, name: str) -> None:
        self.id = company_id
        self.name = name
        self.tables = {name: Table(entity, INDEXED.get(name, ())) for name, entity in ENTITIES.items()}
        self.posting_setup: dict[str, Any] = {}
        self.default_dimensions: dict[tuple[str, str], dict[str, tuple[str, bool]]] = {}
        self.payments: list[Payment] = []  # in the customer ledger
        self.tax_percents: dict[str, Any] = {}
        self.version = 6727329185434654617
        self.series = {
            "S-INV": 102000,
            "PS-INV": 103000,
            "S-CR": 1000,
            "PS-CR": 104000,
            "C": 10000,
            "entry": 0,
            "id": 0,
        }
        self.id_salt = "seed"

    def __getitem__(self, set_name: str) -> Table:
        return self.tables[set_name]

    def now(self) -> str:
        return wire_time(datetime.now(UTC))

    def today(self) -> str:
        return datetime.now(UTC).date().isoformat()

    def next_number(self, series: str) -> str:
        self.series[series] += 1
        return f"{series}{self.series[series]}"

    def new_id(self) -> str:
        self.series["id"] += 1
        return seeded_id(self.id, self.id_salt, str(self.series["id"]))

    def forget_the_seed(self) -> None:
        """Until here ids repeat from run to run; from here no restarted sandbox gives one out again."""
        self.id_salt = uuid.uuid4().hex

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def save(self, set_name: str, row: Row, *, modified_at: str = "") -> Row:
        """Store a new or changed row: a new ETag, a new modification time."""
        row["@odata.etag"] = etag(self.next_version())
        if "lastModifiedDateTime" in ENTITIES[set_name].properties:
            row["lastModifiedDateTime"] = modified_at or self.now()
        for name in ("customerPaymentJournals", "journals") if set_name in BATCH_SETS else (set_name,):
            self.tables[name].put(row)
        return row

    def remove(self, set_name: str, row: Row) -> None:
        self.tables[set_name].remove(row)

    def get(self, set_name: str, row_id: str) -> Row:
        row = self.tables[set_name].rows.get(row_id)
        if row is None:
            raise ODataError(404, "Internal_RecordNotFound", "The requested record could not be found in the table.")
        return row

    def find(self, set_name: str, field: str, value: str) -> Row | None:
        """By number, code or id; index where there is one."""
        table = self.tables[set_name]
        if field == "id":
            return table.rows.get(value)
        if field in table.indices:
            return table.first(field, value)
        return next((row for row in table.rows.values() if row[field] == value), None)

    def match(self, set_name: str, field: str, value: str, label: str) -> Row:
        """`find`, or the refusal of the API pages; `label` is the property the client wrote."""
        row = self.find(set_name, field, value)
        if row is None:
            raise dialog(f'The "{label}" does not match to a {TABLE_NAMES[set_name]}.')
        return row

    def setup(self) -> Row:
        return next(iter(self.tables["generalLedgerSetup"].rows.values()))

    def duplicate_key(self, table: str, fields: str) -> ODataError:
        """400 in recorded traffic, 409 by an analysis of the server: `duplicate_key_status` says which."""
        return ODataError(
            self.posting_setup["duplicate_key_status"],
            "Internal_EntityWithSameKeyExists",
            f"The record in table {table} already exists. Identification fields and values: {fields}",
        )

    def check_posting_date(self, posting_date: str, where: str = "") -> None:
        """The user's own range, if any, replaces the company's."""
        user = self.posting_setup.get("user_period") or {}
        setup = self.setup()
        first = user.get("from") or setup["allowPostingFrom"]
        last = user.get("to") or setup["allowPostingTo"]
        if posting_date < first or (last != BLANK_DATE and posting_date > last):
            raise dialog(f"Posting Date is not within your range of allowed posting dates{where}.")

    def check_customer(self, customer: Row, verb: str, document: str) -> None:
        """`verb` is create or post. Invoices stop at Invoice and All, everything else at All only."""
        if customer["blocked"] == "All" or (customer["blocked"] == "Invoice" and document == "Invoice"):
            raise dialog(
                f"You cannot {verb} this type of document when Customer {customer['number']} is blocked "
                f"with type {customer['blocked']}"
            )

    def check_posting_group(self, customer: Row) -> None:
        if customer.get("_missing_posting_group"):
            raise must_have_value(
                f"Customer Posting Group must have a value in Customer: No.={customer['number']}. "
                "It cannot be zero or empty."
            )

    def check_account(self, account: Row) -> None:
        if account["blocked"]:
            raise must_have_value(
                f"Blocked must be equal to 'No' in G/L Account: No.={account['number']}. Current value is 'Yes'."
            )

    def enter_ledger(self, entry: Row, dimensions: dict[str, Any]) -> None:
        """`amount` above zero is a debit, below a credit; zero leaves no entry."""
        amount = entry.pop("amount")
        if not amount:
            return
        account = self.find("accounts", "number", entry["accountNumber"])
        self.series["entry"] += 1
        row = {**ENTITIES["generalLedgerEntries"].blank(), **entry}
        row |= {
            "id": self.new_id(),
            "entryNumber": self.series["entry"],
            "accountId": account["id"] if account else BLANK_ID,
            "debitAmount" if amount > 0 else "creditAmount": abs(amount),
            "_dimensions": dict(dimensions),
        }
        self.save("generalLedgerEntries", row)


BATCH_SETS = ("customerPaymentJournals", "journals")
TABLE_NAMES = {
    "customers": "Customer",
    "currencies": "Currency",
    "dimensions": "Dimension",
    "paymentTerms": "Payment Terms",
    "paymentMethods": "Payment Method",
    "accounts": "G/L Account",
    "salesInvoices": "Sales Invoice",
    "taxAreas": "Tax Area",
    "customerPaymentJournals": "Customer Payment Journal",
}


def etag(version: int) -> str:
    opaque = base64.b64encode(f"'19;{version};00;'".encode()).decode()
    return f'W/"{opaque}"'


def seeded_id(*parts: str) -> str:
    """The same id for the same record in every run."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def add_days(day: str, days: int) -> str:
    return date.fromordinal(date.fromisoformat(day).toordinal() + days).isoformat()
