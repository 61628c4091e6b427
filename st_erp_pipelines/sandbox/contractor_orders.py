"""What a contractor with S/4HANA orders: years of orders of two types, requisitions, and what cannot be an order in
ServiceTitan.

Orders of type NB are received by the field, and their invoices compared with its bills. Those of type ZREC are received
in ServiceTitan by their invoices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from st_erp_pipelines.sandbox.contractor_office import Office, Wire, rounded
from st_erp_pipelines.sandbox.contractor_suppliers import Suppliers
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.sandbox.sap_s4hana_contractor import COMPANY_CODE, CONTROLLING_AREA, GL_ACCOUNT, TAX_CODE

FIELD, BY_INVOICE, UNMAPPED_TYPE = "NB", "ZREC", "ZSRV"
PLANT, OTHER_PLANT, UNMAPPED_PLANT = "1710", "1711", "1712"
CENTERS = tuple(str(17_101_001 + at) for at in range(5))  # of the business units that are in use
EXPIRED_CENTER, UNMAPPED_CENTER = "17101006", "17101090"


@dataclass(frozen=True)
class Sku:
    """A material of S/4HANA that ServiceTitan's pricebook has."""

    number: str
    text: str
    cost: Decimal


@dataclass
class Orders:
    """`rows` and `requisitions` are seeds; `usable` are orders that nothing keeps from ServiceTitan."""

    office: Office
    prefix: str
    suppliers: Suppliers
    skus: Sequence[Sku]
    jobs: Sequence[Wire]
    unusable: str  # a material whose SKU is inactive
    rows: list[Wire] = field(default_factory=list)
    usable: list[Wire] = field(default_factory=list)
    requisitions: list[Wire] = field(default_factory=list)
    exceptions: list[PlantedException] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(4_500_000_001))
    requisition_numbers: Iterator[int] = field(default_factory=lambda: count(10_000_001))

    def buy(self, old: int, now: int) -> None:
        office = self.office
        for _ in range(old):
            self.order(office.day_between(office.oldest, office.start - timedelta(days=1)))
        for at in range(now):
            on = office.day_between(office.start, office.today)
            self.usable.append(self.order(on, kind=(FIELD, BY_INVOICE)[at % 2]))
        self._in_other_states()
        self._that_cannot_be()
        self._ask_for_some()

    def order(
        self, on: date, *, kind: str = FIELD, supplier: str = "", lines: Sequence[Wire] = (), **head: Any
    ) -> Wire:
        office = self.office
        parties = [*self.suppliers.linked, *self.suppliers.only_there]
        job = office.rng.choice(self.jobs)["jobNumber"] if office.chance(0.4) else ""
        row: Wire = {
            "PurchaseOrder": str(next(self.numbers)),
            "PurchaseOrderType": kind,
            "CompanyCode": COMPANY_CODE,
            "PurchasingOrganization": COMPANY_CODE,
            "PurchasingGroup": "001",
            "Supplier": supplier or office.rng.choice(parties).number,
            "PurchaseOrderDate": on,
            "CreationDate": on,
            "DocumentCurrency": "USD",
            "Language": "EN",
            "CorrespncInternalReference": job,
            "to_PurchaseOrderItem": list(lines) or self._lines(on),
        } | head
        for at, item in enumerate(row["to_PurchaseOrderItem"], 1):
            item.setdefault("PurchaseOrderItem", str(at * 10))
        self.rows.append(row)
        return row

    def _lines(self, on: date) -> list[Wire]:
        """All to one place: an order of ServiceTitan goes to one."""
        plant = PLANT if self.office.chance(0.8) else OTHER_PLANT
        return [self.line(on, Plant=plant) for _ in range(self.office.rng.randint(1, 3))]

    def line(self, on: date, **more: Any) -> Wire:
        """Of a material; some for a cost centre, the others for stock. Small things are priced by the hundred."""
        office = self.office
        sku = office.rng.choice(self.skus)
        by_hundred = sku.cost < 10 and office.chance(0.5)
        center = office.rng.choice(CENTERS) if office.chance(0.6) else ""
        return {
            "Material": sku.number,
            "PurchaseOrderItemText": sku.text,
            "Plant": PLANT,
            "OrderQuantity": Decimal(office.rng.randint(1, 24)),
            "NetPriceAmount": sku.cost * 100 if by_hundred else sku.cost,
            "NetPriceQuantity": Decimal(100) if by_hundred else Decimal(1),
            "TaxCode": TAX_CODE,
            "GoodsReceiptIsExpected": True,
            "InvoiceIsExpected": True,
            "to_ScheduleLine": [{"ScheduleLineDeliveryDate": on + timedelta(days=office.rng.randint(2, 9))}],
            **(assigned(center) if center else {}),
        } | more

    def plant(self, code: str, row: Wire, note: str, amount: Decimal | None = None) -> None:
        key = f"ST-{self.prefix}-PO-{row['PurchaseOrder']}"
        said = total_of(row) if amount is None else amount
        self.exceptions.append(PlantedException(f"blocked:{code}", key, said, note))

    def _day(self) -> date:
        return self.office.day_between(self.office.start, self.office.today - timedelta(days=2))

    def _in_other_states(self) -> None:
        """No exceptions: nothing is to be done about them, or not yet."""
        on = self._day()
        self.order(on, PurchasingProcessingStatus="03", ReleaseIsNotCompleted=True)
        self.order(on, PurchasingProcessingStatus="08")
        self.order(on, PurchasingDocumentDeletionCode="L")
        self.order(on, lines=[self.line(on, PurchasingDocumentDeletionCode="L")])
        some = [self.line(on), self.line(on, PurchasingDocumentDeletionCode="L")]
        self.usable.append(self.order(on, lines=some))
        old = self.office.start - timedelta(days=20)
        for _ in range(2):  # changed since go-live, and still from before it
            self.order(old, LastChangeDateTime=_noon(on))

    def _that_cannot_be(self) -> None:
        """One reason each."""
        on, mapped = self._day(), self.suppliers.linked[0].number
        unmapped = self.line(on, **assigned(UNMAPPED_CENTER))
        self.waiting = self.order(on, kind=BY_INVOICE, supplier=mapped, lines=[unmapped])
        self.plant("unmapped_cost_center", self.waiting, f"nobody mapped cost center {UNMAPPED_CENTER}")
        self.plant("unmapped_order_type", self.order(on, kind=UNMAPPED_TYPE), f"nobody mapped type {UNMAPPED_TYPE}")
        elsewhere = self.line(on, Plant=UNMAPPED_PLANT, **assigned(CENTERS[0]))
        self.plant("unmapped_plant", self.order(on, lines=[elsewhere]), f"nobody mapped plant {UNMAPPED_PLANT}")
        self.foreign = self.order(on, supplier=mapped, DocumentCurrency="EUR")
        self.plant("foreign_currency", self.foreign, "it is in EUR")
        boxes = self.line(
            on, PurchaseOrderQuantityUnit="EA", OrderPriceUnit="BX", OrdPriceUnitToOrderUnitDnmntr=Decimal(12)
        )
        boxes |= {"NetPriceQuantity": Decimal(1), "NetPriceAmount": Decimal("24.00"), "OrderQuantity": Decimal(12)}
        boxed = self.order(on, lines=[boxes])
        self.plant("price_unit", boxed, "ordered by the piece, priced by the box of twelve", Decimal("24.00"))
        unusable = self.order(on, lines=[self.line(on, Material=self.unusable, NetPriceQuantity=Decimal(1))])
        self.plant("unusable_sku", unusable, f"the SKU of {self.unusable} is inactive")
        blocked = self.order(on, PurchasingDocumentDeletionCode="S")
        self.plant("blocked_in_s4", blocked, "somebody blocked it")
        self.plant("return", self.order(on, lines=[self.line(on, IsReturnsItem=True)]), "goes back to the supplier")
        asked = self.suppliers.asked[0]
        self.plant(
            "waits_for_vendor", self.order(on, supplier=asked.number), f"whether {asked.name} is there, a person says"
        )

    def _ask_for_some(self) -> None:
        """Open requisitions, one of two suppliers, one that became an order, one in release, one without supplier."""
        linked = self.suppliers.linked
        for at in range(3):
            self.requisition(self._day(), [linked[at].number, linked[at].number])
        self.requisition(self._day(), [linked[3].number, linked[4].number])
        on = self._day()
        ordered = self.requisition(on, [linked[5].number], release="05")
        self.usable.append(self._order_of(ordered, on))
        self.requisition(on, [linked[6].number], release="03", ReleaseIsNotCompleted=True)
        nameless = self.requisition(on, [""])
        amount = sum(map(_requested, nameless["to_PurchaseReqnItem"]), Decimal())
        key = f"ST-{self.prefix}-PR-{nameless['PurchaseRequisition']}-10"
        self.exceptions.append(PlantedException("blocked:no_supplier", key, amount, "nobody chose a supplier"))

    def requisition(self, on: date, suppliers: Sequence[str], release: str = "02", **more: Any) -> Wire:
        number = str(next(self.requisition_numbers))
        items = []
        for at, supplier in enumerate(suppliers, 1):
            sku = self.office.rng.choice(self.skus)
            items.append({
                "PurchaseRequisitionItem": str(at * 10),
                "PurReqnReleaseStatus": release,
                "Material": sku.number,
                "PurchaseRequisitionItemText": sku.text,
                "RequestedQuantity": Decimal(self.office.rng.randint(1, 12)),
                "PurchaseRequisitionPrice": sku.cost,
                "PurReqnPriceQuantity": Decimal(1),
                "PurReqnItemCurrency": "USD",
                "Plant": PLANT,
                "CompanyCode": COMPANY_CODE,
                "PurchasingOrganization": COMPANY_CODE,
                "PurchasingGroup": "001",
                "DeliveryDate": on + timedelta(days=10),
                "CreationDate": on,
                "FixedSupplier": supplier,
                "RequisitionerName": "OFFICE",
            } | more)  # fmt: skip
        row = {"PurchaseRequisition": number, "PurchaseRequisitionType": "NB", "to_PurchaseReqnItem": items}
        self.requisitions.append(row)
        return row

    def _order_of(self, requisition: Wire, on: date) -> Wire:
        """As a buyer made of it."""
        (item,) = requisition["to_PurchaseReqnItem"]
        price = {"NetPriceAmount": item["PurchaseRequisitionPrice"], "NetPriceQuantity": Decimal(1)}
        line = self.line(on, Material=item["Material"], OrderQuantity=item["RequestedQuantity"], **price)
        line |= {"PurchaseRequisition": requisition["PurchaseRequisition"], "PurchaseRequisitionItem": "10"}
        order = self.order(on, supplier=item["FixedSupplier"], lines=[line])
        item |= {"PurchasingDocument": order["PurchaseOrder"], "PurchasingDocumentItem": "10", "ProcessingStatus": "B"}
        return order


def _noon(on: date) -> datetime:
    return datetime.combine(on, time(12), UTC)


def assigned(center: str) -> Wire:
    account = {"CostCenter": center, "ControllingArea": CONTROLLING_AREA, "GLAccount": GL_ACCOUNT}
    return {"AccountAssignmentCategory": "K", "to_AccountAssignment": [account]}


def amount_of(item: Wire, quantity: Decimal | None = None) -> Decimal:
    wanted = item["OrderQuantity"] if quantity is None else quantity
    return rounded(item["NetPriceAmount"] / item["NetPriceQuantity"] * wanted)


def total_of(order: Wire) -> Decimal:
    kept = [item for item in order["to_PurchaseOrderItem"] if item.get("PurchasingDocumentDeletionCode") != "L"]
    return sum(map(amount_of, kept), Decimal())


def _requested(item: Wire) -> Decimal:
    return rounded(item["PurchaseRequisitionPrice"] * item["RequestedQuantity"])
