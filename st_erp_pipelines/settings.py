"""connections.yaml as models, and everything that is wrong with it at once.

One connection with a fault is left out and named; the others run. Messages quote neither a secret nor a URL.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError, ValidationInfo, field_validator, model_validator

from st_erp_pipelines.settings_fields import Cron, Day, Duration, Name, Prefix, Text, Zone
from st_erp_pipelines.settings_fields import Secret as Secret
from st_erp_pipelines.settings_systems import SYSTEMS, Erp, Model
from st_erp_pipelines.settings_systems import BusinessCentral as BusinessCentral
from st_erp_pipelines.settings_systems import BusinessCentralTiming as BusinessCentralTiming
from st_erp_pipelines.settings_systems import SapBusinessOne as SapBusinessOne
from st_erp_pipelines.settings_systems import SapBusinessOneTiming as SapBusinessOneTiming
from st_erp_pipelines.settings_systems import SapS4hana as SapS4hana
from st_erp_pipelines.settings_systems import SapS4hanaTiming as SapS4hanaTiming
from st_erp_pipelines.settings_systems import ServiceTitan as ServiceTitan
from st_erp_pipelines.settings_systems import ServiceTitanTiming as ServiceTitanTiming
from st_erp_pipelines.settings_systems import Timing as Timing
from st_erp_pipelines.settings_systems import tenant_place as tenant_place
from st_erp_pipelines.settings_yaml import Finding, YamlText, read_yaml

FOUND_BY_EXTERNAL_DATA = ("items", "vendors", "cost_centers")


def home() -> Path:
    """Where state lives; the folder may not exist yet."""
    return Path(os.environ.get("ST_ERP_HOME") or ".st_erp").absolute()


def database_url() -> str:
    """The SQL database of outbox, links, cursors and fences."""
    return os.environ.get("ST_ERP_DATABASE_URL") or f"sqlite:///{(home() / 'st_erp.sqlite').as_posix()}"


def config_path() -> Path:
    return Path(os.environ.get("ST_ERP_CONFIG") or "connections.yaml").absolute()


class Flow(Model):
    mode: Literal["observe", "draft", "post"] = "observe"
    schedule: Cron | None = None
    max_documents: int | None = Field(default=None, gt=0, description="a number of documents such as 500")
    max_amount: Decimal | None = Field(default=None, gt=0, description="an amount such as 50000")


Side = Literal["servicetitan", "erp"]


class Owners(Model):
    """Who says what a linked customer is like: the owner's changes go to the other side, and never come back."""

    display_name: Side = "servicetitan"
    address: Side = "servicetitan"
    phone_number: Side = "servicetitan"
    email: Side = "servicetitan"
    payment_terms: Side = "servicetitan"

    def of(self, side: Side) -> list[str]:
        return [field for field, owner in self if owner == side]


class CustomersFlow(Flow):
    on_change: Literal["update"] = "update"
    owners: Owners = Owners()
    create: Literal["on_first_document", "all"] = "on_first_document"
    match_existing: Literal["never", "name_and_address"] = "never"
    update_linked: bool = False


class InvoicesFlow(Flow):
    on_change: Literal["flag", "reverse_and_repost"] = "flag"
    zero_totals: Literal["skip", "post"] = "skip"


class PaymentsFlow(Flow):
    on_change: Literal["flag"] = "flag"
    payments_on_old_invoices: Literal["block", "on_account"] = "block"


class ItemsFlow(Flow):
    """The way back: items of the ERP become materials and services of ServiceTitan's pricebook."""

    on_change: Literal["update"] = "update"


class CustomersBackFlow(Flow):
    """The way back: what the ERP owns of a linked customer goes to ServiceTitan. Nobody is created there."""

    on_change: Literal["update"] = "update"


class PurchasingFlow(Flow):
    """Masters and orders: a change at the source becomes a change of what was posted."""

    on_change: Literal["update"] = "update"


