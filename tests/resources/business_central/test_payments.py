from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.business_central import BusinessCentral, Payments
from st_erp_pipelines.sandbox.business_central import business_central_app
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Reply, Timing, Wanted
from tests.resources.business_central.conftest import SEED, Person, client_of

POSTED_ON = "2026-11-05"


def wanted(part: int = 0, payment: int = 1, amounts: tuple[str, ...] = ("100.00",), **changes: Any) -> Wanted:
    """Part `part` of a payment that was split into these amounts."""
    prefix = f"AP{payment}-"
    parts = [{"key": f"{prefix}{n}", "amount": amount} for n, amount in enumerate(amounts)]
    payload = {
        "payment_key": prefix, "key": parts[part]["key"], "amount": parts[part]["amount"], "parts": parts,
        "payment_total": str(sum(map(Decimal, amounts))), "customer_number": "STA-1", "posting_date": POSTED_ON,
        "invoice_key": "", "invoice_id": "", "description": "Check 4711", "comment": "paid at the door",
        "batches": ["STPAYA"], "balancing_account": "1010",
    } | changes  # fmt: skip
    return Wanted(payload["key"], payload, Decimal(payload["amount"]), date(2026, 11, 5), "USD", "STA-1")


def target_of(client: BusinessCentral) -> Payments:
    return Payments(client, batches=["STPAYA", "STPAYB"], draft_batch="STDRAFT")


@pytest.fixture
def target(client: BusinessCentral) -> Payments:
    return target_of(client)


def find(target: Payments, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def go_on(one: Wanted, known: Reply | Finding) -> Wanted:
    return replace(one, remote_id=known.remote_id, etag=known.etag, ours=True)


def enter(target: Payments, one: Wanted) -> Wanted:
    find(target, one)
    return go_on(one, target.send(one, Move.ENTER))


def finish(target: Payments, entered: Wanted) -> Reply:
    return target.send(go_on(entered, target.prepare(entered)), Move.POST)


def post(target: Payments, one: Wanted) -> Reply:
    return finish(target, enter(target, one))


def path_of(entered: Wanted) -> str:
    journal, line = str(entered.remote_id).split("/")
    return f"customerPaymentJournals({journal})/customerPayments({line})"


def credited(person: Person, number: str) -> Decimal:
    entries = person.sees("generalLedgerEntries", documentNumber=number)
    return sum((Decimal(str(entry["creditAmount"])) for entry in entries), Decimal(0))


def test_from_absent_to_posted(target: Payments, person: Person, faults: Faults) -> None:
    assert find(target, wanted()).found is Found.ABSENT
    entered = enter(target, wanted())
    (line,) = person.sees("customerPayments")
    assert (line["amount"], line["documentNumber"], line["externalDocumentNumber"]) == (-100, "AP1-0", "AP1-0")
    assert entered.remote_id == f"{line['journalId']}/{line['id']}"
    before = len(faults.log)
    reply = finish(target, entered)
    assert len(faults.log) - before == 4  # two lists of the batch, the posting, the ledger
    assert credited(person, "AP1-0") == 100
    assert person.sees("customerPayments") == []
    finding = find(target, wanted())
    assert (finding.found, finding.remote_id) == (Found.COMPLETE, reply.remote_id)
    assert finding.differs_from(wanted()) == ""


def test_a_payment_pays_its_invoice(target: Payments, person: Person) -> None:
    line = {"accountNumber": "4000", "quantity": 1, "unitPrice": 100}
    invoice_id = person.enters(type="invoice", customerNumber="STA-1", postingDate="2026-11-01", lines=[line])
    post(target, wanted(invoice_id=invoice_id))
    (invoice,) = person.sees("salesInvoices")
    assert (invoice["status"], invoice["remainingAmount"]) == ("Paid", 0)


def test_an_open_line_is_unfinished_for_a_new_process_and_can_be_posted(
    target: Payments, client: BusinessCentral, person: Person
) -> None:
    enter(target, wanted())
    restarted = target_of(client)
    finding = find(restarted, wanted())
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.EQUAL)
    finish(restarted, go_on(wanted(), finding))
    assert credited(person, "AP1-0") == 100


