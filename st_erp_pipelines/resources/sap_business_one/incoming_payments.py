"""Incoming payments: of a customer, by one means, applied to invoices or on account.

There is no total on a payment and no ETag, and nothing tells when it was changed. An invoice that is closed already
may have been closed by this very payment: it is looked up before that counts as a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.sap_business_one.client import LANES, BusinessOne, Row, day, money
from st_erp_pipelines.resources.sap_business_one.evidence import Drafts, Evidence, Kind, Seen, require_field
from st_erp_pipelines.resources.sap_business_one.masters import Accounts, Currencies, refused
from st_erp_pipelines.resources.sap_business_one.posting_log import PostingLog
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted

PAYMENT = Kind("payment", "incoming payment", "IncomingPayments", "bopot_IncomingPayments")
DRAFTS = Drafts("PaymentDrafts", ("DocEntry", "DocNum", "DocObjectCode", "AuthorizationStatus"))
SELECT = (
    "DocEntry", "DocNum", "CardCode", "TaxDate", "DocCurrency", "CashSum", "TransferSum", "PaymentChecks",
    "PaymentCreditCards", "Cancelled",
)  # fmt: skip
TRANSFER_REFERENCE = 27  # characters
CARD_NUMBER = 4  # never more than its last digits, which is all that is known here


class IncomingPayments:
    """A payload has `key`, `customer_number`, `posting_date`, `document_date`, `amount`, `currency`, `comment`;
    `means` (cash, transfer, check, card) with its `account`; for a check `check_number`, `bank_code`, `bank_country`;
    for a card `card` (its number in the list of credit cards), `card_number`, `card_valid_until`, `voucher`;
    and `invoices`, each with `key`, `id` (its DocEntry) and `amount`: what they leave is on account.
    """

    has_drafts = False
    lanes = LANES

    def __init__(
        self,
        client: BusinessOne,
        *,
        key_field: str = "Remarks",
        former_key_fields: Sequence[str] = (),
        branch: int | None = None,
        posting_log: str = "",
    ) -> None:
        self.place, self.timing = client.place, client.timing
        self._key_field, self._branch = key_field, branch
        require_field(client, key_field, "ORCT")
        self._post = PostingLog(client, posting_log).post if posting_log else client.post
        self._accounts = Accounts(client)
        self._currencies = Currencies(client)
        fields = tuple(dict.fromkeys((key_field, *former_key_fields, "TransferReference")))
        self._evidence = Evidence(client, (PAYMENT,), DRAFTS, fields, SELECT, self._judged)

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return self._evidence.look_up(wanted)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id)  # there is no draft of ours to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"payments of Business One are posted at once, there is nothing to {move}")
        body = self._body(wanted)
        try:
            made = self._post(PAYMENT.path, operation="post payment", document=wanted.key, body=body, names="DocEntry")
        except Rejected as error:
            raise self._evidence.after_refusal(error, wanted) from None
        return Reply(str(made["DocEntry"]), str(made.get("DocNum") or ""))

    def _judged(self, wanted: Wanted, seen: Seen) -> Finding:
        row = seen.row
        here: dict[str, Any] = {"remote_id": seen.remote_id, "number": str(row["DocNum"])}
        if row["Cancelled"] == "tYES":
            return Finding(Found.DEAD, detail=f"{seen.name} was cancelled", **here)
        return Finding(
            Found.COMPLETE,
            total=_total(row),
            on=day(row["TaxDate"]),
            currency=self._currencies.known_as(row["DocCurrency"]) if wanted.currency else None,
            party=row["CardCode"],
            **here,
        )

    def _body(self, wanted: Wanted) -> Row:
        payload = wanted.payload
        if waiting := [each["key"] for each in payload["invoices"] if not each["id"]]:
            text = f"the invoice {waiting[0]} it pays was not posted when it was built"
            raise refused(text, "waits_for_invoice", wanted.key, "The next build mends that.")
        applied = sum((Decimal(each["amount"]) for each in payload["invoices"]), Decimal(0))
        if applied > Decimal(payload["amount"]):
            text = f"its parts come to {applied}, it to {payload['amount']}"
            raise refused(text, "total_differs", wanted.key, "Correct the payment in ServiceTitan.")
        header = {
            "DocType": "rCustomer",
            "CardCode": payload["customer_number"],
            "DocDate": payload["posting_date"],
            "TaxDate": payload["document_date"],
            "DocCurrency": self._currencies.code(payload.get("currency") or "", wanted.key),
            "Remarks": trimmed(payload.get("comment") or "", 254),
            "JournalRemarks": trimmed(payload.get("comment") or payload["key"], 50),
            "ProjectCode": payload.get("project_code"),
            "BPLID": self._branch,
            "PaymentInvoices": [_applied(each) for each in payload["invoices"]],
        } | {self._key_field: payload["key"]}
        means = _means(payload, self._accounts.code(payload["account"], wanted.key))
        return {name: value for name, value in (header | means).items() if value not in (None, "", [])}


def _applied(invoice: Mapping[str, Any]) -> Row:
    return {"DocEntry": int(invoice["id"]), "SumApplied": Decimal(invoice["amount"]), "InvoiceType": "it_Invoice"}


def _means(payload: Mapping[str, Any], account: str) -> Row:
    amount, on = Decimal(payload["amount"]), payload["posting_date"]
    match payload["means"]:
        case "cash":
            return {"CashSum": amount, "CashAccount": account}
        case "check":
            if not payload.get("bank_code"):
                fix = "Set erp.check_bank in connections.yaml to the code of a bank."
                raise refused("a check needs a bank", "unknown_bank", payload["key"], fix)
            check = {
                "CheckSum": amount,
                "CheckAccount": account,
                "DueDate": on,
                "CheckNumber": _digits(payload.get("check_number")),
                "BankCode": payload.get("bank_code"),
                "CountryCode": payload.get("bank_country"),
            }
            return {"PaymentChecks": [{name: value for name, value in check.items() if value not in (None, "")}]}
        case "card":
            card = {
                "CreditCard": payload["card"],
                "CreditAcct": account,
                "CreditCardNumber": str(payload.get("card_number") or "")[-CARD_NUMBER:],
                "CardValidUntil": payload.get("card_valid_until"),
                "VoucherNum": trimmed(payload.get("voucher") or payload["key"], 20),
                "CreditSum": amount,
                "NumOfPayments": 1,
                "FirstPaymentDue": on,
                "CreditType": "cr_Regular",
            }
            return {"PaymentCreditCards": [{name: value for name, value in card.items() if value not in (None, "")}]}
        case _:
            key = payload["key"]
            reference = {"TransferReference": key} if len(key) <= TRANSFER_REFERENCE else {}
            return {"TransferSum": amount, "TransferAccount": account, "TransferDate": on, **reference}


def _digits(number: object) -> int | None:
    """The field is an integer; what people type as a check's number need not be one."""
    digits = "".join(each for each in str(number or "") if each.isascii() and each.isdigit())[-9:]
    return int(digits) if digits else None


def _total(row: Row) -> Decimal:
    checks = [each["CheckSum"] for each in row.get("PaymentChecks") or ()]
    cards = [each["CreditSum"] for each in row.get("PaymentCreditCards") or ()]
    return sum(map(money, (row["CashSum"], row["TransferSum"], *checks, *cards)), Decimal(0))
