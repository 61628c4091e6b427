"""What to do with one due document, given what the look-up found: a pure function of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.posting.target import Finding, Found, Likeness, Move, Wanted

Mode = Literal["observe", "draft", "post"]


@dataclass(frozen=True)
class Stay:
    """Nothing is proven, so nothing is done."""

    sentence: str


@dataclass(frozen=True)
class Settle:
    state: State
    sentence: str


@dataclass(frozen=True)
class Make:
    """The moves to make, in order. No move and `enter`: only bring the draft to its final shape."""

    moves: tuple[Move, ...]
    sentence: str
    then_withdraw: bool = False


Decision = Stay | Settle | Make


def decide(document: Document, wanted: Wanted, finding: Finding, mode: Mode, has_drafts: bool) -> Decision:
    match finding.found:
        case Found.UNKNOWN:
            return Stay(finding.detail or "The look-up proved nothing; it is asked again.")
        case Found.SEVERAL:
            return Settle(State.CONFLICT, finding.detail or "Several documents carry its key over there.")
        case Found.DEAD:
            return Settle(State.CONFLICT, finding.detail or "It was cancelled over there.")
        case Found.COMPLETE:
            return _complete(document, wanted, finding)
        case Found.UNFINISHED:
            return _unfinished(document, wanted, finding, mode)
        case Found.ABSENT:
            return _absent(document, mode, has_drafts)


def _complete(document: Document, wanted: Wanted, finding: Finding) -> Decision:
    differs = finding.differs_from(wanted)
    if differs:
        return Settle(State.CONFLICT, f"Found {finding.number or finding.remote_id}, but {differs}. {finding.detail}")
    if wanted.ours:
        return Settle(State.POSTED, f"Found as {finding.number or finding.remote_id}.")
    return Settle(State.ADOPTED, f"Was there already as {finding.number or finding.remote_id}.")


def _unfinished(document: Document, wanted: Wanted, finding: Finding, mode: Mode) -> Decision:
    if document.adopt_only:
        return Settle(State.CONFLICT, "Exported by something else, and an unposted draft of it stands over there.")
    if document.reasons and not document.voided:
        return Stay("Stands there unposted, and is blocked by now.")
    untouched = wanted.ours and document.etag is not None and document.etag == finding.etag
    outdated = wanted.ours and document.payload_hash != document.sent_hash and document.state != State.IN_DOUBT
    if document.voided or outdated or finding.likeness is Likeness.DIFFERENT:
        if not untouched:
            what = f"An unposted {finding.number or finding.remote_id} stands over there. {finding.detail}"
            return Settle(State.CONFLICT, f"{what} It is not what we would enter, and a person may have touched it.")
        again = () if document.voided else _moves(mode, True)
        return Make((Move.REMOVE, *again), "Ours, unedited and outdated: taken back.", document.voided)
    if document.state == State.ENTERED and mode == "draft" and finding.likeness is Likeness.EQUAL:
        return Stay("Stands there unposted, as it was left.")
    return Make(_moves(mode, True)[1:], f"Found unfinished as {finding.number or finding.remote_id}.")


def _absent(document: Document, mode: Mode, has_drafts: bool) -> Decision:
    if document.voided:
        return Settle(State.WITHDRAWN, "Voided at its source; nothing of it is over there.")
    if document.adopt_only:
        return Settle(State.OUT_OF_SCOPE, "Exported by something else, and not over there under our key.")
    if document.state == State.ENTERED:
        return Settle(State.SKIPPED, "What we had entered was removed over there.")
    if document.state == State.IN_DOUBT and document.reasons:  # blocked while it was in doubt
        return Settle(State.BLOCKED, f"Not there: proven. {' '.join(reason['text'] for reason in document.reasons)}")
    return Make(_moves(mode, has_drafts), "Not there: proven.")


def _moves(mode: Mode, has_drafts: bool) -> tuple[Move, ...]:
    if not has_drafts:
        return (Move.POST,)
    return (Move.ENTER,) if mode == "draft" else (Move.ENTER, Move.POST)