class VendorOwners(Model):
    """As `Owners`, of a linked vendor. Whether it may be ordered from, the ERP says."""

    name: Side = "erp"
    address: Side = "erp"
    phone: Side = "erp"
    email: Side = "erp"


class VendorsFlow(PurchasingFlow):
    owners: VendorOwners = VendorOwners()


class PostedOnceFlow(Flow):
    on_change: Literal["flag"] = "flag"


class Flows(Model):
    customers: CustomersFlow = CustomersFlow()
    invoices: InvoicesFlow = InvoicesFlow()
    payments: PaymentsFlow = PaymentsFlow()
    customers_back: CustomersBackFlow = CustomersBackFlow()
    items: ItemsFlow = ItemsFlow()
    cost_centers: PurchasingFlow = PurchasingFlow()
    vendors: VendorsFlow = VendorsFlow()
    suppliers: PostedOnceFlow = PostedOnceFlow()
    purchase_orders: PurchasingFlow = PurchasingFlow()
    requests: PostedOnceFlow = PostedOnceFlow()
    supplier_invoices: PostedOnceFlow = PostedOnceFlow()

    @model_validator(mode="after")
    def _own_what_goes_back(self) -> Self:
        if self.customers_back.mode != "observe" and not self.customers.owners.of("erp"):
            raise ValueError("write customers back, and the ERP owns nothing of them: expected customers.owners, too")
        return self


class Rules(Model):
    closed_period: Literal["hold", "first_open_day"] = "hold"
    tax: Literal["liability_line", "erp_computes"] = "liability_line"
    non_taxable_code: Text = "NONTAXABLE"
    only_posted: bool = True  # only what the office has posted in ServiceTitan
    requisitions: Literal["stage", "deliver"] = "stage"  # of the ERP: to ServiceTitan, before they are orders
    requests: Literal["order", "requisition"] = "order"  # what a request of ServiceTitan becomes in the ERP
    invoices: Literal["match_only", "receive"] = "match_only"  # of suppliers; order_types.csv may differ by type


Reference = Literal[
    "vendors", "ap_bills", "purchase_orders", "receipts", "bank_deposits", "services", "materials", "equipment",
    "categories", "locations", "jobs", "projects", "journal_entries",
]  # fmt: skip


class References(Model):
    """What is read though no flow needs it, journal entries of SAP Business One, the rest of ServiceTitan; on a
    schedule of its own: it may take long."""

    entities: list[Reference] = list(get_args(Reference))
    schedule: Cron = "40 * * * *"


class Connection(Model):
    """`go_live` may be earlier than `start_date`: what was last modified before the latter is then not posted."""

    name: Name = Field(description="letters, digits and _")
    key_prefix: Prefix = Field(description="one to three letters")
    time_zone: Zone = Field(description="a time zone such as America/Chicago")
    start_date: Day = Field(description="a date such as 2026-10-01, the first day extracted")
    go_live: Day = Field(description="a date such as 2026-11-01; nothing dated earlier is posted")
    publish_every: Duration = Field(default=timedelta(minutes=15), description="a duration such as 15m")
    retain_days: int = Field(default=400, ge=1, description="a number of days")  # superseded versions, in landing
    mappings: Path = Field(description="a folder of mapping tables")
    servicetitan: ServiceTitan = Field(description="a mapping of keys")
    erp: Erp = Field(description="a mapping of keys")
    schedule: Cron = Field(default="", validate_default=True)
    flows: Flows = Flows()
    rules: Rules = Rules()
    references: References = References()
    _other_prefixes: list[str] = PrivateAttr(default_factory=list)

    @field_validator("mappings")
    @classmethod
    def _beside_the_file(cls, value: Path, info: ValidationInfo) -> Path:
        folder = Path((info.context or {}).get("folder", "")) / value
        if not folder.is_dir():
            raise ValueError(f"names a folder that does not exist: {folder}")
        return folder

    @field_validator("schedule", mode="before")
    @classmethod
    def _of_the_erp(cls, value: object, info: ValidationInfo) -> object:
        erp = info.data.get("erp")
        return value or (erp.default_schedule if erp is not None else BusinessCentral.default_schedule)

    @field_validator("flows")
    @classmethod
    def _can_find_again(cls, value: Flows, info: ValidationInfo) -> Flows:
        titan = info.data.get("servicetitan")
        for flow in FOUND_BY_EXTERNAL_DATA:
            if getattr(value, flow).mode != "observe" and titan is not None and titan.application_guid is None:
                found = f"write {flow}, which are found again by servicetitan.application_guid"
                raise ValueError(f"{found}: expected that, too")
        return value

    @field_validator("flows")
    @classmethod
    def _fit_the_erp(cls, value: Flows, info: ValidationInfo) -> Flows:
        erp = info.data.get("erp")
        if erp is None:
            return value
        if not erp.has_drafts and any(flow.mode == "draft" for _, flow in value):
            raise ValueError(f"have mode draft, and {SYSTEMS[erp.kind]} has no drafts: expected observe or post")
        for name, flow in value:
            if flow.mode != "observe" and name not in erp.flows:
                raise ValueError(f"post {name}, which {SYSTEMS[erp.kind]} does not do: expected {', '.join(erp.flows)}")
        return value

    @property
    def place(self) -> str:
        return self.erp.place

    @property
    def other_prefixes(self) -> list[str]:
        """Those of the other connections to this company: what carries their keys there is none of ours."""
        return self._other_prefixes