def test_a_line_that_somebody_changed_is_different(target: Payments, person: Person) -> None:
    entered = enter(target, wanted(amounts=("60", "40")))
    person.acts("PATCH", path_of(entered), {"customerNumber": "STA-2"}, etag=entered.etag)
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)
    assert "customer is STA-2" in finding.detail
    with pytest.raises(Rejected):
        target.prepare(entered)
    with pytest.raises(Rejected):
        target.send(entered, Move.REMOVE)


# A payment in parts


def test_parts_are_told_apart(target: Payments) -> None:
    first, second = (wanted(n, amounts=("50", "50")) for n in (0, 1))
    post(target, first)
    findings = target.look_up([first, second])
    assert (findings[first.key].found, findings[second.key].found) == (Found.COMPLETE, Found.ABSENT)
    post(target, second)
    assert find(target, second).found is Found.COMPLETE


def test_a_payment_that_is_there_as_a_whole_stands_however_it_was_split(target: Payments) -> None:
    for part in (0, 1):
        post(target, wanted(part, amounts=("60", "40")))
    now = [wanted(part, amounts=("50", "30", "20")) for part in range(3)]
    for one, finding in zip(now, target.look_up(now).values(), strict=True):
        assert finding.found is Found.COMPLETE
        assert finding.differs_from(one) == ""


@pytest.mark.parametrize("now", [("70", "30"), ("100", "20"), ("20", "10")])
def test_a_part_that_is_none_of_ours_is_a_conflict(target: Payments, now: tuple[str, ...]) -> None:
    post(target, wanted(0, amounts=("60", "40")))
    asked = [wanted(part, amounts=now) for part in range(2)]
    for one, finding in zip(asked, target.look_up(asked).values(), strict=True):
        assert finding.found is Found.COMPLETE
        assert "total" in finding.differs_from(one)
        assert "60" in finding.detail


def test_one_number_twice_is_several(target: Payments, person: Person) -> None:
    enter(target, wanted(amounts=("50", "50")))
    again = {"documentNumber": "AP1-0", "amount": -50, "postingDate": POSTED_ON}
    person.enters(journal="STPAYB", customerNumber="STA-1", **again)
    assert find(target, wanted(amounts=("50", "50"))).found is Found.SEVERAL


def test_payment_1_is_not_payment_11(target: Payments) -> None:
    post(target, wanted(payment=11))
    assert find(target, wanted(payment=1)).found is Found.ABSENT


def test_only_a_payment_of_the_ledger_counts_and_its_date_is_compared(target: Payments, person: Person) -> None:
    by_hand = {"journal": "STPAYB", "accountNumber": "1020", "documentNumber": "AP1-0", "amount": 5}
    person.enters(**by_hand, postingDate=POSTED_ON)
    (batch,) = person.sees("customerPaymentJournals", code="STPAYB")
    person.acts("POST", f"journals({batch['id']})/Microsoft.NAV.post")
    assert person.sees("generalLedgerEntries", documentNumber="AP1-0")
    assert find(target, wanted()).found is Found.ABSENT
    post(target, wanted(posting_date="2026-11-06"))
    assert "date is 2026-11-06" in find(target, wanted()).differs_from(wanted())


# A number that is not ours any more


def test_our_line_under_another_number_is_no_absence(target: Payments, person: Person) -> None:
    entered = enter(target, wanted())
    person.acts("PATCH", path_of(entered), {"documentNumber": "G100"}, etag=entered.etag)
    finding = find(target, entered)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)
    assert (finding.remote_id, finding.number, finding.etag) == (entered.remote_id, "G100", None)
    assert "STPAYA" in finding.detail
    assert find(target, replace(entered, ours=False)).found is Found.ABSENT


