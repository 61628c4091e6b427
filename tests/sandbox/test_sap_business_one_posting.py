"""Partners, documents, payments, drafts and what settles what, in the sandbox's SAP Business One."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.sap_business_one_client import (
    BANK,
    CONTROL,
    REVENUE,
    TAX,
    Client,
    connected,
    document,
    line,
    payment,
)

NOTHING = "404 -2028: No matching records found (ODBC -2028)"
BILL_TO = {"AddressName": "Bill to", "AddressType": "bo_BillTo", "Street": "1 Elm Ct", "State": "IL", "Country": "US"}


@pytest.fixture
def sbo() -> Iterator[Client]:
    with connected() as client:
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    """For tests that only get refused."""
    with connected() as client:
        yield client


# --- business partners -----------------------------------------------------------------------------------


def test_a_partner_gets_defaults_and_can_be_made_once(sbo: Client) -> None:
    body = {"CardCode": "ST1", "CardName": "New", "BPAddresses": [BILL_TO], "ContactEmployees": [{"Name": "Ann"}]}
    made = sbo.post("BusinessPartners", body)
    assert (made["CardType"], made["GroupCode"], made["Currency"], made["PayTermsGrpCode"]) == (
        "cCustomer",
        100,
        "USD",
        1,
    )
    assert (made["DebitorAccount"], made["BilltoDefault"], made["ContactPerson"]) == (CONTROL, "Bill to", "Ann")
    assert (made["BPAddresses"][0]["RowNum"], made["BPAddresses"][0]["BPCode"]) == (0, "ST1")
    assert sbo.refused("POST", "BusinessPartners", body) == (
        "400 -10: 1320000140 - Business partner code 'ST1' already assigned to a business partner; "
        "enter a unique business partner code"
    )
    assert sbo.post("BusinessPartners", {"CardName": "Numbered", "Series": 1})["CardCode"] == "C00001"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"CardCode": None}, "400 -5002: Enter a business partner code"),
        ({"CardCode": "A" * 16}, "400 -1000: CServiceData::SetPropertyValueString failed; Value too long"),
        ({"CardType": "cFriend"}, "400 -1000: Invalid value in property 'CardType'"),
        ({"GroupCode": 7}, NOTHING),
        ({"PayTermsGrpCode": 7}, NOTHING),
        ({"BPAddresses": [BILL_TO | {"Country": "USA"}]}, NOTHING),
        ({"BPAddresses": [BILL_TO | {"State": "Illinois"}]}, "400 -1000: CServiceData::SetPropertyValueString"),
        ({"BPAddresses": [BILL_TO | {"State": "ZZ"}]}, NOTHING),
        ({"BPAddresses": [BILL_TO, BILL_TO]}, "400 -2035: This entry already exists"),
        ({"ContactEmployees": [{"Name": "Ann"}, {"Name": "Ann"}]}, "400 -2035: This entry already exists"),
    ],
)
def test_refuses_a_partner(shared: Client, changes: dict[str, Any], refusal: str) -> None:
    assert shared.refused("POST", "BusinessPartners", {"CardCode": "ST1"} | changes).startswith(refusal)
    assert "ST1" not in [row["CardCode"] for row in shared.rows("BusinessPartners")]


def test_a_change_of_a_partner_knows_rows_by_their_number(sbo: Client) -> None:
    sbo.post("BusinessPartners", {"CardCode": "ST1", "BPAddresses": [BILL_TO], "ContactEmployees": [{"Name": "Ann"}]})
    ship_to = BILL_TO | {"AddressName": "Site", "AddressType": "bo_ShipTo"}
    path = "BusinessPartners('ST1')"
    changes = {"CardCode": "OTHER", "Phone1": "1", "BPAddresses": [{"RowNum": 0, "Street": "2 Elm Ct"}, ship_to]}
    sbo.patch(path, changes)
    row = sbo.get(path)
    assert (row["CardCode"], row["Phone1"], row["DataVersion"]) == ("ST1", "1", 2)
    assert [each["Street"] for each in row["BPAddresses"]] == ["2 Elm Ct", "1 Elm Ct"]
    assert sbo.refused("PATCH", path, {"BPAddresses": [BILL_TO]}).startswith("400 -2035")
    sbo.patch(path, {"BPAddresses": [{"RowNum": 1}]}, B1S_ReplaceCollectionsOnPatch="true")
    row = sbo.get(path)
    assert [each["AddressName"] for each in row["BPAddresses"]] == ["Site"]
    assert (row["BilltoDefault"], row["ShipToDefault"], len(row["ContactEmployees"])) == (None, "Site", 1)


def test_a_partner_with_documents_stays(sbo: Client) -> None:
    sbo.invoice()
    assert sbo.refused("DELETE", "BusinessPartners('C1')").startswith("400 -5002")
    assert sbo.send("DELETE", "BusinessPartners('C3')").status_code == 204


# --- invoices and credit notes ---------------------------------------------------------------------------


def test_an_invoice_writes_its_journal_entry(sbo: Client) -> None:
    lines = [
        line("100.00", TaxCode="TX", CostingCode="HVAC", ProjectCode="P1"),
        line("33.33", TaxCode="TX"),
        line("-10"),
    ]
    made = sbo.post("Invoices", document("ST-INV-1", DocumentLines=lines))
    assert (made["VatSum"], made["DocTotal"], made["PaidToDate"]) == (Decimal("11"), Decimal("134.33"), 0)
    assert (made["DocDueDate"][:10], made["DocumentStatus"], made["CancelStatus"]) == (
        "2026-04-04",
        "bost_Open",
        "csNo",
    )
    entry = sbo.get(f"JournalEntries({made['TransNum']})")
    assert (entry["OriginalJournal"], entry["Original"], entry["Reference2"]) == (
        "ttARInvoice",
        made["DocEntry"],
        "ST-INV-1",
    )
    posted = [(row["AccountCode"], row["ShortName"], row["Debit"], row["Credit"]) for row in entry["JournalEntryLines"]]
    assert posted == [
        (CONTROL, "C1", Decimal("134.33"), 0),
        (REVENUE, REVENUE, 0, 100),
        (REVENUE, REVENUE, 0, Decimal("33.33")),
        (REVENUE, REVENUE, 10, 0),
        (TAX, TAX, 0, 11),
    ]
    assert (entry["JournalEntryLines"][1]["CostingCode"], entry["JournalEntryLines"][1]["ProjectCode"]) == (
        "HVAC",
        "P1",
    )
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == Decimal("134.33")


def test_the_same_document_twice_is_two(sbo: Client) -> None:
    first, second = sbo.invoice("ST-INV-1"), sbo.invoice("ST-INV-1")
    assert (second["DocEntry"], second["DocNum"]) == (first["DocEntry"] + 1, first["DocNum"] + 1)
    assert sbo.post("CreditNotes", document("ST-INV-1"))["DocNum"] == first["DocNum"]  # a series of its own
    sbo.payment("10.00", Remarks="ST-PMT-1")
    sbo.payment("10.00", Remarks="ST-PMT-1")
    assert len(sbo.rows("IncomingPayments?$filter=Remarks eq 'ST-PMT-1'")) == 2


@pytest.mark.parametrize(
    ("changes", "line_changes", "refusal"),
    [
        ({"CardCode": "NOBODY"}, {}, "400 -5002: Invalid BP code  [OINV.CardCode] , 'NOBODY'"),
        ({"CardCode": "C2"}, {}, "400 -5002: Business partner 'C2' is inactive  [OINV.CardCode]"),
        ({}, {"AccountCode": "NONE"}, NOTHING),
        ({}, {"AccountCode": "40100"}, NOTHING),  # a FormatCode is no Code
        ({}, {"AccountCode": "FROZEN"}, "400 -5002: Account 'FROZEN' is inactive"),
        ({}, {"AccountCode": "TITLE"}, "400 -5002: Account 'TITLE' is inactive"),
        ({}, {"AccountCode": CONTROL}, f"400 -5002: Account '{CONTROL}' is a control account"),
        ({}, {"TaxCode": "XX"}, "400 -10: 234000286 - Specify valid tax code 'XX'"),
        ({}, {"VatGroup": "XX"}, "400 -10: 234000286 - Specify valid tax code 'XX'"),
        ({}, {"ProjectCode": "XX"}, NOTHING),
        ({}, {"ProjectCode": "OLD"}, "400 -5002: Project 'OLD' is inactive"),
        ({}, {"CostingCode": "XX"}, NOTHING),
        ({}, {"CostingCode": "SECOND"}, NOTHING),
        ({"DocDate": "2026-01-15"}, {}, "400 -4013: Posting period locked; specify an alternative date"),
        ({"DocDate": "2026-02-15"}, {}, "400 -4013: Posting period locked"),
        ({"DocDate": "2025-12-31"}, {}, "400 -5002: Date deviates from permissible range"),
        ({}, {"LineTotal": -1}, "400 -5002: Document total value must be zero or greater than zero"),
        ({"DocType": "dDocument_Items"}, {}, NOTHING),  # without an item
        ({"DocCurrency": "EUR"}, {}, "400 -5002: Update the exchange rate"),
        ({"DocumentLines": []}, {}, "400 -5002: Document has no lines"),
    ],
)
def test_refuses_a_document(
    shared: Client, changes: dict[str, Any], line_changes: dict[str, Any], refusal: str
) -> None:
    body = document("A", DocumentLines=[line("10.00", **line_changes)]) | changes
    assert shared.refused("POST", "Invoices", body).startswith(refusal)
    assert shared.state()["Invoices"] == shared.state()["JournalEntries"] == []


def test_items_discounts_and_value_added_tax(sbo: Client) -> None:
    lines = [{"ItemCode": "PART", "Quantity": 3, "UnitPrice": Decimal("9.99"), "DiscountPercent": 10, "VatGroup": "O1"}]
    made = sbo.post("Invoices", document("A", DocType="I", DiscountPercent=50, DocumentLines=lines))
    shown = made["DocumentLines"][0]
    assert (shown["LineTotal"], shown["AccountCode"], shown["TaxTotal"]) == (Decimal("26.97"), REVENUE, Decimal("5.12"))
    assert (made["TotalDiscount"], made["VatSum"], made["DocTotal"]) == (
        Decimal("13.48"),
        Decimal("2.56"),
        Decimal("16.05"),
    )
    entry = sbo.get(f"JournalEntries({made['TransNum']})")["JournalEntryLines"]
    assert sum(row["Debit"] - row["Credit"] for row in entry) == 0


def test_a_document_without_an_amount_is_closed_at_once(sbo: Client) -> None:
    made = sbo.invoice("A", "0")
    assert (made["DocTotal"], made["DocumentStatus"]) == (0, "bost_Close")


def test_a_posted_document_changes_in_its_texts_alone(sbo: Client) -> None:
    made = sbo.invoice()
    path = f"Invoices({made['DocEntry']})"
    sbo.patch(path, {"Comments": "note", "DocDueDate": "2026-05-01", "U_STKey": "K", "DocTotal": 1})
    sbo.patch(path, {"DocumentLines": [{"LineNum": 0, "FreeText": "free"}]})
    row = sbo.get(path)
    assert (row["Comments"], row["DocDueDate"][:10], row["U_STKey"], row["DocTotal"]) == (
        "note",
        "2026-05-01",
        "K",
        100,
    )
    assert (row["DocumentLines"][0]["FreeText"], row["DataVersion"]) == ("free", 3)
    refusal = "Field cannot be updated (ODBC -1029)"
    assert sbo.refused("PATCH", path, {"DocDate": "2026-03-06"}) == f"400 -1029: [OINV.DocDate] , {refusal}"
    for row, field in (({"LineNum": 0, "LineTotal": 1}, "LineTotal"), ({"FreeText": "no number"}, "LineNum")):
        refused = sbo.refused("PATCH", path, {"DocumentLines": [row]})
        assert refused == f"400 -1029: [INV1.{field}] , {refusal}"


def test_cancelling_makes_a_second_document(sbo: Client) -> None:
    made = sbo.invoice("ST-INV-1")
    assert sbo.send("POST", f"Invoices({made['DocEntry']})/Cancel").status_code == 204
    rows = sbo.rows("Invoices?$filter=NumAtCard eq 'ST-INV-1'&$select=DocEntry,CancelStatus,DocumentStatus,DocTotal")
    assert [(row["CancelStatus"], row["DocumentStatus"]) for row in rows] == [
        ("csYes", "bost_Close"),
        ("csCancellation", "bost_Close"),
    ]
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == 0
    assert sbo.refused("POST", f"Invoices({made['DocEntry']})/Cancel").startswith("400 -5002")
    assert len(sbo.rows("Invoices?$filter=CancelStatus eq 'csNo' and NumAtCard eq 'ST-INV-1'")) == 0
    other = sbo.invoice("ST-INV-2")["DocEntry"]
    body = {"Document": {"DocEntry": other, "Comments": "wrong"}}
    assert sbo.send("POST", "InvoicesService_Cancel2", body).status_code == 204
    assert sbo.get(f"Invoices({other})")["CancelStatus"] == "csYes"


def test_a_paid_invoice_is_not_cancelled_and_one_of_a_locked_period_neither(sbo: Client) -> None:
    paid, old = sbo.invoice()["DocEntry"], sbo.invoice()["DocEntry"]
    sbo.control("pay", {"invoice": paid, "amount": 1})
    assert sbo.refused("POST", f"Invoices({paid})/Cancel").startswith("400 -5002: Document is already closed")
    sbo.control("set", {"periods": [{"from": "2026-01-01", "to": "2026-12-31", "status": "ltLocked"}]})
    assert sbo.refused("POST", f"Invoices({old})/Cancel").startswith("400 -4013")


def test_a_credit_note_settles_the_invoice_that_it_is_based_on(sbo: Client) -> None:
    made = sbo.invoice("A", "100.00", "50.00")
    based = {"BaseType": 13, "BaseEntry": made["DocEntry"], "BaseLine": 1}
    credit = sbo.post("CreditNotes", document("B", DocumentLines=[based]))
    assert (credit["DocTotal"], credit["DocumentStatus"], credit["PaidToDate"]) == (50, "bost_Close", 50)
    invoice = sbo.get(f"Invoices({made['DocEntry']})")
    assert (invoice["PaidToDate"], invoice["DocumentStatus"]) == (50, "bost_Open")
    assert sbo.post("CreditNotes", document("C"))["DocumentStatus"] == "bost_Open"  # based on nothing


# --- payments --------------------------------------------------------------------------------------------


def test_a_payment_closes_its_invoices_and_the_rest_stays_on_account(sbo: Client) -> None:
    first, second = sbo.invoice("A")["DocEntry"], sbo.invoice("B")["DocEntry"]
    made = sbo.payment("160.00", (first, "100.00"), (second, "50.00"), TransferReference="ST-PMT-1")
    assert "DocTotal" not in made
    rows = {row["NumAtCard"]: (row["PaidToDate"], row["DocumentStatus"]) for row in sbo.rows("Invoices")}
    assert rows == {"A": (100, "bost_Close"), "B": (50, "bost_Open")}
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == 40
    (entry,) = sbo.rows("JournalEntries?$filter=OriginalJournal eq 'ttReceipt'")
    assert [(row["AccountCode"], row["Debit"] - row["Credit"]) for row in entry["JournalEntryLines"]] == [
        (BANK, 160),
        (CONTROL, -160),
    ]
    refusal = "400 -10: Invoice is already closed or blocked  [Message 3524-20]"
    assert sbo.refused("POST", "IncomingPayments", payment("100.00", (first, "100.00"))) == refusal


def test_all_means_of_payment(sbo: Client) -> None:
    entry = sbo.invoice("A", "40.00")["DocEntry"]
    check = {"CheckSum": 10, "BankCode": "B1", "CheckNumber": 7, "DueDate": "2026-03-06", "CountryCode": "US"}
    card = {"CreditCard": 1, "CreditSum": 10, "VoucherNum": "1"}
    body = payment("10.00", (entry, "40.00"), CashSum=10, PaymentChecks=[check], PaymentCreditCards=[card])
    made = sbo.post("IncomingPayments", body)
    assert (made["PaymentChecks"][0]["LineNum"], made["CashAccount"]) == (0, BANK)
    assert sbo.get(f"Invoices({entry})")["DocumentStatus"] == "bost_Close"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"CardCode": "NOBODY"}, "400 -5002: Invalid BP code  [ORCT.CardCode] , 'NOBODY'"),
        ({"CardCode": "C2"}, "400 -5002: Business partner 'C2' is inactive"),
        ({"DocCurrency": "EUR"}, "400 -5002: Update the exchange rate"),
        ({"TransferAccount": "NONE"}, NOTHING),
        ({"TransferAccount": None}, NOTHING),
        ({"TransferDate": None}, "400 -5002: Specify a transfer date"),
        ({"TransferSum": 0}, "400 -5002: Specify a payment amount"),
        ({"TransferReference": "A" * 28}, "400 -1000: CServiceData"),
        ({"CounterReference": "A" * 9}, "400 -1000: CServiceData"),
        ({"DocDate": "2026-01-15"}, "400 -4013"),
        ({"PaymentChecks": [{"CheckSum": 1, "BankCode": "UNKNOWN"}]}, NOTHING),
        ({"PaymentInvoices": [{"DocEntry": 4711, "SumApplied": 1}]}, NOTHING),
        ({"DocTotal": 1}, "400 -1000: Property 'DocTotal' of 'Payment' is invalid"),
    ],
)
def test_refuses_a_payment(shared: Client, changes: dict[str, Any], refusal: str) -> None:
    assert shared.refused("POST", "IncomingPayments", payment("10.00") | changes).startswith(refusal)
    assert shared.state()["IncomingPayments"] == []


def test_refuses_a_payment_that_does_not_fit_its_invoice(sbo: Client) -> None:
    entry = sbo.invoice()["DocEntry"]
    for body, refusal in (
        (payment("200.00", (entry, "150.00")), "400 -5002: Amount to reconcile exceeds the open balance"),
        (payment("50.00", (entry, "100.00")), "400 -5002: Payment amount is less than the amount applied"),
        (payment("50.00", (entry, "50.00"), CardCode="C3"), NOTHING),
    ):
        assert sbo.refused("POST", "IncomingPayments", body).startswith(refusal)
    assert sbo.get(f"Invoices({entry})")["PaidToDate"] == 0
    assert len(sbo.state()["JournalEntries"]) == 1
    in_february = payment("100.00", (entry, "100.00"), DocDate="2026-02-15")
    sbo.post("IncomingPayments", in_february)  # closed for sales, not for payments


def test_cancelling_a_payment_opens_its_invoice(sbo: Client) -> None:
    entry = sbo.invoice()["DocEntry"]
    made = sbo.payment("100.00", (entry, "100.00"))["DocEntry"]
    assert sbo.send("POST", f"IncomingPayments({made})/Cancel").status_code == 204
    assert sbo.get(f"IncomingPayments({made})")["Cancelled"] == "tYES"
    row = sbo.get(f"Invoices({entry})")
    assert (row["PaidToDate"], row["DocumentStatus"]) == (0, "bost_Open")
    assert sbo.refused("POST", f"IncomingPayments({made})/Cancel").startswith("400 -5002")
    assert sbo.send("POST", f"Invoices({entry})/Cancel").status_code == 204


def test_money_is_given_back_by_a_person(sbo: Client) -> None:
    credit = sbo.post("CreditNotes", document("A", "40.00"))["DocEntry"]
    applied = [{"DocEntry": credit, "InvoiceType": "it_CredItnote", "SumApplied": 40}]
    body = payment("60.00", PaymentInvoices=applied)
    assert sbo.send("POST", "VendorPayments", body).status_code == 400
    made = sbo.control("enter", {"set": "VendorPayments", "body": body})["DocEntry"]
    assert [row["DocType"] for row in sbo.rows("VendorPayments")] == ["rCustomer"]
    assert sbo.get(f"CreditNotes({credit})")["DocumentStatus"] == "bost_Close"
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == 20
    (entry,) = sbo.rows("JournalEntries?$filter=OriginalJournal eq 'ttVendorPayment'")
    lines = [(row["AccountCode"], row["Debit"] - row["Credit"]) for row in entry["JournalEntryLines"]]
    assert lines == [(BANK, -60), (CONTROL, 60)]
    sbo.control("cancel", {"set": "VendorPayments", "key": made})
    assert sbo.get(f"CreditNotes({credit})")["PaidToDate"] == 0
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == -40


def test_a_credit_note_may_pay_a_part_of_an_invoice(sbo: Client) -> None:
    invoice = sbo.invoice("A")["DocEntry"]
    credit = sbo.post("CreditNotes", document("B", "40.00"))["DocEntry"]
    rows = [{"DocEntry": invoice}, {"DocEntry": credit, "InvoiceType": "it_CredItnote"}]  # all that is open of both
    made = sbo.payment("60.00", PaymentInvoices=rows)
    assert [row["SumApplied"] for row in made["PaymentInvoices"]] == [100, 40]
    closed = [sbo.get(path)["DocumentStatus"] for path in (f"Invoices({invoice})", f"CreditNotes({credit})")]
    assert (closed, sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"]) == (["bost_Close"] * 2, 0)


@pytest.mark.parametrize("touches", [True, False])
def test_whether_a_payment_touches_its_invoice_is_a_setting(sbo: Client, touches: bool) -> None:
    sbo.control("set", {"payments_touch_documents": touches})
    entry = sbo.invoice()["DocEntry"]
    sbo.payment("100.00", (entry, "100.00"))
    assert sbo.get(f"Invoices({entry})")["DataVersion"] == (2 if touches else 1)


# --- reconciliation and journal entries ------------------------------------------------------------------


def open_rows(sbo: Client) -> list[dict[str, Any]]:
    asked = {"CardOrAccount": "coaCard", "ReconDate": "2026-03-07", "InternalReconciliationBPs": [{"BPCode": "C1"}]}
    body = {"InternalReconciliationOpenTransParams": asked}
    found = sbo.post("InternalReconciliationsService_GetOpenTransactions", body)
    return list(found["InternalReconciliationOpenTransRows"])


def test_a_deposit_is_reconciled_with_an_invoice_later(sbo: Client) -> None:
    sbo.payment("80.00")
    entry = sbo.invoice()["DocEntry"]
    deposit, invoice = open_rows(sbo)
    assert (deposit["SrcObjTyp"], deposit["CreditOrDebit"], deposit["ReconcileAmount"]) == ("24", "codCredit", 80)
    assert (invoice["SrcObjTyp"], invoice["SrcObjAbs"], invoice["ReconcileAmount"]) == ("13", entry, 100)
    chosen = [row | {"Selected": "tYES", "ReconcileAmount": 80} for row in (deposit, invoice)]
    body = {"CardOrAccount": "coaCard", "ReconDate": "2026-03-07", "InternalReconciliationOpenTransRows": chosen}
    made = sbo.post("InternalReconciliations", body)
    assert (made["ReconType"], made["Total"]) == ("rtManual", 80)
    assert sbo.get(f"Invoices({entry})")["PaidToDate"] == 80
    assert [(row["SrcObjTyp"], row["ReconcileAmount"]) for row in open_rows(sbo)] == [("13", 20)]
    assert sbo.refused("POST", "InternalReconciliations", body).startswith("400 -5002: Amount to reconcile exceeds")
    undo = {"InternalReconciliationParams": {"ReconNum": made["ReconNum"]}}
    assert sbo.send("POST", "InternalReconciliationsService_Cancel", undo).status_code == 204
    assert sbo.get(f"Invoices({entry})")["PaidToDate"] == 0
    chosen[0]["ReconcileAmount"] = 70
    assert sbo.refused("POST", "InternalReconciliations", body).startswith("400 -5002: Reconciliation difference")


def test_journal_entries_by_hand(sbo: Client) -> None:
    lines = [{"ShortName": "C1", "Debit": 25}, {"AccountCode": REVENUE, "Credit": 25}]
    body = {"ReferenceDate": "2026-02-15", "Reference2": "ST-JE-1", "JournalEntryLines": lines}
    made = sbo.post("JournalEntries", body)
    assert (made["OriginalJournal"], made["Original"]) == ("ttJournalEntry", made["JdtNum"])
    assert sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"] == 25
    lines[1]["Credit"] = 24
    assert sbo.refused("POST", "JournalEntries", body) == "400 -5002: Unbalanced Transaction"
    lines[1] = {"AccountCode": CONTROL, "Credit": 25}
    assert "is a control account" in sbo.refused("POST", "JournalEntries", body)
    assert sbo.send("POST", f"JournalEntries({made['JdtNum']})/Cancel").status_code == 204
    both = sbo.rows("JournalEntries?$filter=Reference2 eq 'ST-JE-1' and OriginalJournal eq 'ttJournalEntry'")
    assert (len(both), sbo.get("BusinessPartners('C1')")["CurrentAccountBalance"]) == (2, 0)
    own = sbo.invoice()["TransNum"]
    assert sbo.refused("POST", f"JournalEntries({own})/Cancel").startswith("400 -5006")


# --- drafts and approvals --------------------------------------------------------------------------------


def test_a_draft_posts_nothing_until_it_is_saved(sbo: Client) -> None:
    made = sbo.post("Drafts", document("A", DocObjectCode="13", DocDate="2026-01-15"))
    path = f"Drafts({made['DocEntry']})"
    assert (made["DocObjectCode"], made["TransNum"]) == ("oInvoices", None)
    save = {"Document": {"DocEntry": made["DocEntry"], "DocDueDate": "2026-06-01"}}
    assert sbo.refused("POST", "DraftsService_SaveDraftToDocument", save).startswith("400 -4013")
    sbo.patch(path, {"DocDate": "2026-03-05", "DocumentLines": [line("70.00")]})
    assert sbo.get(path)["DocTotal"] == 70
    assert sbo.state()["JournalEntries"] == []
    assert sbo.send("POST", "DraftsService_SaveDraftToDocument", save).status_code == 204
    (invoice,) = sbo.rows("Invoices?$filter=NumAtCard eq 'A'")
    assert (invoice["DocTotal"], invoice["DocDueDate"][:10]) == (70, "2026-06-01")
    assert sbo.get(path)["DocumentStatus"] == "bost_Close"
    assert sbo.refused("POST", "DraftsService_SaveDraftToDocument", save).startswith("400 -5002")
    assert sbo.send("DELETE", path).status_code == 204


def test_an_approval_procedure_turns_a_document_into_a_draft(sbo: Client) -> None:
    sbo.control("set", {"approval_above": {"Invoices": "50.00", "IncomingPayments": 50}})
    assert sbo.refused("POST", "Invoices", document("A")) == NOTHING
    assert sbo.refused("POST", "IncomingPayments", payment("100.00", Remarks="P")) == NOTHING
    assert sbo.invoice("B", "50.00")["DocTotal"] == 50
    state = sbo.state()
    (draft,), (paid,) = state["Drafts"], state["PaymentDrafts"]
    assert (draft["NumAtCard"], draft["AuthorizationStatus"]) == ("A", "dasPending")
    assert (paid["Remarks"], paid["AuthorizationStatus"], len(state["JournalEntries"])) == ("P", "pasPending", 1)
    save = {"Document": {"DocEntry": draft["DocEntry"]}}
    assert sbo.refused("POST", "DraftsService_SaveDraftToDocument", save).startswith("400 -5002")
    sbo.control("approve", {"set": "Drafts", "key": draft["DocEntry"]})
    sbo.control("approve", {"set": "PaymentDrafts", "key": paid["DocEntry"]})
    assert [row["NumAtCard"] for row in sbo.rows("Invoices")] == ["B", "A"]
    assert sbo.rows("IncomingPayments")[0]["AuthorizationStatus"] == "pasGenerated"


def test_a_payment_may_lie_as_a_draft(sbo: Client) -> None:
    entry = sbo.invoice()["DocEntry"]
    made = sbo.post("PaymentDrafts", payment("100.00", (entry, "100.00")))["DocEntry"]
    sbo.patch(f"PaymentDrafts({made})", {"Remarks": "changed"})
    assert sbo.get(f"Invoices({entry})")["PaidToDate"] == 0
    assert sbo.send("POST", f"PaymentDrafts({made})/SaveDraftToDocument").status_code == 204
    assert sbo.rows("IncomingPayments")[0]["Remarks"] == "changed"
    assert sbo.rows("PaymentDrafts") == []


# --- the hand of a person --------------------------------------------------------------------------------


def test_what_a_person_does_there(sbo: Client) -> None:
    entered = sbo.control("enter", {"set": "Invoices", "body": document("BY-HAND")})["DocEntry"]
    sbo.control("edit", {"set": "Invoices", "key": entered, "changes": {"NumAtCard": "TYPED"}})
    deposit = sbo.control("enter", {"set": "IncomingPayments", "body": payment("60.00")})["DocEntry"]
    sbo.control("reconcile", {"invoice": entered, "payment": deposit})
    sbo.control("pay", {"invoice": entered})
    row = sbo.get(f"Invoices({entered})")
    assert (row["NumAtCard"], row["PaidToDate"], row["DocumentStatus"]) == ("TYPED", 100, "bost_Close")
    other = sbo.control("enter", {"set": "Invoices", "body": document("B")})["DocEntry"]
    assert sbo.control("cancel", {"set": "Invoices", "key": other})["CancelStatus"] == "csYes"
    draft = sbo.post("Drafts", document("C", DocObjectCode="oInvoices"))["DocEntry"]
    sbo.control("remove", {"set": "Drafts", "key": draft})
    assert sbo.rows("Drafts") == []


def test_a_person_edits_a_business_partner(sbo: Client) -> None:
    home = {"AddressName": "Home", "City": "Austin"}
    sbo.patch("BusinessPartners('C1')", {"BPAddresses": [home, home | {"AddressName": "Work"}]})
    before = sbo.get("BusinessPartners('C1')")
    typed = {"CardName": "O'Hara", "Phone1": "312", "EmailAddress": "o@mail.example", "PayTermsGrpCode": 1}
    rows = {"BPAddresses": [{"RowNum": 1, "City": "Dallas"}]}
    sbo.control("edit", {"set": "BusinessPartners", "key": "C1", "changes": typed | rows})
    after = sbo.get("BusinessPartners('C1')")
    assert {name: after[name] for name in typed} == typed
    assert [row["City"] for row in after["BPAddresses"]] == ["Austin", "Dallas"]
    assert after["DataVersion"] == before["DataVersion"] + 1
    assert after["@odata.etag"] != before["@odata.etag"]
    assert (after["UpdateDate"], after["UpdateTime"]) >= (before["UpdateDate"], before["UpdateTime"])
    no_terms = {"set": "BusinessPartners", "key": "C1", "changes": {"PayTermsGrpCode": 9}}
    assert "-2028" in sbo.refused("POST", "/_control/sap_business_one/edit", no_terms)


def test_what_an_administrator_sets(sbo: Client) -> None:
    sbo.control(
        "set", {"BusinessPartners": {"C1": {"Frozen": "Y"}}, "ChartOfAccounts": {REVENUE: {"FrozenFor": "tYES"}}}
    )
    assert "Business partner 'C1' is inactive" in sbo.refused("POST", "Invoices", document("A"))
    assert "is inactive" in sbo.refused("POST", "Invoices", document("A", CardCode="C3"))
    sbo.control("set", {"ChartOfAccounts": {REVENUE: {"FrozenFor": "tNO"}}, "branches": [1]})
    assert "Specify an active branch" in sbo.refused("POST", "Invoices", document("A", CardCode="C3"))
    sbo.invoice(CardCode="C3", BPL_IDAssignedToInvoice=1)
    sbo.control("set", {"scripts": {"Invoices": "(1000) Ask Jane"}, "forbidden": ["GET IncomingPayments"]})
    assert sbo.refused("POST", "Invoices", document("A")) == "400 -1116: (1000) Ask Jane"
    assert sbo.refused("GET", "IncomingPayments").startswith("403 240005")
