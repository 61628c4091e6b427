"""What ServiceTitan does with posted payments: listed, done by hand, off the list. Over both sandboxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_erp_pipelines.commands import audit
from st_erp_pipelines.commands.status import code_of, facts_of, show
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.planted import invoice_key
from tests.world import SPEED, Site, contractor, plain_invoices, running_site, with_only, yesterday

pytestmark = pytest.mark.slow(7)
ERP = ("accounts", "dimensions", "dimension_values", "general_ledger_setup", "tax_groups")
FLOWS = ("customers", "invoices", "payments")
DEPOSIT, PAID, MOVED, GIVEN_BACK = 9001, 9002, 9003, 9004


def payment(template: Wire, key: int, total: Decimal, *applied: tuple[Wire, Decimal]) -> Wire:
    """Made and posted yesterday."""
    parts = [
        {"appliedId": key * 10 + at, "appliedTo": invoice["id"], "appliedAmount": f"{amount:.2f}",
         "appliedOn": template["date"], "appliedBy": "office", "appliedToReferenceNumber": invoice["referenceNumber"]}
        for at, (invoice, amount) in enumerate(applied)
    ]  # fmt: skip
    unapplied = total - sum((amount for _, amount in applied), Decimal())
    for invoice, amount in applied:
        invoice["balance"] = f"{Decimal(invoice['balance']) - amount:.2f}"
    day = yesterday().isoformat()
    times = {"date": f"{day}T00:00:00Z", "createdOn": f"{day}T15:00:00Z", "modifiedOn": f"{day}T15:00:00Z"}
    money = {"total": f"{total:.2f}", "unappliedAmount": f"{unapplied:.2f}", "appliedTo": parts}
    return template | money | times | {"id": key, "referenceNumber": str(key)}


def books() -> Contractor:
    """Three invoices of one customer, a deposit, two payments of invoices, and one that will be given back."""
    whole = contractor(days=3, scale=0.05)
    invoices = plain_invoices(whole)[:3]
    for row in invoices:
        row |= {"customer": invoices[0]["customer"], "balance": row["total"], "paidOn": None}
    template = next(row for row in whole.servicetitan["payments"] if row["type"] == "Check" and row["active"])
    template = template | {"customer": invoices[0]["customer"], "deposit": None, "syncStatus": "Posted"}
    first, second, third = invoices
    payments = [
        payment(template, DEPOSIT, Decimal(first["total"]) - 10),
        payment(template, PAID, Decimal(second["total"]), (second, Decimal(second["total"]))),
        payment(template, MOVED, Decimal(10), (third, Decimal(10))),
        payment(template, GIVEN_BACK, Decimal(100)),
    ]
    small = with_only(whole, invoices)
    return replace(small, servicetitan=small.servicetitan | {"payments": payments})


@dataclass
class Town:
    site: Site
    invoices: Sequence[Wire]

    def read(self, pipeline: Pipeline, system: str, by_day: Sequence[str], whole: Sequence[str] = ()) -> None:
        reader = pipeline.extract(system)
        for entity in by_day:
            for day in pipeline.open_days(system, entity):
                reader.day(entity, day)
        for entity in whole:
            reader.whole(entity)
        for entity in (*by_day, *whole):
            pipeline.stage(system, entity)

    def sync(self, *read_back: str) -> list[tuple[str, str, str, str]]:
        """The steps of a sync without Dagster; what is to do after it."""
        with self.site.pipeline() as pipeline:
            self.read(pipeline, "servicetitan", ["payments", "invoices"])
            if read_back:
                self.read(pipeline, "servicetitan", ["customers"])
                self.read(pipeline, "business_central", ["customers"], ERP)
            for flow in FLOWS:
                pipeline.build(flow)
                pipeline.post(flow)
            self.read(pipeline, "business_central", [*read_back, "general_ledger_entries"])
            assert pipeline.reconcile().unexplained == []
            return [(row.what, row.document_number, str(row.amount), row.invoice_key) for row in pipeline.to_do()]

    def office(self, action: str, **asked: Any) -> list[Wire]:
        reply = httpx.post(f"{self.site.servicetitan_url}/_control/servicetitan/{action}", json=asked)
        changed: list[Wire] = reply.raise_for_status().json()
        return changed

    def bookkeeper(self, action: str, **asked: Any) -> None:
        url = f"{self.site.erp.url}/_control/business_central/{action}"
        httpx.post(url, json=asked).raise_for_status()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with running_site(tmp_path_factory.mktemp("town"), books(), speed=SPEED) as site:
        yield Town(site, site.contractor.servicetitan["invoices"])


def test_what_happens_to_posted_payments_is_listed_until_it_is_done_by_hand(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    site, (first, second, third) = town.site, town.invoices
    assert town.sync("sales_invoices") == []
    assert {row.state for row in site.documents().values()} == {"posted"}

    town.office("apply", payment=DEPOSIT, invoice=first["id"])
    town.office("unapply", payment=MOVED, invoice=third["id"])
    town.office("apply", payment=MOVED, invoice=first["id"])
    town.office("void", entity="payments", id=PAID)
    (refund,) = town.office("refund", payment=GIVEN_BACK, amount="40")
    site.change()  # once a read window would include them
    seen = len(site.log())
    deposit = str(Decimal(first["total"]) - 10)
    assert set(town.sync()) == {
        ("apply", f"AP{DEPOSIT}-0", deposit, invoice_key(first)),
        ("apply", f"AP{MOVED}-1", "10.00", invoice_key(first)),
        ("unapply", f"AP{MOVED}-1", "10.00", invoice_key(third)),
        ("reverse", f"AP{PAID}-1", second["total"], ""),
        ("refund", f"AP{refund['id']}-0", "40.00", ""),
    }
    assert site.writes(seen) == [], "it posts nothing"
    assert {row.flag for row in site.documents().values()} == {""}, "and is said once"
    with site.pipeline() as pipeline:
        facts = facts_of(pipeline)
        assert (code_of(facts), facts["exceptions"], len(facts["to_do"])) == (1, [], 5)
        show(facts, site.connection.time_zone)
    assert "To do in Business Central" in capsys.readouterr().out
    with site.environment():
        audit.run(f"AP{MOVED}-1", as_json=False)
    assert f"Unapply payment AP{MOVED}-1 from invoice" in capsys.readouterr().out

    by_hand(town, refund)
    assert town.sync() == []
    with site.pipeline() as pipeline:
        assert code_of(facts_of(pipeline)) == 0
        assert [each.difference for each in pipeline.reconciled().totals] == [0, 0]


def by_hand(town: Town, refund: Wire) -> None:
    number = {key: row.number for key, (row,) in town.site.sales().items()}
    first, second, third = (number[invoice_key(row)] for row in town.invoices)
    town.bookkeeper("apply", payment=f"AP{DEPOSIT}-0", invoice=first)
    town.bookkeeper("unapply", payment=f"AP{MOVED}-1", invoice=third)
    town.bookkeeper("apply", payment=f"AP{MOVED}-1", invoice=first)
    town.bookkeeper("unapply", payment=f"AP{PAID}-1", invoice=second)
    town.bookkeeper("reverse", payment=f"AP{PAID}-1")
    customer = town.site.documents()[f"AP{GIVEN_BACK}-0"].party
    about = {"number": f"AP{refund['id']}-0", "payment": f"AP{GIVEN_BACK}-0", "customer": customer}
    town.bookkeeper("refund", **about, amount=40, account="10100")