@dataclass(frozen=True)
class ConfigFault:
    """`line` is 0 and `field` "" where the whole file is meant; else dotted, within its connection if it has one."""

    file: Path
    line: int
    field: str
    message: str
    connections: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}" if self.line else str(self.file)
        of = f"{', '.join(self.connections)}: " if self.connections else ""
        return f"{at} {self.message}" if not self.field else f"{at}: {of}{self.field} {self.message}"


@dataclass(frozen=True)
class Settings:
    connections: list[Connection]
    faults: list[ConfigFault]
    faulty: list[str]  # connections left out; one without a usable name is called after its position
    warnings: list[ConfigFault] = field(default_factory=list)  # of connections that run


def load(path: Path) -> Settings:
    """Never raises for what the file says, or for its absence."""
    text = read_yaml(path)
    findings: list[Finding] = list(text.faults)
    entries = _entries(text, findings)
    valid: dict[int, Connection] = {}
    for position, entry in enumerate(entries):
        try:
            valid[position] = Connection.model_validate(entry, context={"folder": path.parent})
        except ValidationError as error:
            findings += text.findings(error, Connection, ("connections", position))
    findings += _clashes(entries, text)
    _tell_of_each_other(entries, valid)
    names = [_name_of(entry, position) for position, entry in enumerate(entries)]
    faults = [_fault(path, finding, names) for finding in sorted(findings, key=lambda finding: finding[1])]
    faulty = {name for fault in faults for name in fault.connections}
    running = {position: each for position, each in valid.items() if each.name not in faulty}
    warnings = [_fault(path, finding, names) for finding in _secrets_in_clear(running, text)]
    left_out = [name for name in dict.fromkeys(names) if name in faulty]
    return Settings(list(running.values()), faults, left_out, warnings)


def _tell_of_each_other(entries: list[Any], valid: dict[int, Connection]) -> None:
    """Also of one that is left out for a fault: what it posted is there."""
    prefixes = [_claims(entry).get("key_prefix") for entry in entries]
    for position, connection in valid.items():
        others = (each for other, each in enumerate(prefixes) if other != position and isinstance(each, tuple))
        connection._other_prefixes = sorted(prefix for place, prefix in others if place == connection.place.casefold())


def _secrets_in_clear(running: dict[int, Connection], text: YamlText) -> Iterator[Finding]:
    for position, connection in running.items():
        for part in ("servicetitan", "erp"):
            for name, value in getattr(connection, part):
                if isinstance(value, Secret) and value.stands_in_clear:
                    place = ("connections", position, part, name)
                    message = "stands in clear text; put it into the environment and write ${NAME}"
                    yield place, text.line_of(place), message


