"""The bodies of ServiceTitan's writes: each member of its type, and what is unknown dropped without a word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from typing import Any

from starlette.requests import Request

from st_erp_pipelines.sandbox.servicetitan_books import Books, check, is_id
from st_erp_pipelines.sandbox.servicetitan_query import Invalid, Refused, guid
from st_erp_pipelines.sandbox.servicetitan_records import EXTERNAL, Record, parse_instant

Member = Callable[[Any, str], Any]  # the value as sent, its path; gives what is stored, or 400


def text(value: Any, where: str) -> Any:
    check(isinstance(value, str), where)
    return value


def filled(value: Any, where: str) -> Any:
    check(bool(text(value, where).strip()), where, f"The {where} field is required.")
    return value


def number(value: Any, where: str) -> Any:
    check(isinstance(value, int | float) and not isinstance(value, bool), where)
    return float(value)


def boolean(value: Any, where: str) -> Any:
    check(isinstance(value, bool), where)
    return value


def integer(value: Any, where: str) -> Any:
    check(is_id(value), where)
    return value


def instant(value: Any, where: str) -> Any:
    """A time, or a day alone, which is its midnight in UTC; stored as these documents show their days."""
    try:
        return f"{parse_instant(text(value, where)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except ValueError:
        check(False, where)


def unserved(value: Any, where: str) -> Any:
    """Documented, and not served here: to ignore it would be another answer than the service's."""
    raise Refused(501, "The sandbox does not serve this member.", {where: ["Not served."]})


def word_of(*words: str) -> Member:
    def read(value: Any, where: str) -> Any:
        check(value in words, where)
        return value

    return read


def rows_of(member: Member) -> Member:
    def read(value: Any, where: str) -> Any:
        check(isinstance(value, list), where)
        return [member(each, f"{where}[{at}]") for at, each in enumerate(value)]

    return read


def row_of(required: Mapping[str, Member], optional: Mapping[str, Member]) -> Member:
    """An object: what is optional may be null, what is unknown is dropped."""

    def read(value: Any, where: str) -> Any:
        check(isinstance(value, dict), where)
        for name in required:
            check(value.get(name) is not None, f"{where}.{name}", f"The {name} field is required.")
        row = {name: member(value[name], f"{where}.{name}") for name, member in required.items()}
        for name, member in optional.items():
            given = value.get(name)
            row[name] = None if given is None else member(given, f"{where}.{name}")
        return row

    return read


def application(value: Any, where: str) -> Any:
    try:
        return guid(text(value, where))
    except Invalid as error:
        check(False, where, str(error))


EXTERNAL_DATA = row_of(
    {"applicationGuid": application, "externalData": rows_of(row_of({"key": text}, {"value": text}))},
    {"patchMode": word_of("Replace", "Merge")},
)


async def members_sent(
    books: Books, request: Request, members: Mapping[str, Member], *, nullable: Collection[str] = ()
) -> Record:
    """The known members of a body, each of the right type; null in one of `nullable` counts as not sent."""
    body = await books.body(request, dict)
    books.no_more_than(body, members)
    return {
        name: members[name](value, name)
        for name, value in body.items()
        if name in members and not (value is None and name in nullable)
    }


async def whole_body(
    books: Books,
    request: Request,
    required: Mapping[str, Member],
    optional: Mapping[str, Member],
    dropped: Collection[str] = (),
) -> Record:
    """Every member of a body: what is optional may be null or absent, and is ignored where it is `dropped`."""
    sent = await members_sent(books, request, {**required, **optional}, nullable=optional)
    for name in required:
        check(name in sent, name, f"The {name} field is required.")
    return {**sent, **{name: None if name in dropped else sent.get(name) for name in optional}}


def with_external_data(record: Record, external: Record) -> Record:
    """Replace, the default, drops what is not named; Merge drops what is named with null."""
    everyone, own = record.get(EXTERNAL, {}), external["applicationGuid"]
    before = everyone.get(own, {}) if external["patchMode"] == "Merge" else {}
    changed = before | {row["key"]: row["value"] for row in external["externalData"]}
    return record | {EXTERNAL: {**everyone, own: {key: value for key, value in changed.items() if value is not None}}}
