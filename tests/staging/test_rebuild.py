from __future__ import annotations

import random

import pytest

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.staging import load
from st_erp_pipelines.staging.entities import entities_of
from tests.staging.conftest import TENANTS, Site, invoice


@pytest.mark.parametrize("seed", range(3))
def test_rebuilding_gives_what_loading_step_by_step_gave(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    for read in range(12):
        records = [
            invoice(
                chance.randrange(1, 15), total=chance.choice(["1", "2", "x"]),
                syncStatus=chance.choice(["Pending", "Posted"]),
                modifiedOn=f"2026-10-0{chance.randrange(1, 5)}T0{chance.randrange(10)}:00:00Z",
            )
            for _ in range(chance.randrange(8))
        ]  # fmt: skip
        site.land(records, part=chance.choice(["2026-10-02", "2026-10-03", "by_id"]))
        if read % 3:
            site.load()
    site.land([{"id": 1, "name": "HVAC"}], entity="business_units", part="snapshot")
    site.load()
    site.load("business_units")
    before = site.everything()
    site.rebuild()
    assert site.everything() == before
    assert before["quarantine"]
    assert before["stg_servicetitan__business_units"]


def test_large_files_are_loaded_in_stretches(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "STRETCH", 7)
    site.land([invoice(n) for n in range(30)])
    site.land([invoice(n, total="1", modifiedOn="2026-10-03T00:00:00Z") for n in range(5)])
    site.land([invoice(40)])
    assert site.load() == load.Loaded(new=31, changed=5, files=3)


def test_a_load_that_fails_leaves_nothing_half_done(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.land([invoice(1)])
    site.load()
    before = site.everything()
    site.land([invoice(2)])

    def fails(*_: object) -> None:
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(load._Load, "_finish", fails)
        with pytest.raises(RuntimeError, match="stopped"):
            site.load()
    assert site.load().unchanged == 1, "the file was not counted as loaded, so it is loaded again"
    assert len(site.everything()["stg_servicetitan__invoices"]) == 2 == len(before["stg_servicetitan__invoices"]) + 1


def test_every_declared_table_and_column_is_there_and_explained(site: Site) -> None:
    site.load()
    tables = site.rows("select table_name, comment from duckdb_tables() where schema_name = 'staging'")
    assert {name for name, _ in tables} >= {
        table.name for one in entities_of(frozenset(TENANTS)) for table in one.tables
    }
    assert [name for name, comment in tables if not comment] == []
    columns = site.rows(
        "select table_name, column_name from duckdb_columns() where schema_name = 'staging' and comment is null"
    )
    assert columns == []


def test_staging_of_another_version_is_refused_until_it_is_made_anew(site: Site) -> None:
    site.land([invoice(1)])
    site.load()
    before = site.everything()
    site.con.execute("alter table staging.stg_servicetitan__invoices drop column due_date")
    site.con.execute("update made_as set declared_as = 'another'")
    with pytest.raises(ConfigurationError, match="stg_servicetitan__invoices .* no due_date.* st-erp rebuild"):
        site.load()
    site.rebuild()
    assert site.everything() == before
