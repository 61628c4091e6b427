from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.business_central import BusinessCentral, SalesDocuments
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Wanted
from tests.resources.business_central.conftest import Person

KEY = "ST-A-INV-1"
AC = {"sequence": 10000, "type": "account", "number": "4000", "description": "Tune-up", "quantity": "2",
      "unit_price": "49.995", "amount": "99.99", "tax_code": "nontaxable"}  # fmt: skip
TAX = {"sequence": 9990000, "type": "account", "number": "2200", "description": "Sales tax", "quantity": "1",
       "unit_price": "8.25", "amount": "8.25", "tax_code": "NONTAXABLE"}  # fmt: skip


def wanted(**changes: Any) -> Wanted:
    payload = {
        "type": "invoice", "key": KEY, "customer_number": "STA-1", "document_date": "2026-11-03",
        "posting_date": "2026-11-05", "due_date": "2026-12-03", "reference": "INV 77", "currency": "USD",
        "dimension_code": "UNIT", "dimension_value": "HVAC", "lines": [AC, TAX], "total": "108.24",
        "tax": "liability_line",
    } | changes  # fmt: skip
    total = Decimal(payload["total"])
    return Wanted(payload["key"], payload, total, date(2026, 11, 3), payload["currency"], payload["customer_number"])


@pytest.fixture
def target(client: BusinessCentral) -> SalesDocuments:
    return SalesDocuments(client)


def find(target: SalesDocuments, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def go_on(one: Wanted, reply: Reply) -> Wanted:
    return replace(one, remote_id=reply.remote_id, etag=reply.etag, ours=True)


def enter(target: SalesDocuments, one: Wanted) -> Wanted:
    return go_on(one, target.send(one, Move.ENTER))


def post(target: SalesDocuments, one: Wanted) -> Reply:
    entered = enter(target, one)
    return target.send(go_on(entered, target.prepare(entered)), Move.POST)


def writes(faults: Faults) -> list[str]:
    return [entry["method"] for entry in faults.log if entry["method"] != "GET" and "token" not in entry["path"]]


@pytest.mark.parametrize(
    ("kind", "key", "entity"),
    [("invoice", KEY, "salesInvoices"), ("credit_memo", "ST-A-CM-1", "salesCreditMemos")],
)
def test_from_absent_to_posted_in_two_writes(
    target: SalesDocuments, person: Person, faults: Faults, kind: str, key: str, entity: str
) -> None:
    one = wanted(type=kind, key=key)
    assert find(target, one).found is Found.ABSENT
    reply = post(target, one)
    assert writes(faults) == ["POST", "POST"]
    (row,) = person.sees(entity)
    assert (row["number"], row["status"], row["externalDocumentNumber"]) == (reply.number, "Open", key)
    assert [line["dimensions"] for line in row["lines"]] == [{"UNIT": "HVAC"}] * 2
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.number) == (Found.COMPLETE, reply.remote_id, reply.number)
    assert finding.differs_from(one) == ""


def test_a_draft_of_ours_is_unfinished_and_equal(target: SalesDocuments) -> None:
    entered = enter(target, wanted())
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.EQUAL)
    assert (finding.remote_id, finding.etag) == (entered.remote_id, entered.etag)


