"""Bank deposits: the payments of one day and kind, brought to the bank together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox.contractor_bills import BANK, FEES, account_of
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, number, rounded, wire_date

CARD_FEE = Decimal("0.029")
BANKED = ("Credit Card", "Check", "Cash", "ACH")


def bank_deposits(office: Office, payments: Sequence[Wire]) -> list[Wire]:
    """Sets `deposit` of each payment that is in one; the payments of the last two days are in none yet."""
    groups: dict[tuple[date, str], list[Wire]] = {}
    for paid in payments:
        on = wire_date(paid["date"])
        if paid["type"] in BANKED and paid["syncStatus"] != "Pending" and on < office.today - timedelta(days=1):
            groups.setdefault((on, paid["type"]), []).append(paid)
    return [_deposit(office, on, kind, groups[on, kind]) for on, kind in sorted(groups)]


def _deposit(office: Office, paid_on: date, kind: str, own: Sequence[Wire]) -> Wire:
    on = paid_on + timedelta(days=1)
    gross = sum((Decimal(paid["total"]) for paid in own), Decimal())
    fees = rounded(gross * CARD_FEE) if kind == "Credit Card" else None
    deposit_id = office.next_id("deposit")
    name = f"{kind} {paid_on}"
    for paid in own:
        paid["deposit"] = {"id": deposit_id, "name": name}
    made = office.stamp(on, 8, 12)
    reviewed = office.stamp(on, 12, 16) if office.chance(0.8) else None
    return {
        "id": deposit_id,
        "name": name,
        "depositStatus": "Deposited" if reviewed else "Open",
        "syncStatus": "Exported" if on < office.start else "Posted" if reviewed else "Pending",
        "batch": None,
        "createdOn": made,
        "createdBy": office.rng.choice([None, "office"]),
        "modifiedOn": reviewed or made,
        "active": True,
        "importId": None,
        "depositDate": midnight(on),
        "reviewStatus": "Reviewed" if reviewed else "NeedsReview",
        "reviewedOn": reviewed,
        "grossAmount": number(gross),
        "netAmount": number(gross - (fees or 0)),
        "fees": None if fees is None else number(fees),
        "bankAccount": account_of(BANK),
        "feeAccount": account_of(FEES) if fees is not None else None,
    }
