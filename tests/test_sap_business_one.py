"""What is Business One's own, over the whole way: figures by units and tax, what people enter there, its doctor.

That it behaves as every ERP does is seen in test_whole_sync.py and its like.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from cryptography.fernet import Fernet

from st_erp_pipelines import settings
from st_erp_pipelines.assets import sap_business_one as erp
from st_erp_pipelines.assets import servicetitan as titan
from st_erp_pipelines.assets.extracting import MAY_BE_READ, is_withheld
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.commands import pause
from st_erp_pipelines.definitions import build_definitions
from st_erp_pipelines.doctor.connection import ERPS
from st_erp_pipelines.doctor.findings import Level, examined
from st_erp_pipelines.flows import SALES_FLOWS
from st_erp_pipelines.forget import forget, look_up
from st_erp_pipelines.mapping.check import check
from st_erp_pipelines.mapping.load import load
from st_erp_pipelines.pipeline import Pipeline
from st_erp_pipelines.resources.sap_business_one.replies import explain
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.staging.landing import in_memory
from tests.erps import SapBusinessOne
from tests.world import QUIET, Site, build_and_post, contractor, read, running_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    whole = contractor(days=3, scale=0.05)
    with running_site(tmp_path_factory.mktemp("business_one"), whole, erp=SapBusinessOne.kind) as site:
        yield site


def test_both_sides_agree_and_what_is_done_by_hand_is_seen(site: Site) -> None:
    with site.pipeline() as pipeline:
        read(pipeline, erp.SYSTEM, erp.WHOLE, (*erp.BY_DAY, *erp.SALES))
        read(pipeline, titan.SYSTEM, titan.WHOLE, titan.BY_DAY)
        assert pipeline.mapping_faults() == []
        with site.mapping("payment_types", batches="CHEQUE"):
            assert "'CHEQUE' is no means of payment" in str(pipeline.mapping_faults()[0])
        build_and_post(pipeline)
        read(pipeline, erp.SYSTEM, by_day=erp.READ_BACK_BY_DAY)
        assert_reconciled(pipeline, {each.key for each in site.contractor.exceptions} - set(site.documents()))
        assert_booked(pipeline)
        give_back(site, pipeline)
        is_forgotten(site, pipeline)


def give_back(site: Site, pipeline: Pipeline) -> None:
    """Refunds of ServiceTitan, entered there by a person: nothing is left to do, and both sides say the same."""
    refunds = [row for row in pipeline.to_do() if row.what == "refund"]
    assert refunds
    for row in refunds:
        body = {"CardCode": row.customer_number, "CashSum": row.amount, "DocType": "rCustomer"}
        site.erp.does("enter", set="VendorPayments", body=body)
    read(pipeline, erp.SYSTEM, by_day=["outgoing_payments"])
    pipeline.reconcile()
    assert "refund" not in {row.what for row in pipeline.to_do()}
    query = "select distinct status from staging.reconciliation_documents where business_key in $keys"
    with pipeline.staging() as con:
        assert con.execute(query, {"keys": [row.business_key for row in refunds]}).fetchall() == [("matched",)]


def is_forgotten(site: Site, pipeline: Pipeline) -> None:
    """A customer whose refund was entered: his name is gone from the records of both sides, and figures stay."""
    query = """
        select distinct payment.customer_id, entered.customer_number, entered.customer_name
        from staging.stg_sap_business_one__outgoing_payments as entered
        join staging.stg_servicetitan__payments as payment on entered.customer_number = 'STA-' || payment.customer_id
    """
    figures = "from staging.reconciliation order by all"
    with pipeline.staging() as con:
        customer, number, name = con.execute(query).fetchall()[0]
        before = con.execute(figures).fetchall()
    read(pipeline, erp.SYSTEM, by_day=["customers"])
    assert read_of(site, name) >= {"customers", "payments", "outgoing_payments"}
    person = look_up(pipeline, customer)
    assert person is not None
    assert (person.who.erp_numbers, person.undone, name in person.names) == ((number,), (), True)
    forget(pipeline, person)
    assert read_of(site, name) == set()
    pipeline.reconcile()
    with pipeline.staging() as con:
        assert con.execute(figures).fetchall() == before


def read_of(site: Site, name: str) -> set[str]:
    """Lists of Business One whose landing files hold it."""
    root = site.home / "landing" / CONNECTION / erp.SYSTEM
    with in_memory() as con:
        found = con.execute(
            "select filename from read_parquet($all, filename = true) where contains(payload::varchar, $name)",
            {"all": f"{root}/*/*/*.parquet", "name": name},
        )
        return {Path(each).relative_to(root).parts[0] for (each,) in found.fetchall()}


def assert_booked(pipeline: Pipeline) -> None:
    """What each invoice has booked, by the journal entries that the server wrote."""
    read(pipeline, erp.SYSTEM, by_day=erp.REFERENCES)
    query = """
        select sum(debit_amount) - sum(credit_amount),
            sum(debit_amount) filter (partner_code = customer_number) - total_including_tax
        from staging.stg_sap_business_one__sales_invoices as invoice
        join staging.stg_sap_business_one__journal_entries as entry
            on entry.origin = 'ttARInvoice' and entry.document_id = invoice.document_id
        join staging.stg_sap_business_one__journal_entry_lines using (journal_entry_id)
        where cancel_status = 'csNo' and total_including_tax > 0
        group by invoice.document_id, total_including_tax
    """
    with pipeline.staging() as con:
        booked = con.execute(query).fetchall()
    assert len(booked) > 10
    assert set(booked) == {(0, 0)}, "balanced, and the customer owes the invoice"


def assert_reconciled(pipeline: Pipeline, strangers: set[str]) -> None:
    """Both sides, each document by its units and tax. `strangers`: what was planted there and has no source."""
    result = pipeline.reconcile()
    assert {each.business_key for each in result.unexplained} <= strangers
    assert [total.flow for total in result.totals] == ["invoices", "payments"]
    assert all(total.matched > 2 for total in result.totals)
    with pipeline.staging() as con:
        units = (
            "select count(distinct business_unit) from staging.reconciliation where flow = 'invoices' and erp_net <> 0"
        )
        assert con.execute(units).fetchall()[0][0] > 2
        taxes = "select sum(source_tax), sum(erp_tax) from staging.reconciliation_documents where status = 'matched'"
        ((ours, theirs),) = con.execute(taxes).fetchall()
        assert ours == theirs != 0


def test_what_dagster_loads(site: Site) -> None:
    """The list of open days, which the job between ticks reads again, is this ERP's; items are not its."""
    definitions = build_definitions(settings.load(site.folder / "connections.yaml"))
    keys = {"/".join(key.path[1:]) for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {f"sap_business_one/post_{flow}" for flow in SALES_FLOWS} <= keys
    assert {
        f"staging/sap_business_one__{name}" for name in (*erp.WHOLE, *erp.READ_BACK_BY_DAY, *erp.REFERENCES)
    } <= keys
    assert not any("business_central" in key or "items" in key.replace("memo_items", "") for key in keys)
    job = definitions.resolve_job_def(f"{CONNECTION}_post")
    assert f"{CONNECTION}__sap_business_one__finance_periods" in {node.name for node in job.nodes}


def test_who_may_not_read_outgoing_payments_may_post(site: Site) -> None:
    """It fails a check, not the run; and the doctor says so, of no flow."""
    definitions = build_definitions(settings.load(site.folder / "connections.yaml"))
    key = dg.AssetKey([CONNECTION, erp.SYSTEM, "outgoing_payments"])
    with site.environment(), dg.DagsterInstance.ephemeral() as instance, site.pipeline() as pipeline:
        site.erp.does("set", forbidden=["GET VendorPayments"])
        result = dg.materialize(
            [definitions.resolve_assets_def(key)],
            instance=instance,
            partition_key=pipeline.today.isoformat(),
            run_config=QUIET,
        )
        found = wrong(site.connection)
        site.erp.does("set", forbidden=[])
    (said,) = result.get_asset_check_evaluations()
    assert (said.check_name, said.passed) == (MAY_BE_READ, False)
    assert [each.partition(":")[0] for each in found] == ["read outgoing_payments"]


def test_a_pause_gives_the_seat_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ST_ERP_SECRET_KEY", Fernet.generate_key().decode())
    with site.pipeline() as pipeline:
        pipeline.erp.sign_in()
    with site.environment():
        seen = len(site.log())
        assert pause.pause(CONNECTION, False) == 0
        assert [entry["path"].rpartition("/")[2] for entry in site.log(seen)] == ["Logout"]
        assert pause.pause(CONNECTION, False) == 0
        assert len(site.log(seen)) == 1, "there is no session any more"
        assert pause.resume(CONNECTION, False) == 0


@pytest.mark.parametrize(
    ("status", "code", "text", "is_it"),
    [
        (400, "240005", "You are not permitted to perform this action", True),
        (404, "", "Not Found", True),
        (400, "200", "Unrecognized resource path.", True),
        (400, "201", "Invalid query", False),
        (500, "-1", "Internal error", False),
    ],
)
def test_a_list_that_a_server_does_not_have_is_withheld_like_one_that_is_forbidden(
    status: int, code: str, text: str, is_it: bool
) -> None:
    answer = httpx.Response(status, json={"error": {"code": code, "message": text}})
    assert is_withheld(explain(answer, "read outgoing_payments")) is is_it


def wrong(connection: settings.Connection, **changed: Any) -> list[str]:
    """What the doctor calls so."""
    asked = connection.model_copy(update={"erp": connection.erp.model_copy(update=changed)})
    mappings = load(connection.mappings)
    with closing(ERPS[connection.erp.kind](asked, mappings, SystemClock())) as checks:
        area = examined(checks.title, checks.gate(), checks.checks)
        assert check(mappings, checks.known()) == []
    return [f"{each.check.name}: {each.said.found}" for each in area.findings if each.said.level is Level.WRONG]


def test_the_doctor_tells_what_it_lacks(site: Site) -> None:
    with site.environment():
        assert wrong(site.connection) == []
        (table,) = wrong(site.connection, posting_log="NOWHERE")
        assert table.startswith("posting log: there is no user table NOWHERE")
        site.erp.does("enter", set="UserTablesMD", body={"TableName": "ST_POSTLOG", "TableType": "bott_NoObject"})
        (table,) = wrong(site.connection, posting_log="ST_POSTLOG")
        assert "Unrecognized resource path" in table, "the Service Layer was not restarted"
        site.erp.does("set", restart=True)
        assert wrong(site.connection, posting_log="ST_POSTLOG") == []
        assert wrong(site.connection, check_bank="") == [
            "means of payment: Check is paid by check, and erp.check_bank is not set"
        ]
        (field,) = wrong(site.connection, invoice_key_field="U_Nowhere")
        assert "has no field U_Nowhere" in field
