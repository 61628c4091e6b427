"""Figures as the asset pages say them."""

from decimal import Decimal

TITLES = {
    "gl_accounts": "General ledger accounts",
    "ap_bills": "AP bills",
    "services": "Pricebook services",
    "materials": "Pricebook materials",
    "equipment": "Pricebook equipment",
    "categories": "Pricebook categories",
}


def title(entity: str) -> str:
    return TITLES.get(entity) or entity.replace("_", " ").capitalize()


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
