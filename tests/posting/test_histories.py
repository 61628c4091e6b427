"""The engine through random histories of 20 documents, each breakage found within them; and 100 with people.

The 800 of a usual run hold each breakage many times: 54 find the rarest. `LONG_TESTS=1` goes through all 2,000.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from tests.posting import edited_histories
from tests.posting.breakages import BREAKAGES
from tests.posting.histories import HISTORIES, wrongs_of

TOGETHER = 100
USUAL = HISTORIES if "LONG_TESTS" in os.environ else 800
# The first seed that finds each; should it not any more, another one does.
FOUND_BY = dict(
    no_intent=6, no_look_up=0, absence_not_proven=45, no_settling=9, fence_not_checked=5, late_outcome_overwrites=54
)
EDITED, EDITED_TOGETHER = 100, 50  # a history in which people work takes longer
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_search_for_garbage() -> Iterator[None]:
    """It finds nothing here, and takes a ninth of the time."""
    gc.disable()
    yield
    gc.enable()


def told(seed: int, wrong: list[str], of: str = "histories") -> str:
    again = f"python -m tests.posting.{of} {seed}"
    return "\n  ".join([f"seed {seed}, again with `{again}`", *wrong])


@pytest.mark.parametrize("first", range(0, USUAL, TOGETHER))
def test_each_document_is_posted_once_whatever_happens(first: int) -> None:
    seeds = range(first, first + TOGETHER)
    wrong = [told(seed, found) for seed in seeds if (found := wrongs_of(seed))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow(12)
@pytest.mark.parametrize("first", range(0, EDITED, EDITED_TOGETHER))
def test_each_document_is_right_whatever_people_do(first: int) -> None:
    seeds = range(first, first + EDITED_TOGETHER)
    wrong = [told(seed, found, "edited_histories") for seed in seeds if (found := edited_histories.wrongs_of(seed))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_each_breakage_is_found(breakage: str) -> None:
    assert any(wrongs_of(seed, breakage) for seed in (FOUND_BY[breakage], *range(USUAL)))
