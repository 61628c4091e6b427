"""Every scenario, and which breakages it is there to catch: `python -m tests.crashes.table` prints the table."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.crashes.erps import ERPS
from tests.crashes.world import World
from tests.posting.breakages import BREAKAGES

MODULES = ("kills", "payments", "parties", "stops", "races", "clocks", "proofs")


@dataclass(frozen=True)
class Scenario:
    play: Callable[[World], None]
    name: str
    catches: tuple[str, ...]
    needs: str
    of_the_engine: bool

    @property
    def erps(self) -> list[str]:
        """Those against which it is played."""
        return [name for name, erp in ERPS.items() if not self.needs or self.needs in erp.HAS]


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *catches: str, name: str = "", needs: str = "", of_the_engine: bool = False
) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Plays until a last process finds nothing left to do. `catches`: breakages under which the end is wrong.

    `needs`: it is about something that not every ERP has (see `erps.py`). `of_the_engine`: what happens there does not
    depend on the target, so that it says nothing new of a further one.
    """

    def register(play: Callable[[World], None]) -> Callable[[World], None]:
        known = Scenario(play, name or play.__name__, catches, needs, of_the_engine)
        SCENARIOS[known.name] = known
        return play

    return register


def load() -> dict[str, Scenario]:
    for module in MODULES:
        importlib.import_module(f"tests.crashes.{module}")
    return SCENARIOS


def markdown(erp: str) -> str:
    rows = [[erp.replace("_", " "), *BREAKAGES], ["---", *(":-:" for _ in BREAKAGES)]]
    for each in load().values():
        if erp in each.erps:
            cells = ("caught" if name in each.catches else "not needed" for name in BREAKAGES)
            rows.append([each.name.replace("_", " "), *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    from tests.crashes import table  # the one that the scenarios know

    print("\n\n".join(map(table.markdown, ERPS)))
