from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.staging.load import Loaded
from tests.staging.conftest import Site, invoice, item

INVOICES = "staging.stg_servicetitan__invoices"


def one(site: Site, columns: str, table: str = INVOICES) -> tuple[Any, ...]:
    (row,) = site.rows(f"select {columns} from {table}")
    return row


def test_an_invoice_and_its_items_are_typed(site: Site) -> None:
    site.land(
        [
            invoice(
                1,
                items=[item(10), item(11, description="<b>Belt</b><br/>&quot;5&#39;&quot; &lt; 6", price="0.0000001")],
            )
        ]
    )
    assert site.load() == Loaded(new=1, files=1)
    assert one(site, "source_key, invoice_date, total, customer_name, location_id, summary, created_at, home_day, "
                     "first_sync_status, has_null_items") == (
        "servicetitan/1001/invoice/1", date(2026, 10, 2), Decimal("108.2500"), "Ödegård", None, "Replaced fan & belt",
        datetime(2026, 10, 2, 20, 35, 38, 287600, tzinfo=UTC), date(2026, 10, 2), "Posted", False,
    )  # fmt: skip
    assert site.rows(
        "select item_id, position, description, price, gl_account_number, is_taxable"
        " from staging.stg_servicetitan__invoice_items order by position"
    ) == [
        (10, 1, "Fan motor", Decimal("100.0000000"), "4000", True),
        (11, 2, 'Belt "5\'" < 6', Decimal("0.0000001"), "4000", True),
    ]


def test_dates_at_midnight_z_are_never_shifted(site: Site) -> None:
    site.land([invoice(1, invoiceDate="2026-10-01T00:00:00Z", modifiedOn="2026-10-03T03:00:00Z")])
    site.load()
    assert one(site, "invoice_date, home_day") == (date(2026, 10, 1), date(2026, 10, 2))


def test_money_is_exact(site: Site) -> None:
    site.land([invoice(n, total="0.10", balance="99999999999999.9999") for n in range(1, 4)])
    site.land('{"data": [{"id": 9, "total": 12345678901.1234, "modifiedOn": null}]}', entity="credit_memos")
    site.load()
    site.load("credit_memos")
    assert one(site, "sum(total), max(balance)") == (Decimal("0.3000"), Decimal("99999999999999.9999"))
    assert one(site, "total", "staging.stg_servicetitan__credit_memos") == (Decimal("12345678901.1234"),)


def test_items_may_be_null_or_none(site: Site) -> None:
    site.land([invoice(1, items=None), invoice(2, items=[]), {"id": 3}])
    assert site.load() == Loaded(new=3, files=1)
    assert site.rows(f"select invoice_id, has_null_items from {INVOICES} order by 1") == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert site.rows("from staging.stg_servicetitan__invoice_items") == []


def test_an_unknown_enum_value_is_kept_as_text(site: Site) -> None:
    site.land([invoice(1, syncStatus="Frobnicated", items=[item(1, type="NewThing")])])
    site.load()
    assert one(site, "sync_status") == ("Frobnicated",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"total": "12a"}, "total: '12a' is no decimal number"),
        ({"total": "NaN"}, "total: 'NaN' is no decimal number"),
        ({"total": "123456789012345678.00"}, "total: '123456789012345678.00' is no decimal number"),
        ({"invoiceDate": "2026-13-02"}, "invoiceDate: '2026-13-02' is no date"),
        ({"createdOn": "yesterday"}, "createdOn: 'yesterday' is no time"),
        ({"modifiedOn": "later"}, "modified: 'later' is no time"),
        ({"active": "maybe"}, "active: 'maybe' is no true or false"),
        ({"customer": {"id": "x", "name": "y"}}, "customer.id: 'x' is no whole number"),
        ({"customer": "Bob"}, "customer: is no object"),
        ({"items": {"id": 1}}, "items: is no list"),
        ({"items": [item(1), item(2, total="1,00")]}, "items.total: '1,00' is no decimal number"),
        ({"total": "a", "items": [item(1, quantity="b", price="c")]},
         "total: 'a' is no decimal number; items.quantity: 'b' is no decimal number;"
         " items.price: 'c' is no decimal number"),
    ],
)  # fmt: skip
def test_a_record_with_a_bad_value_is_set_aside_and_the_others_load(
    site: Site, changes: dict[str, Any], reason: str
) -> None:
    site.land([invoice(1, **changes), invoice(2)])
    assert site.load() == Loaded(new=1, quarantined=1, files=1)
    assert one(site, "invoice_id") == (2,)
    assert one(site, "system, entity, key, reason, payload->>'$.referenceNumber'", "staging.quarantine") == (
        "servicetitan", "invoices", "1", reason, "N1",
    )  # fmt: skip


