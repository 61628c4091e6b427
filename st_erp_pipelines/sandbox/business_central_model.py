"""The entities of Business Central's API v2.0 that the sandbox serves, and what each property accepts.

Names, lengths and enum spellings are those of the published `$metadata`; which are read-only (`!`) is from
the source of the API pages. One line per entity: `name:kind`, where kind is guid, codeN (upper-cased and
trimmed by the server), textN, decimal, int, date, datetime, bool or the name of an enum.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox.odata import ODataError, Row, exact, syntax_error

BLANK_ID = "00000000-0000-0000-0000-000000000000"
BLANK_DATE = "0001-01-01"
BLANK_TIME = "0001-01-01T00:00:00Z"
BLANK_OPTION = "_x0020_"

ENUMS = {
    "contactType": "Company Person",
    "customerBlocked": "_x0020_ Ship Invoice All",
    "itemType": "Inventory Service Non_x002D_Inventory",
    "glAccountCategory": "_x0020_ Assets Liabilities Equity Income Cost_x0020_of_x0020_Goods_x0020_Sold Expense",
    "glAccountType": "Posting Heading Total Begin_x002D_Total End_x002D_Total",
    "taxBufferType": "Sales_x0020_Tax VAT",
    "invoiceStatus": "_x0020_ Draft In_x0020_Review Open Paid Canceled Corrective",
    "creditMemoStatus": "Draft In_x0020_Review Open Canceled Corrective Paid",
    "lineType": "Comment Account Item Resource Fixed_x0020_Asset Charge Allocation_x0020_Account",
    "accountType": "G_x002F_L_x0020_Account Customer Vendor Bank_x0020_Account Fixed_x0020_Asset "
    "IC_x0020_Partner"
    " Employee Allocation_x0020_Account",
    "documentType": "_x0020_ Payment Invoice Credit_x0020_Memo Finance_x0020_Charge_x0020_Memo Reminder Refund",
    "parentType": "_x0020_ Journal_x0020_Line Sales_x0020_Credit_x0020_Memo "
    "Sales_x0020_Credit_x0020_Memo_x0020_Line"
    " Sales_x0020_Invoice Sales_x0020_Invoice_x0020_Line General_x0020_Ledger_x0020_Entry",
}
OPTIONS = {name: text.split(" ") for name, text in ENUMS.items()}
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def plain_option(value: str) -> str:
    """`In_x0020_Review` as people read it: `In Review`."""
    return ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), value)


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kind: str
    length: int | None
    read_only: bool

    def blank(self) -> Any:
        if self.kind in OPTIONS:
            return OPTIONS[self.kind][0]
        blanks = {
            "guid": BLANK_ID,
            "decimal": Decimal(0),
            "int": 0,
            "date": BLANK_DATE,
            "datetime": BLANK_TIME,
            "bool": False,
        }
        return blanks.get(self.kind, "")

    def accept(self, value: Any) -> Any:
        """The stored form of what a client sent; null means blank."""
        if value is None:
            return self.blank()
        if self.kind in OPTIONS:
            return self.option(value)
        read: Any = READERS[self.kind](self, value)
        return read

    def option(self, value: Any) -> str:
        if value in OPTIONS[self.kind]:
            return str(value)
        existing = ",".join(plain_option(option) for option in OPTIONS[self.kind])
        raise ODataError(400, "Unknown", f"'{value}' is not an option. The existing options are: {existing}")

    def refuse(self, value: Any, edm: str) -> ODataError:
        return ODataError(400, "BadRequest", f"Cannot convert the literal '{value}' to the expected type '{edm}'.")

    def text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value, "Edm.String")
        text: str = value.strip().upper() if self.kind == "code" else value
        if self.length is not None and len(text) > self.length:
            raise ODataError(
                400,
                "Application_StringExceededLength",
                f"The length of the string is {len(text)}, but it must be less than or equal to "
                f"{self.length} characters. Value: {text}",
            )
        return text

    def guid(self, value: Any) -> str:
        try:
            return str(uuid.UUID(value))
        except (ValueError, TypeError, AttributeError):
            raise self.refuse(value, "Edm.Guid") from None

    def decimal(self, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.refuse(value, "Edm.Decimal")
        return exact(Decimal(value).quantize(Decimal("0.00001")))

    def int(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(value, "Edm.Int32")
        return value

    def bool(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise self.refuse(value, "Edm.Boolean")
        return value

    def date(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise self.refuse(value, "Edm.Date")
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise self.refuse(value, "Edm.Date") from None

    def datetime(self, value: Any) -> str:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise self.refuse(value, "Edm.DateTimeOffset") from None
        return wire_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


READERS = {
    "text": Property.text,
    "code": Property.text,
    "guid": Property.guid,
    "decimal": Property.decimal,
    "int": Property.int,
    "bool": Property.bool,
    "date": Property.date,
    "datetime": Property.datetime,
}


def wire_time(moment: datetime) -> str:
    """UTC with milliseconds, as `lastModifiedDateTime` is shown."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Navigation:
    """From a row to rows of `entity` whose `theirs` equals its `ours`."""

    entity: str
    many: bool
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Entity:
    """`methods` are what the page allows; `unfilterable` what it cannot compare in `$filter`."""

    set_name: str
    name: str
    properties: dict[str, Property]
    navigation: dict[str, Navigation]
    methods: frozenset[str]
    unfilterable: frozenset[str] = frozenset()

    def blank(self) -> Row:
        return {name: prop.blank() for name, prop in self.properties.items()}

    def property(self, name: str) -> Property:
        if name not in self.properties:
            raise syntax_error(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{self.name}'.")
        return self.properties[name]

    def accept(self, body: Any, *, nested: frozenset[str] = frozenset()) -> Row:
        """What a client sent, checked, as stored, in its order; `nested` names the collections allowed."""
        if not isinstance(body, dict):
            raise ODataError(400, "BadRequest", "The request body must be a JSON object.")
        accepted: Row = {}
        for name, value in body.items():
            if name in nested:
                accepted[name] = value
            elif not name.startswith("@"):
                accepted[name] = self.writable(name).accept(value)
        return accepted

    def writable(self, name: str) -> Property:
        if name not in self.properties:
            raise ODataError(
                400,
                "BadRequest",
                f"The property '{name}' does not exist on type 'Microsoft.NAV.{self.name}'. Make sure to "
                "only use property names that are defined by the type.",
            )
        if self.properties[name].read_only:
            raise ODataError(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only.")
        return self.properties[name]

    def literal(self, name: str, text: str, quoted: bool) -> Any:
        """A `$filter` literal, typed as the property is."""
        prop = self.property(name)
        if name in self.unfilterable:
            raise ODataError(400, "BadRequest", f"The property '{name}' cannot be used in the $filter query option.")
        if quoted != (prop.kind in ("text", "code") or prop.kind in OPTIONS):
            raise ODataError(
                400,
                "BadRequest",
                f"A binary operator with incompatible types was detected: '{name}' and '{text}'.",
            )
        return typed_literal(prop, text)

    def comparable(self, row: Row, name: str) -> Any:
        value = row[name]
        return value.rstrip("Z") if self.properties[name].kind == "datetime" else value


def typed_literal(prop: Property, text: str) -> Any:
    if prop.kind in ("text", "code"):
        return text.upper() if prop.kind == "code" else text
    if prop.kind in OPTIONS:
        return next((option for option in OPTIONS[prop.kind] if text in (option, plain_option(option))), text)
    if prop.kind in ("decimal", "int"):
        try:
            return Decimal(text)
        except ArithmeticError:
            raise prop.refuse(text, "Edm.Decimal") from None
    if prop.kind == "bool":
        return prop.bool({"true": True, "false": False}.get(text, text))
    if prop.kind == "datetime":
        return READERS["datetime"](prop, text).rstrip("Z")
    return READERS[prop.kind](prop, text)


def parse_properties(text: str) -> dict[str, Property]:
    properties = {}
    for word in text.split():
        name, _, kind = word.rstrip("!").partition(":")
        letters = kind.rstrip("0123456789") if kind not in OPTIONS else kind
        length = int(kind[len(letters) :]) if kind[len(letters) :] else None
        properties[name] = Property(name, letters, length, word.endswith("!"))
    return properties
