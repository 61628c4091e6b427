"""What is read of S/4HANA: the service and set of each list, what comes with a record, how a window of it is asked for.

Names are those of the EDMX. Only orders and requisitions have a stamp that can be filtered by; business partners tell
the day of their last change, cost centres nothing; supplier invoices a text in newer releases, then the day of their
creation, and in the oldest not even that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from st_erp_pipelines.resources.odata import any_of, in_chunks, quoted
from st_erp_pipelines.resources.sap_s4hana.replies import COST_CENTERS, INVOICES, ORDERS, PARTNERS, REQUISITIONS
from st_erp_pipelines.resources.sap_s4hana.wire import Row, date_literal, identity, moment_literal

if TYPE_CHECKING:
    from st_erp_pipelines.settings import SapS4hana as Settings

DAY = timedelta(days=1)
INVOICE_STAMP = "SuplrInvcLstChgDteTmeTxt"
INVOICE_WINDOWS = (INVOICE_STAMP, "CreationDate", "PostingDate")  # the best that a release has
ENTERED_LATE = timedelta(days=62)  # after the posting date, at most: the previous period is open beside the current one


@dataclass(frozen=True)
class Entity:
    """`key`: what a record is known by, and asked for again. `stamp` of a record: when it was changed, as ISO."""

    service: str
    path: str
    key: tuple[str, ...]
    expand: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    stamp: Callable[[Row], str | None] = lambda row: row.get("LastChangeDateTime")

    def named(self, row: Row) -> Row:
        stamp = self.stamp(row)
        return {"id": identity(row, self.key), **({"modifiedOn": stamp} if stamp else {}), **row}


def _invoice_stamp(row: Row) -> str | None:
    """`YYYYMMDDhhmmss` and more, with a dot or without, in UTC."""
    digits = str(row.get(INVOICE_STAMP) or "").strip()[:14]
    return f"{datetime.strptime(digits, '%Y%m%d%H%M%S'):%Y-%m-%dT%H:%M:%S}Z" if digits else None


ENTITIES = {
    # Addresses, blocks and tax numbers may change without moving its day: the newest read is the newest.
    "suppliers": Entity(
        PARTNERS,
        "A_BusinessPartner",
        ("Supplier",),
        (
            *("to_Supplier/to_SupplierCompany", "to_Supplier/to_SupplierPurchasingOrg", "to_BusinessPartnerTax"),
            *(f"to_BusinessPartnerAddress/to_{each}" for each in ("EmailAddress", "PhoneNumber", "AddressUsage")),
        ),
    ),
    "purchase_orders": Entity(
        ORDERS,
        "A_PurchaseOrder",
        ("PurchaseOrder",),
        ("to_PurchaseOrderItem/to_AccountAssignment", "to_PurchaseOrderItem/to_ScheduleLine"),
    ),
    "purchase_requisition_items": Entity(
        REQUISITIONS,
        "A_PurchaseRequisitionItem",
        ("PurchaseRequisition", "PurchaseRequisitionItem"),
        ("to_PurchaseReqnAcctAssgmt",),
    ),
    "supplier_invoices": Entity(
        INVOICES,
        "A_SupplierInvoice",
        ("SupplierInvoice", "FiscalYear"),
        (
            *("to_SuplrInvcItemPurOrdRef/to_SupplierInvoiceItmAcctAssgmt", "to_SupplierInvoiceItemGLAcct"),
            "to_SupplierInvoiceTax",
        ),
        stamp=_invoice_stamp,
    ),
    "cost_centers": Entity(
        COST_CENTERS, "A_CostCenter", ("ControllingArea", "CostCenter", "ValidityEndDate"), ("to_Text",)
    ),
}


def filters(
    name: str,
    settings: Settings,
    since: datetime | None,
    before: datetime | None,
    ids: Sequence[str],
    *,
    invoice_window: str = INVOICE_STAMP,
) -> list[str]:
    """One for each request."""
    if ids:
        return list(_by_ids(ENTITIES[name], ids))
    company = f"CompanyCode eq {quoted(settings.company_code)}"
    if name == "cost_centers":
        return [f"ControllingArea eq {quoted(settings.controlling_area)}"]
    if name == "suppliers":
        changed = [_days(each, since, before) for each in ("LastChangeDate", "CreationDate")] if since else []
        return [_all("Supplier ne ''", " or ".join(f"({each})" for each in changed))]
    if name != "supplier_invoices":
        return [_all(company, _between("LastChangeDateTime", since, before, moment_literal))]
    if invoice_window == INVOICE_STAMP:
        return [_all(company, _between(INVOICE_STAMP, since, before, _digits))]
    look_back = timedelta(days=settings.look_back_days)
    if invoice_window == "PostingDate":
        look_back = max(look_back, ENTERED_LATE)
    return [_all(company, _days(invoice_window, since and since - look_back, before))]


def _digits(at: datetime) -> str:
    return quoted(f"{at.astimezone(UTC):%Y%m%d%H%M%S}")


def _all(*conditions: str) -> str:
    return " and ".join(f"({each})" for each in conditions if each)


def _between(field: str, since: datetime | None, before: datetime | None, literal: Callable[[datetime], str]) -> str:
    return " and ".join(f"{field} {word} {literal(at)}" for word, at in (("ge", since), ("lt", before)) if at)


def _days(field: str, since: datetime | None, before: datetime | None) -> str:
    """Days are the system's calendar, whatever its zone: one more at each end."""
    since, before = since and since - DAY, before and before + DAY
    pairs = (("ge", since), ("le", before))
    return " and ".join(f"{field} {word} {date_literal(at.date())}" for word, at in pairs if at)


def _by_ids(entity: Entity, ids: Sequence[str]) -> Iterator[str]:
    """By the first member of the key; of invoices, whose numbers come again each year, within their year."""
    by_year: dict[str, list[str]] = defaultdict(list)
    for one in sorted(set(ids)):
        number, _, rest = one.partition("/")
        by_year[rest if entity.key[1:] == ("FiscalYear",) else ""].append(number)
    for year, numbers in by_year.items():
        for chunk in in_chunks(list(dict.fromkeys(numbers))):
            yield _all(any_of(entity.key[0], chunk), f"FiscalYear eq {quoted(year)}" if year else "")