def test_what_has_no_id_or_is_no_record_is_set_aside(site: Site) -> None:
    site.land('{"data": [{"total": "1.00"}, 5, {"id": "abc"}]}')
    assert site.load() == Loaded(quarantined=3, files=1)
    reasons = site.rows("select reason from staging.quarantine order by 1")
    assert reasons == [("id: 'abc' is no whole number",), ("id: missing",), ("id: missing",)]


def test_a_later_good_version_leaves_quarantine(site: Site) -> None:
    site.land([invoice(1, total="12a")])
    site.load()
    site.land([invoice(1, modifiedOn="2026-10-02T20:00:00Z")])
    assert site.load() == Loaded(new=1, files=1)
    assert len(site.rows("from staging.quarantine")) == 1, "an older good version must not hide the bad one"
    site.land([invoice(1, total="12.50", modifiedOn="2026-10-02T21:00:00Z")])
    assert site.load() == Loaded(changed=1, files=1)
    assert site.rows("from staging.quarantine") == []


def test_a_bad_newer_version_keeps_the_good_one_and_a_bad_older_one_is_only_counted(site: Site) -> None:
    site.land([invoice(1)])
    site.land([invoice(1, total="x", modifiedOn="2026-10-02T21:00:00Z")])
    site.land([invoice(1, total="y", modifiedOn="2026-10-02T19:00:00Z")])
    assert site.load() == Loaded(new=1, quarantined=1, older=1, files=3)
    assert one(site, "total") == (Decimal("108.2500"),)
    assert one(site, "reason", "staging.quarantine") == ("total: 'x' is no decimal number",)


def test_the_newest_version_wins_and_first_facts_stay(site: Site) -> None:
    site.land([invoice(1, syncStatus="Pending")])
    site.load()
    site.land(
        [
            invoice(
                1, total="200.00", syncStatus="Exported", modifiedOn="2026-10-04T10:00:00Z", items=[item(12), item(13)]
            )
        ]
    )
    assert site.load() == Loaded(changed=1, files=1)
    site.land([invoice(1, total="5.00", modifiedOn="2026-10-03T10:00:00Z")])
    assert site.load() == Loaded(older=1, files=1)
    assert one(site, "total, sync_status, first_sync_status, home_day") == (
        Decimal("200.0000"), "Exported", "Pending", date(2026, 10, 2),
    )  # fmt: skip
    assert site.rows("select item_id from staging.stg_servicetitan__invoice_items order by 1") == [(12,), (13,)]


def test_a_reread_that_did_not_move_modified_wins_by_when_it_was_read(site: Site) -> None:
    site.land([invoice(1, syncStatus="Pending")])
    site.land([invoice(1, syncStatus="Posted")], part="by_id")
    site.load()
    assert one(site, "sync_status, first_sync_status") == ("Posted", "Pending")


def test_home_day_stays_within_the_partitions(site: Site) -> None:
    site.land(
        [invoice(1, modifiedOn="2019-01-01T00:00:00Z"), invoice(2, modifiedOn="2026-12-31T00:00:00Z")], part="full"
    )
    site.land([invoice(3, modifiedOn=None)])
    site.load()
    assert site.rows(f"select home_day from {INVOICES} order by invoice_id") == [
        (date(2026, 10, 1),), (date(2026, 10, 5),), (date(2026, 10, 5),),
    ]  # fmt: skip


def test_duplicates_over_pages_are_one_record_and_counted(site: Site) -> None:
    site.land([invoice(1), invoice(2)], [invoice(2), invoice(3)])
    assert site.load() == Loaded(new=3, older=1, files=1)


def test_nothing_is_lost_between_landing_and_staging(site: Site) -> None:
    site.land([invoice(n) for n in range(50)], [invoice(n, total="bad" if n % 7 == 0 else "9") for n in range(40, 80)])
    site.land([invoice(n, modifiedOn="2026-10-01T00:00:00Z") for n in range(10)] + [{"total": "1"}], part="2026-10-03")
    done = [site.load()]
    site.land([invoice(n, total="7", modifiedOn="2026-10-03T00:00:00Z") for n in range(60, 65)], part="2026-10-03")
    done.append(site.load())
    landed = sum(landed.rows for landed in site.landed)
    assert sum(loaded.rows for loaded in done) == landed == 106
    (staged,), (held,) = one(site, "count(*)"), one(site, "count(*)", "staging.quarantine")
    older = sum(loaded.older + loaded.changed + loaded.unchanged for loaded in done)
    released = sum(loaded.quarantined for loaded in done) - held
    assert staged + older + held + released == landed
    assert site.rows("select sum(rows) from staging.loads") == [(landed,)]


def test_a_file_is_loaded_once(site: Site) -> None:
    site.land([invoice(1)])
    assert site.load().new == 1
    assert site.load() == Loaded()


