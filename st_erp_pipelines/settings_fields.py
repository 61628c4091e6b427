"""What a value in connections.yaml may look like. All come as text; messages say what was expected."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import core_schema

from st_erp_pipelines import secrets_file
from st_erp_pipelines.errors import ConfigurationError


class Secret:
    """`${NAME}`, read when a run needs it (see `secrets_file.look_up`), or the secret itself. Never shown."""

    __slots__ = ("_field", "_text")
    _reference = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

    def __init__(self, text: str, field: str = "") -> None:
        self._text = text.strip()
        self._field = field

    def resolve(self) -> str:
        named = self._reference.fullmatch(self._text)
        value = secrets_file.look_up(named[1]) if named else self._text
        if named and not value:
            file = secrets_file.path()
            where = f"which is not set, and {file.name} does not hold it" if file.exists() else "which is not set"
            raise ConfigurationError(f"{self._field or 'a credential'} is read from {named[1]}, {where}")
        return value

    def __bool__(self) -> bool:
        return bool(self._text)

    @property
    def stands_in_clear(self) -> bool:
        return bool(self) and not self._reference.fullmatch(self._text)

    def __str__(self) -> str:
        return "********" if self.stands_in_clear else self._text

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def _validate(cls, value: object, info: ValidationInfo) -> Secret:
        if isinstance(value, Secret):
            return value
        text = value.strip() if isinstance(value, str) else ""
        if not text or ("${" in text and not cls._reference.fullmatch(text)):
            raise ValueError("expected ${NAME}, the name of an environment variable")
        return cls(text, info.field_name or "")


def _day(value: object) -> object:
    # pydantic alone would take 20261101 for seconds since 1970
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"is {value!r}; expected a date such as 2026-11-01") from None


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip())
    if not match:
        raise ValueError(f"is {value!r}; expected a duration such as 20m, 90s, 1h or 12.5s")
    return timedelta(seconds=float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]])


def _name(value: str) -> str:
    if value.casefold() == "all":
        raise ValueError("is the name of what unites all connections; expected another")
    return value


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value.strip()).key
    except (OSError, ValueError, KeyError):  # a folder of zones, a path, an unknown name
        raise ValueError(f"is {value!r}; expected a time zone such as America/Chicago") from None


def _cron(value: str) -> str:
    import dagster as dg  # slow to import, and nothing else here needs it

    try:
        dg.ScheduleDefinition(job_name="any", cron_schedule=value)
    except dg.DagsterInvalidDefinitionError:
        raise ValueError(f"is {value!r}; expected five cron fields such as */15 * * * *") from None
    return value


def _url(value: str) -> str:
    url = value.strip()
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or port
        named = False
    if not named:
        raise ValueError("expected a URL such as https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("expected a URL without user, query or fragment")
    return url.rstrip("/")


def _plain(value: str) -> str:
    if "${" in value:
        raise ValueError("is not read from the environment; expected the value itself")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_plain)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$"), AfterValidator(_name)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,3}$"), AfterValidator(str.upper)]
Day = Annotated[date, BeforeValidator(_day)]
Zone = Annotated[str, AfterValidator(_zone)]
Cron = Annotated[str, AfterValidator(_cron)]
Url = Annotated[str, AfterValidator(_url)]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))]
Span = Annotated[Duration, Field(gt=timedelta(0), description="a duration longer than 0, such as 20m")]
Batch = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{1,10}$"),
    AfterValidator(str.upper),
    Field(description="at most ten letters"),
]
KeyField = Annotated[
    str,
    StringConstraints(pattern=r"^(NumAtCard|Remarks|U_\w{1,50})$"),
    Field(description="NumAtCard, Remarks or a field of the company's own, U_..."),
]
Credential = Annotated[Secret, Field(description="${NAME}, the name of an environment variable")]
