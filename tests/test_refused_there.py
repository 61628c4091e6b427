"""What the ERP refuses: closed books and blocked customers, a replay, the daily retry; over both ERPs, over sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from st_erp_pipelines.commands import replay
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.sandbox.planted import invoice_key
from tests.erps import ERPS
from tests.world import Site, contractor, plain_invoices, running_site, with_only, yesterday

pytestmark = pytest.mark.slow(8)


@pytest.fixture(params=list(ERPS))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Five invoices of five customers, read and ready, and nothing of them sent."""
    whole = contractor(scale=0.05)
    of_each = {row["customer"]["id"]: row for row in plain_invoices(whole)}
    with running_site(tmp_path, with_only(whole, list(of_each.values())[:5]), erp=request.param) as site:
        site.set_mode("observe", "invoices")
        site.quick_sync()
        site.set_mode("post", "invoices")
        yield site


def states(site: Site) -> dict[str, str]:
    """With the cause of a refusal."""
    rows = site.documents("invoices")
    return {key: f"rejected {row.cause}" if row.state == "rejected" else row.state for key, row in rows.items()}


def tries(site: Site) -> int:
    return sum(row.attempt_count for row in site.documents("invoices").values())


def a_day_passes(site: Site) -> None:
    """For what waits until tomorrow."""
    outbox, waits = site.outbox(), documents.c.next_try_at.is_not(None)
    with outbox.engine.begin() as con:
        con.execute(documents.update().where(waits).values(next_try_at=outbox.now() - timedelta(minutes=1)))
    outbox.engine.dispose()


def test_what_is_refused_there_goes_through_once_it_is_mended_there(site: Site) -> None:
    keys = [invoice_key(row) for row in site.contractor.servicetitan["invoices"]]
    books_are_closed_after_they_were_read(site)
    customers_are_blocked(site, keys)
    assert states(site) == dict.fromkeys(keys, "posted")
    assert {key: len(sales) for key, sales in site.sales().items()} == dict.fromkeys(keys, 1)


def books_are_closed_after_they_were_read(site: Site) -> None:
    with site.pipeline() as pipeline:
        pipeline.build("invoices")
        site.erp.opens_books_on(yesterday() + timedelta(days=2))
        pipeline.post("invoices")
    assert set(states(site).values()) == {"rejected closed_period"}
    seen = len(site.log())
    site.quick_post()
    reasons = [reason["code"] for row in site.documents("invoices").values() for reason in row.reasons]
    assert Counter(reasons) == {"closed_period": 5}
    assert site.writes(seen) == [], "what is known to be closed is not tried"
    site.erp.opens_books_on(site.contractor.start_date)


def customers_are_blocked(site: Site, keys: list[str]) -> None:
    """Asked for daily, one for all; or when a person says so."""
    blocked, party = keys[:3], {key: row.party for key, row in site.documents("invoices").items()}
    refused = dict.fromkeys(keys, "posted") | dict.fromkeys(blocked, "rejected blocked_customer")
    with ExitStack() as until_the_end:
        for key in blocked[1:]:
            until_the_end.enter_context(site.erp.blocked(party[key]))
        with site.erp.blocked(party[blocked[0]]):
            site.quick_post()
            assert states(site) == refused
            seen, before = len(site.log()), tries(site)
            site.quick_post()
            assert site.writes(seen) == [], "not before tomorrow"
            a_day_passes(site)
            site.quick_post()
            assert (tries(site), states(site)) == (before + 1, refused)
        with site.environment():
            assert replay.run(blocked[:1], None, False) == 0
        site.quick_post()
        assert states(site) == refused | {blocked[0]: "posted"}
    a_day_passes(site)
    site.quick_post()