BUSINESS: list[dict[str, Any]] = [
    {"total": "1.00"}, {"salesTax": "1.00"}, {"invoiceDate": "2026-10-03T00:00:00Z"}, {"active": False},
    {"customer": {"id": 8}}, {"businessUnit": {"id": 4}}, {"items": []}, {"items": [item(10, total="1.00")]},
    {"items": [item(10, generalLedgerAccount={"number": "4001"})]}, {"referenceNumber": "N9"}, {"termName": "Net 10"},
]  # fmt: skip
NOISE: list[dict[str, Any]] = [
    {"syncStatus": "Exported"}, {"balance": "0.00"}, {"exportId": "SI-1"}, {"paidOn": "2026-10-02T00:00:00Z"},
    {"depositedOn": "2026-10-02T00:00:00Z"}, {"batch": {"id": 5}}, {"customer": {"id": 7, "name": "Renamed"}},
    {"total": "108.2500"}, {"somethingNew": 1},
]  # fmt: skip


@pytest.mark.parametrize(("changes", "outcome"), [(c, "changed") for c in BUSINESS] + [(c, "unchanged") for c in NOISE])
def test_only_an_edit_changes_the_source_hash(site: Site, changes: dict[str, Any], outcome: str) -> None:
    site.land([invoice(1)])
    site.load()
    (before,) = one(site, "source_hash")
    site.land([invoice(1, modifiedOn="2026-10-03T00:00:00Z", **changes)])
    assert getattr(site.load(), outcome) == 1
    assert (one(site, "source_hash")[0] != before) == (outcome == "changed")


def test_the_source_hash_does_not_depend_on_the_order_of_members(site: Site) -> None:
    site.land([invoice(1)])
    site.load()
    turned = dict(reversed(invoice(1, items=[dict(reversed(item(10).items()))]).items()))
    site.land([turned])
    assert site.load() == Loaded(unchanged=1, files=1)


def test_the_source_hash_is_the_same_in_every_release(site: Site) -> None:
    """Another value here would flag every posted document as edited: it must not move."""
    site.land([invoice(1)])
    site.load()
    assert one(site, "source_hash") == ("5e8d2b5defc7411210647aabcf2c93e5",)


def payment(id: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "syncStatus": "Posted", "date": "2026-10-02T00:00:00Z", "type": "Check", "typeId": "17",
        "total": "50.00", "unappliedAmount": "50.00", "customer": {"id": 7, "name": "B"}, "active": True,
        "modifiedOn": "2026-10-02T20:00:00Z", "appliedTo": [],
    } | changes  # fmt: skip


def test_a_payment_applied_later_is_the_same_payment(site: Site) -> None:
    site.land([payment(1)], entity="payments")
    site.load("payments")
    applied = [{"appliedId": 1, "appliedTo": 99, "appliedAmount": "20.00", "appliedOn": "2026-10-03T00:00:00Z"}]
    site.land([payment(1, appliedTo=applied, modifiedOn="2026-10-03T00:00:00Z")], entity="payments")
    assert site.load("payments") == Loaded(unchanged=1, files=1)
    assert one(site, "payment_type_id, first_sync_status", "staging.stg_servicetitan__payments") == (17, "Posted")
    assert one(site, "payment_id, invoice_id, amount", "staging.stg_servicetitan__payment_applications") == (
        1, 99, Decimal("20.0000"),
    )  # fmt: skip


def test_merged_customers_are_followed_to_the_end_and_out_of_circles(site: Site) -> None:
    chain = {1: 2, 2: 3, 3: None, 4: 5, 5: 4, 6: 777}
    site.land(
        [{"id": id, "name": "x", "mergedToId": to, "modifiedOn": "2020-01-01T00:00:00Z"} for id, to in chain.items()],
        entity="customers", part="full",
    )  # fmt: skip
    site.load("customers")
    followed = dict(site.rows("select * from staging.customers_followed"))
    assert followed == {1: 3, 2: 3, 3: 3, 4: 5, 5: 4, 6: 777}


def test_a_snapshot_removes_what_it_does_not_name(site: Site) -> None:
    site.land([{"id": 1, "name": "HVAC"}, {"id": 2, "name": "Plumbing"}], entity="business_units", part="snapshot")
    site.load("business_units")
    site.land([{"id": 2, "name": "Plumbing"}, {"id": 3, "active": "huh"}], entity="business_units", part="snapshot")
    assert site.load("business_units") == Loaded(unchanged=1, quarantined=1, files=1)
    assert one(site, "name", "staging.stg_servicetitan__business_units") == ("Plumbing",)
    site.land([], entity="business_units", part="snapshot")
    site.load("business_units")
    assert site.rows("from staging.stg_servicetitan__business_units") == []
    assert site.rows("from staging.quarantine") == []


def test_a_window_removes_nothing(site: Site) -> None:
    site.land([invoice(1)])
    site.land([invoice(2)], part="2026-10-03")
    site.load()
    site.land([], part="2026-10-03")
    site.load()
    assert len(site.rows(f"from {INVOICES}")) == 2
