"""The hand of a person, and of an administrator, in the sandbox's S/4HANA.

Each takes the JSON of its control: dates are ISO texts there, a key is a text or a list of texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from st_erp_pipelines.sandbox import sap_s4hana_invoices as invoices
from st_erp_pipelines.sandbox import sap_s4hana_orders as orders
from st_erp_pipelines.sandbox import sap_s4hana_partners as partners
from st_erp_pipelines.sandbox import sap_s4hana_refusals as refusals
from st_erp_pipelines.sandbox import sap_s4hana_requisitions as requisitions
from st_erp_pipelines.sandbox import sap_s4hana_seed as seeding
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_company import Company, Found, completed
from st_erp_pipelines.sandbox.sap_s4hana_entities import CHANGE_STAMP, SETS, TYPES
from st_erp_pipelines.sandbox.sap_s4hana_model import Property, accepted

STAMPED = {"LastChangeDateTime", "LastChangeDate", CHANGE_STAMP}
PROGRESS = {"IsCompletelyDelivered", "IsFinallyInvoiced"}  # whether it moves the order's stamp is not known
# What a supplier is blocked by: where that stands, and its member.
BLOCKS: dict[str, tuple[str, str]] = {
    "central": ("A_BusinessPartner", "BusinessPartnerIsBlocked"),
    "purchasing": ("A_Supplier", "PurchasingIsBlocked"),
    "posting": ("A_Supplier", "PostingIsBlocked"),
    "payment": ("A_Supplier", "PaymentIsBlockedForSupplier"),
    "deletion": ("A_Supplier", "DeletionIndicator"),
    "organization": ("A_SupplierPurchasingOrg", "PurchasingIsBlockedForSupplier"),
    "organization deletion": ("A_SupplierPurchasingOrg", "DeletionIndicator"),
    "company": ("A_SupplierCompany", "SupplierIsBlockedForPosting"),
    "company deletion": ("A_SupplierCompany", "DeletionIndicator"),
}


def add(company: Company, values: Row) -> Row:
    """{"set", "values"}: a whole record as in a seed, whatever the rules say; it was changed now, unless it says."""
    name = values["set"]
    row = seeding.plant(company, name, values["values"])
    items = values["values"].get("to_PurchaseReqnItem", [])
    if name != partners.PARTNERS and not STAMPED & {*values["values"], *(key for item in items for key in item)}:
        company.touch(name, Found(row, row))
    return row


def edit(company: Company, values: Row) -> Row:
    """{"set", "key", "changes", "stamp"?}: of a record or a part of one; what is below may be given as a whole, too.
    `stamp`: whether it moves the change stamp, where that is not as people have seen it."""
    name = values["set"]
    before = company.get(name, _key(name, values["key"]))
    found = company.working_copy(before)
    changes = accepted(TYPES, name, values["changes"], Property.planted, all_of_it=True)
    found.row.update(completed(name, found.row | changes))
    seeding.FILLED[SETS[name].root](company, found.root)
    if values.get("stamp", not changes.keys() <= PROGRESS):
        company.touch(name, found)
    root = SETS[name].root
    if TYPES[root].key_of(found.root) != TYPES[root].key_of(before.root):
        company.drop(root, before.root)
    company.put(root, found.root)
    return found.row


def remove(company: Company, values: Row) -> Row:
    """{"set", "key"}: a whole record, archived: nothing of it can be read any more."""
    found = company.get(values["set"], _key(values["set"], values["key"]))
    company.drop(values["set"], found.root)
    return found.root


def delete(company: Company, values: Row) -> Row:
    """{"order", "items"?}: some of its items, or all of it."""
    order = _copy(company, orders.ORDERS, values["order"])
    wanted = values.get("items")
    items = order["to_PurchaseOrderItem"]
    orders.delete([item for item in items if wanted is None or item["PurchaseOrderItem"] in wanted])
    company.touch(orders.ORDERS, Found(order, order))
    return company.put(orders.ORDERS, order)


def block(company: Company, values: Row) -> Row:
    """{"supplier", "by": one of BLOCKS, "off"?: true}: as people have seen it, only the central one moves a date."""
    partner = company.supplier(values["supplier"])
    if partner is None:
        raise refusals.not_found("A_SupplierType")
    name, member = BLOCKS[values["by"]]
    numbers = [TYPES["A_BusinessPartner"].key_of(partner)]
    if name != partners.PARTNERS:
        key_of = TYPES[name].key_of
        numbers = [key_of(found.row) for found in company.walk(name) if found.row["Supplier"] == values["supplier"]]
    for number in numbers:
        edit(company, {"set": name, "key": list(number), "changes": {member: not values.get("off", False)}})
    return company.get(partners.PARTNERS, TYPES["A_BusinessPartner"].key_of(partner)).row


def reverse(company: Company, values: Row) -> Row:
    """{"invoice", "year"}: answers with the reversal."""
    return invoices.reverse(company, _copy(company, invoices.INVOICES, [values["invoice"], values["year"]]))


def order(company: Company, values: Row) -> Row:
    """{"requisition", "items"?, "head"?, "item"?}: a buyer makes an order of it, or of some of its items; `head` and
    `item` are what is other than in the requisition."""
    requisition = _copy(company, requisitions.REQUISITIONS, values["requisition"])
    wanted = values.get("items")
    items = [
        item
        for item in requisition["to_PurchaseReqnItem"]
        if not item["PurchasingDocument"] and (wanted is None or item["PurchaseRequisitionItem"] in wanted)
    ]
    head = accepted(TYPES, orders.ORDERS, values.get("head", {}), Property.planted, all_of_it=True)
    line = accepted(TYPES, "A_PurchaseOrderItem", values.get("item", {}), Property.planted, all_of_it=True)
    return requisitions.order_of(company, requisition, items, head, line)


HANDS: dict[str, Callable[[Company, Row], Row]] = {
    found.__name__: found for found in (add, edit, remove, delete, block, reverse, order)
}


def _copy(company: Company, set_name: str, key: Any) -> Row:
    return company.working_copy(company.get(set_name, _key(set_name, key))).root


def _key(set_name: str, key: Any) -> tuple[Any, ...]:
    known = TYPES[set_name]
    parts = key if isinstance(key, (list, tuple)) else [key]
    row = {name: known.properties[name].planted(part) for name, part in zip(known.key, parts, strict=True)}
    return known.key_of(row)


def configure(company: Company, values: Row) -> None:
    """Any of the SETTINGS of a seed."""
    company.setup |= {name: value for name, value in values.items() if name in seeding.SETTINGS}


def state(company: Company) -> Row:
    """All records as held, by the set of what is whole."""
    return {name: list(records.values()) for name, records in company.records.items()} | {"setup": company.setup}
