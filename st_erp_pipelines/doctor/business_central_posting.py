"""What Business Central needs before it takes our documents: numbers, posting groups, payment batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources.business_central import BusinessCentral
from st_erp_pipelines.resources.business_central.client import Row, decoded
from st_erp_pipelines.resources.odata import any_of, quoted
from st_erp_pipelines.settings import Connection

POSTED = {"Open", "Paid", "Canceled", "Corrective"}
LOOKED_AT = 50  # documents, for evidence


class PostingChecks:
    def __init__(self, connection: Connection, mappings: Mappings, client: BusinessCentral) -> None:
        self._connection = connection
        self._mappings = mappings
        self._client = client
        self._number = f"ST{connection.key_prefix}-"

    def checks(self) -> Sequence[Check]:
        customers, invoices, payments = ("customers",), ("invoices",), ("payments",)
        return [
            Check("manual customer numbers", self._manual_numbers, customers, only_to_post=True),
            Check("customer template", self._customer_template, ("customers", "invoices"), only_to_post=True),
            Check("items", self._items, invoices, only_to_post=True),
            Check("payment batches", self._batches, payments, only_to_post=True),
            Check("numbers of payments", self._payment_numbers, payments, only_to_post=True),
        ]

    def _manual_numbers(self) -> Iterator[Said]:
        own = f"startswith(number,{quoted(self._number)})"
        if found := self._first("customers", own, "number"):
            yield ok(f"customer {found[0]['number']} has a number of ours")
            return
        yield note(
            "whether customers may be numbered by hand cannot be read by API",
            "In the number series of customers, tick Manual Nos.; the first customer will tell.",
        )

    def _customer_template(self) -> Iterator[Said]:
        """A posted invoice of a customer that we created proves that he got his posting groups."""
        own = f"startswith(externalDocumentNumber,{quoted(f'ST-{self._connection.key_prefix}-INV-')})"
        for row in self._first("salesInvoices", own, "number,status,customerNumber", LOOKED_AT):
            if row["customerNumber"].startswith(self._number) and decoded(row["status"]) in POSTED:
                yield ok(f"invoice {row['number']} of customer {row['customerNumber']}, whom we created, was posted")
                return
        yield note(
            "which posting groups a new customer gets cannot be read by API",
            "Let a configuration template for customers, chosen by a template selection rule, give them; the first "
            "invoice of a new customer will tell.",
        )

    def _items(self) -> Iterator[Said]:
        accounts = self._mappings.tables["accounts"]
        numbers = sorted({*accounts.loc[accounts["target_type"] == "item", "target_number"]} - {""})
        if not numbers:
            yield ok("no table maps to items")
            return
        fields = "number,generalProductPostingGroupCode"
        rows = [
            row for start in range(0, len(numbers), LOOKED_AT)
            for row in self._all("items", any_of("number", numbers[start : start + LOOKED_AT]), fields)
        ]  # fmt: skip
        bare = [row["number"] for row in rows if not row["generalProductPostingGroupCode"]]
        if bare:
            fix = "Give each its general product posting group."
            yield warning(f"lines cannot be posted to items without a posting group: {', '.join(bare)}", fix)
        else:
            yield ok(f"each of {', '.join(numbers)} has its general product posting group")

    def _batches(self) -> Iterator[Said]:
        """Those of payment_types.csv, and the one for drafts; what is missing is created when it is needed."""
        journals = {row["code"]: row for row in self._all("customerPaymentJournals", "", "")}
        table = self._mappings.tables["payment_types"]
        wanted: dict[str, set[str]] = {}
        for batches, account in zip(table["batches"], table["balancing_account"], strict=True):
            for code in batches.split():
                wanted.setdefault(code, set()).update({account} - {""})
        for code, accounts in sorted(wanted.items()):
            account = next(iter(accounts), "")
            if len(accounts) > 1:
                fix = "A batch has one account: use another batch for the other."
                yield wrong(f"{code} is named with the accounts {', '.join(sorted(accounts))}", fix)
            elif code in journals:
                yield from self._batch(journals[code], account)
            elif account:
                yield ok(f"{code} is not there yet, and will be created with the balancing account {account}")
            else:
                fix = "Create it there with its account, or name the account in payment_types.csv."
                yield wrong(f"batch {code} is not there, and payment_types.csv names no account for it", fix)
        if not wanted:
            yield warning("payment_types.csv names no batch", "Give each payment type one or more batches of its own.")
        elif self._connection.erp.draft_batch in wanted:
            fix = "Use another one in payment_types.csv."
            yield wrong(f"{self._connection.erp.draft_batch} is the batch of drafts, and a batch to post with", fix)

    def _batch(self, journal: Row, account: str) -> Iterator[Said]:
        code, theirs = journal["code"], journal["balancingAccountNumber"]
        if account and account != theirs:
            fix = f"Change that row of payment_types.csv, or the account of batch {code}."
            yield wrong(f"{code} balances to {theirs or 'none'}, and payment_types.csv says {account}", fix)
        elif lines := self._strangers(journal["id"]):
            fix = "Post or remove that, and keep the batch for us."
            yield warning(f"{code} holds lines that are not ours: {', '.join(lines)}", fix)
        elif not theirs:
            yield note(f"{code} shows no account; a bank account is not in the API", "See that it has one.")
        else:
            yield ok(f"{code} balances to {theirs}")

    def _strangers(self, journal_id: str) -> list[str]:
        """Document numbers; posting would take them along."""
        payments = self._all(f"customerPaymentJournals({journal_id})/customerPayments", "", "documentNumber")
        others = self._all(f"journals({journal_id})/journalLines", "", "documentNumber,amount,accountNumber")
        numbers = [row["documentNumber"] for row in others if row["amount"] or row["accountNumber"]]
        ours = f"{self._connection.key_prefix}P"
        numbers += [row["documentNumber"] for row in payments if not row["documentNumber"].startswith(ours)]
        return sorted({number or "a line without number" for number in numbers})

    def _payment_numbers(self) -> Iterator[Said]:
        own = f"startswith(documentNumber,{quoted(f'{self._connection.key_prefix}P')})"
        for row in self._first("generalLedgerEntries", own, "documentNumber,documentType", LOOKED_AT):
            if decoded(row["documentType"]) == "Payment":
                yield ok(f"payment {row['documentNumber']} kept its number")
                return
        yield note(
            "number series of payment batches cannot be read by API",
            "See that our batches have neither a No. Series nor a Posting No. Series: else payments lose their keys.",
        )

    def _first(self, path: str, condition: str, fields: str, count: int = 1) -> list[Row]:
        return self._client.rows(path, operation=f"look into {path}", filter=condition, select=fields, top=count)

    def _all(self, path: str, condition: str, fields: str) -> list[Row]:
        what = path.rpartition("/")[2]
        return self._client.rows(path, operation=f"list {what}", filter=condition, select=fields)
