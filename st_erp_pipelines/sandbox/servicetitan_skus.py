"""Every member of a price book record, as a new one has it: the full objects of the OpenAPI document."""

from __future__ import annotations

from typing import Any

_PRICES: dict[str, Any] = {
    "price": 0.0,
    "memberPrice": 0.0,
    "addOnPrice": 0.0,
    "addOnMemberPrice": 0.0,
    "bonus": 0.0,
    "commissionBonus": 0.0,
    "paysCommission": False,
    "hours": 0.0,
    "cost": 0.0,
}
_COMMON: dict[str, Any] = {
    "id": 0,
    "code": "",
    "displayName": None,
    "description": "",
    "active": True,
    **_PRICES,
    "account": None,
    "taxable": False,
    "categories": [],
    "assets": [],
    "modifiedOn": "",
    "createdOn": "",
    "source": None,
    "externalId": None,
    "externalData": None,
    "defaultAssetUrl": None,
    "budgetCostCode": None,
    "budgetCostType": None,
    "isPriceLocked": None,
}
_BOUGHT: dict[str, Any] = {
    "unitOfMeasure": None,
    "isInventory": False,
    "costOfSaleAccount": None,
    "assetAccount": None,
    "primaryVendor": None,
    "otherVendors": None,
    "displayInAmount": False,
    "generalLedgerAccountId": None,
    "isCostLocked": None,
}
MATERIAL: dict[str, Any] = {
    **_COMMON,
    **_BOUGHT,
    "deductAsJobCost": False,
    "isConfigurableMaterial": False,
    "chargeableByDefault": True,
    "variationsOrConfigurableMaterials": None,
    "businessUnitId": None,
    "createdById": 0,
    "isOtherDirectCost": False,
    "costTypeId": None,
    "isChemical": None,
    "epaNumber": None,
    "activeIngredients": None,
}
SERVICE: dict[str, Any] = {
    **_COMMON,
    "warranty": None,
    "isLabor": None,
    "recommendations": [],
    "upgrades": [],
    "serviceMaterials": [],
    "serviceEquipment": [],
    "crossSaleGroup": None,
    "businessUnitId": None,
    "soldByCommission": 0.0,
    "calculatedPrice": None,
    "useStaticPrices": None,
}
# What only the answer to GET has.
ONLY_READ = ("calculatedPrice", "useStaticPrices")
EQUIPMENT: dict[str, Any] = {
    **_COMMON,
    **_BOUGHT,
    "manufacturer": None,
    "model": None,
    "manufacturerWarranty": {"duration": 0, "description": None},
    "serviceProviderWarranty": {"duration": 0, "description": None},
    "recommendations": [],
    "upgrades": [],
    "equipmentMaterials": [],
    "crossSaleGroup": None,
    "isConfigurableEquipment": False,
    "variationsOrConfigurableEquipment": None,
    "typeId": None,
    "dimensions": None,
}
