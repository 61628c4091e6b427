"""What a process is told on its command line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import simplejson


@dataclass(frozen=True)
class Halt:
    """At the `nth` time that a thread reaches the point `at` (points.py), with `move` under way where one is named."""

    at: str
    move: Literal["", "enter", "post"] = ""
    nth: int = 1
    how: Literal["SIGKILL", "SIGSTOP"] = "SIGKILL"


@dataclass(frozen=True)
class Orders:
    """Times in seconds. `boot`: the id of another boot than the machine's own."""

    database: str
    company: str
    connection: str = "northwind"
    flow: Literal["invoices", "payments"] = "invoices"
    batches: tuple[str, ...] = ()
    settle_after: float = 4.0
    clock_ahead: float = 0.0
    boot: str = ""
    halts: tuple[Halt, ...] = ()
    breakages: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return simplejson.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Orders:
        given = simplejson.loads(text)
        lists = dict(batches=tuple(given["batches"]), breakages=tuple(given["breakages"]))
        return cls(**given | lists | dict(halts=tuple(Halt(**halt) for halt in given["halts"])))
