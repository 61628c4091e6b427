"""Pieces of OData requests that several systems understand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

KEYS_PER_URL = 40  # of up to 50 characters each, so that a URL stays below 4 kB


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def any_of(field: str, values: Sequence[str]) -> str:
    """An `or` that each of these systems understands: within one field."""
    return " or ".join(f"{field} eq {quoted(value)}" for value in values)


def in_chunks(values: Sequence[T], size: int = KEYS_PER_URL) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def trimmed(text: str, length: int) -> str:
    """Cut visibly; blanks and line breaks are single blanks."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
