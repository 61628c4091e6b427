"""A document after it was posted: edited, voided, marked as exported; through the whole pipeline, over sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.pipeline import PAUSED
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.planted import invoice_key
from tests.erps import ERPS
from tests.world import Site, contractor, failures, plain_invoices, running_site, with_only

pytestmark = pytest.mark.slow(15)


@pytest.fixture(params=list(ERPS))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    whole = contractor(scale=0.05)
    with running_site(tmp_path, with_only(whole, plain_invoices(whole)[:6]), erp=request.param) as site:
        path = tmp_path / "connections.yaml"
        text = path.read_text("utf-8")
        changed = text.replace("invoices: {mode: post", "invoices: {mode: post, on_change: reverse_and_repost")
        changed = changed.replace("  tenant_id:", "  mark_exported: true\n      tenant_id:", 1)
        assert changed.count("reverse_and_repost") == changed.count("mark_exported") == 1, text
        path.write_text(changed, "utf-8")
        yield site


def dearer(invoice: Wire) -> dict[str, Any]:
    """Ten more for its first item."""
    first, *others = invoice["items"]
    amounts = {name: str(Decimal(invoice[name]) + 10) for name in ("total", "subTotal", "balance")}
    total = Decimal(first["total"]) + 10
    return amounts | {"items": [first | {"quantity": "1", "price": str(total), "total": str(total)}, *others]}


def marks(site: Site) -> Counter[str]:
    return Counter(row.export_mark for row in site.documents("invoices").values())


def test_an_edit_and_a_void_are_taken_back_and_what_is_unchanged_is_marked(site: Site) -> None:
    edited, voided, *_ = site.contractor.servicetitan["invoices"]
    with site.fault(site.servicetitan_url, kind="http_500_before", path_contains="/markasexported", times=None):
        assert len(failures(site.sync())) == 1
    with site.pipeline() as pipeline:  # that step alone is repeated, unless somebody stopped the connection
        pipeline.outbox.pause(CONNECTION)
        assert set(pipeline.mark_exported("invoice")) == {PAUSED}
        pipeline.outbox.resume(CONNECTION)
        assert pipeline.mark_exported("invoice") == {"marked": 6}
    assert marks(site) == {"marked": 6}
    site.change(("invoices", edited["id"], dearer(edited)), ("invoices", voided["id"], {"active": False}))
    for _ in range(2):
        site.quick_sync()
    documents = site.documents("invoices")
    assert {row.state for row in documents.values()} == {"posted"}
    assert {row.flag for row in documents.values()} == {""}
    one, other = invoice_key(edited), invoice_key(voided)
    assert documents.keys() - {one, other} >= {f"{one}-V", f"{one}-R1", f"{other}-V"}
    assert documents[f"{one}-R1"].export_mark == "marked", "what was taken back before it holds nothing up"
    in_erp = {key: sale for key, (sale,) in site.sales().items()}
    for key in (one, other):
        assert in_erp[f"{key}-V"].total == in_erp[key].total
        assert [in_erp[each].is_open for each in (key, f"{key}-V")] == [False, False], "applied to each other"
    assert in_erp[f"{one}-R1"].total == Decimal(edited["total"]) + 10
    assert in_erp[f"{one}-R1"].is_open
    with site.pipeline() as pipeline:
        assert pipeline.reconciled().unexplained == []
        (totals,) = (each for each in pipeline.reconciled().totals if each.flow == "invoices")
        assert totals.difference == 0
    before = site.state()
    site.quick_sync()
    assert site.state() == before
