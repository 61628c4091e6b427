"""What every generated record draws from: one random source, the days of the story, ids and wire formats.

ServiceTitan writes UTC with seven fractional digits, calendar dates as midnight `Z`, and most money of
the accounting documents as strings (reference/servicetitan.md 2.6).
"""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Wire = dict[str, Any]

CENT = Decimal("0.01")
_FIRST_ID = {
    "customer": 1_204_000,
    "contact": 3_110_000,
    "invoice": 45_210_000,
    "item": 61_400_000,
    "payment": 52_730_000,
    "application": 71_050_000,
    "credit_memo": 58_020_000,
    "job": 45_100_000,
    "location": 1_604_000,
    "sku": 20_000,
    "category": 4_100,
    "vendor": 6_050_000,
    "sku_vendor": 9_300_000,
    "purchase_order": 32_410_000,
    "receipt": 33_120_000,
    "request": 33_700_000,
    "bill": 34_280_000,
    "deposit": 47_900_000,
    "appointment": 46_100_000,
    "project": 41_700_000,
}
_TODAY_SECONDS = 600  # today's records lie in its first ten minutes, so that none is in the future


class Office:
    """The random source, the days and the counters of one generated contractor.

    The window is `start` to `today`, both included; the ERP's books are open from the second day on.
    """

    def __init__(self, *, seed: int, today: date, days: int, history_days: int, zone: str) -> None:
        self._seed = f"{seed}/{today.isoformat()}"
        self.rng = random.Random(self._seed)
        self.today = today
        self.start = today - timedelta(days=days - 1)
        self.books_open_from = self.start + timedelta(days=1)
        self.oldest = today - timedelta(days=history_days)
        self.zone = ZoneInfo(zone)
        self._last_id: dict[str, int] = defaultdict(int, _FIRST_ID)

    def aside(self, name: str) -> Office:
        """The same days with a random source and counters of its own: what is made with it leaves everything
        else as it was."""
        other = copy.copy(self)
        other.rng = random.Random(f"{self._seed}/{name}")
        other._last_id = defaultdict(int, _FIRST_ID)
        return other

    def next_id(self, kind: str) -> int:
        """Growing, with the gaps that a shared sequence leaves."""
        self._last_id[kind] += self.rng.randint(1, 9)
        return self._last_id[kind]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def day_between(self, first: date, last: date) -> date:
        return first + timedelta(days=self.rng.randint(0, max(0, (last - first).days)))

    def stamp(self, day: date, first_hour: float = 7, last_hour: float = 17) -> str:
        """A moment of `day` between two local hours, as the wire writes it."""
        seconds = self.rng.uniform(first_hour * 3600, last_hour * 3600)
        if day >= self.today:
            day, seconds = self.today, seconds * _TODAY_SECONDS / 86_400
        local = datetime.combine(day, time(), self.zone) + timedelta(seconds=int(seconds))
        return f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{self.rng.randrange(10**7):07d}Z"

    def cents(self, low: int, high: int) -> Decimal:
        """An amount between two numbers of dollars."""
        return Decimal(self.rng.randint(low * 100, high * 100)).scaleb(-2)


def midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def wire_date(text: str) -> date:
    """The calendar date of a wire text; never shifted by a zone."""
    return date.fromisoformat(text[:10])


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def number(amount: Decimal) -> float:
    """A JSON number; the shortest text of a float with two decimals is that decimal again."""
    return float(amount)


def named(record: Wire | None) -> Wire | None:
    return {"id": record["id"], "name": record["name"]} if record else None
