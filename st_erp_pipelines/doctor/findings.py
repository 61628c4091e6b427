"""Checks, what they say, and how they are asked: each by itself, so that one broken thing hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.errors import StErpError, Unavailable
from st_erp_pipelines.flows import FLOWS
from st_erp_pipelines.resources import deadline

PATIENCE = 30.0  # seconds for all that one check asks
LANES = 4
LISTED = 8  # of one check


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # nobody can know it from here: it cannot be read by API, or was not asked
    WARNING = "warning"  # a person should look
    WRONG = "wrong"


@dataclass(frozen=True)
class Said:
    """`found` is what there is; `fix` a sentence with what to do about it."""

    level: Level
    found: str
    fix: str = ""
    is_unreachable: bool = False


def ok(found: str) -> Said:
    return Said(Level.OK, found)


def note(found: str, fix: str = "") -> Said:
    return Said(Level.NOTE, found, fix)


def warning(found: str, fix: str) -> Said:
    return Said(Level.WARNING, found, fix)


def wrong(found: str, fix: str) -> Said:
    return Said(Level.WRONG, found, fix)


def refused(error: StErpError) -> Said:
    """Without the words for where it happened: the check has a name."""
    bare = StErpError(error.text, status=error.status, code=error.code, correlation_id=error.correlation_id)
    is_unreachable = isinstance(error, Unavailable)
    fix = error.fix or ("Ask again later." if is_unreachable else "Show this to who administers that system.")
    return Said(Level.WRONG, bare.sentence().rstrip("."), fix, is_unreachable)


@dataclass(frozen=True)
class Check:
    """`flows` need what it looks at: `only_to_post`, or for reading and building, too."""

    name: str
    ask: Callable[[], Iterable[Said]]
    flows: tuple[str, ...] = FLOWS
    only_to_post: bool = False


@dataclass(frozen=True)
class Finding:
    check: Check
    said: Said

    def level(self, modes: Mapping[str, str]) -> Level:
        """What no flow needs in its mode is not wrong yet."""
        needed = not self.check.only_to_post or any(modes.get(flow) != "observe" for flow in self.check.flows)
        return Level.WARNING if self.said.level is Level.WRONG and not needed else self.said.level


@dataclass(frozen=True)
class Area:
    """`is_shut`: behind what is wrong with it, nothing could be asked."""

    title: str
    findings: Sequence[Finding]
    is_shut: bool = False


def asked(check: Check) -> list[Finding]:
    """All that it says; an error is something said, too."""
    said: list[Said] = []
    try:
        with deadline.within(SystemClock(), PATIENCE):
            said.extend(check.ask())
    except StErpError as error:
        said.append(refused(error))
    except Exception as error:  # noqa: BLE001 whatever it is, the others are asked
        said.append(wrong(f"the check itself failed: {type(error).__name__}", "Please report it; the others stand."))
    return [Finding(check, each) for each in shortened(said)]


def shortened(said: Sequence[Said]) -> list[Said]:
    """The first of many of one level, and how many there are."""
    kept = []
    for level in dict.fromkeys(each.level for each in said):
        mine = [each for each in said if each.level is level]
        kept += mine[:LISTED]
        if more := mine[LISTED:]:
            kept.append(Said(level, f"and {len(more)} more like that", more[0].fix))
    return kept


def examined(title: str, gate: Sequence[Check], checks: Callable[[], Sequence[Check]]) -> Area:
    """The gate in order, up to what is wrong; behind an open one all checks, a few at once."""
    findings: list[Finding] = []
    for check in gate:
        findings += asked(check)
        if any(finding.said.level is Level.WRONG for finding in findings):
            skipped = Finding(Check("everything else", tuple), note("not tried: nothing answers before that is mended"))
            return Area(title, [*findings, skipped], is_shut=True)
    with ThreadPoolExecutor(LANES) as pool:
        return Area(title, [*findings, *(each for found in pool.map(asked, checks()) for each in found)])
