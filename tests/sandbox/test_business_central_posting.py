"""What the sandbox's Business Central does with documents and payments, and what it refuses to do."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.sandbox.business_central import business_central_app
from tests.sandbox.business_central_client import Client, connected, line, seed

DIALOG = "400 Application_DialogException: "


def app(**changes: Any) -> Any:
    return business_central_app(seed(**changes), client_id="app", client_secret="secret", speed=1000)


@pytest.fixture
def bc() -> Iterator[Client]:
    with connected(app()) as client:
        yield client


def ledger(bc: Client, number: str) -> list[Any]:
    """(document type, account, debit less credit) in the order of entry."""
    return [
        (entry["documentType"], entry["accountNumber"], entry["debitAmount"] - entry["creditAmount"])
        for entry in bc.rows(f"generalLedgerEntries?$filter=documentNumber eq '{number}'")
    ]


def valid(dimension_lines: list[dict[str, Any]]) -> dict[str, str]:
    return {found["code"]: found["valueCode"] for found in dimension_lines}


def test_accepts_two_invoices_with_one_external_number(bc: Client) -> None:
    first, second = bc.posted("ST-A-INV-1"), bc.posted("ST-A-INV-1")
    found = bc.rows("salesInvoices?$filter=externalDocumentNumber eq 'ST-A-INV-1'")
    assert [row["id"] for row in found] == [first["id"], second["id"]]
    assert {row["status"] for row in found} == {"Open"}


def test_accepts_two_drafts_with_one_external_number_and_posts_both(bc: Client) -> None:
    drafts = [bc.invoice("ST-A-INV-1", "100.00") for _ in range(2)]
    assert {draft["status"] for draft in drafts} == {"Draft"}
    for draft in drafts:
        bc.post(f"salesInvoices({draft['id']})/Microsoft.NAV.post")
    found = bc.rows("salesInvoices?$filter=externalDocumentNumber eq 'ST-A-INV-1'")
    assert [(row["id"], row["status"]) for row in found] == [(draft["id"], "Open") for draft in drafts]


def test_accepts_two_payment_lines_with_one_number(bc: Client) -> None:
    bc.payment("AP1-0", "-10")
    bc.payment("AP1-0", "-10")
    bc.post(bc.post_batch())
    assert len(ledger(bc, "AP1-0")) == 4


def test_a_draft_shows_its_totals_and_blanks(bc: Client) -> None:
    terms = bc.id_of("paymentTerms", "code", "30 DAYS")
    draft = bc.invoice(" st-a-inv-1 ", "100.00", "-20.50", paymentTermsId=terms)
    shown = {name: draft[name] for name in ("externalDocumentNumber", "status", "currencyCode", "dueDate")}
    assert shown == {
        "externalDocumentNumber": "ST-A-INV-1",
        "status": "Draft",
        "currencyCode": "USD",
        "dueDate": "2026-03-31",
    }
    assert draft["totalAmountIncludingTax"] == Decimal("79.5")
    assert (draft["customerName"], draft["sellToCity"]) == ("O'Hara & Sons", "Oslo")
    assert (draft["promisedPayDate"], draft["orderId"]) == ("0001-01-01", "00000000-0000-0000-0000-000000000000")
    assert "salesInvoiceLines" not in draft


def test_a_failing_line_rolls_the_whole_insert_back(bc: Client) -> None:
    lines = [line("1.00"), line("2.00", lineObjectNumber="77777")]
    body = {"customerNumber": "C1", "salesInvoiceLines": lines}
    assert bc.refused("POST", "salesInvoices", body) == f"{DIALOG}Account does not exist."
    assert bc.state()["salesInvoices"] == []
    assert bc.invoice()["number"] == "S-INV102001"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"customerNumber": ""}, f'{DIALOG}A "customerNumber" or a "customerId" must be provided.'),
        ({"customerNumber": "NOBODY"}, f'{DIALOG}The "customerNumber" does not match to a Customer.'),
        ({"customerNumber": "C2"}, f"{DIALOG}You cannot create this type of document when Customer C2 is blocked with"),
        ({"customerNumber": "C3"}, "400 Application_FieldValidationException: Customer Posting Group must have a"),
        ({"currencyCode": "XXX"}, f'{DIALOG}The "currencyCode" does not match to a Currency.'),
        ({"shortcutDimension1Code": "NOPE"}, "400 Internal_InvalidTableRelation: The field Shortcut Dimension 1 Code"),
        ({"salesInvoiceLines": [line("1", lineObjectNumber="49999")]}, f"{DIALOG}Account does not exist."),
        ({"salesInvoiceLines": [line("1", lineObjectNumber="10300")]}, f"{DIALOG}Account does not exist."),
        ({"salesInvoiceLines": [line("1", lineType="Item")]}, f"{DIALOG}Item does not exist."),
        ({"salesInvoiceLines": [line("1", netAmount=1)]}, "400 BadRequest_InvalidOperation: Control 'netAmount' is"),
        (
            {"salesInvoiceLines": [line("1", sequence=7), line("1", sequence=7)]},
            "400 Internal_EntityWithSameKeyExists",
        ),
    ],
)
def test_refuses_drafts(bc: Client, change: dict[str, Any], refusal: str) -> None:
    assert bc.refused("POST", "salesInvoices", {"customerNumber": "C1", **change}).startswith(refusal)
    assert bc.state()["salesInvoices"] == []


def test_lines_keep_a_given_sequence_and_number_the_others(bc: Client) -> None:
    draft = bc.invoice("K", "1.00")
    path = f"salesInvoices({draft['id']})/salesInvoiceLines"
    bc.post(path, line("2.00", sequence=9990000))
    added = bc.post(path, line("3.00"))
    assert [found["sequence"] for found in bc.rows(path)] == [10000, 9990000, 10000000]
    assert bc.get(f"salesInvoices({draft['id']})")["totalAmountIncludingTax"] == 6
    same = bc.rows(f"salesInvoiceLines?$filter=documentId eq {draft['id']} and sequence eq 9990000")
    assert [found["unitPrice"] for found in same] == [2]
    refusal = bc.refused("PATCH", f"salesInvoiceLines({added['id']})", {"sequence": 5}, If_Match="*")
    assert 'The value for "sequence" cannot be modified' in refusal


def test_naming_the_object_resets_what_stands_before_it(bc: Client) -> None:
    late = {"description": "lost", "unitPrice": 5, "quantity": 2, "lineType": "Item", "lineObjectNumber": "PART"}
    draft = bc.post(
        "salesInvoices", {"customerNumber": "C1", "salesInvoiceLines": [late, {"description": "Just text"}]}
    )
    found = bc.rows(f"salesInvoices({draft['id']})/salesInvoiceLines")
    assert (found[0]["description"], found[0]["unitPrice"], found[0]["netAmount"]) == (
        "A part",
        Decimal("9.99"),
        Decimal("19.98"),
    )
    assert (found[1]["lineType"], found[1]["description"]) == ("Comment", "Just text")


def test_a_line_changes_its_header_and_only_with_its_own_etag(bc: Client) -> None:
    draft = bc.invoice()
    found = bc.rows(f"salesInvoices({draft['id']})/salesInvoiceLines")[0]
    changed = bc.patch(f"salesInvoiceLines({found['id']})", {"quantity": 3}, found["@odata.etag"])
    after = bc.get(f"salesInvoices({draft['id']})")
    assert (changed["amountExcludingTax"], after["totalAmountIncludingTax"]) == (300, 300)
    assert after["@odata.etag"] != draft["@odata.etag"]
    assert bc.send("DELETE", f"salesInvoices({draft['id']})", If_Match=draft["@odata.etag"]).status_code == 409
    assert bc.send("DELETE", f"salesInvoices({draft['id']})", If_Match=after["@odata.etag"]).status_code == 204
    assert bc.rows(f"salesInvoiceLines?$filter=documentId eq {draft['id']}") == []


def test_a_posting_date_alone_moves_the_other_dates(bc: Client) -> None:
    path = f"salesInvoices({bc.invoice()['id']})"
    moved = bc.patch(path, {"postingDate": "2026-04-01"})
    assert (moved["invoiceDate"], moved["dueDate"]) == ("2026-04-01", "2026-04-01")
    kept = bc.patch(path, {"postingDate": "2026-05-01", "invoiceDate": "2026-04-02", "dueDate": "2026-06-01"})
    assert (kept["invoiceDate"], kept["dueDate"]) == ("2026-04-02", "2026-06-01")


def test_posting_keeps_the_id_and_changes_number_and_lines(bc: Client) -> None:
    draft = bc.invoice("ST-A-INV-1", "60.00", "40.00", shortcutDimension1Code="HVAC")
    before = bc.rows(f"salesInvoices({draft['id']})/salesInvoiceLines")
    reply = bc.send("POST", f"salesInvoices({draft['id']})/Microsoft.NAV.Post")
    assert (reply.status_code, reply.text) == (204, "")
    posted = bc.get(f"salesInvoices({draft['id']})?$expand=salesInvoiceLines($expand=dimensionSetLines)")
    assert (draft["number"], posted["number"], posted["status"]) == ("S-INV102001", "PS-INV103001", "Open")
    lines = posted["salesInvoiceLines"]
    assert [found["sequence"] for found in lines] == [found["sequence"] for found in before]
    assert {found["id"] for found in lines}.isdisjoint(found["id"] for found in before)
    assert valid(lines[0]["dimensionSetLines"]) == {"DEPARTMENT": "HVAC"}
    expected = [("Invoice", "10300", 100), ("Invoice", "40100", -60), ("Invoice", "40100", -40)]
    assert ledger(bc, "PS-INV103001") == expected
    entry = bc.rows("generalLedgerEntries?$filter=accountNumber eq '40100'&$expand=dimensionSetLines")[0]
    assert valid(entry["dimensionSetLines"]) == {"DEPARTMENT": "HVAC"}
    again = bc.refused("POST", f"salesInvoices({draft['id']})/Microsoft.NAV.post")
    assert again == f"{DIALOG}The action can be applied to a draft invoice only."


def test_a_posted_invoice_is_closed_to_changes(bc: Client) -> None:
    posted = bc.posted()
    path = f"salesInvoices({posted['id']})"
    text = "has been posted and can no longer be modified."
    assert text in bc.refused("PATCH", path, {"postingDate": "2026-03-02"}, If_Match="*")
    assert text in bc.refused("POST", f"{path}/salesInvoiceLines", line("1"))
    assert text in bc.refused("POST", f"{path}/dimensionSetLines", {"code": "PROJECT", "valueCode": "P1"})
    assert bc.send("DELETE", path, If_Match="*").status_code == 400
    assert bc.patch(path, {"dueDate": "2026-09-01"})["dueDate"] == "2026-09-01"


@pytest.mark.parametrize(
    ("change", "amounts", "refusal"),
    [
        (
            {"setup": {"allowPostingFrom": "2026-04-01"}},
            ["1"],
            "Posting Date is not within your range of allowed posting",
        ),
        (
            {"setup": {"allowPostingTo": "2026-02-28"}},
            ["1"],
            "Posting Date is not within your range of allowed posting",
        ),
        ({"user_period": {"from": "2026-06-01", "to": "2026-06-30"}}, ["1"], "Posting Date is not within your range"),
        (
            {"customers": {"C1": {"blocked": "Invoice"}}},
            ["1"],
            "You cannot post this type of document when Customer C1",
        ),
        ({"customers": {"C1": {"_missing_posting_group": True}}}, ["1"], "Customer Posting Group must have a value in"),
        ({"accounts": {"40100": {"blocked": True}}}, ["1"], "Blocked must be equal to 'No' in G/L Account: No.=40100."),
        ({"external_document_mandatory": True}, ["1"], "External Document No. must have a value in Sales Header"),
        ({}, ["-1"], "The total amount for the invoice must be 0 or greater."),
        ({}, [], "Please add at least one line item to the invoice."),
        (
            {"dimension_defaults": [{"table": "Customer", "number": "C1", "dimension": "PROJECT", "mandatory": True}]},
            ["1"],
            "Select a Dimension Value Code for the Dimension Code PROJECT for Customer C1.",
        ),
        (
            {
                "dimension_defaults": [
                    {"table": "G/L Account", "number": "40100", "dimension": "PROJECT", "mandatory": True}
                ]
            },
            ["1"],
            "Select a Dimension Value Code for the Dimension Code PROJECT for G/L Account 40100.",
        ),
    ],
)
def test_refuses_to_post(bc: Client, change: dict[str, Any], amounts: list[str], refusal: str) -> None:
    lines = [line(amount) for amount in amounts]
    dates = {"postingDate": "2026-03-01", "invoiceDate": "2026-03-01"}
    draft = bc.post("salesInvoices", {"customerNumber": "C1", **dates, "salesInvoiceLines": lines})
    bc.control("set", change)
    said = bc.refused("POST", f"salesInvoices({draft['id']})/Microsoft.NAV.post")
    assert said.startswith("400 Application_")
    assert refusal in said
    after = bc.state()
    assert (after["salesInvoices"][0]["status"], after["generalLedgerEntries"]) == ("Draft", [])


def test_a_total_of_zero_needs_a_quantity(bc: Client) -> None:
    nothing = bc.post("salesInvoices", {"customerNumber": "C1", "salesInvoiceLines": [line("5", quantity=0)]})
    refusal = bc.refused("POST", f"salesInvoices({nothing['id']})/Microsoft.NAV.post")
    assert refusal.startswith(f"{DIALOG}There is nothing to post")
    assert bc.posted("ZERO", "0.00")["status"] == "Paid"


def test_dimensions_must_be_known_and_come_once(bc: Client) -> None:
    path = f"salesInvoices({bc.invoice(customer='PROJ')['id']})/dimensionSetLines"
    assert valid(bc.rows(path)) == {"PROJECT": "P1"}
    for body, text in (
        ({"valueCode": "P2"}, 'The "id" or "code" field must be filled in.'),
        ({"code": "PROJECT"}, 'The "valueId" or "valueCode" field must be filled in.'),
        ({"code": "NOPE", "valueCode": "P2"}, 'The "code" does not match to a Dimension.'),
        ({"code": "DEPARTMENT", "valueCode": "P2"}, 'The "valueCode" does not match to a Dimension Value.'),
        ({"code": "PROJECT", "valueCode": "P2"}, "The dimension set line already exists. Check existing"),
    ):
        assert bc.refused("POST", path, body).startswith(DIALOG + text)
    there = bc.rows(path)[0]
    changed = bc.patch(f"{path}({there['id']})", {"valueCode": "P2"}, there["@odata.etag"])
    assert (changed["valueCode"], changed["@odata.etag"] != there["@odata.etag"]) == ("P2", True)
    assert bc.post(path, {"code": "department", "valueCode": "hvac"})["parentType"] == "Sales_x0020_Invoice"


def test_lines_inherit_the_header_as_it_was(bc: Client) -> None:
    draft = bc.invoice()
    path = f"salesInvoices({draft['id']})"
    bc.post(f"{path}/dimensionSetLines", {"code": "DEPARTMENT", "valueCode": "PLUMB"})
    bc.post(f"{path}/salesInvoiceLines", line("5"))
    lines = bc.rows(f"{path}/salesInvoiceLines?$expand=dimensionSetLines")
    assert [valid(found["dimensionSetLines"]) for found in lines] == [{}, {"DEPARTMENT": "PLUMB"}]
    assert bc.get(path)["shortcutDimension1Code"] == "PLUMB"
    bc.post(
        f"{path}/salesInvoiceLines({lines[0]['id']})/dimensionSetLines", {"code": "DEPARTMENT", "valueCode": "HVAC"}
    )
    one = bc.rows(f"salesInvoiceLines({lines[0]['id']})/dimensionSetLines")
    assert (valid(one), one[0]["parentId"]) == ({"DEPARTMENT": "HVAC"}, lines[0]["id"])


@pytest.mark.parametrize(("customer", "tax"), [("TAX", "1.03"), ("C1", "0")])
def test_computes_tax_for_customers_liable_to_it(bc: Client, customer: str, tax: str) -> None:
    lines = [line("10.00", taxCode="TAXABLE"), line("5.00", taxCode="NONTAXABLE")]
    body = {"customerNumber": customer, "postingDate": "2026-03-01", "salesInvoiceLines": lines}
    draft = bc.post("salesInvoices", body)
    assert (draft["totalAmountExcludingTax"], draft["totalTaxAmount"]) == (15, Decimal(tax))
    bc.post(f"salesInvoices({draft['id']})/Microsoft.NAV.post")
    taxes = [amount for _, account, amount in ledger(bc, "PS-INV103001") if account == "23110"]
    assert taxes == ([-Decimal(tax)] if Decimal(tax) else [])


def test_the_discount_of_the_header_is_spread_over_the_lines(bc: Client) -> None:
    draft = bc.invoice("K", "10.00", "20.00", discountAmount=Decimal("1.00"))
    shares = [
        found["invoiceDiscountAllocation"] for found in bc.rows(f"salesInvoices({draft['id']})/salesInvoiceLines")
    ]
    assert (draft["totalAmountIncludingTax"], shares) == (29, [Decimal("0.33"), Decimal("0.67")])


def test_a_credit_memo_lowers_the_invoice_it_names(bc: Client) -> None:
    invoice = bc.posted("ST-A-INV-1", "100.00")
    body = {
        "customerNumber": "C1",
        "externalDocumentNumber": "ST-A-CM-1",
        "creditMemoDate": "2026-03-02",
        "postingDate": "2026-03-02",
        "invoiceNumber": invoice["number"],
        "salesCreditMemoLines": [line("30.00")],
    }
    memo = bc.post("salesCreditMemos", body)
    bc.post(f"salesCreditMemos({memo['id']})/Microsoft.NAV.post")
    assert bc.get(f"salesInvoices({invoice['id']})")["remainingAmount"] == 70
    expected = [("Credit_x0020_Memo", "10300", -30), ("Credit_x0020_Memo", "40100", 30)]
    assert ledger(bc, bc.get(f"salesCreditMemos({memo['id']})")["number"]) == expected
    empty = bc.post("salesCreditMemos", {"customerNumber": "C1"})
    refusal = bc.refused("POST", f"salesCreditMemos({empty['id']})/Microsoft.NAV.post")
    assert refusal == f"{DIALOG}Please add at least one line item to the credit memo."


def test_cancelling_posts_a_corrective_credit_memo(bc: Client) -> None:
    draft = bc.invoice("ST-A-INV-1")
    path = f"salesInvoices({draft['id']})"
    refusal = bc.refused("POST", f"{path}/Microsoft.NAV.cancel")
    assert refusal == f"{DIALOG}The action can be applied to a posted invoice only."
    bc.post(f"{path}/Microsoft.NAV.post")
    bc.post(f"{path}/Microsoft.NAV.cancel")
    after = bc.get(path)
    assert (after["status"], after["remainingAmount"]) == ("Canceled", 0)
    memo = bc.rows("salesCreditMemos?$expand=salesCreditMemoLines")[0]
    assert (memo["status"], memo["invoiceNumber"], len(memo["salesCreditMemoLines"])) == (
        "Corrective",
        after["number"],
        1,
    )
    assert sum(entry["debitAmount"] - entry["creditAmount"] for entry in bc.state()["generalLedgerEntries"]) == 0
    assert "has already been canceled" in bc.refused("POST", f"{path}/Microsoft.NAV.cancel")


def test_a_posted_batch_leaves_ledger_entries_and_an_invisible_line(bc: Client) -> None:
    invoice = bc.posted("ST-A-INV-1", "100.00")
    part = bc.payment("ap1-1", "-40.00", appliesToInvoiceId=invoice["id"])
    assert (part["documentNumber"], part["lineNumber"], part["appliesToInvoiceNumber"]) == (
        "AP1-1",
        10000,
        invoice["number"],
    )
    bc.post(bc.post_batch())
    assert bc.get(f"salesInvoices({invoice['id']})")["remainingAmount"] == 60
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    lines = f"customerPaymentJournals({journal})/customerPayments"
    assert bc.rows(lines) == []
    assert ledger(bc, "AP1-1") == [("Payment", "10300", -40), ("Payment", "10100", 40)]
    body = {"customerNumber": "C1", "documentNumber": "AP1-2", "amount": -60, "lineNumber": 10000}
    assert bc.refused("POST", lines, body).startswith("400 Internal_EntityWithSameKeyExists")
    rest = bc.payment("AP1-2", "-60.00", appliesToInvoiceNumber=invoice["number"])
    assert rest["lineNumber"] == 20000
    bc.post(bc.post_batch())
    paid = bc.get(f"salesInvoices({invoice['id']})")
    assert (paid["status"], paid["remainingAmount"]) == ("Paid", 0)


def test_a_person_applies_and_unapplies_a_posted_payment(bc: Client) -> None:
    """What is paid in part moves no modification time; that it is paid, or no longer, does."""
    invoice = bc.posted("ST-A-INV-1", "100.00")
    bc.payment("AP1-0", "-130.00")
    bc.post(bc.post_batch())

    def seen() -> tuple[Any, Any, bool]:
        now = bc.get(f"salesInvoices({invoice['id']})")
        return now["remainingAmount"], now["status"], now["lastModifiedDateTime"] == invoice["lastModifiedDateTime"]

    both = {"payment": "AP1-0", "invoice": invoice["number"]}
    nothing = "400 Internal_DataNotFoundFilter: There is no Cust. Ledger Entry within the filter."
    assert bc.refused("POST", "/_control/business_central/apply", both | {"amount": 101}) == nothing
    bc.control("apply", both | {"amount": 40})
    assert seen() == (60, "Open", True)
    bc.control("apply", both)
    assert seen() == (0, "Paid", False)
    assert bc.refused("POST", "/_control/business_central/apply", both) == nothing
    bc.control("unapply", both)
    assert seen() == (100, "Open", False)
    assert "does not have an application entry" in bc.refused("POST", "/_control/business_central/unapply", both)
    assert len(ledger(bc, "AP1-0")) == 2, "the general ledger shows nothing of it"


def test_a_person_reverses_a_posted_payment_under_its_number(bc: Client) -> None:
    invoice = bc.posted("ST-A-INV-1", "100.00")
    bc.payment("AP1-1", "-40.00", appliesToInvoiceId=invoice["id"])
    bc.post(bc.post_batch())
    is_applied = bc.refused("POST", "/_control/business_central/reverse", {"payment": "AP1-1"})
    assert is_applied.endswith("because the entry is either applied to an entry or has been changed by a batch job.")
    bc.control("unapply", {"payment": "AP1-1", "invoice": invoice["number"]})
    assert bc.get(f"salesInvoices({invoice['id']})")["remainingAmount"] == 100
    bc.control("reverse", {"payment": "AP1-1"})
    entries = bc.rows("generalLedgerEntries?$filter=documentNumber eq 'AP1-1'")
    assert [(row["accountNumber"], row["debitAmount"], row["creditAmount"]) for row in entries] == [
        ("10300", 0, 40), ("10100", 40, 0), ("10300", 0, -40), ("10100", -40, 0),
    ]  # fmt: skip
    assert len({row["entryNumber"] for row in entries}) == 4
    again = bc.refused("POST", "/_control/business_central/reverse", {"payment": "AP1-1"})
    assert again.endswith("because the entry has already been involved in a reversal.")


def test_a_person_pays_a_customer_back(bc: Client) -> None:
    bc.control(
        "refund", {"number": "AP9-0", "customer": "C1", "amount": 30, "account": "10100", "postingDate": "2026-03-06"}
    )
    assert ledger(bc, "AP9-0") == [("Refund", "10300", 30), ("Refund", "10100", -30)]


def test_one_bad_line_holds_the_whole_batch(bc: Client) -> None:
    bc.payment("AP1-0", "-10")
    wrong = bc.payment("AP2-0", "10")
    refusal = bc.refused("POST", bc.post_batch())
    assert refusal == (
        f"{DIALOG}Amount must be negative in Gen. Journal Line Journal Template Name='CASHRCPT',"
        "Journal Batch Name='STPAY',Line No.='20000'."
    )
    assert (len(bc.state()["customerPayments"]), bc.state()["generalLedgerEntries"]) == (2, [])
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    path = f"customerPaymentJournals({journal})/customerPayments({wrong['id']})"
    assert bc.send("DELETE", path, If_Match=wrong["@odata.etag"]).status_code == 204
    bc.post(bc.post_batch())
    assert len(ledger(bc, "AP1-0")) == 2


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"customerNumber": "C2"}, "You cannot create this type of document when Customer C2 is blocked"),
        ({"customerNumber": "NOBODY"}, 'The "customerNumber" does not match to a Customer.'),
        ({"postingDate": "2026-02-01"}, "You are not allowed to apply and post an entry to an entry with an earlier"),
        ({"appliesToInvoiceNumber": "PS-INV103002"}, "The Applies To Invoice values do not match to the same Invoice."),
        ({"appliesToInvoiceId": "draft"}, 'The "appliesToInvoiceId" should be the ID of an Open, Paid, Corrective'),
    ],
)
def test_refuses_payment_lines(bc: Client, changes: dict[str, Any], refusal: str) -> None:
    posted, draft = bc.posted("ONE"), bc.invoice("TWO")
    applied = {"appliesToInvoiceId": posted["id"]} | changes
    if applied["appliesToInvoiceId"] == "draft":
        applied["appliesToInvoiceId"] = draft["id"]
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    body = {"customerNumber": "C1", "postingDate": "2026-03-05", "documentNumber": "AP1-1", "amount": -1} | applied
    said = bc.refused("POST", f"customerPaymentJournals({journal})/customerPayments", body)
    assert said.startswith(DIALOG + refusal)


@pytest.mark.parametrize(
    ("rest", "change", "refusal"),
    [
        (
            {"appliesToInvoiceNumber": "NOPE"},
            {},
            "400 Internal_DataNotFoundFilter: There is no Cust. Ledger Entry within",
        ),
        (
            {},
            {"setup": {"allowPostingFrom": "2026-06-01"}},
            f"{DIALOG}Posting Date is not within your range of allowed",
        ),
        ({}, {"customers": {"C1": {"blocked": "All"}}}, f"{DIALOG}You cannot post this type of document when"),
        ({}, {"external_document_mandatory": True}, "400 Application_FieldValidationException: External Document No."),
        ({"batch": "LOOSE"}, {}, f"{DIALOG}The lines in Gen. Journal Line are out of balance by -10"),
    ],
)
def test_refuses_to_post_payments(bc: Client, rest: dict[str, str], change: dict[str, Any], refusal: str) -> None:
    bc.payment("AP1-0", "-10", **rest)
    bc.control("set", change)
    assert bc.refused("POST", bc.post_batch(rest.get("batch", "STPAY"))).startswith(refusal)
    assert len(bc.state()["customerPayments"]) == 1


def test_a_payment_line_takes_what_it_lacks_from_its_invoice_and_the_line_before(bc: Client) -> None:
    bc.payment("AP1-0", "-10")
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    body = {"amount": 5, "appliesToInvoiceId": bc.posted("ONE", customer="PROJ")["id"]}
    found = bc.post(f"customerPaymentJournals({journal})/customerPayments", body)
    taken = ("PROJ", "With a project", "2026-03-05", "AP1-0", 5)
    names = ("customerNumber", "description", "postingDate", "documentNumber", "amount")
    assert tuple(found[name] for name in names) == taken
    assert valid(bc.rows(f"customerPayments({found['id']})/dimensionSetLines")) == {"PROJECT": "P1"}


def test_without_a_balancing_account_a_line_too_early_is_found_out_at_posting(bc: Client) -> None:
    number = bc.posted("ONE")["number"]
    bc.payment("AP1-0", "-10", batch="LOOSE", postingDate="2026-02-01", appliesToInvoiceNumber=number)
    assert bc.refused("POST", bc.post_batch("LOOSE")).startswith(f"{DIALOG}You are not allowed to apply and post")


def test_an_invoice_paid_by_a_line_before_is_no_longer_open(bc: Client) -> None:
    number = bc.posted("ONE", "100.00")["number"]
    for part in ("AP1-0", "AP2-0"):
        bc.payment(part, "-100", appliesToInvoiceNumber=number)
    assert bc.refused("POST", bc.post_batch()).startswith("400 Internal_DataNotFoundFilter")


def test_only_journals_can_be_posted_and_list_the_general_template(bc: Client) -> None:
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    refusal = bc.refused("POST", f"customerPaymentJournals({journal})/Microsoft.NAV.post")
    assert refusal.startswith("404 BadRequest_ResourceNotFound")
    assert bc.refused("POST", bc.post_batch()) == f"{DIALOG}There is nothing to post."
    assert bc.rows("journals") == []
    assert len(bc.rows("journals?$filter=templateDisplayName eq 'CASHRCPT'")) == 2
    assert bc.get(f"journals({journal})")["code"] == "STPAY"


def test_makes_and_changes_batches(bc: Client) -> None:
    account = bc.id_of("accounts", "number", "10100")
    made = bc.post("customerPaymentJournals", {"code": "stnew", "balancingAccountId": account})
    assert (made["code"], made["balancingAccountNumber"]) == ("STNEW", "10100")
    again = bc.refused("POST", "customerPaymentJournals", {"code": "STNEW"})
    assert again.startswith("400 Internal_EntityWithSameKeyExists")
    changed = bc.patch(f"customerPaymentJournals({made['id']})", {"displayName": "New"}, made["@odata.etag"])
    assert changed["displayName"] == "New"


def test_a_batch_comes_with_its_payments_or_not_at_all(bc: Client) -> None:
    good, bad = ({"customerNumber": customer, "documentNumber": "AP1-0", "amount": -1} for customer in ("C1", "NOBODY"))
    said = bc.refused("POST", "customerPaymentJournals", {"code": "STNEW", "customerPayments": [good, bad]})
    assert said == f'{DIALOG}The "customerNumber" does not match to a Customer.'
    assert (bc.state()["customerPayments"], bc.rows("customerPaymentJournals?$filter=code eq 'STNEW'")) == ([], [])
    bc.post("customerPaymentJournals?$expand=customerPayments", {"code": "STNEW", "customerPayments": [good, good]})
    assert [found["lineNumber"] for found in bc.state()["customerPayments"]] == [10000, 20000]


def test_a_batch_name_with_digits_may_move_on() -> None:
    journals = [{"code": "ST09", "balancingAccountNumber": "10100"}]
    with connected(app(journals=journals, increment_batch_name=True)) as bc:
        before = bc.rows("customerPaymentJournals")[0]
        bc.payment("AP1-0", "-10", batch="ST09")
        bc.post(bc.post_batch("ST09"))
        after = bc.rows("customerPaymentJournals")
        assert [(row["code"], row["id"] != before["id"]) for row in after] == [("ST10", True)]


def test_a_persons_lines_are_posted_with_ours(bc: Client) -> None:
    bc.payment("AP1-0", "-10")
    hand = {"journal": "STPAY", "accountNumber": "40200", "documentNumber": "HAND", "amount": 5}
    bc.control("enter", hand | {"postingDate": "2026-03-05"})
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    assert [row["documentNumber"] for row in bc.rows(f"customerPaymentJournals({journal})/customerPayments")] == [
        "AP1-0"
    ]
    assert [row["documentNumber"] for row in bc.rows(f"journals({journal})/journalLines")] == ["HAND"]
    bc.post(bc.post_batch())
    assert ledger(bc, "HAND") == [("_x0020_", "40200", 5), ("_x0020_", "10100", -5)]


def test_people_enter_and_edit_documents(bc: Client) -> None:
    typed = {"type": "invoice", "customerNumber": "C2", "externalDocumentNumber": "PO-1", "postingDate": "2020-01-01"}
    lines = [{"accountNumber": "40100", "quantity": 1, "unitPrice": 50, "dimensions": {"PROJECT": "P2"}}]
    bc.control("enter", {**typed, "lines": lines})
    draft = bc.control("enter", {**typed, "status": "draft", "externalDocumentNumber": "PO-2", "lines": lines})
    edit = {"changes": {"customerPurchaseOrderReference": "JANE"}, "lines": [{"sequence": 10000, "unitPrice": 51}]}
    bc.control("edit_draft", {"id": draft["id"], **edit, "add_lines": [{"accountNumber": "40200"}]})
    posted, edited = bc.state()["salesInvoices"]
    assert (posted["status"], posted["lines"][0]["dimensions"]) == ("Open", {"PROJECT": "P2"})
    assert (edited["customerPurchaseOrderReference"], edited["totalAmountIncludingTax"], len(edited["lines"])) == (
        "JANE",
        51,
        2,
    )
    bc.control("edit_draft", {"id": draft["id"], "delete": True})
    assert len(bc.state()["salesInvoices"]) == 1


def test_a_person_edits_a_customers_card(bc: Client) -> None:
    (before,) = bc.rows("customers?$filter=number eq 'C1'")
    terms = bc.id_of("paymentTerms", "code", "30 DAYS")
    typed = {"displayName": "O'Hara", "phoneNumber": "312", "email": "o@mail.example", "addressLine1": "1 Elm Ct"}
    bc.control("edit_customer", {"number": "C1", "changes": typed | {"paymentTermsId": terms}})
    after = bc.get(f"customers({before['id']})")
    moved = {"lastModifiedDateTime", "@odata.etag"}
    assert {name for name in before if after[name] != before[name]} == {*typed, "paymentTermsId", *moved}
    assert after["lastModifiedDateTime"] > before["lastModifiedDateTime"]
    typed_wrongly = {"number": "C1", "changes": {"paymentTermsId": before["id"]}}
    assert "does not match" in bc.refused("POST", "/_control/business_central/edit_customer", typed_wrongly)


def test_a_released_invoice_shows_as_open_but_is_not_posted(bc: Client) -> None:
    typed = {"type": "invoice", "customerNumber": "C1", "postingDate": "2026-03-01"}
    released = bc.control(
        "enter", {**typed, "status": "released", "lines": [{"accountNumber": "40100", "quantity": 1}]}
    )
    path = f"salesInvoices({released['id']})"
    assert (bc.get(path)["status"], bc.get(path)["number"]) == ("Open", "S-INV102001")
    body = {"documentNumber": "AP1-0", "amount": -1, "appliesToInvoiceId": released["id"]}
    journal = bc.id_of("customerPaymentJournals", "code", "STPAY")
    assert "should be the ID of an Open" in bc.refused(
        "POST", f"customerPaymentJournals({journal})/customerPayments", body
    )
    bc.post(f"{path}/Microsoft.NAV.post")
    assert bc.get(path)["number"] == "PS-INV103001"


def test_the_seed_gives_the_same_ids_each_time() -> None:
    documents = [{"type": "invoice", "customerNumber": "C1", "lines": [{"accountNumber": "40100", "quantity": 1}]}]
    found = []
    for _ in range(2):
        with connected(app(posted=documents)) as bc:
            found.append((bc.rows("salesInvoices")[0]["id"], bc.rows("customers")[0]["id"], bc.invoice()["id"]))
    assert found[0][:2] == found[1][:2]
    assert found[0][2] != found[1][2], "a document made later must never share its id with one of an earlier run"