def test_a_beginning_is_completed_line_by_line(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    entered = enter(target, wanted(lines=[AC]))
    one = replace(one, remote_id=entered.remote_id)
    assert find(target, one).likeness is Likeness.BEGINNING
    prepared = target.prepare(one)
    assert find(target, one).likeness is Likeness.EQUAL
    assert prepared.etag == find(target, one).etag
    assert len(person.sees("salesInvoices")[0]["lines"]) == 2


def test_a_dimension_that_is_no_shortcut_goes_onto_each_line(target: SalesDocuments, person: Person) -> None:
    one = enter(target, wanted(dimension_code="CREW", dimension_value="RED"))
    assert find(target, replace(one, ours=False)).likeness is Likeness.BEGINNING
    target.prepare(one)
    (row,) = person.sees("salesInvoices")
    assert [line["dimensions"] for line in row["lines"]] == [{"CREW": "RED"}] * 2


def test_a_default_of_the_customer_is_changed_not_added(target: SalesDocuments, person: Person) -> None:
    defaults = [{"table": "Customer", "number": "STA-1", "dimension": "CREW", "value": "BLUE"}]
    person.sets(dimension_defaults=defaults)
    one = enter(target, wanted(dimension_code="CREW", dimension_value="RED"))
    assert find(target, one).likeness is Likeness.BEGINNING
    assert find(target, replace(one, ours=False)).likeness is Likeness.DIFFERENT
    target.prepare(one)
    assert person.sees("salesInvoices")[0]["lines"][0]["dimensions"] == {"CREW": "RED"}


@pytest.mark.parametrize(
    "edit",
    [
        {"changes": {"invoiceDate": "2026-11-04"}},
        {"changes": {"customerNumber": "STA-2"}},
        {"changes": {"currencyCode": "CAD"}},
        {"lines": [{"sequence": 10000, "unitPrice": 50}]},
        {"lines": [{"sequence": 10000, "description": "Tune-up, second floor"}]},
        {"add_lines": [{"accountNumber": "4000", "quantity": 1, "unitPrice": 1}]},
    ],
)
def test_a_draft_that_somebody_changed_is_different(
    target: SalesDocuments, person: Person, edit: dict[str, Any]
) -> None:
    entered = enter(target, wanted())
    person.edits(str(entered.remote_id), **edit)
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)
    assert finding.etag != entered.etag
    with pytest.raises(Rejected) as refused:
        target.send(entered, Move.REMOVE)
    assert refused.value.cause == "changed_meanwhile"


def test_an_empty_currency_is_the_local_one(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted(currency=""))
    assert find(target, entered).likeness is Likeness.EQUAL
    assert find(target, replace(entered, payload=wanted().payload)).likeness is Likeness.EQUAL
    person.edits(str(entered.remote_id), changes={"currencyCode": "CAD"})
    assert find(target, entered).likeness is Likeness.DIFFERENT


def test_a_total_that_cannot_agree_is_never_posted(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted(total="108.25"))
    with pytest.raises(Rejected, match=r"comes to 108\.24") as refused:
        target.prepare(entered)
    assert refused.value.cause == "total_differs"
    assert person.sees("salesInvoices")[0]["status"] == "Draft"


CREW = {"dimension_code": "CREW", "dimension_value": "RED"}


def prepared(target: SalesDocuments, one: Wanted) -> Wanted:
    entered = enter(target, one)
    return go_on(entered, target.prepare(entered))


def paint(person: Person, one: Wanted) -> None:
    """Somebody gives the first line of our draft another crew."""
    line = next(row for row in person.sees("salesInvoices", id=one.remote_id)[0]["lines"] if row["sequence"] == 10000)
    place = f"salesInvoices({one.remote_id})/salesInvoiceLines({line['id']})/dimensionSetLines"
    (crew,) = person.rows(place)
    person.acts("PATCH", f"{place}({crew['id']})", {"valueCode": "BLUE"}, etag=crew["@odata.etag"])


def test_a_dimension_that_a_person_chose_is_not_put_right(target: SalesDocuments, person: Person) -> None:
    left = prepared(target, wanted(**CREW))
    paint(person, left)
    finding = find(target, left)
    assert finding.likeness is Likeness.DIFFERENT
    assert "somebody changed it" in finding.detail
    with pytest.raises(Rejected) as refused:
        target.prepare(left)
    assert refused.value.cause == "changed_meanwhile"
    assert {"CREW": "BLUE"} in [line["dimensions"] for line in person.sees("salesInvoices")[0]["lines"]]
    assert target.prepare(replace(left, etag=None))  # nobody knows whose it was: our attempt may have stopped midway


def test_preparing_that_stopped_midway_goes_on(target: SalesDocuments, person: Person, faults: Faults) -> None:
    entered = enter(target, wanted(**CREW))
    faults.add("http_429", method="POST", path_contains="dimensionSetLines", after=1)
    with pytest.raises(Unavailable):
        target.prepare(entered)
    finding = find(target, entered)
    assert (finding.likeness, finding.etag != entered.etag) == (Likeness.BEGINNING, True)
    target.prepare(entered)
    assert [line["dimensions"] for line in person.sees("salesInvoices")[0]["lines"]] == [{"CREW": "RED"}] * 2


