"""The engine through random histories. `python -m tests.posting.histories SEED` tells the same story again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.posting.histories import wrongs_of


@pytest.mark.slow
def test_each_document_is_posted_once_whatever_happens(tmp_path: Path) -> None:
    wrong = {seed: found for seed in range(60) if (found := wrongs_of(seed, tmp_path))}
    assert wrong == {}
