"""What a build may change on a row that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.outbox import Outbox
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
