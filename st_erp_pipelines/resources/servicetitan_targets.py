"""What targets in ServiceTitan share: a look-up that proves, a record as it stands, one write and its refusal."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.http import parsed
from st_erp_pipelines.resources.servicetitan import IDS_PER_CALL, SYSTEM, ServiceTitan, Unproven
from st_erp_pipelines.resources.servicetitan_endpoints import APPLICATION, ENDPOINTS
from st_erp_pipelines.target import Finding, Found, Timing, Wanted

Row = dict[str, Any]
Refusals = Sequence[tuple[str, str, str]]  # what the text says, the cause, what to do
T = TypeVar("T")

LANES = 4
CLOCKS_DIFFER_BY = timedelta(minutes=10)  # at most, ours and ServiceTitan's
NO_APPLICATION = "servicetitan.application_guid is not set, by which our external data are found again."


def proven(find: Callable[[Sequence[Wanted]], dict[str, Finding]], wanted: Sequence[Wanted]) -> dict[str, Finding]:
    """UNKNOWN for all, where what came back does not answer what was asked."""
    try:
        return find(wanted) if wanted else {}
    except Unproven as unproven:
        return {one.key: Finding(Found.UNKNOWN, detail=str(unproven)) for one in wanted}


def in_chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), IDS_PER_CALL):
        yield values[start : start + IDS_PER_CALL]


def named(client: ServiceTitan, entity: str) -> Row:
    """External data is returned only to who names its application."""
    has_some = client.application and APPLICATION in ENDPOINTS[entity].parameters()
    return {APPLICATION: client.application} if has_some else {}


def by_ids(client: ServiceTitan, entity: str, numbers: Iterable[int]) -> dict[int, Row]:
    """Inactive ones, too. Raises Unproven."""
    endpoint, found = ENDPOINTS[entity], dict[int, Row]()
    for chunk in in_chunks(sorted(set(numbers))):
        ids = list(chunk) if endpoint.repeats_ids else ",".join(map(str, chunk))
        asked = {endpoint.id_filter: ids, **named(client, entity)}
        rows = client.rows(entity, asked, lambda row, chunk=chunk: row["id"] in chunk)  # type: ignore[misc]
        found |= {row["id"]: row for row in rows}
    return found


def record(client: ServiceTitan, entity: str, number: int) -> Row | None:
    """As it stands now; None where it is gone."""
    try:
        return by_ids(client, entity, [number]).get(number)
    except Unproven as unproven:
        raise Unavailable(str(unproven), system=SYSTEM, operation=f"read {_one_of(entity)}") from None


def write(
    client: ServiceTitan,
    entity: str,
    body: Row,
    wanted: Wanted,
    timing: Timing,
    *,
    number: int | None = None,
    action: str = "",
    refusals: Refusals = (),
) -> int:
    """A new record, or the one of this number changed; the number it has."""
    operation, endpoint = f"{'create' if number is None else 'change'} {_one_of(entity)}", ENDPOINTS[entity]
    url = endpoint.url(client.tenant_id) + ("" if number is None else f"/{number}{action}")
    try:
        response = client.api.write(
            "POST" if number is None else "PATCH", url, operation=operation, document=wanted.key,
            deadline=timing.deadline, json=body,
        )  # fmt: skip
    except Rejected as error:
        raise explained(error, refusals) from None
    except ConfigurationError as error:
        error.fix = f"Grant the app the scope {endpoint.scope.removesuffix(':r')}:w."
        raise
    if number is not None:
        return number
    try:
        return int(parsed(response)["id"])
    except (ValueError, KeyError, TypeError):
        said = f"the reply (HTTP {response.status_code}) does not name what was written"
        raise InDoubt(said, system=SYSTEM, operation=operation, document=wanted.key) from None


def explained(error: Rejected, refusals: Refusals) -> Rejected:
    """By the first row whose pattern its text shows."""
    for pattern, cause, fix in refusals:
        if re.search(pattern, error.text, re.IGNORECASE):
            error.cause, error.fix = cause or re.sub(r"\d+", "#", error.text), fix
            error.args = (error.sentence(),)
            break
    return error


def refused(wanted: Wanted, operation: str, text: str, *, cause: str, fix: str) -> Rejected:
    """By us, before anything is sent; what is mended over there is asked again daily."""
    return Rejected(
        text, cause=cause, fix=fix, retry_daily=True, system=SYSTEM, operation=operation, document=wanted.key
    )


def external(client: ServiceTitan, key: str, value: str, **mode: str) -> Row:
    rows = [{"key": key, "value": value}]
    return {"externalData": {**mode, "applicationGuid": client.application, "externalData": rows}}


def external_value(row: Mapping[str, Any], key: str) -> str:
    return next((str(each["value"]) for each in row.get("externalData") or () if each["key"] == key), "")


def plain(text: str | None) -> str:
    """Text may come back as markup."""
    return " ".join(html.unescape(re.sub(r"</?[A-Za-z][^>]*>", " ", text or "")).split())


def is_same_figure(ours: Decimal, theirs: Any) -> bool:
    """Whether fractions of a cent are kept is not documented."""
    return theirs is not None and Decimal(theirs) in (ours, round(ours, 2))


def figure(number: Decimal) -> str:
    """For people, without the zeros at its end."""
    return f"{number.normalize():f}"


def midnight(day: str) -> str:
    """How calendar dates are written and read: no time zone is meant."""
    return f"{day}T00:00:00Z"


def _one_of(entity: str) -> str:
    return entity.removesuffix("s").replace("_", " ")
