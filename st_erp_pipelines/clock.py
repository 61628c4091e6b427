"""The time seam: everything that waits, or asks what time it is, is given one of these."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Wall time, time since boot, and sleep; a simulation passes its own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def boot_seconds(self) -> float:
        """Seconds since boot, counting suspension where the platform can."""
        ...

    def boot_id(self) -> str:
        """Changes with every boot, so that `boot_seconds` of two boots are never compared."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_seconds(self) -> float:
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def boot_id(self) -> str:
        source = Path("/proc/sys/kernel/random/boot_id")
        return source.read_text().strip() if source.exists() else "unknown"

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
