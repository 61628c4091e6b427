"""What is extracted from SAP Business One. What is done with it is alike for every ERP, see `erp.py`."""

SYSTEM = "sap_business_one"

WHOLE = (
    *("company", "finance_periods", "accounts", "dimensions", "distribution_rules", "projects", "payment_terms"),
    *("tax_codes", "credit_cards"),
)
BY_DAY = ("customers",)
NAMED_BY: dict[str, tuple[str, ...]] = {}  # lists behind those whose records name some of theirs
SALES = ("sales_invoices", "sales_credit_memos")
PERIOD = "finance_periods"  # which days are open; read again before anything is posted
# Read back after posting, for reconciliation.
READ_BACK_BY_DAY = (*SALES, "payments", "outgoing_payments")
READ_BACK_WHOLE = ()
OPTIONAL = ("outgoing_payments",)  # a user may post who may not read these: refunds then stay to be done
REFERENCES = ("journal_entries",)  # no flow needs them: read by a job of its own
