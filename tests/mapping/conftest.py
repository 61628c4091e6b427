from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from st_erp_pipelines.mapping.load import Mappings, load

Write = Callable[..., Mappings]

GOOD = {
    "business_units": """\
business_unit_id,business_unit_name,dimension_code,dimension_value,account
11,HVAC Service,DEPT,HVAC,
12,Plumbing,DEPT,PLUMB,40200
""",
    "accounts": """\
gl_account_number,target_type,target_number
4010,account,40100
4020,item,SVC-1
""",
    "payment_types": """\
payment_type_name,balancing_account,batches
Visa,11100,STPAYA STPAYB
Check,,STPAYC
""",
    "tax_zones": """\
tax_zone_id,tax_zone_name,liability_account,tax_code
31,Cook County,22100,TAXABLE
""",
    "payment_terms": "term_name,erp_code\nNet 30,30 DAYS\n",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the good files, with those named replaced (None: left out), and loads them."""

    def write_and_load(**instead: str | bytes | None) -> Mappings:
        for name, content in (GOOD | instead).items():
            if content is not None:
                data = content if isinstance(content, bytes) else content.encode()
                (tmp_path / f"{name}.csv").write_bytes(data)
        return load(tmp_path)

    return write_and_load


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        yield connection
