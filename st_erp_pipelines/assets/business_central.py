"""What is extracted from Business Central. What is done with it is alike for every ERP, see `erp.py`."""

SYSTEM = "business_central"

WHOLE = (
    *("companies", "accounts", "dimensions", "dimension_values", "payment_methods", "payment_terms"),
    *("tax_areas", "tax_groups", "items", "customer_payment_journals", "general_ledger_setup"),
)
BY_DAY = ("customers",)
NAMED_BY: dict[str, tuple[str, ...]] = {}  # lists behind those whose records name some of theirs
SALES = ("sales_invoices", "sales_credit_memos")
PERIOD = "general_ledger_setup"  # which days are open; read again before anything is posted
# Read back after posting, for reconciliation.
READ_BACK_BY_DAY = (*SALES, "general_ledger_entries")
READ_BACK_WHOLE = ("customer_payments",)
OPTIONAL = ()
REFERENCES = ()  # no flow needs them: read by a job of its own