def _entries(text: YamlText, findings: list[Finding]) -> list[Any]:
    top = text.values if isinstance(text.values, dict) else {}
    entries = top.get("connections")
    for key in top.keys() - {"connections"}:
        findings.append(((key,), text.line_of((key,)), "is an unknown key; expected connections"))
    if isinstance(entries, list) and entries:
        return entries
    if isinstance(entries, list):
        findings.append((("connections",), text.line_of(("connections",)), "is empty; expected a connection"))
    elif not findings or text.values is not None:
        findings.append((("connections",), text.line_of(("connections",)), "is missing; expected a list"))
    return []


def _name_of(entry: Any, position: int) -> str:
    """A name that can be an asset key, whatever the file says."""
    name = entry.get("name") if isinstance(entry, dict) else None
    usable = isinstance(name, str) and name.isascii() and name.replace("_", "a").isalnum()
    return str(name) if usable else f"connection_{position + 1}"


def _fault(path: Path, finding: Finding, names: list[str]) -> ConfigFault:
    place, line, message = finding
    inside = len(place) > 1 and place[0] == "connections"
    concerned = (names[int(place[1])],) if inside else ()
    field = ".".join(str(part) for part in (place[2:] if inside else place))
    return ConfigFault(path, line, field or ("connection" if inside else ""), message, concerned)


def _clashes(entries: list[Any], text: YamlText) -> Iterator[Finding]:
    """What two connections may not share. Both are at fault, since nobody can say which one is meant.

    Of a pair one thing is told: two of one name are likely copies, which share all the rest.
    """
    claims = [_claims(entry) for entry in entries]
    for position, own in enumerate(claims):
        told: set[int] = set()
        for key, value in own.items():
            others = {other for other, theirs in enumerate(claims) if other != position and theirs.get(key) == value}
            if others - told:
                names = ", ".join(_name_of(entries[other], other) for other in sorted(others - told))
                place: tuple[str | int, ...] = ("connections", position, *key.split("."))
                yield place, text.line_of(place), f"{_CLASHES[key]} {names}"
            told |= others


ERP: TypeAdapter[Erp] = TypeAdapter(Erp)
_CLASHES = {
    "name": "is taken twice; expected another than that of",
    "key_prefix": "is used twice on one ERP company; expected another than that of",
    "servicetitan": "posts this tenant into one ERP company twice, as does",
    "flows.items": "write into the pricebook of one tenant from two companies, as do those of",
    "flows.customers_back": "write to one tenant from two companies, as do those of",
    "flows.vendors": "write to one tenant from two companies, as do those of",
    "flows.cost_centers": "write to one tenant from two companies, as do those of",
}
ONCE_PER_TENANT = [name.removeprefix("flows.") for name in _CLASHES if name.startswith("flows.")]


def _claims(entry: Any) -> dict[str, Hashable]:
    """Read from what was written: a connection with another fault keeps its name and prefix taken."""
    if not isinstance(entry, dict):
        return {}
    claims: dict[str, Hashable] = {}
    if isinstance(entry.get("name"), str):
        claims["name"] = entry["name"].casefold()  # it names files, and some file systems fold case
    erp, tenant = _part(ERP, entry.get("erp")), _part(TypeAdapter(ServiceTitan), entry.get("servicetitan"))
    if erp and isinstance(entry.get("key_prefix"), str):
        claims["key_prefix"] = (erp.place.casefold(), entry["key_prefix"].upper())
    flows = _part(TypeAdapter(Flows), entry.get("flows", {}))
    for flow in ONCE_PER_TENANT:
        if flows and tenant and getattr(flows, flow).mode != "observe":
            claims[f"flows.{flow}"] = tenant_place(tenant)
    if erp and tenant:
        claims["servicetitan"] = (erp.place.casefold(), tenant.api_url.casefold(), tenant.tenant_id)
    return claims


Part = TypeVar("Part")


def _part(model: TypeAdapter[Part], value: Any) -> Part | None:
    try:
        return model.validate_python(value)
    except ValidationError:
        return None
