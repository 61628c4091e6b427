"""What is bought and paid in: vendors, purchase orders and what they ask for, receipts, AP bills; and bank deposits."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_filters import (
    ACTIVE,
    BY_TIME,
    CUSTOM,
    IDS,
    ONLY_ACTIVE,
    STATUSES,
    TIMES,
)
from st_erp_pipelines.sandbox.servicetitan_query import (
    EXTERNAL_DATA,
    Listing,
    Reader,
    Single,
    at_least,
    at_most,
    before,
    choice,
    contains,
    each_of,
    ids,
    list_of,
    number,
    numbers,
    since,
    text,
    until,
)
from st_erp_pipelines.sandbox.servicetitan_records import Condition

ORDER_STATUSES = "Pending Sent PartiallyReceived Received Exported Canceled"
BOTH = "PostedAndExported"


def sync_statuses() -> Reader:
    """The words of the life cycle, repeated; `PostedAndExported` stands for two of them."""
    read = each_of("syncStatus", STATUSES)

    def expanded(values: list[str]) -> Condition:
        found: Condition = read([word for value in values for word in _meant(value)])
        return found

    return expanded


def _meant(value: str) -> list[str]:
    return ["Posted", "Exported"] if value == BOTH else [value]


PURCHASING = (
    Listing(
        "inventory",
        "/vendors",
        "vendors",
        "tn.inv.vendors:r",
        {"ids": numbers("id"), **ACTIVE, **TIMES, **EXTERNAL_DATA},
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
        unserved=CUSTOM,
    ),
    Listing(
        "inventory",
        "/purchase-orders",
        "purchase_orders",
        "tn.inv.purchaseorders:r",
        IDS
        | TIMES
        | {
            "status": choice("status", ORDER_STATUSES),
            "number": text("number"),
            "jobId": number("jobId"),
            "jobIds": ids("jobId"),
            "technicianId": number("technicianId"),
            "projectId": number("projectId"),
            "dateOnOrAfter": since("date"),
            "dateBefore": before("date"),
            "sentOnOrAfter": since("sentOn"),
            "sentBefore": before("sentOn"),
        },
        sort=BY_TIME,
    ),
    Listing(
        "inventory",
        "/purchase-orders/requests",
        "purchase_order_requests",
        "tn.inv.purchaseorders:r",
        IDS
        | TIMES
        | {
            "requestStatus": choice("requestStatus", "PendingApproval Approved Rejected"),
            "requestNumber": text("requestNumber"),
            "jobId": number("jobId"),
            "jobIds": ids("jobId"),
            "technicianId": number("technicianId"),
            "projectId": number("projectId"),
            "dateOnOrAfter": since("date"),
            "dateBefore": before("date"),
        },
        sort=BY_TIME,
    ),
    Listing(
        "inventory",
        "/purchase-order-types",
        "purchase_order_types",
        "tn.inv.purchaseordertypes:r",
        ACTIVE | TIMES,
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "inventory",
        "/warehouses",
        "warehouses",
        "tn.inv.warehouses:r",
        IDS | ACTIVE | TIMES | EXTERNAL_DATA,
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "inventory",
        "/trucks",
        "trucks",
        "tn.inv.trucks:r",
        IDS | ACTIVE | TIMES | EXTERNAL_DATA,
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "inventory",
        "/receipts",
        "receipts",
        "tn.inv.receipts:r",
        IDS
        | ACTIVE
        | TIMES
        | {
            "number": text("number"),
            "vendorInvoiceNumber": text("vendorInvoiceNumber"),
            "billId": number("billId"),
            "batchId": number("batchId"),
            "vendorIds": ids("vendorId"),
            "businessUnitIds": ids("businessUnitId"),
            "inventoryLocationIds": ids("inventoryLocationId"),
            "purchaseOrderIds": ids("purchaseOrderId"),
            "syncStatuses": list_of("syncStatus", STATUSES),
            "receivedOnOrAfter": since("receivedOn"),
            "receivedBefore": before("receivedOn"),
        },
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
        unserved="customFields.Fields customFields.Operator",
    ),
    Listing(
        "accounting",
        "/ap-bills",
        "ap_bills",
        "tn.acc.apbills:r",
        IDS
        | TIMES
        | {
            "batchId": number("batch.id"),
            "batchNumber": number("batch.number"),
            "billNumber": contains("referenceNumber"),
            "businessUnitIds": ids("businessUnit.id"),
            "dateFrom": since("billDate"),
            "dateTo": until("billDate"),
            "jobNumber": contains("jobNumber"),
            "syncStatuses": sync_statuses(),
            "statuses": each_of("status", "Unreconciled Discrepancy Reconciled Canceled"),
            "sources": each_of("source", "Undefined Standalone Purchasing Recurring OCR API"),
            "minCost": at_least("billAmount"),
            "maxCost": at_most("billAmount"),
            # NotSet finds what carries this very word: nothing here; what it means is not documented.
            "billType": choice("billType", "NotSet Procurement ApBill"),
        },
        defaults={"billType": "Procurement"},
        unserved=f"{CUSTOM} purchaseOrderNumber purchaseOrderTypes dateReconciledBefore dateReconciledOnOrAfter "
        "threeWayMatchDiscrepancy",
    ),
    Listing(
        "accounting",
        "/bank-deposits",
        "bank_deposits",
        "tn.acc.bankdeposits:r",
        IDS
        | TIMES
        | {
            "depositDateOnOrAfter": since("depositDate"),
            "depositDateBefore": before("depositDate"),
            "reviewedOnOrAfter": since("reviewedOn"),
            "reviewedBefore": before("reviewedOn"),
            "reviewStatus": choice("reviewStatus", "NeedsReview Reviewed"),
            "depositStatus": choice("depositStatus", "Undefined Open Deposited"),
            "syncStatus": choice("syncStatus", STATUSES),
            "grossAmountGreater": at_least("grossAmount"),
            "grossAmountLess": at_most("grossAmount"),
        },
        sort=BY_TIME,
    ),
    Listing(
        "accounting",
        "/bank-deposits/{id:int}/transactions",
        "payments",
        "tn.acc.bankdeposits:r",
        {},
        # A transaction is the payment without this member.
        parent=("bank_deposits", "deposit.id", "refundedPaymentId"),
    ),
)

PURCHASING_SINGLES = (
    Single("inventory", "/vendors/{id:int}", "vendors", "tn.inv.vendors:r", external=True),
    Single("inventory", "/purchase-orders/{id:int}", "purchase_orders", "tn.inv.purchaseorders:r"),
    Single("accounting", "/ap-bills/{id:int}", "ap_bills", "tn.acc.apbills:r"),
)
