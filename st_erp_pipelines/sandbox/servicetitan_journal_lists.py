"""Journal entries, of tenants that work with the journal-entry integration; at most 500 rows a page."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_filters import TIMES
from st_erp_pipelines.sandbox.servicetitan_query import (
    Listing,
    contains,
    each_of,
    since,
    texts,
    until,
)

SYNC_STATUSES = "NotSynced InProgress Synced OutOfSync Error Excluded"
MOST_ROWS = 500
SCOPE = "tn.acc.journalentries:r"

JOURNAL = (
    Listing(
        "accounting",
        "/journal-entries",
        "journal_entries",
        SCOPE,
        TIMES
        | {
            "ids": texts("id"),
            "exportedFrom": since("exportedOn"),
            "exportedTo": until("exportedOn"),
            "postedFrom": since("postDate"),
            "postedTo": until("postDate"),
            "name": contains("name"),
            "statuses": each_of("status", "Open Closed"),
            "syncStatuses": each_of("syncStatus", SYNC_STATUSES),
        },
        sort="id number name status createdOn exportedOn postDate",
        most_rows=MOST_ROWS,
        unserved="exportedBy numberFrom numberTo transactionPostedFrom transactionPostedTo businessUnitIds "
        "serviceAgreementIds customerName locationName vendorName inventoryLocationName refNumber transactionTypes "
        "customField empty",
    ),
    Listing(
        "accounting",
        "/journal-entries/{id}/details",
        "journal_entry_lines",
        SCOPE,
        {},
        most_rows=MOST_ROWS,
        parent=("journal_entries", "_entry", "id"),
    ),
)
