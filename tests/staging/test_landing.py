from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.staging.landing import closed_days, landing_files
from tests.staging.conftest import NOON, Site, invoice


def test_pages_become_one_file_of_raw_records(site: Site) -> None:
    landed = site.land([invoice(1), invoice(2)], [invoice(3)])
    assert (landed.rows, landed.distinct_keys, landed.total_count) == (3, 3, None)
    assert landed.path.relative_to(site.home).as_posix() == (
        "landing/acme/servicetitan/invoices/2026-10-02/20261005T120100000000Z_run1.parquet"
    )
    rows = site.rows(
        f"select key, modified_on, payload->>'$.customer.name', run_id, extracted_at from '{landed.path}' order by 1"
    )
    assert rows[0] == ("1", "2026-10-02T20:35:38.2876004Z", "Ödegård", "run1", NOON + timedelta(minutes=1))
    assert [row[0] for row in rows] == ["1", "2", "3"]


def test_a_record_on_two_pages_shows_in_the_count_of_keys(site: Site) -> None:
    landed = site.land(
        '{"page": 1, "totalCount": 3, "data": [{"id": 1}, {"id": 2}]}',
        '{"page": 2, "totalCount": 3, "data": [{"id": 2}]}',
    )
    assert (landed.rows, landed.distinct_keys, landed.total_count) == (3, 2, 3)


def test_the_totals_of_several_queries_add_up(site: Site) -> None:
    first, second = (f'{{"page": 1, "totalCount": 1, "data": [{{"id": {id}}}]}}' for id in (1, 2))
    landed = site.land(first, second, part="by_id")
    assert (landed.distinct_keys, landed.total_count) == (2, 2)


def test_a_day_without_rows_is_known_to_be_read(site: Site) -> None:
    landed = site.land([])
    assert (landed.rows, landed.distinct_keys) == (0, 0)
    site.land([invoice(1)], part="2026-10-03")
    site.land([invoice(1)], part="by_id")
    site.land([], part="2026-10-02")
    assert closed_days(site.home / "landing", "acme", "servicetitan", "invoices") == {
        date(2026, 10, 2): NOON + timedelta(minutes=4),
        date(2026, 10, 3): NOON + timedelta(minutes=2),
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>secret body</html>", "read1_page1.json is no JSON"),
        ('{"data": [{"id": 1}', "read1_page1.json is no JSON"),
        ('{"title": "secret body"}', "read1_page1.json has no list of rows"),
        ('{"data": {"id": 1}}', "read1_page1.json has no list of rows"),
        ('{"data": null}', "read1_page1.json has no list of rows"),
        ("[]", "read1_page1.json has no list of rows"),
    ],
)
def test_what_is_no_page_is_named_and_nothing_lands(site: Site, body: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as caught:
        site.land([invoice(1)], body)
    assert "servicetitan read invoices" in str(caught.value)
    assert "secret body" not in str(caught.value)
    assert [path for path in (site.home / "landing").rglob("*") if path.is_file()] == []


def test_no_other_file_shows_while_one_is_written(site: Site) -> None:
    landed = site.land([invoice(1)])
    leftover = Path(landed.path).with_name(".20261005T130000000000Z_dead.parquet.partial")
    leftover.write_bytes(b"half")
    assert landing_files(site.home / "landing", "acme", "servicetitan", "invoices") == [landed.path]
