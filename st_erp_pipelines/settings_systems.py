"""The systems of a connection as models: where they are, how to log in, how fast they may be asked."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from st_erp_pipelines import target
from st_erp_pipelines.flows import PURCHASING_FLOWS, SALES_FLOWS
from st_erp_pipelines.settings_fields import Batch, Credential, Duration, KeyField, Secret, Span, Text, Url

SYSTEMS = {
    "servicetitan": "ServiceTitan",
    "business_central": "Business Central",
    "sap_business_one": "SAP Business One",
    "sap_s4hana": "SAP S/4HANA",
}


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Timing(Model):
    """Vendor defaults per system; a stand-in that answers faster may lower them."""

    settle_after: Span
    calls_per_second: float = Field(gt=0, allow_inf_nan=False)
    read_lag: Duration = timedelta(0)  # a window ends this long before now
    token_margin: Duration = timedelta(seconds=60)  # a token is renewed this long before it expires
    send_window: Span | None = None
    deadline: Span | None = None
    fence: Span | None = None

    def posting(self) -> target.Timing:
        given = {"send_window": self.send_window, "deadline": self.deadline, "fence": self.fence}
        return target.Timing(self.settle_after, **{name: span for name, span in given.items() if span})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.posting()  # raises where its spans do not fit together
        return self


class ServiceTitanTiming(Timing):
    settle_after: Span = timedelta(minutes=5)
    calls_per_second: float = Field(default=54, gt=0, allow_inf_nan=False)  # nine tenths of 60 per app and tenant
    read_lag: Duration = timedelta(minutes=1)


class BusinessCentralTiming(Timing):
    settle_after: Span = timedelta(minutes=20)
    calls_per_second: float = Field(default=18, gt=0, allow_inf_nan=False)  # nine tenths of 6,000 in five minutes


class SapBusinessOneTiming(Timing):
    settle_after: Span = timedelta(minutes=20)
    calls_per_second: float = Field(default=10, gt=0, allow_inf_nan=False)  # no limit is published; people work on it


class SapS4hanaTiming(Timing):
    settle_after: Span = timedelta(minutes=20)
    calls_per_second: float = Field(default=10, gt=0, allow_inf_nan=False)  # no limit is published
    read_lag: Duration = timedelta(minutes=1)


class ServiceTitan(Model):
    environment: Literal["production", "integration"] = "production"
    api_url: Url = Field(default="", validate_default=True)
    auth_url: Url = Field(default="", validate_default=True)
    tenant_id: int = Field(gt=0, description="the tenant's number")
    app_key: Credential
    client_id: Credential
    client_secret: Credential
    application_guid: UUID | None = Field(default=None, description="the app's GUID in the developer portal")
    page_size: int = Field(default=1000, ge=1, le=5000, description="a number from 1 to 5000")
    mark_exported: bool = False  # what is posted is marked as exported there, which locks it
    timing: ServiceTitanTiming = ServiceTitanTiming()

    @field_validator("api_url", "auth_url", mode="before")
    @classmethod
    def _of_environment(cls, value: object, info: ValidationInfo) -> object:
        suffix = "-integration" if info.data.get("environment") == "integration" else ""
        return value or f"https://{str(info.field_name).removesuffix('_url')}{suffix}.servicetitan.io"

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if len({"api_url", "auth_url"} & self.model_fields_set) == 1:
            raise ValueError("expected both api_url and auth_url, or neither")  # secrets go to auth_url
        return self


class BusinessCentral(Model):
    kind: Literal["business_central"] = Field(description="business_central")
    tenant: Text = ""
    environment: Text = "production"
    company: Text = Field(min_length=1, description="the company's id or name")
    client_id: Credential
    client_secret: Credential
    api_url: Url = "https://api.businesscentral.dynamics.com/v2.0"
    token_url: Url = Field(default="", validate_default=True)
    draft_batch: Batch = "STDRAFT"
    timing: BusinessCentralTiming = BusinessCentralTiming()

    @field_validator("token_url", mode="before")
    @classmethod
    def _of_tenant(cls, value: object, info: ValidationInfo) -> object:
        if not value and info.data.get("tenant") == "":
            raise ValueError("is needed where no tenant is given; expected a URL")
        return value or f"https://login.microsoftonline.com/{info.data.get('tenant')}/oauth2/v2.0/token"

    default_schedule: ClassVar[str] = "*/15 * * * *"
    flows: ClassVar[tuple[str, ...]] = (*SALES_FLOWS, "customers_back", "items")
    has_drafts: ClassVar[bool] = True
    for_payloads: ClassVar[dict[str, str]] = {}  # what `staging/sql/<kind>/payloads.sql` asks of the settings

    @property
    def api_root(self) -> str:
        """Without trailing slash; the tenant's segment is left out where none is given."""
        return "/".join(part for part in (self.api_url, self.tenant, self.environment, "api/v2.0") if part)

    @property
    def place(self) -> str:
        return _place(self.kind, self.api_root, self.company)


