"""What is extracted from SAP S/4HANA. What is done with it is alike for every ERP, see `erp.py`."""

SYSTEM = "sap_s4hana"

WHOLE = ("cost_centers",)
# Each behind those whose records name some of it: what they name is read by its number.
BY_DAY = ("supplier_invoices", "purchase_orders", "purchase_requisition_items", "suppliers")
NAMED_BY = {
    "purchase_orders": ("supplier_invoices",),
    "purchase_requisition_items": ("purchase_orders",),
    "suppliers": ("supplier_invoices", "purchase_orders", "purchase_requisition_items"),
}
SALES = ()
PERIOD = ""  # no service tells which days are open
READ_BACK_BY_DAY = ()
READ_BACK_WHOLE = ()
OPTIONAL = ()
REFERENCES = ()
