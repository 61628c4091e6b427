"""What is alike for every system: its credentials, whether its host answers, and what time it is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
from pydantic import BaseModel

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.doctor.findings import Said, note, ok, refused, warning, wrong
from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.settings import Secret

KNOCK_SECONDS = 5.0
EXACT = timedelta(seconds=5)  # the way takes time, too


def credentials(part: BaseModel) -> Iterator[Said]:
    """Each by itself: who has to ask for one should ask for all that are missing."""
    names = [name for name, value in part if isinstance(value, Secret) and value]
    fix = "Set it, or put it into the secrets file: `st-erp secrets set NAME`."
    missing: dict[Said, None] = {}  # a secrets file that cannot be opened is one fault
    for name in names:
        try:
            getattr(part, name).resolve()
        except ConfigurationError as error:
            missing[wrong(refused(error).found, error.fix or fix)] = None
    yield from missing
    if not missing:
        yield ok(f"set: {', '.join(names)}")


def host(url: str, *, verify: bool = True) -> Iterator[Said]:
    """Any answer will do. Whose certificate is not looked at here has it looked at when it is logged in to."""
    _knock(url, verify)
    yield ok(f"{_name(url)} answers")


def server_time(url: str, read_lag: timedelta, clock: Clock, *, verify: bool = True) -> Iterator[Said]:
    """By the header Date, which has whole seconds."""
    began = clock.now()
    reply = _knock(url, verify)
    now = began + (clock.now() - began) / 2
    try:
        yield _difference(now - parsedate_to_datetime(reply.headers["date"]), max(EXACT, read_lag))
    except (KeyError, ValueError, TypeError):
        yield note(f"{_name(url)} does not say what time it is there")


def _knock(url: str, verify: bool) -> httpx.Response:
    """Without credentials."""
    try:
        return httpx.get(url, timeout=KNOCK_SECONDS, verify=verify)
    except httpx.TransportError as error:
        fix = "Is the URL in connections.yaml right, and does a proxy or firewall stand between?"
        raise Unavailable(f"{_name(url)} does not answer ({error or type(error).__name__})", fix=fix) from None


def _name(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def _difference(ahead: timedelta, bearable: timedelta) -> Said:
    """A window of changes ends `read_lag` before our now: ahead by more, it ends before all of them are there."""
    seconds = f"{abs(ahead.total_seconds()):,.0f} s"
    if ahead > bearable:
        found = f"this machine's clock is {seconds} ahead of theirs, so changes over there are read past"
        return wrong(found, "Let the machine keep its time by NTP.")
    if -ahead > bearable:
        return warning(f"this machine's clock is {seconds} behind theirs", "Let the machine keep its time by NTP.")
    return ok(f"this machine's clock and theirs differ by {seconds}")
