"""50,000 invoices of 12 items, about 14 kB each, as pages of ServiceTitan's list, and a server that only sends them.

The server runs in a process of its own and hands files to the socket by `sendfile`, so that it costs the
pipeline beside it as little as it can. It ignores the window: every record is in it.
"""

from __future__ import annotations

import json
import random
import socketserver
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

INVOICES, ITEMS, PAGE = 50_000, 12, 1000
TOKEN = b'{"access_token": "t", "expires_in": 900, "token_type": "Bearer", "scope": ""}'
TRADE = """
    replaced condenser fan motor capacitor tested airflow charge refrigerant coil cleaned drain line flushed
    thermostat wiring relay contactor filter inspected furnace burner ignition customer approved warranty
"""
WORDS = TRADE.split()


def page_file(folder: Path, page: int) -> Path:
    return folder / f"page-{page:05}.json"


def render(folder: Path) -> None:
    """Write the pages that are not there yet; always the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in range(1, INVOICES // PAGE + 1):
        file = page_file(folder, page)
        if not file.exists():
            chance = random.Random(page)
            first = (page - 1) * PAGE
            envelope = {
                "page": page, "pageSize": PAGE, "hasMore": page * PAGE < INVOICES, "totalCount": INVOICES,
                "data": [_invoice(first + n, chance) for n in range(PAGE)],
            }  # fmt: skip
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(envelope, separators=(",", ":")), "utf-8")
            partial.replace(file)


def _invoice(id: int, chance: random.Random) -> dict[str, object]:
    items = [_item(id * 100 + n, n, chance) for n in range(ITEMS)]
    cents = sum(int(str(item["total"]).replace(".", "")) for item in items)
    tax, day = cents * 825 // 10000, f"2026-10-{1 + id % 28:02}"
    address = {
        "street": f"{id} Elm St",
        "unit": None,
        "city": "Austin",
        "state": "TX",
        "zip": "78701",
        "country": "USA",
    }
    return {
        "id": id, "syncStatus": "Posted", "summary": f"<p>{_text(chance, 20)}</p>", "referenceNumber": str(id),
        "invoiceDate": f"{day}T00:00:00Z", "dueDate": f"{day}T00:00:00Z", "subTotal": _money(cents),
        "salesTax": _money(tax), "salesTaxCode": {"id": 9, "name": "TX", "taxRate": 0.0825}, "taxZoneId": 9,
        "total": _money(cents + tax), "balance": "0.00", "discountTotal": "0.00", "invoiceType": None,
        "customer": {"id": id % 9000, "name": f"Customer {id % 9000}"}, "customerAddress": address,
        "location": {"id": id % 9500, "name": f"Location {id % 9500}"}, "locationAddress": address,
        "businessUnit": {"id": id % 12, "name": f"Unit {id % 12}"}, "termName": "Net 30", "createdBy": "office",
        "batch": {"id": 5, "number": "5", "name": "October"}, "depositedOn": None,
        "createdOn": f"{day}T13:14:15.1234567Z", "modifiedOn": f"{day}T15:{id % 60:02}:15.7654321Z",
        "adjustmentToId": None, "job": {"id": id, "number": str(id), "type": "Repair"}, "projectId": None,
        "sentStatus": "Sent", "reviewStatus": "Reviewed", "assignedTo": None, "items": items,
        "customFields": [], "active": True, "importId": None, "exportId": None, "paidOn": None,
        "invoiceConfiguration": "JobInvoice",
    }  # fmt: skip


def _item(id: int, order: int, chance: random.Random) -> dict[str, object]:
    account = {"id": 1, "name": "Service income", "number": f"40{order:02}", "type": "Income", "detailType": "Income"}
    quantity, price = chance.randrange(1, 5), chance.randrange(100, 90_000)
    return {
        "id": id, "type": "Service", "skuId": order, "skuName": f"SKU-{order:03}", "displayName": _text(chance, 3),
        "description": f"<p>{_text(chance, 14)} &amp; {_text(chance, 6)}</p>", "quantity": f"{quantity}.0000000",
        "price": _money(price), "total": _money(quantity * price), "cost": "10.00", "totalCost": "10.00",
        "memberPrice": _money(price), "taxable": True, "isChargeable": True, "inventory": False, "addOn": False,
        "order": order, "generalLedgerAccount": account, "costOfSaleAccount": account, "assetAccount": None,
        "businessUnit": {"id": id % 12, "name": f"Unit {id % 12}"}, "itemGroup": None, "membershipTypeId": 0,
        "soldHours": 1.5, "inventoryLocation": None, "inventoryLocationId": None, "serviceDate": None,
        "technicianId": chance.randrange(100), "estimateItemId": None, "installedEquipmentId": None,
        "importId": None, "exportId": None, "inventoryStatus": None, "createdById": 3, "displayInAmount": True,
        "createdOn": "2026-10-02T13:14:15.1234567Z", "modifiedOn": "2026-10-02T13:14:15.1234567Z", "budgetCodeId": None,
    }  # fmt: skip


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._head(len(TOKEN))
        self.wfile.write(TOKEN)

    def do_GET(self) -> None:
        page = int(parse_qs(urlsplit(self.path).query)["page"][0])
        with page_file(self.folder, page).open("rb") as body:
            self._head(body.seek(0, 2))
            self.connection.sendfile(body, 0)

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    _Pages.folder = Path(sys.argv[1])
    with _Server(("127.0.0.1", 0), _Pages) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
