from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from st_erp_pipelines.resources.sap_s4hana.wire import bare, date_literal, moment_literal, plain


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        ("/Date(1790812800000)/", "2026-10-01"),
        ("/Date(-86400000)/", "1969-12-31"),
        ("/Date(253402214400000)/", "9999-12-31"),
        ("/Date(1790928930123+0000)/", "2026-10-02T08:15:30.123Z"),
        ("/Date(253402300799000+0000)/", "9999-12-31T23:59:59.000Z"),
        ("PT10H30M15S", "10:30:15"),
        ("PT0H5M0S", "00:05:00"),
        ("10.500", "10.500"),
        ("see /Date(0)/", "see /Date(0)/"),
        (None, None),
        (True, True),
    ],
)
def test_values_become_plain(wire: Any, found: Any) -> None:
    assert plain(wire) == found


def test_records_lose_their_links_and_keep_their_etag() -> None:
    item = {"__metadata": {"uri": "x"}, "PurchaseOrderItem": "10", "to_PurchaseOrder": {"__deferred": {"uri": "x"}}}
    row = {
        "__metadata": {"uri": "x", "etag": 'W/"1"'}, "PurchaseOrder": "45", "to_PurchaseOrderItem": {"results": [item]},
        "to_PurchaseOrderNote": {"__deferred": {"uri": "x"}}, "to_Supplier": None,
    }  # fmt: skip
    items = [{"PurchaseOrderItem": "10"}]
    assert plain(row) == {"PurchaseOrder": "45", "to_PurchaseOrderItem": items, "to_Supplier": None, "etag": 'W/"1"'}


def test_literals_say_their_type() -> None:
    assert date_literal(date(2026, 10, 1)) == "datetime'2026-10-01T00:00:00'"
    at = datetime(2026, 10, 1, 2, 0, 0, 5999, timezone(timedelta(hours=2)))
    assert moment_literal(at) == moment_literal(at.astimezone(UTC)) == "datetimeoffset'2026-10-01T00:00:00.005Z'"


def test_numbers_lose_their_zeros_and_names_do_not() -> None:
    assert [bare(each) for each in ("0017300001", "000", "00A1", None, " 10 ")] == ["17300001", "0", "00A1", "", "10"]
