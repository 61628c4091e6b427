"""Every request that our clients send in tests, against the public API descriptions where these are at hand.

`observed` goes around every application of the sandbox (`ST_ERP_SANDBOX_AROUND`), in this process and in those that
tests start. It only looks: what it finds goes to a file, and fails the test that caused it (tests/conftest.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

SPECS = Path(__file__).parents[3] / "shared" / "specs"
FINDINGS = "ST_ERP_SPECIFICATION_FINDINGS"  # the file that findings are added to, whichever process has them


class Findings:
    """Read once each."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    def new(self) -> list[str]:
        if not self.file.exists() or self.file.stat().st_size == self._read:
            return []
        with self.file.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        self._read += len(text)
        return sorted(set(text.decode().splitlines()))


@dataclass(frozen=True)
class Request:
    """As it came: `query` still encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    def has(self, kind: str) -> bool:
        """A body of that media type."""
        return self.headers.get("content-type", "").partition(";")[0].strip() == kind

    def asked(self, *, plus_is_blank: bool) -> list[tuple[str, str]]:
        """Names and values of the query."""
        text = self.query.replace("+", " ") if plus_is_blank else self.query
        pairs = (part.partition("=") for part in text.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
