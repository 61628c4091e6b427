"""What needs a person, by reason and sentence: the same words in `sync`, `status` and `plan`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from st_erp_pipelines.commands.output import money, say
from st_erp_pipelines.flows import FLOWS, WITHOUT_AMOUNT
from st_erp_pipelines.outbox import Document
from st_erp_pipelines.outbox.report import total_of
from st_erp_pipelines.outbox.states import STANDING, State
from st_erp_pipelines.planning import WAITS

Facts = dict[str, Any]
SENTENCES_SHOWN = 8
WORDS = {  # of the headline, in this order
    "blocked": (State.BLOCKED,),
    "refused or in conflict": (State.REJECTED, State.CONFLICT),
    "in doubt for more than a day": (State.IN_DOUBT, State.SENDING),
}


@dataclass
class Sorted:
    """Exceptions: what a person mends, what only waits for other documents, what stands there but has a flag."""

    amiss: list[Document] = field(default_factory=list)
    waiting: list[Document] = field(default_factory=list)
    flagged: list[Document] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[Document]) -> Sorted:
        found = cls()
        for row in rows:
            only_waits = row.state == State.BLOCKED and {reason["code"] for reason in row.reasons} <= WAITS
            kind = found.flagged if row.state in STANDING else found.waiting if only_waits else found.amiss
            kind.append(row)
        return found


def exception_facts(found: Sorted) -> Facts:
    """Groups for reading, and each document for scripts."""
    return {
        "exceptions": grouped(found.amiss),
        "waiting": _by_flow(found.waiting),
        "flagged": grouped(found.flagged),
        "exception_documents": [document_facts(row) for row in (*found.amiss, *found.waiting, *found.flagged)],
    }


def document_facts(row: Document) -> Facts:
    return {
        "flow": row.flow,
        "key": row.business_key,
        "label": row.label,
        "state": row.state,
        "reasons": [reason["code"] for reason in row.reasons] or [reason_of(row)],
        "amount": row.amount,
        "sentence": advised(row),
    }


def _by_flow(rows: Sequence[Document]) -> list[Facts]:
    mine = {flow: [row for row in rows if row.flow == flow] for flow in FLOWS}
    return [{"flow": flow, "documents": len(of), "amount": total_of(of)} for flow, of in mine.items() if of]


def grouped(rows: Sequence[Document]) -> list[Facts]:
    """By flow, state and reason, the dearest first; `sentences` are the different ones, with the same figures."""
    groups: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
    for row in rows:
        groups[row.flow, row.state, reason_of(row)].append(row)
    found = [
        {"flow": flow, "state": state, "reason": reason, **_figures(group), "sentence": advised(group[0]),
         "sentences": _sentences(group)}
        for (flow, state, reason), group in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (FLOWS.index(each["flow"]), -abs(each["amount"]), each["reason"]))


def _sentences(rows: Sequence[Document]) -> list[Facts]:
    said: dict[str, list[Document]] = defaultdict(list)
    for row in rows:
        said[_without_itself(sentence_of(row), row)].append(row)
    found = [{"sentence": sentence, **_figures(group)} for sentence, group in said.items()]
    return sorted(found, key=lambda each: (-each["documents"], -abs(each["amount"])))


def _figures(rows: Sequence[Document]) -> Facts:
    return {"documents": len(rows), "amount": total_of(rows), "example": rows[0].business_key}


def _without_itself(sentence: str, row: Document) -> str:
    """A refusal names its document and its request; without them, refusals of one kind read alike."""
    text = re.sub(r"(, )?correlation [0-9A-Fa-f-]+", "", sentence).replace(f" {row.business_key}:", ":")
    return text.replace(" ()", "").replace("(, ", "(")


def reason_of(row: Document) -> str:
    if row.state == State.BLOCKED:
        return " + ".join(sorted({reason["code"] for reason in _to_mend(row)}))
    return row.cause or (_flag_reason(row) if row.flag else row.state)


def _flag_reason(row: Document) -> str:
    return "changed_after_posting" if row.flag.startswith(("Changed", "Voided")) else "warning"


def sentence_of(row: Document) -> str:
    blocked = " ".join(reason["text"] for reason in _to_mend(row)) if row.state == State.BLOCKED else ""
    return row.flag or blocked or row.sentence


def advised(row: Document) -> str:
    """A conflict is the one state that nothing ends but a person's word."""
    return _with_advice(sentence_of(row), row.state, row.business_key)


