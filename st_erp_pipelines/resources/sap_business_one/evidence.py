"""What stands over there under our keys, and what it means for them.

No field that carries a key is unique there, people type over it, and copying a document copies it. So a look-up asks
each field that ever carried keys, documents and drafts alike; what was entered is also asked for by its id.
An approval procedure turns what we post into a draft: it waits there until somebody approves it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, StErpError, Unavailable
from st_erp_pipelines.resources.deadline import within
from st_erp_pipelines.resources.sap_business_one.client import BusinessOne, Row, Unproven, same
from st_erp_pipelines.resources.sap_business_one.replies import CLOSED_INVOICE, LOOK_UP, NO_RECORD, SYSTEM, is_gone
from st_erp_pipelines.target import Finding, Found, Likeness, Wanted

DRAFT = "draft/"  # before the DocEntry of a draft, which counts anew
WAITING = ("Pending", "Approved")  # approved, but nobody has added it as a document yet
REFUSED = ("Rejected", "Cancelled")


@dataclass(frozen=True)
class Kind:
    """A list of documents: what payloads and people call one, and how its drafts are recognised among others."""

    name: str
    label: str
    path: str
    object_code: str


@dataclass(frozen=True)
class Drafts:
    path: str
    select: Sequence[str]


@dataclass(frozen=True)
class Seen:
    kind: Kind
    row: Row
    is_draft: bool = False

    @property
    def name(self) -> str:
        return f"draft {self.row['DocEntry']}" if self.is_draft else f"{self.kind.label} {self.row['DocNum']}"

    @property
    def remote_id(self) -> str:
        return f"{DRAFT if self.is_draft else ''}{self.row['DocEntry']}"

    @property
    def approval(self) -> str:
        """Pending, Approved, Rejected, Cancelled, Generated..., Without."""
        return str(self.row.get("AuthorizationStatus") or "")[3:]

    @property
    def is_used_up(self) -> bool:
        """A draft that has become a document."""
        return self.approval.startswith("Generated") or self.row.get("DocumentStatus") == "bost_Close"


Judge = Callable[[Wanted, Seen], Finding]


@dataclass(frozen=True)
class Evidence:
    """How to look in one place. `fields`: where keys are written, then wherever they ever were."""

    client: BusinessOne
    kinds: Sequence[Kind]
    drafts: Drafts
    fields: Sequence[str]
    select: Sequence[str] = field(repr=False)
    judge: Judge = field(repr=False)

    def look_up(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        try:
            seen = self._gather([one.key for one in wanted])
        except Unproven as error:
            return {one.key: Finding(Found.UNKNOWN, detail=error.text) for one in wanted}
        return {one.key: self._finding(one, seen.get(same(one.key), [])) for one in wanted}

    def after_refusal(self, error: Rejected, wanted: Wanted) -> StErpError:
        """A refusal that may hide a document: one that became a draft, or whose twin was there already."""
        if error.code != NO_RECORD and error.cause != CLOSED_INVOICE:
            return error
        try:
            with within(self.client.clock, self.client.timing.deadline.total_seconds()):
                finding = self.look_up([wanted])[wanted.key]
        except StErpError as unread:
            return _doubt(f"{error.text}; and it could not be looked up: {unread.text}", wanted)
        if finding.found is Found.ABSENT:
            return error
        return _doubt(f"{error.text}; {finding.detail or f'{finding.name} stands there under its key'}", wanted)

    def _gather(self, keys: Sequence[str]) -> dict[str, list[Seen]]:
        found: dict[str, dict[str, Seen]] = defaultdict(dict)
        for one in self._all(keys):
            for name in self.fields:
                if key := same(one.row.get(name)):
                    found[key][f"{one.kind.path}/{one.remote_id}"] = one
        return {key: list(seen.values()) for key, seen in found.items()}

    def _all(self, keys: Sequence[str]) -> Iterable[Seen]:
        by_code = {kind.object_code: kind for kind in self.kinds}
        for name in self.fields:
            # Drafts first: one that becomes a document meanwhile is seen twice, not missed.
            for row in self._rows(self.drafts.path, name, keys, (*self.drafts.select, *self.fields)):
                if kind := by_code.get(row["DocObjectCode"]):
                    yield Seen(kind, row, is_draft=True)
        for name in self.fields:
            for kind in self.kinds:
                for row in self._rows(kind.path, name, keys, (*self.select, *self.fields)):
                    yield Seen(kind, row)

    def _rows(self, path: str, name: str, keys: Sequence[str], select: Sequence[str]) -> list[Row]:
        return self.client.carrying(path, name, keys, operation=f"look up {path}", select=tuple(dict.fromkeys(select)))

    def _finding(self, wanted: Wanted, seen: Sequence[Seen]) -> Finding:
        documents = [one for one in seen if not one.is_draft]
        drafts = [one for one in seen if one.is_draft and not (documents and one.is_used_up)]
        findings = [self.judge(wanted, one) for one in documents] + [_of_draft(one) for one in drafts]
        if not findings:
            return self._by_id(wanted)
        if waiting := [each for each in findings if each.found is Found.UNKNOWN]:
            return waiting[0]  # whatever stands beside it: perhaps what it just became
        alive = [each for each in findings if each.found is not Found.DEAD]
        if not alive or len(findings) == 1:
            return findings[0]  # cancelled, with what cancelled it
        numbers = ", ".join(one.name for one in (*documents, *drafts))
        return Finding(Found.SEVERAL, detail=f"{len(findings)} documents carry {wanted.key}: {numbers}")

    def _by_id(self, wanted: Wanted) -> Finding:
        """What we entered, wherever its reference went; never equal: a person decides what it stands for."""
        if not wanted.ours or not (wanted.remote_id or "").isdigit():
            return Finding(Found.ABSENT)
        kind = next((each for each in self.kinds if each.name == wanted.payload.get("type")), self.kinds[0])
        path, select = f"{kind.path}({wanted.remote_id})", (*self.select, *self.fields)
        try:
            row = self.client.row(path, operation=f"look up {kind.label} by id", select=tuple(dict.fromkeys(select)))
        except (Unavailable, Rejected, InDoubt) as error:
            if not isinstance(error, Rejected) or not is_gone(error):
                return Finding(Found.UNKNOWN, detail=error.sentence())
            detail = f"{kind.label} {wanted.remote_id}, which we entered, is gone"
            return Finding(Found.DEAD, wanted.remote_id, detail=detail)
        finding = self.judge(wanted, Seen(kind, row))
        detail = (
            f"{kind.label} {row['DocNum']}, which we entered, does not carry its key by now. {finding.detail}".strip()
        )
        return replace(finding, party=f"{finding.party} without the key {wanted.key}", detail=detail)


def require_field(client: BusinessOne, field: str, table: str) -> None:
    """A field of the company's own that keys are to be written into has to be there; we make none."""
    if not field.startswith("U_"):
        return
    asked = f"TableName eq '{table}' and Name eq '{field.removeprefix('U_')}'"
    select = ("TableName", "Name", "FieldID")
    if not client.rows("UserFieldsMD", key="FieldID", operation="check key field", filter=asked, select=select):
        text = f"the table {table} has no field {field} to write keys into"
        fix = "Create it there (User-Defined Fields, alphanumeric, 50), then restart the Service Layer."
        raise ConfigurationError(text, system=SYSTEM, operation="check key field", fix=fix)


def _of_draft(seen: Seen) -> Finding:
    here: dict[str, Any] = dict(remote_id=seen.remote_id, number=seen.name)
    if seen.approval in WAITING:
        said = "waits for its approval: approve and" if seen.approval == "Pending" else "is approved:"
        return Finding(Found.UNKNOWN, detail=f"It became {seen.name}, which {said} add it in Business One.", **here)
    if seen.is_used_up:
        detail = f"{seen.name} became a document that does not carry its key"
        return Finding(Found.UNKNOWN, detail=detail, **here)
    said = "whose approval was refused: remove it" if seen.approval in REFUSED else "not added: add or remove it"
    detail = f"It is {seen.name}, {said} in Business One, then replay it here."
    return Finding(Found.UNFINISHED, likeness=Likeness.DIFFERENT, detail=detail, **here)


def _doubt(text: str, wanted: Wanted) -> InDoubt:
    return InDoubt(text, system=SYSTEM, operation="look up after a refusal", document=wanted.key, fix=LOOK_UP)
