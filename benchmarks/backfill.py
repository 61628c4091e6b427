"""120 days backfilled from a real Dagster, while a schedule ticks every minute and a reader keeps the snapshot open.

    python -W ignore -m benchmarks.backfill [--days 120] [--scale 0.05]

The test of the same, with few days, is tests/test_backfill.py.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.test_backfill import backfill
from tests.world import contractor


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--scale", type=float, default=0.05)
    parser.add_argument("--speed", type=float, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = contractor(days=given.days, scale=given.scale)
        found = backfill(Path(folder), whole, speed=given.speed, seconds=3600)
    for name, value in vars(found).items():
        print(f"{name}: {value}")
    failed = sum(count for (_, status), count in found.runs.items() if status == "FAILURE")
    return 1 if failed or found.lock_errors or found.twice else 0


if __name__ == "__main__":
    raise SystemExit(main())
