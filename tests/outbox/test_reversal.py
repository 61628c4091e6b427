"""What a change of its source does to a posted document under the policy `reverse_and_repost`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from tests.posting.conftest import built
from tests.posting.ledger import Ledger

Do = Callable[..., Any]


def turned(sent: Mapping[str, Any], row: Any, key: str, today: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**sent, "key": key, "takes_back": row.remote_id}


@pytest.fixture
def build(outbox: Outbox, ledger: Ledger) -> Do:
    def build(*documents: BuiltDocument) -> Any:
        return bring(outbox, "northwind", ledger.place, "invoices", documents, turned)

    return build


def rows(outbox: Outbox) -> dict[str, Any]:
    with outbox.engine.begin() as con:
        found = con.execute(sa.select(documents).order_by(documents.c.id))
        return {row.business_key.removeprefix("ST-A-INV-"): row for row in found}


def states(outbox: Outbox) -> dict[str, str]:
    return {key: row.state for key, row in rows(outbox).items()}


def edited(**more: Any) -> BuiltDocument:
    return built(
        1, **dict(source_hash="h2", amount=Decimal(150), payload={"key": "ST-A-INV-1"}, reversible=True) | more
    )


def test_an_edit_is_taken_back_and_posted_anew(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    build(edited())
    assert states(outbox) == {"1": "posted", "1-V": "ready", "1-R1": "blocked"}
    assert [reason["code"] for reason in rows(outbox)["1-R1"].reasons] == ["waits_for_reversal"]
    run()
    build(edited())
    run()
    assert states(outbox) == {"1": "posted", "1-V": "posted", "1-R1": "posted"}
    assert [(paper.key, paper.total) for paper in ledger.papers] == [
        ("ST-A-INV-1", Decimal(101)),
        ("ST-A-INV-1-V", Decimal(-101)),
        ("ST-A-INV-1-R1", Decimal(150)),
    ]
    assert ledger.papers[1].content["takes_back"] == ledger.papers[0].id


def test_building_again_opens_nothing_more(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    for _ in range(3):
        build(edited())
    assert len(rows(outbox)) == 3
    for _ in range(3):
        run()
        build(edited(reversible=False))
    assert len(ledger.papers) == len(rows(outbox)) == 3
    assert {row.flag for row in rows(outbox).values()} == {""}


def test_a_second_edit_takes_the_first_revision_back(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    for number in (2, 3):
        for _ in range(2):
            build(edited(source_hash=f"h{number}"))
            run()
    assert states(outbox) == dict.fromkeys(("1", "1-V", "1-R1", "1-R1-V", "1-R2"), "posted")


def test_what_was_voided_is_taken_back_and_not_posted_anew(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    void = edited(verdict=Verdict.WITHDRAWN, source_hash="h1")
    for _ in range(2):
        build(void)
        run()
    assert states(outbox) == {"1": "posted", "1-V": "posted"}
    build(edited(source_hash="h1"))
    run()
    assert states(outbox) == {"1": "posted", "1-V": "posted", "1-R1": "posted"}, "it came back"


def test_what_cannot_be_reversed_any_more_is_flagged(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    build(edited(reversible=False))
    assert list(rows(outbox)) == ["1"]
    assert "Changed at its source" in rows(outbox)["1"].flag


def test_what_another_entered_is_never_taken_back(build: Do, run: Do, outbox: Outbox, ledger: Ledger) -> None:
    build(built(1))
    run()
    with outbox.engine.begin() as con:
        con.execute(documents.update().values(state="adopted"))
    build(edited())
    assert list(rows(outbox)) == ["1"]
    assert rows(outbox)["1"].flag != ""


def test_a_reversal_that_is_refused_keeps_the_next_revision_waiting(
    build: Do, run: Do, outbox: Outbox, ledger: Ledger
) -> None:
    build(built(1))
    run()
    ledger.refuse = lambda wanted: Rejected("No.", cause="no")
    build(edited())
    run()
    build(edited())
    run()
    assert states(outbox) == {"1": "posted", "1-V": "rejected", "1-R1": "blocked"}
