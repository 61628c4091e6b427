"""How the commands speak: facts to stdout, complaints to stderr, exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

WELL, AMISS, CONFIGURATION, UNREACHABLE = 0, 1, 2, 3
PIPE_WIDTH = 160
DEMO_HAS_ENDED = "The demo's sandbox is not running: `st-erp demo` makes a new one."


def console(*, stderr: bool = False) -> Console:
    """What others wrote is printed as it is: no markup, no emoji."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def say(*parts: Any, style: str | None = None) -> None:
    console().print(*parts, style=style, soft_wrap=all(isinstance(part, str) for part in parts))


def complain(sentence: object) -> None:
    console(stderr=True).print(str(sentence), style="red", soft_wrap=True)


def say_json(facts: Any) -> None:
    """Money as text with its two places, times with their zone."""
    print(json.dumps(facts, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """`right`: the columns of figures."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made