class SapBusinessOne(Model):
    """The Service Layer of one company; `auth` oidc is unproven against a live system."""

    kind: Literal["sap_business_one"] = Field(description="sap_business_one")
    api_url: Url = Field(description="a URL such as https://server:50000/b1s/v2")
    company: Text = Field(min_length=1, description="the company's database, such as SBODEMOUS")
    auth: Literal["session", "oidc"] = "session"
    user: Text = ""
    password: Credential = Secret("")
    language: int = 3  # English: texts of refusals are told apart by it
    token_url: Url = ""
    client_id: Credential = Secret("")
    client_secret: Credential = Secret("")
    scope: Text = ""
    verify: bool = True
    ca_file: Path | None = None
    # Where keys are written, and wherever they ever were: fixed once something was posted, like `key_prefix`.
    invoice_key_field: KeyField = "NumAtCard"
    payment_key_field: KeyField = "Remarks"
    former_invoice_key_fields: list[KeyField] = []
    former_payment_key_fields: list[KeyField] = []
    tax_field: Literal["TaxCode", "VatGroup"] = "TaxCode"  # VatGroup outside of sales-tax countries
    partner_group: int | None = Field(default=None, description="the number of a group of customers")
    branch: int | None = Field(default=None, description="the number of a branch")
    check_bank: Text = ""  # the code of the bank that customers' checks are entered under
    check_bank_country: Text = "US"
    posting_log: Text = ""  # a user table by which the server itself refuses a second document; unproven live
    timing: SapBusinessOneTiming = SapBusinessOneTiming()
    default_schedule: ClassVar[str] = "0 5 * * *"  # daily: people work on the same server, from the morning on
    flows: ClassVar[tuple[str, ...]] = (*SALES_FLOWS, "customers_back")  # items are not read: prices lie in lists
    has_drafts: ClassVar[bool] = False
    draft_batch: ClassVar[str] = ""

    @field_validator("ca_file")
    @classmethod
    def _beside_the_file(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return value and Path((info.context or {}).get("folder", "")) / value

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        needed = {"session": ("user", "password"), "oidc": ("token_url", "client_id", "client_secret")}[self.auth]
        if missing := [name for name in needed if name not in self.model_fields_set]:
            raise ValueError(f"logs in by auth {self.auth}: expected {' and '.join(missing)}, too")
        return self

    @property
    def for_payloads(self) -> dict[str, str]:
        return {"check_bank": self.check_bank, "check_bank_country": self.check_bank_country}

    @property
    def place(self) -> str:
        """Both versions of the API are one place."""
        return _place(self.kind, re.sub(r"/v[12]$", "", self.api_url), self.company.lower())


class NewSuppliers(Model):
    """What S/4HANA wants to know of a supplier that ServiceTitan cannot tell."""

    grouping: Text = Field(min_length=1, description="a business partner grouping such as BP02")
    reconciliation_account: Text = Field(min_length=1, description="a G/L account")
    payment_terms: Text = Field(min_length=1, description="the code of payment terms")


FOR_PAYLOADS = {
    *("company_code", "controlling_area", "currency", "purchasing_organization", "purchasing_group", "order_type"),
    *("material_group", "unit", "gl_account", "tax_code", "job_field", "tax_number_field", "convert_price_units"),
}


class SapS4hana(Model):
    """OData V2 services of one company code, by a communication arrangement or a user of one's own premises."""

    kind: Literal["sap_s4hana"] = Field(description="sap_s4hana")
    api_url: Url = Field(description="a URL such as https://my300000-api.s4hana.cloud.sap")
    auth: Literal["oauth", "basic"] = "oauth"
    token_url: Url = Field(default="", validate_default=True)
    client_id: Credential = Secret("")
    client_secret: Credential = Secret("")
    scope: Text = ""
    user: Text = ""
    password: Credential = Secret("")
    sap_client: Text = ""
    company_code: Text = Field(min_length=1, max_length=4, description="a company code such as 1710")
    controlling_area: Text = Field(min_length=1, max_length=4, description="a controlling area such as A000")
    purchasing_organization: Text = Field(min_length=1, max_length=4, description="a code of up to four characters")
    currency: Text = "USD"  # that of the company code, which no service tells
    # What requests of ServiceTitan become
    purchasing_group: Text = ""
    order_type: Text = "NB"
    material_group: Text = ""  # of lines without a material
    unit: Text = "EA"
    gl_account: Text = ""
    tax_code: Text = ""
    create_in_s4: NewSuppliers | None = None
    # How its orders and suppliers are understood
    job_field: Literal["CorrespncInternalReference", "WBSElement", "OrderID"] = "CorrespncInternalReference"
    tax_number_field: Text = ""  # the custom field of ServiceTitan's vendors that holds their tax number
    convert_price_units: bool = False  # orders priced per another unit than they are ordered in
    look_back_days: int = Field(default=7, ge=0, description="a number of days")  # of invoices without a change stamp
    verify: bool = True
    ca_file: Path | None = None
    timing: SapS4hanaTiming = SapS4hanaTiming()
    default_schedule: ClassVar[str] = "0 * * * *"
    flows: ClassVar[tuple[str, ...]] = PURCHASING_FLOWS
    has_drafts: ClassVar[bool] = False
    draft_batch: ClassVar[str] = ""

    @field_validator("token_url", mode="before")
    @classmethod
    def _of_the_server(cls, value: object, info: ValidationInfo) -> object:
        return value or f"{info.data.get('api_url', '')}/sap/bc/sec/oauth2/token"

    @field_validator("ca_file")
    @classmethod
    def _beside_the_file(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return value and Path((info.context or {}).get("folder", "")) / value

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        needed = {"oauth": ("client_id", "client_secret"), "basic": ("user", "password")}[self.auth]
        if missing := [name for name in needed if name not in self.model_fields_set]:
            raise ValueError(f"logs in by auth {self.auth}: expected {' and '.join(missing)}, too")
        return self

    @property
    def company(self) -> str:
        return self.company_code

    @property
    def for_payloads(self) -> dict[str, Any]:
        """All that documents may ask of the settings: texts, but for `convert_price_units` and `create_in_s4`."""
        new = {name: getattr(self.create_in_s4, name, "") for name in NewSuppliers.model_fields}
        return self.model_dump(include=FOR_PAYLOADS) | new | {"create_in_s4": self.create_in_s4 is not None}

    @property
    def place(self) -> str:
        return _place(self.kind, self.api_url, "/".join(filter(None, (self.sap_client, self.company_code))))


Erp: TypeAlias = Annotated[BusinessCentral | SapBusinessOne | SapS4hana, Field(discriminator="kind")]


def _place(kind: str, url: str, company: str) -> str:
    """Identity of a target. Two spellings of one URL are one place, since they would share its documents."""
    return f"{kind}|{_normalised(url)}|{company}"


def tenant_place(titan: ServiceTitan) -> str:
    """The same of a tenant, where the way back ends."""
    return f"servicetitan|{_normalised(titan.api_url)}|{titan.tenant_id}"


def _normalised(url: str) -> str:
    parts = urlsplit(url.lower())
    default_port = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port and parts.port != default_port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
