"""What a build may change on a row that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from tests.posting.conftest import built


@pytest.mark.parametrize(
    ("was", "replayed", "says", "becomes"),
    [
        (True, False, False, True),  # the next build knows the document, and no longer why it is not to be sent
        (False, False, True, True),
        (False, False, False, False),
        (False, True, True, False),  # a person said that it is to be sent
    ],
)
def test_only_a_person_lets_what_others_exported_be_sent(
    enter: Callable[..., Any], outbox: Outbox, was: bool, replayed: bool, says: bool, becomes: bool
) -> None:
    enter(built(1, adopt_only=was))
    with outbox.engine.begin() as con:
        con.execute(documents.update().values(replayed=replayed))
    enter(built(1, adopt_only=says))
    with outbox.engine.begin() as con:
        assert con.execute(sa.select(documents.c.adopt_only)).scalar_one() is becomes


def test_a_change_that_was_not_sent_yet_waits_for_nothing_where_nothing_is_ever_taken_back(
    enter: Callable[..., Any], run: Callable[..., Any], outbox: Outbox
) -> None:
    enter(built(1))
    run()
    for _ in range(2):
        enter(built(1, revision=1, business_key="ST-A-INV-1/R1", source_hash="h2"))
    with outbox.engine.begin() as con:
        assert con.execute(sa.select(documents.c.state).order_by(documents.c.id)).scalars().all() == ["posted", "ready"]


def test_each_system_has_one_place_for_a_connection(enter: Callable[..., Any], outbox: Outbox) -> None:
    enter(built(1))
    item = dict(flow="items", kind="item", source_key="business_central/C/item/1")
    bring(outbox, "northwind", "servicetitan|https://here|7", "items", [built(2, **item)])
    with pytest.raises(ConfigurationError, match=r"belong to servicetitan\|https://here\|7"):
        bring(outbox, "northwind", "servicetitan|https://there|7", "items", [])
    with pytest.raises(ConfigurationError):
        bring(outbox, "northwind", "ledger|elsewhere", "payments", [])
