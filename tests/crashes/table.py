"""Every scenario, and which breakages it is there to catch: `python -m tests.crashes.table` prints the table."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.crashes.world import World
from tests.posting.breakages import BREAKAGES

MODULES = ("kills", "payments", "stops", "races", "clocks", "proofs")


@dataclass(frozen=True)
class Scenario:
    play: Callable[[World], None]
    name: str
    catches: tuple[str, ...]


SCENARIOS: dict[str, Scenario] = {}


def scenario(*catches: str, name: str = "") -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Plays until a last process finds nothing left to do. `catches`: breakages under which the end is wrong."""

    def register(play: Callable[[World], None]) -> Callable[[World], None]:
        known = Scenario(play, name or play.__name__, catches)
        SCENARIOS[known.name] = known
        return play

    return register


def load() -> dict[str, Scenario]:
    for module in MODULES:
        importlib.import_module(f"tests.crashes.{module}")
    return SCENARIOS


def markdown() -> str:
    rows = [["", *BREAKAGES], ["---", *(":-:" for _ in BREAKAGES)]]
    for each in load().values():
        cells = ("caught" if name in each.catches else "not needed" for name in BREAKAGES)
        rows.append([each.name.replace("_", " "), *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    from tests.crashes import table  # the one that the scenarios know

    print(table.markdown())
