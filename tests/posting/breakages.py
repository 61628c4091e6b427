"""Deliberate breakages of the product, one rule of the protocol each, so that the tests can be seen to see.

    with broken("no_settling"): ...        in this process, for as long as the block runs

They are patches of modules, applied by tests only; the product has no switch for any of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.schema import attempts, documents
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting import commits, engine
from st_erp_pipelines.target import Finding, Found, Wanted


@contextmanager
def broken(*names: str) -> Iterator[None]:
    with ExitStack() as breakages:
        for name in names:
            breakages.enter_context(BREAKAGES[name]())
        yield


@contextmanager
def no_intent() -> Iterator[None]:
    """What is sent was written nowhere before; the attempt is inserted with its outcome."""
    intend, record = commits.intend, commits.record
    asked: list[tuple[Any, tuple[Any, ...]]] = []

    def forgetful_intend(outbox: Outbox, *how: Any) -> Any:
        unwritten = intend(_that_forgets(outbox), *how)
        asked.append((unwritten, how))
        return unwritten

    def belated_record(outbox: Outbox, unwritten: Any, *rest: Any, **more: Any) -> Any:
        (how,) = (how for each, how in asked if each is unwritten)
        belated = intend(outbox, *how)
        return record(outbox, belated, *rest, **more) if belated else None

    with _patched(commits, intend=forgetful_intend, record=belated_record):
        yield


def _that_forgets(outbox: Outbox) -> Outbox:
    """The same outbox, but nothing of its transactions stays."""

    @contextmanager
    def begin() -> Iterator[Any]:
        with outbox.begin() as (con, now):
            nested = con.begin_nested()
            yield con, now
            nested.rollback()

    forgetful = copy.copy(outbox)
    forgetful.begin = begin  # type: ignore[method-assign]
    return forgetful


def no_look_up() -> AbstractContextManager[None]:
    """Everything is taken for absent, whatever is there."""
    return _with_look_up(lambda finding: Finding(Found.ABSENT))


def absence_not_proven() -> AbstractContextManager[None]:
    """A look-up that proved nothing is taken for one that found nothing."""
    return _with_look_up(lambda finding: Finding(Found.ABSENT) if finding.found is Found.UNKNOWN else finding)


def no_settling() -> AbstractContextManager[None]:
    """A doubt may be settled at once."""

    def hasty(target: Any) -> Any:
        timing = copy.copy(target.timing)
        object.__setattr__(timing, "settle_after", timedelta(0))  # its own check would refuse that
        return _Instead(target, timing=timing)

    return _with_target(hasty)


def fence_not_checked() -> AbstractContextManager[None]:
    """Who once had the fence writes for ever."""
    return _patched(commits, hold=lambda *_: None)


def late_outcome_overwrites() -> AbstractContextManager[None]:
    """An outcome is recorded although the attempt was settled meanwhile."""
    record = commits.record

    def overwrite(outbox: Outbox, intent: Any, *rest: Any, **more: Any) -> Any:
        with outbox.begin() as (con, _):
            con.execute(attempts.update().where(attempts.c.id == intent.attempt_id).values(outcome=None))
            as_intended = dict(state=State.SENDING, version=intent.document.version)
            con.execute(documents.update().where(documents.c.id == intent.document.id).values(**as_intended))
        return record(outbox, intent, *rest, **more)

    return _patched(commits, record=overwrite)


BREAKAGES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    each.__name__: each
    for each in (no_intent, no_look_up, absence_not_proven, no_settling, fence_not_checked, late_outcome_overwrites)
}


class _Instead:
    """A target, but for what is given here."""

    def __init__(self, target: Any, **instead: Any) -> None:
        self._target = target
        vars(self).update(instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def _with_look_up(read_as: Callable[[Finding], Finding]) -> AbstractContextManager[None]:
    def misreading(target: Any) -> Any:
        def look_up(wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
            return {key: read_as(finding) for key, finding in target.look_up(wanted).items()}

        return _Instead(target, look_up=look_up)

    return _with_target(misreading)


def _with_target(breaks: Callable[[Any], Any]) -> AbstractContextManager[None]:
    begin = engine.Run.__init__

    def begin_with(run: Any, outbox: Outbox, target: Any, **more: Any) -> None:
        begin(run, outbox, breaks(target), **more)

    return _patched(engine.Run, __init__=begin_with)


@contextmanager
def _patched(module: Any, **instead: Any) -> Iterator[None]:
    with mock.patch.multiple(module, **instead):
        yield
