"""Business Central: environment and company, what the app may read, and how the company is set up.

Permission to write, number series, posting groups of customers and templates are not in API v2.0. What was done
there before is evidence for some of them; where there is none, a note says that only the first document will tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property, partial
from zoneinfo import ZoneInfo

from st_erp_pipelines.assets.business_central import BY_DAY, READ_BACK_BY_DAY, READ_BACK_WHOLE, WHOLE
from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor import reach
from st_erp_pipelines.doctor.business_central_posting import PostingChecks
from st_erp_pipelines.doctor.findings import Check, Said, note, ok, warning, wrong
from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.flows import FLOWS, SALES_FLOWS
from st_erp_pipelines.mapping.check import Known
from st_erp_pipelines.mapping.load import Mappings
from st_erp_pipelines.resources import business_central
from st_erp_pipelines.resources.business_central.client import ENTITIES, Row, decoded
from st_erp_pipelines.resources.odata import any_of, in_chunks
from st_erp_pipelines.settings import BusinessCentral, Connection

NO_DATE = "0001-01-01"


class BusinessCentralChecks:
    title = "Business Central"

    def __init__(self, connection: Connection, mappings: Mappings, clock: Clock) -> None:
        assert isinstance(connection.erp, BusinessCentral)
        self._connection = connection
        self._settings = connection.erp
        self._mappings = mappings
        self._clock = clock

    @cached_property
    def client(self) -> business_central.BusinessCentral:
        return business_central.connect(self._settings, clock=self._clock)

    def close(self) -> None:
        if "client" in vars(self):
            self.client.close()

    def gate(self) -> Sequence[Check]:
        erp = self._settings
        return [
            Check("credentials", lambda: reach.credentials(erp)),
            Check("host", lambda: reach.host(erp.api_url)),
            Check("token", self._token),
            Check("environment and company", self._company),
        ]

    def checks(self) -> Sequence[Check]:
        erp = self._settings
        entities = (*WHOLE, *BY_DAY, *READ_BACK_BY_DAY, *READ_BACK_WHOLE)
        posting = PostingChecks(self._connection, self._mappings, self.client)
        return [
            Check("clock", lambda: reach.server_time(erp.api_url, erp.timing.read_lag, self._clock)),
            *(
                Check(f"read {entity}", partial(self._readable, entity), FLOWS if entity == "items" else SALES_FLOWS)
                for entity in entities
                if entity != "companies"
            ),
            Check("period", self._period, ("invoices", "payments"), only_to_post=True),
            Check("currency", self._currency, ("invoices", "payments")),
            Check("tax code", self._tax_code, ("invoices",), only_to_post=True),
            *posting.checks(),
            Check(
                "permission to write",
                lambda: [note("cannot be read by API; the first document will tell")],
                SALES_FLOWS,
            ),
        ]

    def known(self) -> Known:
        """What the mapping tables may name, as it is there now; of customers only what they do name."""
        listed = self.client.rows
        dimensions: dict[str, dict[str, str]] = {
            row["code"]: {} for row in listed("dimensions", operation="list dimensions")
        }
        for row in listed("dimensionValues", operation="list dimension values", expand="dimension"):
            dimensions.setdefault(row["dimension"]["code"], {})[row["code"]] = row["displayName"]
        return Known(
            accounts={row["number"]: row["displayName"] for row in self._accounts if _takes_lines(row)},
            items={row["number"]: row["displayName"] for row in self._items if not row["blocked"]},
            dimensions=dimensions,
            payment_terms=self._codes("paymentTerms"),
            tax_codes=self._codes("taxGroups"),
            customers=self._customers(),
            all_items={row["number"]: row["displayName"] for row in self._items},
            item_categories={row["itemCategoryCode"]: "" for row in self._items},
        )

    def _token(self) -> Iterator[Said]:
        self.client.sign_in()
        yield ok("granted")

    def _company(self) -> Iterator[Said]:
        company = self.client.company_id
        yield ok(f"environment {self._settings.environment}, company {self._settings.company} ({company})")

    def _readable(self, name: str) -> Iterator[Said]:
        entity = ENTITIES[name]
        path = entity.path
        if entity.parent:
            parents = self.client.rows(entity.parent, operation=f"list {entity.parent}", select="id", top=1)
            if not parents:
                yield note(f"there are no {entity.parent} yet, below which they would be")
                return
            path = f"{entity.parent}({parents[0]['id']})/{path}"
        self.client.rows(path, operation=f"read {name}", select="id", top=1)
        yield ok(path.rpartition("/")[2])

    def local_currency(self) -> str:
        """ "" where it is not shown."""
        return str((self._setup() or {}).get("localCurrencyCode") or "")

    def _setup(self) -> Row | None:
        """None where an older server does not show it."""
        try:
            rows = self.client.rows("generalLedgerSetup", operation="read general ledger setup")
        except Rejected as error:
            if error.status != 404:
                raise
            return None
        return rows[0] if rows else None

    def _period(self) -> Iterator[Said]:
        """A user's own dates, which replace the company's, are not in the API."""
        setup = self._setup()
        if setup is None:
            yield note("the server does not show General Ledger Setup; the first document will tell")
            return
        today = self._clock.now().astimezone(ZoneInfo(self._connection.time_zone)).date()
        first, last = (_day(setup[field]) for field in ("allowPostingFrom", "allowPostingTo"))
        span = f"{first or 'any day'} to {last or 'any day'}"
        fix = "Open it in General Ledger Setup."
        if (first and today < first) or (last and today > last):
            yield wrong(f"posting is allowed from {span}, and today is {today}", fix)
        elif first and first > self._connection.go_live and self._connection.rules.closed_period == "hold":
            yield warning(
                f"posting is allowed from {span}: documents dated from {self._connection.go_live} on wait",
                "Open the period in General Ledger Setup, or set rules.closed_period: first_open_day.",
            )
        else:
            yield ok(f"posting is allowed from {span}, as far as the company's setup says")

    def _currency(self) -> Iterator[Said]:
        code = self.local_currency()
        yield ok(f"the company keeps its books in {code}") if code else note("the server does not show it")

    def _tax_code(self) -> Iterator[Said]:
        """Lines that are not to be taxed there carry it; with `erp_computes` the untaxed ones do."""
        code, codes = self._connection.rules.non_taxable_code, self._codes("taxGroups")
        if code in codes:
            yield ok(f"{code} is there")
        else:
            fix = f"Set rules.non_taxable_code to one of: {', '.join(sorted(codes)) or 'none is there'}."
            yield wrong(f"there is no tax group {code}, which untaxed lines carry", fix)

    @cached_property
    def _accounts(self) -> list[Row]:
        fields = "number,displayName,accountType,blocked,directPosting"
        return self.client.rows("accounts", operation="list accounts", select=fields)

    @cached_property
    def _items(self) -> list[Row]:
        """A long list, read only where a mapping names items."""
        tables = self._mappings.tables
        if not (tables["accounts"]["target_type"] == "item").any() and tables["items"].empty:
            return []
        fields = "number,displayName,blocked,itemCategoryCode"
        return self.client.rows("items", operation="list items", select=fields)

    def _codes(self, path: str) -> Mapping[str, str]:
        rows = self.client.rows(path, operation=f"list {path}", select="code,displayName")
        return {row["code"]: row["displayName"] for row in rows}

    def _customers(self) -> Mapping[str, str]:
        numbers = sorted(set(self._mappings.tables["customers"]["erp_number"]) - {""})
        return {
            row["number"]: row["displayName"]
            for chunk in in_chunks(numbers)
            for row in self.client.rows(
                "customers",
                operation="look up customers",
                filter=any_of("number", chunk),
                select="number,displayName",
            )
        }


def _takes_lines(account: Row) -> bool:
    return decoded(account["accountType"]) == "Posting" and account["directPosting"] and not account["blocked"]


def _day(text: str) -> date | None:
    return None if text in ("", NO_DATE) else date.fromisoformat(text)
