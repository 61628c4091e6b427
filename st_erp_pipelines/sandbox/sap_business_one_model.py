"""Service Layer's types: how values come in, are held, and go out.

A row is a dictionary of held values; keys that start with `_` are the server's own and are never shown. Held are
amounts as Decimal, dates as YYYY-MM-DD, enums by their name. A type is declared in one text of `Name:kind`, where kind
is a length (a string), int, double, date, time, an enum of ENUMS or [Type] for a collection; `*` marks what a client
cannot write and is silently ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row

# The name on the wire and the letter in the database; both are taken, the name is shown.
ENUMS: dict[str, dict[str, str]] = {
    "BoYesNoEnum": {"tNO": "N", "tYES": "Y"},
    "BoCardTypes": {"cCustomer": "C", "cSupplier": "S", "cLid": "L"},
    "BoCardCompanyTypes": {"cCompany": "C", "cPrivate": "I", "cGovernment": "G", "cEmployee": "E"},
    "BoVatStatus": {"vExempted": "N", "vLiable": "Y", "vEC": "E"},
    "BoAddressType": {"bo_ShipTo": "S", "bo_BillTo": "B"},
    "BoDocumentTypes": {"dDocument_Items": "I", "dDocument_Service": "S"},
    "BoObjectTypes": {"oInvoices": "13", "oCreditNotes": "14"},
    "BoStatus": {"bost_Open": "O", "bost_Close": "C", "bost_Paid": "P", "bost_Delivered": "D"},
    "CancelStatusEnum": {"csNo": "N", "csYes": "Y", "csCancellation": "C"},
    "DocumentAuthorizationStatusEnum": {
        "dasWithout": "-", "dasPending": "W", "dasApproved": "Y", "dasRejected": "N", "dasGenerated": "P",
    },
    "PaymentsAuthorizationStatusEnum": {
        "pasWithout": "-", "pasPending": "W", "pasApproved": "Y", "pasRejected": "N", "pasGenerated": "P",
    },
    "BoRcptTypes": {"rCustomer": "C", "rAccount": "A", "rSupplier": "S"},
    "BoRcptInvTypes": {"it_Invoice": "13", "it_CredItnote": "14", "it_Receipt": "24", "it_JournalEntry": "30"},
    "BoRcptCredTypes": {"cr_Regular": "S", "cr_Telephone": "U", "cr_InternetTransaction": "I"},
    "BoPaymentsObjectType": {"bopot_IncomingPayments": "24", "bopot_OutgoingPayments": "46"},
    "TransTypesEnum": {
        "ttARInvoice": "13", "ttARCredItnote": "14", "ttReceipt": "24", "ttJournalEntry": "30", "ttVendorPayment": "46",
    },
    "BoAccountTypes": {"at_Revenues": "I", "at_Expenses": "E", "at_Other": "N"},
    "BoPayTermDueTypes": {"pdt_None": "N", "pdt_MonthEnd": "E", "pdt_HalfMonth": "H", "pdt_MonthStart": "Y"},
    "BoVatCategoryEnum": {"bovcInputTax": "I", "bovcOutputTax": "O"},
    "BoBusinessPartnerGroupTypes": {"bbpgt_CustomerGroup": "C", "bbpgt_VendorGroup": "S"},
    "BoFieldTypes": {"db_Alpha": "A", "db_Memo": "M", "db_Numeric": "N", "db_Date": "D", "db_Float": "B"},
    "BoFldSubTypes": {"st_None": "", "st_Price": "P", "st_Sum": "S", "st_Link": "B"},
    "BoUTBTableType": {"bott_NoObject": "0", "bott_MasterData": "1", "bott_Document": "3"},
    "CardOrAccountEnum": {"coaCard": "C", "coaAccount": "A"},
    "CreditOrDebitEnum": {"codCredit": "C", "codDebit": "D"},
    "ReconTypeEnum": {"rtManual": "0", "rtPayment": "3", "rtCreditMemo": "4", "rtReversal": "5", "rtCancellation": "7"},
    "ReconSelectDateTypeEnum": {"rsdtPostDate": "R", "rsdtDueDate": "D", "rsdtDocDate": "T"},
    "PeriodStatusEnum": {
        "ltUnlocked": "N", "ltUnlockedExceptSales": "S", "ltPeriodClosing": "C", "ltLocked": "Y",
    },
    "BoSubPeriodTypeEnum": {"spt_Year": "Y", "spt_Quarters": "Q", "spt_Months": "M", "spt_Days": "D"},
}  # fmt: skip
DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(T[\d:.]+Z?)?")
EMPTY: dict[str, Any] = {"double": Decimal(0)}  # of a value that nobody set; all else is null


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kind: str  # string, int, double, date, time, an enum, or the type of a collection's rows
    length: int = 0
    is_collection: bool = False
    read_only: bool = False

    @staticmethod
    def declared(text: str) -> Property:
        name, _, kind = text.partition(":")
        read_only, kind = kind.endswith("*"), kind.rstrip("*")
        if kind.isdigit():
            return Property(name, "string", int(kind), read_only=read_only)
        return Property(name, kind.strip("[]"), is_collection=kind.startswith("["), read_only=read_only)

    def held(self, value: Any, type_name: str) -> Any:
        """A value of a body or a filter; collections are the caller's."""
        if value is None:
            return EMPTY.get(self.kind)
        if self.kind == "string":
            return self._text(value, type_name)
        if self.kind in ENUMS:
            return self._member(value, type_name)
        if self.kind in ("int", "double"):
            return self._number(value, type_name)
        found = DATE.fullmatch(str(value))
        if self.kind == "date" and not found:
            raise self._invalid(type_name)
        return "-".join(found.groups()[:3]) if found and self.kind == "date" else str(value)

    def _text(self, value: Any, type_name: str) -> str:
        if not isinstance(value, str):
            raise self._invalid(type_name)
        if self.length and len(value) > self.length:
            raise refusals.too_long(self.name, type_name)
        return value

    def _member(self, value: Any, type_name: str) -> str:
        members = ENUMS[self.kind]
        name = next((name for name, letter in members.items() if str(value) in (name, letter)), None)
        if name is None:
            raise self._invalid(type_name)
        return name

    def _number(self, value: Any, type_name: str) -> Any:
        """SAP's own samples send some numbers as text."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self._invalid(type_name) from None
        if isinstance(value, bool) or not number.is_finite() or (self.kind == "int" and number != int(number)):
            raise self._invalid(type_name)
        return int(number) if self.kind == "int" else number

    def _invalid(self, type_name: str) -> Exception:
        return refusals.bad_body(f"Invalid value in property '{self.name}' of '{type_name}'")


@dataclass(frozen=True, slots=True)
class Type:
    """`table` is the database's name, which user-defined fields and some texts go by."""

    name: str
    table: str
    properties: dict[str, Property]

    @staticmethod
    def declared(name: str, table: str, text: str) -> Type:
        properties = [Property.declared(each) for each in text.split()]
        return Type(name, table, {each.name: each for each in properties})

    def extended(self, fields: list[Property]) -> Type:
        """With user-defined fields."""
        return replace(self, properties=self.properties | {field.name: field for field in fields})

    @property
    def has_version(self) -> bool:
        return "DataVersion" in self.properties

    def blank(self) -> Row:
        return {name: [] if known.is_collection else EMPTY.get(known.kind) for name, known in self.properties.items()}


