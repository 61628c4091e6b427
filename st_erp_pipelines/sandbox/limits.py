"""The published call limits, as sliding windows."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable


class RateLimit:
    """At most `calls` per `seconds` (the vendor's figure) and key; both systems use it.

    `speed` shortens the window: 60 calls per second at speed 10 are 600. A refused call does not count.
    """

    def __init__(
        self, calls: int, seconds: float, speed: float = 1.0, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.calls = calls
        self._window = seconds / speed
        self._step = 1.0 / speed
        self._now = now
        self._taken: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def try_take(self, key: Hashable) -> float | None:
        """None: go ahead. Otherwise the seconds to wait, rounded up to the vendor's whole second (scaled)."""
        now, taken = self._now(), self._taken[key]
        while taken and taken[0] <= now - self._window:
            taken.popleft()
        if len(taken) < self.calls:
            taken.append(now)
            return None
        wait = taken[0] + self._window - now
        return max(1, math.ceil(wait / self._step)) * self._step