def _with_advice(sentence: str, state: str, key: str) -> str:
    if state != State.CONFLICT:
        return sentence
    ends = "" if sentence.rstrip().endswith((".", "!", "?")) else "."
    return f"{sentence.rstrip()}{ends} Correct one of them, then `st-erp replay {key}`."


def _to_mend(row: Document) -> list[dict[str, str]]:
    """Waiting for another document is worth telling only where nothing else is wrong."""
    return [reason for reason in row.reasons if reason["code"] not in WAITS] or list(row.reasons)


# As people read it


def counted(count: int, flow: str) -> str:
    """`3 purchase orders`, `1 customer back`."""
    one = flow.removesuffix("s") if flow.endswith("s") else flow.replace("s_", "_")
    return f"{count:,} {(flow if count != 1 else one).replace('_', ' ')}"


def headline(groups: Sequence[Facts]) -> str:
    """`40 documents need a person: 33 blocked, 7 refused or in conflict.`"""
    total = sum(each["documents"] for each in groups)
    parts = []
    for words, states in WORDS.items():
        count = sum(each["documents"] for each in groups if each["state"] in states)
        parts += [f"{count:,} {words}"] if count else []
    return f"{counted(total, 'documents')} {'need' if total != 1 else 'needs'} a person: {', '.join(parts)}."


def show_exceptions(facts: Facts) -> None:
    if facts["exceptions"]:
        say(f"\n{headline(facts['exceptions'])}", style="bold")
    for group in facts["exceptions"]:
        _show_group(group)
    show_waiting(facts)
    _show_posted_but(facts)


def show_waiting(facts: Facts) -> None:
    for each in facts["waiting"]:
        wait = "wait" if each["documents"] > 1 else "waits"
        awaited = "above" if facts["exceptions"] else "that go first"
        amount = _worth(each["flow"], each["amount"])
        say(f"  {counted(each['documents'], each['flow'])}{amount} {wait} for documents {awaited}.")
    others = facts["flagged"], facts.get("to_do"), facts.get("supplier_invoices")
    if not facts["exceptions"] and not any(others):
        say("\nNothing needs a person.", style="green")


def _show_group(group: Facts) -> None:
    flow = group["flow"]
    cause = "" if group["reason"] == group["state"] else f": {group['reason']}"
    what = f"{counted(group['documents'], flow)}{_worth(flow, group['amount'])}"
    say(f"  {what}  {group['state'].replace('_', ' ')}{cause}", style="yellow")
    sentences = group["sentences"]
    for each in sentences[:SENTENCES_SHOWN]:
        one = each["documents"] == 1
        which = each["example"] if one else f"{each['documents']:,} such as {each['example']}"
        # one of one has its money in the line above
        amount = _worth(flow, each["amount"]) if len(sentences) > 1 else ""
        key = each["example"] if one else "KEY"
        say(f"      {which}{amount}: {_with_advice(each['sentence'], group['state'], key)}")
    if len(sentences) > SENTENCES_SHOWN:
        say(f"      and {len(sentences) - SENTENCES_SHOWN:,} more: st-erp status --all")


def _show_posted_but(facts: Facts) -> None:
    gaps = facts.get("mapping_gaps", [])
    if not facts["flagged"] and not gaps:
        return
    say("\nPosted, but look at:", style="bold")
    for group in facts["flagged"]:
        _show_group(group)
    for gap in gaps:
        kind = gap["kind"].removeprefix("unmapped_")
        what = f"{kind.replace('_', ' ').capitalize()} {gap['value']}"
        say(f"  {what}: no row in {kind}.csv; {counted(gap['documents'], 'documents')} with them.", style="yellow")


def show_every_exception(facts: Facts) -> None:
    """One line each, with its key."""
    if facts["exceptions"]:
        say(f"\n{headline(facts['exceptions'])}", style="bold")
    for each in facts["exception_documents"]:
        amount = _worth(each["flow"], each["amount"])
        why = ", ".join(each["reasons"])
        state = each["state"].replace("_", " ")
        say(f"  {each['key']}  {each['label']}{amount}  {state}: {why}", style="yellow")
        say(f"      {each['sentence']}")
    show_waiting(facts)
    _show_posted_but(facts | {"flagged": []})


def _worth(flow: str, amount: Decimal) -> str:
    return "" if flow in WITHOUT_AMOUNT else f" ({money(amount)})"
