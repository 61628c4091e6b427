"""SAP Business One: login, what the user may read, and what a company needs before it takes our documents.

What a user may write, and approval procedures that turn a document into a draft, are not in the Service Layer: the
first document will tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, partial
from zoneinfo import ZoneInfo

from st_erp_pipelines.assets.sap_business_one import BY_DAY, OPTIONAL, READ_BACK_BY_DAY, WHOLE
from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor import reach
from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.flows import SALES_FLOWS
from st_erp_pipelines.mapping.check import Known
from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources import sap_business_one
from st_erp_pipelines.resources.odata import any_of, in_chunks
from st_erp_pipelines.resources.sap_business_one.client import Row, day
from st_erp_pipelines.resources.sap_business_one.entities import ENTITIES, entity_of
from st_erp_pipelines.resources.sap_business_one.evidence import require_field
from st_erp_pipelines.resources.sap_business_one.posting_log import PostingLog
from st_erp_pipelines.resources.sap_business_one.sales_documents import PROJECT
from st_erp_pipelines.settings import Connection, SapBusinessOne

MEANS = ("CASH", "CARD", "CHECK", "TRANSFER")


class SapBusinessOneChecks:
    title = "SAP Business One"

    def __init__(self, connection: Connection, mappings: Mappings, clock: Clock) -> None:
        assert isinstance(connection.erp, SapBusinessOne)
        self._connection = connection
        self._settings = connection.erp
        self._mappings = mappings
        self._clock = clock

    @cached_property
    def client(self) -> sap_business_one.BusinessOne:
        return sap_business_one.connect(self._settings, clock=self._clock)

    def close(self) -> None:
        if "client" in vars(self):
            self.client.close()

    def gate(self) -> Sequence[Check]:
        erp = self._settings
        return [
            Check("credentials", lambda: reach.credentials(erp)),
            Check("host", lambda: reach.host(erp.api_url, verify=False)),
            Check("login", self._login),
        ]

    def checks(self) -> Sequence[Check]:
        erp = self._settings
        entities = [name for name in (*WHOLE, *BY_DAY, *READ_BACK_BY_DAY) if name in ENTITIES]
        posted = ("invoices", "payments")
        return [
            Check("clock", lambda: reach.server_time(erp.api_url, erp.timing.read_lag, self._clock, verify=False)),
            *(
                Check(f"read {entity}", partial(self._readable, entity), () if entity in OPTIONAL else SALES_FLOWS)
                for entity in entities
            ),
            Check("certificate", self._certificate, SALES_FLOWS),
            Check("period", self._period, posted, only_to_post=True),
            Check("currency", self._currency, posted),
            Check("tax code", self._tax_code, ("invoices",), only_to_post=True),
            Check("fields for keys", self._key_fields, posted, only_to_post=True),
            *([Check("posting log", self._posting_log, posted, only_to_post=True)] if erp.posting_log else ()),
            Check("means of payment", self._means, ("payments",), only_to_post=True),
            Check(
                "permission to write",
                lambda: [note("cannot be read by API; the first document will tell")],
                SALES_FLOWS,
            ),
        ]

    def known(self) -> Known:
        """What the mapping tables may name, as it is there now; of customers only what they do name."""
        dimensions: dict[str, dict[str, str]] = {
            str(row["DimensionCode"]): {} for row in self._rows("dimensions") if row["IsActive"] == "tYES"
        }
        for row in self._rows("distribution_rules"):
            if row["Active"] != "tNO":
                dimensions.setdefault(str(row["InWhichDimension"]), {})[row["FactorCode"]] = row["FactorDescription"]
        projects = {row["Code"]: row["Name"] for row in self._rows("projects") if row["Active"] != "tNO"}
        return Known(
            accounts={number: row["Name"] for row in self._accounts for number in _numbers(row)},
            items={},
            dimensions=dimensions | {PROJECT: projects},
            projects=projects,
            payment_terms={row["PaymentTermsGroupName"]: "" for row in self._rows("payment_terms")},
            tax_codes=self._tax_codes,
            customers=self._customers(),
            means=dict.fromkeys(MEANS, ""),
        )

    def local_currency(self) -> str:
        return str(self.client.company_settings().get("LocalCurrency") or "")

    def _login(self) -> Iterator[Said]:
        self.client.sign_in()
        yield ok(f"user {self._settings.user or 'of the token'} is let into {self._settings.company}")

    def _readable(self, name: str) -> Iterator[Said]:
        entity = entity_of(name, self._settings)
        self.client.ask(entity.path, "GET", top=1, select=entity.key)
        yield ok(entity.path)

    def _certificate(self) -> Iterator[Said]:
        if self._settings.verify:
            yield ok("is looked at")
        else:
            fix = "Export the server's certificate as PEM, and name the file as erp.ca_file."
            yield warning("the server's certificate is not looked at (erp.verify: false)", fix)

    def _period(self) -> Iterator[Said]:
        today = self._clock.now().astimezone(ZoneInfo(self._connection.time_zone)).date()
        of_today = [row for row in self.client.periods() if _holds(row, today)]
        if not of_today:
            yield wrong(f"there is no posting period for {today}", "Create the periods of this year.")
        elif (status := of_today[0]["PeriodStatus"]) != "ltUnlocked":
            yield wrong(f"the posting period of {today} is {status}", "Unlock it in Posting Periods.")
        else:
            yield ok(f"the posting period of {today} is unlocked")

    def _currency(self) -> Iterator[Said]:
        yield ok(f"the company keeps its books in {self.local_currency()}")

    def _tax_code(self) -> Iterator[Said]:
        """Lines that are not to be taxed there carry it; with `erp_computes` the untaxed ones do."""
        code = self._connection.rules.non_taxable_code
        if code in self._tax_codes:
            yield ok(f"{code} is there")
        else:
            fix = f"Set rules.non_taxable_code to one of: {', '.join(sorted(self._tax_codes)) or 'none is there'}."
            yield wrong(f"there is no tax code {code}, which untaxed lines carry", fix)

    def _key_fields(self) -> Iterator[Said]:
        erp = self._settings
        for field, table in ((erp.invoice_key_field, "OINV"), (erp.payment_key_field, "ORCT")):
            require_field(self.client, field, table)
            yield ok(f"{field} of {table}")

    def _posting_log(self) -> Iterator[Said]:
        """It may be missing; made since the Service Layer was started, it is not served yet."""
        table = self._settings.posting_log
        PostingLog(self.client, table)
        self.client.ask(f"U_{table}", "GET", top=1, select="Code")
        yield ok(f"U_{table} can be read")

    def _means(self) -> Iterator[Said]:
        """By which a type of payment comes, and where it goes."""
        table, fix = self._mappings.tables["payment_types"], "Correct its row of payment_types.csv."
        cards = {row["GLAccount"] for row in self._rows("credit_cards")}
        of_cards = {number for row in self._accounts if row["Code"] in cards for number in _numbers(row)}
        columns = (table["payment_type_name"], table["batches"], table["balancing_account"])
        for name, means, account in zip(*columns, strict=True):
            if not account:
                yield wrong(f"{name} has no balancing_account", fix)
            elif means == "CARD" and account not in of_cards:
                yield wrong(f"{name} is paid by card, and no credit card there has the account {account}", fix)
            elif means == "CHECK" and not self._settings.check_bank:
                yield wrong(f"{name} is paid by check, and erp.check_bank is not set", "Set it to the code of a bank.")
            else:
                yield ok(f"{name}: {means.lower()} to {account}")

    def _rows(self, name: str) -> list[Row]:
        entity = entity_of(name, self._settings)
        return self.client.rows(entity.path, key=entity.key, operation=f"list {entity.path}", select=entity.select)

    @cached_property
    def _accounts(self) -> list[Row]:
        """Those that a line may name."""
        shut = {"ActiveAccount": "tNO", "LockManualTransaction": "tYES", "FrozenFor": "tYES"}
        return [row for row in self._rows("accounts") if not any(row[name] == value for name, value in shut.items())]

    @cached_property
    def _tax_codes(self) -> Mapping[str, str]:
        return {row["Code"]: row["Name"] for row in self._rows("tax_codes") if row["Inactive"] != "tYES"}

    def _customers(self) -> Mapping[str, str]:
        entity = ENTITIES["customers"]
        codes = sorted(set(self._mappings.tables["customers"]["erp_number"]) - {""})
        return {
            row["CardCode"]: row["CardName"]
            for chunk in in_chunks(codes)
            for row in self.client.rows(
                entity.path, key=entity.key, operation="look up customers", select=("CardCode", "CardName"),
                filter=f"{entity.filter} and ({any_of('CardCode', chunk)})",
            )
        }  # fmt: skip


def _numbers(account: Row) -> set[str]:
    """By which mapping tables may call it."""
    return {account["Code"], account["FormatCode"] or account["Code"]}


def _holds(period: Row, today: date) -> bool:
    first, last = day(period["PostingDateFrom"]), day(period["PostingDateTo"])
    return first is not None and last is not None and first <= today <= last
