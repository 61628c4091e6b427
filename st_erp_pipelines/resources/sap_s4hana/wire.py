"""JSON of OData V2 and plain JSON; and literals as they stand in a URL, each by the type of its property.

Numbers of documents come as text, without leading zeros or with them, as the channel has it: they are compared without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

STAMP = re.compile(r"/Date\((-?\d+)([+-]\d+)?\)/")  # with an offset: Edm.DateTimeOffset; SAP's is always +0000
TIME = re.compile(r"PT(\d\d?)H(\d\d?)M(\d\d?)S")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value: Any) -> Any:
    """Dates and times as ISO, collections as lists, without links; of the metadata only the ETag."""
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("results"), list):
        return plain(value["results"])
    etag = (value.get("__metadata") or {}).get("etag")
    members = {name: plain(each) for name, each in value.items() if name != "__metadata" and not _is_deferred(each)}
    return members | ({"etag": etag} if etag else {})


def _is_deferred(value: Any) -> bool:
    return isinstance(value, dict) and "__deferred" in value


def _plain_text(text: str) -> str:
    if stamp := STAMP.fullmatch(text):
        at = EPOCH + timedelta(milliseconds=int(stamp[1]))
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z" if stamp[2] else at.date().isoformat()
    if time := TIME.fullmatch(text):
        return ":".join(part.zfill(2) for part in time.groups())
    return text


def date_literal(day: date) -> str:
    """Of Edm.DateTime, which dates are."""
    return f"datetime'{day.isoformat()}T00:00:00'"


def moment_literal(at: datetime) -> str:
    """Of Edm.DateTimeOffset, to the millisecond that JSON keeps."""
    at = at.astimezone(UTC)
    return f"datetimeoffset'{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z'"


def dated(day: str) -> str:
    """An ISO date, as bodies have it."""
    return f"{day}T00:00:00"


def bare(number: object) -> str:
    """A key without leading zeros, if it is all digits."""
    text = str(number or "").strip()
    return text.lstrip("0") or "0" if text.isdecimal() else text


def same(key: object) -> str:
    return bare(key).upper()


def identity(row: Row, key: Iterable[str]) -> str:
    return "/".join(bare(row[name]) for name in key)


def day(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None


def given(members: Row) -> Row:
    """What a body says of these: nothing of what is empty."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def number(value: object) -> Decimal:
    return Decimal(str(value or 0))
