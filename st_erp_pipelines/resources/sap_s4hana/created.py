"""What we create in S/4HANA, once and whole, under a key of ours; nothing of it is changed afterwards.

No field that carries a key is unique there, and people type over them and copy documents with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.resources.sap_s4hana.client import LANES, S4hana, Unproven
from st_erp_pipelines.resources.sap_s4hana.entities import Entity
from st_erp_pipelines.resources.sap_s4hana.replies import SYSTEM
from st_erp_pipelines.resources.sap_s4hana.wire import Row, bare, number, same
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted


@dataclass(frozen=True)
class Kind:
    """`entity`: the rows that carry the key in `field`; those with one number are one record, judged by all of them."""

    label: str
    entity: Entity
    field: str
    key_length: int
    path: str  # where it is created
    number: str  # the member that names it, of a row and of the reply
    judge: Callable[[Sequence[Row]], Finding]
    body: Callable[[Mapping[str, Any]], Row]
    warn: Callable[[Row, Wanted], str] = lambda _made, _wanted: ""


class Created:
    """A payload says `as` which of several kinds it is created. Looked for is each: a site may change its mind."""

    has_drafts = False
    lanes = LANES

    def __init__(self, client: S4hana, kinds: Mapping[str, Kind]) -> None:
        self.place, self.timing = client.place, client.timing
        self._client, self._kinds = client, kinds

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        found: dict[str, list[Finding]] = defaultdict(list)
        try:
            for kind in self._kinds.values():
                for (key, _), rows in self._records(kind, [one.key for one in wanted]).items():
                    found[key].append(kind.judge(rows))
        except Unproven as error:
            return {one.key: Finding(Found.UNKNOWN, detail=error.text) for one in wanted}
        return {one.key: _one(found[same(one.key)]) for one in wanted}

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id)  # there is no draft of ours to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"what S/4HANA creates at once cannot be told to {move}")
        kind = self._kinds[wanted.payload.get("as", "")]
        operation = f"create {kind.label}"
        if len(wanted.key) > kind.key_length:
            text, fix = f"its key has more than {kind.key_length} characters", "Shorten key_prefix."
            facts: dict[str, Any] = dict(system=SYSTEM, operation=operation, document=wanted.key)
            raise Rejected(text, cause="long_key", fix=fix, **facts)
        made = self._client.post(
            kind.entity.service, kind.path, operation=operation, document=wanted.key, body=kind.body(wanted.payload),
            names=kind.number,
        )  # fmt: skip
        name = bare(made[kind.number])
        return Reply(name, name, made.get("etag"), kind.warn(made, wanted))

    def _records(self, kind: Kind, keys: Sequence[str]) -> Mapping[tuple[str, str], list[Row]]:
        """By key and number."""
        found: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self._client.carrying(kind.entity, kind.field, keys, operation=f"look up {kind.label}"):
            found[same(row[kind.field]), row[kind.number]].append(row)
        return found


def _one(findings: Sequence[Finding]) -> Finding:
    if not findings:
        return Finding(Found.ABSENT)
    if len(findings) == 1 or all(each.found is Found.DEAD for each in findings):
        return findings[0]
    numbers = ", ".join(each.name for each in findings)
    fix = "Take it (Your Reference of an order) out of what was copied there, and replay this one."
    return Finding(Found.SEVERAL, detail=f"{len(findings)} records carry its key: {numbers}. {fix}")


def amount(price: object, price_quantity: object, quantity: object) -> Decimal:
    """Of a line, whose price is for so many."""
    exact = number(price) / (number(price_quantity) or 1) * number(quantity)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
