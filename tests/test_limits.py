"""At the vendors' own limits and times: a first sync is paced by us, never by their refusals."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from st_erp_pipelines.sandbox.business_central import REQUESTS, WINDOW_SECONDS
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_office import named
from tests.world import contractor, failures, plain_invoices, running_site, with_only

INVOICES, CUSTOMERS = 300, 10


def of_few_customers() -> Contractor:
    """Three hundred invoices, so that their requests outweigh all others."""
    whole = contractor(scale=0.7)
    plain = plain_invoices(whole)[:INVOICES]
    customers = [named(row["customer"]) for row in plain[:CUSTOMERS]]
    return with_only(whole, [row | {"customer": customers[at % CUSTOMERS]} for at, row in enumerate(plain)])


@pytest.mark.slow(85)
def test_three_hundred_invoices_at_the_vendors_speed_are_never_refused(tmp_path: Path) -> None:
    with running_site(tmp_path, of_few_customers(), speed=1) as site:
        assert failures(site.sync()) == []
        requests = site.log()
        titan = httpx.get(f"{site.servicetitan_url}/_control/log").json()
        assert [entry for entry in (*requests, *titan) if entry["status"] == 429] == []
        assert [len(rows) for rows in site.sales().values()] == [1] * INVOICES
        assert {row.state for row in site.documents().values()} == {"posted"}
        assert len(requests) > 3 * INVOICES
        assert most_in(requests, seconds=10) <= REQUESTS / WINDOW_SECONDS * 10


def most_in(requests: list[dict[str, str]], seconds: float) -> int:
    """In the busiest window: kept up for five minutes, more than the limit's share would be refused."""
    at = sorted(datetime.fromisoformat(entry["at"]).timestamp() for entry in requests)
    return max(bisect_left(at, start + seconds) - position for position, start in enumerate(at))