class Types:
    """All types of a company, its user-defined fields included."""

    def __init__(self, types: dict[str, Type]) -> None:
        self.by_name = types

    def __getitem__(self, name: str) -> Type:
        return self.by_name[name]

    def accept(self, name: str, body: Any, *, keep: tuple[str, ...] = ()) -> Row:
        """What a body sets, held. Unknown properties are refused, read-only ones ignored except those in `keep`."""
        known = self[name]
        if not isinstance(body, dict):
            raise refusals.bad_body("Invalid request body")
        accepted: Row = {}
        for key, value in body.items():
            found = known.properties.get(key)
            if found is None and key.partition("@")[2].startswith("odata."):
                continue
            if found is None:
                raise refusals.unknown_property(key, name)
            if (found.read_only and key not in keep) or (found.is_collection and value is None):
                continue
            accepted[key] = self._accept_rows(found, value) if found.is_collection else found.held(value, name)
        return accepted

    def _accept_rows(self, known: Property, value: Any) -> list[Row]:
        if not isinstance(value, list):
            raise refusals.bad_body(f"Invalid value in property '{known.name}'")
        return [self.accept(known.kind, row) for row in value]

    def shown(self, name: str, row: Row, select: list[str], *, v1: bool) -> Row:
        """A row as it goes out: in OData V4 dates are midnight with a `Z` that means nothing."""
        known = self[name].properties
        return {key: self._shown(known[key], row.get(key), v1) for key in select or known}

    def _shown(self, known: Property, value: Any, v1: bool) -> Any:
        if known.is_collection:
            return [self.shown(known.kind, row, [], v1=v1) for row in value or []]
        if known.kind == "date" and value is not None and not v1:
            return f"{value}T00:00:00Z"
        if known.kind == "double":
            return plain(value or Decimal(0))
        return value


def given(sent: Row) -> Row:
    """What a new record is told: null means not told."""
    return {name: value for name, value in sent.items() if value is not None}


def plain(amount: Decimal) -> Decimal:
    """150.0 and 12.5, as the wire has it."""
    amount = amount.normalize()
    exponent = amount.as_tuple().exponent
    return amount.quantize(Decimal("0.0")) if isinstance(exponent, int) and exponent > -1 else amount