def test_a_line_that_a_person_took_out_is_not_put_back(target: SalesDocuments, person: Person) -> None:
    left = prepared(target, wanted())
    person.edits(str(left.remote_id), remove_lines=[9990000])
    assert find(target, left).likeness is Likeness.DIFFERENT
    with pytest.raises(Rejected) as refused:
        target.prepare(left)
    assert refused.value.cause == "changed_meanwhile"
    assert len(person.sees("salesInvoices")[0]["lines"]) == 1


def test_an_edit_of_what_we_do_not_send_stops_nothing(target: SalesDocuments, person: Person) -> None:
    left = prepared(target, wanted(**CREW))
    person.edits(str(left.remote_id), changes={"phoneNumber": "555 0100"})
    assert find(target, left).likeness is Likeness.EQUAL
    assert target.prepare(left).etag == find(target, left).etag != left.etag


def test_one_line_too_many_is_never_posted(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted())
    person.edits(str(entered.remote_id), add_lines=[{"lineType": "Comment", "description": "hello"}])
    with pytest.raises(Rejected, match="3 lines instead of 2"):
        target.prepare(entered)


def test_removing_needs_the_etag_of_our_last_write(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted())
    with pytest.raises(Rejected):
        target.send(replace(entered, etag=None), Move.REMOVE)
    target.send(entered, Move.REMOVE)
    assert person.sees("salesInvoices") == []
    assert find(target, entered).found is Found.ABSENT
    with pytest.raises(InDoubt, match="gone"):
        target.prepare(entered)


def test_two_with_one_key_are_several(target: SalesDocuments) -> None:
    enter(target, wanted())
    enter(target, wanted())
    finding = find(target, wanted())
    assert finding.found is Found.SEVERAL
    assert "2 documents" in finding.detail


def test_our_draft_under_another_reference_is_no_absence(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted())
    person.edits(str(entered.remote_id), changes={"externalDocumentNumber": "PO-77"})
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)
    assert (finding.remote_id, finding.etag) == (entered.remote_id, None)
    assert f"{finding.number}, which we entered, has the reference 'PO-77'" in finding.detail
    assert find(target, replace(entered, ours=False)).found is Found.ABSENT  # another's: it was renamed for us


@pytest.mark.parametrize("kind", ["invoice", "credit_memo"])
def test_what_a_person_posted_under_another_reference_differs(
    target: SalesDocuments, person: Person, kind: str
) -> None:
    entered = enter(target, wanted(type=kind))
    person.edits(str(entered.remote_id), changes={"externalDocumentNumber": "PO-77"})
    path = {"invoice": "salesInvoices", "credit_memo": "salesCreditMemos"}[kind]
    person.acts("POST", f"{path}({entered.remote_id})/Microsoft.NAV.post")
    finding = find(target, entered)
    assert finding.found is Found.COMPLETE
    assert finding.number == person.sees(path)[0]["number"]
    assert "reference 'PO-77'" in finding.differs_from(entered)


def test_one_that_was_renamed_and_cancelled_is_dead(target: SalesDocuments, person: Person) -> None:
    entered = enter(target, wanted())
    person.edits(str(entered.remote_id), changes={"externalDocumentNumber": "PO-77"})
    for action in ("post", "cancel"):
        person.acts("POST", f"salesInvoices({entered.remote_id})/Microsoft.NAV.{action}")
    finding = find(target, entered)
    assert finding.found is Found.DEAD
    assert "PO-77" in finding.detail


