"""Marking documents as exported in ServiceTitan, which locks them there: safe to repeat.

The reply is 200 even for rows that failed; each row says. `/payments/status` says nothing at all
(reference: OpenAPI accounting-v2, MarkInvoiceAsExported..., UpdatePaymentStatusRequest).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from st_erp_pipelines.outbox.export_marks import MARKED, Open
from st_erp_pipelines.resources.http import parsed
from st_erp_pipelines.resources.servicetitan import ServiceTitan

ROWS_PER_CALL = 50
DEADLINE = timedelta(seconds=100)  # the server's own
ROWS = {"invoice": ("invoices", "invoiceId"), "credit_memo": ("credit-memos", "creditMemoId")}


def mark_exported(client: ServiceTitan, kind: str, records: Sequence[Open]) -> dict[str, str]:
    """Of at most 50 records, by source key, what became of each: MARKED, or ServiceTitan's word on why not."""
    return _payments(client, records) if kind == "payment" else _rows(client, kind, records)


def _rows(client: ServiceTitan, kind: str, records: Sequence[Open]) -> dict[str, str]:
    path, key = ROWS[kind]
    body = [{key: each.source_id, "externalId": each.numbers, "externalMessage": each.business_key} for each in records]
    replied = parsed(_send(client, f"{path}/markasexported", body))
    by_id = {
        row[key]: MARKED if row["success"] else row["errorMessage"] or "refused without a reason" for row in replied
    }
    return {each.source_key: by_id.get(each.source_id, "the reply does not name it") for each in records}


def _payments(client: ServiceTitan, records: Sequence[Open]) -> dict[str, str]:
    _send(client, "payments/status", {"paymentIds": [each.source_id for each in records], "status": "Exported"})
    return {each.source_key: MARKED for each in records}


def _send(client: ServiceTitan, path: str, body: Any) -> Any:
    url = f"accounting/v2/tenant/{client.tenant_id}/{path}"
    return client.api.write("POST", url, operation="mark as exported", document="", deadline=DEADLINE, json=body)