def numbers_from_a_series(client: BusinessCentral, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch with a posting number series gives its lines numbers of its own when it is posted."""
    write = client.write

    def posted(method: str, path: str, **rest: Any) -> Any:
        if path.endswith("NAV.post"):
            batch = f"customerPaymentJournals{path.removeprefix('journals').partition('/')[0]}/customerPayments"
            for line in client.rows(batch, operation="by the server"):
                place, number = f"{batch}({line['id']})", {"documentNumber": "SERIES-" + line["documentNumber"]}
                write("PATCH", place, operation="by the server", document="", body=number, etag=line["@odata.etag"])
        return write(method, path, **rest)

    monkeypatch.setattr(client, "write", posted)


def test_a_payment_posted_under_a_number_of_a_series_is_never_sent_again(
    target: Payments, client: BusinessCentral, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_from_a_series(client, monkeypatch)
    entered = enter(target, wanted())
    with pytest.raises(InDoubt, match="ledger has no entry"):
        finish(target, entered)
    assert credited(person, "SERIES-AP1-0") == 100
    finding = find(target, replace(entered, tried_to_post=True))
    assert (finding.found, finding.remote_id) == (Found.COMPLETE, entered.remote_id)
    assert "total is 0" in finding.differs_from(entered)
    assert "left batch STPAYA" in finding.detail
    assert "number series" in finding.detail


def test_a_line_that_a_person_deleted_is_absent(target: Payments, person: Person) -> None:
    entered = enter(target, wanted())
    person.acts("DELETE", path_of(entered), etag="*")
    assert find(target, entered).found is Found.ABSENT
    assert find(target, replace(entered, tried_to_post=True)).found is Found.COMPLETE  # nobody can tell


@pytest.mark.parametrize("fault", ["http_500_before", "html", "drop_before"])
def test_a_line_that_cannot_be_asked_for_by_id_is_unknown(
    target: Payments, person: Person, faults: Faults, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr("st_erp_pipelines.resources.http.READ_ATTEMPTS", 1)
    entered = enter(target, wanted())
    person.acts("DELETE", path_of(entered), etag="*")
    faults.add(fault, method="GET", path_contains=path_of(entered))
    assert find(target, entered).found is Found.UNKNOWN
    assert find(target, entered).found is Found.ABSENT


# What proves nothing


def test_a_server_that_ignores_the_filter_proves_nothing(
    target: Payments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(target, wanted(payment=9))
    rows = client.rows
    monkeypatch.setattr(client, "rows", lambda path, filter="", **query: rows(path, **query))
    findings = target.look_up([wanted(payment=1), wanted(payment=2)])
    assert {finding.found for finding in findings.values()} == {Found.UNKNOWN}


def test_a_line_that_vanishes_while_we_look_proves_nothing(
    target: Payments, client: BusinessCentral, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = enter(target, wanted())
    rows = client.rows

    def vanishing(path: str, **query: Any) -> Any:
        found = rows(path, **query)
        if path == "generalLedgerEntries" and person.sees("customerPayments"):
            person.acts("DELETE", path_of(entered), etag="*")
        return found

    monkeypatch.setattr(client, "rows", vanishing)
    assert find(target, wanted()).found is Found.UNKNOWN
    assert find(target, wanted()).found is Found.ABSENT


def test_a_server_that_joins_no_startswith_is_asked_one_by_one(faults: Faults) -> None:
    app = business_central_app(SEED, speed=1000, faults=faults, start_or_supported=False)
    with running(app) as url, client_of(url) as client:
        target = target_of(client)
        post(target, wanted(payment=2))
        findings = target.look_up([wanted(payment=1), wanted(payment=2)])
    assert [finding.found for finding in findings.values()] == [Found.ABSENT, Found.COMPLETE]


# Faults


@pytest.mark.parametrize("fault", ["drop_after", "http_500_after", "html_after"])
def test_a_line_entered_without_an_answer_is_found_and_its_batch_rests(
    target: Payments, faults: Faults, person: Person, fault: Any
) -> None:
    faults.add(fault, method="POST", path_contains="customerPayments")
    with pytest.raises(InDoubt):
        enter(target, wanted())
    with pytest.raises(Unavailable, match="no payment batch of STPAYA is free"):
        target.send(wanted(payment=2), Move.ENTER)
    finding = find(target, wanted())
    assert finding.found is Found.UNFINISHED
    finish(target, go_on(wanted(), finding))
    post(target, wanted(payment=2))
    assert (credited(person, "AP1-0"), credited(person, "AP2-0")) == (100, 100)


def test_a_line_that_never_arrived_frees_its_batch_once_that_is_proven(
    target: Payments, faults: Faults, person: Person
) -> None:
    faults.add("drop_before", method="POST", path_contains="customerPayments")
    with pytest.raises(InDoubt):
        enter(target, wanted())
    assert find(target, wanted()).found is Found.ABSENT
    post(target, wanted(payment=2))


def test_what_was_posted_without_an_answer_is_found_posted(target: Payments, faults: Faults) -> None:
    entered = enter(target, wanted())
    faults.add("drop_after", method="POST", path_contains="NAV.post")
    with pytest.raises(InDoubt):
        finish(target, entered)
    assert find(target, wanted()).found is Found.COMPLETE
    with pytest.raises(InDoubt, match="gone"):
        target.prepare(entered)
    with pytest.raises(InDoubt, match="is empty"):
        target.send(entered, Move.POST)


def test_an_accepted_posting_without_entries_is_in_doubt(
    target: Payments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = enter(target, wanted())
    write = client.write

    def queued(method: str, path: str, **rest: Any) -> Any:
        return {} if "NAV.post" in path else write(method, path, **rest)

    monkeypatch.setattr(client, "write", queued)
    with pytest.raises(InDoubt, match="ledger has no entry"):
        finish(target, entered)


def test_a_refused_posting_takes_its_line_out_of_the_batch(target: Payments, person: Person) -> None:
    entered = enter(target, wanted())
    person.sets(setup={"allowPostingFrom": "2026-12-01"})
    with pytest.raises(Rejected) as refused:
        finish(target, entered)
    assert (refused.value.cause, refused.value.date_bound) == ("closed_period", True)
    assert person.sees("customerPayments") == []
    person.sets(setup={"allowPostingFrom": "0001-01-01"})
    post(target, wanted(payment=2))  # the batch is free


def test_a_refused_line_that_cannot_be_removed_lets_the_batch_rest(
    target: Payments, person: Person, faults: Faults
) -> None:
    entered = enter(target, wanted())
    person.sets(setup={"allowPostingFrom": "2026-12-01"})
    faults.add("http_500_before", method="DELETE")
    with pytest.raises(Rejected) as refused:
        finish(target, entered)
    assert "still stands in batch STPAYA" in refused.value.sentence()
    with pytest.raises(Unavailable):
        target.send(wanted(payment=2), Move.ENTER)


def test_a_line_refused_at_entering_leaves_the_batch_free(target: Payments) -> None:
    with pytest.raises(Rejected):
        enter(target, wanted(customer_number="NOBODY"))
    post(target, wanted(payment=2))


# Batches


def test_a_line_of_somebody_else_is_never_posted(target: Payments, person: Person) -> None:
    entered = enter(target, wanted())
    person.enters(journal="STPAYA", customerNumber="STA-2", documentNumber="G1", amount=-5, postingDate=POSTED_ON)
    with pytest.raises(Unavailable, match="STPAYA is not used: it holds 'G1'"):
        finish(target, entered)
    assert [line["documentNumber"] for line in person.sees("customerPayments")] == ["G1"]
    assert credited(person, "G1") == 0
    reply = target.send(wanted(batches=["STPAYA", "STPAYB"]), Move.ENTER)  # another one serves meanwhile
    assert "'G1'" in reply.warning
    finish(target, go_on(wanted(batches=["STPAYA", "STPAYB"]), reply))
    assert credited(person, "AP1-0") == 100


def test_a_ledger_line_of_somebody_else_stops_a_batch_too(target: Payments, person: Person) -> None:
    person.enters(journal="STPAYA", accountNumber="1020", documentNumber="G2", amount=5, postingDate=POSTED_ON)
    with pytest.raises(Unavailable, match="'G2'"):
        enter(target, wanted())
    assert person.sees("customerPayments") == []


def test_the_blank_line_that_posting_leaves_stops_nothing(
    target: Payments, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = client.rows
    blank = {"documentNumber": "", "amount": 0, "accountNumber": ""}

    def with_blank(path: str, **query: Any) -> Any:
        return [blank, *rows(path, **query)] if path.endswith("journalLines") else rows(path, **query)

    monkeypatch.setattr(client, "rows", with_blank)
    post(target, wanted())


def test_our_own_line_is_not_called_somebody_elses(target: Payments, client: BusinessCentral) -> None:
    enter(target, wanted())
    restarted = target_of(client)
    restarted.look_up([wanted(), wanted(payment=2)])
    with pytest.raises(Unavailable) as refused:
        restarted.send(wanted(payment=2), Move.ENTER)
    assert "not used" not in refused.value.sentence()


def test_a_batch_is_used_again_once_it_was_cleared(target: Payments, person: Person) -> None:
    person.enters(journal="STPAYA", customerNumber="STA-2", documentNumber="G1", amount=-5, postingDate=POSTED_ON)
    with pytest.raises(Unavailable):
        enter(target, wanted())
    (line,) = person.sees("customerPayments")
    person.acts("DELETE", f"customerPaymentJournals({line['journalId']})/customerPayments({line['id']})", etag="*")
    post(target, wanted())


def test_a_missing_batch_is_created_with_its_account(target: Payments, person: Person) -> None:
    post(target, wanted(batches=["STCARD"], balancing_account="1020"))
    (batch,) = person.sees("customerPaymentJournals", code="STCARD")
    assert batch["balancingAccountNumber"] == "1020"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"balancing_account": "1020"}, "batch STPAYA balances to account 1010, .* says 1020"),
        ({"batches": ["STCARD"], "balancing_account": "9999"}, "account '9999' does not exist"),
        ({"batches": ["STCARD"], "balancing_account": ""}, "names no account"),
    ],
)
def test_a_batch_and_its_mapping_must_agree(target: Payments, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(Rejected, match=text):
        enter(target, wanted(**changes))


def test_drafts_share_their_batch_and_move_to_another_for_posting(target: Payments, person: Person) -> None:
    drafts = [wanted(payment=number, batches=["STDRAFT"]) for number in (1, 2)]
    entered = [enter(target, one) for one in drafts]
    assert [target.prepare(one).remote_id for one in entered] == [one.remote_id for one in entered]
    assert {finding.likeness for finding in target.look_up(drafts).values()} == {Likeness.EQUAL}
    assert len(person.sees("customerPayments", journalDisplayName="STDRAFT")) == 2
    finding = find(target, replace(wanted(), ours=True))
    assert (finding.likeness, finding.etag) == (Likeness.DIFFERENT, entered[0].etag)
    target.send(entered[0], Move.REMOVE)
    post(target, wanted())
    assert len(person.sees("customerPayments")) == 1


def test_the_batch_of_drafts_is_never_posted(target: Payments, person: Person) -> None:
    entered = [enter(target, wanted(payment=number, batches=["STDRAFT"])) for number in (1, 2)]
    for refused_by in (
        lambda: target.send(entered[0], Move.POST),
        lambda: target.prepare(replace(entered[0], payload=wanted().payload)),
    ):
        with pytest.raises(Rejected) as refused:
            refused_by()
        assert refused.value.cause == "draft_batch"
    assert len(person.sees("customerPayments", journalDisplayName="STDRAFT")) == 2
    assert person.sees("generalLedgerEntries") == []


def test_as_many_at_once_as_there_are_batches(target: Payments, person: Person) -> None:
    """Eight threads on two batches: each line is posted alone, and none is lost."""
    assert target.lanes == 2
    ones = [wanted(payment=number, batches=["STPAYA", "STPAYB"]) for number in range(1, 9)]
    target.look_up(ones)
    failures: list[BaseException] = []

    def work(one: Wanted) -> None:
        try:
            finish(target, go_on(one, target.send(one, Move.ENTER)))
        except BaseException as error:
            failures.append(error)

    run([lambda one=one: work(one) for one in ones])
    assert failures == []
    assert {credited(person, one.key) for one in ones} == {Decimal(100)}
    assert person.sees("customerPayments") == []


def test_one_that_waits_too_long_for_a_batch_sends_nothing(
    target: Payments, person: Person, client: BusinessCentral
) -> None:
    client.timing = Timing(timedelta(seconds=4))  # so that a send may be 0.2 s late
    waiting = target_of(client)
    entered = enter(waiting, wanted())
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no payment batch of STPAYA is free"):
        waiting.send(wanted(payment=2), Move.ENTER)
    assert time.monotonic() - began < 2
    finish(waiting, entered)
    post(waiting, wanted(payment=2))


def run(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
