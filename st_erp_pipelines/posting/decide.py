"""What to do next with one due document, given what was found: a pure function of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.states import State
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Wanted

Mode = Literal["observe", "draft", "post"]


@dataclass(frozen=True)
class Decision:
    """Make `move`, or settle the document in `state`; with neither it stays as it is."""

    sentence: str
    move: Move | None = None
    state: State | None = None


def decide(document: Document, wanted: Wanted, finding: Finding, mode: Mode, has_drafts: bool) -> Decision:
    match finding.found:
        case Found.UNKNOWN:
            waits = {State.IN_DOUBT: State.IN_DOUBT, State.ENTERED: None}.get(document.state, State.UNAVAILABLE)
            return Decision(finding.detail or "The look-up proved nothing; it is asked again.", state=waits)
        case Found.SEVERAL:
            return Decision(finding.detail or "Several documents carry its key over there.", state=State.CONFLICT)
        case Found.DEAD:
            return Decision(finding.detail or "It was cancelled over there.", state=State.CONFLICT)
        case Found.COMPLETE:
            return _complete(wanted, finding)
        case Found.UNFINISHED:
            if document.state == State.IN_DOUBT or document.remote_id != finding.remote_id:  # not known yet
                return Decision(f"Found unfinished as {finding.name}.", state=State.READY)
            return _unfinished(document, wanted, finding, mode)
        case Found.ABSENT:
            if document.state == State.IN_DOUBT:
                return Decision("Not there: proven.", state=State.READY)
            return _absent(document, Move.ENTER if has_drafts else Move.POST)


def _complete(wanted: Wanted, finding: Finding) -> Decision:
    if differs := finding.differs_from(wanted):
        return Decision(f"Found {finding.name}, but {differs}. {finding.detail}".rstrip(), state=State.CONFLICT)
    if wanted.ours:
        return Decision(f"Found as {finding.name}.", state=State.POSTED)
    return Decision(f"Was there already as {finding.name}.", state=State.ADOPTED)


def _unfinished(document: Document, wanted: Wanted, finding: Finding, mode: Mode) -> Decision:
    stands = f"An unposted {finding.name} stands over there."
    if document.adopt_only:
        return Decision(f"{stands} It was exported by something else.", state=State.CONFLICT)
    if document.reasons and not document.voided and document.state != State.BLOCKED:
        return Decision(f"{stands} It is blocked by now.", state=None if document.state == "entered" else State.BLOCKED)
    begun_by_another = finding.likeness is Likeness.BEGINNING and not wanted.ours
    if document.voided or wanted.outdated or finding.likeness is Likeness.DIFFERENT or begun_by_another:
        if wanted.ours and wanted.etag is not None and wanted.etag == finding.etag:
            return Decision("Ours, unedited and outdated: taken back.", Move.REMOVE)
        why = f"{finding.detail} It is not what we would enter, and a person may have touched it.".lstrip()
        return Decision(f"{stands} {why}", state=State.CONFLICT)
    if finding.is_prepared and mode == "draft":
        return Decision("Left there unposted, on purpose.", state=State.ENTERED)
    if mode == "draft" and document.state == State.ENTERED and finding.likeness is Likeness.EQUAL:
        return Decision("Stands there unposted, as it was left.")
    return Decision(stands, Move.POST if finding.is_prepared else Move.PREPARE)


def _absent(document: Document, create: Move) -> Decision:
    if document.voided:
        return Decision("No longer to be posted; nothing of it is over there.", state=State.WITHDRAWN)
    if document.adopt_only:
        return Decision("Exported by something else, and not there under our key.", state=State.OUT_OF_SCOPE)
    if document.state == State.ENTERED:
        return Decision("What we had entered was removed over there.", state=State.SKIPPED)
    if document.reasons and document.state != State.BLOCKED:  # since a doubt; of what is blocked, plans ask
        return Decision(" ".join(reason["text"] for reason in document.reasons), state=State.BLOCKED)
    return Decision("Not there: proven.", create)
