"""The lists of ServiceTitan that the sandbox serves, with the parameters that the OpenAPI documents name."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_filters import (
    ACTIVE,
    ACTIVE_STATE,
    ADDRESS,
    CREATED,
    CUSTOM,
    IDS,
    MODIFIED,
    ONLY_ACTIVE,
    ONLY_ACTIVE_STATE,
    STATUSES,
)
from st_erp_pipelines.sandbox.servicetitan_journal_lists import JOURNAL
from st_erp_pipelines.sandbox.servicetitan_pricebook_lists import PRICEBOOK, PRICEBOOK_SINGLES
from st_erp_pipelines.sandbox.servicetitan_purchasing_lists import PURCHASING, PURCHASING_SINGLES
from st_erp_pipelines.sandbox.servicetitan_query import (
    APPLICATION,
    EXTERNAL_DATA,
    WITHOUT_ACCOUNTING,
    Listing,
    Single,
    at_least,
    at_most,
    before,
    contains,
    each_of,
    flag,
    ids,
    list_of,
    number,
    numbers,
    since,
    switch,
    text,
    texts,
)
from st_erp_pipelines.sandbox.servicetitan_work_lists import WORK, WORK_SINGLES

LISTINGS = (
    Listing(
        "accounting",
        "/invoices",
        "invoices",
        "tn.acc.invoices:r",
        IDS
        | ACTIVE_STATE
        | CREATED
        | MODIFIED
        | {
            "statuses": each_of("syncStatus", STATUSES),
            "batchId": number("batch.id"),
            "batchNumber": number("batch.number"),
            "jobId": number("job.id"),
            "jobNumber": text("job.number"),
            "businessUnitId": number("businessUnit.id"),
            "customerId": number("customer.id"),
            "invoicedOnOrAfter": since("invoiceDate"),
            "invoicedOnBefore": before("invoiceDate"),
            "dueDateOnOrAfter": since("dueDate"),
            "dueDateBefore": before("dueDate"),
            "adjustmentToId": number("adjustmentToId"),
            "number": text("referenceNumber"),
            "totalGreater": at_least("total"),
            "totalLess": at_most("total"),
            "reviewStatuses": each_of(
                "reviewStatus",
                "NeedsReview OnHold Reviewed PendingApproval Rejected ReadyForBilling Invoiced",
            ),
            "assignedToIds": numbers("assignedTo.id"),
            "invoiceConfigurations": each_of(
                "invoiceConfiguration",
                "JobInvoice ProjectInvoice CounterSales MembershipInvoice InterestChargeInvoice ARImportInvoice",
            ),
        },
        sort="id modifiedOn createdOn",
        defaults=ONLY_ACTIVE_STATE,
        unserved=f"{CUSTOM} balanceFilter.Balance balanceFilter.Comparer orderBy orderByDirection",
    ),
    Listing(
        "accounting",
        "/payments",
        "payments",
        "tn.acc.payments:r",
        IDS
        | ACTIVE_STATE
        | CREATED
        | MODIFIED
        | {
            "statuses": list_of("syncStatus", STATUSES),
            "appliedToInvoiceIds": ids("appliedTo.appliedTo"),
            "appliedToReferenceNumber": text("appliedTo.appliedToReferenceNumber"),
            "batchId": number("batch.id"),
            "batchNumber": number("batch.number"),
            "businessUnitIds": ids("businessUnit.id"),
            "customerId": number("customer.id"),
            "depositIds": ids("deposit.id"),
            "paidOnAfter": since("date"),
            "paidOnBefore": before("date"),
            "totalGreater": at_least("total"),
            "totalLess": at_most("total"),
        },
        sort="id modifiedOn createdOn",
        defaults=ONLY_ACTIVE_STATE,
        unserved=f"{CUSTOM} transactionType",
    ),
    Listing(
        "accounting",
        "/credit-memos",
        "credit_memos",
        "tn.acc.creditmemos:r",
        IDS
        | ACTIVE
        | CREATED
        | MODIFIED
        | {
            "businessUnitIds": ids("businessUnit.id"),
            "appliedToInvoiceIds": ids("appliedTo.appliedTo"),
            "appliedToReferenceNumber": text("appliedTo.appliedToReferenceNumber"),
            "dateOnOrAfter": since("date"),
            "dateBefore": before("date"),
            "batchId": number("batch.id"),
            "batchNumber": text("batch.number"),
        },
        sort="id modifiedOn createdOn",
        defaults=ONLY_ACTIVE,
        unserved=f"{CUSTOM} appliedBefore appliedOnOrAfter totalFilter.Amount "
        "totalFilter.Comparer balanceFilter.Amount balanceFilter.Comparer",
    ),
    Listing(
        "accounting",
        "/credit-memos/credit-memo-items",
        "credit_memo_items",
        "tn.acc.creditmemos:r",
        ACTIVE | CREATED | {"creditMemoIds": ids("creditMemoId"), "businessUnitIds": ids("businessUnit.id")},
        sort="id createdOn",
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "accounting",
        "/payment-types",
        "payment_types",
        "tn.acc.paymenttypes:r",
        IDS | ACTIVE | CREATED,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "accounting",
        "/payment-terms",
        "payment_terms",
        "tn.acc.paymentterms:r",
        IDS | CREATED | MODIFIED,
        sort="id name createdOn",
    ),
    Listing(
        "accounting",
        "/gl-accounts",
        "gl_accounts",
        "tn.acc.glaccounts:r",
        IDS
        | ACTIVE
        | CREATED
        | MODIFIED
        | {
            "names": texts("name"),
            "numbers": texts("number"),
            "types": texts("type"),
            "subtypes": texts("subtype"),
            "description": contains("description"),
            "source": each_of("source", "Undefined AccountingSystem ManuallyCreated PublicApi"),
            "isIntacctGroup": flag("isIntacctGroup"),
            "isIntacctBankAccount": flag("isIntacctBankAccount"),
        },
        sort="id name number modifiedOn createdOn",
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "accounting",
        "/tax-zones",
        "tax_zones",
        "tn.acc.taxzones:r",
        IDS | ACTIVE | CREATED | MODIFIED,
        sort="id name createdOn",
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "crm",
        "/customers",
        "customers",
        "tn.crm.customers:r",
        IDS
        | ACTIVE
        | CREATED
        | MODIFIED
        | EXTERNAL_DATA
        | {WITHOUT_ACCOUNTING: switch(), "name": contains("name")}
        | {part: contains(f"address.{part}") for part in ADDRESS},
        sort="id modifiedOn createdOn",
        defaults=ONLY_ACTIVE,
        unserved="latitude longitude phone",
    ),
    Listing(
        "crm",
        "/customers/contacts",
        "customer_contacts",
        "tn.crm.customers:r",
        CREATED | MODIFIED | {"customerIds": ids("customerId")},
        one_of=("modifiedBefore", "modifiedOnOrAfter"),
    ),
    Listing(
        "crm",
        "/customers/{id:int}/contacts",
        "customer_contacts",
        "tn.crm.customers:r",
        {},
        parent=("customers", "customerId", "customerId"),
    ),
    Listing(
        "settings",
        "/business-units",
        "business_units",
        "tn.stt.businessunits:r",
        IDS | ACTIVE | CREATED | MODIFIED | {"name": contains("name"), APPLICATION: EXTERNAL_DATA[APPLICATION]},
        defaults=ONLY_ACTIVE,
    ),
    *PURCHASING,
    *PRICEBOOK,
    *WORK,
    *JOURNAL,
)

SINGLES = (
    Single("accounting", "/payment-types/{id:int}", "payment_types", "tn.acc.paymenttypes:r"),
    Single("crm", "/customers/{id:int}", "customers", "tn.crm.customers:r"),
    Single("settings", "/business-units/{id:int}", "business_units", "tn.stt.businessunits:r", external=True),
    *PURCHASING_SINGLES,
    *PRICEBOOK_SINGLES,
    *WORK_SINGLES,
    Single("accounting", "/journal-entries/{id}", "journal_entries", "tn.acc.journalentries:r"),
)
