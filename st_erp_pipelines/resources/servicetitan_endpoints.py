"""Which lists ServiceTitan has, and what each of them can be asked.

Paths, parameters and scopes are those of the public OpenAPI documents (accounting, crm, inventory, jpm, pricebook
and settings, v2).
An unknown query parameter is ignored over there, and everything comes back with a 200: hence the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PAGING = "page pageSize includeTotal"
CREATED = "createdOnOrAfter createdBefore"
MODIFIED = "modifiedOnOrAfter modifiedBefore"
APPLICATION = "externalDataApplicationGuid"  # external data is returned only to who names the application


@dataclass(frozen=True)
class Endpoint:
    """`filters`: its query parameters beyond those that all share. `windowed`: read by what was modified.

    `always` goes with each call, `with_window` with a modified window, `with_ids` with ids. What a list gives
    only in parts is asked for once with each of `parts`. `below` is the list that each record has under its own
    path: it is read with the record, as a further member.
    """

    path: str  # {module}/{resource}
    scope: str
    filters: str
    always: Mapping[str, str] = field(default_factory=dict)
    windowed: bool = False
    with_window: Mapping[str, str] = field(default_factory=dict)
    id_filter: str = "ids"
    only_by_id: bool = False
    with_ids: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Mapping[str, str], ...] = ({},)
    repeats_ids: bool = False  # ids=1&ids=2 instead of ids=1,2
    below: str = ""

    def url(self, tenant_id: int) -> str:
        module, _, resource = self.path.partition("/")
        return f"{module}/v2/tenant/{tenant_id}/{resource}"

    def parameters(self) -> frozenset[str]:
        return frozenset(f"{PAGING} {CREATED} {self.filters} {self.id_filter}".split())


# Lists leave inactive records out unless asked; a stable order is asked for where the document offers one.
ENDPOINTS: Mapping[str, Endpoint] = {
    "invoices": Endpoint(
        "accounting/invoices",
        "tn.acc.invoices:r",
        f"{MODIFIED} activeState sort statuses number customerId businessUnitId jobId adjustmentToId"
        " invoicedOnOrAfter invoicedOnBefore batchId",
        always={"activeState": "All", "sort": "+Id"},
        windowed=True,
    ),
    "payments": Endpoint(
        "accounting/payments",
        "tn.acc.payments:r",
        f"{MODIFIED} activeState sort statuses customerId businessUnitIds appliedToInvoiceIds"
        " paidOnAfter paidOnBefore batchId",
        always={"activeState": "All", "sort": "+Id"},
        windowed=True,
    ),
    "credit_memos": Endpoint(
        "accounting/credit-memos",
        "tn.acc.creditmemos:r",
        f"{MODIFIED} active businessUnitIds appliedToInvoiceIds dateOnOrAfter dateBefore batchId",
        always={"active": "Any"},
        windowed=True,
    ),
    "credit_memo_items": Endpoint(
        "accounting/credit-memos/credit-memo-items",
        "tn.acc.creditmemos:r",
        "active businessUnitIds",
        always={"active": "Any"},
        id_filter="creditMemoIds",
        only_by_id=True,
    ),
    "customers": Endpoint(
        "crm/customers",
        "tn.crm.customers:r",
        f"{MODIFIED} active sort name excludeAccountingChangesFromModifiedDateRange",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
        # Else a changed balance brings customers back about whom nothing changed.
        with_window={"excludeAccountingChangesFromModifiedDateRange": "true"},
    ),
    "customer_contacts": Endpoint(
        "crm/customers/contacts",
        "tn.crm.customers:r",
        MODIFIED,
        windowed=True,
        id_filter="customerIds",
        with_ids={"modifiedOnOrAfter": "2000-01-01T00:00:00Z"},  # one of the two bounds is demanded
    ),
    "business_units": Endpoint(
        "settings/business-units",
        "tn.stt.businessunits:r",
        f"{MODIFIED} {APPLICATION} active name",
        always={"active": "Any"},
    ),
    "payment_types": Endpoint("accounting/payment-types", "tn.acc.paymenttypes:r", "active", always={"active": "Any"}),
    "payment_terms": Endpoint(
        "accounting/payment-terms", "tn.acc.paymentterms:r", f"{MODIFIED} sort", always={"sort": "+Id"}
    ),
    "gl_accounts": Endpoint(
        "accounting/gl-accounts",
        "tn.acc.glaccounts:r",
        f"{MODIFIED} active names numbers types",
        always={"active": "Any"},
    ),
    "tax_zones": Endpoint(
        "accounting/tax-zones",
        "tn.acc.taxzones:r",
        f"{MODIFIED} active sort",
        always={"active": "Any", "sort": "+Id"},
    ),
    "vendors": Endpoint(
        "inventory/vendors",
        "tn.inv.vendors:r",
        f"{MODIFIED} {APPLICATION} active sort",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
        repeats_ids=True,
    ),
    "purchase_orders": Endpoint(
        "inventory/purchase-orders",
        "tn.inv.purchaseorders:r",
        f"{MODIFIED} sort status number jobId projectId dateOnOrAfter dateBefore",
        always={"sort": "+Id"},
        windowed=True,
    ),
    # Like orders, requests are never inactive: neither list has such a filter.
    "purchase_requests": Endpoint(
        "inventory/purchase-orders/requests",
        "tn.inv.purchaseorders:r",
        f"{MODIFIED} sort requestStatus requestNumber jobId projectId dateOnOrAfter dateBefore",
        always={"sort": "+Id"},
        windowed=True,
    ),
    "purchase_order_types": Endpoint(
        "inventory/purchase-order-types",
        "tn.inv.purchaseordertypes:r",
        f"{MODIFIED} active sort",
        always={"active": "Any", "sort": "+Id"},
        id_filter="",
    ),
    "warehouses": Endpoint(
        "inventory/warehouses",
        "tn.inv.warehouses:r",
        f"{MODIFIED} {APPLICATION} active sort",
        always={"active": "Any", "sort": "+Id"},
    ),
    "trucks": Endpoint(
        "inventory/trucks",
        "tn.inv.trucks:r",
        f"{MODIFIED} {APPLICATION} active sort",
        always={"active": "Any", "sort": "+Id"},
    ),
    "receipts": Endpoint(
        "inventory/receipts",
        "tn.inv.receipts:r",
        f"{MODIFIED} active sort number vendorInvoiceNumber billId vendorIds purchaseOrderIds syncStatuses"
        " receivedOnOrAfter receivedBefore",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
    ),
    "ap_bills": Endpoint(
        "accounting/ap-bills",
        "tn.acc.apbills:r",
        f"{MODIFIED} billType billNumber businessUnitIds syncStatuses statuses dateFrom dateTo batchId",
        windowed=True,
        parts=({"billType": "Procurement"}, {"billType": "ApBill"}),  # the first is the default
        # Whether a look-up by ids heeds the type is not documented: a bill may come twice, and totals say nothing.
        with_ids={"includeTotal": "false"},
    ),
    "bank_deposits": Endpoint(
        "accounting/bank-deposits",
        "tn.acc.bankdeposits:r",
        f"{MODIFIED} sort depositDateOnOrAfter depositDateBefore depositStatus syncStatus",
        always={"sort": "+Id"},
        windowed=True,
        below="transactions",
    ),
    "services": Endpoint(
        "pricebook/services",
        "tn.pb.services:r",
        f"{MODIFIED} {APPLICATION} active sort searchText",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
    ),
    "materials": Endpoint(
        "pricebook/materials",
        "tn.pb.materials:r",
        f"{MODIFIED} {APPLICATION} active sort searchText",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
    ),
    "equipment": Endpoint(
        "pricebook/equipment",
        "tn.pb.equipment:r",
        f"{MODIFIED} {APPLICATION} active sort searchText",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
    ),
    # Some have no modifiedOn, and there is no look-up by ids: always whole.
    "categories": Endpoint(
        "pricebook/categories",
        "tn.pb.categories:r",
        "active sort categoryType",
        always={"active": "Any", "sort": "+Id"},
        id_filter="",
    ),
    "locations": Endpoint(
        "crm/locations",
        "tn.crm.locations:r",
        f"{MODIFIED} {APPLICATION} active sort customerId",
        always={"active": "Any", "sort": "+Id"},
        windowed=True,
    ),
    # Jobs and projects are never inactive: their lists have no such filter.
    "jobs": Endpoint(
        "jpm/jobs",
        "tn.jpm.jobs:r",
        f"{MODIFIED} {APPLICATION} sort number projectId customerId locationId invoiceId",
        always={"sort": "+Id"},
        windowed=True,
    ),
    "projects": Endpoint(
        "jpm/projects",
        "tn.jpm.projects:r",
        f"{MODIFIED} {APPLICATION} sort customerId locationId",
        always={"sort": "+Id"},
        windowed=True,
    ),
}
