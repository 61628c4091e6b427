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
    """Times in seconds. `company`: its URL. `boot`: the id of another boot than the machine's own. `guarded`: the ERP
    itself refuses a second document under one key, where it can.
    """

    database: str
    erp: str
    company: str
    connection: str = "northwind"
    flow: Literal["invoices", "payments", "parties"] = "invoices"
    guarded: bool = False
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
        halts = tuple(Halt(**halt) for halt in given["halts"])
        return cls(**given | dict(breakages=tuple(given["breakages"]), halts=halts))