@pytest.mark.parametrize("fault", ["http_500_before", "html", "drop_before"])
def test_what_cannot_be_asked_for_by_id_is_unknown(
    target: SalesDocuments, person: Person, faults: Faults, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr("st_erp_pipelines.resources.http.READ_ATTEMPTS", 1)
    entered = enter(target, wanted())
    person.edits(str(entered.remote_id), delete=True)
    faults.add(fault, method="GET", path_contains=f"salesInvoices({entered.remote_id})")
    other = wanted(key="ST-A-INV-2")
    findings = target.look_up([entered, other])
    assert [findings[one.key].found for one in (entered, other)] == [Found.UNKNOWN, Found.ABSENT]
    assert find(target, entered).found is Found.ABSENT


def test_a_cancelled_one_is_dead_with_its_correction(target: SalesDocuments, person: Person) -> None:
    reply = post(target, wanted())
    person.acts("POST", f"salesInvoices({reply.remote_id})/Microsoft.NAV.cancel")
    assert len(person.sees("salesCreditMemos", externalDocumentNumber=KEY)) == 1
    assert find(target, wanted()).found is Found.DEAD


def test_an_invoice_posted_as_a_credit_memo_differs(target: SalesDocuments) -> None:
    post(target, wanted(type="credit_memo"))
    finding = find(target, wanted())
    assert finding.found is Found.COMPLETE
    assert "total is -108.24" in finding.differs_from(wanted())
    assert "credit memo" in finding.detail


def test_a_credit_memo_is_worth_what_its_negative_invoice_was(target: SalesDocuments) -> None:
    one = replace(wanted(type="credit_memo"), total=Decimal("-108.24"))
    post(target, one)
    assert find(target, one).differs_from(one) == ""


def test_a_draft_of_the_other_kind_is_never_ours_to_remove(target: SalesDocuments) -> None:
    entered = enter(target, wanted(type="credit_memo"))
    finding = find(target, replace(wanted(), ours=True, etag=entered.etag))
    assert (finding.likeness, finding.etag) == (Likeness.DIFFERENT, None)


def test_released_but_unposted_is_no_proof_of_posting(
    target: SalesDocuments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = enter(target, wanted())
    rows = client.rows

    def released(path: str, **query: Any) -> Any:  # the sandbox has no release; the wire shows it as Open
        return [row | {"status": "Open"} if path == "salesInvoices" else row for row in rows(path, **query)]

    monkeypatch.setattr(client, "rows", released)
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)
    assert "released" in finding.detail


def test_a_server_that_ignores_the_filter_proves_nothing(
    target: SalesDocuments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(target, wanted(key="ST-A-INV-9"))
    rows = client.rows
    monkeypatch.setattr(client, "rows", lambda path, filter="", **query: rows(path, **query))
    findings = target.look_up([wanted(), wanted(key="ST-A-INV-2")])
    assert {finding.found for finding in findings.values()} == {Found.UNKNOWN}


def test_many_keys_are_asked_for_in_few_requests(target: SalesDocuments, faults: Faults) -> None:
    before = len(faults.log)
    findings = target.look_up([wanted(key=f"ST-A-INV-{number}") for number in range(50)])
    assert len(findings) == 50
    assert len(faults.log) - before == 4


def test_a_closed_period_is_said_at_posting(target: SalesDocuments, person: Person) -> None:
    person.sets(setup={"allowPostingFrom": "2026-12-01"})
    with pytest.raises(Rejected) as refused:
        post(target, wanted())
    assert (refused.value.cause, refused.value.date_bound) == ("closed_period", True)


def test_what_was_created_without_an_answer_is_found_again(target: SalesDocuments, faults: Faults) -> None:
    faults.add("drop_after", method="POST", path_contains="salesInvoices")
    with pytest.raises(InDoubt):
        enter(target, wanted())
    finding = find(target, wanted())
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.EQUAL)


def test_what_was_posted_without_an_answer_is_found_again(target: SalesDocuments, faults: Faults) -> None:
    entered = enter(target, wanted())
    faults.add("http_500_after", method="POST", path_contains="NAV.post")
    with pytest.raises(InDoubt):
        target.send(entered, Move.POST)
    with pytest.raises(InDoubt, match="draft invoice only"):
        target.send(entered, Move.POST)
    assert find(target, entered).found is Found.COMPLETE


def test_an_accepted_posting_that_left_a_draft_is_in_doubt(
    target: SalesDocuments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = enter(target, wanted())
    write = client.write

    def queued(method: str, path: str, **rest: Any) -> Any:
        return {} if "NAV.post" in path else write(method, path, **rest)

    monkeypatch.setattr(client, "write", queued)
    with pytest.raises(InDoubt, match="still a draft"):
        target.send(entered, Move.POST)


def test_posted_stays_posted_where_its_number_cannot_be_read(
    target: SalesDocuments, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("st_erp_pipelines.resources.http.READ_ATTEMPTS", 1)
    entered = enter(target, wanted())
    faults.add("http_500_before", method="GET", path_contains="$select=id,number,status")
    reply = target.send(entered, Move.POST)
    assert reply.number is None
    assert "Posted" in reply.warning
