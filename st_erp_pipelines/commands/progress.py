"""What a run is doing right now, on a terminal; elsewhere nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.text import Text

from st_erp_pipelines.commands.dagster_run import RunFacts
from st_erp_pipelines.commands.output import console
from st_erp_pipelines.outbox import Outbox, report

Begin = Callable[[RunFacts], None]
POLL_SECONDS = 1.0


class Line:
    """One line, drawn twice a second by rich's own thread. The run cannot report from inside an asset, so the
    outbox is asked how far its documents are."""

    def __init__(self, outbox: Outbox, connection: str) -> None:
        self._outbox, self._connection = outbox, connection
        self._began, self._asked_at, self._states = time.monotonic(), 0.0, ""
        self.facts: RunFacts | None = None

    def begin(self, facts: RunFacts) -> None:
        self.facts = facts

    def __rich__(self) -> Text:
        elapsed = timedelta(seconds=int(time.monotonic() - self._began))
        if self.facts is None:
            return Text(f"{self._connection}  starting  {elapsed}")
        done = f"[{self.facts.steps_done}/{self.facts.steps}]"
        return Text(f"{self._connection}  {elapsed}  {done} {self.facts.step}{self._documents()}")

    def _documents(self) -> str:
        step, _, flow = (self.facts.step if self.facts else "").partition(" ")
        if step != "post":
            return ""
        if time.monotonic() - self._asked_at > POLL_SECONDS:
            self._asked_at = time.monotonic()
            totals = report.totals(self._outbox, self._connection)
            counts = {state.replace("_", " "): count for (of, state), (count, _) in totals.items() if of == flow}
            self._states = ", ".join(f"{state} {counts[state]:,}" for state in sorted(counts))
        return f": {self._states}"


@contextmanager
def live(outbox: Outbox, connection: str, quiet: bool) -> Iterator[Begin]:
    if quiet or not console(stderr=True).is_terminal:
        yield lambda facts: None
        return
    line = Line(outbox, connection)
    # A descriptor of our own: while a step runs, Dagster turns the two usual ones into its compute logs.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding) as terminal:
        screen = Console(file=terminal, markup=False, highlight=False)
        with Live(line, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False):
            yield line.begin
