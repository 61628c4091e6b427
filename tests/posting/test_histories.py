"""The engine through 2,000 random histories of 20 documents; and each breakage is found within them."""

from __future__ import annotations

import pytest

from tests.posting.breakages import BREAKAGES
from tests.posting.histories import HISTORIES, wrongs_of

TOGETHER = 100
pytestmark = pytest.mark.slow


def told(seed: int, wrong: list[str], breakage: str = "") -> str:
    again = f"python -m tests.posting.histories {seed} {breakage}".rstrip()
    return "\n  ".join([f"seed {seed}, again with `{again}`", *wrong])


@pytest.mark.parametrize("first", range(0, HISTORIES, TOGETHER))
def test_each_document_is_posted_once_whatever_happens(first: int) -> None:
    seeds = range(first, first + TOGETHER)
    wrong = [told(seed, found) for seed in seeds if (found := wrongs_of(seed))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_each_breakage_is_found(breakage: str) -> None:
    assert any(wrongs_of(seed, breakage) for seed in range(HISTORIES))
